"""Notice that another program has overwritten the file of a history in place, as `cp` does.

The file is still the same one then, but what SQLite has not changed since the last checkpoint is
gone, and the next checkpoint would damage what was put there. As the file is in WAL mode, only
checkpoints write to it. All of ours are made here, so its size and the time of its last change are
known. Where these are others, the file is looked into: another program may have made a checkpoint.
SQLite's log is looked at likewise: it only gets shorter where a checkpoint empties it.
"""

import os
import sqlite3
import sys
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from threadchat.storage import faults, rows
from threadchat.storage.ownership import Ownership

_MAGIC = b"SQLite format 3\0"
_IN_WAL_MODE = b"\2\2"
_MAGIC_OF_LOG = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""The first bytes of a log that is not empty."""

CANNOT_NOW = (1, -1, -1)
"""What SQLite returns where a checkpoint cannot be made now."""


Checkpoint = Callable[[sqlite3.Connection, str], tuple[int, int, int]]
"""Makes a checkpoint through a connection, in a mode such as "PASSIVE".

It returns whether SQLite was busy, the pages in the log, and those of them that are moved.
"""


def checkpoint(connection: sqlite3.Connection, mode: str) -> tuple[int, int, int]:
    """Make a checkpoint, as a `Checkpoint`."""
    is_busy, pages, moved = connection.execute(f"PRAGMA wal_checkpoint ({mode})").fetchone()
    return is_busy, pages, moved


class _State(NamedTuple):
    """What `stat` says of the file, and the count of changes in its first page.

    See sqlite.org/fileformat2.html, 1.3: the count never gets smaller in one and the same database.
    """

    size: int
    changed_at: int
    changes: int


class Contents:
    """Knows what the file that `owner` owns was like after our last change, and its `log`.

    Where `log` is None, only the file is looked at. `connection` reads both, on the thread that
    calls `are_ours`. Other methods may be called by any thread.
    """

    def __init__(
        self, owner: Ownership, log: Ownership | None, connection: sqlite3.Connection, epoch: str
    ) -> None:
        self._owner = owner
        self._log = log
        self._connection = connection
        self.epoch = epoch
        """What the file says that its epoch is."""
        self._lock = Lock()  # is held for a checkpoint, and guards what follows
        self._left = self._look()
        self._log_size = self._size_of_log()
        self._are_lost = False

    def checkpoint(self, connection: sqlite3.Connection, mode: str) -> tuple[int, int, int]:
        """Make a checkpoint, as a `Checkpoint`; but none into a file that is not as it was left."""
        # As in SQLite, a second one at the same time is none: a room may wait for this thread.
        if not self._lock.acquire(blocking=False):
            return CANNOT_NOW
        try:
            if self._are_lost or self._differ():
                return CANNOT_NOW
            try:
                found = checkpoint(connection, mode)
                self._log_size = self._size_of_log()
            except sqlite3.OperationalError as error:
                if not faults.is_too_short(error):
                    raise
                self._log_size = sys.maxsize  # it is shorter than it should be: look into it soon
                return CANNOT_NOW
            left = self._look()
            if self._may_be_ours(left, self._left):  # else, as after an error, it is looked into
                self._left = left
            return found
        finally:
            self._lock.release()

    def are_as_left(self) -> bool | None:
        """Return whether nothing but our own checkpoints has changed the file; None during one."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return not (self._are_lost or self._differ())
        finally:
            self._lock.release()

    def are_ours(self) -> bool:
        """Return whether the file still holds the history, also if another program has changed it.

        Once this has returned False, it always does.
        """
        with self._lock:
            if self._are_lost:
                return False
            found, left, log_size = self._look(), self._left, self._size_of_log()
            if found == left and log_size >= self._log_size:
                self._log_size = log_size
                return True
        # Meanwhile no checkpoint of ours is made, as the file differs.
        are_ours = self._hold_the_history(found, left)
        with self._lock:
            if are_ours:
                self._left, self._log_size = found, log_size
            elif are_ours is not None:
                self._are_lost = True
        return are_ours is not False

    def doubt(self) -> None:
        """Have `are_ours` look into the file the next time, as it could not be read just now."""
        with self._lock:
            self._log_size = sys.maxsize

    def is_only_log_lost(self) -> bool:
        """Return whether the file itself is as the last checkpoint left it."""
        with self._lock:
            return self._look() == self._left

    def _differ(self) -> bool:
        status = os.fstat(self._owner.descriptor)
        is_as_left = (status.st_size, status.st_mtime_ns) == self._left[:2]
        return not is_as_left or self._size_of_log() < self._log_size

    def _size_of_log(self) -> int:
        """Return how large the log is; -1 if it is none any more."""
        if self._log is None:
            return 0
        begin = self._log.read(0, 4)
        if begin and begin not in _MAGIC_OF_LOG:
            return -1
        return os.fstat(self._log.descriptor).st_size

    def _may_be_ours(self, found: _State, left: _State) -> bool:
        """Return whether the file begins as that of a history, and is no earlier copy of it."""
        first = self._owner.read(0, 100)
        is_history = first[:16] == _MAGIC and first[18:20] == _IN_WAL_MODE
        return is_history and found.changes >= left.changes

    def _look(self) -> _State:
        status = os.fstat(self._owner.descriptor)
        changes = int.from_bytes(self._owner.read(24, 4), "big")
        return _State(status.st_size, status.st_mtime_ns, changes)

    def _hold_the_history(self, found: _State, left: _State) -> bool | None:
        """Look into the file, which was `left` otherwise; return None if it cannot be known now.

        What SQLite's log covers is not looked at: the next checkpoint makes that whole again.
        """
        if not self._may_be_ours(found, left):
            return False
        if self._size_of_log() < 0:
            return False
        try:
            self._connection.execute("PRAGMA shrink_memory")  # what was read before says nothing
            epoch, _ = rows.read_state(self._connection)
            (verdict,) = self._connection.execute("PRAGMA quick_check (1)").fetchone()
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            return None if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) else False
        return epoch == self.epoch and verdict == "ok"
