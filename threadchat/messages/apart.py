"""Mark, among what was said before, what was said on a server that had no link then."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TypeVar

from threadchat.messages.kinds import Spoken
from threadchat.messages.linkkinds import ApartBegins, ApartEnds

Item = TypeVar("Item", bound=Spoken)

Apart = tuple[float, float]
"""From when to when a server had no link, in seconds since the epoch."""

APART = "(apart) "
"""The mark of a line that was said then, where such lines stand by themselves."""


def with_borders(
    said: Sequence[Item], apart: Sequence[Apart | None]
) -> list[Item | ApartBegins | ApartEnds]:
    """Return `said` with a line before each run of what was said apart, and one behind it.

    `apart` has for each of `said`, in their order, when its server had no link, if it was said
    then; it is empty if that is so of none.
    """
    marked: list[Item | ApartBegins | ApartEnds] = []
    before: Apart | None = None
    for line, now in zip_longest(said, apart):
        if now != before:
            marked.append(ApartEnds(at=line.at) if now is None else ApartBegins(*now, at=line.at))
            before = now
        marked.append(line)
    return marked
