"""Show messages as JSON objects, one a line: the format for browsers and for programs.

Each object has a `kind`, and the fields of that kind by their names. What was said in a room has
the `room`, the time `at` (seconds since the epoch) and, once it has one, its place: `epoch` and
`seq`. Only ASCII is written, with letters beyond it escaped, so that a line is a line in every
encoding (promise 4).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, fields
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

KINDS: Mapping[type[Any], str] = {
    Say: "say",
    Emote: "do",
    Joined: "join",
    Left: "left",
    LeftTogether: "left_together",
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

    def line(self, message: Message | Answer, is_mention: bool = False, room: str = "") -> str:
        """Return the object of `message`, with a line feed behind it."""
        return as_json(values_of(message, room)) + "\n"

    def lines(self, messages: Sequence[Message], room: str = "") -> list[str]:
        """Return the objects of `messages`."""
        writer = _Writer(room)
        return [
            writer.said(it)
            if isinstance(it, (Say, Emote)) and it.epoch
            else self.line(it, room=room)
            for it in messages
        ]

    def encode(self, text: str) -> bytes:
        """Return `text`, which is ASCII, as bytes."""
        return text.encode("ascii")


class _Writer:
    """Writes what was said in one room, a lot faster than `as_json`, and exactly as that does.

    It is nearly all that there is to show while many talk. What the lines of a batch have in common
    is written once.
    """

    def __init__(self, room: str) -> None:
        self._where = f'"room": {_quoted(room)}, ' if room else ""
        self._names: dict[tuple[type[Say | Emote], str], str] = {}
        self._epochs: dict[str, str] = {}
        self._at: tuple[float, str] = (0.0, "0.0")

    def said(self, it: Say | Emote) -> str:
        """Return the object of `it`, which has a place."""
        key = type(it), it.name
        begin = self._names.get(key) or self._begin(key)
        epoch = self._epochs.get(it.epoch) or self._epoch(it.epoch)
        at, shown = self._at
        if it.at != at:
            shown = repr(it.at)
            self._at = it.at, shown
        seq = it.seq
        return (
            f'{begin}{_quoted(it.text)}, "at": {shown}, "epoch": "{epoch}", "seq": {seq},'
            f' "position": "{epoch}.{seq}"}}\n'
        )

    def _begin(self, key: tuple[type[Say | Emote], str]) -> str:
        kind, name = key
        begin = f'{{"kind": "{KINDS[kind]}", {self._where}"name": {_quoted(name)}, "text": '
        self._names[key] = begin
        return begin

    def _epoch(self, epoch: str) -> str:
        self._epochs[epoch] = quoted = _quoted(epoch)[1:-1]
        return quoted


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
        values["messages"] = [values_of(said) for said in message.messages]
    elif isinstance(message, SearchAnswer):
        values["found"] = [values_of(said, where) for where, said in message.found]
    else:
        for field in fields(message):
            value = getattr(message, field.name)
            if value is not None:
                values[field.name] = _plain(value)
        if values.get("epoch") == "":  # it has no place yet
            del values["epoch"], values["seq"]
        elif "epoch" in values:
            values["position"] = f"{values['epoch']}.{values['seq']}"  # as `Place.position` is
    return values


def _plain(value: Any) -> object:
    """Return `value` as JSON can hold it: entries of lists become objects."""
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
