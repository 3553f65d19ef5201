"""Keep private messages for the owners of protected names; hand them over when the owners come.

This needs a server with a history file. If that file fails, `RecordsFailed` is raised.
"""

import contextlib
from collections import OrderedDict
from threading import Lock

from threadchat.chat.identity import Identity
from threadchat.chat.interfaces import Observer
from threadchat.chat.names import Names
from threadchat.chat.person import Correspondent, Person
from threadchat.messages.fitting import fitting
from threadchat.messages.format import render
from threadchat.messages.kinds import Notice, Private, Problem
from threadchat.storage.records import KeptMessage, Records, RecordsFailed, RecordsFull
from threadchat.text.phrases import minute

MAX_WRITERS = 10_000
"""Of so many waiting messages it is remembered who wrote them, over renames; the oldest go first.

Whoever has proven a protected name is known again by that, for as long as the message waits.
"""

TAKING_SECONDS = 30.0
"""How many seconds a client may take for one part of its mail."""


class Mail:
    """The mail of one chat. Safe to use from any thread."""

    def __init__(self, records: Records, names: Names, observer: Observer) -> None:
        self._records = records
        self._names = names
        self._observer = observer
        # Held while handing over, so that no message is shown twice, and while keeping a message,
        # so that its writer is known when it is handed over. Guards the table below.
        self._handing_over = Lock()
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
            with self._handing_over:
                number = records.keep(letter, writer, self._written_by(person.identity))
                if not number:
                    return False
                self._writers[number] = person.identity
                if len(self._writers) > MAX_WRITERS:
                    self._writers.popitem(last=False)
        except RecordsFull as error:
            person.tell(Problem(str(error)))
            return True
        person.tell(own, Notice(f"{owner.name} is not here and will be handed it on coming back."))
        with contextlib.suppress(KeyError):
            # The owner may have come in meanwhile; we do not wait for their client (promise 3).
            self._hand_over_safely(self._names.find(name))
        return True

    def hand_over(self, person: Person) -> None:
        """Hand `person` the private messages that came for them while they were not here.

        It waits, on the person's own thread, until their client has taken as many as fit into one
        answer before the next ones are sent. What a client does not take stays here.
        """
        while self._hand_over_safely(person):
            if person.connection is None or not person.connection.catch_up(TAKING_SECONDS):
                return

    def _hand_over_safely(self, person: Person) -> bool:
        try:
            return self._hand_over(person)
        except RecordsFailed as error:
            self._observer.warn(error.why)
            person.tell(Problem(str(error)))
            return False

    def _hand_over(self, person: Person) -> bool:
        """Hand over as many messages as fit into one answer; return whether more are waiting."""
        with self._handing_over:
            waiting = self._records.waiting(person.name)
            if not waiting:
                return False
            page = fitting(waiting, lambda kept: kept.message.line)
            writers = {kept.id: self._writer_of(kept) for kept in page}
            shown = [kept for kept in page if writers[kept.id].identity not in person.ignores]
            if shown:
                count = "A message" if len(shown) == 1 else f"{len(shown)} messages"
                title = f"{count} came for you while you were not here:"
                lines = [f"{minute(kept.message.at)} {kept.message.line}" for kept in shown]
                # Not by `tell`, which would leave out what is too much for an answer.
                notices = map(Notice, [title, *lines])
                person.deliver(b"".join(render(it, person.format) for it in notices))
                person.answers_to = writers[shown[-1].id]
            # Only now: a message that was not handed over must not be lost.
            self._records.handed_over(page)
            for kept in page:
                self._writers.pop(kept.id, None)
            return len(page) < len(waiting)

    def _written_by(self, identity: Identity) -> list[int]:
        """Return the numbers of the messages that wait and are by the person of `identity`."""
        return [number for number, it in self._writers.items() if it.current is identity]

    def _writer_of(self, kept: KeptMessage) -> Correspondent:
        """Return who wrote a message; it may have been before the server was last started."""
        identity = self._writers.get(kept.id)
        if identity is None and kept.writer is not None:
            identity = self._names.owner_of(kept.writer)
        return Correspondent(kept.message.sender, identity and identity.current)
