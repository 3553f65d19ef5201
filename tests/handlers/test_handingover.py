"""Handing over what waits for a person: when the next portion is sent, and when one is taken."""

import socket
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import cast

import pytest

from tests.support.chats import make_person
from tests.support.clients import reset
from tests.support.sending import Sending
from tests.support.waiting import wait_until
from threadchat.chat.interfaces import Portion
from threadchat.handlers.handingover import HandingOver
from threadchat.messages.kinds import Notice
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import Flusher, SendQueue
from threadchat.net.transport import Transport, open_transport
from threadchat.testing import DEADLINE

SIZE = 50_000
"""Bytes of each portion."""


class Owner(Sending):
    """The connection of somebody that is handed over `number` portions of `size` bytes."""

    def __init__(self, flusher: Flusher, number: int, size: int = SIZE) -> None:
        self.size = size
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.socket()
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.client.settimeout(DEADLINE)
            self.client.connect(listener.getsockname())
            ours, _ = listener.accept()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.transport: Transport = open_transport(ours)
        self.send_queue = SendQueue(self.transport, flusher)
        self.begun: list[int] = []
        self.taken: list[int] = []
        self.is_closed = False
        self.person = make_person(1)
        self.person.deliver = self.send_queue.send
        self.handing_over = HandingOver(self.person, self.send_queue, self.transport)
        self.handing_over.add(self.portions(number))

    def portions(self, number: int) -> Generator[Portion, None, None]:
        try:
            for at in range(number):
                self.begun.append(at)

                def taken(at: int = at) -> None:
                    self.taken.append(at)

                around = len(Notice("").line) + 2  # the end of the line
                yield Portion([Notice(f"{at}".ljust(self.size - around))], taken)
        finally:
            self.is_closed = True

    def read(self, size: int) -> None:
        while size > 0:
            data = self.client.recv(min(size, 65536))
            assert data
            size -= len(data)

    def type(self) -> None:
        """Send something, so that the thread goes back to serving lines."""
        self.client.sendall(b"x")
        assert self.transport.wait_for_input(DEADLINE)


@pytest.fixture
def flusher() -> Iterator[Flusher]:
    flusher = Flusher(lambda doing, error: None)
    flusher.start()
    yield flusher
    flusher.stop(DEADLINE)


@pytest.fixture
def owner(flusher: Flusher) -> Iterator[Owner]:
    owner = Owner(flusher, 30)
    yield owner
    owner.handing_over.close(0)
    owner.send_queue.close()
    owner.client.close()


TELLS = pytest.mark.skipif(
    sys.platform not in ("linux", "darwin"), reason="this system does not tell what was taken"
)


@TELLS
def test_the_next_portion_waits_until_the_client_reads(owner: Owner) -> None:
    owner.type()  # what is typed is served at once
    owner.handing_over.go_on(0)
    begun = len(owner.begun)
    assert 1 <= begun < 30
    assert owner.taken == list(range(len(owner.taken)))
    assert len(owner.taken) < begun
    assert owner.send_queue.bytes_queued <= SIZE
    owner.handing_over.go_on(1)
    assert len(owner.begun) == begun  # nobody has read anything


@TELLS
def test_all_of_it_arrives_and_is_taken_when_the_client_reads(owner: Owner) -> None:
    owner.type()
    for received in range(30):
        owner.handing_over.go_on(received)
        owner.read(SIZE)
    wait_until(lambda: not owner.send_queue.is_behind, "all is sent")
    wait_until(lambda: owner.send_queue.bytes_acknowledged == 30 * SIZE, "all has arrived")
    owner.handing_over.go_on(99)
    assert owner.taken == list(range(30))
    assert owner.handing_over.is_over
    assert owner.is_closed


@TELLS
def test_what_a_broken_connection_had_queued_is_not_taken(owner: Owner) -> None:
    owner.type()
    owner.handing_over.go_on(0)
    taken = list(owner.taken)
    reset(owner.client)
    assert owner.transport.wait_for_input(DEADLINE)
    owner.handing_over.go_on(0)
    owner.handing_over.close(0)
    assert owner.taken == taken
    assert owner.is_closed
    assert not owner.handing_over.is_over


@TELLS
def test_it_waits_for_the_client_when_nothing_is_typed(flusher: Flusher) -> None:
    owner = Owner(flusher, 1, size=100)
    try:
        owner.handing_over.go_on(0)  # returns once the client's system has taken it
        assert (owner.taken, owner.handing_over.is_over) == ([0], True)
    finally:
        owner.send_queue.close()
        owner.client.close()


def test_it_ends_when_the_client_is_ended(owner: Owner) -> None:
    owner.send_queue.end(Reason.KICKED)
    owner.handing_over.go_on(0)
    assert owner.begun == owner.taken == []


