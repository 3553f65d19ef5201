"""Read rows of the history's file, and tell the operator when that fails."""

import sqlite3
from collections.abc import Callable
from threading import Event
from typing import Any

from threadchat.storage.historyfile import HistoryFile


class FileReader:
    """Reads through a connection to `file`; who calls it holds the lock of that connection.

    `warn` gets a line for the operator if it fails, and when it works again. Once `closing` is set,
    nothing is read.
    """

    def __init__(self, file: HistoryFile, warn: Callable[[str], None], closing: Event) -> None:
        self.file = file
        self._warn = warn
        self._closing = closing
        self._failing = ""  # the query that failed first, until it succeeds

    def read(
        self,
        connection: sqlite3.Connection,
        query: str,
        values: tuple[object, ...],
        is_over: Callable[[], bool] = lambda: False,
    ) -> list[Any]:
        """Return the rows; those up to an error if the file cannot be read.

        Warn the operator of that once; but not if `is_over` says that it was interrupted.
        """
        found: list[Any] = []
        if self._closing.is_set():
            return found
        try:
            found += connection.execute(query, values)
        except sqlite3.Error as error:
            if not (self._failing or self._closing.is_set() or is_over()):
                self._note(query, error)
            return found
        if query == self._failing:
            self._failing = ""
            self._warn("the history can be read again")
        return found

    def _note(self, query: str, error: sqlite3.Error) -> None:
        # A file that another program has overwritten is told of in another way, and soon.
        if self.file.contents.are_as_left() is not False:
            self._failing = query
            self._warn(f"the history cannot be read ({error}). See that {self.file.path} is sound")
