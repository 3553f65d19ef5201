"""Hide from one person what another says and does, for as long as it is known who both are.

Whom somebody ignores goes by identities (see `threadchat.chat.identity`), on both sides. For two
owners of protected names it is in the records, and so outlives the server.
"""

from threadchat.chat.identity import Identity
from threadchat.chat.names import Names
from threadchat.chat.person import Person
from threadchat.errors import PersonError
from threadchat.storage.records import Records
from threadchat.text.names import fold_name

MAX_IGNORED = 100
"""How many others a person can ignore."""


class Ignoring:
    """What the people of one chat ignore. Each method is for the thread of its person."""

    def __init__(self, records: Records, names: Names) -> None:
        self._records = records
        self._names = names

    def ignore(self, person: Person, other: Identity) -> None:
        """Show `person` nothing more of `other`.

        Raise `PersonError` if they ignore too many. If it cannot be written, it holds all the same,
        and `RecordsFailed` is raised.
        """
        ignored = person.identity.hidden()
        if len(ignored) >= MAX_IGNORED:
            raise PersonError(
                f"You ignore {len(ignored)} people already. /unignore NAME makes room."
            )
        self._names.ignore(person, ignored | {other})
        self.store(person)

    def unignore(self, person: Person, other: Identity) -> None:
        """Show `person` again what `other` says and does; for errors see `ignore`."""
        self._names.ignore(person, person.identity.hidden() - {other})
        self._records.unignore(self._pairs(person.identity, other))

    def ignored_by(self, person: Person) -> list[Identity]:
        """Return those that `person` ignores, by the alphabet."""
        return sorted(person.identity.hidden(), key=lambda it: fold_name(it.name))

    def find(self, person: Person, name: str) -> Identity | None:
        """Return the one called `name` that `person` ignores; None if there is none.

        Of several it is the one that has the name now, or else had it last.
        """
        fold = fold_name(name)
        known = [it for it in person.identity.hidden() if it.was_called(fold)]
        return max(known, key=lambda it: self._last_called(it, fold), default=None)

    def _last_called(self, identity: Identity, fold: str) -> float:
        return max((it.end for it in identity.periods if it.fold == fold), default=0.0)

    def store(self, person: Person) -> None:
        """Keep in the records what concerns `person`: whom they ignore, and who ignores them.

        For a person that has just proven or protected a name. Raise `RecordsFailed`.
        """
        identity = person.identity
        own = [pair for other in identity.hidden() for pair in self._pairs(identity, other)]
        owners = self._names.owners_that_ignore(identity) if identity.records else []
        pairs = [*own, *(pair for owner in owners for pair in self._pairs(owner, identity))]
        if any(fold_name(other) not in self._records.ignored_by(one) for one, other in pairs):
            self._records.ignore(pairs)

    def note_names(self, person: Person) -> None:
        """Keep in the records which names `person` had, if they have proven a protected one.

        So what they said under these is known as theirs after a restart. Raise `RecordsFailed`.
        """
        for protected in self._names.records_of(person.identity):
            self._records.keep_names_had(
                protected.name, self._names.had_beside(person.identity, protected)
            )

    def _pairs(self, one: Identity, other: Identity) -> list[tuple[str, str]]:
        """Return the protected names of `one`, each with each protected name of `other`."""
        return [
            (owner.name, ignored.name)
            for owner in self._names.records_of(one)
            for ignored in self._names.records_of(other)
        ]

    def what_it_follows(self, person: Person, other: Identity) -> str:
        """Return for how long `person` is shown nothing of `other`, as a sentence for `person`."""
        theirs, own = self._names.records_of(other), self._names.records_of(person.identity)
        if theirs and own:
            return "Their name and yours are protected: it holds whenever they or you come back."
        if theirs:
            return (
                "Their name is protected: it holds whenever they come back, and for you until you"
                " are away for 2 min."
            )
        return (
            "It holds under any name, and when they come back within 2 min by the same name and"
            f" address{'' if own else '; for you likewise'}."
        )
