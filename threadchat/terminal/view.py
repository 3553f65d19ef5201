"""Show messages on terminals: the formats of people at telnet and netcat.

The lines are plain ASCII around what people wrote, so that a person at netcat can read them and a
script can parse them; colours and times are what people ask for.
"""

import re
import time
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from threadchat.messages.kinds import (
    Emote,
    Joined,
    Left,
    LeftTogether,
    Message,
    Private,
    Remark,
    Renamed,
    RoomMessage,
    Say,
)
from threadchat.terminal import telnet
from threadchat.text.names import fold_name


class View(NamedTuple):  # which hashes and compares at the speed of C, once a member and batch
    """One of the few distinct ways in which a message is shown.

    People who share a view are sent the very same bytes. `encoding` is a Python codec name, and
    `is_a_guess` whether nobody has said that it is the right one. `doubled_iac` is for those who
    speak telnet, where an FF in the text has to be sent twice. The others are people's own wishes.
    """

    encoding: str = "utf-8"
    is_a_guess: bool = False
    doubled_iac: bool = False
    has_color: bool = False
    has_times: bool = False
    has_bell: bool = False

    def encode(self, text: str) -> bytes:
        """Return `text` for this view; what its encoding lacks becomes a question mark."""
        data = text.encode(self.encoding, "replace")
        if self.is_a_guess and self.encoding.startswith("cp12"):
            data = data.translate(_WITHOUT_C1)
        if b"\xff" not in data:  # as ever in UTF-8
            return data
        return telnet.escape(data) if self.doubled_iac else _LIKE_A_COMMAND.sub(b"?", data)

    @property
    def marks_mentions(self) -> bool:
        """Whether a line that mentions somebody looks different to them."""
        return self.has_color or self.has_bell


PLAIN_VIEW = View()
"""The one of whom nothing is known, and the same object for all of them."""


# What Windows' code pages have there, a terminal that is set to Latin-1 takes for C1 controls:
# a 9B begins an escape sequence (promise 4). Where the code page is only a guess, they stay away.
_WITHOUT_C1 = bytes(ord("?") if 0x80 <= byte < 0xA0 else byte for byte in range(256))


# A telnet that has sent no command yet is not known as one. Where an encoding has letters at FF and
# FA, say, the two would make it hide all that follows, or answer in place of the person.
_LIKE_A_COMMAND = re.compile(rb"\xff(?=[\xfa-\xfe])")


def render(message: Message, view: View, is_mention: bool = False) -> bytes:
    """Return the line of `message`, with its CR LF, as `view` shows it.

    `is_mention` is for those whose name it mentions, if their view marks that.
    """
    return view.encode(draw(message, view, is_mention))


def draw(message: Message, view: View, is_mention: bool = False) -> str:
    """Return the same, not encoded yet."""
    line = _painted(message, is_mention) if view.has_color else message.line
    if view.has_times and isinstance(message, RoomMessage | Private):
        line = time.strftime("%H:%M ", time.localtime(message.at)) + line
    if view.has_bell and is_mention:
        line = f"\a{line}"
    return line + "\r\n"


def draw_all(messages: Sequence[Message], view: View) -> list[str]:
    """Return the lines of `messages` as `view` shows them to whom none of them mentions."""
    if view.has_color or view.has_times:
        return [draw(message, view) for message in messages]
    return [f"{message.line}\r\n" for message in messages]


# Those of the eight basic colours that can be read on black and on white: red, green, magenta and
# cyan. Telnet on Windows knows no others.
_NAME_COLORS = (31, 32, 35, 36)


def _painted(message: Message, is_mention: bool) -> str:
    """Return the line with the SGR sequences (ECMA-48, 8.3.117) that colour it."""
    bold = "\x1b[1m" if is_mention else ""
    match message:
        case Say(name, text):
            return f"{_painted_name(name)}{bold}: {text}{bold and _PLAIN}"
        case Emote(name, text):
            return f"* {_painted_name(name)}{bold} {text}{bold and _PLAIN}"
        case Private():
            return f"\x1b[1m{message.line}{_PLAIN}"
        case Joined() | Left() | LeftTogether() | Renamed() | Remark():
            return f"\x1b[2m{message.line}{_PLAIN}"
    return message.line


_PLAIN = "\x1b[m"


@lru_cache(maxsize=4096)
def _painted_name(name: str) -> str:
    color = _NAME_COLORS[zlib.crc32(fold_name(name).encode()) % len(_NAME_COLORS)]
    return f"\x1b[{color}m{name}{_PLAIN}"
