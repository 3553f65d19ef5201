"""Find what a member is shown that comes to a room, or comes back: what was said there before."""

from collections.abc import Sequence

from threadchat.messages.apart import with_borders
from threadchat.messages.fitting import fitting
from threadchat.messages.kinds import Recalled, Repeated
from threadchat.messages.places import Place
from threadchat.storage.history import History

MAX_MISSED = 1000
"""How many lines a member is shown that comes back. It is told how many more there were."""

MAX_MISSED_BYTES = 192 * 1024
"""How many bytes these may have as JSON, the longest way to show them.

They have to fit into a send queue, with room for what is said meanwhile.
"""

_AROUND = 160
"""The bytes that are counted for what stands around a line."""


def missed_since(history: History, room: str, place: Place) -> Sequence[Recalled] | None:
    """Return what came after `place` in `room`, or as much of it as fits.

    None means that it is a new beginning; see `History.since`.
    """
    limit = MAX_MISSED
    while True:
        missed = history.since(room, place, limit)
        if not missed or limit <= 1:
            return missed
        if sum(_size(message.line) for message in missed) <= MAX_MISSED_BYTES:
            return missed
        limit //= 2


def _size(line: str) -> int:
    return _AROUND + len(line.encode("ascii", "backslashreplace"))


def recalled(history: History, room: str, number: int) -> Sequence[Repeated]:
    """Return the last `number` messages of `room`, for those that come in.

    They are as many as fit, as that is an answer to coming in, and bounded as answers are.
    """
    recent = history.recent(room, number)
    shown = fitting(recent[::-1], lambda message: message.line)[::-1]
    return with_borders(shown, history.apart(room, shown))
