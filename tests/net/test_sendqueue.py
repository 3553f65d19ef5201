"""Test the queue of what is sent to a client, and the thread that sends what waits."""

import errno
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.sending import Sending
from tests.support.servers import TRANSPORTS
from tests.support.waiting import Section, enter_one_by_one, wait_until
from threadchat.net.disconnect import Reason, reason_of
from threadchat.net.peers import PeerState
from threadchat.net.sendqueue import LATE_SECONDS, MAX_QUEUED, Flusher, SendQueue
from threadchat.net.transport import PlainTransport, PortableTransport
from threadchat.testing import DEADLINE

BOUND = 200_000


def fail_test(doing: str, error: Exception) -> None:
    raise AssertionError(f"{doing}: {error!r}")


class Connection(Sending):
    """An send_queue and the socket at which its client would read."""

    def __init__(self, kind: type[PlainTransport], flusher: Flusher) -> None:
        ours, self.client = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.client.settimeout(DEADLINE)
        self.transport = kind(ours)
        self.send_queue = SendQueue(self.transport, flusher, bound=BOUND)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.client.recv(size - len(data))
            assert more
            data += more
        return data


@pytest.fixture
def flusher() -> Iterator[Flusher]:
    flusher = Flusher(fail_test)
    flusher.start()
    yield flusher
    flusher.stop(DEADLINE)


@pytest.fixture(params=TRANSPORTS)
def connection(request: pytest.FixtureRequest, flusher: Flusher) -> Iterator[Connection]:
    connection = Connection(request.param, flusher)
    yield connection
    connection.send_queue.close()
    connection.client.close()


def test_what_is_sent_arrives(connection: Connection) -> None:
    connection.send_queue.send(b"one ")
    connection.send_queue.send(b"two")
    assert connection.read(7) == b"one two"
    assert connection.send_queue.bytes_sent == 7


def test_what_the_client_does_not_take_is_sent_when_it_does(connection: Connection) -> None:
    # Promise 3.
    sent = connection.fill() + b"the end"
    connection.send_queue.send(b"the end")
    assert connection.read(len(sent)) == sent
    assert connection.send_queue.drain(DEADLINE)
    assert connection.send_queue.bytes_sent == len(sent)


def test_the_position_counts_what_is_sent_and_what_waits(connection: Connection) -> None:
    sent = connection.fill()
    assert connection.send_queue.bytes_sent < connection.send_queue.position == len(sent)
    connection.transport.unacknowledged = lambda: 10  # type: ignore[method-assign]
    assert connection.send_queue.bytes_acknowledged == connection.send_queue.bytes_sent - 10
    connection.transport.unacknowledged = lambda: None  # type: ignore[method-assign]
    assert connection.send_queue.bytes_acknowledged is None


def test_a_full_queue_ends_the_client(connection: Connection) -> None:
    connection.fill()
    chunks = 0
    while connection.send_queue.reason is None:
        connection.send_queue.send(b"x" * 1000)
        chunks += 1
        assert chunks < 2 * BOUND / 1000
    assert connection.send_queue.reason is Reason.TOO_SLOW
    assert connection.transport.receive(10) == b""


def test_one_batch_larger_than_the_bound_ends_nobody(connection: Connection) -> None:
    batch = b"x" * (2 * BOUND)
    connection.send_queue.send(batch)
    assert connection.read(len(batch)) == batch
    assert connection.send_queue.reason is None


def test_draining_an_empty_queue_returns_at_once(connection: Connection) -> None:
    assert connection.send_queue.drain(0)


def test_draining_a_stuck_client_gives_up(connection: Connection) -> None:
    connection.fill()
    assert not connection.send_queue.drain(0.01)


