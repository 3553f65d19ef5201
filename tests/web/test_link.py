"""One WebSocket of a page: what comes in on it, what is sent, and why it ends."""

import struct
from collections.abc import Callable
from typing import Any, cast

import pytest

from tests.support.clock import Clock
from tests.support.waiting import Section, enter_one_by_one
from tests.web.test_websocket import code_of, masked
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import Flusher, SendQueue
from threadchat.net.transport import Transport
from threadchat.web.framing import MAX_GATHERED, Framer, Gathered
from threadchat.web.link import Link
from threadchat.web.websocket import MAX_EVENTS, PING, close_frame, text_frame


class Wire:
    """A transport, a send queue and a flusher: what arrives, in this order, and what is sent."""

    def __init__(self) -> None:
        self.arriving: list[bytes | OSError] = []
        self.sent: list[bytes] = []
        self.reason: str | None = None
        self.late: list[Callable[[], None]] = []
        """What the flusher is to do later."""

    def call_later(self, act: Callable[[], None]) -> None:
        self.late.append(act)

    def pass_time(self) -> None:
        """Let the flusher do what it was asked to."""
        late, self.late = self.late, []
        for act in late:
            act()

    def receive(self, size: int) -> bytes:
        piece = self.arriving.pop(0) if self.arriving else b""
        if isinstance(piece, OSError):
            raise piece
        return piece

    receive_now = receive

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def end(self, reason: str, data: bytes) -> None:
        self.reason = self.reason or reason
        self.sent.append(data)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def link_on(wire: Any, first: bytes = b"", framer: Framer | None = None) -> Link:
    transport, send_queue = cast(Transport, wire), cast(SendQueue, wire)
    flusher, framer = cast(Flusher, wire), framer or Framer()
    return Link(transport, send_queue, flusher, framer, first, 5.0, address="a", reached="b")


def test_what_came_behind_the_request_comes_first(wire: Wire) -> None:
    wire.arriving = [masked(1, b"two"), masked(1, b"three")]
    link = link_on(wire, masked(1, b"one"))
    assert link.receive(lambda: 6.0) == ["one"]
    assert link.receive_now(7.0) == ["two"]
    assert link.receive(lambda: 8.0) == ["three"]
    assert link.bytes_received == len(masked(1, b"one") + masked(1, b"two") + masked(1, b"three"))
    assert link.heard_at == 8.0


def test_the_frames_of_nothing_are_told_once(wire: Wire) -> None:
    wire.arriving = [masked(9, b"?") * 7 + masked(1, b"hi"), masked(1, b"ho"), masked(9, b"")]
    link = link_on(wire)
    assert link.take_frames() == 0
    assert link.receive(lambda: 6.0) == ["hi"]
    assert link.take_frames() == 7
    assert link.receive(lambda: 6.0) == ["ho"]
    assert link.take_frames() == 0
    assert link.receive_now(7.0) == []
    assert link.take_frames() == 1


def test_what_waits_is_taken_in_before_more_is_received(wire: Wire) -> None:
    wire.arriving = [masked(9, b"?") * (2 * MAX_EVENTS + 1) + masked(1, b"one"), masked(1, b"two")]
    link = link_on(wire)
    assert link.receive(lambda: 6.0) == []
    assert link.receive_now(7.0) == []
    assert len(wire.arriving) == 1
    assert link.receive(lambda: 8.0) == ["one"]
    assert link.receive(lambda: 8.0) == ["two"]


def test_a_message_is_heard_when_it_comes_and_not_when_it_is_waited_for() -> None:
    clock = Clock(10.0)

    class Slow(Wire):
        def receive(self, size: int) -> bytes:
            clock.now += 30.0
            return super().receive(size)

    wire = Slow()
    wire.arriving = [masked(1, b"one")]
    link = link_on(wire)
    assert link.receive(clock) == ["one"]
    assert link.heard_at == 40.0


def test_it_is_over_when_the_other_side_closes(wire: Wire) -> None:
    link = link_on(wire)
    assert link.receive_now(6.0) == []
    assert link.receive(lambda: 6.0) is None
    assert (link.why, link.is_final, link.heard_at) == (Reason.CLOSED, False, 5.0)


def test_it_is_over_when_it_breaks(wire: Wire) -> None:
    wire.arriving = [ConnectionResetError(), ConnectionResetError()]
    link = link_on(wire)
    assert link.receive_now(6.0) == []  # the next `receive` says why
    assert link.receive(lambda: 6.0) is None
    assert (link.why, link.is_final) == (Reason.RESET, False)


