"""A client's connection that a test writes the input of, and that keeps what it is asked for."""

from collections.abc import Iterator, Sequence
from typing import cast

from tests.support.chats import Somebody
from threadchat.session.interfaces import ClientConnection


class Scripted:
    """The connection of somebody whose lines are `typed`; then they are gone.

    What `Somebody` is sent, and is asked for as a secret, is kept there.
    """

    def __init__(self, person: Somebody, *typed: str) -> None:
        self.person = person
        self.typed = list(typed)
        self.behind: list[str] = []
        """What came in right behind the line that is served."""
        self.kept: list[str] = []
        """What was typed, as it is left on the screen."""
        self.prompts: list[str] = []
        self.started_at = 0.0
        self.ended: list[str] = []
        self.is_behind = False
        self.bytes_sent = 0
        self.may_go_on = True
        """Whether the client takes what it was sent, and is not ended meanwhile."""

    @property
    def it(self) -> ClientConnection:
        """This object, for those who want a connection of a client."""
        return cast(ClientConnection, self)

    def lines(self) -> Iterator[str]:
        while self.typed:
            yield self.typed.pop(0)

    def next_line(self) -> str | None:
        return next(self.lines(), None)

    def take_lines(self, most: int, *, receives: bool) -> list[str]:
        taken, self.behind = self.behind[:most], self.behind[most:]
        return taken

    def is_ended(self) -> bool:
        return False

    def put_back(self, lines: Sequence[str]) -> None:
        self.behind[:0] = lines

    def write(self, text: str) -> None:
        self.person.received += text.encode()

    def ask(self, question: str, lines: str = "") -> None:
        self.prompts.append(question)
        self.write(lines)

    def begin_secret(self, question: str) -> None:
        self.prompts.append(question)

    def next_secret(self) -> str | None:
        return self.next_line()

    def keep(self, typed: str) -> None:
        self.kept.append(typed)

    def set_prompt(self, prompt: str) -> None:
        self.prompts.append(prompt)

    def catch_up(self, seconds: float) -> bool:
        return self.may_go_on

    def end(self, reason: str, words: str) -> None:
        self.ended.append(f"{reason} | {words}")

    def abandon(self, reason: str) -> None:
        self.ended.append(reason)
