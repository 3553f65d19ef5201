"""A format for programs inside this process: lines from which the same messages can be made again.

A line is a JSON array of the name of the message's class and of its fields. Only `messages_in`
reads it, so it may change with the messages. Rooms show messages to programs as they do to people:
rendered once for all members with the same format, as one buffer less their own messages.
"""

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields
from typing import get_args

from threadchat.messages.answers import Answer
from threadchat.messages.kinds import Message

_KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}

_FIELDS = {kind: [field.name for field in fields(kind)] for kind in _KINDS.values()}

_encode = json.JSONEncoder(separators=(",", ":")).encode  # ASCII, and no line end


@dataclass(frozen=True, slots=True)
class DataLines:
    """The format; see `Format`. All of its instances are equal."""

    @property
    def style(self) -> Hashable:
        """A value for all formats with these lines."""
        return DataLines

    @property
    def marks_mentions(self) -> bool:
        """A program is shown a line that mentions it as others are."""
        return False

    @property
    def shows_days(self) -> bool:
        """A program is given the time of each message."""
        return False

    @property
    def can_wait(self) -> bool:
        """A program is handed a batch in its turn."""
        return False

    def line(self, message: Message | Answer, is_mention: bool = False, room: str = "") -> str:
        """Return the line of `message`; of an answer, those of its parts."""
        if isinstance(message, Answer):
            return "".join(map(self.line, message.parts))
        kind = type(message)
        values = {name: getattr(message, name) for name in _FIELDS[kind]}
        return _encode([kind.__name__, values]) + "\n"

    def lines(self, messages: Sequence[Message], room: str = "") -> list[str]:
        """Return the lines of `messages`."""
        return [self.line(message) for message in messages]

    def encode(self, text: str) -> bytes:
        """Return `text`, which is ASCII, as bytes."""
        return text.encode("ascii")


DATA_LINES = DataLines()
"""One object for all members, so that a room can tell at a glance that two formats are equal."""


def messages_in(data: bytes) -> list[Message]:
    """Return the messages in `data`, whole lines of this format; sequences have become lists."""
    return [_KINDS[name](**values) for name, values in map(json.loads, data.splitlines())]
