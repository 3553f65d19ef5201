"""Define the answers to commands that are lists: data, which each door may show in its own way.

A terminal shows the `parts` of an answer, line by line. A page may make a table of the same data.
What people chose stands at the end of a line (promise 4).
`fitted` bounds all that people are told at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from threadchat.messages.apart import APART, Apart, with_borders
from threadchat.messages.days import with_days
from threadchat.messages.fitting import fitting
from threadchat.messages.kinds import Message, Notice, Spoken
from threadchat.text.names import MAX_NAME_CELLS
from threadchat.text.phrases import count, count_people, duration, minute

MAX_WORDS_IN_WHO = 20
"""How many people's words a terminal is shown below the list of people. `/whois` shows others'."""


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """A person as `/who` and `/whois` describe them."""

    name: str
    away: str | None = None
    """The words that the person left while away; None while here."""
    idle: float | None = None
    """Seconds of silence; None where it is too short to speak of."""
    is_out_of_reach: bool = False
    """Whether there is no link to the server of that person now."""

    @property
    def notes(self) -> list[str]:
        """What others should know before they expect an answer, without the person's words."""
        notes = []
        if self.away is not None:
            notes.append("away")
        if self.idle is not None:
            notes.append(f"idle {duration(self.idle)}")
        if self.is_out_of_reach:
            notes.append("out of reach")
        return notes

    @property
    def text(self) -> str:
        """The name, with the notes."""
        return f"{self.name} ({', '.join(self.notes)})" if self.notes else self.name

    @property
    def words(self) -> Sequence[Message]:
        """The line with the words that the person left; none if there are none."""
        return [Notice(f"{self.name} is away: {self.away}")] if self.away else []


@dataclass(frozen=True, slots=True)
class WhoAnswer:
    """The people in a room; `entries` are the first of `count`, `is_here` if it is one's own."""

    room: str
    is_here: bool
    entries: Sequence[PersonEntry]
    count: int

    def fitted(self) -> "WhoAnswer":
        """Return it with as many people as fit."""
        return replace(self, entries=fitting(self.entries, lambda it: it.text + (it.away or "")))

    @property
    def parts(self) -> Sequence[Message]:
        """The lines of a terminal: the names, then what some of those that are away have left."""
        listed = ", ".join(entry.text for entry in self.entries)
        if self.count > len(self.entries):
            listed += f" and {self.count - len(self.entries)} others"
        where = "here" if self.is_here else f"in {self.room}"
        names = Notice(f"{count_people(self.count, where)}{': ' if listed else ''}{listed}.")
        words = [line for entry in self.entries for line in entry.words]
        return [names, *words[:MAX_WORDS_IN_WHO]]


@dataclass(frozen=True, slots=True)
class WhoisAnswer:
    """What is known of one person; `whereabouts` is where they are, in words.

    `id` is 0 for a hook, and for somebody on another server.
    """

    entry: PersonEntry
    id: int
    whereabouts: str
    seconds: float
    """How long the person has been here."""

    @property
    def parts(self) -> Sequence[Message]:
        """The lines of a terminal."""
        number = f", number {self.id}" if self.id else ""
        here = f"here for {duration(self.seconds)}{number}"
        line = f"{self.entry.text} is {self.whereabouts}, {here}."
        return [Notice(line), *self.entry.words]


@dataclass(frozen=True, slots=True)
class RoomEntry:
    """A room as `/rooms` lists it."""

    name: str
    people: int
    topic: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class RoomsAnswer:
    """The rooms there are, or those with `word` in their name or topic.

    `entries` are those of `count` that fit; all if that is None.
    """

    entries: Sequence[RoomEntry]
    count: int | None = None
    word: str | None = None

    def fitted(self) -> "RoomsAnswer":
        """Return it with as many rooms as fit: if not all do, those with the most people."""
        if len(fitting(self.entries, _text_of_room)) == len(self.entries):
            return self
        by_people = sorted(self.entries, key=lambda it: (not it.is_here, -it.people))
        return replace(self, entries=fitting(by_people, _text_of_room), count=len(by_people))

    @property
    def parts(self) -> Sequence[Message]:
        """The lines of a terminal: which room is one's own, then one a room, in columns."""
        if not self.entries:
            return [Notice("No room has that in its name or topic. /rooms lists all.")]
        number = len(self.entries) if self.count is None else self.count
        here = "".join(f" You are in {entry.name}." for entry in self.entries if entry.is_here)
        what = "open" if self.word is None else "found"
        title = f"{count(number, 'room is', 'rooms are')} {what}.{here}"
        width = max(len(entry.name) for entry in self.entries)
        rows = [title, *(_row_of(entry, width) for entry in self.entries)]
        if number > len(self.entries):
            left = f"{number - len(self.entries):,} more rooms do not fit here."
            rows.append(f"{left} /rooms WORD lists those with WORD in name or topic.")
        return list(map(Notice, rows))


