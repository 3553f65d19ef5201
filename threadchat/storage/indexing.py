"""Take what was said into the index of words after it was written, while no room waits for it.

A room only writes its lines. A thread takes them into the index soon after, a piece at a time;
while much is said, it lets them wait, up to a bound, as rooms need the processor and the file. The
same goes for what busy rooms write by the batch (`batches`), which comes into the table of lines
first.
How far it has come is kept in the file (`history.indexed`: the id of a line) and changed in the
same transaction as the index, so that both agree however the process ends. Lines behind that one
are searched without the index (`filesearch`).
"""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from threadchat.storage import database, faults, rows
from threadchat.storage.batches import MAX_WAITING, Batches

LINES_AT_ONCE, BYTES_AT_ONCE = 400, 32 * 1024
"""The most lines and bytes in one piece. A room that writes waits for one piece at most."""

LOOK_SECONDS = 1.0
"""How long one look may take; then its thread sees to other things before it goes on."""

RESTS, REST_SECONDS = 4.0, 0.002
"""It rests so many times as long as the processor has worked for a piece, but at least so long."""

FAR_BEHIND, AT_ONCE = 20_000, 4
"""If so many lines are waiting, it takes in so many pieces at once, and rests for as long."""


class Indexer:
    """Takes lines into the index of the file at `path`; a `Keeper` has it look for new ones.

    `connection` is for this alone, and `rows.prepare_indexing` has prepared it. `batches` are those
    of the file. `warn` gets a line for the operator if two looks in a row fail, and when it works
    again; `doubt` is called after the first if another program may have cut the log short. `clock`
    returns seconds, and `work` those that the processor has worked for the thread.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        batches: Batches,
        warn: Callable[[str], None],
        doubt: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        work: Callable[[], float] = time.thread_time,
    ) -> None:
        self._connection = connection
        self._path = path
        self._batches = batches
        self._warn = warn
        self._doubt = doubt
        self._clock = clock
        self._work = work
        self._failures = 0  # of the last looks

    def look(self, rest: Callable[[float], bool]) -> bool:
        """Take in lines that are not in the index yet, in pieces; return whether there are more.

        `rest` waits for some seconds between two pieces, and returns whether to stop.
        """
        try:
            is_done = self._take_in(rest)
            has_to_wait = self._has_to_wait()
        except sqlite3.Error as error:
            if faults.is_busy(error):
                return False
            self._failures += 1
            if self._failures == 1 and faults.is_too_short(error):
                self._doubt()
            elif self._failures == 2:
                self._warn(
                    f"words cannot be taken into the history's index ({error}), and searches take"
                    f" longer. {faults.what_to_see_to(self._path, error)}"
                )
            return False
        if is_done:
            if self._failures >= 2:
                self._warn("words are taken into the history's index again")
            self._failures = 0
        return not is_done and not has_to_wait

    def _has_to_wait(self) -> bool:
        """Return whether much is said, and the lines that wait are not too many yet."""
        return self._batches.pace.is_much and self._lines_waiting() < MAX_WAITING

    def _lines_waiting(self) -> int:
        return self._batches.waiting + rows.count_not_indexed(self._connection)

    def _take_in(self, rest: Callable[[float], bool]) -> bool:
        """Return whether the index has all lines."""
        end = self._clock() + LOOK_SECONDS
        pieces, rests = 1, RESTS
        while not self._has_to_wait():
            begun = self._work()
            waiting = self._batches.waiting
            if waiting:
                with database.WRITING:
                    self._batches.move(self._connection, pieces * LINES_AT_ONCE)
            else:
                waiting = rows.index_some(
                    self._connection, pieces * LINES_AT_ONCE, pieces * BYTES_AT_ONCE
                )
                if waiting <= pieces * LINES_AT_ONCE and not self._lines_waiting():
                    return True
            seconds = max(REST_SECONDS, rests * (self._work() - begun))
            if self._clock() >= end or rest(seconds):
                return False
            pieces, rests = (AT_ONCE, 1.0) if waiting >= FAR_BEHIND else (1, RESTS)
        return False
