"""Define the kinds of messages: what is said in rooms, and what people are told.

A message is data, and its `line` shows it. Around the words of people the lines are plain ASCII, so
that a person at netcat can read them and a script can parse them. No text in a message is unsafe:
names and words were cleaned when they came in (`threadchat.text.clean`). Words that people
chose stand at the end of their line, so that they cannot look like a part of ours (promise 4).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from threadchat.messages.linkkinds import (
    ApartBegins,
    ApartEnds,
    LeftWithServer,
    LinesMissed,
    LinkBack,
    LinkLost,
)
from threadchat.net.disconnect import show_reason
from threadchat.text.phrases import count, day, duration, list_names
from threadchat.text.times import for_and_until, moment


# Only the history changes a `Say` or an `Emote`: it sets the place, once. They are not frozen, as
# that would make each line said cost three times as much.
@dataclass(slots=True)
class Say:
    """Words that a person said to the room. `at` is the time in seconds since the epoch.

    `epoch` and `seq` are its place among what was said in the room (see `Place`); an empty epoch
    means that it has none yet. The history sets both when it takes the message in.
    """

    name: str
    text: str
    at: float
    epoch: str = field(default="", kw_only=True, compare=False)
    seq: int = field(default=0, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"{self.name}: {self.text}"


@dataclass(slots=True)
class Emote:
    """Something that a person does, as with `/me`. For the other fields see `Say`."""

    name: str
    text: str
    at: float
    epoch: str = field(default="", kw_only=True, compare=False)
    seq: int = field(default=0, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"* {self.name} {self.text}"


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A line of `name` that was taken back: its text is gone, and its place stays.

    `after` is the number of the last line in the room when that happened: members that have seen
    the room up to there, or less, have not been told of it.
    """

    name: str
    epoch: str
    seq: int
    after: int
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def text(self) -> str:
        """What is left of the text: nothing."""
        return ""

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- a line of {self.name} was taken back"


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines that were said in the room and are not remembered, where they would stand."""

    missing: int

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- {count(self.missing, 'line was', 'lines were')} missed"


@dataclass(frozen=True, slots=True)
class NewDay:
    """A new day begins: what follows was said on the day of the time `at`."""

    at: float

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- {day(self.at, time.time())}"


@dataclass(frozen=True, slots=True)
class TopicSet:
    """The topic of a room has been set by the person called `name`; with no `text`, cleared."""

    name: str
    text: str
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        if not self.text:
            return f"--- {self.name} cleared the topic"
        return f"--- {self.name} set the topic: {self.text}"


@dataclass(frozen=True, slots=True)
class WentAway:
    """A person is away; `text` says why, and may be empty."""

    name: str
    text: str
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- {self.name} is away{f': {self.text}' if self.text else ''}"


@dataclass(frozen=True, slots=True)
class CameBack:
    """A person that was away is back."""

    name: str
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- {self.name} is back"


@dataclass(frozen=True, slots=True)
class Announcement:
    """Words of the operator called `name` to everybody, in all rooms."""

    name: str
    text: str
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- Announcement by {self.name}: {self.text}"


@dataclass(frozen=True, slots=True)
class StopAnnounced:
    """The server stops in `seconds`, or does not stop after all where that is None."""

    seconds: int | None
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        if self.seconds is None:
            return "--- The server does not stop after all"
        if self.seconds < 120:
            return f"--- The server stops in {self.seconds} s"
        end = moment(self.at + self.seconds, self.at)
        return f"--- The server stops in {duration(self.seconds)}, at {end}"


@dataclass(frozen=True, slots=True)
class Private:
    """Words to one person, as one of the two sees them; `is_own` if that one is the sender."""

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
    """The greeting to a person that has come in under `name`."""

    name: str

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"Welcome, {self.name}. Type and press Enter to talk; /help shows more."


@dataclass(frozen=True, slots=True)
class ReplayBegins:
    """What follows, up to `ReplayEnds`, was said before the reader came."""

    @property
    def line(self) -> str:
        """The line that shows it."""
        return "=== What was said before you came:"


@dataclass(frozen=True, slots=True)
class ReplayEnds:
    """From here on the reader is shown what is said as it is said."""

    @property
    def line(self) -> str:
        """The line that shows it."""
        return "=== From here on it is live."


@dataclass(frozen=True, slots=True)
class Joined:
    """People that came in together; `here` is how many are in the room now.

    For a crowd, `names` may hold only the first few of them, and `count` says how many came.
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
    """A person that left after `seconds`; `why` is a `Reason`, with the person's words if any."""

    name: str
    seconds: float
    why: str
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"<-- {self.name} left after {duration(self.seconds)} {show_reason(self.why)}"


@dataclass(frozen=True, slots=True)
class LeftTogether:
    """Several people that left at once; `here` is how many are still in the room."""

    names: Sequence[str]
    here: int
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"<-- {list_names(self.names)} left ({self.here} here)"


@dataclass(frozen=True, slots=True)
class Renamed:
    """A person that has another name from now on."""

    before: str
    now: str
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"--- {self.before} is now {self.now}"


@dataclass(frozen=True, slots=True)
class Muted:
    """To a person that an operator has muted: by whom, and for how long; None is without end."""

    by: str
    seconds: float | None
    at: float = field(default_factory=time.time, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        for_ = "" if self.seconds is None else f" {for_and_until(self.seconds, self.at)}"
        return f"=== {self.by} muted you{for_}: nobody is shown what you say."


@dataclass(frozen=True, slots=True)
class Unmuted:
    """To a person that an operator lets speak again."""

    by: str

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"=== {self.by} lets you speak again."


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The last word to a person whose connection the server ends.

    `reason` is a `Reason`, with more words behind it where there are some; `text` says it to the
    person.
    """

    reason: str
    text: str

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"=== {self.text}"


@dataclass(frozen=True, slots=True)
class Notice:
    """The server's answer to a command, or other information from it to one person.

    `at` is the time of what it repeats, in seconds since the epoch; None if it repeats nothing.
    """

    text: str
    at: float | None = field(default=None, kw_only=True, compare=False)

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"=== {self.text}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong and what to do, in one line to the person that it concerns."""

    text: str

    @property
    def line(self) -> str:
        """The line that shows it."""
        return f"!!! {self.text}"


Spoken = Say | Emote
"""The messages that a history keeps."""

RoomChange = (
    Joined
    | Left
    | LeftTogether
    | Renamed
    | TopicSet
    | WentAway
    | CameBack
    | Announcement
    | StopAnnounced
    | TakenBack
    | LeftWithServer
    | LinkLost
    | LinkBack
    | LinesMissed
    | ApartBegins
    | ApartEnds
)
"""What becomes of a room and of the people in it."""

Recalled = Spoken | TakenBack | Gap
"""What a history tells a member that comes back to a room, in the order of the room."""

Repeated = Recalled | ApartBegins | ApartEnds
"""What a member is shown of what was said before."""

RoomMessage = Spoken | RoomChange
"""The messages that all members of a room are shown."""

Message = (
    RoomMessage
    | Gap
    | NewDay
    | Private
    | Welcome
    | ReplayBegins
    | ReplayEnds
    | Muted
    | Unmuted
    | Goodbye
    | Notice
    | Problem
)
