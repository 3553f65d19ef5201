"""Erase from the file what the history has deleted, so that no byte of it can be found.

Deleting a line leaves its words in older parts of the index, and its text in the log of SQLite
(`-wal`). This merges the index and empties the log. The file says that this has still to be done,
so that it is done after a restart, however the server ended.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread

from threadchat.net import processors
from threadchat.net.threads import join, start_thread
from threadchat.storage import database, faults
from threadchat.storage.contents import Checkpoint, checkpoint

RETRY_SECONDS = 1.0
"""How long the eraser waits where another program reads the file or has it locked."""

CLOSE_SECONDS = 1.0
"""How long a close waits for what is being erased; the rest is erased at the next start."""

_PAGES_AT_ONCE = 64
"""The pages of the index that are merged at once: a room waits for no more."""

_REST_SECONDS = 0.005
"""The pause between two of those, in which rooms can write."""


class Eraser:
    """Erases what was deleted from the file at `path`, on a thread that ends when all is done.

    `connection` is for this alone, and is closed by its owner after `close`. `warn` gets a line for
    the operator where that fails. `checkpoint` makes one.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        warn: Callable[[str], None],
        retry_seconds: float = RETRY_SECONDS,
        checkpoint: Checkpoint = checkpoint,
    ) -> None:
        self._connection = connection
        self._checkpoint = checkpoint
        self._path = path
        self._warn = warn
        self._retry_seconds = retry_seconds
        self._lock = Lock()  # guards the two below
        self._is_asked = False
        self._thread: Thread | None = None
        self._hurried = Event()
        self._closing = Event()
        self._has_failed = False

    def start(self) -> None:
        """Erase what was deleted up to now; return at once."""
        with self._lock:
            self._is_asked = True
            if self._thread is None and not self._closing.is_set():
                # Out of threads, the next call or the next start of the server does it.
                self._thread = start_thread(self._run, "history eraser")

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Erase nothing any more; wait up to `timeout` seconds for what is being erased."""
        with self._lock:
            thread = self._thread
        self._hurried.set()  # a failed try is made again at once, not in a second
        join(thread, timeout)
        self._closing.set()
        join(thread)

    def _run(self) -> None:
        processors.stay_on_none()
        while self._goes_on():
            while not self._try_to_erase():
                self._hurried.wait(self._retry_seconds)
                if self._closing.wait(_REST_SECONDS):
                    break

    def _goes_on(self) -> bool:
        with self._lock:
            if self._is_asked and not self._closing.is_set():
                self._is_asked = False
                return True
            self._thread = None
            return False

    def _try_to_erase(self) -> bool:
        """Return whether all that was deleted is erased."""
        try:
            has_erased = self._erase(self._connection)
        except sqlite3.Error as error:
            if not self._has_failed:
                self._has_failed = True
                self._warn(
                    "what was taken back or forgotten cannot be erased from the history yet"
                    f" ({error}). {faults.what_to_see_to(self._path, error)}"
                )
            return False
        if has_erased and self._has_failed:
            self._has_failed = False
            self._warn("what was taken back or forgotten is erased from the history now")
        return has_erased

    def _erase(self, connection: sqlite3.Connection) -> bool:
        (count,) = connection.execute("SELECT to_erase FROM history").fetchone()
        if not count:
            return True
        # A negative number has everything merged into one, piece by piece, as in "optimize"
        # (sqlite.org/fts5.html, 6.8). Only then do words vanish that were deleted.
        _merge(connection, -_PAGES_AT_ONCE)
        while _merge(connection, _PAGES_AT_ONCE) >= 2:
            if self._closing.wait(_REST_SECONDS):
                return False
            self._checkpoint(connection, "PASSIVE")
        # Nobody waits for the disk here, and then there is little left for which rooms do.
        self._checkpoint(connection, "PASSIVE")
        with database.WRITING:
            (is_busy, _, _) = self._checkpoint(connection, "TRUNCATE")
            if is_busy:  # somebody is reading
                return False
            # More may have been deleted meanwhile.
            done = connection.execute(
                "UPDATE history SET to_erase = 0 WHERE to_erase = ?", (count,)
            )
            return done.rowcount == 1


def _merge(connection: sqlite3.Connection, pages: int) -> int:
    """Merge that many pages of the index of words; return how many rows that has changed."""
    with database.WRITING:
        before = connection.total_changes
        connection.execute("INSERT INTO words (words, rank) VALUES ('merge', ?)", (pages,))
        return connection.total_changes - before
