"""Remember which owners of protected names ignore which others, over a restart."""

import sqlite3
from collections.abc import Container, Iterable

from threadchat.storage.patientfile import PatientFile
from threadchat.text.names import fold_name

Pairs = Iterable[tuple[str, str]]
"""Protected names: in each pair, the owner of the first ignores that of the second."""


class Ignores:
    """What the owners of protected names ignore, by their folded names; its owner has a lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._ignored: dict[str, frozenset[str]] = {}  # each is replaced as a whole
        for owner, ignored in connection.execute("SELECT owner, ignored FROM ignores"):
            self._ignored[str(owner)] = self.of(str(owner)) | {str(ignored)}

    def of(self, owner: str) -> frozenset[str]:
        """Return whom an owner ignores. Needs no lock."""
        return self._ignored.get(owner, frozenset())

    def add(self, file: PatientFile, pairs: Pairs, protected: Container[str]) -> None:
        """Add pairs of which both names are `protected`; raise `sqlite3.Error`."""
        for owner, ignored in _folded(pairs):
            known = self.of(owner)
            if ignored not in known and owner in protected and ignored in protected:
                file.change("INSERT INTO ignores VALUES (?, ?)", (owner, ignored))
                self._ignored[owner] = known | {ignored}

    def remove(self, file: PatientFile, pairs: Pairs) -> None:
        """Take out pairs; raise `sqlite3.Error`."""
        for owner, ignored in _folded(pairs):
            known = self.of(owner)
            if ignored in known:
                file.change("DELETE FROM ignores WHERE owner = ? AND ignored = ?", (owner, ignored))
                self._ignored[owner] = known - {ignored}

    def drop(self, name: str) -> None:
        """Forget all pairs with a name that is protected no longer; the file does so itself."""
        self._ignored.pop(name, None)
        for owner, ignored in list(self._ignored.items()):
            self._ignored[owner] = ignored - {name}


def _folded(pairs: Pairs) -> set[tuple[str, str]]:
    return {(fold_name(one), fold_name(other)) for one, other in pairs}
