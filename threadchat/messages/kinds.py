"""Say what can be said in a room, in words and without a thought of how it is sent.

A message knows its line; `render` makes the bytes of it for one `View`. The lines are plain ASCII
around what people wrote, so that a person at a netcat can read them and a script can parse them.
No text in here is unsafe: names and words were cleaned when they came in (`threadchat.text`).
"""

import re
import time
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from threadchat.terminal import telnet
from threadchat.text.names import fold_name
from threadchat.text.phrases import duration, list_names


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


# Never changed, but not frozen: that would make each line that is said cost three times as much.
@dataclass(slots=True)
class Say:
    """Words to the room. `at` is the time in seconds since the epoch."""

    name: str
    text: str
    at: float

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"{self.name}: {self.text}"


@dataclass(frozen=True, slots=True)
class Emote:
    """Something done rather than said. `at` is the time in seconds since the epoch."""

    name: str
    text: str
    at: float

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"* {self.name} {self.text}"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about somebody that the room should know, such as a topic or an absence."""

    text: str
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- {self.text}"


@dataclass(frozen=True, slots=True)
class Private:
    """Words to one person, as one of the two sees them: `is_own` is for who wrote them."""

    sender: str
    recipient: str
    text: str
    is_own: bool = False
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        between = f"you -> {self.recipient}" if self.is_own else f"{self.sender} -> you"
        return f"[{between}] {self.text}"


@dataclass(frozen=True, slots=True)
class Welcome:
    """The word to somebody who has come in under `name`."""

    name: str

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"Welcome, {self.name}. Type and press Enter to talk; /help shows more."


@dataclass(frozen=True, slots=True)
class Joined:
    """People who came in together, `here` being how many that makes.

    Of a crowd, `names` may hold no more than the first few, and `count` says how many they are.
    """

    names: Sequence[str]
    here: int
    count: int | None = None
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--> {list_names(self.names, self.count)} joined ({self.here} here)"


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody who went after so many seconds; `why` is a `Reason`, with their own words if any."""

    name: str
    seconds: float
    why: str
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"<-- {self.name} left after {duration(self.seconds)} ({self.why})"


@dataclass(frozen=True, slots=True)
class LeftTogether:
    """Several people who went at once, `here` being how many stay."""

    names: Sequence[str]
    here: int
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"<-- {list_names(self.names)} left ({self.here} here)"


@dataclass(frozen=True, slots=True)
class Renamed:
    """Somebody who goes by another name from here on."""

    before: str
    now: str
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- {self.before} is now {self.now}"


@dataclass(frozen=True, slots=True)
class Notice:
    """The server's answer to a command, or its own word to one person."""

    text: str

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"=== {self.text}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, and the way out, in one line to the person it concerns."""

    text: str

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"!!! {self.text}"


Spoken = Say | Emote
"""What history keeps."""

RoomMessage = Say | Emote | Joined | Left | LeftTogether | Renamed | Remark
"""What a room is shown."""

Message = RoomMessage | Private | Welcome | Notice | Problem


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


def words_of(text: str) -> set[str]:
    """Return the words of `text` that could mention somebody, folded as names are."""
    if text.isascii():
        plain = set(_ASCII_NAME_LIKE.findall(text.lower()))
        return plain | {word.rstrip(".") for word in plain if word.endswith(".")}
    words = _NAME_LIKE.findall(unicodedata.normalize("NFKC", text).casefold())
    return {fold_name(form) for word in words for form in (word, word.rstrip("."))}


# The marks of the scripts that cannot do without: `re` takes them for no part of a word.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0981-\u0dff\u0e31-\u0e4e\u0eb1-\u0ece\u0f71-\u0fbc\u102b-\u109d\u17b6-\u17d3"
)
_ASCII_NAME_LIKE = re.compile(r"[a-z0-9][\w.-]*", re.ASCII)
_NAME_LIKE = re.compile(rf"[^\W_][\w.{_MARKS}-]*")


@dataclass(frozen=True, slots=True)
class Call:
    """A typed line that calls a command, by its name in lower case."""

    command: str
    argument: str


def parse_line(line: str) -> str | Call:
    """Tell words from commands: a slash calls a command, two say what begins with one."""
    if not line.startswith("/"):
        return line
    if line.startswith("//"):
        return line[1:]
    command, _, argument = line[1:].partition(" ")
    return Call(command.lower(), argument.strip())


def escape_words(text: str) -> str:
    """Return the line to type so that `text` is said, whatever it begins with."""
    return f"/{text}" if text.startswith("/") else text
