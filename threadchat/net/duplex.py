"""Hold a connection that this server has made: one thread receives, and any sends without waiting.

Clients' connections are `threadchat.net.transport`. This one may be of the `ssl` module, as whoever
made it has agreed on TLS already.
"""

import contextlib
import socket
import ssl
from threading import Lock
from typing import Protocol

from threadchat.net.transport import open_transport, wait_until_ready

_SLICE = 1.0
"""Seconds that a receive over TLS waits at a time: on Windows, `wake` does not end the wait."""


class Duplex(Protocol):
    """A connection for two threads at once: one that receives, and one at a time that sends."""

    def send(self, data: bytes | bytearray, /) -> int:
        """Send what can be sent without waiting, and return how many bytes that is.

        Raise `BlockingIOError` if it is none, another `OSError` if the connection is gone.
        """

    def receive(self, size: int, /) -> bytes:
        """Wait for up to `size` bytes and return them; return b"" at the end or after a `wake`.

        Raise `OSError` if the connection broke.
        """

    def wait_for_room(self, timeout: float, /) -> bool:
        """Wait up to `timeout` seconds for room to send; return whether there is room."""

    def wake(self) -> None:
        """Make a `receive` that waits in another thread return, and every later one, too."""

    def close(self) -> None:
        """Close the socket, when no other thread can use it."""


def open_duplex(sock: socket.socket) -> Duplex:
    """Return what holds a connected socket, be it one of the `ssl` module or a plain one."""
    return _TlsDuplex(sock) if isinstance(sock, ssl.SSLSocket) else open_transport(sock)


class _TlsDuplex:
    """A socket of the `ssl` module. Nothing waits with its lock, so that both directions go on."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._socket = sock
        self._lock = Lock()  # OpenSSL does only one thing at a time with a connection
        sock.setblocking(False)

    def send(self, data: bytes | bytearray) -> int:
        """See `Duplex.send`. What it could not send has to come first the next time."""
        try:
            with self._lock:
                return self._socket.send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            raise BlockingIOError from None

    def receive(self, size: int) -> bytes:
        """See `Duplex.receive`."""
        while True:
            to_send = False
            try:
                with self._lock:
                    return self._socket.recv(size)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLWantWriteError:
                to_send = True
            wait_until_ready(self._socket, _SLICE, to_send)

    def wait_for_room(self, timeout: float) -> bool:
        """See `Duplex.wait_for_room`."""
        return wait_until_ready(self._socket, timeout, to_send=True)

    def wake(self) -> None:
        """See `Duplex.wake`."""
        with contextlib.suppress(OSError):
            # The method of the `ssl` module would let the other thread go on without TLS.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """See `Duplex.close`."""
        self._socket.close()
