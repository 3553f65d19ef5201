"""Search a history that is in a file, newest first.

At first comes what waits to be written, then what is in the file and not in the table of lines, or
not in the index of words yet, and then what is in the index. All of it is compared by the same
rules (`text.search`).
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from threadchat.messages.kinds import Spoken
from threadchat.storage import batches, rows
from threadchat.storage.rows import Unwritten, found_of
from threadchat.storage.searching import Found, OutOfTime, SearchPace, SearchStopped
from threadchat.storage.values import MAX_NUMBER, text_of, time_of
from threadchat.text.search import Query

_LINES_AT_ONCE = 64
"""How many lines are read at once that are not in the index: some tenths of a millisecond."""


class Read(Protocol):
    """Reads rows; it tells the operator of errors, but not if `is_over` says it was interrupted."""

    def __call__(
        self,
        connection: sqlite3.Connection,
        query: str,
        values: tuple[object, ...],
        is_over: Callable[[], bool] = ...,
    ) -> list[Any]:
        """Return the rows, those up to an error if there is one."""


class FileSearch:
    """One search, at its pace, through a connection that nobody else uses meanwhile."""

    def __init__(
        self, connection: sqlite3.Connection, read: Read, epoch: str, pace: SearchPace
    ) -> None:
        self._connection = connection
        self._read = read
        self._epoch = epoch
        self._pace = pace
        self._found: list[Found] = []
        self._seen: set[tuple[str, int]] = set()  # the places of what was found

    def newest(
        self, query: Query, number: int, waiting: Sequence[Unwritten], has_batches: bool
    ) -> list[Found]:
        """Return the last `number` messages that match, newest first. Raise `SearchStopped`.

        `waiting` is what waited to be written when the search began, and `has_batches` says whether
        something waited in the file; it may be written, or moved, by now.
        """
        self._look_at_waiting(query, number, waiting)
        if has_batches:
            self._look_at_batches(query, number)
        before = self._look_behind_index(query, number)
        if len(self._found) < number:
            self._look_in_index(query, number, before)
        return self._found[:number]

    def _add(self, hits: Iterable[Found]) -> None:
        for hit in hits:
            place = hit.room, hit.message.seq
            if place not in self._seen:
                self._seen.add(place)
                self._found.append(hit)

    def _look_at_waiting(self, query: Query, number: int, waiting: Sequence[Unwritten]) -> None:
        back_to = None
        for room, _, it in reversed(waiting):
            if isinstance(it, Spoken) and query.matches(it.text):
                self._add([Found(room.name, it)])
                if len(self._found) >= number:
                    return
            back_to = it.at
            self._step(back_to)

    def _look_at_batches(self, query: Query, number: int) -> None:
        """Look at what waits in the file to come into the table of lines."""

        def read(query: str, values: tuple[object, ...]) -> list[Any]:
            return self._read(self._connection, query, values)

        for batch in batches.newest_of_all(read, self._epoch):
            if len(self._found) >= number:
                return
            self._add(hit for hit in batch if query.matches(hit.message.text))
            if batch:
                self._step(batch[-1].message.at)

    def _look_behind_index(self, query: Query, number: int) -> int:
        """Return the id before which nothing was looked at; the index has all of that."""
        before = MAX_NUMBER + 1
        while len(self._found) < number:
            values = before, _LINES_AT_ONCE
            read = self._read(self._connection, rows.NOT_INDEXED, values)
            self._add(
                found_of(tuple(row), self._epoch)
                for _, *row in read
                if query.matches(row[4] if isinstance(row[4], str) else text_of(row[4]))
            )
            if read:
                before = read[-1][0]
            if len(read) < _LINES_AT_ONCE:
                break
            self._step(time_of(read[-1][2]))
        return before

    def _step(self, back_to: float | None) -> None:
        try:
            self._pace.step()
        except OutOfTime:
            raise SearchStopped(self._found, back_to) from None

    def _look_in_index(self, query: Query, number: int, before: int) -> None:
        # In quotes, the words that `index_words` makes are no syntax of FTS5.
        words = " ".join(f'"{phrase}"' for phrase in query.phrases)
        with self._pace.of(self._connection) as is_over:
            read = self._read(self._connection, rows.SEARCH, (words, before, number), is_over)
        self._add(found_of(row, self._epoch) for row in read)
        if is_over() and len(read) < number:
            raise SearchStopped(self._found[:number], self._found[-1].message.at if read else None)
