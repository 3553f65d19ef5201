"""Know which lines that wait for the file stand elsewhere in it, until they are written.

On linked servers, lines get new places. A line and its going from where it was are one change: this
keeps both together as long as they wait.
"""

from collections.abc import Iterable, MutableSequence, Sequence

from threadchat.messages.kinds import Spoken, TakenBack
from threadchat.storage.remembered import Kept
from threadchat.storage.rows import StoredRoom, Unwritten


def note_moved(
    waiting: MutableSequence[Unwritten],
    room: StoredRoom,
    batch: Sequence[Spoken],
    before: Sequence[int],
) -> Sequence[Kept]:
    """Take note that the last lines of `room` stood at the numbers `before`; 0 if nowhere.

    Return what is to be written. What is `waiting` stands there no more from now on, the rest as
    soon as that is written.
    """
    numbers = range(room.last + 1 - len(batch), room.last + 1)
    room.moved |= {now: was for now, was in zip(numbers, before, strict=True) if was}
    if not waiting:
        return batch
    kept: list[Kept] = list(batch)
    index_of = {seq: index for index, (where, seq, _) in enumerate(waiting) if where is room}
    for place, (now, was) in enumerate(zip(numbers, before, strict=True)):
        index = index_of.get(was)
        if index is None:
            continue
        del room.moved[now]
        if was in room.moved:  # it has moved before, and the file does not know that either
            room.moved[now] = room.moved.pop(was)
        it = waiting[index][2]
        if isinstance(it, Spoken):
            waiting[index] = room, was, TakenBack(it.name, "", was, 0, at=it.at)
        else:
            kept[place] = TakenBack(it.name, "", now, 0, at=it.at)
    return kept


def note_taken_back(
    waiting: MutableSequence[Unwritten], room: StoredRoom, there: Iterable[tuple[int, Kept]]
) -> None:
    """Take the text from lines of `room` that are `waiting` where the file has them as taken back.

    `there` are its lines in the file, each behind its number.
    """
    gone = {seq for seq, it in there if isinstance(it, TakenBack)}
    for index, (where, seq, it) in enumerate(waiting):
        if where is room and room.moved.get(seq) in gone:
            waiting[index] = room, seq, TakenBack(it.name, "", seq, 0, at=it.at)


def forget_moved(lines: Iterable[Unwritten]) -> None:
    """Forget where `lines` stood, as they are written, or lost."""
    for room, seq, _ in lines:
        if room.moved:
            room.moved.pop(seq, None)
