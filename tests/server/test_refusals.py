"""Turning clients away: how many at once, with and without threads, and nothing left behind."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.waiting import wait_until
from threadchat.net.transport import LINGER_SECONDS
from threadchat.server import refusals as refusals_module
from threadchat.server.clients import Clients
from threadchat.server.refusals import Refusals
from threadchat.testing import DEADLINE

AT_ONCE = 32


class Door:
    """Refusals whose clients do not close before the gate opens, and what happens to each."""

    def __init__(self) -> None:
        self.clients = Clients(1)
        self.refusals = Refusals(self.clients, self._close)
        self.gate = threading.Event()
        self.sent: list[bytes] = []
        self.lingered: list[float] = []
        self.closed: list[socket.socket] = []
        self.theirs, self.ours = socket.socketpair()

    def _close(self, request: socket.socket) -> None:
        self.closed.append(request)

    def open(self, request: socket.socket) -> "Door":
        return self

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        return len(data)

    def linger(self, seconds: float) -> None:
        self.lingered.append(seconds)
        if seconds:
            assert self.gate.wait(DEADLINE)

    def refuse(self, times: int = 1) -> None:
        for _ in range(times):
            self.refusals.refuse_at_leisure(self.ours, "Not now.")


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    door = Door()
    monkeypatch.setattr(refusals_module, "open_transport", door.open)
    yield door
    door.gate.set()
    wait_until(lambda: not door.clients.threads(), "all have been turned away")
    door.theirs.close()
    door.ours.close()


def test_each_reads_why_and_is_waited_for_until_it_has(door: Door) -> None:
    door.refuse()
    wait_until(lambda: door.lingered == [LINGER_SECONDS], "it is waited for")
    assert door.sent == [b"!!! Not now.\r\n"]
    assert door.closed == []
    door.gate.set()
    wait_until(lambda: door.closed == [door.ours], "it is closed")


def test_the_33rd_at_once_is_told_and_closed_without_a_wait(door: Door) -> None:
    door.refuse(AT_ONCE)
    wait_until(lambda: len(door.lingered) == AT_ONCE, "so many are waited for")
    assert len(door.clients.threads()) == AT_ONCE
    door.refuse()  # would not return, if this thread waited
    assert door.lingered == [LINGER_SECONDS] * AT_ONCE + [0.0]
    assert door.closed == [door.ours]
    assert len(door.sent) == AT_ONCE + 1


def test_as_many_as_before_are_waited_for_when_they_have_gone(door: Door) -> None:
    door.refuse(AT_ONCE + 1)
    door.gate.set()
    wait_until(lambda: len(door.closed) == AT_ONCE + 1, "all are closed")
    wait_until(lambda: not door.clients.threads(), "all have gone")
    door.gate.clear()
    door.refuse(AT_ONCE)
    wait_until(lambda: door.lingered.count(LINGER_SECONDS) == 2 * AT_ONCE, "all are waited for")
    assert door.lingered.count(0.0) == 1


def test_without_a_thread_each_is_told_and_closed_all_the_same(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_thread(target: Callable[..., object], name: str, *args: object) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(refusals_module, "start_thread", no_thread)
        door.refuse(AT_ONCE + 8)
    assert door.sent == [b"!!! Not now.\r\n"] * (AT_ONCE + 8)
    assert door.lingered == [0.0] * (AT_ONCE + 8)
    assert len(door.closed) == AT_ONCE + 8
    door.refuse()  # none of those holds a place for ever
    wait_until(lambda: door.lingered[-1] == LINGER_SECONDS, "there is a thread again")


def test_a_client_that_is_gone_already_costs_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(data: bytes) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(door, "send", fail)
    door.gate.set()
    door.refuse()
    wait_until(lambda: door.closed == [door.ours], "it is closed")