@pytest.mark.parametrize(
    ("reason", "counts"), [(Reason.KICKED, False), (Reason.RESET, True), (Reason.TIMED_OUT, True)]
)
def test_what_came_before_a_send_found_it_broken_counts(
    wire: Wire, reason: str, counts: bool
) -> None:
    wire.reason = reason
    wire.arriving = [masked(1, b"last words")]
    link = link_on(wire)
    assert link.receive(lambda: 6.0) == (["last words"] if counts else None)
    assert link.receive(lambda: 6.0) is None
    assert link.why == reason


def test_pings_are_answered(wire: Wire) -> None:
    wire.arriving = [masked(9, b"?"), masked(1, b"hi")]
    link = link_on(wire)
    assert link.receive(lambda: 6.0) == []
    assert wire.sent == [b"\x8a\x01?"]
    assert link.receive(lambda: 6.0) == ["hi"]
    assert len(wire.sent) == 1


@pytest.mark.parametrize(("code", "is_final"), [(1000, True), (1001, False)])
def test_a_close_is_for_good_only_with_its_code(wire: Wire, code: int, is_final: bool) -> None:
    wire.arriving = [masked(1, b"bye") + masked(8, struct.pack(">H", code)), b""]
    link = link_on(wire)
    assert link.receive(lambda: 6.0) == ["bye"]
    assert link.is_final is is_final
    assert code_of(wire.sent[-1]) == code
    assert link.receive(lambda: 6.0) is None
    assert link.why == Reason.CLOSED


def test_what_breaks_the_rules_is_over_for_good(wire: Wire) -> None:
    wire.arriving = [b"\x81\x02hi"]
    link = link_on(wire)
    assert link.receive(lambda: 6.0) is None
    assert link.is_final
    assert link.why == wire.reason == "broke the protocol: WebSocket, code 1002"
    wire.reason = Reason.KICKED
    assert link.receive(lambda: 6.0) is None
    assert link.why == "broke the protocol: WebSocket, code 1002"


def test_what_is_sent_is_framed(wire: Wire) -> None:
    link = link_on(wire)
    link.send(b"hi")
    link.ping(9.0)
    link.close(Reason.KICKED, 1000, b"Out.")
    link.close(Reason.KICKED, 1000)
    last = close_frame(1000)
    assert wire.sent == [text_frame(b"hi"), PING, text_frame(b"Out.") + last, last]
    assert link.sent_at == 9.0


# What a busy room shows


def test_what_is_gathered_goes_in_one_frame_before_what_is_sent(wire: Wire) -> None:
    link = link_on(wire)
    link.gather(b"one\n")
    link.gather(b"two\n")
    assert wire.sent == []
    link.send(b"three\n")
    assert wire.sent == [text_frame(b"one\ntwo\n"), text_frame(b"three\n")]
    link.send(b"four\n")
    assert wire.sent[2:] == [text_frame(b"four\n")]


def test_what_ends_the_gathering_goes_in_the_same_frame(wire: Wire) -> None:
    link = link_on(wire)
    link.gather(b"one\n")
    link.send_gathered(b"two\n")
    assert wire.sent == [text_frame(b"one\ntwo\n")]
    link.gather(b"")
    link.send_gathered()
    assert len(wire.sent) == 1


def test_what_is_gathered_comes_before_the_end(wire: Wire) -> None:
    link = link_on(wire)
    link.gather(b"one\n")
    link.close(Reason.KICKED, 1000, b"bye\n")
    assert wire.sent == [text_frame(b"one\n"), text_frame(b"bye\n") + close_frame(1000)]


