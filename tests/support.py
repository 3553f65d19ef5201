"""What several test modules need: a client, a server that watches itself, and threads at once."""

import contextlib
import io
import queue
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

from threadchat import ChatServer
from threadchat.access.limits import Limits
from threadchat.console.log import Console, Detail
from threadchat.monitoring.events import Disconnected, Event, Trouble, Watcher
from threadchat.monitoring.stats import Snapshot
from threadchat.net.transport import PlainTransport, PortableTransport
from threadchat.server.config import ServerConfig
from threadchat.storage.database import MIGRATIONS
from threadchat.text.search import index_words

DEADLINE = 20.0
"""Seconds after which something that was waited for counts as not happening."""


TRANSPORTS = (
    [PlainTransport, PortableTransport] if hasattr(socket, "MSG_DONTWAIT") else [PortableTransport]
)
"""The kinds of transport that work on this system."""


class WatchingConsole(Console):
    """A console that writes into memory, and lets a test wait for a disconnect."""

    def __init__(self, detail: Detail = Detail.MESSAGES) -> None:
        self.file = io.StringIO()
        super().__init__(detail, self.file, width=200)
        self.disconnects: queue.Queue[Disconnected] = queue.Queue()
        self.troubles: list[str] = []

    def note(self, event: Event) -> None:
        super().note(event)
        match event:
            case Disconnected():
                self.disconnects.put(event)
            case Trouble(words):
                self.troubles.append(words)

    def next_disconnect(self) -> Disconnected:
        return self.disconnects.get(timeout=DEADLINE)


UNLIMITED = Limits(max_per_address=0, max_connects=0, flood=None)
"""Everything that a test does comes from one address, and as fast as it can."""


_CONFIGURED = {field.name for field in fields(ServerConfig)}


@contextlib.contextmanager
def run_server(
    address: tuple[str, int] = ("127.0.0.1", 0), watchers: Sequence[Watcher] = (), **options: Any
) -> Iterator[tuple[ChatServer, WatchingConsole]]:
    """Serve on a free port; on leaving, stop, and fail if anything went wrong inside."""
    console = WatchingConsole()
    options.setdefault("limits", UNLIMITED)
    configured = {name: options.pop(name) for name in list(options) if name in _CONFIGURED}
    config = ServerConfig(**configured)
    with ChatServer(address, config, watchers=[console, *watchers], **options) as server:
        server.start()
        yield server, console
    console.close()
    assert console.troubles == []


def no_stats() -> Snapshot:
    """What there is to know of a chat without a server."""
    zeros: dict[str, Any] = dict.fromkeys([field.name for field in fields(Snapshot)], 0)
    return Snapshot(**{**zeros, "memory": None})


class Reachable(Protocol):
    """A server, here or in a process of its own."""

    address_family: int
    server_address: Any


class Client:
    """Somebody at a plain client, who waits for what should come before going on."""

    def __init__(self, server: Reachable, name: str = "", receive_buffer: int = 0) -> None:
        self.socket = socket.socket(server.address_family)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        # Without this, a second small write waits for the acknowledgement of the first.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket.connect(server.server_address[:2])
        except OSError:
            self.socket.close()
            raise
        self.received = b""
        self._read_up_to = 0
        self.name = name
        if name:
            self.expect("Your name: ")
            self.type(name)
            self.expect(f"Welcome, {name}.")
            self.expect("\r\n")

    def type(self, line: str) -> None:
        self.send(line.encode() + b"\n")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def expect(self, wanted: str) -> str:
        """Wait for `wanted` behind what was read before; return all up to it."""
        encoded = wanted.encode()
        while (at := self.received.find(encoded, self._read_up_to)) < 0:
            self._receive_more(wanted)
        begin, self._read_up_to = self._read_up_to, at + len(encoded)
        return self.received[begin : self._read_up_to].decode(errors="replace")

    def _receive_more(self, wanted: str) -> None:
        unread = self.received[self._read_up_to :]
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"{wanted!r} did not come, but {unread!r}") from None
        assert data, f"{wanted!r} did not come before the end, but {unread!r}"
        self.received += data

    def forget(self) -> None:
        """Keep nothing of what has been read, for who stays for long."""
        self.received = self.received[self._read_up_to :]
        self._read_up_to = 0

    def expect_end(self) -> str:
        """Wait for the server to close; return what was still unread."""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                self.received += data
        unread = self.received[self._read_up_to :]
        self._read_up_to = len(self.received)
        return unread.decode(errors="replace")

    def sync(self) -> None:
        """Wait until the server has dealt with all that was typed."""
        self.type("/sync")
        self.expect("!!! There is no /sync.")
        self.expect("\r\n")

    def read_to_fence(self, other: "Client") -> str:
        """Return all that is unread: `other` says a line, and nothing else can come before it."""
        fence = f"fence-{next(_fences)}"
        other.type(fence)
        return self.expect(f"{other.name}: {fence}\r\n").rpartition(f"{other.name}: ")[0]

    def reset(self) -> None:
        """Break the connection off, as a machine that is switched off and on again does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_fences = iter(range(10**9))


def write_old_history(path: Path, version: int) -> None:
    """Make a file as an older threadchat left it: al said one thing and did another."""
    with closing(sqlite3.connect(path)) as old:
        old.create_function("index_words", 1, index_words)
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        old.execute("INSERT INTO rooms VALUES (1, 'lobby', 'lobby')")
        old.execute("INSERT INTO messages VALUES (7, 1, 1.0, 'say', 'al', 'die Straße')")
        old.execute("INSERT INTO messages VALUES (8, 1, 2.0, 'emote', 'al', 'waves')")
        for statements in MIGRATIONS[1:version]:
            for statement in statements:
                old.execute(statement)
        old.execute("PRAGMA application_id = 0x74636861")
        old.execute(f"PRAGMA user_version = {version}")
        old.commit()


def run_concurrently(actions: Sequence[Callable[[], None]]) -> None:
    """Run `actions`, each in a thread, beginning together; raise what any of them raises."""
    barrier = threading.Barrier(len(actions))
    errors: list[BaseException] = []

    def run(action: Callable[[], None]) -> None:
        try:
            barrier.wait(DEADLINE)
            action()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * DEADLINE)
        assert not thread.is_alive(), "a thread is stuck"
    if errors:
        raise errors[0]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a state that announces itself by no event, such as a thread blocked in a call."""
    pause = threading.Event()
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        pause.wait(0.005)


def said_by(name: str, transcript: str) -> list[str]:
    """Return what `name` said, in the order of the transcript."""
    return re.findall(rf"^{re.escape(name)}: (.*?)\r?$", transcript, re.MULTILINE)
