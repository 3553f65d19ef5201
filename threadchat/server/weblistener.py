"""Listen for browsers, and serve each connection of theirs on a thread of its own."""

import contextlib
import errno
import math
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread, current_thread
from typing import Any, Protocol

from threadchat import __version__
from threadchat.access.limiter import Refusal, RefusedFor, RequestLimiter
from threadchat.monitoring.linkstate import LinkState
from threadchat.monitoring.stats import Snapshot
from threadchat.net.addresses import plain_host, show_address, urls
from threadchat.net.threads import join_by
from threadchat.server.config import ServerConfig
from threadchat.server.listener import CannotListenForBrowsers, Listener
from threadchat.web.door import Door, WebHost
from threadchat.web.guards import Guard
from threadchat.web.handler import WebHandler
from threadchat.web.roomcounts import tell_of_rooms
from threadchat.web.watching import Watching

PATIENCE_SECONDS = 0.1
"""How many seconds a client at the port for terminals may take to show that it is a browser.

A browser sends its request right after it has connected. Nobody notices this wait.
"""

QUIET_SECONDS = 1.0
"""For so long nobody else must have come there; else there is no wait, so a crowd has none."""

MAX_CONNECTIONS = 2048
"""How many connections may be open without a person on them; a further one ends the oldest."""

MAX_PER_ADDRESS = 64
"""How many of these one address may have, where the people from one address have a limit, too.

A further one ends the oldest of that address.
"""

MAX_ENDING = 64
"""How many of those that were ended in this way may still have a thread; then no more come in."""


_TOO_FAST = Refusal(RefusedFor.TOO_FAST, "Too many new connections from your address.")


@dataclass(frozen=True, slots=True)
class _Connection:
    """A connection without a person on it, and its origin; `is_ended` is set at its end."""

    origin: tuple[str, str]
    request: socket.socket
    is_ended: Event = field(default_factory=Event)

    def end(self) -> None:
        self.is_ended.set()
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)


class ServerOfPeople(WebHost, Protocol):
    """What the listener needs of the chat server, besides what its handlers need."""

    config: ServerConfig
    server_address: Any

    def stats(self) -> Snapshot:
        """Return the figures of this moment."""

    def link_state(self) -> LinkState | None:
        """Return how the link with other servers is doing; None for a server that is alone."""

    def is_served(self, host: str, reached: str) -> bool:
        """Return whether clients from `host` are served at our address `reached`."""

    def admit_here(self, request: socket.socket, client_address: Any) -> Refusal | None:
        """Give the client that the current thread serves a seat, or return why it gets none."""

    def forget_current(self) -> None:
        """Forget the client that the current thread has served."""


