"""Hold one client's socket: receiving waits, sending never does.

A blocking socket whose sends carry MSG_DONTWAIT costs one system call for either direction.
Windows has no such flag; there the socket is non-blocking and receiving waits for it to become
readable first. `open_transport` takes the one the system has; both work alike.
"""

import contextlib
import select
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

_NOT_WAITING: Final[int] = getattr(socket, "MSG_DONTWAIT", 0)

_SLICE = 1.0
"""Seconds that the portable transport waits at a time: on Windows, shutting down the receiving side
wakes no `select` that waits."""

_PAUSE_SLICE = 0.1
"""How long a pause takes to notice, in seconds, that it was ended from another thread."""

_KEEPALIVE = {
    "TCP_KEEPIDLE": 40,
    "TCP_KEEPALIVE": 40,  # what macOS calls the same
    "TCP_KEEPINTVL": 15,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 80_000,
}
"""Where the system has them: a peer is found dead within 90 s, idle (after 85 s, in s) or with
data pending (user timeout, in ms).

Where there is a user timeout, it also decides how long probes go unanswered: it ends before the
last one, so that there is not one more.
"""


def _options(keepalive: Mapping[str, int]) -> Sequence[tuple[int, int, int]]:
    return (
        # Else the telnet synch loses its IAC to the urgent channel, and a bare F2 becomes text.
        (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        # A line is to arrive when it is said, not with the next one.
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        *(
            (socket.IPPROTO_TCP, getattr(socket, name), value)
            for name, value in keepalive.items()
            if hasattr(socket, name)
        ),
    )


_OPTIONS = _options(_KEEPALIVE)


class Transport(Protocol):
    """What a client's connection needs of a transport, plain or not. See `PlainTransport`."""

    pending: bool
    """Whether some of what `send` has taken is still here, and goes out with the next `send`."""

    def send(self, data: bytes | bytearray, /) -> int: ...  # noqa: D102
    def receive(self, size: int, timeout: float | None = None) -> bytes: ...  # noqa: D102
    def receive_now(self, size: int) -> bytes: ...  # noqa: D102
    def has_input(self) -> bool: ...  # noqa: D102
    def pause(self, seconds: float) -> bool: ...  # noqa: D102
    def is_at_end(self) -> bool: ...  # noqa: D102
    def wake(self) -> None: ...  # noqa: D102
    def linger(self, timeout: float) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102
    def fileno(self) -> int: ...  # noqa: D102


class PlainTransport:
    """A connected socket with a flag for sends that do not wait."""

    pending = False  # the system has what it has taken

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._woken = False
        if sock.gettimeout() is not None:
            sock.settimeout(None)

    def send(self, data: bytes | bytearray) -> int:
        """Send what the system takes at once and return how much that is.

        Raise `BlockingIOError` if it takes nothing, another `OSError` if the connection is gone.
        """
        return self._socket.send(data, _NOT_WAITING)

    def receive(self, size: int, timeout: float | None = None) -> bytes:
        """Wait for up to `size` bytes and return them; b"" is the end, as is a `wake`.

        Raise `TimeoutError` after `timeout` seconds, another `OSError` if the connection broke.
        """
        # A timeout set on the socket would cost a poll for every receive and every send.
        if timeout is not None and not _wait_until_ready(self._socket, timeout):
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
        """Return whether a `receive` would return at once."""
        return _wait_until_ready(self._socket, 0)

    def wait_for_room(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until a `send` takes something; return whether it would."""
        return _wait_until_ready(self._socket, timeout, to_send=True)

    def pause(self, seconds: float) -> bool:
        """Wait so long; return False, soon, if the connection breaks or `wake` is called.

        That the peer has nothing more to send is no reason: it may still be reading.
        """
        deadline = time.monotonic() + seconds
        while not self._woken and (left := deadline - time.monotonic()) > 0:
            if _wait_until_broken(self._socket, min(left, _PAUSE_SLICE)):
                return False
        return not self._woken

    def is_at_end(self) -> bool:
        """Return whether the peer will send no more, what has arrived aside.

        Only where the system tells (Linux); elsewhere, no.
        """
        if not hasattr(select, "POLLRDHUP"):
            return False
        poller = select.poll()
        poller.register(self._socket, select.POLLRDHUP)
        return bool(poller.poll(0))

    def wake(self) -> None:
        """Make a `receive` that waits in another thread return, and every later one too."""
        self._woken = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def linger(self, timeout: float) -> None:
        """Say that nothing more comes, then wait up to `timeout` seconds for the peer's end.

        A socket closed on unread input is reset, and that throws away, at the other end, the last
        lines sent. So whatever still arrives is read here and dropped.
        """
        deadline = time.monotonic() + timeout
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0 and self.receive(65536, left):
                pass

    def close(self) -> None:
        """Close the socket. Only its own thread may, once no other can use it any more."""
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
            if _wait_until_ready(self._socket, left):
                with contextlib.suppress(BlockingIOError):
                    return self._socket.recv(size)
        return b""

    def wake(self) -> None:
        """See `PlainTransport.wake`."""
        # On Windows, shutting down a side on which input waits resets the connection, last words
        # and all; `receive` looks at the flag soon enough.
        if sys.platform == "win32":
            self._woken = True
        else:
            super().wake()


def prepare(sock: socket.socket) -> None:
    """Set what keeps a connection honest: dead peers found out, urgent bytes kept in line."""
    for level, option, value in _OPTIONS:
        try:
            sock.setsockopt(level, option, value)
        except OSError:
            # Some systems refuse this for a connection that is gone; it will be found out soon.
            continue


def open_transport(sock: socket.socket) -> PlainTransport:
    """Return the transport that suits this system."""
    return PlainTransport(sock) if _NOT_WAITING else PortableTransport(sock)


def _wait_until_ready(sock: socket.socket, timeout: float, to_send: bool = False) -> bool:
    """Wait up to `timeout` seconds for input or an end, or for room to send; return whether."""
    if hasattr(select, "poll"):
        # Not select: it cannot take descriptors past 1023.
        poller = select.poll()
        poller.register(sock, select.POLLOUT if to_send else select.POLLIN)
        return bool(poller.poll(timeout * 1000))
    to_read, to_write = ([], [sock]) if to_send else ([sock], [])
    return any(select.select(to_read, to_write, [], timeout))


def _wait_until_broken(sock: socket.socket, timeout: float) -> bool:
    """Wait up to `timeout` seconds for the connection to break; return whether it has."""
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(sock, 0)  # what breaks a connection is always reported
        return bool(poller.poll(timeout * 1000))
    return bool(select.select([], [], [sock], timeout)[2])
