"""Return the last lines of a room: from the table of lines, and what busy rooms wrote by the batch.

Where another program may have overwritten the file, they are those that are in memory.
"""

from collections.abc import Iterator
from itertools import islice

from threadchat.messages.kinds import Spoken, TakenBack
from threadchat.storage import batches, rows
from threadchat.storage.filereader import FileReader
from threadchat.storage.history import MAX_REMEMBERED
from threadchat.storage.latest import Latest
from threadchat.storage.remembered import Kept
from threadchat.storage.rows import StoredRoom, found_of, kept_of

Numbered = tuple[int, Kept]
"""A line behind its number in the room."""


class LastLines:
    """The lines that were written to the file of `reader`; `latest` has those that are in memory.

    Who calls a method holds the lock of the history.
    """

    def __init__(self, reader: FileReader, latest: Latest) -> None:
        self._reader = reader
        self._latest = latest

    def recent(self, room: StoredRoom, number: int) -> list[Spoken]:
        """Return the last `number` messages, oldest first, less those taken back."""
        if self._is_another():
            kept = (it for _, it in self._latest.of_room(room))
            said = [it for it in kept if isinstance(it, Spoken)]
            return said[max(0, len(said) - number) :]
        waiting = (it for it in self._waiting(room, 0) if isinstance(it, Spoken))
        newest = list(islice(waiting, number))
        if len(newest) < number:
            read = self._read(rows.RECENT, (room.id, number - len(newest)))
            newest += (found_of(row, self._epoch).message for row in read)
        return newest[::-1]

    def since(self, room: StoredRoom, seq: int, number: int) -> list[Numbered]:
        """Return the last `number` lines behind the one with the number `seq`, oldest first."""
        if self._is_another():
            lines = [(at, it) for at, it in self._latest.of_room(room) if at > seq]
            return lines[max(0, len(lines) - number) :]
        newest = list(islice(self._waiting(room, seq), number))
        if len(newest) < number:
            read = self._read(rows.SINCE, (room.id, seq, number - len(newest)))
            newest += (kept_of(row, self._epoch) for row in read)
        return [(it.seq, it) for it in reversed(newest)]

    def taken_back_since(self, room: StoredRoom, seq: int) -> list[TakenBack]:
        """Return the lines up to `seq` that were taken back when the room had come so far."""
        if self._is_another():
            return []
        read = self._read(rows.TAKEN_BACK_SINCE, (room.id, seq, seq, MAX_REMEMBERED))
        kept = (kept_of(row, self._epoch) for row in reversed(read))
        found = [it for it in kept if isinstance(it, TakenBack)]
        if self._reader.file.batches.waiting:
            found += batches.taken_back(self._read, room, seq, self._epoch)
        return found

    @property
    def _epoch(self) -> str:
        return self._reader.file.epoch

    def _is_another(self) -> bool:
        """Whether what is in the file may be another's, until the keeper has looked into it."""
        return self._reader.file.contents.are_as_left() is False

    def _waiting(self, room: StoredRoom, seq: int) -> Iterator[Kept]:
        """Yield the lines behind `seq` that were written by the batch, newest first."""
        if self._reader.file.batches.waiting:
            yield from batches.newest(self._read, room, seq, self._epoch)

    def _read(self, query: str, values: tuple[object, ...]) -> list[rows.Row]:
        return self._reader.read(self._reader.file.writer, query, values)
