"""Turn messages and events into names and values, and back: for rows, log lines and exports.

Each kind has a name, such as `left_together` for `LeftTogether`. The values are the fields of its
dataclass. Times are seconds since the epoch here, and ISO 8601 with an offset in JSON. This module
does not decide how a message is shown to people.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from typing import Any

from threadchat.messages.kinds import Emote, Say, Spoken


def name_of(item: object) -> str:
    """Return the name of the kind of a message or an event."""
    return _snake_case(type(item).__name__)


@cache  # a history needs it for every message
def _snake_case(name: str) -> str:
    return re.sub(r"\B(?=[A-Z])", "_", name).lower()


_SPOKEN: dict[str, type[Spoken]] = {_snake_case(kind.__name__): kind for kind in (Say, Emote)}


def spoken(kind: str, name: str, text: str, at: float, epoch: str = "", seq: int = 0) -> Spoken:
    """Return the message of the kind called `kind`; a `Say` if no kind has that name."""
    return _SPOKEN.get(kind, Say)(name, text, at, epoch=epoch, seq=seq)


def values_of(item: Any) -> dict[str, object]:
    """Return the fields of a message or an event by their names, without the time `at`.

    The field `seconds` is rounded to milliseconds. A message without a place has no `epoch` and no
    `seq` here.
    """
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    values.pop("at", None)
    if values.get("epoch") == "":
        del values["epoch"], values["seq"]
    if values.get("seconds") is not None:
        values["seconds"] = round(values["seconds"], 3)
    return values


def iso_time(at: float, timespec: str = "auto") -> str:
    """Return a time as local time in ISO 8601 with its offset.

    `at` is in seconds since the epoch. `timespec` is that of `datetime.isoformat`: for example
    "milliseconds".
    """
    # By way of UTC: Windows makes no local time of its own out of the first day of 1970.
    return datetime.fromtimestamp(at, UTC).astimezone().isoformat(timespec=timespec)


def parse_iso_time(text: str) -> float:
    """Return the time in `text`, in ISO 8601, as seconds since the epoch.

    A time without an offset is a local time. Raise `ValueError` if `text` is no time, and
    `ValueError`, `OverflowError` or `OSError` if the system does not support that time.
    """
    moment = datetime.fromisoformat(text)
    try:
        return moment.timestamp()
    except OSError:
        # Windows knows local times from the second day of 1970 on; before, the offset stays as it
        # was at the beginning of that year.
        offset = datetime.fromtimestamp(0, UTC).astimezone().tzinfo
        return moment.replace(tzinfo=offset).timestamp()


def as_json(values: Mapping[str, object]) -> str:
    """Return `values` as a JSON object, on one line and in ASCII only (promise 4)."""
    return _encode(values)


# A value that JSON cannot hold becomes its text: an odd line is better than a missing line.
_encode = json.JSONEncoder(default=str).encode