def test_at_the_end_it_looks_once_more(flusher: Flusher) -> None:
    owner = Owner(flusher, 1)
    try:
        owner.type()
        owner.transport.unacknowledged = lambda: SIZE  # type: ignore[method-assign]
        owner.handing_over.go_on(0)
        assert owner.taken == []
        owner.transport.unacknowledged = lambda: 0  # type: ignore[method-assign]
        owner.read(SIZE)
        assert owner.send_queue.drain(DEADLINE)
        owner.handing_over.close(0)
        assert owner.taken == [0]
    finally:
        owner.send_queue.close()
        owner.client.close()


def test_where_the_system_does_not_tell_what_comes_next_from_the_client_does(
    flusher: Flusher,
) -> None:
    owner = Owner(flusher, 2)
    try:
        owner.transport.unacknowledged = lambda: None  # type: ignore[method-assign]
        owner.type()
        owner.handing_over.go_on(5)
        owner.read(SIZE)
        assert owner.send_queue.drain(DEADLINE)
        owner.handing_over.go_on(5)
        owner.read(SIZE)
        assert owner.send_queue.drain(DEADLINE)
        owner.handing_over.go_on(5)
        assert (owner.begun, owner.taken) == ([0, 1], [])  # nothing has come since
        owner.handing_over.go_on(6)
        assert owner.taken == [0, 1]
        assert owner.handing_over.is_over
    finally:
        owner.send_queue.close()
        owner.client.close()


class Queue:
    """A send queue that is as far as a test says."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.is_behind = False
        self.position = 0
        self.bytes_acknowledged: int | None = 0

    def send(self, data: bytes) -> None:
        self.position += len(data)


class TestWaiting:
    """How long it waits, and for what, while the client sends nothing."""

    @pytest.fixture
    def queue(self) -> Queue:
        return Queue()

    @pytest.fixture
    def waits(self) -> list[float]:
        return []

    @pytest.fixture
    def then(self) -> dict[int, Callable[[], object]]:
        """What happens after so many waits."""
        return {}

    @pytest.fixture
    def handing_over(
        self, queue: Queue, waits: list[float], then: dict[int, Callable[[], object]]
    ) -> HandingOver:
        class Waiting:
            def wait_for_input(self, seconds: float) -> bool:
                assert len(waits) < 20
                waits.append(seconds)
                then.get(len(waits), lambda: None)()
                return False

        person = make_person(1)
        person.deliver = queue.send
        return HandingOver(person, cast(SendQueue, queue), cast(Transport, Waiting()))

    def portions(self, taken: list[int], number: int) -> Generator[Portion, None, None]:
        for at in range(number):
            yield Portion([Notice("x")], partial(taken.append, at))

    def test_until_all_is_taken_and_longer_and_longer(
        self,
        handing_over: HandingOver,
        queue: Queue,
        waits: list[float],
        then: dict[int, Callable[[], object]],
    ) -> None:
        taken: list[int] = []
        then[12] = lambda: setattr(queue, "bytes_acknowledged", queue.position)
        handing_over.add(self.portions(taken, 2))
        handing_over.go_on(0)
        assert taken == [0, 1]
        assert waits == [min(0.001 * 2**at, 0.25) for at in range(12)]

    @pytest.mark.parametrize("is_known", [True, False])
    def test_while_the_client_is_behind(
        self,
        handing_over: HandingOver,
        queue: Queue,
        waits: list[float],
        then: dict[int, Callable[[], object]],
        is_known: bool,
    ) -> None:
        taken: list[int] = []
        queue.is_behind = True
        if not is_known:
            queue.bytes_acknowledged = None
        then[3] = lambda: setattr(queue, "is_behind", False)
        then[5] = lambda: setattr(queue, "bytes_acknowledged", queue.position)
        handing_over.add(self.portions(taken, 1))
        handing_over.go_on(0)
        if is_known:
            # From the shortest one again, once something could be sent.
            assert waits == [0.001, 0.002, 0.004, 0.001, 0.002]
            assert taken == [0]
        else:
            assert waits == [0.001, 0.002, 0.004]  # only what the client sends could tell
            assert taken == []

    def test_not_for_a_client_that_is_ended(
        self,
        handing_over: HandingOver,
        queue: Queue,
        waits: list[float],
        then: dict[int, Callable[[], object]],
    ) -> None:
        then[2] = lambda: setattr(queue, "reason", Reason.KICKED)
        handing_over.add(self.portions([], 1))
        handing_over.go_on(0)
        assert len(waits) == 2

    def test_it_is_over_when_nothing_is_left_to_be_sent_or_taken(
        self, handing_over: HandingOver, queue: Queue
    ) -> None:
        taken: list[int] = []
        queue.bytes_acknowledged, queue.reason = None, Reason.KICKED
        assert handing_over.is_over
        handing_over.add(self.portions(taken, 1))
        handing_over.go_on(0)
        assert not handing_over.is_over
        queue.reason = None
        handing_over.go_on(5)
        assert not handing_over.is_over
        queue.is_behind = True
        handing_over.go_on(6)  # what came may have been sent before it was taken
        assert (taken, handing_over.is_over) == ([], False)
        queue.is_behind = False
        handing_over.go_on(6)
        assert (taken, handing_over.is_over) == ([0], True)
