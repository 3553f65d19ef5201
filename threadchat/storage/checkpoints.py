"""Move what was written from SQLite's log (`-wal`) into the file, while no room waits for it.

A commit only adds to the log. Moving it into the file is called a checkpoint, and that waits for
the disk. Rooms never do it themselves: a thread does, when nothing has been written for a moment,
and now and then while much is written. So the file has nearly everything nearly always, and the
log stays small. See sqlite.org/wal.html.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from threadchat.storage import database, faults
from threadchat.storage.contents import Checkpoint, checkpoint

MAX_SECONDS = 5.0
"""After so long it is moved even if more is written between any two looks."""

LARGE_LOG = 16 * 1024 * 1024
"""A log of so many bytes is moved at each look."""

MAX_PAGES = 16_000
"""A log of so many pages (of 4 KiB) is begun anew: writers wait until the last of it is moved."""

PAGES_WAITED_FOR = 256
"""Writers should not have to wait until more pages than that are moved."""

_TRIES = 5
"""How often it is tried to have so few left, while more is written; then writers wait for all."""


class Checkpointer:
    """Makes checkpoints of the file at `path`; a `Keeper` has it look for when it is time.

    `connection` is for this alone. `warn` gets a line for the operator if it fails, and when it
    works again. `clock` returns seconds. `checkpoint` makes one.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        checkpoint: Checkpoint = checkpoint,
    ) -> None:
        self._connection = connection
        self._checkpoint = checkpoint
        self._log = path.with_name(f"{path.name}-wal")
        self._warn = warn
        self._clock = clock
        self._version = 0  # of what the file held at the last look; another number at each change
        self._waits_since: float | None = 0.0  # the log may hold something from before
        self._has_failed = False

    def look(self) -> None:
        """Make a checkpoint if it is time for one."""
        try:
            self._look()
        except sqlite3.Error as error:
            if not faults.is_busy(error) and not self._has_failed:
                self._has_failed = True
                self._warn(
                    f"the history's log ({self._log.name}) cannot be moved into its file ({error})"
                    f" and grows. See that {self._log.parent} may be written and the disk has room"
                )
            return
        if self._has_failed and self._waits_since is None:
            self._has_failed = False
            self._warn("the history's log is moved into its file again")

    def _look(self) -> None:
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        is_quiet = version == self._version
        self._version = version
        now = self._clock()
        if self._waits_since is None and not is_quiet:
            self._waits_since = now
        if self._waits_since is None:
            return
        is_large = self._is_large()
        if is_quiet or is_large or now - self._waits_since >= MAX_SECONDS:
            is_done = self._move_all(begins_anew=is_quiet, truncates=is_quiet and is_large)
            self._waits_since = None if is_done and is_quiet else now

    def _is_large(self) -> bool:
        with contextlib.suppress(OSError):
            return os.stat(self._log).st_size >= LARGE_LOG
        return False

    def _move_all(self, begins_anew: bool, truncates: bool) -> bool:
        """Move what is in the log, all of it if the log `begins_anew`; return whether it did."""
        pages, left = self._move()
        if not begins_anew and pages < MAX_PAGES:
            return False
        for _ in range(_TRIES):
            if left <= PAGES_WAITED_FOR:
                break
            moved = pages - left
            pages, left = self._move()
            if pages - left == moved:
                return False  # somebody is reading what the file held before
        with database.WRITING:
            return self._begin_anew(truncates)

    def _move(self) -> tuple[int, int]:
        """Move what is in the log; return its pages, and how many of them are left."""
        _, pages, moved = self._checkpoint(self._connection, "PASSIVE")
        return pages, pages - moved

    def _begin_anew(self, truncates: bool) -> bool:
        """Move the rest, while nobody writes, and let the log begin anew; return whether it did.

        The first write to a new log waits for the disk. It is made here, so that no room makes it.
        """
        mode = "TRUNCATE" if truncates else "PASSIVE"
        is_busy, pages, moved = self._checkpoint(self._connection, mode)
        if is_busy or moved < pages:
            return False
        database.mark_as_ours(self._connection)
        return True
