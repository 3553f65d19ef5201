"""Wake a thread that waits for descriptors: the self-pipe trick, with a pair of sockets.

Windows can wait for sockets only, so it is no pipe. `wake` may be called from any thread and from
a signal handler.
"""

import contextlib
import socket
from threading import RLock


class SelfPipe:
    """A pair of connected sockets: `wake` writes to the one, a selector watches the other."""

    def __init__(self) -> None:
        self._writer, self._reader = socket.socketpair()
        self._writer.setblocking(False)
        self._reader.setblocking(False)
        # Held to write: a closed descriptor's number may belong to somebody else by then. A signal
        # handler may come in between on the same thread.
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
        """Take out what `wake` has written."""
        with contextlib.suppress(OSError):
            self._reader.recv(4096)

    def close(self) -> None:
        """Close both sockets. The thread that waits for them calls it, or has ended."""
        with self._lock:
            self._writer.close()
        self._reader.close()
