"""Keep private messages for the owners of protected names; hand them over when the owners come.

They are handed over in portions, and each is deleted once the owner's system has taken it. What was
shown and may not have arrived is shown again the next time, marked so: nothing is lost with a
connection.

This needs a server with a history file. If that file fails, `RecordsFailed` is raised.
"""

from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from threading import Lock

from threadchat.chat.identity import Identity
from threadchat.chat.interfaces import Observer, Portion
from threadchat.chat.names import Names
from threadchat.chat.person import Correspondent, Person
from threadchat.messages.fitting import fitting
from threadchat.messages.kinds import Notice, Private, Problem
from threadchat.storage.records import KeptMessage, Records, RecordsFailed, RecordsFull
from threadchat.text.phrases import minute

_AGAIN = "again: "
"""Before a message that may have been shown before."""

MAX_WRITERS = 10_000
"""Of so many waiting messages it is remembered who wrote them, over renames; the oldest go first.

Whoever has proven a protected name is known again by that, for as long as the message waits.
"""


class Mail:
    """The mail of one chat. Safe to use from any thread."""

    def __init__(self, records: Records, names: Names, observer: Observer) -> None:
        self._records = records
        self._names = names
        self._observer = observer
        # Held while looking what waits, so that no message is shown twice, and while keeping one,
        # so that its writer is known when it is handed over. Guards the two below.
        self._looking = Lock()
        self._under_way: set[Person] = set()  # those who will be handed over what comes, too
        self._writers: OrderedDict[int, Identity] = OrderedDict()  # by the number of the message

    def keep(self, person: Person, name: str, words: str) -> bool:
        """Keep `words` for the owner of `name`, if the name is protected and its owner is not here.

        Return False if there is no such owner. If too much is kept already, tell `person` so, and
        return True. Raise `RecordsFailed` if the file fails.
        """
        records = self._records
        if self._names.is_here(name) or (owner := records.protected(name)) is None:
            return False
        own = Private(person.name, owner.name, words, is_own=True)
        letter = Private(person.name, owner.name, words, at=own.at)
        writer = next(iter(self._names.records_of(person.identity)), None)
        try:
            with self._looking:
                number = records.keep(letter, writer, self._written_by(person.identity))
                if not number:
                    return False
                if self._is_withdrawn(KeptMessage(number, letter)):
                    return False
                self._note_writer(number, person.identity)
        except RecordsFull as error:
            person.tell(Problem(str(error)))
            return True
        records.mail.tell_of(letter)
        person.tell(own, Notice(f"{owner.name} is not here and will be handed it on coming back."))
        return True

    def take(self, kept: KeptMessage, writer: Identity | None) -> None:
        """Take a message that was kept on another server, by the person of `writer` if it is known.

        If the owner of the name is here by now, they are told it at once.
        """
        with self._looking:
            if writer is not None:
                self._note_writer(kept.id, writer)
            owner = self._owner_here(kept)
            if owner is None or owner in self._under_way:
                return
        if writer is None or writer not in owner.ignores:
            owner.answers_to = self.writer_of(kept)
            owner.hear(kept.message)
        self._delete(owner, [kept])

    def _owner_here(self, kept: KeptMessage) -> Person | None:
        try:
            owner = self._names.find(kept.message.recipient)
        except KeyError:
            return None
        return None if owner.connection is None else owner

    def _note_writer(self, number: int, writer: Identity) -> None:
        self._writers[number] = writer
        if len(self._writers) > MAX_WRITERS:
            self._writers.popitem(last=False)

    def _is_withdrawn(self, kept: KeptMessage) -> bool:
        """Delete a message again if the owner has come in meanwhile, and was not handed it over."""
        try:
            if self._names.find(kept.message.recipient) in self._under_way:
                return False
            self._records.mail.drop(kept.key)
        except (KeyError, RecordsFailed):  # if it cannot be deleted, it waits like any other
            return False
        return True

    def hand_over(self, person: Person) -> None:
        """Hand `person` the private messages that came for them while they were not here.

        For the person's own thread. This goes on between their lines until all is handed over.
        """
        if person.connection is not None and self._has_waiting(person):
            person.connection.hand_over(self._portions(person))

    def _has_waiting(self, person: Person) -> bool:
        try:
            with self._looking:
                return bool(self._records.waiting(person.name))
        except RecordsFailed:
            return True  # handing over tells everybody of it

    def _portions(self, person: Person) -> Generator[Portion, None, None]:
        """Yield what waits for `person`, until nothing does."""
        with self._looking:
            if person in self._under_way:
                return
            # Not before: if this is closed before it begins, nothing would take the person out.
            self._under_way.add(person)
        try:
            last = 0
            while waiting := self._waiting_after(last, person):
                last = waiting[-1].id
                with self._looking:
                    writers = {kept.id: self._writer(kept) for kept in waiting}
                ignored = [it for it in waiting if writers[it.id].identity in person.ignores]
                self._delete(person, ignored)
                shown = [it for it in waiting if it not in ignored]
                title = [Notice(_title_of(shown))]
                for some in _in_portions(shown):
                    self._note_shown(some)
                    person.answers_to = writers[some[-1].id]
                    lines = [Notice(_line_of(kept)) for kept in some]
                    yield Portion([*title, *lines], partial(self._delete, person, some))
                    title = []
        except RecordsFailed as error:
            self._observer.warn(error.why)
            person.tell(Problem(str(error)))
        finally:
            with self._looking:
                self._under_way.discard(person)

    def _waiting_after(self, last: int, person: Person) -> list[KeptMessage]:
        """Return what waits for `person` behind the message with that number."""
        with self._looking:
            waiting = [kept for kept in self._records.waiting(person.name) if kept.id > last]
            if not waiting:
                self._under_way.discard(person)  # what comes now is not for us
            return waiting

    def _note_shown(self, some: Sequence[KeptMessage]) -> None:
        """Note that messages may arrive from now on, even if we never learn of it."""
        try:
            self._records.note_shown(some)
        except RecordsFailed as error:
            self._observer.warn(error.why)  # they are shown all the same

    def _delete(self, person: Person, some: Sequence[KeptMessage]) -> None:
        """Delete messages that `person` has, or does not want."""
        if not some:
            return
        try:
            self._records.handed_over(some)
        except RecordsFailed as error:
            self._observer.warn(error.why)
            person.tell(Problem(str(error)))
        else:
            with self._looking:
                for kept in some:
                    self._writers.pop(kept.id, None)

    def _written_by(self, identity: Identity) -> list[int]:
        """Return the numbers of the messages that wait and are by the person of `identity`."""
        return [number for number, it in self._writers.items() if it.current is identity]

    def writer_of(self, kept: KeptMessage) -> Correspondent:
        """Return who wrote a message; it may have been before the server was last started."""
        with self._looking:
            return self._writer(kept)

    def _writer(self, kept: KeptMessage) -> Correspondent:
        identity = self._writers.get(kept.id)
        if identity is None and kept.writer is not None:
            identity = self._names.owner_of(kept.writer)
        return Correspondent(kept.message.sender, identity and identity.current)


def _in_portions(waiting: Sequence[KeptMessage]) -> Iterator[Sequence[KeptMessage]]:
    """Yield together as many messages as fit into one answer."""
    while waiting:
        some = fitting(waiting, _line_of)
        yield some
        waiting = waiting[len(some) :]


def _title_of(shown: Sequence[KeptMessage]) -> str:
    count = "A message" if len(shown) == 1 else f"{len(shown)} messages"
    title = f"{count} came for you while you were not here"
    if any(kept.was_shown for kept in shown):
        return f"{title}; you may have seen what is marked {_AGAIN.rstrip(': ')!r}:"
    return f"{title}:"


def _line_of(kept: KeptMessage) -> str:
    return f"{_AGAIN * kept.was_shown}{minute(kept.message.at)} {kept.message.line}"
