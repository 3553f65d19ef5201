"""Hold one client's socket: receiving waits, sending never waits.

A blocking socket with MSG_DONTWAIT for each send costs one system call in each direction. Windows
has no such flag. There the socket is non-blocking, and a receive first waits until the socket is
readable. `open_transport` returns the transport for this system; both behave in the same way.
"""

import contextlib
import select
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from threadchat.net.peers import PeerState, count_unacknowledged, look_at_peer

_NOT_WAITING: Final[int] = getattr(socket, "MSG_DONTWAIT", 0)

_SLICE = 1.0
"""Seconds that the portable transport waits at a time. On Windows, a waiting `select` does not wake
when the receiving side is shut down."""

_PAUSE_SLICE = 0.1
"""Seconds that a pause may take to notice that another thread has ended it."""

LINGER_SECONDS = 1.0
"""How many seconds the server waits, after it has closed its side, for the client's close."""

_KEEPALIVE = {
    "TCP_KEEPIDLE": 40,
    "TCP_KEEPALIVE": 40,  # the name of TCP_KEEPIDLE on macOS
    "TCP_KEEPINTVL": 15,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 80_000,
}
"""The socket options, where the system has them, that find a dead peer within 90 s.

The keepalive options, in seconds, find it after 85 s if nothing is being sent. The user timeout, in
milliseconds, finds it if data is waiting for an answer. On a system that has the user timeout, it
also limits how long probes may stay unanswered. It ends before the last probe, so that no further
probe is sent.
"""


