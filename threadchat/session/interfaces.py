"""Define what a session needs from a client's connection, whatever door the client came by."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from threadchat.chat.interfaces import Connection
from threadchat.chat.person import Person


class ClientConnection(Connection, Protocol):
    """A client's connection, as the client's own thread uses it.

    `is_behind`, `bytes_sent`, `look_at_peer`, `end` and `abandon` may be used from any thread.
    While several people speak at once, the delivering thread calls `take_lines`, `put_back` and
    `is_ended` for a client whose own thread waits meanwhile.
    """

    person: Person
    started_at: float
    """When the client connected, on the server's clock, in seconds."""

    # What the person types

    def lines(self) -> Iterator[str]:
        """Return an iterator over the lines as they were typed; it ends when the person is gone."""

    def next_line(self) -> str | None:
        """Wait for the next line; return None if the person is gone instead."""

    def take_lines(self, most: int, *, receives: bool) -> list[str]:
        """Take up to `most` lines that came in right after the last one.

        If none waits and `receives` is true, take in what has arrived first, without waiting.
        """

    def put_back(self, lines: Sequence[str]) -> None:
        """Put `lines`, the last of those that `take_lines` returned, in front of what waits."""

    def is_ended(self) -> bool:
        """Whether this server has ended the client. What the client still sends is ignored."""

    def is_at_end(self) -> bool:
        """Return whether the client will send nothing more, as far as the system knows."""

    # What the person sees

    def write(self, text: str) -> None:
        """Send `text` as it is. It is whole lines, or the start of a line."""

    def ask(self, question: str, lines: str = "") -> None:
        """Send whole `lines`, then `question` in front of the line that the person types next."""

    def begin_secret(self, question: str) -> None:
        """Ask for a password as `ask_secret` does, but do not wait for it."""

    def next_secret(self) -> str | None:
        """Wait for the password that was asked for; return None if the person is gone instead."""

    def keep(self, typed: str) -> None:
        """Leave `typed` on the screen, if the server draws the line. Else it stays by itself."""

    def set_prompt(self, prompt: str) -> None:
        """Put `prompt` in front of what is typed, if the server draws the line."""

    # What becomes of the connection

    @property
    def is_behind(self) -> bool:
        """Whether output waits at this moment for the client to take it."""

    @property
    def bytes_queued(self) -> int:
        """How many bytes wait for the client to take them."""

    @property
    def bytes_received(self) -> int:
        """How many bytes have come in so far."""

    @property
    def bytes_sent(self) -> int:
        """How many bytes the client's system has taken so far."""

    def abandon(self, reason: str) -> None:
        """End the client. What waits to be sent to it is dropped."""
