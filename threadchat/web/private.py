"""Number and keep what a person at a page alone was sent, so that it can be sent again."""

from collections import deque
from collections.abc import Callable
from threading import RLock

MAX_KEPT = 256
"""How many objects are kept for a resume."""

MAX_KEPT_BYTES = 128 * 1024
"""How many bytes these may have together; the newest is always kept."""


class PrivateLines:
    """The objects for one person alone. Each has a number `p`, one more than the last one's.

    Any thread may use it. `send` is called with bytes in the order of their numbers.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self.lock = RLock()
        """Guards the lines, and is held while they are sent."""
        self._kept: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._last = 0

    def send(self, data: bytes) -> int:
        """Send `data`, whole lines, each with its number, and keep it; return the last number."""
        with self.lock:
            lines = []
            for line in data.splitlines(keepends=True):
                self._last += 1
                line = b'{"p": %d, ' % self._last + line[1:]
                self._kept.append((self._last, line))
                self._bytes += len(line)
                lines.append(line)
            while len(self._kept) > MAX_KEPT or (
                self._bytes > MAX_KEPT_BYTES and len(self._kept) > 1
            ):
                self._bytes -= len(self._kept.popleft()[1])
            self._send(b"".join(lines))
            return self._last

    def send_again(self, seen: int) -> None:
        """Send what came after the number `seen`, as far as it is kept."""
        with self.lock:
            missed = b"".join(line for number, line in self._kept if number > seen)
            if missed:
                self._send(missed)
