"""Remember the bans over a restart.

They are in memory as well, so that it can always be decided whether a client may come in.
"""

import sqlite3
from collections.abc import Callable, Iterable
from math import inf

from threadchat.access.bans import Ban, Target, key_of, show_target
from threadchat.net.addresses import address_of
from threadchat.storage.kept import Follow, Turn
from threadchat.storage.values import bans_in


class KeptBans:
    """The bans in the tables of the records. Any thread may use it.

    `now` returns the seconds since the epoch. `warn` gets an error that says what cannot be used.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        turn: Turn,
        follow: Follow,
        now: Callable[[], float],
        warn: Callable[[ValueError], None],
    ) -> None:
        self._turn = turn
        self._follow = follow
        self._now = now
        # Replaced as a whole, in a turn, so that no lock is needed to read them: a thread may have
        # the turn for as long as another program locks the file.
        self._bans = bans_in(connection, now(), warn)

    def ban(
        self,
        target: Target,
        by: str,
        why: str = "",
        seconds: float | None = None,
        spared: Iterable[str] = (),
    ) -> Ban:
        """Ban `target`; see `Records.ban`."""
        at = self._now()
        until = None if seconds is None else at + seconds
        ban = Ban(target, by, why, at, until, frozenset(spared))
        try:
            self.put(ban)
        finally:
            self._follow("ban", key_of(target), by)
        return ban

    def put(self, ban: Ban) -> None:
        """Have `ban` count, in place of an earlier one on its target; raise `RecordsFailed`."""
        with self._turn(
            f"{show_target(ban.target)} is banned until the server stops, but no longer: that"
            " cannot be written."
        ) as file:
            key = key_of(ban.target)
            self._bans = (*self._but(key), ban)
            file.change(
                "INSERT OR REPLACE INTO bans (key, target, set_by, why, at, until, spared)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    str(ban.target),
                    ban.by,
                    ban.why,
                    ban.at,
                    ban.until,
                    " ".join(ban.spared),
                ),
            )

    def unban(self, target: Target, by: str = "") -> bool:
        """Let `target` in again; see `Records.unban`."""
        known = self.find(key_of(target))
        try:
            return self.drop(target)
        finally:
            if known is not None:
                self._follow("ban", key_of(target), by)

    def drop(self, target: Target | str) -> bool:
        """Have the ban of a target, or of that key, count no longer; return whether it did.

        Raise `RecordsFailed`.
        """
        key = key_of(target)
        with self._turn(
            f"{show_target(target)} is let in, but banned again when the server next starts: that"
            " cannot be written."
        ) as file:
            was_banned = any(key_of(ban.target) == key for ban in self.all())
            self._bans = self._but(key)
            file.change("DELETE FROM bans WHERE key = ?", (key,))
        return was_banned

    def all(self) -> list[Ban]:
        """Return the bans in force, oldest first."""
        now = self._now()
        return [ban for ban in self._bans if not ban.is_over(now)]

    def find(self, key: str) -> Ban | None:
        """Return the ban whose target has that key; None if there is none in force."""
        return next((ban for ban in self.all() if key_of(ban.target) == key), None)

    def of_address(self, host: str) -> Ban | None:
        """Return the ban on clients from `host`, or None; of several the one that lasts longest."""
        if not self._bans:  # the usual case, for each client that comes
            return None
        try:
            address = address_of(host)
        except ValueError:
            return None  # a client that did not come over the network
        return _longest(ban for ban in self.all() if ban.is_of_address(address))

    def of_name(self, name: str) -> Ban | None:
        """Return the ban on `name` or on a name that looks like it, or None."""
        return _longest(ban for ban in self.all() if ban.is_of_name(name)) if self._bans else None

    def of(self, name: str, host: str) -> Ban | None:
        """Return a ban on `name` or on clients from `host`, or None."""
        return (self.of_name(name) or self.of_address(host)) if self._bans else None

    def _but(self, key: str) -> tuple[Ban, ...]:
        return tuple(ban for ban in self.all() if key_of(ban.target) != key)


def _longest(bans: Iterable[Ban]) -> Ban | None:
    return max(bans, key=lambda ban: inf if ban.until is None else ban.until, default=None)
