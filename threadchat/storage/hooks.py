"""Remember the hooks over a restart: their names, their rooms, and the hashes of their tokens.

A token itself is kept nowhere.
"""

import sqlite3
from dataclasses import dataclass, field

from threadchat.storage.kept import Turn
from threadchat.storage.values import bytes_of, name_of, number_of, time_of
from threadchat.text.names import fold_name

_CANNOT_KEEP = "The hook cannot be written down just now, and there is none. Try again in a while."
_CANNOT_DROP = "{} is no hook any more, but is one again after a restart: that cannot be written."
_CANNOT_NOTE = "That a hook was used cannot be written down."


@dataclass(frozen=True, slots=True)
class KeptHook:
    """A hook: the name that it speaks under, its room, and what its token was hashed to.

    `since` and `last_used`, which is 0 for never, are in seconds since the epoch.
    """

    name: str
    room: str
    token: bytes = field(repr=False)
    since: float
    used: int = 0
    """How many posts it has said."""
    last_used: float = 0.0


class KeptHooks:
    """The hooks in the tables of the records. Any thread may use it."""

    def __init__(self, connection: sqlite3.Connection, turn: Turn) -> None:
        self._turn = turn
        rows = connection.execute(
            "SELECT name, room, token, since, used, last_used FROM hooks ORDER BY since"
        )
        self.at_start = [
            KeptHook(
                name_of(name),
                name_of(room),
                bytes_of(token),
                time_of(since),
                number_of(used),
                time_of(last_used),
            )
            for name, room, token, since, used, last_used in rows
        ]
        """The hooks that were there when the file was opened, the oldest first."""

    def add(self, hook: KeptHook) -> None:
        """Keep a hook whose name no other one has; raise `RecordsFailed`."""
        with self._turn(_CANNOT_KEEP) as file:
            file.change(
                "INSERT OR REPLACE INTO hooks VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    fold_name(hook.name),
                    hook.name,
                    hook.room,
                    hook.token,
                    hook.since,
                    hook.used,
                    hook.last_used,
                ),
            )

    def remove(self, hook: KeptHook) -> None:
        """Keep a hook no longer; raise `RecordsFailed`."""
        with self._turn(_CANNOT_DROP.format(hook.name)) as file:
            file.change("DELETE FROM hooks WHERE fold = ?", (fold_name(hook.name),))

    def note_use(self, hook: KeptHook) -> None:
        """Keep how often and when a hook was used, if it is there; raise `RecordsFailed`."""
        with self._turn(_CANNOT_NOTE) as file:
            file.change(
                "UPDATE hooks SET used = ?, last_used = ? WHERE fold = ? AND token = ?",
                (hook.used, hook.last_used, fold_name(hook.name), hook.token),
            )
