"""Define the kinds of messages: what is said in rooms, and what people are told.

A message is data, and knows the line that shows it. The lines are plain ASCII around what people
wrote, so that a person at netcat can read them and a script can parse them. No text in here is
unsafe: names and words were cleaned when they came in (`threadchat.text.clean`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from threadchat.text.phrases import duration, list_names


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
