"""Build the phrases that lines for people are made of: lists of names, counts, times."""

import time
from collections.abc import Sequence

MAX_NAMES_LISTED = 8
"""The most people a line names one by one; of more it names `NAMES_OF_A_CROWD` and counts."""

NAMES_OF_A_CROWD = 3


def list_names(names: Sequence[str], count: int | None = None) -> str:
    """Name all, or of a crowd the first few and the number of the others.

    `count` is how many they are, where `names` holds only the first of them.
    """
    if count is None:
        count = len(names)
    if count <= MAX_NAMES_LISTED:
        return ", ".join(names)
    return f"{', '.join(names[:NAMES_OF_A_CROWD])} and {count - NAMES_OF_A_CROWD} others"


def count_people(number: int, where: str = "here") -> str:
    """Say how many people are somewhere, as the beginning of a sentence."""
    match number:
        case 0:
            return f"Nobody is {where} yet"
        case 1:
            return f"1 person is {where}"
    return f"{number} people are {where}"


def minute(at: float) -> str:
    """Say when something was, `at` being seconds since the epoch, in local time to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def duration(seconds: float) -> str:
    """Say how long `seconds` are, in the one or two units that matter."""
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
