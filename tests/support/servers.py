"""A server with a console in memory, for tests of the whole server."""

import contextlib
import io
import queue
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast

from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.console.log import Console, Detail
from threadchat.handlers.handler import ClientHandler
from threadchat.monitoring.events import Disconnected, Event, Trouble, Watcher
from threadchat.monitoring.stats import Snapshot
from threadchat.monitoring.tally import BatchTimes
from threadchat.net.transport import PlainTransport, PortableTransport
from threadchat.server.config import ServerConfig
from threadchat.testing import DEADLINE, UNLIMITED

TRANSPORTS = (
    [PlainTransport, PortableTransport] if hasattr(socket, "MSG_DONTWAIT") else [PortableTransport]
)
"""The kinds of transport that work on this system."""


Connected = TypeVar("Connected")


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


_CONFIGURED = {field.name for field in fields(ServerConfig)}


@contextlib.contextmanager
def run_server(
    address: tuple[str, int] = ("127.0.0.1", 0), watchers: Sequence[Watcher] = (), **options: Any
) -> Iterator[tuple[ChatServer, WatchingConsole]]:
    """Serve on a free port; at the end stop, and fail if the server reported a problem."""
    console = WatchingConsole()
    options.setdefault("limits", UNLIMITED)
    configured = {name: options.pop(name) for name in list(options) if name in _CONFIGURED}
    config = ServerConfig(**configured)
    with ChatServer(address, config, watchers=[console, *watchers], **options) as server:
        server.start()
        yield server, console
    console.close()
    assert console.troubles == []


def accepted(server: ChatServer, connect: Callable[[], Connected]) -> Connected:
    """Return what `connect` returns, a new client of `server`, once it can be reset.

    On Windows, a connection that was reset before it was accepted never is.
    """
    before = server.clients._last_id
    client = connect()
    if sys.platform == "win32":
        wait_until(lambda: server.clients._last_id > before, "the client is accepted")
    return client


def terminals(server: ChatServer) -> list[ClientHandler]:
    """Return the handlers of the clients of `server`, all of which came by a terminal."""
    handlers = server.clients.handlers()
    assert all(isinstance(handler, ClientHandler) for handler in handlers)
    return cast(list[ClientHandler], handlers)


def no_stats() -> Snapshot:
    """Return the figures of a chat that has no server."""
    zeros: dict[str, Any] = dict.fromkeys([field.name for field in fields(Snapshot)], 0)
    mappings = ("people_by_door", "connections_by_door", "refusals", "ends")
    empty: dict[str, Any] = {name: {} for name in mappings}
    nothing: dict[str, Any] = dict.fromkeys(("history", "memory", "link"))
    return Snapshot(**{**zeros, **empty, "batches": BatchTimes(), **nothing})
