"""Define how a member of a room is shown messages, without a thought of what is at the other end.

A format makes lines of messages, and bytes of lines. The views of terminals are formats. What
stands here is all that `threadchat.chat` knows of them.
"""

from collections.abc import Hashable, Sequence
from typing import Protocol

from threadchat.messages.kinds import Message


class Format(Protocol):
    """How messages are shown. Equal formats have equal hashes, and share one rendering.

    A message is one line that needs none of the lines around it: what a member is sent of a batch
    is the whole batch with some lines left out.
    """

    @property
    def style(self) -> Hashable:
        """What two formats have in common whose `lines` are the same, whatever their encoding."""

    @property
    def marks_mentions(self) -> bool:
        """Whether a line that mentions the member looks different to them."""

    def line(self, message: Message, is_mention: bool = False) -> str:
        """Return the line of `message` with its end; `is_mention` if it mentions the member."""

    def lines(self, messages: Sequence[Message]) -> list[str]:
        """Return the lines of `messages`, none of which mentions the member."""

    def encode(self, text: str) -> bytes:
        """Return `text` as bytes. ASCII stays as it is, a byte for each character."""


def render(message: Message, format: Format, is_mention: bool = False) -> bytes:
    """Return `message` as `format` shows it; `is_mention` if it mentions the reader."""
    return format.encode(format.line(message, is_mention))
