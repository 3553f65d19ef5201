"""Keep the tables of the records in memory, too: their file may be overwritten by another program.

`contents` notices that, and `rescue` has them written into a new file.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from threadchat.storage import database

MAX_LETTERS = 10_000
"""How many letters are kept here; the oldest are dropped first."""

_TABLES = ("names", "ignores", "letters", "bans", "names_had", "hooks", "sqlite_sequence")


class Mirror:
    """Has what `connection` reads from the tables of the records, and gets every change to them.

    Its owner has a lock. Raises `sqlite3.Error` if the tables cannot be read.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = database.connect_in_memory()
        try:
            _write(self._connection, _read(connection))
            self._connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            self._connection.close()
            raise
        self._at_close: dict[str, list[Any]] = {}

    def change(self, statement: str, values: Sequence[object]) -> None:
        """Make a change that was made in the file."""
        with suppress(sqlite3.Error):  # of a damaged file, not all rows may be here
            self._connection.execute(statement, values)
            self._connection.execute(
                "DELETE FROM letters WHERE id <= (SELECT max(id) FROM letters) - ?", (MAX_LETTERS,)
            )

    def write_into(self, connection: sqlite3.Connection) -> None:
        """Write all of it into the tables of a new file, which are empty."""
        with database.transaction(connection):
            _write(connection, self._at_close or _read(self._connection))

    def close(self) -> None:
        """Take no more changes. What there is can still be written into a file."""
        self._at_close = _read(self._connection)
        self._connection.close()


def _read(connection: sqlite3.Connection) -> dict[str, list[Any]]:
    return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in _TABLES}


def _write(connection: sqlite3.Connection, tables: dict[str, list[Any]]) -> None:
    for table, rows in tables.items():
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            connection.execute(f"DELETE FROM {table}")
            connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)
