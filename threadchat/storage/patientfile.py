"""Read and change the tables of the records, with patience while another program locks the file.

To wait is for the thread that wants something of the records, and for those that want something
behind it. Rooms do not wait: what they need, too, is the right to write (`database.WRITING`), which
is held for one statement only, and never while the file is locked.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from threadchat.storage import database, faults
from threadchat.storage.mirror import Mirror

Result = TypeVar("Result")

BUSY_SECONDS = 2.0
"""How long a change waits while another program has the file locked."""

IN_VAIN_SECONDS = 10.0
"""How long after one has waited in vain the others do not wait, unless the file is free again."""

_PAUSE_SECONDS = 0.02
"""How long it waits between two tries; meanwhile the history may be written."""


def connect(path: str | Path | None) -> sqlite3.Connection:
    """Return a connection to the tables in the file at `path`, or in memory if that is None."""
    if path is None:
        connection = database.connect_in_memory()
    else:
        connection = database.connect(Path(path), BUSY_SECONDS)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


class PatientFile:
    """Reads and changes through `connection`. Its owner has a lock. Methods raise `sqlite3.Error`.

    `clock` counts seconds, and `sleep` waits for some. `mirror` gets every change that was made.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        mirror: Mirror | None = None,
    ) -> None:
        self._connection = connection
        self._mirror = mirror
        self.clock = clock
        self.sleep = sleep
        # Until when it is in vain to wait for a change, or for reading. In WAL mode, a program that
        # keeps others from writing lets them read.
        self._in_vain_until: dict[str, float] = {}
        database.set_busy_seconds(connection, 0)  # SQLite itself would wait with the right

    def change(self, statement: str, values: Sequence[object]) -> int:
        """Make one change; return the number of a row that was inserted."""

        def write() -> int:
            with database.WRITING:
                return self._connection.execute(statement, values).lastrowid or 0

        number = self._patiently("change", write)
        if self._mirror is not None:
            self._mirror.change(statement, values)
        return number

    def read(self, query: str, values: Sequence[object]) -> list[Any]:
        """Return the rows of `query`."""
        return self._patiently("read", lambda: self._connection.execute(query, values).fetchall())

    def _patiently(self, kind: str, act: Callable[[], Result]) -> Result:
        """Do `act`, of that kind; try again for a while if another program has the file locked."""
        begin = self.clock()
        waits = begin >= self._in_vain_until.get(kind, begin)
        while True:
            try:
                result = act()
            except sqlite3.Error as error:
                if not faults.is_busy(error):
                    raise
                now = self.clock()
                if not waits or now - begin >= BUSY_SECONDS:
                    if waits:
                        self._in_vain_until[kind] = now + IN_VAIN_SECONDS
                    raise
            else:
                self._in_vain_until.pop(kind, None)
                return result
            self.sleep(_PAUSE_SECONDS)
