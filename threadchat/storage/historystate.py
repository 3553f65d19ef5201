"""Say how a history in a file is doing, also while its lock is held by a write that hangs."""

from collections.abc import Sized

from threadchat.monitoring.stats import Keeping


class HistoryState:
    """The state of a `StoredHistory`, which changes it with its own lock held.

    `unwritten` are the messages that wait. Any thread may read; that takes no lock.
    """

    def __init__(self, unwritten: Sized) -> None:
        self._unwritten = unwritten
        self.is_written = True
        """Whether the last try to write has worked."""
        self.rescue_at = 0.0
        """When to try again to go on in a new file, on the monotonic clock; 0 if that is done."""
        self.lost = 0
        """How many messages were lost since the start."""

    def now(self) -> Keeping:
        """Return the figures of this moment."""
        return Keeping(self.is_written and not self.rescue_at, len(self._unwritten), self.lost)