def test_a_client_that_reads_catches_up(connection: Connection) -> None:
    assert connection.send_queue.catch_up(DEADLINE)
    sent = connection.fill()
    assert connection.send_queue.catch_up(0)  # it has not, but it is not ended
    with ThreadPoolExecutor() as pool:
        caught_up = pool.submit(connection.send_queue.catch_up, DEADLINE)
        assert connection.read(len(sent)) == sent
        assert caught_up.result(DEADLINE)
    assert not connection.send_queue.is_behind


def test_how_much_may_be_queued_is_what_people_are_told() -> None:
    assert MAX_QUEUED == 256 * 1024


def test_an_ended_client_is_not_waited_for(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.fill()
    connection.send_queue.abandon(Reason.QUIT)
    monkeypatch.setattr(SendQueue, "drain", lambda *_: pytest.fail("it is waited for"))
    assert not connection.send_queue.catch_up(1.0)


def test_a_client_that_is_ended_does_not_catch_up(connection: Connection) -> None:
    connection.fill()
    connection.send_queue.end(Reason.SERVER_STOPPING)
    assert not connection.send_queue.catch_up(DEADLINE)


def test_after_the_end_what_is_queued_goes_out_and_nothing_more(connection: Connection) -> None:
    sent = connection.fill()
    connection.send_queue.end(Reason.SERVER_STOPPING)
    connection.send_queue.send(b"too late")
    assert connection.read(len(sent)) == sent
    assert connection.send_queue.drain(DEADLINE)
    connection.send_queue.close()
    assert connection.client.recv(100) == b""


def test_an_end_wakes_the_clients_thread(connection: Connection) -> None:
    connection.send_queue.end(Reason.SERVER_STOPPING)
    assert connection.transport.receive(10) == b""


def test_the_first_reason_stays(connection: Connection) -> None:
    connection.send_queue.end(Reason.TIMED_OUT)
    connection.send_queue.end(Reason.SERVER_STOPPING)
    connection.send_queue.abandon(Reason.CLOSED)
    assert connection.send_queue.reason is Reason.TIMED_OUT


def test_abandoning_frees_who_waits_for_it_to_drain(connection: Connection) -> None:
    connection.fill()
    connection.send_queue.abandon(Reason.SERVER_STOPPING)
    assert connection.send_queue.drain(0)


def test_a_client_that_is_gone_is_found_when_sending(connection: Connection) -> None:
    connection.client.close()

    def is_found_gone() -> bool:
        connection.send_queue.send(b"hello")
        return connection.send_queue.reason is not None

    if sys.platform == "win32":  # there, over TCP, only an answer to what was sent tells it
        wait_until(is_found_gone, "a send has found it gone")
    else:
        assert is_found_gone()
    assert connection.send_queue.reason is Reason.RESET


def test_a_client_that_goes_while_its_queue_waits_is_found(connection: Connection) -> None:
    connection.fill()
    connection.client.close()
    wait_until(lambda: connection.send_queue.reason is not None, "the flusher has found out")
    assert connection.send_queue.reason is Reason.RESET
    assert connection.send_queue.drain(0)


def test_closing_with_a_queue_leaves_the_flusher_ready_for_others(
    flusher: Flusher, connection: Connection
) -> None:
    connection.fill()
    connection.send_queue.close()
    # The next connection is likely to get the same descriptor.
    other = Connection(type(connection.transport), flusher)
    sent = other.fill()
    assert other.read(len(sent)) == sent
    other.send_queue.close()
    other.client.close()


def test_closing_after_the_flusher_has_stopped_does_not_hang() -> None:
    flusher = Flusher(fail_test)
    flusher.start()
    connection = Connection(PortableTransport, flusher)
    connection.fill()
    flusher.stop(DEADLINE)
    connection.send_queue.close()
    assert connection.client.recv(10) == b"x" * 10
    connection.client.close()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionResetError(errno.ECONNRESET, ""), Reason.RESET),
        (BrokenPipeError(errno.EPIPE, ""), Reason.RESET),
        (TimeoutError(errno.ETIMEDOUT, ""), Reason.TIMED_OUT),
        (OSError(errno.EHOSTUNREACH, ""), Reason.TIMED_OUT),
    ],
)
def test_an_error_has_its_reason(error: OSError, reason: Reason) -> None:
    assert reason_of(error) is reason


