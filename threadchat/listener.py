"""Listen at one address and hand out who comes, whatever the system runs out of meanwhile."""

import contextlib
import errno
import os
import socket
import socketserver
from threading import Event, Thread
from typing import Any

from threadchat.events import Trouble, Watch

_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_PAUSE_IN_SHORTAGE = 0.1
"""Seconds between tries to accept while the system has no descriptor or memory for it."""


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
        self._shortage_ends = Event()  # set to end a pause in accepting
        self._is_in_shortage = False
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
        acceptor = Thread(
            target=self.serve_forever, args=(0.2,), name="threadchat acceptor", daemon=True
        )
        acceptor.start()
        self._acceptor = acceptor

    def stop_accepting(self) -> None:
        """Accept nobody any more; on return the address is free again."""
        self._shortage_ends.set()
        if self._acceptor is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)  # wakes the acceptor, where it is heeded
            self.shutdown()
            self._acceptor.join()
        self.socket.close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept one client; where the system lacks the means, tell the operator once and pause."""
        try:
            request = super().get_request()
        except OSError as error:
            if error.errno in _SHORTAGES:
                if not self._is_in_shortage:
                    self._is_in_shortage = True
                    self.watch.note(Trouble(f"cannot accept anybody for now: {error.strerror}"))
                # The listening socket stays readable: without a pause this would spin.
                self._shortage_ends.wait(_PAUSE_IN_SHORTAGE)
            raise
        self._is_in_shortage = False
        return request


def _where_to_bind(
    host: str, port: int, dual_stack: bool
) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """Return the family and address for a server at `host`, which may be a name."""
    if not host:
        return (socket.AF_INET6, ("::", port)) if dual_stack else (socket.AF_INET, ("", port))
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, *_, address = found[0]
    return family, address
