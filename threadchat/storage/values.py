"""Make safe what comes out of a file: another program may have written anything into it.

What people send is cleaned when it comes in. A file is no different (promise 4): every value that
is read from one goes through one of these functions.
"""

import contextlib
import sqlite3
from collections.abc import Callable
from ipaddress import ip_network
from math import isfinite

from threadchat.access.bans import Ban, Target
from threadchat.text.clean import clean_text
from threadchat.text.names import MAX_NAME_CELLS, BadName, clean_name

MAX_TEXT = 16 * 1024
"""The most characters of a text that are read, so that an answer has room for it."""

MAX_NUMBER = 2**53
"""The highest number that is read: the next ones still fit into a column, and into JSON."""

_LAST_TIME = 32_503_000_000.0
"""A time of December 2999: Windows knows none of later years, in any time zone."""


def decode(data: bytes) -> str:
    """Return the text in `data`; a byte that is no UTF-8 becomes U+FFFD. A `text_factory`."""
    return data.decode(errors="replace")


def text_of(value: object) -> str:
    """Return a column of words as one line that may be shown."""
    if isinstance(value, bytes):
        value = decode(value[: 4 * MAX_TEXT])
    return clean_text("" if value is None else str(value)[:MAX_TEXT])


def name_of(value: object) -> str:
    """Return a column with the name of a person or a room as a name, though it may be reserved."""
    text = text_of(value).strip()
    try:
        return clean_name(text)
    except BadName:
        kept = [it if it.isalnum() or it in "-_." else "_" for it in text[:MAX_NAME_CELLS]]
        return "".join(kept).lstrip("-_.") or "unknown"


def number_of(value: object) -> int:
    """Return a column of a number from 0 to `MAX_NUMBER`; 0 if it holds something else."""
    return min(max(0, value), MAX_NUMBER) if isinstance(value, int) else 0


def time_of(value: object) -> float:
    """Return a column of a time as seconds from 1970 on that are a date up to the year 2999."""
    if type(value) is float and 0.0 <= value <= _LAST_TIME:
        return value  # as nearly always
    if not isinstance(value, int | float) or not isfinite(value):
        return 0.0
    return min(max(0.0, float(value)), _LAST_TIME)


def bytes_of(value: object) -> bytes:
    """Return a column with what is kept of a passphrase; nothing matches if it is not that."""
    return value if isinstance(value, bytes) else b""


def bans_in(
    connection: sqlite3.Connection, now: float, warn: Callable[[ValueError], None]
) -> tuple[Ban, ...]:
    """Return the bans in the table that are in force, and delete the others.

    `warn` gets an error that says what cannot be used.
    """
    connection.execute("DELETE FROM bans WHERE until <= ?", (now,))
    rows = connection.execute("SELECT target, set_by, why, at, until, spared FROM bans ORDER BY at")
    kept = []
    for row in rows:
        try:
            kept.append(ban_of(*row))
        except ValueError as error:
            warn(error)
    return tuple(kept)


def ban_of(
    target: object, by: object, why: object, at: object, until: object, spared: object
) -> Ban:
    """Return the ban in the columns of a row; a `ValueError` says in a few words what it is."""
    shown = text_of(target)
    banned: Target | None = None
    with contextlib.suppress(ValueError):
        banned = ip_network(shown) if "/" in shown else shown
    if banned is None or (isinstance(banned, str) and name_of(banned) != banned):
        raise ValueError(f"a ban on {shown[:50]!r}, which is no name, address or network")
    ends = time_of(until) if isinstance(until, int | float) else None
    names = frozenset(text_of(spared).split())
    return Ban(banned, name_of(by), text_of(why), time_of(at), ends, names)
