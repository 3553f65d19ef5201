"""Define the interface for how a member of a room is shown messages.

A format turns messages into lines, and lines into bytes. The views of terminals are formats.
`threadchat.chat` knows only this interface; it does not know what kind of client a member has.
"""

from collections.abc import Hashable, Sequence
from typing import Protocol

from threadchat.messages.answers import Answer
from threadchat.messages.days import with_days
from threadchat.messages.kinds import Message, NewDay, Repeated


class Format(Protocol):
    """How messages are shown. Equal formats have equal hashes, and share one rendering.

    A message is one line that does not depend on the lines around it. So a member can be sent a
    whole batch with some lines left out.
    """

    @property
    def style(self) -> Hashable:
        """A value that is equal for two formats with the same `lines`, whatever their encodings."""

    @property
    def marks_mentions(self) -> bool:
        """Whether a line that mentions the member is shown in a different way."""

    @property
    def shows_days(self) -> bool:
        """Whether a member is told on which day something was said, in lines of their own."""

    @property
    def can_wait(self) -> bool:
        """Whether members with it are handed a batch after the others, as it takes longer."""

    def line(self, message: Message | Answer, is_mention: bool = False, room: str = "") -> str:
        """Return the line of `message` with its line end; an answer may have several lines.

        `is_mention` says whether the message mentions the member, `room` where it was said.
        """

    def lines(self, messages: Sequence[Message], room: str = "") -> list[str]:
        """Return the lines of `messages` of `room`; none of them mentions the member."""

    def encode(self, text: str) -> bytes:
        """Return `text` as bytes. Each ASCII character stays the same single byte."""


def dated(said: Sequence[Repeated], format: Format) -> Sequence[Repeated | NewDay]:
    """Return `said` as `format` shows it: with a line where the day changes, if it shows days."""
    return with_days(said) if format.shows_days else said


def render(
    message: Message | Answer, format: Format, is_mention: bool = False, room: str = ""
) -> bytes:
    """Return the bytes of `message` in `format`; see `Format.line`."""
    return format.encode(format.line(message, is_mention, room))
