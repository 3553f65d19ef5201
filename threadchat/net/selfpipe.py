"""Wake a thread that waits for descriptors: the self-pipe trick, with a pair of sockets.

It is no pipe, because Windows can wait for sockets only. A `selectors` selector and `select.select`
take a `SelfPipe` itself.
"""

import contextlib
import socket
from threading import RLock


class SelfPipe:
    """A pair of connected sockets: `wake` writes to one, a thread waits for the other.

    `wake` may be called from any thread and from a signal handler.
    """

    def __init__(self) -> None:
        self._writer, self._reader = socket.socketpair()
        self._writer.setblocking(False)
        self._reader.setblocking(False)
        # Held to write: the number of a closed descriptor may belong to another one by then. It is
        # an RLock because a signal handler may interrupt a `wake` on the same thread.
        self._lock = RLock()

    def fileno(self) -> int:
        """Return the descriptor to wait for: it is readable after `wake`, until `drain`."""
        return self._reader.fileno()

    def wake(self) -> None:
        """Make the descriptor readable. Does not wait; after `close`, does nothing."""
        # A full pipe wakes as well as one more byte in it would, and a closed one has no reader.
        with self._lock, contextlib.suppress(OSError):
            self._writer.send(b"!")

    def drain(self) -> None:
        """Take out what `wake` has written. Does not wait."""
        with contextlib.suppress(OSError):
            self._reader.recv(4096)

    def close(self) -> None:
        """Close both sockets. The thread that waits for them calls it, or has ended."""
        with self._lock:
            self._writer.close()
        self._reader.close()
