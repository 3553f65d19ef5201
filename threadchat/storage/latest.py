"""Keep the last lines of a history in memory, too: its file may be overwritten by another program.

`contents` notices that, and `rescue` writes these lines into a new file.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from threadchat.storage import batches, rows
from threadchat.storage.historyfile import HistoryFile
from threadchat.storage.remembered import Kept
from threadchat.storage.rows import StoredRoom, Unwritten

NUMBER = 2000
"""How many lines are kept, of all rooms together, and up to an eighth more.

Those are dropped at once. They are no more than that, because a room waits for it.
"""


class Latest:
    """The last lines that were written, oldest first; `lines` are the last of the file.

    Its owner has a lock.
    """

    def __init__(self, lines: Iterable[Unwritten]) -> None:
        self._lines = deque(lines)
        self._has_all = len(self._lines) < NUMBER

    @classmethod
    def of(cls, file: HistoryFile) -> "Latest":
        """Return the last lines of a file that was opened just now."""
        try:
            rooms = file.rooms.values()
            waiting = batches.latest(file.writer, rooms, NUMBER)
            lines = rows.read_latest(file.writer, rooms, NUMBER - len(waiting))
            return cls([*lines, *waiting])
        except sqlite3.Error:  # of which the first reader tells the operator
            latest = cls(())
            latest._has_all = False
            return latest

    def __iter__(self) -> Iterator[Unwritten]:
        return iter(self._lines)

    def of_room(self, room: StoredRoom) -> list[tuple[int, Kept]]:
        """Return the lines of one room, each with its number."""
        return [(seq, it) for where, seq, it in self._lines if where is room]

    def in_words(self) -> str:
        """Return which lines these are, for the operator."""
        if self._has_all:
            return "all that was said"
        return (
            f"the last {len(self._lines)} lines that were said; earlier ones are lost, unless you"
            " have a copy"
        )

    def add(self, lines: Sequence[Unwritten], is_as_left: Callable[[], bool | None]) -> None:
        """Keep lines that were written just now, and drop old ones if there are too many.

        None is dropped while it is not known that the file is as it was left.
        """
        self._lines.extend(lines)
        if len(self._lines) > NUMBER + NUMBER // 8 and is_as_left():
            while len(self._lines) > NUMBER:
                self._lines.popleft()
            self._has_all = False

    def replace(self, lines: Sequence[Unwritten]) -> None:
        """Put `lines` in the places of those with their numbers."""
        if lines:
            new = {(id(room), seq): it for room, seq, it in lines}
            self._lines = deque(
                (room, seq, new.get((id(room), seq), it)) for room, seq, it in self._lines
            )

    def forget(self, before: float) -> None:
        """Drop what was said before that time."""
        self._lines = deque(it for it in self._lines if it[2].at >= before)
