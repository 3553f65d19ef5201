"""Wake a thread that waits for descriptors: the self-pipe trick, with a pair of sockets.

It is not a real pipe, because Windows can only wait for sockets. A `selectors` selector and
`select.select` accept a `SelfPipe` itself.
"""

import contextlib
import socket
from threading import RLock


class SelfPipe:
    """A pair of connected sockets: `wake` writes to one, a thread waits for the other.

    Any thread and any signal handler may call `wake`.
    """

    def __init__(self) -> None:
        self._writer, self._reader = socket.socketpair()
        self._writer.setblocking(False)
        self._reader.setblocking(False)
        # Held while writing: after a close, the descriptor's number may belong to another socket.
        # It is an RLock because a signal handler may interrupt a `wake` on the same thread.
        self._lock = RLock()

    def fileno(self) -> int:
        """Return the descriptor to wait for. It is readable from `wake` until `drain`."""
        return self._reader.fileno()

    def wake(self) -> None:
        """Make the descriptor readable. Does not wait; after `close`, does nothing."""
        # If the pipe is full, the descriptor is readable already. If it is closed, nobody waits.
        with self._lock, contextlib.suppress(OSError):
            self._writer.send(b"!")

    def drain(self) -> None:
        """Read what `wake` has written. Does not wait."""
        with contextlib.suppress(OSError):
            self._reader.recv(4096)

    def close(self) -> None:
        """Close both sockets. Only for the thread that waits, or after that thread has ended."""
        with self._lock:
            self._writer.close()
        self._reader.close()
