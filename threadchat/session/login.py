"""Meet one client at the door: greet it, and ask for the password, if there is one, and a name."""

from typing import Protocol

from threadchat.chat import passwords as protecting
from threadchat.chat.chat import Chat, NameProtected
from threadchat.chat.person import Person
from threadchat.messages.kinds import Notice, Problem
from threadchat.net.disconnect import Reason
from threadchat.text.clean import clean_text
from threadchat.text.names import BadName
from threadchat.text.phrases import MAX_NAMES_LISTED, count_people, list_names

MAX_NAME_TRIES = 5


class Front(Protocol):
    """How one speaks with the client; everything typed comes by itself, a line at a time."""

    person: Person

    def write(self, text: str) -> None:
        """Send `text`, of whole lines or the start of one, as it is."""

    def ask(self, question: str, lines: str = "") -> None:
        """Send whole `lines`, and below them put `question` before what is typed next."""

    def begin_secret(self, question: str) -> None:
        """Ask for a password, as `Door.ask_secret` does, but do not wait for it."""

    def next_secret(self) -> str | None:
        """Wait for the password that was asked for; None if the client is gone instead."""

    def next_line(self) -> str | None:
        """Wait for the next line; None if the client is gone instead."""

    def keep(self, typed: str) -> None:
        """Leave on the screen what was typed, where only we can."""


class Entrance:
    """The conversation with one client until it has a name.

    Where it ends otherwise, `person.leaving` says why, unless the client is gone by itself.
    """

    def __init__(self, chat: Chat, front: Front) -> None:
        self._chat = chat
        self._front = front

    def greet(self) -> None:
        """Say hello, and ask the first question."""
        if self._chat.house.has_password:
            self._front.write("Hello from threadchat!\r\n")
            self._front.begin_secret(_PASSWORD_PROMPT)
        else:
            self._front.ask(NAME_PROMPT, f"Hello from threadchat! {self._who_is_here()}\r\n")

    def _who_is_here(self) -> str:
        people = self._chat.people()
        if not people:
            return "Nobody is here yet."
        names = [person.name for person in people[:MAX_NAMES_LISTED]]
        return f"{count_people(len(people))}: {list_names(names, len(people))}."

    def is_passed(self) -> bool:
        """Go on until the person has the name they asked for; return whether that came to be."""
        if self._chat.house.has_password:
            if not self._has_password():
                return False
            self._front.ask(NAME_PROMPT, f"{self._who_is_here()}\r\n")
        return self._has_name()

    def _has_password(self) -> bool:
        house, person = self._chat.house, self._front.person
        while (given := self._front.next_secret()) is not None:
            if protecting.is_accepted(house, person, given, house.is_password):
                return True
            if person.leaving is not None:
                return False
            self._front.begin_secret(_PASSWORD_PROMPT)
        return False

    def _has_name(self) -> bool:
        person = self._front.person
        tries = 0
        while (line := self._front.next_line()) is not None:
            self._front.keep(NAME_PROMPT + clean_text(line))
            match line.strip().lower().removeprefix("/"):
                case "quit":
                    person.quit()
                    return False
                case "who":
                    person.tell(Notice(self._who_is_here()))
                case "help":
                    person.tell(Notice(_NAME_HELP))
                case _:
                    tries += 1
                    if self._is_claimed(line):
                        return True
                    if person.leaving is None and tries == MAX_NAME_TRIES:
                        person.tell(Problem(f"That was try {tries} of {tries}. Come again!"))
                        person.leaving = Reason.NO_NAME
                    if person.leaving is not None:
                        return False
            self._front.ask(NAME_PROMPT)
        return False

    def _is_claimed(self, name: str) -> bool:
        chat, person = self._chat, self._front.person
        try:
            try:
                chat.claim_name(person, name)
            except NameProtected as error:
                if not protecting.prove(chat, person, error.protected):
                    return False
                chat.claim_name(person, name, proven=error.protected)
        except BadName as error:
            person.tell(Problem(str(error)))
            return False
        return True


_PASSWORD_PROMPT = "Password: "

NAME_PROMPT = "Your name: "

_NAME_HELP = (
    "Choose a name of up to 20 letters and digits; others see it before what you say."
    " who lists who is here, quit leaves."
)