class WebListener(Listener):
    """The listener for browsers; `host` admits and serves the people among them.

    `names` are those by which browsers may call it.
    """

    def __init__(
        self, address: tuple[str, int], host: ServerOfPeople, names: Sequence[str]
    ) -> None:
        self.host = host
        self.door = Door(
            Guard([socket.gethostname(), *names]),
            __version__,
            host.server_address[1],
            host.clock,
        )
        self._requests = RequestLimiter(host.limits.max_connects, host.clock)
        self.watching = Watching(host.config.metrics, self.door.version, host)
        self._last_came_at = -math.inf  # the last client at the port for terminals
        self._lock = Lock()  # guards the above and the next two
        self._open: dict[Thread, _Connection] = {}  # the oldest first
        self._ending: set[Thread] = set()
        super().__init__(address, WebHandler, host.watch)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own, or close it; called by `socketserver`."""
        origin = self.origin_of(request, client_address)
        if not self.host.is_served(*origin):
            self.shutdown_request(request)
            return
        if not self._requests.admit(*origin):
            self.host.note_refusal(origin, client_address, _TOO_FAST)
            self.shutdown_request(request)
            return
        thread = Thread(
            target=self._serve,
            args=(request, client_address),
            name=f"threadchat browser {show_address(client_address)}",
            daemon=True,
        )
        with self._lock:
            has_room = len(self._ending) < MAX_ENDING
            if has_room:
                self._make_room_for(origin[0])
                self._open[thread] = _Connection(origin, request)
        if not has_room:
            self.close_refused(request, RefusedFor.NO_CONNECTIONS)
            return
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            self._forget(thread)
            self.close_refused(request, RefusedFor.NO_THREADS)

    def _make_room_for(self, host: str) -> None:
        """End the oldest connection if there are too many, of that address or in all.

        So whoever opens many connections and says nothing keeps nobody out. The lock is held.
        """
        most = self.host.limits.max_per_address
        those = [thread for thread, it in self._open.items() if it.origin[0] == host]
        if most and len(those) >= max(MAX_PER_ADDRESS, most):
            oldest = those[0]
        elif len(self._open) >= MAX_CONNECTIONS:
            oldest = next(iter(self._open))
        else:
            return
        self._ending.add(oldest)
        self._open.pop(oldest).end()

    def has_waited(self, cost: float) -> bool:
        """Count `cost` requests of the current thread's connection, and wait if its address must.

        Return False if the connection is ended meanwhile.
        """
        with self._lock:
            connection = self._open.get(current_thread())
        if connection is None:
            return False
        delay = self._requests.delay_after(*connection.origin, cost)
        return not delay or not connection.is_ended.wait(delay)

    def _serve(self, request: Any, client_address: Any) -> None:
        is_handed_on = False
        try:
            handler = WebHandler(request, client_address, self)
            is_handed_on = handler.is_handed_on
        except Exception as error:
            # The error ends this client and no other one (promise 8).
            self.watch.failed(f"serving {show_address(client_address)}", error)
        finally:
            if not is_handed_on:
                self.shutdown_request(request)
            self._forget(current_thread())
            self.host.forget_current()

    def url_at(self, host: str) -> str:
        """Return the address of the page on this machine's address `host`; "" if none is."""
        bound_to, port = self.server_address[:2]
        shown = host if plain_host(str(bound_to)) in ("0.0.0.0", "::") else bound_to
        return next(iter(urls((shown, port))), "")

    def patience(self) -> float:
        """Return how many seconds to wait for a browser's request at the port for terminals."""
        now = self.host.clock()
        with self._lock:
            quiet, self._last_came_at = now - self._last_came_at, now
        return PATIENCE_SECONDS if quiet >= QUIET_SECONDS else 0.0

    def look_after(self) -> None:
        """Tell the pages of the rooms. The server's round calls this, about once a second."""
        tell_of_rooms(self.host.chat, self.door.seats.connections())

    def _forget(self, thread: Thread) -> None:
        with self._lock:
            self._open.pop(thread, None)
            self._ending.discard(thread)

    def admit_here(self, request: socket.socket, client_address: Any) -> Refusal | None:
        """Give the client of the current thread a seat, or return why it gets none."""
        refusal = self.host.admit_here(request, client_address)
        if refusal is None:
            self._forget(current_thread())
        return refusal

    def stop_accepting(self, deadline: float) -> None:
        """Stop accepting, and end the connections on which there is no person."""
        super().stop_accepting(deadline)
        with self._lock:
            connections = [*self._open.values()]
            threads = [*self._open, *self._ending]
        for connection in connections:
            connection.end()
        for thread in threads:
            join_by(thread, deadline)


def open_web_listener(chat_server: ServerOfPeople) -> WebListener:
    """Return a listener at the first address of the configuration that is free.

    Raise `CannotListenForBrowsers` if none can be had.
    """
    config = chat_server.config
    assert config.web_address is not None
    host, first = config.web_address
    for port in (first, *config.web_ports):
        try:
            return WebListener((host, port), chat_server, config.web_hosts)
        except OSError as error:
            failure = error
            # Windows says EACCES of a port that another server keeps to itself.
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                break
    raise CannotListenForBrowsers(failure.errno, failure.strerror) from failure
