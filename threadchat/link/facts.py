"""Turn what servers tell each other of a person into a text, and back.

The text stands in the log. What comes back is cleaned: it may have been written by anything.
"""

import json
from typing import Any

from threadchat.chat.farperson import Facts
from threadchat.chat.ignoring import MAX_IGNORED
from threadchat.link.records import BadRecord
from threadchat.text.clean import clean_line
from threadchat.text.names import MAX_NAME_CELLS, RESERVED_NAMES, clean_name, fold_name

MAX_WORDS = 100
"""The most characters of the words of somebody that is away, and of an address."""

MAX_RECORDS = 100
"""The most protected names of one person."""


def facts_text(facts: Facts) -> str:
    """Return `facts` as a text, without what is empty."""
    values = {name: getattr(facts, name) for name in _FIELDS}
    return _encode({name: it for name, it in values.items() if it or it == ""})


def facts_in(text: str) -> Facts:
    """Return what `facts_text` has made a text of; raise `BadRecord` if it is no such text."""
    try:
        return _facts_of(json.loads(text))
    except _WRONG as error:
        raise BadRecord(f"what another server tells of a person is wrong: {error!r:.80}") from error


def room_in(text: str) -> str:
    """Return the folded name of the room where somebody is; empty if that is not known."""
    try:
        room = json.loads(text).get("room")
        return fold_name(room) if isinstance(room, str) else ""
    except _WRONG:
        return ""


def _facts_of(values: dict[str, Any]) -> Facts:
    away = values.get("away")
    name = str(values["name"])
    return Facts(
        name if name in RESERVED_NAMES else clean_name(name),
        int(values.get("id", 0)),
        _words(values.get("address", "")),
        _words(values.get("counted_as", "")),
        clean_line(str(values.get("room", "")))[: 8 * MAX_NAME_CELLS],
        _time(values.get("came_at", 0)),
        _time(values.get("named_at", 0)),
        _time(values.get("heard_at", 0)),
        None if away is None else _words(away),
        bool(values.get("is_operator", False)),
        bool(values.get("is_hook", False)),
        str(values.get("uid", "")),
        tuple((str(it), _time(since)) for it, since in values.get("records", ())[:MAX_RECORDS]),
        tuple(map(str, values.get("ignores", ())[:MAX_IGNORED])),
        _time(values.get("lost_after", 0)),
    )


def _time(value: Any) -> float:
    time = float(value)
    if not 0 <= time < _NEVER:
        raise ValueError(f"{time} is no time")
    return time


def _words(text: object) -> str:
    return clean_line(str(text))[:MAX_WORDS]


_WRONG = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)

_NEVER = 1e11
"""A time in seconds since the epoch that does not come."""

_FIELDS = tuple(Facts.__dataclass_fields__)

_encode = json.JSONEncoder(separators=(",", ":")).encode
