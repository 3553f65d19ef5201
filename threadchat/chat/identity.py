"""Know who somebody is, over renames and reconnects.

A person's identity is that of their session while it lasts. The owner of a protected name has the
identity of that record, whenever they have proven it. A person without one is known again by name
and address together, for a while (see `leftpeople`): an address alone would not do, as many people
share one behind a router. If a session proves a record, the two are one person from then on.

What follows a person, such as a name that is kept, a reply, a mute or what somebody ignores, goes
by the identity and by nothing else.
"""

import secrets
from collections.abc import Collection, Iterable
from math import inf
from typing import NamedTuple, TypeVar
from weakref import WeakValueDictionary

from threadchat.messages.kinds import Repeated, Spoken
from threadchat.text.names import fold_name

Remembered = TypeVar("Remembered", bound=Repeated)

MAX_PERIODS = 100
"""How many of the times at which somebody had a name are remembered for each identity."""


class Period(NamedTuple):
    """The time for which somebody had a name, in seconds since the epoch; `end` may be infinity."""

    fold: str
    begin: float
    end: float


class Identity:
    """Who somebody is: the same object for one and the same person.

    Its attributes are replaced as a whole, with the lock of the names held; reading needs no lock.
    Names are given as `threadchat.text.names.fold_name` makes them, times in seconds since the
    epoch.
    """

    __slots__ = ("__weakref__", "_became", "ignored", "name", "periods", "records", "uid")

    def __init__(self) -> None:
        self.uid = ""
        """A text that stands for this person on all servers that are linked; empty if none does."""
        self.name = ""
        """The last name that the person had, as it is shown."""
        self.periods: tuple[Period, ...] = ()
        """Which names the person had, and when; the name of now is among them."""
        self.records: tuple[tuple[str, float], ...] = ()
        """The protected names that the person has proven, each with the time it is protected."""
        self.ignored: frozenset[Identity] = NONE_IGNORED
        """Those of whom this person is shown nothing."""
        self._became: Identity | None = None

    @property
    def current(self) -> "Identity":
        """The identity that this one is part of by now; as a rule itself."""
        identity = self
        while identity._became is not None:
            identity = identity._became
        return identity

    def hidden(self) -> "frozenset[Identity]":
        """Return `ignored`, with what has become of each since."""
        if self.ignored:
            self.ignored = frozenset(it.current for it in self.ignored) - {self}
        return self.ignored

    def begin(self, name: str, fold: str, now: float) -> None:
        """Remember that the person has `name` from now on."""
        self.name = name
        self.periods = (*self.periods, Period(fold, now, inf))[-MAX_PERIODS:]

    def end(self, fold: str, now: float) -> None:
        """Remember that the person has that name no longer."""
        self.periods = tuple(
            it._replace(end=now) if it.fold == fold and it.end == inf else it for it in self.periods
        )

    def had(self, fold: str, at: float) -> bool:
        """Return whether the person had that name at that time, as far as is remembered."""
        return any(it.fold == fold and it.begin <= at <= it.end for it in self.periods) or any(
            fold == protected and at >= since for protected, since in self.records
        )

    def was_called(self, fold: str) -> bool:
        """Return whether the person has that name, or had it, as far as is remembered."""
        return any(it.fold == fold for it in self.periods) or any(
            fold == protected for protected, _ in self.records
        )


def not_said_by(
    identities: Collection[Identity], messages: Iterable[Remembered]
) -> list[Remembered]:
    """Return `messages` without what those people said, under the name that each had then.

    A line that was taken back stays: its words are gone.
    """
    return [
        message
        for message in messages
        if not isinstance(message, Spoken)
        or not any(it.had(fold_name(message.name), message.at) for it in identities)
    ]


NONE_IGNORED: frozenset[Identity] = frozenset()
"""One object for all, as each call of `frozenset()` makes another one of 216 bytes."""

NOBODY = Identity()
"""The identity of a person that has no name yet: nothing is remembered of it."""


class Identities:
    """The identities of the owners of protected names. Its owner has a lock.

    Names are given as `threadchat.text.names.fold_name` makes them.
    """

    def __init__(self) -> None:
        # By name and since when it is protected: a name that is freed may be another's later.
        self._of_record: dict[tuple[str, float], Identity] = {}
        self._of_uid = WeakValueDictionary[str, Identity]()

    def uid_of(self, identity: Identity) -> str:
        """Return the text that stands for `identity` on all servers that are linked."""
        identity = identity.current
        if not identity.uid:
            identity.uid = secrets.token_hex(8)
            self._of_uid[identity.uid] = identity
        return identity.uid

    def with_uid(self, uid: str) -> Identity:
        """Return the identity for which `uid` stands."""
        identity = self._of_uid.get(uid)
        if identity is None:
            identity = self._of_uid[uid] = Identity()
            identity.uid = uid
        return identity.current

    def merge(self, identity: Identity, other: Identity) -> None:
        """Let `identity` be part of `other` from now on, as it is the same person."""
        identity._became = other
        other.name = identity.name
        other.periods = (*other.periods, *identity.periods)[-MAX_PERIODS:]
        other.ignored = (other.ignored | identity.ignored) - {other, identity}
        for record in identity.records:
            self._of_record[record] = other
        other.records = (*other.records, *identity.records)
        if identity.uid:
            self._of_uid[identity.uid] = other

    def of_record(self, name: str, since: float, shown: str = "") -> Identity:
        """Return the identity of the owner of a name that is protected since then.

        `shown` is the name as it is shown of an owner that was not here yet.
        """
        identity = self._of_record.get((name, since))
        if identity is None:
            identity = Identity()
            identity.name = shown or name
            self.bind(name, since, identity)
        return identity

    def owners(self) -> list[Identity]:
        """Return the identities of all owners of protected names that were asked for so far."""
        return list(self._of_record.values())

    def bind(self, name: str, since: float, identity: Identity) -> Identity:
        """Let the owner of a name that is protected since then be the person of `identity`.

        Return the identity that both are from then on. Another one that either had has become it.
        """
        owner = self._of_record.setdefault((name, since), identity)
        if owner is identity:
            if (name, since) not in identity.records:
                identity.records = (*identity.records, (name, since))
            return identity
        self.merge(identity, owner)
        return owner

    def unbind(self, name: str, at: float) -> None:
        """Forget the owner of a protected name: anybody may have it from the time `at` on."""
        for record in [record for record in self._of_record if record[0] == name]:
            owner = self._of_record.pop(record)
            owner.records = tuple(it for it in owner.records if it != record)
            owner.periods = (*owner.periods, Period(*record, at))[-MAX_PERIODS:]
