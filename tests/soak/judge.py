"""Read from the server's log what happened in each room, and compare what people were sent.

The log has each room's messages in the room's one order. Its members must have seen exactly these,
each from joining to leaving (promise 1). From the same lines we work out the members of each room;
their number must agree with the numbers in the lines.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.soak.participant import Kind, Participant, Recall, Visit, without_duration
from tests.support.process import Record
from threadchat.messages.kinds import (
    Announcement,
    CameBack,
    Emote,
    Joined,
    Left,
    LeftTogether,
    Renamed,
    Say,
    StopAnnounced,
    TopicSet,
    WentAway,
)
from threadchat.server.config import DEFAULT_REPLAY

STARS = "star"
"""How the names begin that many people want. A person with such a name stays in the lobby."""

KEPT_FOR_RECALL = 1200
"""How many lines of a room we keep once everybody has left: a bit more than the server keeps."""

_TAG = re.compile(r"/?(\d+)\.(\d+) ")
_FENCE = re.compile(r"fence-\d+")

_CHANGES: dict[
    str, Callable[[Record], TopicSet | WentAway | CameBack | Announcement | StopAnnounced]
] = {
    "topic_set": lambda record: TopicSet(record["name"], record["text"]),
    "went_away": lambda record: WentAway(record["name"], record["text"]),
    "came_back": lambda record: CameBack(record["name"]),
    "announcement": lambda record: Announcement(record["name"], record["text"]),
    "stop_announced": lambda record: StopAnnounced(record.get("seconds")),
}
"""What becomes of a room and is no coming, going or renaming, by its name in the log."""


@dataclass(slots=True, eq=False)
class Citizen:
    """Somebody as the log knows them."""

    name: str
    room: "RoomLog | None" = None
    stays: "list[Stay]" = field(default_factory=list)
    serial: int = 0
    """The serial number in the lines that they say."""
    said: int = 0
    """How many such lines there were."""
    last_number: int = 0
    why: str = ""
    """Why they last left a room."""


@dataclass(slots=True)
class Entry:
    """What a room was shown, as the line that plain clients get."""

    line: str
    speaker: Citizen | None = None
    """The person that the line is about or from; they are not shown it."""
    is_spoken: bool = False
    joined: tuple[str, ...] = ()
    here: int = 0


@dataclass(slots=True)
class Stay:
    """The part of a room's order that one member must have seen: entries `begin` to `end`."""

    room: "RoomLog"
    name: str
    """The name that the member had on joining."""
    begin: int
    spoken_before: int
    end: int | None = None
    judged: int = 0
    """The entries before this one have been compared with what the member saw."""


@dataclass(slots=True, eq=False)
class RoomLog:
    """The order of one room, and its members."""

    name: str
    entries: list[Entry] = field(default_factory=list)
    members: set[Citizen] = field(default_factory=set)
    spoken: list[str] = field(default_factory=list)
    fenced: int = 0
    """All members must have seen the entries before this one."""

    def names(self) -> set[str]:
        """Return the names of the members."""
        return {citizen.name for citizen in self.members}


@dataclass(slots=True)
class Connection:
    """A client as the log knows it."""

    address: str
    citizen: Citizen | None = None
    end: Record | None = None