def test_an_error_over_one_client_leaves_the_flusher_at_work() -> None:
    # Promise 8.
    reports: list[str] = []
    flusher = Flusher(lambda doing, error: reports.append(f"{doing}: {error}"))
    flusher.start()
    bad, good = Connection(PortableTransport, flusher), Connection(PortableTransport, flusher)

    def fail() -> int:
        raise RuntimeError("odd")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bad.transport, "fileno", fail)
        bad.fill()
        wait_until(lambda: bool(reports), "the error is reported")
    sent = good.fill()
    assert good.read(len(sent)) == sent
    assert reports == ["sending to a slow client: odd"]
    assert bad.send_queue.reason is Reason.SERVER_ERROR
    for connection in (bad, good):
        connection.send_queue.close()
        connection.client.close()
    flusher.stop(DEADLINE)


def test_a_line_being_typed_is_framed(connection: Connection) -> None:
    # Promise 6.
    connection.send_queue.update(b"prompt", (b"<", b">"))
    connection.send_queue.send(b"message")
    assert connection.read(15) == b"prompt<message>"
    connection.send_queue.update(b"", None)
    connection.send_queue.send(b"plain")
    assert connection.read(5) == b"plain"


def test_last_words_take_the_line_being_typed_away(connection: Connection) -> None:
    connection.send_queue.update(b"prompt", (b"<", b">"))
    connection.send_queue.end(Reason.SERVER_STOPPING, b"goodbye")
    assert connection.read(14) == b"prompt<goodbye"


def test_without_a_thread_to_be_had_the_flusher_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot_start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    flusher = Flusher(fail_test)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        with pytest.raises(RuntimeError, match="cannot start a thread"):
            flusher.start()
    flusher.stop(DEADLINE)


