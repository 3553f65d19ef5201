"""Show messages as JSON objects, one a line: the format for browsers and for programs.

Each object has a `kind`, and the fields of that kind by their names. What was said in a room has
the `room`, the time `at` (seconds since the epoch, to the millisecond) and, once it has one, its
place: `epoch` and `seq`. Only ASCII is written, with letters beyond it escaped, so that a line is a
line in every encoding (promise 4).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, fields
from itertools import zip_longest
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from threadchat.messages.answers import (
    Answer,
    LastAnswer,
    RoomsAnswer,
    SearchAnswer,
    WhoAnswer,
    WhoisAnswer,
)
from threadchat.messages.apart import Apart
from threadchat.messages.codec import as_json
from threadchat.messages.kinds import (
    Announcement,
    CameBack,
    Emote,
    Gap,
    Goodbye,
    Joined,
    Left,
    LeftTogether,
    Message,
    Muted,
    NewDay,
    Notice,
    Private,
    Problem,
    Renamed,
    ReplayBegins,
    ReplayEnds,
    RoomMessage,
    Say,
    StopAnnounced,
    TakenBack,
    TopicSet,
    Unmuted,
    Welcome,
    WentAway,
)
from threadchat.messages.linkkinds import (
    ApartBegins,
    ApartEnds,
    LeftWithServer,
    LinesMissed,
    LinkBack,
    LinkLost,
)

KINDS: Mapping[type[Any], str] = {
    Say: "say",
    Emote: "do",
    Joined: "join",
    Left: "left",
    LeftTogether: "left_together",
    LeftWithServer: "left_with_server",
    LinkLost: "link_lost",
    LinkBack: "link_back",
    LinesMissed: "lines_missed",
    ApartBegins: "apart_begins",
    ApartEnds: "apart_ends",
    Renamed: "name",
    TopicSet: "topic",
    WentAway: "away",
    CameBack: "back",
    Announcement: "announcement",
    StopAnnounced: "stop",
    TakenBack: "taken_back",
    Gap: "gap",
    NewDay: "day",
    Private: "private",
    Welcome: "welcome",
    ReplayBegins: "replay_begins",
    ReplayEnds: "replay_ends",
    Muted: "muted",
    Unmuted: "unmuted",
    Goodbye: "goodbye",
    Notice: "info",
    Problem: "problem",
    WhoAnswer: "who",
    WhoisAnswer: "whois",
    RoomsAnswer: "rooms",
    LastAnswer: "last",
    SearchAnswer: "search",
}
"""The `kind` of each kind of message and answer."""


class JsonLines:
    """A `Format`: one JSON object a line. There is one of it; all members that use it share it."""

    style: Hashable = "json lines"
    marks_mentions = False
    shows_days = False  # each message has its time
    can_wait = True

    def line(self, message: Message | Answer, is_mention: bool = False, room: str = "") -> str:
        """Return the object of `message`, with a line feed behind it."""
        return as_json(values_of(message, room)) + "\n"

    def lines(self, messages: Sequence[Message], room: str = "") -> list[str]:
        """Return the objects of `messages`."""
        # Nearly all that there is to show while many talk is what they said. That is written here,
        # a lot faster than `as_json` does it, and exactly as that does. What the lines of a batch
        # have in common is written once.
        says: dict[str, str] = {}
        emotes: dict[str, str] = {}
        begins_at, ends_at = 0.0, 0.0  # the millisecond in which `shown` is right
        shown, epoch, behind, position = "", "", "", ""
        lines = []
        for it in messages:
            if isinstance(it, Say) and it.epoch:
                known = says
            elif isinstance(it, Emote) and it.epoch:
                known = emotes
            else:
                lines.append(self.line(it, room=room))
                continue
            name = it.name
            begin = known.get(name) or known.setdefault(name, _begin(type(it), name, room))
            if it.epoch != epoch:
                epoch, quoted = it.epoch, _quoted(it.epoch)[1:-1]
                behind, position = f', "epoch": "{quoted}", "seq": ', f', "position": "{quoted}.'
                begins_at = ends_at = 0.0
            if not begins_at <= (now := it.at * 1000 + 0.5) < ends_at:
                milliseconds = int(now)
                begins_at, ends_at = float(milliseconds), milliseconds + 1.0
                shown = f', "at": {milliseconds / 1000!r}{behind}'
            seq = str(it.seq)
            lines.append(f'{begin}{_quoted(it.text)}{shown}{seq}{position}{seq}"}}\n')
        return lines

    def encode(self, text: str) -> bytes:
        """Return `text`, which is ASCII, as bytes."""
        return text.encode("ascii")


def _begin(kind: type[Message], name: str, room: str) -> str:
    where = f'"room": {_quoted(room)}, ' if room else ""
    return f'{{"kind": "{KINDS[kind]}", {where}"name": {_quoted(name)}, "text": '


JSON_LINES = JsonLines()
"""The format of all members that are shown JSON."""


def values_of(message: Message | Answer, room: str = "") -> dict[str, object]:
    """Return the values of the object that shows `message`, which was shown in `room`, if any."""
    values: dict[str, object] = {"kind": KINDS[type(message)]}
    if isinstance(message, RoomMessage | Gap) and room:
        values["room"] = room
    if isinstance(message, LastAnswer):
        values["room"] = message.room
        values["is_shortened"] = message.is_shortened
        values["messages"] = _listed([("", it) for it in message.messages], message.apart)
    elif isinstance(message, SearchAnswer):
        values["found"] = _listed(message.found, message.apart)
    else:
        for field in fields(message):
            value = getattr(message, field.name)
            if value is not None:
                values[field.name] = _plain(value)
        if isinstance(at := values.get("at"), float):
            values["at"] = int(at * 1000 + 0.5) / 1000
        if values.get("epoch") == "":  # it has no place yet
            del values["epoch"], values["seq"]
        elif "epoch" in values:
            values["position"] = f"{values['epoch']}.{values['seq']}"  # as `Place.position` is
    return values


def _listed(
    said: Sequence[tuple[str, Message]], apart: Sequence[Apart | None]
) -> list[dict[str, object]]:
    """Return the objects of messages, each with its room if that is shown."""
    listed = []
    for (room, message), times in zip_longest(said, apart):
        listed.append(values_of(message, room))
        if times is not None:
            listed[-1]["apart"] = [int(at * 1000 + 0.5) / 1000 for at in times]
    return listed


def _plain(value: Any) -> object:
    """Return `value` as JSON can hold it: entries of lists become objects."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