class Judge:
    """Reads the log, and finds what is against the rules: that is added to `violations`."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.rooms: dict[str, RoomLog] = {}
        self.acts: set[str] = set()
        """What operators have done."""
        self._connections: dict[int, Connection] = {}
        self._by_address: dict[str, deque[Connection]] = defaultdict(deque)
        self._named: dict[str, Citizen] = {}
        self._recent: deque[str] = deque(maxlen=12)

    def find(self, what: str, *context: str) -> None:
        """Add a violation, with lines that say more of it."""
        self.violations.append("\n".join((what, *(f"    {line}" for line in context))))

    # Reading the log

    def read(self, records: Iterable[Record]) -> None:
        """Take what has been logged."""
        for record in records:
            self._recent.append(str(record))
            found = len(self.violations)
            self._take(record)
            if len(self.violations) > found:
                self.violations[-1] += "\n    the log: " + "\n        ".join(self._recent)

    def _take(self, record: Record) -> None:
        match record["event"]:
            case "connected":
                connection = self._connections[record["id"]] = Connection(record["address"])
                self._by_address[record["address"]].append(connection)
            case "named":
                self._connections[record["id"]].citizen = self._named.get(record["name"])
            case "disconnected":
                self._take_end(record)
            case "acted":
                self.acts.add(record["deed"])
            case "trouble" | "left_out" | "refused":
                self.find(f"{record['event']} in the log")
            case "joined" | "left" | "left_together" | "say" | "emote" | "renamed" as kind:
                room = self._room_of(record)
                room.entries.append(getattr(self, f"_take_{kind}")(room, record))
            case kind if kind in _CHANGES:
                room = self._room_of(record)
                room.entries.append(self._take_change(kind, record))
                if kind == "announcement" and _FENCE.fullmatch(record["text"]):
                    room.fenced = len(room.entries)

    def _room_of(self, record: Record) -> RoomLog:
        return self.rooms.setdefault(record["room"], RoomLog(record["room"]))

    def _take_end(self, record: Record) -> None:
        connection = self._connections[record["id"]]
        if connection.end is not None:
            self.find("two ends of one connection")
        connection.end = record
        citizen = connection.citizen
        if citizen is not None:
            if citizen.room is not None:
                self.find(f"{citizen.name} is gone without having left {citizen.room.name}")
            if citizen.why and citizen.why != record["why"]:
                self.find(f"{citizen.name} left ({citizen.why}) but ended ({record['why']})")

    def _take_joined(self, room: RoomLog, record: Record) -> Entry:
        for name in record["names"]:
            citizen = self._named.get(name)
            if citizen is None or (name.startswith(STARS) and citizen.room is None):
                citizen = self._named[name] = Citizen(name)
            if citizen.room is not None:
                self.find(f"{name} came into {room.name} while in {citizen.room.name}")
            citizen.room = room
            citizen.stays.append(Stay(room, name, len(room.entries), len(room.spoken)))
            room.members.add(citizen)
        if len(room.members) != record["here"]:
            self.find(f"{record['here']} are said to be in {room.name}, not {len(room.members)}")
        names, here = tuple(record["names"]), record["here"]
        return Entry(Joined(names, here).line, joined=names, here=here)

    def _take_left(self, room: RoomLog, record: Record) -> Entry:
        self._go(room, record["name"], record["why"])
        return Entry(without_duration(Left(record["name"], 0.0, record["why"]).line))

    def _take_left_together(self, room: RoomLog, record: Record) -> Entry:
        for name in record["names"]:
            self._go(room, name, "")
        if len(room.members) != record["here"]:
            self.find(f"{record['here']} are said to stay in {room.name}, not {len(room.members)}")
        return Entry(LeftTogether(record["names"], record["here"]).line)

    def _go(self, room: RoomLog, name: str, why: str) -> None:
        citizen = self._named.get(name)
        if citizen is None or citizen.room is not room:
            self.find(f"{name} left {room.name} without being there")
            return
        citizen.why = why
        citizen.room = None
        # It ends with what was shown so far: a member is not shown its own leaving.
        citizen.stays[-1].end = len(room.entries)
        room.members.remove(citizen)

    def _take_say(self, room: RoomLog, record: Record) -> Entry:
        return self._said(room, record, Say(record["name"], record["text"], 0.0).line)

    def _take_emote(self, room: RoomLog, record: Record) -> Entry:
        return self._said(room, record, Emote(record["name"], record["text"], 0.0).line)

    def _said(self, room: RoomLog, record: Record, line: str) -> Entry:
        citizen = self._named.get(record["name"])
        tag = _TAG.match(record["text"])
        if citizen is None or citizen.room is not room or tag is None:
            self.find(f"somebody who is not in {room.name} said {line!r}")
            return Entry(line)
        serial, number = int(tag.group(1)), int(tag.group(2))
        citizen.serial = citizen.serial or serial
        if citizen.serial != serial or number <= citizen.last_number:
            self.find(f"behind number {citizen.last_number} of {citizen.serial} came {line!r}")
        citizen.last_number = number
        citizen.said += 1
        room.spoken.append(line)
        return Entry(line, citizen, is_spoken=True)

    def _take_renamed(self, room: RoomLog, record: Record) -> Entry:
        before, now = record["before"], record["now"]
        citizen, other = self._named.pop(before, None), self._named.get(now)
        if citizen is None or citizen.room is not room or (other is not None and other.room):
            self.find(f"{before} became {now} in {room.name}")
            citizen = Citizen(now)
        citizen.name = now
        self._named[now] = citizen
        return Entry(Renamed(before, now).line, citizen)

    def _take_change(self, kind: str, record: Record) -> Entry:
        # The person itself is not shown these, but everybody is shown an announcement.
        is_own = kind in ("topic_set", "went_away", "came_back")
        speaker = self._named.get(record["name"]) if is_own else None
        return Entry(_CHANGES[kind](record).line, speaker)

    # Judging what people saw

    def connection_of(self, address: str) -> Connection | None:
        """Return the next connection from `address` that nobody has asked for."""
        return self._by_address[address].popleft() if self._by_address[address] else None

    def judge(self, one: Participant, connection: Connection) -> None:
        """Compare what `one` has seen with what it must have, and what it has said with the log."""
        citizen = connection.citizen
        for line in one.strange:
            self.find(f"{_about(one)} was sent a line of no kind", repr(line))
        one.strange.clear()
        if citizen is None:
            if one.visits:
                self.find(f"{_about(one)} is in {one.room}, and the log does not know of it")
            return
        if one.count and citizen.serial not in (0, one.serial):
            self.find(f"{_about(one)} is taken for number {citizen.serial}")
        stays = citizen.stays
        for at, visit in enumerate(one.visits, one.visits_judged):
            if at >= len(stays) or stays[at].room.name != visit.room:
                there = [stay.room.name for stay in stays]
                self.find(f"{_about(one)} was in {visit.room}, visit {at}, but not for the log",
                          f"it knows of {there}")  # fmt: skip
                return
            self._judge_visit(one, citizen, visit, stays[at])
        one.visits_judged += max(0, len(one.visits) - 1)
        del one.visits[:-1]
        if one.saw_all:
            if len(stays) > one.visits_judged + 1:
                self.find(f"{_about(one)} was not told of being in {stays[-1].room.name}")
            lost = one.count - citizen.said
            # A muted person is told only once about several lines that come in at once.
            if lost < 0 or (lost and not one.times_muted):
                self.find(f"of what {_about(one)} said, {lost} were shown to nobody")

    def _judge_visit(self, one: Participant, citizen: Citizen, visit: Visit, stay: Stay) -> None:
        room, seen = stay.room, visit.seen
        end = room.fenced if stay.end is None else stay.end
        at, place = max(stay.judged, stay.begin), 0
        while at < end:
            entry = room.entries[at]
            is_own = entry.speaker is citizen and not (entry.is_spoken and one.kind is Kind.KEYS)
            expected = None if is_own else entry.line
            if at == stay.begin:
                expected = _line_of_others(entry, stay.name)
            if expected is not None and place < len(seen) and seen[place] == expected:
                place += 1
            elif place == len(seen) and not one.saw_all:
                break  # a client that was cut off has seen only the first part
            elif place < len(seen) and one.ignored and _is_part(seen[place], expected):
                place += 1  # it was told of the others that came or went together
            elif expected is not None and not (one.ignored and _may_be_hidden(entry, one.ignored)):
                self._find_gap(one, room, at, expected, seen[place:])
                break
            at += 1
        stay.judged = at
        if stay.end is None:
            del seen[:place]
        elif place < len(seen) and at == end:
            self.find(f"{_about(one)} saw more in {room.name} than was shown", *seen[place:])
        if stay.spoken_before and one.saw_all and not (visit.has_replay or one.ignored):
            self.find(f"{_about(one)} was told nothing of what had been said in {room.name}")
        for recall in visit.recalls:
            if recall.is_whole:
                self._judge_recall(one, recall, stay)
        visit.recalls = [recall for recall in visit.recalls if not recall.is_whole]

    def _find_gap(
        self, one: Participant, room: RoomLog, at: int, expected: str, seen: list[str]
    ) -> None:
        self.find(
            f"{_about(one)} was to see in {room.name} {expected!r}",
            "behind", *(entry.line for entry in room.entries[max(0, at - 5) : at]),
            "but saw", *seen[:5],
            f"and is {one.state()}",
        )  # fmt: skip

    def _judge_recall(self, one: Participant, recall: Recall, stay: Stay) -> None:
        spoken, shown = stay.room.spoken, recall.lines
        if recall.is_replay and not one.ignored:
            begin = max(0, stay.spoken_before - DEFAULT_REPLAY)
            expected = spoken[begin : stay.spoken_before]
        elif one.ignored:  # what ignored people said is left out, and they may have had other names
            expected = shown
        else:
            begin = spoken.index(shown[0]) if shown[0] in spoken else 0
            expected = spoken[begin : begin + len(shown)]
        if shown != expected:
            self.find(
                f"{_about(one)} was told another past of {recall.room}",
                "it was shown", *shown[:25], "instead of", *expected[:25],
            )  # fmt: skip

    def forget(self) -> None:
        """Forget who was there, now that nobody is; only what was said can still be asked for."""
        for room in self.rooms.values():
            if room.members:
                self.find(f"nobody is left, and yet {room.names()} are in {room.name}")
            room.members.clear()
            room.entries.clear()
            room.fenced = 0
            del room.spoken[:-KEPT_FOR_RECALL]
        self._connections.clear()
        self._by_address.clear()
        self._named.clear()
        self.acts.clear()


def _may_be_hidden(entry: Entry, serials: set[int]) -> bool:
    """Return whether one that ignores those may not have been shown `entry`.

    The log does not say of all that come and go which serial numbers they have.
    """
    if not entry.is_spoken:
        return not entry.line.startswith("--- Announcement by ")
    return entry.speaker is not None and entry.speaker.serial in serials


def _is_part(line: str, expected: str | None) -> bool:
    """Return whether `line` tells of some of those that `expected` says came or went together."""
    return expected is not None and any(
        line.startswith(mark) and expected.startswith(mark)
        and line.rpartition(word)[2] == expected.rpartition(word)[2] != ""
        for mark, word in (("--> ", " joined ("), ("<-- ", " left ("))
    )  # fmt: skip


def _line_of_others(entry: Entry, name: str) -> str | None:
    """Return what a person called `name` is told about others that joined at the same time."""
    others = [other for other in entry.joined if other != name]
    return Joined(others, entry.here).line if others else None


def _about(one: Participant) -> str:
    return f"{one.name} (number {one.serial}, {one.kind.name}, from {one.address})"
