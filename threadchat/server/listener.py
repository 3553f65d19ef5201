"""Listen at one address and hand out who comes, whatever the system runs out of meanwhile."""

import contextlib
import errno
import os
import socket
import socketserver
import sys
import time
from threading import Event, Lock, Thread
from typing import Any

from threadchat.monitoring.events import Watch
from threadchat.net.addresses import show_address
from threadchat.net.threads import join

_SHORTAGES = frozenset(
    getattr(errno, name)
    for name in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "WSAEMFILE", "WSAENOBUFS")
    if hasattr(errno, name)
)

_PAUSE_IN_SHORTAGE = 0.1
"""Seconds between tries to accept while the system has no descriptor or memory for it."""


class Shortage:
    """Tells who runs the server, once each, that something has run out and that it is back."""

    def __init__(self, watch: Watch, over: str) -> None:
        self._watch = watch
        self._over = over
        self._lock = Lock()  # guards the one below, and the order of the two words
        self._is_on = False

    def begins(self, words: str) -> None:
        """Say `words`, unless it is known already."""
        with self._lock:
            if not self._is_on:
                self._is_on = True
                self._watch.warn(words)

    def ends(self) -> None:
        """Say that it is over, if it was on."""
        with self._lock:
            if self._is_on:
                self._is_on = False
                self._watch.warn(self._over)


class _AcceptingEnds(BaseException):
    """Leaves the loop of `serve_forever`, on the thread that runs it: no error to be handled."""


class Listener(socketserver.ThreadingTCPServer):
    """A server on one address, the accepting of which has a thread of its own.

    An empty host listens on every address, IPv4 and IPv6 on one socket where the system allows.
    Port 0 takes any free one; `server_address` tells which. The constructor binds and listens,
    and raises `OSError` if it cannot.
    """

    daemon_threads = True  # a second Ctrl-C must not wait for anybody
    request_queue_size = 4096  # people come in crowds; the system caps it where it has to
    # On Windows this option would let two servers share a port.
    allow_reuse_address = os.name == "posix"

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[socketserver.BaseRequestHandler],
        watch: Watch,
    ) -> None:
        host, port = address
        self.watch = watch
        self._acceptor: Thread | None = None
        self._is_over = False  # set to end the accepting
        self._shortage_ends = Event()  # set to end a pause in accepting
        self._shortage = Shortage(watch, "clients are accepted again")
        self._reserve: socket.socket | None = None  # given up to accept whom we turn away
        self._is_dual_stack = not host and socket.has_dualstack_ipv6()
        self.address_family, bind_to = _where_to_bind(host, port, self._is_dual_stack)
        super().__init__(bind_to, handler, bind_and_activate=False)
        try:
            self.server_bind()
            self.server_activate()
        except BaseException:
            self.socket.close()
            raise

    def server_bind(self) -> None:
        """Bind to the address; called by the constructor."""
        if self._is_dual_stack:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    def start_accepting(self) -> None:
        """Begin to accept clients, and return."""
        self._take_reserve()
        acceptor = Thread(target=self._accept, name="threadchat acceptor", daemon=True)
        acceptor.start()
        self._acceptor = acceptor

    def stop_accepting(self, deadline: float) -> None:
        """Accept nobody any more; on return the address is free again.

        The acceptor is waited for until `deadline`, on the monotonic clock.
        """
        self._is_over = True
        self._shortage_ends.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the acceptor, where it is heeded
        join(self._acceptor, max(0.0, deadline - time.monotonic()))
        self.socket.close()
        self._give_up_reserve()

    def _accept(self) -> None:
        while True:
            try:
                self.serve_forever(0.2)
            except _AcceptingEnds:
                return
            except MemoryError:
                self._wait_out("cannot accept anybody for now: out of memory")
            if self._is_over:
                return

    def service_actions(self) -> None:
        """End the accepting where that is wanted; called by `serve_forever` after each client.

        `shutdown` could not be called on the acceptor's own thread, where a watcher may stop the
        server: it waits until that thread has left its loop.
        """
        if self._is_over:
            raise _AcceptingEnds

    def _wait_out(self, words: str) -> None:
        # Even for these words there may be no memory. Then the next try says them.
        with contextlib.suppress(MemoryError):
            self._shortage.begins(words)
        # The listening socket stays readable: without a pause this would spin.
        self._shortage_ends.wait(_PAUSE_IN_SHORTAGE)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept one client.

        Where the system lacks the means, tell the operator once, and turn the client away if at
        least that can be done; then raise `OSError`, as `socketserver` expects.
        """
        try:
            request = super().get_request()
        except OSError as error:
            if error.errno in _SHORTAGES:
                words = f"cannot accept anybody for now: {error.strerror}"
                if self._has_turned_one_away():
                    self._shortage.begins(words)
                else:
                    self._wait_out(words)
            raise
        self._shortage.ends()
        if self._reserve is None:
            self._take_reserve()
        return request

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error in admitting one client, which nobody else notices (promise 8)."""
        error = sys.exception()
        if isinstance(error, Exception):
            self.watch.failed(f"admitting {show_address(client_address)}", error)

    def turn_away(self, request: socket.socket, client_address: Any) -> None:
        """Close the connection of a client for whom there is no descriptor, without waiting."""
        self.shutdown_request(request)

    def _has_turned_one_away(self) -> bool:
        """Accept one client in place of the reserve, turn it away, and return whether that went."""
        if self._reserve is None:
            return False
        self._give_up_reserve()
        try:
            self.turn_away(*super().get_request())
        except OSError:
            return False
        finally:
            self._take_reserve()
        return True

    def _take_reserve(self) -> None:
        # Somebody else may have been faster; there is another try when things are better.
        with contextlib.suppress(OSError):
            self._reserve = socket.socket(self.address_family)

    def _give_up_reserve(self) -> None:
        reserve, self._reserve = self._reserve, None
        if reserve is not None:
            reserve.close()


def _where_to_bind(
    host: str, port: int, dual_stack: bool
) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """Return the family and address for a server at `host`, which may be a name."""
    if not host:
        return (socket.AF_INET6, ("::", port)) if dual_stack else (socket.AF_INET, ("", port))
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, *_, address = found[0]
    return family, address
