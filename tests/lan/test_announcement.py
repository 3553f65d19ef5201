"""A server stays announced, whatever goes wrong, and nobody waits for that."""

import asyncio
import errno
import sys
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from tests.support.waiting import wait_until
from threadchat.errors import OperatorError
from threadchat.lan import announcement
from threadchat.lan.announcement import LanAnnouncement
from threadchat.lan.names import Announced, Service, services
from threadchat.lan.network import LanSide
from threadchat.testing import DEADLINE

HOME = LanSide(("192.168.1.7",), ("192.168.1.7", 2))
OTHER = LanSide(("10.0.0.7",), ("10.0.0.7", 2))
SERVICES = services(8000, 8080, None, "1.2")


class FakeLan:
    """Stands in for the LAN and the library: what is announced there, and what fails."""

    def __init__(self) -> None:
        self.side = HOME
        self.failures: list[Exception] = []
        """What the next announcements fail with."""
        self.name = "threadchat on box"
        self.happened: SimpleQueue[tuple[str, LanSide]] = SimpleQueue()
        self.responder: FakeResponder | None = None
        self.conflicts = 0
        """How many of the next announcements are in conflict from the beginning."""
        self.may_close = threading.Event()
        self.may_close.set()

    def look(self) -> LanSide:
        return self.side

    def next(self) -> tuple[str, LanSide]:
        return self.happened.get(timeout=DEADLINE)

    def responder_on(self, side: LanSide, offered: list[Service], host: str) -> "FakeResponder":
        assert offered == SERVICES
        if self.failures:
            raise self.failures.pop(0)
        self.responder = FakeResponder(self, side)
        return self.responder


class FakeResponder:
    def __init__(self, lan: FakeLan, side: LanSide) -> None:
        self.lan, self.side = lan, side
        self.is_in_conflict = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    async def announce(self) -> Announced:
        self.lan.happened.put(("announced", self.side))
        if self.lan.conflicts:
            self.lan.conflicts -= 1
            self.is_in_conflict.set()
            return Announced("threadchat on lost", (), ())
        return Announced(self.lan.name, ("box.local",), ("box.local", "threadchat-on-box.local"))

    async def close(self) -> None:
        self.lan.happened.put(("goodbye", self.side))
        await asyncio.to_thread(self.lan.may_close.wait)


class Operator:
    """What the operator is told."""

    def __init__(self) -> None:
        self.names: SimpleQueue[str] = SimpleQueue()
        self.lines: SimpleQueue[str] = SimpleQueue()

    def tell(self, announced: Announced) -> None:
        self.names.put(announced.name)

    def next_line(self) -> str:
        line = self.lines.get(timeout=DEADLINE)
        assert "\n" not in line
        return line


@pytest.fixture
def lan(monkeypatch: pytest.MonkeyPatch) -> FakeLan:
    lan = FakeLan()
    module = SimpleNamespace(Responder=lan.responder_on)
    monkeypatch.setitem(sys.modules, "threadchat.lan.responder", module)
    monkeypatch.setattr(announcement, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(announcement, "RETRY_SECONDS", 0.01)
    return lan


@pytest.fixture
def operator() -> Operator:
    return Operator()


@pytest.fixture
def begin(lan: FakeLan, operator: Operator) -> Iterator[Callable[[], LanAnnouncement]]:
    """Begin to announce; the end of the test ends that."""
    begun: list[LanAnnouncement] = []

    def begin() -> LanAnnouncement:
        begun.append(LanAnnouncement(lan.look, SERVICES, operator.tell, operator.lines.put))
        begun[0].start()
        return begun[0]

    yield begin
    lan.may_close.set()
    for one in begun:
        one.end()
        one.join(time.monotonic() + DEADLINE)


Begin = Callable[[], LanAnnouncement]


def test_it_is_announced_until_the_end(lan: FakeLan, operator: Operator, begin: Begin) -> None:
    one = begin()
    assert lan.next() == ("announced", HOME)
    assert operator.names.get(timeout=DEADLINE) == "threadchat on box"
    one.end()
    assert lan.next() == ("goodbye", HOME)
    one.join(time.monotonic() + DEADLINE)
    assert lan.happened.empty()
    assert operator.lines.empty()


def test_a_change_of_addresses_is_announced_anew(
    lan: FakeLan, operator: Operator, begin: Begin
) -> None:
    begin()
    assert lan.next() == ("announced", HOME)
    lan.side = OTHER
    assert lan.next() == ("goodbye", HOME)
    assert lan.next() == ("announced", OTHER)
    assert operator.names.get(timeout=DEADLINE) == "threadchat on box"
    # The operator is not told the same again, but of another name.
    lan.name, lan.side = "threadchat on box (2)", HOME
    assert operator.names.get(timeout=DEADLINE) == "threadchat on box (2)"
    assert operator.lines.empty()


def test_a_library_that_would_end_free_threading_is_one_line(
    lan: FakeLan, operator: Operator, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcement, "ends_free_threading", lambda: True)
    one = begin()
    assert "would end Python's free threading. People can still join" in operator.next_line()
    one.join(time.monotonic() + DEADLINE)
    assert lan.happened.empty()


def test_a_machine_without_a_network_is_one_line_until_it_has_one(
    lan: FakeLan, operator: Operator, begin: Begin
) -> None:
    lan.side = LanSide()
    begin()
    assert "not announced on the LAN: this machine has no address there" in operator.next_line()
    lan.side = HOME
    assert lan.next() == ("announced", HOME)
    assert operator.names.get(timeout=DEADLINE)
    lan.side = LanSide()
    assert "--no-announce" in operator.next_line()
    lan.side = HOME
    assert operator.names.get(timeout=DEADLINE)  # after a trouble it is told again
    assert operator.lines.empty()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (OSError(errno.EADDRINUSE, "Address already in use"), "keeps UDP port 5353"),
        (OSError(errno.ENODEV, "No such device"), "OSError: [Errno 19] No such device"),
        (ModuleNotFoundError("zeroconf"), "not installed (pip install 'threadchat[lan]')"),
        (ImportError("cannot import name"), "too old"),
        (OperatorError("99 servers have that name"), "LAN: 99 servers have that name. People"),
        (TimeoutError(), "the network did not answer in time"),
        (RuntimeError("a\nb\x1b[31m"), "RuntimeError: a b."),
        (AssertionError(), "AssertionError."),
    ],
)
def test_any_failure_is_one_line_and_tried_again(
    lan: FakeLan, operator: Operator, begin: Begin, failure: Exception, words: str
) -> None:
    lan.failures = [failure] * 3
    begin()
    assert words in operator.next_line()
    assert lan.next() == ("announced", HOME)
    assert operator.names.get(timeout=DEADLINE)
    assert operator.lines.empty()