class TestLookingAtThePeer:
    def test_the_transport_is_asked_until_the_end(
        self, flusher: Flusher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ours, client = socket.socketpair()
        with client:
            transport = TRANSPORTS[0](ours)
            monkeypatch.setattr(transport, "look_at_peer", lambda: PeerState(False, 0, 1.0))
            send_queue = SendQueue(transport, flusher)
            assert send_queue.look_at_peer() == PeerState(False, 0, 1.0)
            # From then on the transport may be closed at any moment.
            send_queue.end(Reason.KICKED)
            assert send_queue.look_at_peer() is None
            send_queue.close()


def test_the_peer_is_not_looked_at_while_another_thread_uses_the_connection(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = Section()
    monkeypatch.setattr(connection.send_queue, "_lock", section)
    monkeypatch.setattr(type(connection.transport), "look_at_peer", section.visit)
    enter_one_by_one(section, [connection.send_queue.look_at_peer] * 2)


def test_nor_is_asked_what_it_has_acknowledged(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    section, queue = Section(), connection.send_queue

    def count(_: object) -> int:
        section.visit()
        return 0

    monkeypatch.setattr(queue, "_lock", section)
    monkeypatch.setattr(type(connection.transport), "unacknowledged", count)
    enter_one_by_one(section, [lambda: queue.bytes_acknowledged] * 2)


class Stepping:
    """A transport that takes `room` bytes at once, and a flusher that does nothing by itself."""

    def __init__(self) -> None:
        self.room = 0
        self.taken = b""
        self.error: OSError | None = None
        self.pending = False
        self.calls: list[str] = []

    def send(self, data: bytes) -> int:
        if self.error is not None:
            raise self.error
        if not self.room:
            raise BlockingIOError
        part = bytes(data[: self.room])
        self.taken += part
        self.room -= len(part)
        return len(part)

    def wake(self) -> None:
        self.calls.append("wake")

    def close(self) -> None:
        self.calls.append("close")

    def fileno(self) -> int:
        return 7

    def watch(self, send_queue: SendQueue) -> None:
        self.calls.append("watch")

    def forget(self, send_queue: SendQueue) -> None:
        self.calls.append("forget")

    def register(self, fileno: int, events: int, data: SendQueue) -> None:
        self.calls.append(f"register {fileno}")

    def unregister(self, fileno: int) -> None:
        self.calls.append(f"unregister {fileno}")


class TestStepByStep:
    """What a queue does at each step, with a client that takes just so much."""

    @pytest.fixture
    def wire(self) -> Stepping:
        return Stepping()

    @pytest.fixture
    def send_queue(self, wire: Any) -> SendQueue:
        return SendQueue(wire, wire, bound=10)

    def test_what_is_not_taken_is_watched_for_once(self, wire: Any, send_queue: SendQueue) -> None:
        wire.room = 3
        send_queue.send(b"one ")
        send_queue.send(b"two")
        assert (wire.taken, wire.calls) == (b"one", ["watch"])
        assert (send_queue.bytes_sent, send_queue.bytes_queued, send_queue.position) == (3, 4, 7)
        send_queue.register(wire)
        wire.room = 2
        send_queue.flush(wire)
        assert (wire.taken, wire.calls[1:]) == (b"one t", ["register 7"])
        wire.room = 9
        send_queue.flush(wire)
        assert (wire.taken, wire.calls[2:]) == (b"one two", ["unregister 7"])
        assert (send_queue.is_behind, send_queue.bytes_sent) == (False, 7)
        wire.room = 0
        send_queue.send(b"more")
        assert wire.calls[3:] == ["watch"]

    def test_a_queue_that_is_empty_again_is_not_registered(
        self, wire: Any, send_queue: SendQueue
    ) -> None:
        send_queue.send(b"one")
        send_queue.abandon(Reason.KICKED)
        send_queue.register(wire)
        send_queue.close()
        assert wire.calls == ["watch", "wake", "close"]

    def test_one_that_is_watched_is_forgotten_before_it_is_closed(
        self, wire: Any, send_queue: SendQueue
    ) -> None:
        send_queue.send(b"one")
        send_queue.register(wire)
        send_queue.close()
        assert wire.calls == ["watch", "register 7", "wake", "forget", "close"]
        assert send_queue.reason == Reason.CLOSED

    def test_what_it_may_hold_and_not_more(self, wire: Any, send_queue: SendQueue) -> None:
        send_queue.send(b"x" * 9)
        send_queue.send(b"y")
        assert (send_queue.reason, send_queue.bytes_queued) == (None, 10)
        send_queue.send(b"z")
        assert (send_queue.reason, send_queue.bytes_queued) == (Reason.TOO_SLOW, 0)
        assert wire.calls == ["watch", "wake"]
        send_queue.send(b"nothing more")
        assert send_queue.bytes_queued == 0

    def test_without_memory_for_it_the_client_is_ended(
        self, wire: Any, send_queue: SendQueue
    ) -> None:
        class Full(bytearray):
            def __iadd__(self, data: object) -> "Full":
                raise MemoryError

        send_queue.send(b"one")
        send_queue._queue = Full()
        send_queue.send(b"two")
        assert (send_queue.reason, send_queue.bytes_queued) == (Reason.NO_MEMORY, 0)
        assert wire.calls == ["watch", "wake"]

    def test_a_connection_that_breaks_is_found_and_not_woken(
        self, wire: Any, send_queue: SendQueue
    ) -> None:
        send_queue.send(b"one")
        wire.error = ConnectionResetError()
        send_queue.register(wire)
        send_queue.flush(wire)
        assert send_queue.reason == Reason.RESET
        assert wire.calls == ["watch", "register 7", "unregister 7"]
        assert send_queue.drain(0.0)

    def test_who_waits_for_it_to_drain_goes_on_when_all_is_taken(
        self, wire: Any, send_queue: SendQueue
    ) -> None:
        send_queue.send(b"one two")
        send_queue.register(wire)
        with ThreadPoolExecutor() as pool:
            drained = pool.submit(send_queue.drain, DEADLINE)
            wait_until(lambda: send_queue._emptied is not None, "somebody waits")
            for _ in range(2):
                assert not drained.done()
                wire.room = 4
                send_queue.flush(wire)
            assert drained.result(DEADLINE)

    def test_what_tls_holds_back_waits(self, wire: Any, send_queue: SendQueue) -> None:
        wire.room, wire.pending = 9, True
        send_queue.send(b"one")
        assert (send_queue.is_behind, send_queue.bytes_queued) == (True, 0)
        send_queue.register(wire)
        send_queue.flush(wire)
        assert send_queue.is_behind
        wire.pending = False
        send_queue.flush(wire)
        assert not send_queue.is_behind

    def test_the_line_being_typed_stands_behind_all_that_is_sent(
        self, wire: Any, send_queue: SendQueue
    ) -> None:
        wire.room = 99
        send_queue.update(b"> typed", (b"<", b"> typed"))
        send_queue.update(b"", (b"<", b"> type"))
        send_queue.send(b"hi\n")
        send_queue.end(Reason.QUIT, b"bye\n")
        send_queue.end(Reason.KICKED, b"out\n")
        send_queue.update(b"nothing more", None)
        assert wire.taken == b"> typed<hi\n> type<bye\n"
        assert (send_queue.reason, wire.calls) == (Reason.QUIT, ["wake"])

    def test_last_words_may_find_the_connection_broken(
        self, wire: Any, send_queue: SendQueue
    ) -> None:
        wire.error = TimeoutError()
        send_queue.end(Reason.KICKED, b"Out.")
        assert (send_queue.reason, wire.calls) == (Reason.TIMED_OUT, [])

    def test_one_that_is_given_up_is_woken_as_nothing_else_wakes_it(
        self, wire: Any, send_queue: SendQueue
    ) -> None:
        send_queue.abandon(Reason.TIMED_OUT)
        assert send_queue.reason == Reason.TIMED_OUT
        assert "wake" in wire.calls


def test_the_flusher_does_later_what_it_is_asked_to(
    flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_at, calls = time.monotonic(), [threading.Event(), threading.Event()]
    for called in calls:
        flusher.call_later(called.set)
    for called in calls:
        assert called.wait(DEADLINE)
    assert time.monotonic() >= began_at + LATE_SECONDS
    again = threading.Event()
    flusher.call_later(lambda: flusher.call_later(again.set))
    assert again.wait(DEADLINE)


def test_an_error_in_what_was_left_for_later_is_reported() -> None:
    # Promise 8.
    reports: list[str] = []
    flusher = Flusher(lambda doing, error: reports.append(f"{doing}: {error}"))

    def fail() -> None:
        raise RuntimeError("odd")

    called = threading.Event()
    for act in (fail, called.set):  # before it has been started
        flusher.call_later(act)
    flusher.start()
    assert called.wait(DEADLINE)
    assert reports == ["sending what waited: odd"]
    flusher.stop(DEADLINE)


def test_without_memory_the_flusher_pauses_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[str] = []
    events: list[str] = []
    flusher = Flusher(lambda doing, error: failures.append(doing))

    def go_round() -> None:
        events.append("round")
        if len(events) > 3:
            flusher._stopping = True
            return
        raise MemoryError

    monkeypatch.setattr(flusher, "_go_round", go_round)
    monkeypatch.setattr(time, "sleep", lambda seconds: events.append("pause"))
    flusher._serve()
    flusher._close()
    assert events == ["round", "pause", "round", "pause", "round"]
    assert failures == ["sending to slow clients"] * 2
