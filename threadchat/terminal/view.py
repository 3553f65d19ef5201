"""Show messages on terminals: the formats of people at telnet and netcat.

The lines are plain ASCII around what people wrote, so that a person at netcat can read them and a
script can parse them. Colours and times appear for people that ask for them, and colours also in
character mode.
"""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from threadchat.messages.answers import Answer
from threadchat.messages.days import stamp_of
from threadchat.messages.kinds import (
    Emote,
    Gap,
    Message,
    NewDay,
    Notice,
    Private,
    RoomChange,
    RoomMessage,
    Say,
)
from threadchat.terminal.telnetprotocol import escape
from threadchat.text.names import fold_name


class View(NamedTuple):  # a tuple hashes and compares fast, which each batch needs of each member
    """How a terminal is shown messages: a `Format`.

    There are few distinct views, and people with the same view are sent the same bytes. `encoding`
    is the name of a Python codec. `is_a_guess` is true while nobody has said that this encoding is
    right. `doubled_iac` is for clients that speak telnet: an FF in the text has to be sent to them
    twice (RFC 854). The other fields are people's own wishes.
    """

    encoding: str = "utf-8"
    is_a_guess: bool = False
    doubled_iac: bool = False
    has_color: bool = False
    has_times: bool = False
    has_bell: bool = False

    @property
    def style(self) -> tuple[bool, bool]:
        """The part of the view that the lines depend on, before they are encoded."""
        return self.has_color, self.has_times

    @property
    def marks_mentions(self) -> bool:
        """Whether a line that mentions the person looks or sounds different to them."""
        return self.has_color or self.has_bell

    @property
    def shows_days(self) -> bool:
        """Whether lines say where the day changes: always, as not all lines have a time."""
        return True

    @property
    def can_wait(self) -> bool:
        """Terminals come first."""
        return False

    def line(self, message: Message | Answer, is_mention: bool = False, room: str = "") -> str:
        """Return the line of `message`, with its CR LF; `is_mention` if it mentions the person.

        An answer may have several lines. A terminal is in one room, whose name it does not show.
        """
        if isinstance(message, Answer):
            return "".join(map(self._line, message.parts))
        return self._line(message, is_mention)

    def _line(self, message: Message, is_mention: bool = False) -> str:
        line = _painted(message, is_mention) if self.has_color else message.line
        if self.has_times and isinstance(message, RoomMessage | Private | Notice):
            at = message.at
            if at is not None:
                line = f"{stamp_of(at)} {line}"
        if self.has_bell and is_mention:
            line = f"\a{line}"
        return line + "\r\n"

    def lines(self, messages: Sequence[Message], room: str = "") -> list[str]:
        """Return the lines of `messages`, none of which mentions the person."""
        if self.has_color or self.has_times:
            return [self._line(message) for message in messages]
        # What nearly all messages are is drawn here: to ask each for its line takes twice as long.
        return [
            f"{it.name}: {it.text}\r\n" if type(it) is Say else f"{it.line}\r\n" for it in messages
        ]

    def encode(self, text: str) -> bytes:
        """Return `text` encoded; a character that the encoding lacks becomes a question mark."""
        data = text.encode(self.encoding, "replace")
        if self.is_a_guess and self.encoding.startswith("cp12"):
            data = data.translate(_WITHOUT_C1)
        if b"\xff" not in data:  # always so in UTF-8
            return data
        return escape(data) if self.doubled_iac else _LIKE_A_COMMAND.sub(b"?", data)


PLAIN_VIEW = View()
"""The view of a client we know nothing about yet: one object for all of them."""


class Appearance(NamedTuple):
    """What follows for the view of one person from what their client needs and what they wish.

    In character mode the screen shows only what the server sends, and names have colours unless
    the person switches them off.
    """

    plain: View = PLAIN_VIEW
    """The view that the client needs."""
    is_in_character_mode: bool = False
    has_color: bool | None = None
    """None: colours in character mode only."""
    has_times: bool = False
    has_bell: bool = False

    @property
    def view(self) -> View:
        """The view that follows from all this."""
        has_color = self.is_in_character_mode if self.has_color is None else self.has_color
        return _shared_view(self.plain, has_color, self.has_times, self.has_bell)

    def adapted(self, plain: View, is_in_character_mode: bool) -> "Appearance":
        """Return this for the view and the mode that the client needs: itself if it fits them."""
        if plain is self.plain and is_in_character_mode == self.is_in_character_mode:
            return self
        return self._replace(plain=plain, is_in_character_mode=is_in_character_mode)

    def wished(
        self, *, color: bool | None = None, times: bool | None = None, bell: bool | None = None
    ) -> "Appearance":
        """Return this with colours, times before lines, a bell at mentions; None: as before."""
        return self._replace(
            has_color=self.has_color if color is None else color,
            has_times=self.has_times if times is None else times,
            has_bell=self.has_bell if bell is None else bell,
        )


PLAIN_APPEARANCE = Appearance()
"""That of a client we know nothing about yet: one object for all of them."""


@lru_cache(maxsize=1024)
def _shared_view(view: View, has_color: bool, has_times: bool, has_bell: bool) -> View:
    """Return one shared object for equal views, so that a room can compare them by identity."""
    return view._replace(has_color=has_color, has_times=has_times, has_bell=has_bell)


# Windows' code pages have characters at 80 to 9F. A terminal that is set to Latin-1 takes these
# bytes for C1 controls: 9B begins an escape sequence (promise 4). So they are replaced while the
# code page is only a guess.
_WITHOUT_C1 = bytes(ord("?") if 0x80 <= byte < 0xA0 else byte for byte in range(256))


# We do not recognise a telnet client before it has sent a command. In some encodings FF and FA, for
# example, are letters. To a telnet client the two begin a command: it would hide all that follows,
# or answer in place of the person.
_LIKE_A_COMMAND = re.compile(rb"\xff(?=[\xfa-\xfe])")


# The basic colours that can be read on black and on white: red, green, magenta and cyan. Telnet on
# Windows knows only the eight basic colours.
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
    if isinstance(message, RoomChange | Gap | NewDay):
        return f"\x1b[2m{message.line}{_PLAIN}"
    return message.line


_PLAIN = "\x1b[m"


@lru_cache(maxsize=4096)
def _painted_name(name: str) -> str:
    color = _NAME_COLORS[zlib.crc32(fold_name(name).encode()) % len(_NAME_COLORS)]
    return f"\x1b[{color}m{name}{_PLAIN}"
