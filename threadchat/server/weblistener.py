"""Listen for browsers, and serve each connection of theirs on a thread of its own."""

import contextlib
import errno
import socket
import time
from collections.abc import Sequence
from importlib import metadata
from threading import Lock, Thread, current_thread
from typing import Any, Protocol

from threadchat.access.limiter import Refusal
from threadchat.net.addresses import plain_host, reached_address, show_address
from threadchat.net.threads import join
from threadchat.server.config import ServerConfig
from threadchat.server.listener import CannotListenForBrowsers, Listener
from threadchat.web.guards import Guard
from threadchat.web.handler import Door, Host, WebHandler
from threadchat.web.roomcounts import tell_of_rooms

MAX_CONNECTIONS = 2048
"""How many connections may be open without a person on them. Further ones are closed at once."""

MAX_PER_ADDRESS = 64
"""How many of these one address may have, where the people from one address have a limit, too."""


class ServerOfPeople(Host, Protocol):
    """What the listener needs of the chat server, besides what its handlers need."""

    config: ServerConfig
    server_address: Any

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
            metadata.version("threadchat"),
            host.server_address[1],
        )
        self._lock = Lock()  # guards the table
        self._open: dict[Thread, tuple[str, socket.socket]] = {}
        super().__init__(address, WebHandler, host.watch)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own, or close it; called by `socketserver`."""
        host = plain_host(client_address[0])
        if not self.host.is_served(host, reached_address(request)):
            self.shutdown_request(request)
            return
        thread = Thread(
            target=self._serve,
            args=(request, client_address),
            name=f"threadchat browser {show_address(client_address)}",
            daemon=True,
        )
        with self._lock:
            those = sum(its_host == host for its_host, _ in self._open.values())
            is_limited = self.host.limits.max_per_address > 0
            has_room = len(self._open) < MAX_CONNECTIONS and not (
                is_limited and those >= max(MAX_PER_ADDRESS, self.host.limits.max_per_address)
            )
            if has_room:
                self._open[thread] = host, request
        if not has_room:
            self.shutdown_request(request)
            return
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            self._forget(thread)
            self.shutdown_request(request)

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

    def look_after(self) -> None:
        """Tell the pages of the rooms. The server's round calls this, about once a second."""
        tell_of_rooms(self.host.chat, self.door.seats.connections())

    def _forget(self, thread: Thread) -> None:
        with self._lock:
            self._open.pop(thread, None)

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
            open_ones = list(self._open.items())
        for _, (_, request) in open_ones:
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        for thread, _ in open_ones:
            join(thread, max(0.0, deadline - time.monotonic()))


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
            if error.errno != errno.EADDRINUSE:
                break
    raise CannotListenForBrowsers(failure.errno, failure.strerror) from failure
