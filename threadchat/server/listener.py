"""Listen on one address and accept clients, even if the system runs out of something meanwhile."""

import contextlib
import errno
import os
import socket
import socketserver
import sys
import time
from threading import Event, Lock, Thread
from typing import Any

from threadchat.access.limiter import RefusedFor
from threadchat.errors import OperatorError
from threadchat.monitoring.events import Watch
from threadchat.net.addresses import only_address, plain_host, reached_address, show_address
from threadchat.net.threads import join_by, start_needed_thread
from threadchat.net.transport import OPTIONS_ARE_INHERITED, prepare
from threadchat.server.clients import Origin

SHORTAGES = frozenset(
    getattr(errno, name)
    for name in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "WSAEMFILE", "WSAENOBUFS")
    if hasattr(errno, name)
)
"""The numbers of the errors that come when the system has run out of something."""

_PAUSE_IN_SHORTAGE = 0.1
"""Seconds between tries to accept while the system has no descriptor or no memory for it."""


class CannotListenForTls(OperatorError, OSError):
    """The address for TLS clients cannot be had, though the other one can."""


class CannotListenForBrowsers(OperatorError, OSError):
    """The address for browsers cannot be had, though the others can."""


class Shortage:
    """Tell the operator once when something has run out, and once when it is available again.

    `over` is the line for the end of the shortage.
    """

    def __init__(self, watch: Watch, over: str) -> None:
        self._watch = watch
        self._over = over
        self._lock = Lock()  # guards the flag below, and the order of the two warnings
        self._is_on = False

    def begins(self, words: str) -> None:
        """Note that the shortage is on, and warn with `words` if it has just begun."""
        with self._lock:
            if not self._is_on:
                self._is_on = True
                self._watch.warn(words)

    def ends(self) -> None:
        """Note that the shortage is over, and say so if it was on."""
        with self._lock:
            if self._is_on:
                self._is_on = False
                self._watch.warn(self._over)


class _AcceptingEnds(BaseException):
    """Raised to leave the loop of `serve_forever`, on the thread that runs it. Not an error."""


class Listener(socketserver.ThreadingTCPServer):
    """A server on one address that accepts clients on a thread of its own.

    An empty host listens on every address, with IPv4 and IPv6 on one socket if the system allows
    it. Port 0 takes any free port; `server_address` has its number. The constructor binds and
    listens, and raises `OSError` if it cannot.
    """

    daemon_threads = True  # a second Ctrl-C must not wait for any client
    request_queue_size = 4096  # many clients may connect at once; the system lowers it if need be
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
        self._is_over = False  # True once the accepting has to end
        self.worked_at = 0.0
        """When the acceptor last looked for clients, on the monotonic clock."""
        self._shortage_ends = Event()  # set to end a pause in the accepting
        self._shortage = Shortage(watch, "clients are accepted again")
        self._reserve: socket.socket | None = None  # closed to accept a client and turn it away
        self._is_dual_stack = not host and socket.has_dualstack_ipv6()
        self.address_family, bind_to = _where_to_bind(host, port, self._is_dual_stack)
        super().__init__(bind_to, handler, bind_and_activate=False)
        try:
            self.server_bind()
            self.server_activate()
        except BaseException:
            self.socket.close()
            raise
        self._only_address = only_address(self.server_address)

    def server_bind(self) -> None:
        """Bind to the address; called by the constructor."""
        if self._is_dual_stack:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    def server_activate(self) -> None:
        """Begin to listen; called by the constructor."""
        if OPTIONS_ARE_INHERITED:
            prepare(self.socket)
        super().server_activate()

    def start_accepting(self) -> None:
        """Begin to accept clients, and return; or raise `OutOfThreads`."""
        self._take_reserve()
        self.worked_at = time.monotonic()
        self._acceptor = start_needed_thread(self._accept, "acceptor", "accepting clients")

    def stop_accepting(self, deadline: float) -> None:
        """Stop accepting clients; on return the address is free again.

        Wait for the acceptor thread until `deadline`, on the monotonic clock.
        """
        self._is_over = True
        self._shortage_ends.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the acceptor on some systems
        join_by(self._acceptor, deadline)
        self.socket.close()
        self._give_up_reserve()

    def _accept(self) -> None:
        while True:
            self.worked_at = time.monotonic()
            try:
                self.serve_forever(0.2)
            except _AcceptingEnds:
                return
            except MemoryError:
                self._wait_out("cannot accept anybody for now: out of memory")
            if self._is_over:
                return

    def service_actions(self) -> None:
        """End the accepting if it is over; called by `serve_forever` after each client.

        `shutdown` would not do: it waits until the acceptor has left its loop. A watcher may stop
        the server on the acceptor's own thread, and `shutdown` would then wait for itself.
        """
        self.worked_at = time.monotonic()
        if self._is_over:
            raise _AcceptingEnds

    def _wait_out(self, words: str) -> None:
        # There may be no memory even for this warning. Then the next try gives it.
        with contextlib.suppress(MemoryError):
            self._shortage.begins(words)
        # The listening socket stays readable, so without a pause the loop would spin.
        self._shortage_ends.wait(_PAUSE_IN_SHORTAGE)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept one client and return its socket, with its options set, and its address.

        If the system has no descriptor or memory for it, tell the operator once, and turn the
        client away if possible. Then raise `OSError`, as `socketserver` expects.
        """
        try:
            request = super().get_request()
        except OSError as error:
            if error.errno in SHORTAGES:
                words = f"cannot accept anybody for now: {error.strerror}"
                if self._has_turned_one_away():
                    self._shortage.begins(words)
                else:
                    self._wait_out(words)
            raise
        if not OPTIONS_ARE_INHERITED:
            prepare(request[0])
        self._shortage.ends()
        if self._reserve is None:
            self._take_reserve()
        return request

    def origin_of(self, request: socket.socket, client_address: Any) -> Origin:
        """Return where a client of this listener comes from."""
        # The system is asked only if need be: while it is, other threads take the GIL.
        reached = self._only_address or reached_address(request)
        return plain_host(client_address[0]), reached

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error while admitting one client; other clients go on (promise 8)."""
        error = sys.exception()
        if isinstance(error, Exception):
            self.watch.failed(f"admitting {show_address(client_address)}", error)

    def turn_away(self, request: socket.socket, client_address: Any) -> None:
        """Close, without waiting, the connection of a client that gets no descriptor."""
        self.close_refused(request, RefusedFor.NO_CONNECTIONS)

    def close_refused(self, request: socket.socket, why: RefusedFor) -> None:
        """Count a client that is refused, and close its connection without a word."""
        self.watch.tally.refused(why)
        self.shutdown_request(request)

    def _has_turned_one_away(self) -> bool:
        """Use the reserve's descriptor to accept a client and turn it away; return whether it did.

        Without this, the client would wait in the listening socket's queue.
        """
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
        # Another thread may have taken the free descriptor. `get_request` tries again later.
        with contextlib.suppress(OSError):
            self._reserve = socket.socket(self.address_family)

    def _give_up_reserve(self) -> None:
        reserve, self._reserve = self._reserve, None
        if reserve is not None:
            reserve.close()


def _where_to_bind(
    host: str, port: int, dual_stack: bool
) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """Return the address family and the address to bind for `host`, which may be a name."""
    if not host:
        return (socket.AF_INET6, ("::", port)) if dual_stack else (socket.AF_INET, ("", port))
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, *_, address = found[0]
    return family, address
