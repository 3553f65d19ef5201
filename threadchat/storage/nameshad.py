"""Remember which names the owners of protected names had, and when, over a restart.

A line of the history says under which name it was said. So this tells which lines are an owner's.
"""

import sqlite3
from collections.abc import Sequence
from math import inf

from threadchat.storage.patientfile import PatientFile
from threadchat.storage.values import text_of, time_of

NameHad = tuple[str, float, float]
"""A name, folded, and the time for which somebody had it; the end may be infinity."""


class NamesHad:
    """The names that owners had, by the folded name that is protected; its owner has a lock.

    What has no end in the file ends at `now`: nobody had a name while no server was running.
    """

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        connection.execute("UPDATE names_had SET until = max(since, ?) WHERE until IS NULL", (now,))
        self._of: dict[str, tuple[NameHad, ...]] = {}  # each is replaced as a whole
        for owner, fold, since, until in connection.execute(
            "SELECT owner, fold, since, until FROM names_had ORDER BY since"
        ):
            had = text_of(fold), time_of(since), time_of(until)
            self._of[str(owner)] = (*self._of.get(str(owner), ()), had)

    def of(self, owner: str) -> tuple[NameHad, ...]:
        """Return the names that an owner had. Needs no lock."""
        return self._of.get(owner, ())

    def keep(self, file: PatientFile, owner: str, names: Sequence[NameHad]) -> None:
        """Remember these in place of those that are remembered; raise `sqlite3.Error`."""
        before = self.of(owner)
        begins = {(fold, since) for fold, since, _ in names}
        for fold, since, _ in before:
            if (fold, since) not in begins:
                file.change(
                    "DELETE FROM names_had WHERE owner = ? AND fold = ? AND since = ?",
                    (owner, fold, since),
                )
        for fold, since, until in names:
            if (fold, since, until) not in before:
                file.change(
                    "INSERT OR REPLACE INTO names_had VALUES (?, ?, ?, ?)",
                    (owner, fold, since, None if until == inf else until),
                )
        self._of[owner] = tuple(names)

    def drop(self, owner: str) -> None:
        """Forget those of an owner, whose name is protected no longer; the file does so itself."""
        self._of.pop(owner, None)
