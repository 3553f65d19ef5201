"""Read how long something is to last, as people write it, and say until when that is.

All commands and options that take a TIME read it here, so it has one form everywhere: `90s`, `10m`,
`1h30m`, `3d`, `1w`, or in words `5 minutes`, `2 hours`, `1 day`. Pure functions.
"""

import re
import time

from threadchat.errors import PersonError
from threadchat.text.phrases import duration

FORMS = "90s, 10m, 1h30m, 2 hours, 3d or 1w"
"""Examples of a TIME."""

MAX_SECONDS = 10 * 365 * 86400.0
"""The longest TIME, in seconds: ten years."""


class BadTime(PersonError):
    """Something is no TIME, or begins like one and is none. Says the right form in one line."""


_UNITS = (  # the longest first, as they come in a TIME
    (365 * 86400, "y yr yrs year years"),
    (30 * 86400, "mo month months"),
    (7 * 86400, "w wk wks week weeks"),
    (86400, "d day days"),
    (3600, "h hr hrs hour hours"),
    (60, "m min mins minute minutes"),
    (1, "s sec secs second seconds"),
)

_SECONDS_IN = {name: seconds for seconds, names in _UNITS for name in names.split()}

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)(?=[\s\d,;:.]|$)", re.IGNORECASE)

_BEFORE = re.compile(r"(?:for|in)\s+(?=\d)", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:,?\s+)?(?:and\s+)?(?=\d)", re.IGNORECASE)
_BEHIND = re.compile(r"[,;:.]?(?:\s+|$)")

_DAYS = "mon|tues|wednes|thurs|fri|satur|sun"

_LIKE_A_TIME = re.compile(
    r"(?:(?:for|in|by|on|over)\s+)?(?:"
    r"[-+~=\"'(\[<]*[.,]?\d"
    r"|(?:an?|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty"
    r"|forty|fifty|sixty|seventy|eighty|ninety|dozens?|half|quarter|some|several|few|couple|another)"
    r"[\s-]+(?:(?:and|an?|few|couple|of|hundred|dozen|half|more|\w+teen|one|two|three|four|five|six|seven"
    r"|eight|nine)[\s-]+)*"
    rf"(?:{'|'.join(name for name in _SECONDS_IN if len(name) > 2)})\b"
    r"|(?:an?|the|all|this|next|some)\s+"
    r"(?:little\s+)?(?:while|bit|moment|time|day|night|week|weekend|fortnight|month|year)\b"
    rf"|(?:(?:this|next)\s+)?(?:{_DAYS})day\b"
    r")"
    r"|(?:for\s+now|until|till|til|'til|today|tonight|tomorrow|overnight)\b",
    re.IGNORECASE,
)


def _is_like_a_time(words: str) -> bool:
    return _LIKE_A_TIME.match(words) is not None or words[:1].isnumeric()


_NUMBER = re.compile(r"\d+(?:\.\d+)?")

_SHOWN = 20
"""The most characters of something wrong that are shown."""


def split_time(words: str) -> tuple[float | None, str]:
    """Return the seconds of the TIME at the beginning of `words`, and the words behind it.

    Without a TIME there, return None and all of `words`. Raise `BadTime` if they begin like a TIME
    that they are not, so that nothing is for good by a slip.
    """
    words = words.strip()
    before = _BEFORE.match(words)
    at = before.end() if before else 0
    seconds, least = 0.0, float("inf")
    while (part := _PART.match(words, at)) is not None:
        unit = _SECONDS_IN.get(part[2].lower(), least)
        if unit >= least:  # not a unit, or not a smaller one than before
            raise _bad(words)
        # `float` reads any number of digits; `int` refuses very long ones.
        seconds, least = seconds + float(part[1]) * unit, unit
        at = part.end()
        between = _BETWEEN.match(words, at)
        if between is None:
            break
        at = between.end()
    if least == float("inf"):
        if _is_like_a_time(words):
            raise _bad(words)
        return None, words
    behind = _BEHIND.match(words, at)
    rest = words[behind.end() :] if behind else words[at:]
    if behind is None or _is_like_a_time(rest):
        raise _bad(words)
    if not 0 < seconds <= MAX_SECONDS:
        raise _out_of_range(words, MAX_SECONDS)
    return seconds, rest


def parse_time(text: str, *, is_number_enough: bool = False, most: float = MAX_SECONDS) -> float:
    """Return the seconds of the TIME in `text`, at most `most`, or raise `BadTime`.

    With `is_number_enough`, a number alone is a TIME in seconds, and may be 0.
    """
    text = text.strip()
    if is_number_enough and _NUMBER.fullmatch(text):
        seconds = float(text)
    else:
        found, rest = split_time(text)
        if found is None or rest:
            raise _bad(text)
        seconds = found
    if seconds > most:
        raise _out_of_range(text, most)
    return seconds


def _bad(words: str) -> BadTime:
    return BadTime(f"{words[:_SHOWN]!r} is no TIME. One is like {FORMS}.")


def _out_of_range(words: str, most: float) -> BadTime:
    return BadTime(f"{words[:_SHOWN]!r} is no TIME: from 1s to {most / 86400:.0f}d.")


def moment(at: float, now: float) -> str:
    """Return the local time `at`, in seconds since the epoch, with its date unless that is today.

    `now` is the present time. It is told to the second if it is less than an hour away.
    """
    then, today = time.localtime(at), time.localtime(now)
    clock = time.strftime("%H:%M:%S" if abs(at - now) < 3600 else "%H:%M", then)
    return clock if then[:3] == today[:3] else f"{time.strftime('%Y-%m-%d', then)} {clock}"


def for_and_until(seconds: float, now: float) -> str:
    """Return for how long, and until when, something lasts that begins `now`."""
    minutes, rest = divmod(int(seconds), 60)
    exact = f" {rest} s" if rest and 0 < minutes < 60 else ""
    return f"for {duration(seconds)}{exact}, until {moment(now + seconds, now)}"
