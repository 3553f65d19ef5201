"""Greet one client; ask it for the server's password, if there is one, and for a name."""

from threadchat.chat.chat import Chat
from threadchat.chat.names import NameProtected
from threadchat.messages.kinds import Notice, Problem
from threadchat.net.disconnect import Reason
from threadchat.session.interfaces import ClientConnection
from threadchat.text.clean import clean_text
from threadchat.text.names import BadName
from threadchat.text.phrases import MAX_NAMES_LISTED, count_people, list_names

MAX_NAME_TRIES = 5


class Login:
    """The conversation with one client until it has a name.

    If it ends without a name, `person.leaving` says why, unless the client has gone by itself.
    """

    __slots__ = ("_chat", "_connection")

    def __init__(self, chat: Chat, connection: ClientConnection) -> None:
        self._chat = chat
        self._connection = connection

    def greet(self) -> None:
        """Greet the client, and ask the first question."""
        if self._chat.rules.has_password:
            self._connection.write("Hello from threadchat!\r\n")
            self._connection.begin_secret(_PASSWORD_PROMPT)
        else:
            self._connection.ask(NAME_PROMPT, f"Hello from threadchat! {self._who_is_here()}\r\n")

    def _who_is_here(self) -> str:
        people = self._chat.people()
        if not people:
            return "Nobody is here yet."
        names = [person.name for person in people[:MAX_NAMES_LISTED]]
        return f"{count_people(len(people))}: {list_names(names, len(people))}."

    def is_passed(self) -> bool:
        """Go on until the person has a name; return False if the login ends without one."""
        if self._chat.rules.has_password:
            if not self._has_password():
                return False
            self._connection.ask(NAME_PROMPT, f"{self._who_is_here()}\r\n")
        return self._has_name()

    def _has_password(self) -> bool:
        rules, person = self._chat.rules, self._connection.person
        while (given := self._connection.next_secret()) is not None:
            if self._chat.passwords.is_accepted(person, given, rules.is_password):
                return True
            if person.leaving is not None:
                return False
            self._connection.begin_secret(_PASSWORD_PROMPT)
        return False

    def _has_name(self) -> bool:
        person = self._connection.person
        tries = 0
        while (line := self._connection.next_line()) is not None:
            self._connection.keep(NAME_PROMPT + clean_text(line))
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
            self._connection.ask(NAME_PROMPT)
        return False

    def _is_claimed(self, name: str) -> bool:
        chat, person = self._chat, self._connection.person
        try:
            try:
                chat.names.claim(person, name)
            except NameProtected as error:
                if not chat.passwords.prove(person, error.protected):
                    return False
                chat.names.claim(person, name, proven=error.protected)
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