def _options(keepalive: Mapping[str, int]) -> Sequence[tuple[int, int, int]]:
    return (
        # Otherwise the IAC of a telnet synch goes to the urgent channel, and a bare F2 becomes
        # text.
        (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        # A line should arrive at once, not together with the next one.
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        *(
            (socket.IPPROTO_TCP, getattr(socket, name), value)
            for name, value in keepalive.items()
            if hasattr(socket, name)
        ),
    )


_OPTIONS = _options(_KEEPALIVE)


class Transport(Protocol):
    """What a client's connection needs of any transport; `PlainTransport` says more."""

    pending: bool
    """Whether some bytes that `send` has taken are still here; the next `send` sends them."""

    def send(self, data: bytes | bytearray, /) -> int:
        """Send what can be sent without waiting, and return how many bytes were taken."""

    def receive(self, size: int, timeout: float | None = None) -> bytes:
        """Wait up to `timeout` seconds for up to `size` bytes, and return them."""

    def receive_now(self, size: int) -> bytes:
        """Return up to `size` bytes of what has arrived."""

    def has_input(self) -> bool:
        """Return whether `receive` would return at once."""

    def pause(self, seconds: float) -> bool:
        """Wait for `seconds`; return False early if the connection breaks or after a `wake`."""

    def is_at_end(self) -> bool:
        """Return whether the peer will send no more, as far as the system tells."""

    def look_at_peer(self) -> PeerState | None:
        """Return what the system knows of the peer; None if it does not tell."""

    def wait_for_input(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for `has_input`; return whether it is so."""

    def unacknowledged(self) -> int | None:
        """Return how many bytes the peer's system has not acknowledged; None if that is not known.

        These are bytes that `send` has taken. A broken connection acknowledges none of them.
        """

    def wake(self) -> None:
        """Make a `receive` that waits in another thread return, and every later one, too."""

    def linger(self, timeout: float) -> None:
        """End the sending, then wait up to `timeout` seconds for the peer's end."""

    def close(self) -> None:
        """Close the socket. Only its own thread may do so."""

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""


class PlainTransport:
    """A connected blocking socket. Its sends carry a flag and do not wait."""

    pending = False  # this transport keeps no bytes back

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._woken = False
        if sock.gettimeout() is not None:
            sock.settimeout(None)

    def send(self, data: bytes | bytearray) -> int:
        """Send what the system takes at once, and return how many bytes that is.

        Raise `BlockingIOError` if it takes nothing, another `OSError` if the connection is gone.
        """
        return self._socket.send(data, _NOT_WAITING)

    def receive(self, size: int, timeout: float | None = None) -> bytes:
        """Wait for up to `size` bytes and return them; return b"" at the end or after a `wake`.

        Raise `TimeoutError` after `timeout` seconds, another `OSError` if the connection broke.
        """
        # A timeout set on the socket would cost a poll for every receive and every send.
        if timeout is not None and not wait_until_ready(self._socket, timeout):
            raise TimeoutError
        return self._socket.recv(size)

    def receive_now(self, size: int) -> bytes:
        """Return up to `size` bytes of what has arrived; b"" if nothing has, or at the end.

        Raise `OSError` if the connection broke.
        """
        try:
            return self._socket.recv(size, _NOT_WAITING)
        except BlockingIOError:
            return b""

    def has_input(self) -> bool:
        """Return whether `receive` would return at once."""
        return wait_until_ready(self._socket, 0)

    def wait_for_input(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for `has_input`; return whether it is so."""
        return wait_until_ready(self._socket, timeout)

    def unacknowledged(self) -> int | None:
        """See `Transport.unacknowledged`. Linux and macOS tell."""
        return count_unacknowledged(self._socket)

    def wait_for_room(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for room to send; return whether there is room."""
        return wait_until_ready(self._socket, timeout, to_send=True)

    def pause(self, seconds: float) -> bool:
        """Wait for `seconds`; return False early if the connection breaks or after a `wake`.

        The end of the peer's input does not end the pause: the peer may still be reading.
        """
        deadline = time.monotonic() + seconds
        while not self._woken and (left := deadline - time.monotonic()) > 0:
            if _wait_until_broken(self._socket, min(left, _PAUSE_SLICE)):
                return False
        return not self._woken

    def is_at_end(self) -> bool:
        """Return whether the peer will send no more. Input that has arrived may still be unread.

        Only some systems tell this (Linux does); on the others, return False.
        """
        if not hasattr(select, "POLLRDHUP"):
            return False
        poller = select.poll()
        poller.register(self._socket, select.POLLRDHUP)
        return bool(poller.poll(0))

    def look_at_peer(self) -> PeerState | None:
        """Return what the system knows of the peer, without sending; None if it does not tell."""
        return look_at_peer(self._socket)

    def wake(self) -> None:
        """Make a `receive` that waits in another thread return, and every later one, too."""
        self._woken = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def linger(self, timeout: float) -> None:
        """End the sending, then wait up to `timeout` seconds for the peer's end.

        The system resets a connection that is closed with unread input. Then the peer may lose the
        last lines that were sent. So this method reads what still arrives, and drops it.
        """
        deadline = time.monotonic() + timeout
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0 and self.receive(65536, left):
                pass

    def close(self) -> None:
        """Close the socket. Only its own thread may do so, when no other thread can use it."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._socket.fileno()


class PortableTransport(PlainTransport):
    """A connected non-blocking socket, for systems without MSG_DONTWAIT."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        sock.setblocking(False)

    def receive(self, size: int, timeout: float | None = None) -> bytes:
        """See `PlainTransport.receive`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._woken:
            left = _SLICE if deadline is None else min(_SLICE, deadline - time.monotonic())
            if left <= 0:
                raise TimeoutError
            if wait_until_ready(self._socket, left):
                with contextlib.suppress(BlockingIOError):
                    return self._received(self._socket.recv(size))
        return b""

    def receive_now(self, size: int) -> bytes:
        """See `PlainTransport.receive_now`."""
        try:
            return self._received(self._socket.recv(size))
        except BlockingIOError:
            return b""

    def _received(self, data: bytes) -> bytes:
        # Under Wine 8 a connection that was reset looks like one at its end, until we send.
        if sys.platform == "win32" and not data:
            with contextlib.suppress(BlockingIOError):
                self._socket.send(b"")
        return data

    def wake(self) -> None:
        """See `PlainTransport.wake`."""
        # On Windows, a shutdown of a side with unread input resets the connection, and the last
        # words are lost. `receive` looks at the flag soon enough.
        if sys.platform == "win32":
            self._woken = True
        else:
            super().wake()


OPTIONS_ARE_INHERITED: Final[bool] = sys.platform == "linux"
"""Whether a socket that is accepted has the options of the listening one, as on Linux (tcp(7)).

There they need not be set for each client, and hold before the client is accepted.
"""


def prepare(sock: socket.socket) -> None:
    """Set the options of a client's socket: find dead peers, keep urgent bytes in the stream.

    Where `OPTIONS_ARE_INHERITED`, set those of a listening socket in this way.
    """
    for option in _OPTIONS:
        try:
            sock.setsockopt(*option)
        except OSError:
            # Some systems refuse this for a connection that is gone. A receive will find that out.
            continue


def open_transport(sock: socket.socket) -> PlainTransport:
    """Return a transport for `sock` that suits this system."""
    return PlainTransport(sock) if _NOT_WAITING else PortableTransport(sock)


def wait_until_ready(sock: socket.socket, timeout: float, to_send: bool = False) -> bool:
    """Wait up to `timeout` seconds for input or the end, or for room; return whether it came."""
    if hasattr(select, "poll"):
        # `select.select` cannot take descriptors above 1023.
        poller = select.poll()
        poller.register(sock, select.POLLOUT if to_send else select.POLLIN)
        return bool(poller.poll(timeout * 1000))
    to_read, to_write = ([], [sock]) if to_send else ([sock], [])
    return any(select.select(to_read, to_write, [], timeout))


def _wait_until_broken(sock: socket.socket, timeout: float) -> bool:
    """Wait up to `timeout` seconds for the connection to break; return whether it has."""
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(sock, 0)  # `poll` always reports a broken connection
        return bool(poller.poll(timeout * 1000))
    # On Windows `select` does not tell that. Nobody else receives from the socket in a pause.
    time.sleep(timeout)
    return _is_broken(sock)


def _is_broken(sock: socket.socket) -> bool:
    """Return whether a non-blocking `sock` has no connection any more; its end is another thing."""
    for try_it in (lambda: sock.recv(1, socket.MSG_PEEK), lambda: sock.send(b"")):
        try:
            try_it()
        except BlockingIOError:
            continue
        except OSError:
            return True
    return False
