"""Say how a history in a file is doing, also while a write to the file hangs."""

from collections.abc import Sized
from threading import Lock

from threadchat.monitoring.stats import Keeping


class HistoryState:
    """The state of a `StoredHistory`, which changes it with its own lock held.

    `unwritten` are the messages that wait, and `lock` is that of the history. Any thread may ask.
    """

    def __init__(self, unwritten: Sized, lock: Lock) -> None:
        self._unwritten = unwritten
        self._lock = lock
        self.is_written = True
        """Whether the last try to write has worked."""
        self.rescue_at = 0.0
        """When to try again to go on in a new file, on the monotonic clock; 0 if that is done."""
        self.lost = 0
        """How many messages were lost since the start."""

    def now(self) -> Keeping:
        """Return the figures of this moment. Takes no lock, and so never waits for the file."""
        return Keeping(self.is_written and not self.rescue_at, len(self._unwritten), self.lost)

    def is_answering(self, seconds: float) -> bool:
        """Return whether a write or a read that is under way ends within `seconds`."""
        is_free = self._lock.acquire(timeout=seconds)
        if is_free:
            self._lock.release()
        return is_free
