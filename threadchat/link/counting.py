"""Count who is in a room where the order of all servers has come to, for the lines that tell it.

A server that lays out a batch cannot know who joins elsewhere at the same moment. All servers have
the same table of names behind an entry of the log, so they all get the same counts from it.
"""

from collections.abc import Iterator, Sequence

from threadchat.link.records import BatchRecord
from threadchat.link.roster import Roster
from threadchat.messages.kinds import Joined, Left, LeftTogether, RoomMessage
from threadchat.text.names import fold_name


def here_after(batches: Sequence[BatchRecord], node: str, roster: Roster) -> Sequence[int | None]:
    """Return, for each batch of an entry of `node`, how many are in its room behind it.

    `roster` is the table behind the entry. None for batches in which nobody comes or goes; it is
    empty if that is so of all.
    """
    # Where all of it was said, as nearly always, nobody came or went.
    changes = [
        list(_come_and_go(it.messages)) if len(it.said) < len(it.messages) else () for it in batches
    ]
    if not any(changes):
        return ()
    # What the entry says of each last: the table may tell it a moment earlier or later.
    is_in: dict[tuple[str, str], bool] = {}
    for batch, changed in zip(batches, changes, strict=True):
        for name, has_come in changed:
            is_in[fold_name(batch.room), fold_name(name)] = has_come
    after: dict[str, int] = {}
    for (room, name), has_come in is_in.items():
        after.setdefault(room, roster.count_in(room))
        after[room] += has_come - roster.is_in(name, node, room)
    counts: list[int | None] = []
    for batch, changed in zip(reversed(batches), reversed(changes), strict=True):
        room = fold_name(batch.room)
        counts.append(after[room] if changed else None)
        for _, has_come in changed:
            after[room] -= 1 if has_come else -1
    return [None if it is None else max(0, it) for it in reversed(counts)]


def _come_and_go(messages: Sequence[RoomMessage]) -> Iterator[tuple[str, bool]]:
    """Yield who comes, and after that who goes: each name, and whether that person comes."""
    # A batch begins with those that come, and ends with those that go.
    first, last = messages[0], messages[-1]
    if isinstance(first, Joined):
        yield from ((name, True) for name in first.names)
    if isinstance(last, Left):
        yield last.name, False
    elif isinstance(last, LeftTogether):
        yield from ((name, False) for name in last.names)
