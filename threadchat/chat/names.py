"""Know which person has which name: claim names, keep them, and find people by them.

One person at a time has a name, and nobody gets a name that could be mistaken for one in use.
Mutes are kept here, too, because a mute goes by the name.
"""

import math
import time
from collections.abc import Callable
from threading import Condition, Lock

from threadchat.chat.identity import NOBODY, Identities, Identity
from threadchat.chat.keptnames import MIN_SECONDS_IN_USE, KeptNames
from threadchat.chat.person import Person
from threadchat.net.disconnect import Reason
from threadchat.storage.records import Protected, Records
from threadchat.text.names import BadName, clean_name, fold_name, name_of_charge, skeleton
from threadchat.text.phrases import duration

MAKE_WAY_SECONDS = 5.0
"""How many seconds a person that gave the passphrase of a name waits for it to be free."""


class NameProtected(BadName):
    """The name is protected: its passphrase is needed first. `protected` is the record of it."""

    def __init__(self, protected: Protected) -> None:
        super().__init__(f"{protected.name} is protected: its passphrase is needed.")
        self.protected = protected


class NameBanned(BadName):
    """The name, or the person's address, is banned. The text ends with an operator's own words."""


class Names:
    """The names of one chat. Safe to use from any thread.

    `claim` and `keep` are called on the thread of the person they are about.
    """

    def __init__(self, records: Records, clock: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._clock = clock
        self._freed = Condition(Lock())  # told when a name is free again; guards the tables below
        self._identities = Identities()
        self._kept = KeptNames()
        self._by_fold: dict[str, Person] = {}
        self._by_skeleton: dict[str, Person] = {}
        self._muted: dict[str, float] = {}  # the time when the mute ends

    # Claiming

    def claim(self, person: Person, raw: str, *, proven: Protected | None = None) -> None:
        """Give `person` the name that `raw` asks for.

        Raise `NameProtected` if the name's passphrase is needed first. A person that has given it
        passes the error's `protected` as `proven` the next time. Raise `BadName` if the person
        cannot have the name at all. After an error nothing has changed.

        If somebody proves that the name is theirs, an earlier connection with that name is ended.
        So they need not wait until the server finds that connection dead.
        """
        name = clean_name(raw)
        self._check_charge(name)
        self._check_claim(person, name, proven)
        fold, looks = fold_name(name), skeleton(name)
        if proven is not None:
            self._make_way(person, fold)
        with self._freed:
            if self._by_fold.get(fold, person) is not person:
                raise BadName(f"{name} is taken.")
            now = self._clock()
            known = self._identities.recognize(fold, person.host, now)
            kept = self._kept.find(name, now) if proven is None else None
            if kept is not None and kept.identity.current not in (person.identity, known):
                wait = duration(math.ceil(kept.until - now))
                like = "" if fold_name(kept.name) == fold else f"looks like {kept.name}, which "
                raise BadName(
                    f"{name} {like}is kept for somebody whose connection broke, for {wait}."
                )
            other = self._by_skeleton.get(looks, person)
            if other is not person:
                raise BadName(f"{name} looks too much like {other.name}, who is here already.")
            self._by_fold[fold] = self._by_skeleton[looks] = person
            if person.identity is NOBODY:
                person.came_at = self._records.now()
            if person.identity is NOBODY and proven is None:
                person.identity = Identity() if known is NOBODY else known
            elif proven is not None:
                self._bind(person, proven)
            if fold != person.folded_name:
                person.named_at = now
                person.identity.begin(name, fold, self._records.now())
            person.identity.name = name
            person.name, person.folded_name = name, fold
            person.ignores = person.identity.hidden()
            person.muted_until = max(person.muted_until, self._muted.get(fold, -math.inf))

    def _bind(self, person: Person, protected: Protected) -> None:
        """Let `person`, who has proven a protected name, be its owner."""
        fold, before = fold_name(protected.name), person.identity
        if before is NOBODY:
            after = self._owner(protected)
            person.identity = after
        else:
            after = self._identities.bind(fold, protected.since, before)
        stored = map(self._records.protected, self._records.ignored_by(fold))
        after.ignored |= {self._owner(it) for it in stored if it is not None}
        for other in self._by_fold.values():
            other.identity = other.identity.current
            if other.ignores or other.identity is after:
                other.ignores = other.identity.hidden()

    def _owner(self, protected: Protected) -> Identity:
        fold = fold_name(protected.name)
        return self._identities.of_record(fold, protected.since, protected.name)

    def protected(self, person: Person) -> None:
        """Let `person`, who has just protected their name, be its owner."""
        with self._freed:
            if (protected := self._records.protected(person.name)) is not None:
                self._bind(person, protected)

    def unprotected(self, name: str) -> None:
        """Forget the owner of a name that is protected no longer."""
        with self._freed:
            self._identities.unbind(fold_name(name), self._records.now())

    def _make_way(self, person: Person, fold: str) -> None:
        """End the connection of another person with that name; wait until the name is free.

        The wait ends after `MAKE_WAY_SECONDS`.
        """
        with self._freed:
            holder = self._by_fold.get(fold, person)
        connection = holder.connection  # read once: the holder's thread may set it to None
        if holder is not person and connection is not None:
            words = f"{holder.name} has come in again, from {person.host}. Goodbye."
            connection.end(Reason.REPLACED, words)
            with self._freed:
                self._freed.wait_for(
                    lambda: self._by_fold.get(fold) is not holder, MAKE_WAY_SECONDS
                )

    def _check_charge(self, name: str) -> None:
        """Raise `BadName` if people would take `name` for whoever runs the server (promise 4).

        Somebody that has protected such a name, under a version that allowed it, keeps it.
        """
        like = name_of_charge(name)
        if like is not None and self._records.protected(name) is None:
            raise BadName(f"{name} reads like {like}, and nobody can be called that here.")

    def _check_claim(self, person: Person, name: str, proven: Protected | None) -> None:
        """Raise `BadName` or `NameProtected` if the records have something against the claim."""
        records = self._records
        if ban := records.ban_of_name(name) or records.ban_of_address(person.host):
            raise NameBanned(f"That is banned here: {ban.line(records.now())}")
        if person.name and fold_name(name) == person.folded_name:
            return
        if (protected := records.protected(name)) is not None:
            if protected != proven:
                raise NameProtected(protected)
        elif other := records.lookalike(name):
            raise BadName(f"{name} looks too much like {other}, which is protected.")

    def release(self, person: Person, name: str, keep: str = "") -> None:
        """Make `name` free again. What it has in common with the name `keep` stays taken."""
        with self._freed:
            for table, key_of in ((self._by_fold, fold_name), (self._by_skeleton, skeleton)):
                key = key_of(name)
                if table.get(key) is person and not (keep and key_of(keep) == key):
                    del table[key]
            if fold_name(name) != fold_name(keep):
                person.identity.end(fold_name(name), self._records.now())
            self._freed.notify_all()

    def remember(self, person: Person) -> None:
        """Know `person`, who leaves, again by name and address for a while."""
        with self._freed:
            now = self._clock()
            for period in person.identity.periods:
                if period.end >= person.came_at:  # a name of this session
                    self._identities.remember(person.identity, period.fold, person.host, now)

    def keep(self, person: Person) -> None:
        """Keep the name of a person whose connection broke, so that they can come back to it.

        It is kept for the same person, and for anybody that asks for it from the same address; see
        `KeptNames` for how long. A name that the person had only for a moment is not kept.
        """
        now = self._clock()
        if now - person.named_at >= MIN_SECONDS_IN_USE:
            with self._freed:
                self._kept.keep(person.name, person.identity, person.counted_as, now)

    def seat_operator(self, operator: Person) -> None:
        """Enter the operator at the server's own terminal, so that people find them by name."""
        with self._freed:
            operator.identity = Identity()
            operator.identity.begin(operator.name, operator.folded_name, self._records.now())
            self._by_fold[operator.folded_name] = operator

    # Finding

    def find(self, name: str) -> Person:
        """Return the person called `name`; raise `KeyError` if nobody here is."""
        with self._freed:
            return self._by_fold[fold_name(name)]

    def is_here(self, name: str) -> bool:
        """Return whether somebody here is called `name`."""
        with self._freed:
            return fold_name(name) in self._by_fold

    def find_again(self, identity: Identity, name: str = "") -> Person | None:
        """Return the person that is `identity`, under whatever name; None if they are not here.

        If they are here more than once, return the one called `name`, or else the last to come.
        """
        identity = identity.current
        with self._freed:
            person = self._by_fold.get(fold_name(name))
            if person is not None and person.identity is identity:
                return person
            here = [it for it in self._by_fold.values() if it.identity is identity]
        return here[-1] if here else None

    def owner_of(self, protected: Protected) -> Identity:
        """Return the identity of the owner of a protected name, here or not."""
        with self._freed:
            return self._owner(protected)

    def owners_that_ignore(self, identity: Identity) -> list[Identity]:
        """Return the owners of protected names, here or not, that ignore `identity`."""
        with self._freed:
            owners = self._identities.owners()
        return [it for it in owners if identity in {other.current for other in it.ignored}]

    def records_of(self, identity: Identity) -> list[Protected]:
        """Return the records of the protected names that `identity` has proven."""
        found = [(self._records.protected(fold), since) for fold, since in identity.current.records]
        return [it for it, since in found if it is not None and it.since == since]

    def everybody(self) -> list[Person]:
        """Return the people that have a name and a connection, in a room or about to enter one."""
        with self._freed:
            return [person for person in self._by_fold.values() if person.connection is not None]

    # Ignoring

    def ignore(self, person: Person, ignored: frozenset[Identity]) -> None:
        """Have `person`, and nobody else, be shown nothing of those from now on."""
        with self._freed:
            identity = person.identity
            identity.ignored = ignored
            for other in self._by_fold.values():  # they may be here more than once
                if other.identity is identity:
                    other.ignores = identity.hidden()

    # Muting

    def mute(self, name: str, seconds: float) -> None:
        """Let nobody called `name` speak for `seconds`, even after they leave and come back."""
        until = self._clock() + seconds
        with self._freed:
            self._muted[fold_name(name)] = until
            person = self._by_fold.get(fold_name(name))
            if person is not None:
                person.muted_until = until

    def unmute(self, name: str) -> bool:
        """Let the person called `name` speak again; return whether they were muted."""
        with self._freed:
            until = self._muted.pop(fold_name(name), -math.inf)
            person = self._by_fold.get(fold_name(name))
            if person is not None:
                until, person.muted_until = max(until, person.muted_until), -math.inf
        return until > self._clock()
