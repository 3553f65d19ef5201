"""Fixtures for all tests, and the check that none leaves anything running or open."""

import gc
import os
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.net.test_tls import context as context
from tests.net.test_tls import files as files
from tests.support.chats import Lobby
from tests.support.clock import Clock
from tests.support.compiling import compile_in_turns, keep_compiled
from tests.support.folders import keep_files_in_memory
from tests.support.guards import misuses, watch_guards
from tests.support.passphrases import make_cheaply
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.cli.main import GC_THRESHOLD
from threadchat.handlers import handler as handler_module
from threadchat.net import transport
from threadchat.server import periodic
from threadchat.storage.records import Records

# Servers that tests run as programs open no door for browsers, as its port is the same for all.
os.environ["THREADCHAT_WEB_PORT"] = "off"

# Nor do they tell the network of them that this machine is in.
os.environ["THREADCHAT_NO_ANNOUNCE"] = "1"

# A round of a server comes soon, so that no test waits a second for it.
periodic.INTERVAL = 0.1

# Working out a hash takes long on purpose. Only `tests/access` does that in earnest.
make_cheaply()

# A busy machine is no reason to fail. `.ci/run` uses the profile "thorough" as well, and "long" is
# for runs that may take hours.
settings.register_profile(
    "threadchat", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=30
)
settings.register_profile("thorough", settings.get_profile("threadchat"), max_examples=200)
settings.register_profile("long", settings.get_profile("threadchat"), max_examples=5000)
settings.load_profile("threadchat")

watch_guards()

keep_compiled()

keep_files_in_memory()

# What is imported and collected stays until the end, so that searches for cycles find nothing.
gc.disable()


def pytest_sessionstart(session: pytest.Session) -> None:
    compile_in_turns(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    # From now on they are as often as in the program, and pass over the tests themselves.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.passed:
        # A process of several sends each report to the first, and nobody asks for these of it.
        report.keywords = {}
    return report


# Under Wine this folder of Linux exists, too, but it shows what Wine itself has open.
_OPEN_FILES = next(
    (
        path
        for path in map(Path, ("/proc/self/fd", "/dev/fd"))
        if os.name == "posix" and path.is_dir()
    ),
    None,
)


def _open_files() -> int:
    return len(os.listdir(_OPEN_FILES)) if _OPEN_FILES else 0


@pytest.fixture
def no_search_for_cycles() -> Iterator[None]:
    """Free nothing that is in a cycle of references, so that a test can tell of one."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Fail a test that leaves more threads or descriptors than there were before it."""
    threads, files = threading.active_count(), _open_files()
    yield
    wait_until(lambda: threading.active_count() <= threads, "the test's threads have ended")
    if _open_files() > files:
        gc.collect()  # only now: it takes longer than most tests
        wait_until(lambda: _open_files() <= files, "the test's descriptors are closed")
    found, misuses[:] = list(misuses), []
    assert not found, "used without the lock that guards it"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched() -> Iterator[tuple[ChatServer, WatchingConsole]]:
    """A running server and its console."""
    with run_server() as both:
        yield both


@pytest.fixture
def server(watched: tuple[ChatServer, WatchingConsole]) -> ChatServer:
    return watched[0]


@pytest.fixture
def console(watched: tuple[ChatServer, WatchingConsole]) -> WatchingConsole:
    return watched[1]


@pytest.fixture
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system take little for a client that reads nothing: else it would be megabytes."""

    def open_small(sock: socket.socket) -> transport.PlainTransport:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return transport.open_transport(sock)

    monkeypatch.setattr(handler_module, "open_transport", open_small)


@pytest.fixture
def unkept() -> Iterator[Records]:
    """Records in memory, for a chat without a server."""
    with closing(Records(None)) as records:
        yield records


@pytest.fixture
def lobby() -> Iterator[Lobby]:
    lobby = Lobby()
    yield lobby
    lobby.close()
    assert lobby.watcher.failures == []
