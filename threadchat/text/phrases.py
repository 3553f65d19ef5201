"""Build phrases for the lines that people read: lists of names, counts, times."""

import time
from collections.abc import Sequence

MAX_NAMES_LISTED = 8
"""The most people that a line names one by one. Of a larger crowd it names `NAMES_OF_A_CROWD`, and
counts the others."""

NAMES_OF_A_CROWD = 3


def list_names(names: Sequence[str], count: int | None = None) -> str:
    """Return all names, or the first few of a crowd and the number of the others.

    `count` is the number of all people, if `names` holds only the first of them.
    """
    if count is None:
        count = len(names)
    if count <= MAX_NAMES_LISTED:
        return ", ".join(names)
    return f"{', '.join(names[:NAMES_OF_A_CROWD])} and {count - NAMES_OF_A_CROWD} others"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with what it counts, such as `1 line` or `1,200 lines`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def count_people(number: int, where: str = "here") -> str:
    """Return how many people are at `where`, as the beginning of a sentence."""
    match number:
        case 0:
            return f"Nobody is {where} yet"
        case 1:
            return f"1 person is {where}"
    return f"{number} people are {where}"


def minute(at: float) -> str:
    """Return the time `at`, in seconds since the epoch, as local time to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", _local(at))


def minute_of_today(at: float, now: float) -> str:
    """Return the time `at` as local time to the minute, without the date if that is today's."""
    then = _local(at)
    if then[:3] != _local(now)[:3]:
        return minute(at)
    return f"{then.tm_hour:02}:{then.tm_min:02}"


def date_of(at: float) -> tuple[int, int, int]:
    """Return the local date at `at`, in seconds since the epoch: year, month, day."""
    then = _local(at)
    return then.tm_year, then.tm_mon, then.tm_mday


def day(at: float, now: float) -> str:
    """Return the day of the time `at`, with its year unless it is that of `now`."""
    then = _local(at)
    year = "" if then.tm_year == _local(now).tm_year else f" {then.tm_year}"
    return f"{_DAYS[then.tm_wday]}, {then.tm_mday} {_MONTHS[then.tm_mon - 1]}{year}"


# Not from `time.strftime`: an embedding program may have set the locale of another language.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def _local(at: float) -> time.struct_time:
    """Return `at` as local time; a time that the system does not know becomes the epoch."""
    try:
        return time.localtime(at)
    except (OverflowError, OSError, ValueError):
        return time.gmtime(0)


def duration(seconds: float) -> str:
    """Return how long `seconds` are, in the one or two largest units."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
