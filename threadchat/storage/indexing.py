"""Take what was said into the index of words after it was written, while no room waits for it.

A room only writes its lines. A thread takes them into the index soon after, a piece at a time.
How far it has come is kept in the file (`history.indexed`: the id of a line) and changed in the
same transaction as the index, so that both agree however the process ends. Lines behind that one
are searched without the index (`filesearch`).
"""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from threadchat.storage import faults, rows

LINES_AT_ONCE = 400
"""The most lines in one piece. A room that has something to write waits for one piece at most."""

BYTES_AT_ONCE = 32 * 1024
"""The most bytes in one piece, unless it is a single line."""

LOOK_SECONDS = 1.0
"""How long one look may take; then the thread sees to other things, and goes on at the next."""

RESTS, FAR_BEHIND = 4.0, 20_000
"""It rests so many times as long as a piece took; only as long if so many lines are waiting."""


class Indexer:
    """Takes lines into the index of the file at `path`; a `Keeper` has it look for new ones.

    `connection` is for this alone, and `rows.prepare_indexing` has prepared it. `warn` gets a line
    for the operator if two looks in a row fail, and when it works again; `doubt` is called after
    the first if another program may have cut the log short. `clock` returns seconds.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        warn: Callable[[str], None],
        doubt: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._path = path
        self._warn = warn
        self._doubt = doubt
        self._clock = clock
        self._failures = 0  # of the last looks

    def look(self, rest: Callable[[float], bool]) -> None:
        """Take in the lines that are not in the index yet, in pieces, for `LOOK_SECONDS` at most.

        `rest` waits for some seconds between two pieces, and returns whether to stop.
        """
        try:
            is_done = self._take_in(rest)
        except sqlite3.Error as error:
            if faults.is_busy(error):
                return
            self._failures += 1
            if self._failures == 1 and faults.is_too_short(error):
                self._doubt()
            elif self._failures == 2:
                self._warn(
                    f"words cannot be taken into the history's index ({error}), and searches take"
                    f" longer. {faults.what_to_see_to(self._path, error)}"
                )
            return
        if is_done:
            if self._failures >= 2:
                self._warn("words are taken into the history's index again")
            self._failures = 0

    def _take_in(self, rest: Callable[[float], bool]) -> bool:
        """Return whether the index has all lines."""
        now = self._clock()
        end = now + LOOK_SECONDS
        while waiting := rows.count_not_indexed(self._connection):
            rows.index_some(self._connection, LINES_AT_ONCE, BYTES_AT_ONCE)
            begun, now = now, self._clock()
            rests = 1.0 if waiting >= FAR_BEHIND else RESTS
            if now >= end or rest(rests * (now - begun)):
                return False
            now = self._clock()
        return True
