"""Remember what the server has to know of people, other than what they said.

These are the protected names, each with what is kept of its passphrase, whom its owner ignores, and
which other names the owner had; the mail that waits for the owners of those names; the bans; and
the hooks. They are in the file of the history, or in memory if there is no file.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from threading import Lock

from threadchat.access.bans import Ban, Target, key_of, show_target
from threadchat.errors import PersonError
from threadchat.messages.kinds import Private
from threadchat.net.addresses import address_of
from threadchat.storage import faults
from threadchat.storage.hooks import KeptHooks
from threadchat.storage.ignores import Ignores
from threadchat.storage.looks import Looks
from threadchat.storage.mirror import Mirror
from threadchat.storage.nameshad import NameHad, NamesHad
from threadchat.storage.ownership import Ownership, owner_of
from threadchat.storage.patientfile import PatientFile, connect
from threadchat.storage.values import bans_in, bytes_of, name_of, text_of, time_of
from threadchat.text.names import fold_name, skeleton
from threadchat.text.paths import resolve

MAX_NAMES = 10_000
"""The most names that can be protected."""

MAX_NAMES_OF_ADDRESS = 5
"""The most of these that can be protected from one address, other than by operators."""

MAX_MAIL = 100
"""The most private messages that wait for one name."""

MAX_FROM_ONE = 20
"""How many of those can be from the same name."""

_CANNOT_READ = "What waits for you cannot be read just now. Try again in a while."
_CANNOT_KEEP = "That cannot be kept just now, and nothing has changed. Try again in a while."

_CANNOT_DELETE = "You will be shown those messages again: that you were cannot be written."
_CANNOT_KEEP_IGNORED = "That counts now, but may not when you come back: it cannot be written."


class RecordsFailed(PersonError):
    """The file fails. The text is one line for the person who asked for something.

    `why` is the line for the operator.
    """

    def __init__(self, line: str, why: str) -> None:
        super().__init__(line)
        self.why = why


class RecordsFull(PersonError):
    """No more can be kept. The text is one line: why, and the way out."""


@dataclass(frozen=True, slots=True)
class Protected:
    """A name as its owner writes it, what `passphrase.make` returned, and since when.

    `since` is in seconds since the epoch. `address` is the address, or network, for which the name
    counts; empty if it counts for none.
    """

    name: str
    kept: bytes = field(repr=False)
    since: float
    address: str = ""


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A private message that waits for its recipient.

    `writer` is the record of a protected name that its sender had proven; None if there is none.
    """

    id: int
    message: Private
    writer: Protected | None = None
    was_shown: bool = False
    """Whether it was shown before, and may not have arrived."""


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
        self.lock = Lock()  # guards the connection, and changes of all below
        # With links resolved, as in the history.
        self._path = Path(":memory:") if path is None else resolve(path)
        with contextlib.ExitStack() as opened:
            try:
                self._connection = opened.enter_context(
                    contextlib.closing(connect(path and self._path))
                )
                # This and the bans are replaced as a whole, so that no lock is needed to read them:
                # a thread may have the lock for as long as another program locks the file.
                self._names = self._read_names()  # by their folded form
                self._ignores = Ignores(self._connection)
                self._names_had = NamesHad(self._connection, now())
                self._looks = Looks()
                for protected in self._names.values():
                    self._looks.add(protected.name)
                self._bans = bans_in(self._connection, now(), self._warn_of_ban)
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

    # Names

    def protect(self, name: str, kept: bytes, address: str = "") -> None:
        """Protect `name` with the passphrase that `kept` was made from.

        The name counts for `address`, as in `Protected`. A name that is protected already gets the
        new passphrase, and nothing else changes. Raises `RecordsFull`.
        """
        fold = fold_name(name)
        with self._turn(_CANNOT_KEEP):
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
            self._file.change(
                "INSERT INTO names (fold, name, looks, kept, since, address)"
                " VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (fold) DO UPDATE"
                " SET name = excluded.name, looks = excluded.looks, kept = excluded.kept",
                # Only earlier versions of threadchat read the column `looks`.
                (fold, name, skeleton(name), kept, since, address),
            )
            if before is not None:
                self._looks.drop(before.name)
            self._names = {**self._names, fold: Protected(name, kept, since, address)}
            self._looks.add(name)

    def _count_of(self, address: str) -> int:
        return sum(it.address == address for it in self._names.values()) if address else 0

    def unprotect(self, name: str) -> bool:
        """Let anybody have `name` again; return whether it was protected.

        Its mail is deleted.
        """
        fold = fold_name(name)
        with self._turn(_CANNOT_KEEP):
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
        with self._turn(_CANNOT_KEEP_IGNORED):
            self._ignores.add(self._file, pairs, self._names)

    def unignore(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Undo `ignore` for each pair."""
        with self._turn(_CANNOT_KEEP_IGNORED):
            self._ignores.remove(self._file, pairs)

    # Names of before

    def names_had(self, name: str) -> tuple[NameHad, ...]:
        """Return the names that the owner of `name` is known to have had."""
        return self._names_had.of(fold_name(name))

    def keep_names_had(self, name: str, names: Sequence[NameHad]) -> None:
        """Remember which names the owner of `name` had, in place of what is remembered."""
        fold = fold_name(name)
        if self.names_had(name) != tuple(names):
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
        recipient = fold_name(message.recipient)
        sender = fold_name(message.sender)
        with self._turn(_CANNOT_KEEP):
            if recipient not in self._names:
                return 0
            # The name may be free again by now, or another's.
            owner = None if writer is None else self.protected(writer.name)
            is_known = writer is not None and owner is not None and owner.since == writer.since
            fold = fold_name(writer.name) if writer is not None and is_known else None
            rows = self._file.read(
                "SELECT id, sender, writer FROM letters WHERE recipient = ?", (recipient,)
            )
            if len(rows) >= MAX_MAIL:
                raise RecordsFull(
                    f"{len(rows)} messages wait for {message.recipient}, and no more can."
                    f" Write again when {message.recipient} is here."
                )
            from_one = [
                id
                for id, name, by in rows
                if id in others
                or fold_name(name_of(name)) == sender
                or (by is not None and by == fold)
            ]
            if len(from_one) >= MAX_FROM_ONE:
                raise RecordsFull(
                    f"{MAX_FROM_ONE} messages from you wait for {message.recipient}, and no more"
                    f" can. Write again when {message.recipient} is here."
                )
            return self._file.change(
                "INSERT INTO letters (recipient, sender, text, at, writer) VALUES (?, ?, ?, ?, ?)",
                (recipient, message.sender, message.text, message.at, fold),
            )

    def waiting(self, name: str) -> list[KeptMessage]:
        """Return the mail that waits for `name`, oldest first."""
        if fold_name(name) not in self._names:  # only protected names have mail
            return []
        with self._turn(_CANNOT_READ):
            rows = self._file.read(
                "SELECT id, sender, text, at, writer, shown FROM letters"
                " WHERE recipient = ? ORDER BY id",
                (fold_name(name),),
            )
        return [
            KeptMessage(
                id,
                Private(name_of(sender), name, text_of(text), at=time_of(at)),
                self._names.get(writer or ""),
                bool(shown),
            )
            for id, sender, text, at, writer, shown in rows
        ]

    def note_shown(self, kept: Sequence[KeptMessage]) -> None:
        """Note that `kept` were shown, as long as they are not deleted: they may have arrived."""
        self._change_mail("UPDATE letters SET shown = 1", kept, _CANNOT_KEEP)

    def handed_over(self, kept: Sequence[KeptMessage]) -> None:
        """Delete `kept`, but none that have come since."""
        self._change_mail("DELETE FROM letters", kept, _CANNOT_DELETE)

    def _change_mail(self, statement: str, kept: Sequence[KeptMessage], line: str) -> None:
        marks = ", ".join("?" * len(kept))
        with self._turn(line):
            self._file.change(f"{statement} WHERE id IN ({marks})", [it.id for it in kept])

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
        at = self.now()
        until = None if seconds is None else at + seconds
        ban = Ban(target, by, why, at, until, frozenset(spared))
        with self._turn(
            f"{show_target(target)} is banned until the server stops, but no longer: that cannot"
            " be written."
        ):
            self._bans = (*self._bans_but(target), ban)
            self._file.change(
                "INSERT OR REPLACE INTO bans (key, target, set_by, why, at, until, spared)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key_of(target), str(target), by, why, ban.at, until, " ".join(ban.spared)),
            )
        return ban

    def unban(self, target: Target) -> bool:
        """Let `target` in again; return whether it, and not only a part of it, was banned.

        If that cannot be written, it holds all the same, and `RecordsFailed` is raised.
        """
        with self._turn(
            f"{show_target(target)} is let in, but banned again when the server next starts: that"
            " cannot be written."
        ):
            was_banned = any(key_of(ban.target) == key_of(target) for ban in self.bans())
            self._bans = self._bans_but(target)
            self._file.change("DELETE FROM bans WHERE key = ?", (key_of(target),))
        return was_banned

    def bans(self) -> list[Ban]:
        """Return the bans in force, oldest first."""
        now = self.now()
        return [ban for ban in self._bans if not ban.is_over(now)]

    def ban_of_address(self, host: str) -> Ban | None:
        """Return the ban on clients from `host`, or None; of several the one that lasts longest."""
        if not self._bans:  # the usual case, for each client that comes
            return None
        try:
            address = address_of(host)
        except ValueError:
            return None  # a client that did not come over the network
        return _longest(ban for ban in self.bans() if ban.is_of_address(address))

    def ban_of_name(self, name: str) -> Ban | None:
        """Return the ban on `name` or on a name that looks like it, or None."""
        return _longest(ban for ban in self.bans() if ban.is_of_name(name)) if self._bans else None

    def _bans_but(self, target: Target) -> tuple[Ban, ...]:
        return tuple(ban for ban in self.bans() if key_of(ban.target) != key_of(target))

    def _warn_of_ban(self, what: ValueError) -> None:
        self._warn(f"{self._path} holds {what}: nobody is kept out by it. Ban them again")


def _longest(bans: Iterable[Ban]) -> Ban | None:
    return max(bans, key=lambda ban: inf if ban.until is None else ban.until, default=None)
