"""Share what the records keep: protected names, their mail, whom their owners ignore, their names.

The hashes of passphrases go to all servers, so that each can ask for the passphrase of a name.
"""

from collections.abc import Callable, Iterable, Mapping
from math import inf

from threadchat.chat.mail import Mail
from threadchat.chat.names import Names
from threadchat.link.shared import Change, SharedKind, Value
from threadchat.messages.kinds import Private
from threadchat.storage.records import KeptMessage, Protected, Records, RecordsFailed
from threadchat.storage.values import name_of, text_of, time_of
from threadchat.text.names import fold_name

Warn = Callable[[str], None]


def kinds_of_records(
    records: Records, names: Names, mail: Mail, warn: Warn
) -> Mapping[str, SharedKind]:
    """Return what the records of a chat share; `warn` gets lines for the operator."""
    return {
        "name": SharedNames(records, names, warn),
        "had": SharedNamesHad(records, warn),
        "ignore": SharedIgnores(records, warn),
        "mail": SharedMail(records, names, mail, warn),
    }


class _OfRecords:
    """A kind of which the later value counts."""

    def __init__(self, records: Records, warn: Warn) -> None:
        self._records = records
        self._warn = warn

    def put(self, key: str, change: Change) -> None:
        """Have a value of another server count here."""
        try:
            if change.value is None:
                self._drop(key)
            else:
                self._set(key, change.value)
        except RecordsFailed as error:
            self._warn(error.why)

    def _set(self, key: str, value: Value) -> None:
        raise NotImplementedError

    def _drop(self, key: str) -> None:
        raise NotImplementedError

    def keeps(self, own: Value, other: Value) -> bool:
        """Return that the later one counts."""
        return False

    def stays(self, key: str) -> None:
        """Do nothing: what does not count was not taken."""


class SharedNames(_OfRecords):
    """The protected names, by their folded form.

    If two servers have protected a name before they were linked, whoever did so first keeps it.
    """

    def __init__(self, records: Records, names: Names, warn: Warn) -> None:
        super().__init__(records, warn)
        self._names = names

    def items(self) -> Iterable[tuple[str, float]]:
        """Yield the names, each with the time since when it is protected."""
        return [(fold_name(it.name), it.since) for it in self._records.all_protected()]

    def value(self, key: str) -> Value | None:
        """Return the record of a name."""
        it = self._records.protected(key)
        if it is None:
            return None
        kept = it.kept.decode("ascii", "replace")
        return {"name": it.name, "kept": kept, "since": it.since, "address": it.address}

    def _set(self, key: str, value: Value) -> None:
        name = name_of(value["name"])
        if fold_name(name) != key:
            raise ValueError(f"a protected name {name!r} that stands for another")
        kept = str(value["kept"]).encode("ascii")
        protected = Protected(name, kept, time_of(value["since"]), text_of(value["address"]))
        before = self._records.protected(name)
        if before is not None and before.since != protected.since:
            self._names.unprotected(name)
        if self._records.put_name(protected) is not None:
            self._warn(
                f"the name {name} was protected by somebody else on another server, and earlier: it"
                " is theirs. Mail that waited for it here is deleted"
            )

    def _drop(self, key: str) -> None:
        if self._records.drop_name(key):
            self._names.unprotected(key)

    def keeps(self, own: Value, other: Value) -> bool:
        """Return whether the name was protected first by whoever has it in `own`."""
        return bool(own["since"] < other["since"])


class SharedNamesHad(_OfRecords):
    """Which names the owners of protected names had, by the name that is protected."""

    def items(self) -> Iterable[tuple[str, float]]:
        """Yield the names of the owners."""
        found = self._records.all_protected()
        return [(fold_name(it.name), it.since) for it in found if self.value(it.name) is not None]

    def value(self, key: str) -> Value | None:
        """Return the names that an owner had."""
        names = self._records.names_had(key)
        if not names:
            return None
        return {"names": [[fold, begin, None if end == inf else end] for fold, begin, end in names]}

    def _set(self, key: str, value: Value) -> None:
        names = [
            (text_of(fold), time_of(begin), inf if end is None else time_of(end))
            for fold, begin, end in value["names"]
        ]
        self._records.put_names_had(key, names)

    def _drop(self, key: str) -> None:
        self._records.put_names_had(key, [])


class SharedIgnores(_OfRecords):
    """Which owners of protected names ignore which others: their names, with a blank between."""

    def items(self) -> Iterable[tuple[str, float]]:
        """Yield the pairs."""
        for owner in self._records.all_protected():
            for ignored in self._records.ignored_by(owner.name):
                yield f"{fold_name(owner.name)} {ignored}", owner.since

    def value(self, key: str) -> Value | None:
        """Return something if that owner ignores the other."""
        owner, _, ignored = key.partition(" ")
        return {} if ignored in self._records.ignored_by(owner) else None

    def _set(self, key: str, value: Value) -> None:
        owner, _, ignored = key.partition(" ")
        self._records.put_ignores([(owner, ignored)])

    def _drop(self, key: str) -> None:
        owner, _, ignored = key.partition(" ")
        self._records.drop_ignores([(owner, ignored)])


class SharedMail(_OfRecords):
    """The messages that wait for the owners of protected names: see `KeptMessage.key`.

    All servers keep them, so whichever the owner comes in by hands them over. They are gone from
    all servers once they have arrived.
    """

    def __init__(self, records: Records, names: Names, mail: Mail, warn: Warn) -> None:
        super().__init__(records, warn)
        self._names = names
        self._mail = mail

    def items(self) -> Iterable[tuple[str, float]]:
        """Yield the keys of the messages."""
        try:
            return [(it.key, it.message.at) for it in self._records.mail.all()]
        except RecordsFailed as error:
            self._warn(error.why)
            return []

    def value(self, key: str) -> Value | None:
        """Return a message; raise `RecordsFailed`."""
        kept = self._records.mail.find(key)
        if kept is None:
            return None
        it, writer = kept.message, self._mail.writer_of(kept).identity
        return {
            "recipient": it.recipient,
            "sender": it.sender,
            "text": it.text,
            "at": it.at,
            "writer": kept.writer and fold_name(kept.writer.name),
            "by": "" if writer is None else self._names.uid_of(writer),
            "shown": kept.was_shown,
        }

    def _set(self, key: str, value: Value) -> None:
        message = Private(
            name_of(value["sender"]),
            name_of(value["recipient"]),
            text_of(value["text"]),
            at=time_of(value["at"]),
        )
        if KeptMessage(0, message).key != key:
            raise ValueError("a message that stands for another")
        writer, by = text_of(value["writer"]), text_of(value["by"])
        kept = self._records.mail.put(message, writer, was_shown=bool(value["shown"]))
        if kept is not None:
            self._mail.take(kept, self._names.with_uid(by) if by else None)

    def _drop(self, key: str) -> None:
        self._records.mail.drop(key)