def _text_of_room(entry: RoomEntry) -> str:
    return _row_of(entry, MAX_NAME_CELLS)


def _row_of(entry: RoomEntry, width: int) -> str:
    topic = f"  {entry.topic}" if entry.topic else ""
    return f"{entry.name:<{width}}{entry.people:>5}{topic}"


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """The last messages of a room, oldest first; `is_shortened` if no more of them fit.

    With `has_places` a terminal is shown the number of each, by which operators take lines back.
    """

    room: str
    messages: Sequence[Spoken]
    is_shortened: bool = False
    has_places: bool = False
    apart: Sequence[Apart | None] = ()
    """For each message, when its server had no link, if it was said then; empty if none was."""

    def fitted(self) -> "LastAnswer":
        """Return it with as many of the last messages as fit."""
        kept = fitting(self.messages[::-1], lambda message: message.line)[::-1]
        is_shortened = self.is_shortened or len(kept) < len(self.messages)
        apart = self.apart[len(self.messages) - len(kept) :]
        return replace(self, messages=kept, is_shortened=is_shortened, apart=apart)

    @property
    def parts(self) -> Sequence[Message]:
        """The lines of a terminal: the messages, between two lines that say so."""
        if not self.messages:
            return [Notice(f"Nothing was said in {self.room} yet.")]
        number = len(self.messages)
        shortened = f", as no more than {number} fit" if self.is_shortened else ""
        title = f"The last {number} of what was said in {self.room}{shortened}:"
        shown: Sequence[Message] = with_days(with_borders(self.messages, self.apart))
        if self.has_places:
            shown = [
                Notice(f"#{it.seq} {it.line}", at=it.at) if isinstance(it, Spoken) else it
                for it in shown
            ]
        return [Notice(title), *shown, Notice("That was it. From here on it is live.")]


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Messages that a search has found, newest first, each with the room where it was said."""

    found: Sequence[tuple[str, Spoken]]
    is_shortened: bool = False
    """Whether more was found than fits."""
    apart: Sequence[Apart | None] = ()
    """As in `LastAnswer`."""

    def fitted(self) -> "SearchAnswer":
        """Return it with as many of the newest messages as fit."""
        kept = fitting(self.found, line_of_found)
        is_shortened = self.is_shortened or len(kept) < len(self.found)
        return replace(self, found=kept, is_shortened=is_shortened, apart=self.apart[: len(kept)])

    @property
    def parts(self) -> Sequence[Message]:
        """The lines of a terminal, one a message, with its time and room."""
        if not self.found:
            return [Notice("Nothing that was said has all of these words.")]
        rows = [
            Notice(line_of_found(found, is_apart=apart is not None))
            for found, apart in zip_longest(self.found, self.apart)
        ]
        if self.is_shortened:
            rows.append(Notice("More was found than fits here. More words find less."))
        return rows


def line_of_found(found: tuple[str, Spoken], *, is_apart: bool = False) -> str:
    """Return the line that shows a message that was found, without a mark before it.

    What was said on a server that had no link then is marked as in an export: no name and no room
    has that in it.
    """
    room, message = found
    return f"{minute(message.at)} {room} {APART if is_apart else ''}{message.line}"


Answer = WhoAnswer | WhoisAnswer | RoomsAnswer | LastAnswer | SearchAnswer


def fitted(told: Sequence[Message | Answer]) -> Sequence[Message | Answer]:
    """Return what a person can be told at once of `told`: all of it, as a rule.

    Lists are shortened to what fits, and say so.
    """
    told = [it if isinstance(it, Message | WhoisAnswer) else it.fitted() for it in told]
    if len(told) < 2:
        return told
    kept = fitting(told, lambda it: "" if isinstance(it, Answer) else it.line)
    left = len(told) - len(kept)
    return [*kept, Notice(f"{left:,} more lines do not fit here.")] if left else told
