"""Keep what operators keep people from: speaking, and, under any name, coming in.

A mute is of a name with its look-alikes and its person, or of addresses. The bans themselves are in
the records; here is which people they follow.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from threadchat.access.bans import Ban, Target, key_of, show_target
from threadchat.chat.identity import Identity
from threadchat.text.names import fold_name
from threadchat.text.phrases import duration


@dataclass(frozen=True, slots=True, eq=False)
class Mute:
    """A mute of its target, until that time on the monotonic clock; infinity is without end.

    `identity` is the person that had the name; None where addresses are muted.
    """

    target: Target
    by: str
    until: float
    identity: Identity | None
    names: Ban
    """What says which names and addresses are meant."""

    def is_of(self, name: str, host: str, identity: Identity) -> bool:
        """Return whether the mute is of a person with that name, from that host."""
        return (self.identity is not None and self.identity.current is identity) or (
            self.names.keeps_out(name, host)
        )

    def is_called(self, name: str, identity: Identity) -> bool:
        """Return whether an operator that types `name` means this mute.

        `identity` is the person that has the name now.
        """
        if self.identity is None:
            return False
        muted = self.identity.current
        return muted is identity or self.names.is_of_name(name) or muted.was_called(fold_name(name))


class Restrictions:
    """The mutes of one chat, and the people that its bans are of. Safe to use from any thread.

    Times are in seconds on the monotonic clock.
    """

    def __init__(self) -> None:
        self._lock = Lock()  # held while one of the two is replaced; reading needs no lock
        self._mutes: tuple[Mute, ...] = ()
        self._banned: tuple[tuple[Identity, str], ...] = ()  # people, each with the key of a ban

    def mute(
        self,
        target: Target,
        by: str,
        until: float,
        identity: Identity | None = None,
        spared: Iterable[str] = (),
    ) -> Mute:
        """Mute `target`, in place of an earlier mute of it; for `spared` see `Ban`."""
        mute = Mute(target, by, until, identity, Ban(target, by, "", 0.0, spared=frozenset(spared)))
        with self._lock:
            others = [it for it in self._mutes if key_of(it.target) != key_of(target)]
            self._mutes = (*others, mute)
        return mute

    def muted_until(self, name: str, host: str, identity: Identity) -> float:
        """Return until when somebody is muted, minus infinity if they are not."""
        mutes = self._mutes
        if not mutes:  # the usual case
            return -math.inf
        return max((it.until for it in mutes if it.is_of(name, host, identity)), default=-math.inf)

    def unmute(self, target: Target, identity: Identity, now: float) -> list[Mute]:
        """End the mutes of `target` and of `identity`, which has that name.

        A mute of addresses is ended by naming them alone. Return those that counted.
        """
        with self._lock:
            ended = [
                it
                for it in self._mutes
                if key_of(it.target) == key_of(target)
                or (isinstance(target, str) and it.is_called(target, identity))
            ]
            self._mutes = tuple(it for it in self._mutes if it not in ended)
        return [it for it in ended if it.until > now]

    def mute_of(self, key: str, now: float) -> Mute | None:
        """Return the mute whose target has that key; None if there is none that counts."""
        return next((it for it in self._mutes if it.until > now and key_of(it.target) == key), None)

    def end_mute(self, key: str) -> None:
        """End the mute whose target has that key, and no other."""
        with self._lock:
            self._mutes = tuple(it for it in self._mutes if key_of(it.target) != key)

    def mute_lines(self, now: float) -> list[str]:
        """Return a line for each mute that counts, the oldest first."""
        with self._lock:
            self._mutes = tuple(it for it in self._mutes if it.until > now)
        return [_line_of(it, now) for it in self._mutes]

    def ban(self, identity: Identity, target: str) -> None:
        """Keep the person of `identity` out under any name, while there is a ban of `target`."""
        key = key_of(target)
        with self._lock:
            others = [it for it in self._banned if it[0].current is not identity or it[1] != key]
            self._banned = (*others, (identity, key))

    def unban(self, target: Target) -> None:
        """Let those in again that a ban of `target` was to keep out."""
        with self._lock:
            self._banned = tuple(it for it in self._banned if it[1] != key_of(target))

    def banned_by(self, key: str) -> list[Identity]:
        """Return the people that a ban follows whose target has that key."""
        return [banned.current for banned, of in self._banned if of == key]

    def bans_of(self, identity: Identity) -> set[str]:
        """Return the keys of the bans that follow the person of `identity`, over or not."""
        banned = self._banned
        if not banned:  # the usual case
            return set()
        return {key for it, key in banned if it.current is identity}


def _line_of(mute: Mute, now: float) -> str:
    rest = "" if mute.until == math.inf else f" for {duration(mute.until - now)} more"
    called = mute.identity.current.name if mute.identity else ""
    is_renamed = called and fold_name(called) != fold_name(str(mute.target))
    return (
        f"{show_target(mute.target)}{f' (now {called})' if is_renamed else ''} by {mute.by}{rest}"
    )