def test_an_error_in_the_librarys_own_work_is_one_line(
    lan: FakeLan, operator: Operator, begin: Begin
) -> None:
    begin()
    lan.next()

    def fail() -> None:
        raise ValueError("a strange packet")

    assert lan.responder is not None
    for _ in range(3):
        lan.responder.loop.call_soon_threadsafe(fail)
    assert "ValueError: a strange packet" in operator.next_line()
    lan.side = OTHER
    assert lan.next() == ("goodbye", HOME)
    assert lan.next() == ("announced", OTHER)
    assert operator.lines.empty()


def test_another_name_is_taken_where_somebody_else_has_it(
    lan: FakeLan, operator: Operator, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcement, "MAX_CONFLICTS", 2)
    begin()
    for _ in range(2):
        assert lan.next() == ("announced", HOME)
        assert lan.responder is not None
        lan.responder.loop.call_soon_threadsafe(lan.responder.is_in_conflict.set)
        assert lan.next() == ("goodbye", HOME)
    # Nobody can have it taken again and again.
    assert lan.next() == ("announced", HOME)
    assert lan.responder is not None
    lan.responder.loop.call_soon_threadsafe(lan.responder.is_in_conflict.set)
    lan.side = OTHER
    assert lan.next() == ("goodbye", HOME)
    assert lan.next() == ("announced", OTHER)


def test_after_a_rest_a_name_is_given_up_again(
    lan: FakeLan, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcement, "MAX_CONFLICTS", 1)
    monkeypatch.setattr(announcement, "REST_SECONDS", 0)
    begin()
    for _ in range(3):
        assert lan.next() == ("announced", HOME)
        assert lan.responder is not None
        lan.responder.loop.call_soon_threadsafe(lan.responder.is_in_conflict.set)
        assert lan.next() == ("goodbye", HOME)


def test_a_name_that_is_given_up_at_once_is_not_told(
    lan: FakeLan, operator: Operator, begin: Begin
) -> None:
    lan.conflicts = 1
    begin()
    assert lan.next() == ("announced", HOME)
    assert lan.next() == ("goodbye", HOME)
    assert lan.next() == ("announced", HOME)
    assert operator.names.get(timeout=DEADLINE) == "threadchat on box"


def test_a_network_that_hangs_holds_no_stop_up(lan: FakeLan, begin: Begin) -> None:
    one = begin()
    lan.next()
    lan.may_close.clear()
    one.end()
    assert lan.next() == ("goodbye", HOME)
    one.join(time.monotonic())  # returns at once, though the goodbye is not over


def test_an_end_before_the_thread_runs_is_the_end(
    lan: FakeLan, operator: Operator, begin: Begin
) -> None:
    one = LanAnnouncement(lan.look, SERVICES, operator.tell, operator.lines.put)
    one.end()
    one.start()
    one.join(time.monotonic() + DEADLINE)
    assert lan.happened.empty()
    assert operator.lines.empty()


def test_without_a_thread_there_is_a_line(
    lan: FakeLan, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcement, "start_thread", lambda *_: None)
    one = LanAnnouncement(lan.look, SERVICES, operator.tell, operator.lines.put)
    one.start()
    assert "out of threads" in operator.next_line()
    one.end()
    one.join(time.monotonic())


def test_without_an_event_loop_there_is_a_line(
    lan: FakeLan, operator: Operator, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> asyncio.AbstractEventLoop:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(asyncio, "new_event_loop", fail)
    monkeypatch.setattr(asyncio.events, "new_event_loop", fail)
    begin()
    assert "Too many open files" in operator.next_line()


def test_a_look_that_fails_is_no_change(
    lan: FakeLan, operator: Operator, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def look() -> LanSide:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return HOME

    monkeypatch.setattr(lan, "look", look)
    begin()
    assert lan.next() == ("announced", HOME)
    wait_until(lambda: looks > 3, "the addresses have been looked at")
    assert lan.happened.empty()


def test_the_library_that_is_missing_is_found_out_in_earnest(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    monkeypatch.delitem(sys.modules, "threadchat.lan.responder", raising=False)
    one = LanAnnouncement(lambda: HOME, SERVICES, operator.tell, operator.lines.put)
    one.start()
    assert "pip install 'threadchat[lan]'" in operator.next_line()
    one.end()
    one.join(time.monotonic() + DEADLINE)
