"""What a service manager such as systemd is told, over a datagram socket in its place."""

import contextlib
import errno
import io
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.cli.servicemanager import LEAST_PATIENCE, ServiceManager, is_journal, works_since
from threadchat.testing import DEADLINE


class Manager:
    """A service manager: the socket that it listens at."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        self._socket.setblocking(False)

    def told(self) -> list[str]:
        """Return what has been told since the last call."""
        told = []
        with contextlib.suppress(BlockingIOError):
            while True:
                told.append(self._socket.recv(4096).decode())
        return told

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
        pytest.skip("there are no such sockets")
    # The path of a socket has about 100 bytes at most; `tmp_path` may be longer.
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        contextlib.closing(Manager(f"{folder}/notify")) as manager,
    ):
        yield manager


class Service:
    """A server as far as its manager is told of it."""

    def __init__(self, clock: Clock, **environment: str) -> None:
        self.clock = clock
        self.people = 0
        self.worked_at = clock.now
        self.warnings: list[str] = []
        self.tells = ServiceManager(environment, self.warnings.append, clock)

    def serve(self) -> None:
        self.tells.serving(lambda: f"{self.people} here", lambda since: self.worked_at >= since)

    def after(self, seconds: float, *, works: bool = True) -> None:
        self.clock.now += seconds
        if works:
            self.worked_at = self.clock.now
        self.tells.look()


def test_what_it_is_told_from_the_start_to_the_stop(manager: Manager, clock: Clock) -> None:
    service = Service(clock, NOTIFY_SOCKET=manager.address)
    service.after(1)
    assert manager.told() == []
    service.serve()
    assert manager.told() == ["READY=1\nSTATUS=0 here"]
    service.after(1)
    assert manager.told() == []
    service.people = 2
    service.after(1)
    assert manager.told() == ["STATUS=2 here"]
    service.people = 3
    service.after(0.4)
    assert manager.told() == [], "once a second at most"
    with service.tells.reloading():
        (told,) = manager.told()
        assert told.startswith("RELOADING=1\nMONOTONIC_USEC=")
        assert told.rpartition("=")[2].isdigit()
    assert manager.told() == ["READY=1"]
    service.tells.stopping()
    assert manager.told() == ["STOPPING=1\nSTATUS=stopping"]
    service.after(60)
    assert manager.told() == []
    assert service.warnings == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such addresses")
def test_an_abstract_address(clock: Clock) -> None:
    with contextlib.closing(Manager(f"@threadchat-{os.getpid()}")) as manager:
        Service(clock, NOTIFY_SOCKET=manager.address).serve()
        assert manager.told() == ["READY=1\nSTATUS=0 here"]


def test_the_watchdog_is_told_at_half_its_time(manager: Manager, clock: Clock) -> None:
    service = Service(
        clock,
        NOTIFY_SOCKET=manager.address,
        WATCHDOG_USEC="60000000",
        WATCHDOG_PID=str(os.getpid()),
    )
    service.after(100)
    assert manager.told() == []
    service.serve()
    assert manager.told() == ["READY=1\nSTATUS=0 here", "WATCHDOG=1"]
    service.after(29)
    assert manager.told() == []
    service.after(1)
    assert manager.told() == ["WATCHDOG=1"]
    service.after(30)
    assert manager.told() == ["WATCHDOG=1"]
    service.tells.stopping()
    manager.told()
    service.after(30)
    assert manager.told() == []


def test_the_watchdog_is_not_told_while_the_server_hangs(manager: Manager, clock: Clock) -> None:
    service = Service(clock, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="60000000")
    service.serve()
    manager.told()
    service.after(29, works=False)
    service.after(2, works=False)
    assert manager.told() == []
    service.after(30, works=False)
    assert manager.told() == []
    service.after(1)
    assert manager.told() == ["WATCHDOG=1"]


def test_a_short_watchdog_does_not_make_a_busy_moment_a_hang(
    manager: Manager, clock: Clock
) -> None:
    service = Service(clock, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="1000000")
    service.serve()
    manager.told()
    service.after(LEAST_PATIENCE, works=False)
    assert manager.told() == ["WATCHDOG=1"]
    service.after(0.5, works=False)
    assert manager.told() == []


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "me"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "\u00b2"},  # a digit to Python, and no number
        {"WATCHDOG_USEC": "9" * 5000},
    ],
)
def test_no_watchdog_was_asked_for(
    manager: Manager, clock: Clock, environment: dict[str, str]
) -> None:
    service = Service(clock, NOTIFY_SOCKET=manager.address, **environment)
    service.serve()
    service.after(60)
    assert "WATCHDOG=1" not in manager.told()


def test_a_watchdog_needs_a_socket(clock: Clock) -> None:
    service = Service(clock, WATCHDOG_USEC="60000000")
    service.serve()
    with service.tells.reloading():
        pass
    service.after(60)
    service.tells.stopping()
    assert service.warnings == []


def test_lines_in_the_journal_have_no_time_of_ours(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w") as file:
        stat = os.fstat(file.fileno())
        assert is_journal(file, {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
        assert not is_journal(file, {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino + 1}"})
        assert not is_journal(file, {})
    assert not is_journal(file, {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": ""})
    assert not is_journal(None, {})


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="then there is no manager")
@pytest.mark.parametrize("address", ["/no/such/folder/notify", "notify", "x" * 500, "@", "a\nb"])
def test_an_address_that_is_wrong_is_one_warning(clock: Clock, address: str) -> None:
    service = Service(clock, NOTIFY_SOCKET=address)
    service.serve()
    service.people = 1
    service.after(1)
    with service.tells.reloading():
        pass
    service.tells.stopping()
    (warning,) = service.warnings
    assert warning.startswith("the service manager cannot be told how the server is doing (")
    assert warning.isprintable()


def test_a_manager_that_has_gone_hinders_nothing(manager: Manager, clock: Clock) -> None:
    service = Service(clock, NOTIFY_SOCKET=manager.address)
    service.serve()
    manager.close()
    service.people = 1
    service.after(1)
    service.tells.stopping()
    assert len(service.warnings) == 1


def test_what_does_not_fit_in_a_full_socket_comes_later(manager: Manager, clock: Clock) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with contextlib.suppress(BlockingIOError, OSError):
            while True:
                other.sendto(b"X=1", manager.address)
    service = Service(clock, NOTIFY_SOCKET=manager.address)
    service.serve()
    for service.people in range(1, 100):
        service.after(1)
    assert set(manager.told()) == {"X=1"}
    service.after(1)
    assert manager.told() == ["READY=1\nSTATUS=0 here", "STATUS=99 here"]
    assert service.warnings == []


class TestSignsOfLife:
    @pytest.mark.parametrize(
        ("at", "moment", "has_worked"),
        [
            ((7.0, 8.0, 9.0, 9.0), 7.0, True),
            ((7.0, 8.0, 9.0, 9.0), 7.1, False),
            ((9.0, 7.0, 8.0, 9.0), 7.1, False),
            ((9.0, 9.0, 7.0, 8.0), 7.1, False),
            ((9.0, 8.0, 9.0, 7.0), 7.1, False),
            ((9.0, 8.0, None, None), 8.0, True),
        ],
    )
    def test_the_one_that_has_not_worked_for_longest_counts(
        self, at: tuple[float | None, ...], moment: float, has_worked: bool
    ) -> None:
        of_round, server, tls, web = (SimpleNamespace(worked_at=it) for it in at)
        server.periodic = of_round
        server.tls_listener = tls if tls.worked_at is not None else None
        server.web_listener = web if web.worked_at is not None else None
        assert works_since(cast(ChatServer, server), moment) is has_worked

    def test_while_all_is_well(self, server: ChatServer) -> None:
        now = time.monotonic()
        assert not works_since(server, now + 1000)
        wait_until(lambda: works_since(server, now), "all have worked")

    def test_a_round_that_hangs(self, server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
        hangs, go_on = threading.Event(), threading.Event()

        def hang() -> None:
            hangs.set()
            assert go_on.wait(DEADLINE)

        monkeypatch.setattr(server._midnight, "look", hang)
        assert hangs.wait(DEADLINE)
        now = time.monotonic()
        wait_until(lambda: server.worked_at >= now, "the acceptor has worked")
        assert not works_since(server, now)
        go_on.set()
        wait_until(lambda: works_since(server, now), "all have worked")

    def test_an_acceptor_that_hangs(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hangs, go_on = threading.Event(), threading.Event()
        admit = server.process_request

        def hang(request: Any, client_address: Any) -> None:
            hangs.set()
            assert go_on.wait(DEADLINE)
            admit(request, client_address)

        monkeypatch.setattr(server, "process_request", hang)
        with Client(server) as al:
            assert hangs.wait(DEADLINE)
            now = time.monotonic()
            wait_until(lambda: server.periodic.worked_at >= now, "the round has worked")
            assert not works_since(server, now)
            go_on.set()
            wait_until(lambda: works_since(server, now), "all have worked")
            al.expect("Your name: ")


def test_what_could_not_be_told_is_not_told_later(clock: Clock, manager: Manager) -> None:
    address = f"{manager.address}-2"
    service = Service(clock, NOTIFY_SOCKET=address)
    service.serve()
    assert len(service.warnings) == 1
    with contextlib.closing(Manager(address)) as later:
        service.after(1)
        assert later.told() == []


def test_the_status_is_not_told_again_at_once(manager: Manager, clock: Clock) -> None:
    service = Service(clock, NOTIFY_SOCKET=manager.address)
    service.serve()
    manager.told()
    service.people = 2
    service.after(0)
    assert manager.told() == []


def test_a_status_is_told_once(manager: Manager, clock: Clock) -> None:
    service = Service(clock, NOTIFY_SOCKET=manager.address)
    service.serve()
    service.people = 1
    service.after(1)
    service.after(1)
    assert manager.told() == ["READY=1\nSTATUS=0 here", "STATUS=1 here"]


def test_without_such_sockets_there_is_no_manager(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)
    service = Service(clock, NOTIFY_SOCKET="/run/notify")
    service.serve()
    service.after(1)
    service.tells.stopping()
    assert service.warnings == []


def test_without_a_descriptor_it_is_told_later(
    manager: Manager, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    service = Service(clock, NOTIFY_SOCKET=manager.address)
    with monkeypatch.context() as shortage:
        shortage.setattr(socket, "socket", fail)
        service.serve()
    service.after(1)
    assert manager.told() == ["READY=1\nSTATUS=0 here"]
    assert service.warnings == []
