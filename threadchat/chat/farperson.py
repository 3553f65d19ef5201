"""Hold the data of a person on another server that is linked with this one.

For names, commands and lists such a person is like all others; only what they are told goes another
way. How it goes, and how the servers agree on names, is no concern of this module: see `Elsewhere`.
"""

import math
from dataclasses import dataclass
from typing import Protocol

from threadchat.chat.identity import NOBODY, Identities
from threadchat.chat.person import Person, drop
from threadchat.messages.datalines import DATA_LINES

FAR_IDLE = 60.0
"""Seconds of silence after which other servers are told of them."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What servers tell each other of a person. Times are in seconds since the epoch."""

    name: str
    id: int
    """The number of the person on their own server; 0 for a hook."""
    address: str
    counted_as: str
    room: str
    """The room where the person is; empty if in none."""
    came_at: float
    named_at: float
    heard_at: float
    """When the person was last heard, if that is a while ago, or else 0."""
    away: str | None
    is_operator: bool
    is_hook: bool
    uid: str
    """The text that stands for who they are; empty as long as that is not known."""
    records: tuple[tuple[str, float], ...]
    ignores: tuple[str, ...]
    """The texts that stand for those that the person ignores."""
    lost_after: float
    """For how many seconds the name was in use, if it is to be kept after a break, or else 0."""


class Elsewhere(Protocol):
    """What a chat needs of the other servers that are linked with its own. For any thread."""

    @property
    def is_out_of_reach(self) -> bool:
        """Whether there is no link now, so that the others are told and tell things later."""

    def claim(self, person: Person, name: str) -> bool:
        """Return whether `person` may have `name` on all servers; wait for that, but not for ever.

        Raise `BadName` if it is not known in time.
        """

    def release(self, person: Person, name: str) -> None:
        """Let all servers know that `person` does not have `name` any more."""

    def seat(self, person: Person) -> None:
        """Let all servers know of somebody that has a name here, whatever speaks against that."""

    def changed(self, person: Person, lost_after: float = 0.0) -> None:
        """Let all servers know what has become of `person`; for `lost_after` see `Facts`."""

    def make_way(self, holder: "FarPerson", person: Person, *, is_proven: bool) -> bool | None:
        """Ask that the connection of `holder` is ended, as `person` is to have that name.

        Return the answer; None if none comes. With `is_proven` it is ended; else if it is found
        dead. The name is free a little later.
        """

    def server_of(self, node: str) -> str:
        """Return how operators call the server of a node."""

    def hush(self) -> None:
        """Let nobody wait any more, as this server stops."""

    def whisper(self, person: Person, recipient: "FarPerson", text: str) -> None:
        """Say `text` from `person` to `recipient` alone."""


class FarPerson(Person):
    """A person on another server: on `node`, where `key` stands for them.

    Only the thread that takes what the other servers tell sets attributes here.
    """

    __slots__ = ("_elsewhere", "facts", "key", "node")

    def __init__(self, node: str, key: str, facts: Facts, elsewhere: Elsewhere) -> None:
        super().__init__(facts.id, facts.address, drop, DATA_LINES)
        self.node = node
        self.key = key
        self.facts = facts
        self._elsewhere = elsewhere

    def take(self, facts: Facts, fold: str, clock_now: float, now: float) -> None:
        """Know `facts` from now on. The two times are the same one on the two clocks."""
        self.facts = facts
        self.name, self.folded_name = facts.name, fold
        self.address = facts.address
        self.away = facts.away
        self.is_operator = facts.is_operator
        self.came_at = facts.came_at
        # Clocks of machines differ: nothing began later than now.
        self.joined_at = clock_now - max(0.0, now - facts.came_at)
        self.named_at = clock_now - max(0.0, now - facts.named_at)
        self.last_heard_at = math.inf
        if facts.heard_at:
            self.last_heard_at = clock_now - max(0.0, now - facts.heard_at)

    @property
    def counted_as(self) -> str:
        """The address or network that the person counts for, as their own server says."""
        return self.facts.counted_as

    @property
    def server(self) -> str:
        """How operators call the person's server."""
        return self._elsewhere.server_of(self.node)

    @property
    def is_hook(self) -> bool:
        """Whether it is a hook."""
        return self.facts.is_hook

    @property
    def is_out_of_reach(self) -> bool:
        """Whether there is no link to the person's server now."""
        return self._elsewhere.is_out_of_reach

    @property
    def whereabouts(self) -> str:
        """Where the person is, in words."""
        if self.facts.is_hook:
            return f"a hook, by which a program speaks on {self.server}"
        where = f"in {self.facts.room}" if self.facts.room else "between two rooms"
        return f"{where} on {self.server}"

    def be_told(self, person: Person, text: str) -> None:
        """Be told `text` by `person`, in private."""
        self._elsewhere.whisper(person, self, text)


def facts_of(
    person: Person,
    identities: Identities,
    clock_now: float,
    now: float,
    *,
    name: str = "",
    lost_after: float = 0.0,
) -> Facts:
    """Return what other servers are told of `person`, who is to be called `name` if that is given.

    The two times are the same one on the two clocks. For `lost_after` see `Facts`. The lock of the
    names is held.
    """
    identity = person.identity.current
    is_known = identity is not NOBODY
    begins = [it.begin for it in identity.periods if it.fold == person.folded_name]
    idle = clock_now - person.last_heard_at
    return Facts(
        name or person.name,
        person.id,
        person.address,
        person.counted_as,
        "" if person.room is None else person.room.name,
        person.came_at or now,
        now if name or not begins else begins[-1],
        now - idle if is_idle(person, clock_now) else 0.0,
        person.away,
        person.is_operator,
        person.is_hook,
        identities.uid_of(identity) if is_known else "",
        identity.records if is_known else (),
        tuple(sorted(map(identities.uid_of, identity.hidden()))) if is_known else (),
        lost_after,
    )


def is_idle(person: Person, clock_now: float) -> bool:
    """Return whether other servers are told that `person` is silent."""
    return clock_now - person.last_heard_at >= FAR_IDLE
