"""Remember what the server has to know of people, other than what they said.

These are the protected names, each with what is kept of its passphrase, whom its owner ignores, and
which other names the owner had; the mail that waits for the owners of those names; the bans; and
the hooks. They are in the file of the history, or in memory if there is no file.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Lock

from threadchat.access.bans import Ban, Target
from threadchat.messages.kinds import Private
from threadchat.storage import faults
from threadchat.storage.hooks import KeptHooks
from threadchat.storage.ignores import Ignores
from threadchat.storage.kept import (
    CANNOT_KEEP,
    Follow,
    KeptMessage,
    Protected,
    RecordsFailed,
    RecordsFull,
)
from threadchat.storage.keptbans import KeptBans
from threadchat.storage.looks import Looks
from threadchat.storage.mirror import Mirror
from threadchat.storage.nameshad import NameHad, NamesHad
from threadchat.storage.ownership import Ownership, owner_of
from threadchat.storage.patientfile import PatientFile, connect
from threadchat.storage.values import bytes_of, name_of, text_of, time_of
from threadchat.storage.waitingmail import MAX_FROM_ONE, MAX_MAIL, WaitingMail
from threadchat.text.names import fold_name, skeleton
from threadchat.text.paths import resolve

__all__ = [
    "MAX_FROM_ONE",
    "MAX_MAIL",
    "KeptMessage",
    "Protected",
    "Records",
    "RecordsFailed",
    "RecordsFull",
]

MAX_NAMES = 10_000
"""The most names that can be protected."""

MAX_NAMES_OF_ADDRESS = 5
"""The most of these that can be protected from one address, other than by operators."""

_CANNOT_KEEP_IGNORED = "That counts now, but may not when you come back: it cannot be written."


class Records:
    """Protected names, mail and bans, in the file at `path`, or in memory if that is None.

    A `StoredHistory` has the same file open, and is closed after this. Raises `Unusable` if the
    file cannot be used. May be called from any thread. `now` returns the seconds since the epoch.
    `warn` gets a line for the operator for what the file holds and cannot be used.

    If the file fails later, methods raise `RecordsFailed`. Names and bans are kept in memory as
    well, so the server can still decide whether a client may come in, and never waits for the file
    to do so.
    """

    # The server owns the file, so these tables change only while `lock` is held, and what was read
    # under the lock stays true. Rooms never need that lock.

    def __init__(
        self,
        path: str | Path | None,
        now: Callable[[], float] = time.time,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.is_lasting = path is not None
        """Whether they outlive the server. If not, nobody should be promised a name, or mail."""
        self.now = now
        self._warn = warn
        self.follower: Follow | None = None
        """Called with what has changed here, on the thread that has changed it; set it early."""
        self.lock = Lock()  # guards the connection, and changes of all below
        # With links resolved, as in the history.
        self._path = Path(":memory:") if path is None else resolve(path)
        with contextlib.ExitStack() as opened:
            try:
                self._connection = opened.enter_context(
                    contextlib.closing(connect(path and self._path))
                )
                # This is replaced as a whole, so that no lock is needed to read them:
                # a thread may have the lock for as long as another program locks the file.
                self._names = self._read_names()  # by their folded form
                self._ignores = Ignores(self._connection)
                self._names_had = NamesHad(self._connection, now())
                self._looks = Looks()
                for protected in self._names.values():
                    self._looks.add(protected.name)
                self.all_bans = KeptBans(
                    self._connection, self._turn, self._follow, now, self._warn_of_ban
                )
                self.mail = WaitingMail(self._turn, self._follow, self.protected)
                self.hooks = KeptHooks(self._connection, self._turn)
                self._mirror = None if path is None else Mirror(self._connection)
                self._file = PatientFile(self._connection, mirror=self._mirror)
            except sqlite3.Error as error:
                raise faults.Unusable(faults.why_unusable(self._path, error)) from None
            opened.pop_all()
        self._is_closed = False
        owner = owner_of(self._path) if self.is_lasting else None
        if owner is not None:
            owner.followers.append(self)

    def follow(self, owner: Ownership, path: Path) -> None:
        """Go on with the file at `path`, which holds the same; the lock is held."""
        if not self._is_closed:
            before, self._path = (self._connection, self._path), path
            try:
                self._connection = connect(path)
                self._file = PatientFile(self._connection, mirror=self._mirror)
            except sqlite3.Error:
                self._path = before[1]
                raise
            before[0].close()
            owner.followers.append(self)

    def write_into(self, connection: sqlite3.Connection) -> None:
        """Write all of it into the tables of a new file, which are empty; the lock is held."""
        if self._mirror is not None:
            self._mirror.write_into(connection)

    def close(self) -> None:
        """Close the file. Names and bans can still be asked for."""
        with self.lock:
            if not self._is_closed:
                self._is_closed = True
                self._connection.close()
                if self._mirror is not None:
                    self._mirror.close()

    @contextlib.contextmanager
    def _turn(self, line: str) -> Iterator[PatientFile]:
        """Hold the lock; an error of SQLite becomes `RecordsFailed` with `line`."""
        with self.lock:
            try:
                yield self._file
            except sqlite3.Error as error:
                raise RecordsFailed(
                    line,
                    f"names, mail and bans cannot be kept or read ({error})."
                    f" {faults.what_to_see_to(self._path, error)}",
                ) from error

    def _follow(self, kind: str, key: str, by: str = "") -> None:
        if self.follower is not None:
            self.follower(kind, key, by)

    # Names

    def protect(self, name: str, kept: bytes, address: str = "") -> None:
        """Protect `name` with the passphrase that `kept` was made from.

        The name counts for `address`, as in `Protected`. A name that is protected already gets the
        new passphrase, and nothing else changes. Raises `RecordsFull`.
        """
        fold = fold_name(name)
        with self._turn(CANNOT_KEEP):
            before = self._names.get(fold)
            if before is None and len(self._names) >= MAX_NAMES:
                raise RecordsFull(f"{MAX_NAMES} names are protected already. Ask the operator.")
            if before is None and self._count_of(address) >= MAX_NAMES_OF_ADDRESS:
                raise RecordsFull(
                    f"{MAX_NAMES_OF_ADDRESS} names are protected from your address already."
                    " Ask an operator to free one."
                )
            since = self.now() if before is None else before.since
            address = address if before is None else before.address
            self._put(Protected(name, kept, since, address))
        self._follow("name", fold)

    def put_name(self, protected: Protected) -> Protected | None:
        """Keep a record as another server has it; nobody is told of the change.

        Return the record that was here, if it was of another owner: its mail is deleted.
        """
        before = self.protected(protected.name)
        is_others = before is not None and before.since != protected.since
        if is_others:
            self.drop_name(protected.name)
        with self._turn(CANNOT_KEEP):
            self._put(protected)
        return before if is_others else None

    def _put(self, protected: Protected) -> None:
        fold, name = fold_name(protected.name), protected.name
        before = self._names.get(fold)
        self._file.change(
            "INSERT INTO names (fold, name, looks, kept, since, address)"
            " VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (fold) DO UPDATE"
            " SET name = excluded.name, looks = excluded.looks, kept = excluded.kept",
            # Only earlier versions of threadchat read the column `looks`.
            (fold, name, skeleton(name), protected.kept, protected.since, protected.address),
        )
        if before is not None:
            self._looks.drop(before.name)
        self._names = {**self._names, fold: protected}
        self._looks.add(name)

    def _count_of(self, address: str) -> int:
        return sum(it.address == address for it in self._names.values()) if address else 0

    def unprotect(self, name: str) -> bool:
        """Let anybody have `name` again; return whether it was protected.

        Its mail is deleted.
        """
        was_protected = self.drop_name(name)
        if was_protected:
            self._follow("name", fold_name(name))
        return was_protected

    def drop_name(self, name: str) -> bool:
        """Do as `unprotect`, but nobody is told of the change."""
        fold = fold_name(name)
        with self._turn(CANNOT_KEEP):
            self._file.change("DELETE FROM names WHERE fold = ?", (fold,))
            before = self._names.get(fold)
            self._names = {key: it for key, it in self._names.items() if key != fold}
            if before is not None:
                self._looks.drop(before.name)
            self._ignores.drop(fold)
            self._names_had.drop(fold)
            return before is not None

    def protected(self, name: str) -> Protected | None:
        """Return the record of `name`, or None if it is not protected."""
        return self._names.get(fold_name(name))

    def all_protected(self) -> list[Protected]:
        """Return the records of all protected names, oldest first."""
        return sorted(self._names.values(), key=lambda it: it.since)

    def lookalike(self, name: str) -> str | None:
        """Return another protected name that looks like `name`, or None."""
        return self._looks.like(name)

    def _read_names(self) -> dict[str, Protected]:
        rows = self._connection.execute("SELECT fold, name, kept, since, address FROM names")
        return {
            str(fold): Protected(name_of(name), bytes_of(kept), time_of(since), text_of(address))
            for fold, name, kept, since, address in rows
        }

    # Ignoring

    def ignored_by(self, name: str) -> Collection[str]:
        """Return the protected names whose owners the owner of `name` ignores."""
        return self._ignores.of(fold_name(name))

    def ignore(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Have the owner of the first name of each pair ignore the owner of the second from now on.

        A pair is left out if one of the two names is not protected.
        """
        pairs = list(pairs)
        self.put_ignores(pairs)
        for pair in pairs:
            self._follow("ignore", " ".join(map(fold_name, pair)))

    def put_ignores(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Do as `ignore`, but nobody is told of the change."""
        with self._turn(_CANNOT_KEEP_IGNORED):
            self._ignores.add(self._file, pairs, self._names)

    def unignore(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Undo `ignore` for each pair."""
        pairs = list(pairs)
        self.drop_ignores(pairs)
        for pair in pairs:
            self._follow("ignore", " ".join(map(fold_name, pair)))

    def drop_ignores(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Do as `unignore`, but nobody is told of the change."""
        with self._turn(_CANNOT_KEEP_IGNORED):
            self._ignores.remove(self._file, pairs)

    # Names of before

    def names_had(self, name: str) -> tuple[NameHad, ...]:
        """Return the names that the owner of `name` is known to have had."""
        return self._names_had.of(fold_name(name))

    def keep_names_had(self, name: str, names: Sequence[NameHad]) -> None:
        """Remember which names the owner of `name` had, in place of what is remembered."""
        if self.names_had(name) != tuple(names):
            self.put_names_had(name, names)
            self._follow("had", fold_name(name))

    def put_names_had(self, name: str, names: Sequence[NameHad]) -> None:
        """Do as `keep_names_had`, but nobody is told of the change."""
        fold = fold_name(name)
        with self._turn(_CANNOT_KEEP_IGNORED):
            if fold in self._names:
                self._names_had.keep(self._file, fold, names)

    # Mail

    def keep(
        self, message: Private, writer: Protected | None = None, others: Collection[int] = ()
    ) -> int:
        """Keep `message` for its recipient; return its number, 0 if that name is not protected.

        `writer` is the record of a name that the sender has proven, `others` are the numbers of
        waiting messages by the same person. Raises `RecordsFull` if no more may wait.
        """
        return self.mail.keep(message, writer, others)

    def waiting(self, name: str) -> list[KeptMessage]:
        """Return the mail that waits for `name`, oldest first."""
        return self.mail.waiting(name)

    def note_shown(self, kept: Sequence[KeptMessage]) -> None:
        """Note that `kept` were shown, as long as they are not deleted: they may have arrived."""
        self.mail.note_shown(kept)

    def handed_over(self, kept: Sequence[KeptMessage]) -> None:
        """Delete `kept`, but none that have come since."""
        self.mail.handed_over(kept)

    # Bans

    def ban(
        self,
        target: Target,
        by: str,
        why: str = "",
        seconds: float | None = None,
        spared: Iterable[str] = (),
    ) -> Ban:
        """Ban `target` for so many seconds, or without end; this replaces an earlier ban on it.

        `spared` are the names, folded, of others that look like `target`.

        If the ban cannot be written, it holds all the same, and `RecordsFailed` is raised.
        """
        return self.all_bans.ban(target, by, why, seconds, spared)

    def unban(self, target: Target, by: str = "") -> bool:
        """Let `target` in again; return whether it, and not only a part of it, was banned.

        `by` is the operator.

        If that cannot be written, it holds all the same, and `RecordsFailed` is raised.
        """
        return self.all_bans.unban(target, by)

    def bans(self) -> list[Ban]:
        """Return the bans in force, oldest first."""
        return self.all_bans.all()

    def ban_of_address(self, host: str) -> Ban | None:
        """Return the ban on clients from `host`, or None; of several the one that lasts longest."""
        return self.all_bans.of_address(host)

    def ban_of(self, name: str, host: str) -> Ban | None:
        """Return a ban on somebody from `host` that asks for `name`, or None."""
        return self.all_bans.of(name, host)

    def _warn_of_ban(self, what: ValueError) -> None:
        self._warn(f"{self._path} holds {what}: nobody is kept out by it. Ban them again")
