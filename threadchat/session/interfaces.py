"""Define what a session needs of a client's connection, whatever door the client came by."""

from collections.abc import Iterator
from typing import Protocol

from threadchat.chat.interfaces import Connection
from threadchat.chat.person import Person


class ClientConnection(Connection, Protocol):
    """A client's connection, as the client's own thread uses it.

    `is_behind`, `bytes_sent`, `end` and `abandon` may be used from any thread. While several people
    speak at once, `receive_waiting` and what follows it are called by the thread that delivers, for
    a client that waits meanwhile.
    """

    person: Person
    started_at: float
    """When the client connected, on the server's clock, in seconds."""

    # What the person types

    def lines(self) -> Iterator[str]:
        """Return what yields each line as it was typed, until the person is gone."""

    def next_line(self) -> str | None:
        """Wait for the next line; return None if the person is gone instead."""

    def receive_waiting(self) -> None:
        """Take in what has arrived, without waiting for more."""

    def peek_lines(self, most: int) -> list[str]:
        """Return up to `most` lines that came in right behind the last one, without taking them."""

    def drop_lines(self, number: int) -> None:
        """Take the first `number` of the lines that `peek_lines` returned."""

    @property
    def is_ended(self) -> bool:
        """Whether this server is done with the client: what it still sends counts no more."""

    def is_at_end(self) -> bool:
        """Return whether the client will send no more, as far as the system tells."""

    # What the person sees

    def write(self, text: str) -> None:
        """Send `text`, of whole lines or the start of one, as it is."""

    def ask(self, question: str, lines: str = "") -> None:
        """Send whole `lines`, and below them put `question` before what is typed next."""

    def begin_secret(self, question: str) -> None:
        """Ask for a password, as `ask_secret` does, but do not wait for it."""

    def next_secret(self) -> str | None:
        """Wait for the password that was asked for; return None if the person is gone instead."""

    def keep(self, typed: str) -> None:
        """Leave what was typed on the screen, where only the server can."""

    def set_prompt(self, prompt: str) -> None:
        """Put `prompt` before what is typed, where the server draws the line."""

    # What becomes of the connection

    @property
    def is_behind(self) -> bool:
        """Whether output waits for the client to take it, at this very moment."""

    @property
    def bytes_sent(self) -> int:
        """How many bytes the client's system has taken so far."""

    def abandon(self, reason: str) -> None:
        """End the client without sending what waits for it."""
