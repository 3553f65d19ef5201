"""Tell one person on another server something, and ask their server for something: by notices.

A notice goes to all servers. It names the node and the person that it is for; the others skip it.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock

from threadchat.chat.chat import Chat
from threadchat.chat.farperson import FarPerson
from threadchat.chat.person import Correspondent, Person
from threadchat.link.notices import Data, Notices
from threadchat.messages.kinds import Notice, Private, Problem
from threadchat.net.disconnect import Reason
from threadchat.text.clean import MAX_LINE, clean_line
from threadchat.text.names import MAX_NAME_CELLS

PRIVATE, NOT_SHOWN, UNREAD = "private", "private_not_shown", "private_unread"
MAKE_WAY, WAY_ANSWERED = "make_way", "way_answered"
"""The kinds of notices."""

ANSWER_SECONDS = 3.0
"""How long it is waited for the answer of another server."""


@dataclass(slots=True, eq=False)
class _Question:
    """A question to another server that a thread waits with."""

    answered: Event = field(default_factory=Event)
    is_yes: bool | None = None


class FarNotices:
    """What the people of this server and those of others tell and ask each other.

    `find_here` returns the person on this server for whom a key stands; None if they are gone.
    `key_of` returns that key. `later` has something done on a thread that may wait.
    """

    def __init__(
        self,
        node: str,
        notices: Notices,
        chat: Chat,
        find_here: Callable[[str], Person | None],
        key_of: Callable[[Person], str],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._node = node
        self._notices = notices
        self._chat = chat
        self._find_here = find_here
        self._key_of = key_of
        self._later = later
        self._lock = Lock()  # guards the next two
        self._is_hushed = False
        self._questions: dict[str, _Question] = {}
        for kind, listener in (
            (PRIVATE, self._show),
            (NOT_SHOWN, self._tell_of_none),
            (UNREAD, self._tell_why_unread),
            (MAKE_WAY, self._make_way),
            (WAY_ANSWERED, self._take_answer),
        ):
            notices.on(kind, self._for_this_node(listener))

    def _for_this_node(
        self, listener: Callable[[Data, str], None]
    ) -> Callable[[Data, str, bool], None]:
        def listen(data: Data, node: str, is_own: bool) -> None:
            if data["to"] == self._node:
                listener(data, node)

        return listen

    # Private messages

    def whisper(self, person: Person, recipient: FarPerson, text: str) -> None:
        """Say `text` from `person` to `recipient` alone."""
        self._notices.tell(
            PRIVATE,
            {
                "to": recipient.node,
                "person": recipient.key,
                "name": recipient.name,
                "by": self._key_of(person),
                "sender": person.name,
                "uid": self._chat.names.uid_of(person.identity),
                "text": text,
                "at": time.time(),
            },
        )

    def _show(self, data: Data, node: str) -> None:
        person = self._find_here(str(data["person"]))
        if person is None:
            answer = {"to": node, "person": data["by"], "name": data["name"], "text": data["text"]}
            self._notices.tell(NOT_SHOWN, answer)
            return
        sender, text = _name(data["sender"]), clean_line(str(data["text"])[:MAX_LINE])
        identity = self._chat.names.with_uid(str(data["uid"]))
        if identity not in person.ignores:
            person.answers_to = Correspondent(sender, identity)
            person.hear(Private(sender, person.name, text, at=float(data["at"])))
        if why := person.why_unread:
            self._notices.tell(UNREAD, {"to": node, "person": data["by"], "why": why})

    def _tell_why_unread(self, data: Data, node: str) -> None:
        person, why = self._find_here(str(data["person"])), data["why"]
        if person is not None and isinstance(why, str) and (why := clean_line(why[:MAX_LINE])):
            person.tell(Notice(why))

    def _tell_of_none(self, data: Data, node: str) -> None:
        person = self._find_here(str(data["person"]))
        name, text = _name(data["name"]), clean_line(str(data["text"])[:MAX_LINE])
        if person is not None:
            self._later(lambda: self._keep_or_tell(person, name, text))

    def _keep_or_tell(self, person: Person, name: str, text: str) -> None:
        """Keep a private message for somebody that has left before it came, or tell of that."""
        if not self._chat.mail.keep(person, name, text):
            person.tell(Problem(f"{name} left before that came, and was not shown it: {text}"))

    # Making way

    def make_way(self, holder: FarPerson, person: Person, *, is_proven: bool) -> bool | None:
        """Ask that the connection of `holder` is ended; return the answer: see `Elsewhere`."""
        number, question = secrets.token_hex(8), _Question()
        with self._lock:
            if self._is_hushed:
                return False
            self._questions[number] = question
        self._notices.tell(
            MAKE_WAY,
            {
                "to": holder.node,
                "person": holder.key,
                "number": number,
                "host": person.host,
                "is_proven": is_proven,
            },
        )
        question.answered.wait(ANSWER_SECONDS)
        with self._lock:
            self._questions.pop(number, None)
        return question.is_yes

    def hush(self) -> None:
        """Let nobody wait for an answer any more."""
        with self._lock:
            self._is_hushed = True
            for question in self._questions.values():
                question.answered.set()

    def _make_way(self, data: Data, node: str) -> None:
        person = self._find_here(str(data["person"]))
        connection = None if person is None else person.connection
        is_yes = False
        if person is not None and connection is not None:
            host, is_proven = _name(data["host"], 60), data["is_proven"] is True
            peer = connection.look_at_peer()
            is_yes = is_proven or (peer is not None and peer.is_dead and person.host == host)
            if is_yes:
                words = f"{person.name} has come in again, from {host}. Goodbye."
                connection.end(Reason.REPLACED, words)
        self._notices.tell(WAY_ANSWERED, {"to": node, "number": data["number"], "is_yes": is_yes})

    def _take_answer(self, data: Data, node: str) -> None:
        with self._lock:
            question = self._questions.get(str(data["number"]))
        if question is not None:
            question.is_yes = data["is_yes"] is True
            question.answered.set()


def _name(text: object, most: int = MAX_NAME_CELLS) -> str:
    return clean_line(str(text))[:most]
