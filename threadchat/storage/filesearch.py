"""Search a history that is in a file: what waits to be written, and then the index of words."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol

from threadchat.messages.kinds import Spoken
from threadchat.storage import rows
from threadchat.storage.rows import Row, Unwritten, found_of
from threadchat.storage.searching import Found, OutOfTime, SearchPace, SearchStopped
from threadchat.text.search import Query


class Read(Protocol):
    """Reads rows; it tells the operator of errors, but not if `is_over` says it was interrupted."""

    def __call__(
        self,
        connection: sqlite3.Connection,
        query: str,
        values: tuple[object, ...],
        is_over: Callable[[], bool],
    ) -> list[Row]:
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

    def newest(self, query: Query, number: int, waiting: Sequence[Unwritten]) -> list[Found]:
        """Return the last `number` messages that match, newest first. Raise `SearchStopped`.

        `waiting` is what waited to be written when the search began; it may be written by now.
        """
        found = self._newest_of(waiting, query, number)
        if len(found) >= number:
            return found
        seen = {(hit.room, hit.message.seq) for hit in found}
        # In quotes, the words that `index_words` makes are no syntax of FTS5.
        values = " ".join(f'"{phrase}"' for phrase in query.phrases), number
        with self._pace.of(self._connection) as is_over:
            read = self._read(self._connection, rows.SEARCH, values, is_over)
        hits = [found_of(row, self._epoch) for row in read]
        found += [hit for hit in hits if (hit.room, hit.message.seq) not in seen]
        if is_over() and len(read) < number:
            raise SearchStopped(found[:number], found[-1].message.at if read else None)
        return found[:number]

    def _newest_of(self, waiting: Sequence[Unwritten], query: Query, number: int) -> list[Found]:
        found: list[Found] = []
        back_to = None
        try:
            for room, _, it in reversed(waiting):
                if isinstance(it, Spoken) and query.matches(it.text):
                    found.append(Found(room.name, it))
                    if len(found) >= number:
                        break
                back_to = it.at
                self._pace.step()
        except OutOfTime:
            raise SearchStopped(found, back_to) from None
        return found
