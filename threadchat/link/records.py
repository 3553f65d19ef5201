"""Turn the batches of rooms, and notices, into what the log keeps, and back.

The form is JSON. The codec of `threadchat.messages` gives the names and the values of messages. A
batch becomes a text of its own as soon as it is laid out, and stays as it is: entries are made by
joining such texts. So does a notice, which is what servers tell each other besides.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, NamedTuple, get_args

from threadchat.errors import OperatorError
from threadchat.link.wire import FORMAT
from threadchat.messages.codec import name_of, values_of
from threadchat.messages.kinds import Emote, Left, RoomMessage, Say, Spoken, StopAnnounced
from threadchat.storage.values import name_of as name_from
from threadchat.storage.values import number_of, text_of, time_of


class BadRecord(OperatorError):
    """What stands in the log cannot be read. The text is one line: what is wrong."""


# A tuple, as is `EntryRecord`: one of each is made of each line that anybody says.
class BatchRecord(NamedTuple):
    """A batch of a room, as another server shows it: the very same messages.

    `said` are those of them that somebody said.
    """

    room: str
    messages: tuple[RoomMessage, ...]
    said: tuple[Spoken, ...]


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    """Something that a server tells all others: its kind, and values that JSON can hold."""

    kind: str
    data: Mapping[str, Any]


class EntryRecord(NamedTuple):
    """What one entry holds, in its order; `batches` are those of rooms in it.

    `said_before` is how many lines its node said in all of its entries before. `apart` tells from
    when to when it was said, in seconds since the epoch of the system, if that was while the node
    had no link.
    """

    said_before: int
    items: tuple[BatchRecord | NoticeRecord, ...] = ()
    batches: tuple[BatchRecord, ...] = ()
    apart: tuple[float, float] | None = None

    @property
    def lines(self) -> int:
        """How many lines somebody said in it."""
        return sum([len(it.said) for it in self.batches])


def batch_record(room: str, messages: Sequence[RoomMessage]) -> BatchRecord:
    """Return a batch of `room` as a record."""
    said = tuple([it for it in messages if isinstance(it, _SPOKEN)])
    return BatchRecord(room, tuple(messages), said)


def batch_text(room: str, messages: Sequence[RoomMessage]) -> str:
    """Return a batch of `room` as a text."""
    return f"[{_quoted(room)},[{','.join(map(_message_text, messages))}]]"


def notice_text(kind: str, data: Mapping[str, Any]) -> str:
    """Return a notice as a text; raise `TypeError` or `ValueError` if JSON cannot hold it."""
    return _encode({"kind": kind, "data": data})


def notice_of(text: str) -> NoticeRecord:
    """Return the notice that `notice_text` has made a text of."""
    notice = json.loads(text)
    return NoticeRecord(notice["kind"], notice["data"])


def entry_text(
    said_before: int, items: Sequence[str], apart: tuple[float, float] | None = None
) -> str:
    """Return an entry with `items`, as `batch_text` and `notice_text` make them, as a text."""
    times = "null" if apart is None else _encode(apart)
    head = f'"v":{FORMAT},"before":{said_before},"apart":{times}'
    return f'{{{head},"items":[{",".join(items)}]}}'


def entry_of(text: str) -> EntryRecord:
    """Return what `entry_text` has made a text of; raise `BadRecord` if it is no such text."""
    try:
        entry, end = _decode(text)
        if end != len(text):
            raise ValueError("there is more behind it")
        if entry["v"] != FORMAT:
            raise BadRecord(f"an entry of the log has the format {entry['v']!r:.20}, not {FORMAT}")
        before, apart = int(entry["before"]), entry["apart"]
        items = tuple([_item_of(item) for item in entry["items"]])
        batches = tuple([it for it in items if isinstance(it, BatchRecord)])
        if apart is not None:
            apart = float(apart[0]), float(apart[1])
        return EntryRecord(before, items, batches, apart)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise BadRecord(f"an entry of the log cannot be read: {error!r:.80}") from error


def _item_of(item: Any) -> BatchRecord | NoticeRecord:
    if isinstance(item, dict):
        kind, data = item["kind"], item["data"]
        if not isinstance(kind, str) or not isinstance(data, dict):
            raise TypeError("a notice without a kind")
        return NoticeRecord(kind, data)
    room, messages = item
    if not isinstance(room, str):
        raise TypeError("a room without a name")
    return batch_record(_safe_name(room), [_message_of(*message) for message in messages])


def _message_text(message: RoomMessage) -> str:
    if isinstance(message, _SPOKEN):
        # The order gives the place. Nearly all is of this kind: to encode only texts takes a third.
        words = f'{{"name":{_quoted(message.name)},"text":{_quoted(message.text)}}}'
        return f'["{name_of(message)}",{message.at!r},{words}]'
    values = values_of(message)
    if isinstance(message, Left | StopAnnounced):
        values["seconds"] = message.seconds  # not rounded: all servers show the very same line
    return _encode([name_of(message), message.at, values])


def _message_of(name: str, at: object, values: dict[str, object]) -> RoomMessage:
    kind = _KINDS[name]
    if kind in _SPOKEN and type(at) is float and values.keys() == _WORDS:
        # Nearly all is of this kind.
        author, text = values["name"], values["text"]
        if isinstance(author, str) and isinstance(text, str):
            line: Spoken = kind(_safe_name(author), text_of(text), time_of(at))
            return line
    types = _types_of(kind)
    for part, value in values.items():
        if not isinstance(value, types[part]):
            raise TypeError(f"{name} has a wrong {part}")
        if isinstance(value, list) and not all(isinstance(it, str) for it in value):
            raise TypeError(f"{name} has a wrong {part}")
        values[part] = _safe(part, value)
    if not isinstance(at, int | float):
        raise TypeError(f"{name} has no time")
    message: RoomMessage = kind(**values, at=time_of(at))
    return message


def _safe(field: str, value: Any) -> object:
    """Return a value as it may be shown: the log is no safer than what clients send (promise 4)."""
    if isinstance(value, list):
        return [_safe_name(it) for it in value]
    if isinstance(value, str):
        return _safe_name(value) if field in _NAMES else text_of(value)
    if isinstance(value, int):
        return number_of(value)
    return time_of(value) if isinstance(value, float) else value


_SPOKEN, _WORDS = (Say, Emote), {"name", "text"}

_NAMES = frozenset({"name", "before", "now"})
"""The fields that hold the name of a person."""


@lru_cache(maxsize=4096)
def _safe_name(name: str) -> str:
    return name_from(name)


_KINDS: dict[str, Any] = {
    name_of(kind.__new__(kind)): kind
    for part in get_args(RoomMessage)
    for kind in (get_args(part) or (part,))
}


@cache
def _types_of(kind: Any) -> dict[str, tuple[type, ...]]:
    """Return which types the values of each field may have."""
    return {it.name: _TYPES[str(it.type)] for it in fields(kind)}


_TYPES: dict[str, tuple[type, ...]] = {
    str(str): (str,),
    str(int): (int,),
    str(float): (int, float),
    str(int | None): (int, type(None)),
    str(Sequence[str]): (list,),
}

_decode = json.JSONDecoder().raw_decode
_encode = json.JSONEncoder(separators=(",", ":")).encode
