"""Looking names up without holding up the start or a stop."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from tests.support.observer import Recorder
from tests.support.waiting import wait_until
from threadchat.cli import lookups
from threadchat.cli.arguments import Fault
from threadchat.cli.lookups import look_up, tell_ways_by_name
from threadchat.cli.signals import RELOAD
from threadchat.monitoring.events import FoundWaysIn, Watch
from threadchat.net import addresses
from threadchat.testing import DEADLINE

real_lookup = socket.getaddrinfo


class NameServer:
    """Answers what a test says, as soon as it says so; addresses need no answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_asked = threading.Event()
        self.may_answer = threading.Event()
        self.answer: Callable[[], str] = lambda: "127.0.0.1"
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: str, *arguments: Any, **options: Any) -> Any:
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            return real_lookup(host, *arguments, **options)
        self.is_asked.set()
        assert self.may_answer.wait(DEADLINE)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (self.answer(), 0))]


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    server = NameServer(monkeypatch)
    yield server
    server.may_answer.set()


@pytest.fixture
def signals() -> SimpleQueue[int]:
    return SimpleQueue()


@pytest.mark.parametrize("host", ["", "127.0.0.1", "::1"])
def test_an_address_is_no_name(
    host: str, name_server: NameServer, signals: SimpleQueue[int]
) -> None:
    assert look_up(host, signals) == host
    assert not name_server.is_asked.is_set()


def test_a_name_becomes_an_address(name_server: NameServer, signals: SimpleQueue[int]) -> None:
    name_server.may_answer.set()
    assert look_up("chat.example", signals) == "127.0.0.1"
    assert signals.empty()


def test_a_stop_does_not_wait_for_the_name_server(
    name_server: NameServer, signals: SimpleQueue[int]
) -> None:
    signals.put(signal.SIGTERM)
    assert look_up("chat.example", signals) is None
    assert name_server.is_asked.wait(DEADLINE)


def test_a_signal_to_read_files_again_is_no_stop(
    name_server: NameServer, signals: SimpleQueue[int]
) -> None:
    if RELOAD is not None:
        signals.put(RELOAD)
    name_server.may_answer.set()
    assert look_up("chat.example", signals) == "127.0.0.1"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "(Temporary failure)"),
        (UnicodeError("label too long"), "(that is no name of a host)"),
    ],
)
def test_a_name_that_nobody_knows_gets_a_line(
    error: Exception, why: str, name_server: NameServer, signals: SimpleQueue[int]
) -> None:
    def fail() -> str:
        raise error

    name_server.answer = fail
    name_server.may_answer.set()
    with pytest.raises(Fault) as caught:
        look_up("chat.example", signals)
    assert str(caught.value) == (
        f"the host chat.example is unknown {why}."
        " Leave --host out to serve every address of this machine."
    )


def test_without_a_thread_the_name_is_looked_up_all_the_same(
    name_server: NameServer, signals: SimpleQueue[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "start_thread", lambda *_: None)
    name_server.may_answer.set()
    assert look_up("chat.example", signals) == "127.0.0.1"


class TestOwnName:
    @pytest.fixture(autouse=True)
    def without_interfaces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(addresses, "lan_addresses", list)

    def test_what_it_tells_is_added_when_it_comes(self, name_server: NameServer) -> None:
        recorder = Recorder()
        name_server.answer = lambda: "192.168.1.7"
        tell_ways_by_name(("::", 1, 0, 0), lambda host: True, Watch(recorder))
        assert name_server.is_asked.wait(DEADLINE)
        assert recorder.events == []
        name_server.may_answer.set()
        wait_until(lambda: bool(recorder.events), "the lines have come")
        assert recorder.events == [FoundWaysIn(["telnet 192.168.1.7 1", "nc 192.168.1.7 1"])]

    def test_if_it_tells_nothing_nothing_is_said(self, name_server: NameServer) -> None:
        recorder = Recorder()
        threads = threading.active_count()
        tell_ways_by_name(("::", 1, 0, 0), lambda host: True, Watch(recorder))
        name_server.may_answer.set()
        wait_until(lambda: threading.active_count() == threads, "the look-up is over")
        assert recorder.events == []
