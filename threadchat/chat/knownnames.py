"""Know which person has which name, here and on servers that are linked, and find them by it.

How somebody gets a name is no concern of this module: see `Names`.
"""

import math
import time
from collections.abc import Callable
from threading import Condition, Lock

from threadchat.chat.farperson import Elsewhere, Facts, FarPerson, facts_of
from threadchat.chat.identity import MAX_PERIODS, NOBODY, Identities, Identity, Period
from threadchat.chat.keptnames import KeptNames
from threadchat.chat.leftpeople import LeftPeople
from threadchat.chat.person import Person
from threadchat.chat.restrictions import Restrictions
from threadchat.storage.nameshad import NameHad
from threadchat.storage.records import Protected, Records
from threadchat.text.names import fold_name, skeleton


class KnownNames:
    """The names that people of one chat have. Safe to use from any thread."""

    def __init__(self, records: Records, clock: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._clock = clock
        self._lock = Lock()  # guards the tables below
        self._freed = Condition(self._lock)  # told when a name is free again
        self._identities = Identities()
        self._left = LeftPeople()
        self._kept = KeptNames()
        self._by_fold: dict[str, Person] = {}
        self._by_skeleton: dict[str, Person] = {}
        self._is_hushed = False
        self.restrictions = Restrictions()
        """What operators have kept people from."""
        self.elsewhere: Elsewhere | None = None
        """The other servers that are linked with this one, if any may be."""

    def find(self, name: str) -> Person:
        """Return the person called `name`; raise `KeyError` if nobody here is."""
        fold = fold_name(name)
        with self._lock:
            person = self._by_fold[fold]
        if person.has_left:  # the name stays taken until everybody has been told
            raise KeyError(fold)
        return person

    def is_here(self, name: str) -> bool:
        """Return whether somebody here is called `name`."""
        try:
            self.find(name)
        except KeyError:
            return False
        return True

    def find_called(self, name: str) -> Identity:
        """Return who is called `name`, or owns it, or had it and has just left; else `NOBODY`."""
        with self._lock:
            person = self._by_fold.get(fold_name(name))
            if person is not None:
                return person.identity
            protected = self._records.protected(name)
            if protected is not None:
                return self._owner(protected)
            return self._left.last(fold_name(name), self._clock())

    def who_had(self, name: str, at: float) -> Identity:
        """Return who had `name` at that time, in seconds since the epoch.

        That is an identity of nobody if it is not known, or not for sure.
        """
        fold = fold_name(name)
        with self._lock:
            here = [it.identity for it in self._by_fold.values()]
            others = (*self._identities.owners(), *self._left.everybody())
            known = {it.current for it in (*here, *others)}
        had = [it for it in known if it.had(fold, at)]
        return had[0] if len(had) == 1 else Identity()

    def find_again(self, identity: Identity, name: str = "") -> Person | None:
        """Return the person that is `identity`, under whatever name; None if they are not here.

        If they are here more than once, return the one called `name`, or else the last to come.
        """
        identity = identity.current
        with self._lock:
            named = self._by_fold.get(fold_name(name))
            here = [
                it for it in self._by_fold.values() if it.identity is identity and not it.has_left
            ]
        if named in here:
            return named
        return here[-1] if here else None

    def owner_of(self, protected: Protected) -> Identity:
        """Return the identity of the owner of a protected name, here or not."""
        with self._lock:
            return self._owner(protected)

    def owners_that_ignore(self, identity: Identity) -> list[Identity]:
        """Return the owners of protected names, here or not, that ignore `identity`."""
        with self._lock:
            owners = self._identities.owners()
        return [it for it in owners if identity in {other.current for other in it.ignored}]

    def records_of(self, identity: Identity) -> list[Protected]:
        """Return the records of the protected names that `identity` has proven."""
        found = [(self._records.protected(fold), since) for fold, since in identity.current.records]
        return [it for it, since in found if it is not None and it.since == since]

    def had_beside(self, identity: Identity, protected: Protected) -> list[NameHad]:
        """Return which names `identity` had, and when, less what the record says anyway."""
        fold, since = fold_name(protected.name), protected.since
        periods = sorted(identity.current.periods, key=lambda it: it.begin)
        return [
            (it.fold, it.begin, min(it.end, since) if it.fold == fold else it.end)
            for it in periods
            if it.fold != fold or it.begin < since
        ]

    def everybody(self) -> list[Person]:
        """Return the people that have a name and a connection, in a room or about to enter one.

        Those on other servers are not among them.
        """
        with self._lock:
            return [person for person in self._by_fold.values() if person.connection is not None]

    def everywhere(self) -> list[Person]:
        """Return the people that have a name and a connection, on whatever server."""
        with self._lock:
            return [
                it
                for it in self._by_fold.values()
                if it.connection is not None or (isinstance(it, FarPerson) and it.id)
            ]

    def all_here(self) -> list[Person]:
        """Return all that have a name on this server, also those that are no clients."""
        with self._lock:
            return [it for it in self._by_fold.values() if not isinstance(it, FarPerson)]

    # Who is whom

    def _owner(self, protected: Protected) -> Identity:
        fold = fold_name(protected.name)
        identity = self._identities.of_record(fold, protected.since, protected.name)
        self._restore(identity, fold)
        return identity

    def _restore(self, identity: Identity, fold: str) -> None:
        """Let it be known which names the owner of a protected name had before the last start."""
        known = {(it.fold, it.begin) for it in identity.periods}
        before = [Period(*it) for it in self._records.names_had(fold) if it[:2] not in known]
        if before:
            identity.periods = (*before, *identity.periods)[-MAX_PERIODS:]

    def _note_merged(self, after: Identity) -> None:
        """Let everybody here know of identities that have become `after`."""
        for other in self._by_fold.values():
            other.identity = other.identity.current
            if other.ignores or other.identity is after:
                other.ignores = other.identity.hidden()
                other.muted_until = max(other.muted_until, self._muted_until(other))

    def _muted_until(self, person: Person) -> float:
        return self.restrictions.muted_until(person.name, person.host, person.identity)

    def remember(self, person: Person) -> None:
        """Know `person`, who leaves, again by name and address for a while."""
        with self._lock:
            self._remember(person)

    def _remember(self, person: Person) -> None:
        identity, now = person.identity, self._records.now()
        names: dict[str, float] = {}
        for fold, begin, end in identity.periods:
            if end >= person.came_at:  # a name of this session
                seconds = min(end, now) - max(begin, person.came_at)
                names[fold] = names.get(fold, 0.0) + seconds
        self._left.remember(identity, names, person.host, self._clock(), person.counted_as)

    # People on other servers

    def facts_of(self, person: Person, *, name: str = "", lost_after: float = 0.0) -> Facts:
        """Return what other servers are told of `person`; for the rest see there."""
        clock_now, now = self._clock(), self._records.now()
        with self._lock:
            return facts_of(
                person, self._identities, clock_now, now, name=name, lost_after=lost_after
            )

    def know_far(self, person: FarPerson, fold: str, look: str, facts: Facts) -> None:
        """Know that `person` has a name elsewhere, given as `fold_name` and `skeleton` make it."""
        clock_now, now = self._clock(), self._records.now()
        with self._lock:
            if facts.uid:
                self._know_identity(person, fold, facts)
            person.take(facts, fold, clock_now, now)
            self._by_fold[fold] = self._by_skeleton[look] = person

    def _know_identity(self, person: FarPerson, fold: str, facts: Facts) -> None:
        identity = self._identities.with_uid(facts.uid)
        if person.identity not in (NOBODY, identity):
            self._identities.merge(person.identity, identity)
        for record in facts.records:
            identity = self._identities.bind(*record, identity)
        person.identity = identity
        if not any(it.fold == fold and it.end == math.inf for it in identity.periods):
            identity.begin(facts.name, fold, facts.named_at)
        identity.name = facts.name
        is_here = any(
            it.identity.current is identity and not isinstance(it, FarPerson)
            for it in self._by_fold.values()
        )
        ignores = frozenset(map(self._identities.with_uid, facts.ignores))
        if is_here:
            # They are here, too. What has changed there counts here, and stays what it is by that.
            before = frozenset(map(self._identities.with_uid, person.facts.ignores))
            ignores = (identity.ignored | (ignores - before)) - (before - ignores)
        if ignores != identity.ignored:
            identity.ignored = ignores
            for other in self._by_fold.values():
                if other.identity is identity:
                    other.ignores = identity.hidden()
        if facts.records:
            self._note_merged(identity)

    def forget_far(self, person: FarPerson, fold: str, look: str, *, is_gone: bool) -> None:
        """Know that `person` has that name no more, or is gone with it."""
        with self._lock:
            if is_gone:
                person.has_left = True
                self._remember(person)
                if seconds := person.facts.lost_after:
                    now = self._clock()
                    self._kept.keep(person.name, person.identity, person.counted_as, now, seconds)
            if self._by_fold.get(fold) is person:
                del self._by_fold[fold]
            if self._by_skeleton.get(look) is person and (is_gone or skeleton(person.name) != look):
                del self._by_skeleton[look]
            person.identity.end(fold, self._records.now())
            self._freed.notify_all()

    def uid_of(self, identity: Identity) -> str:
        """Return the text that stands for `identity` on all servers."""
        with self._lock:
            return self._identities.uid_of(identity)

    def with_uid(self, uid: str) -> Identity:
        """Return the identity for which `uid` stands on all servers."""
        with self._lock:
            return self._identities.with_uid(uid)