def test_no_more_is_gathered_than_may_be(wire: Wire) -> None:
    link, line = link_on(wire), b"x" * (MAX_GATHERED // 4)
    for _ in range(4):
        link.gather(line)
    assert wire.sent == []
    link.gather(line)
    assert wire.sent == [text_frame(4 * line)]
    for _ in range(3):  # and so again
        link.gather(line)
    assert len(wire.sent) == 1


def test_the_flusher_sends_what_nothing_follows(wire: Wire) -> None:
    link = link_on(wire)
    link.gather(b"one\n")
    link.gather(b"two\n")
    wire.pass_time()
    assert wire.sent == [text_frame(b"one\ntwo\n")]
    assert wire.late == []
    link.gather(b"three\n")
    wire.pass_time()
    assert wire.sent[1:] == [text_frame(b"three\n")]


def test_the_flusher_leaves_what_has_come_since(wire: Wire) -> None:
    link = link_on(wire)
    link.gather(b"one\n")
    link.send_gathered(b"two\n")
    link.gather(b"three\n")
    wire.pass_time()
    assert len(wire.sent) == 1  # the room is busy: it will go with what follows
    wire.pass_time()
    assert wire.sent[1:] == [text_frame(b"three\n")]
    assert wire.late == []


def test_the_flusher_is_asked_once_at_a_time(wire: Wire) -> None:
    link = link_on(wire)
    for _ in range(5):
        link.gather(b"one\n")
        link.gather(b"")
    assert len(wire.late) == 1
    wire.pass_time()
    assert wire.late == []
    assert len(wire.sent) == 5


def gather_for_all(links: list[Link], *texts: bytes) -> None:
    """Have `links` gather the very same texts, as a room does."""
    for text in texts:
        for link in links:
            link.gather(text)


def test_the_flusher_is_asked_once_for_all_links_of_a_room(wire: Wire) -> None:
    framer = Framer()
    links = [link_on(wire, framer=framer) for _ in range(5)]
    gather_for_all(links, b"one\n", b"two\n")
    assert len(wire.late) == 1
    wire.pass_time()
    assert wire.sent == 5 * [text_frame(b"one\ntwo\n")]
    assert wire.late == []
    gather_for_all(links, b"three\n", b"", b"four\n")
    wire.pass_time()  # the room is busy
    assert wire.sent[5:] == 5 * [text_frame(b"three\n")]
    assert len(wire.late) == 1
    wire.pass_time()
    assert wire.sent[10:] == 5 * [text_frame(b"four\n")]


def test_a_link_that_had_sent_what_waited_is_looked_at_again(wire: Wire) -> None:
    framer = Framer()
    links = [link_on(wire, framer=framer) for _ in range(2)]
    gather_for_all(links, b"one\n")
    links[0].send(b"private\n")
    gather_for_all(links, b"two\n")
    wire.pass_time()  # what waits for the first link has come since
    assert wire.sent == [text_frame(it) for it in (b"one\n", b"private\n", b"one\ntwo\n")]
    wire.pass_time()
    assert wire.sent[3:] == [text_frame(b"two\n")]


def test_a_link_that_fails_late_fails_alone(wire: Wire) -> None:
    class Failing(Wire):
        def send(self, data: bytes) -> None:
            raise MemoryError

    framer, failing = Framer(), Failing()
    failing.late = wire.late
    links = [link_on(it, framer=framer) for it in (wire, failing, wire)]
    gather_for_all(links, b"one\n")
    (late,) = wire.late
    with pytest.raises(MemoryError):
        late()
    assert wire.sent == 2 * [text_frame(b"one\n")]


def test_what_could_not_be_sent_is_sent_with_what_follows(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = link_on(wire)

    def fail(gathered: Gathered) -> bytes:
        raise MemoryError

    link.gather(b"one\n")
    with monkeypatch.context() as patch:
        patch.setattr(link.framer, "frame_of", fail)
        with pytest.raises(MemoryError):
            wire.pass_time()
    link.gather(b"two\n")
    wire.pass_time()
    assert wire.sent == [text_frame(b"one\ntwo\n")]


def test_what_is_added_for_all_goes_with_what_waits(wire: Wire) -> None:
    framer = Framer()
    links = [link_on(wire, framer=framer) for _ in range(3)]
    waiting, *others = [link.gather(b"one\n") for link in links]
    assert waiting is not None
    assert others == [waiting, waiting]
    assert waiting.add(b"two\n")
    links[0].send(b"private\n")
    assert wire.sent == [text_frame(b"one\ntwo\n"), text_frame(b"private\n")]
    assert not waiting.add(b"three\n")
    gather_for_all(links, b"three\n")
    gather_for_all(links, b"")
    whole = text_frame(b"one\ntwo\nthree\n")
    assert wire.sent[2:] == [text_frame(b"three\n"), whole, whole]
    wire.pass_time()
    assert len(wire.sent) == 5


def test_what_was_added_for_all_is_sent_late_as_well(wire: Wire) -> None:
    link = link_on(wire)
    waiting = link.gather(b"one\n")
    assert waiting is not None
    assert waiting.add(b"two\n")
    wire.pass_time()
    assert wire.sent == [text_frame(b"one\ntwo\n")]
    assert not waiting.add(b"three\n")


@pytest.mark.parametrize("at", range(3))
def test_one_thread_at_a_time_does_something_with_what_is_gathered(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """The room hands over what it shows, the person's own thread sends, and the flusher does."""
    link, section = link_on(wire), Section()
    link.gather(b"waits\n")
    gather, frame_of = link.framer.gather, link.framer.frame_of

    def visit(do: Callable[..., Any]) -> Callable[..., Any]:
        def done(*arguments: Any) -> Any:
            section.visit()
            return do(*arguments)

        return done

    monkeypatch.setattr(link, "_lock", section)
    monkeypatch.setattr(link.framer, "gather", visit(gather))
    monkeypatch.setattr(link.framer, "frame_of", visit(frame_of))
    actions: list[Callable[[], object]] = [
        lambda: link.gather(b"more\n"),
        lambda: link.send_gathered(b"own\n"),
        wire.pass_time,
    ]
    enter_one_by_one(section, [actions[at], actions[(at + 1) % 3]])
