"""Bound what one answer has: a client that reads all the time must never be behind for it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")

MAX_ANSWER = 64 * 1024
"""The most bytes in the lines of an answer, in UTF-8.

As JSON it may be three times as long, which is still less than a send queue takes.
"""

_AROUND = 16
"""The bytes that are counted for what stands around a line."""


def fitting(items: Sequence[Item], line_of: Callable[[Item], str]) -> Sequence[Item]:
    """Return the first of `items`, as many as fit into one answer as lines; at least one."""
    size = 0
    for number, item in enumerate(items):
        size += len(line_of(item).encode("utf-8", "replace")) + _AROUND
        if size > MAX_ANSWER:
            return items[: max(1, number)]
    return items
