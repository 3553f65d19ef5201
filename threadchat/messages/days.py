"""Show when something was said: lines between messages where the day changes, and times."""

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from threadchat.messages.kinds import Gap, NewDay, Repeated
from threadchat.text.phrases import date_of, minute_of_today

Item = TypeVar("Item", bound=Repeated)


def with_days(said: Iterable[Item], now: float | None = None) -> list[Item | NewDay]:
    """Return `said` with a `NewDay` before each message of another day than the one before it.

    The first one has such a line before it unless it is of today. `now` is the present time, in
    seconds since the epoch.
    """
    today = date_of(time.time() if now is None else now)
    dated: list[Item | NewDay] = []
    for message in said:
        if not isinstance(message, Gap) and (date := date_of(message.at)) != today:
            today = date
            dated.append(NewDay(message.at))
        dated.append(message)
    return dated


def stamp_of(at: float) -> str:
    """Return the time `at` to the minute, with its date unless that is today."""
    return _stamp(at // 60, time.time() // 60)


@lru_cache(maxsize=1024)  # nearly all that is said at once is said within one minute
def _stamp(minutes: float, now: float) -> str:
    return minute_of_today(minutes * 60, now * 60)
