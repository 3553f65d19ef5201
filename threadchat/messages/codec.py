"""Turn messages and events into names and values, and back: for rows, log lines and exports.

A kind has a name, such as `left_together` for `LeftTogether`, and the values are the fields of its
dataclass. Times are seconds since the epoch here, and ISO 8601 with an offset in JSON. How people
are shown a message is not decided here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

from threadchat.messages.kinds import Emote, Say, Spoken


def name_of(item: object) -> str:
    """Return the name of the kind of a message or an event."""
    return _snake_case(type(item).__name__)


@cache  # a history asks for it with every message
def _snake_case(name: str) -> str:
    return re.sub(r"\B(?=[A-Z])", "_", name).lower()


_SPOKEN: dict[str, type[Spoken]] = {_snake_case(kind.__name__): kind for kind in (Say, Emote)}


def spoken(kind: str, name: str, text: str, at: float) -> Spoken:
    """Return the message whose kind has that name; one of a kind not known here is a `Say`."""
    return _SPOKEN.get(kind, Say)(name, text, at)


def values_of(item: Any) -> dict[str, object]:
    """Return the fields of a message or an event by their names, without the time `at`.

    `seconds` are rounded to milliseconds.
    """
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    values.pop("at", None)
    if "seconds" in values:
        values["seconds"] = round(values["seconds"], 3)
    return values


def iso_time(at: float, timespec: str = "auto") -> str:
    """Return a time in local time as ISO 8601 with its offset.

    `timespec` is that of `datetime.isoformat`: "milliseconds", say.
    """
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec=timespec)


def parse_iso_time(text: str) -> float:
    """Return the time that `text` is in ISO 8601; one without an offset is a local time.

    Raise `ValueError`, `OverflowError` or `OSError` if it is none that the system knows.
    """
    return datetime.fromisoformat(text).timestamp()


def as_json(values: Mapping[str, object]) -> str:
    """Return an object of JSON, on one line and in ASCII alone (promise 4)."""
    return _encode(values)


# A value that JSON has no form for becomes its text: a line that reads oddly is better than none.
_encode = json.JSONEncoder(default=str).encode
