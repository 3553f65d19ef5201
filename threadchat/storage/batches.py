"""Let busy rooms write a batch as one row; its lines come into the table of lines later.

A row for each line costs a room three times as much. So while much is said (`pace`), a batch is one
row of the table `batches`, committed as any other. A thread moves its lines into `messages` once
less is said (`indexing`); meanwhile they are read where they are.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from json.encoder import encode_basestring
from math import isfinite
from typing import Any

from threadchat.messages.codec import name_of
from threadchat.messages.kinds import TakenBack
from threadchat.storage import database, rows, values
from threadchat.storage.migrations import VERSION_WITH_BATCHES
from threadchat.storage.pace import Pace
from threadchat.storage.remembered import Kept
from threadchat.storage.rows import TAKEN_BACK, Line, StoredRoom, Unwritten
from threadchat.storage.searching import Found
from threadchat.storage.values import MAX_NUMBER, number_of

LINES = 16
"""A batch of fewer lines is not worth a row of its own, unless others wait already."""

MAX_WAITING = 500_000
"""So many lines may wait. From then on, who writes some moves as many."""

_PAGE = 16
"""So many batches are read at once."""

_SELECT = "SELECT id, room, first, last, lines FROM batches"

_OF_ROOM = f"{_SELECT} WHERE room = ? AND last > ? AND first < ? ORDER BY first DESC LIMIT ?"

_WITH_LINES = f"{_SELECT} WHERE room = ? AND first <= ? AND last >= ?"

_OF_ALL = (
    "SELECT rooms.name, batches.id, room, first, last, lines FROM batches"
    " JOIN rooms ON rooms.id = batches.room WHERE batches.id < ? ORDER BY batches.id DESC LIMIT ?"
)

_WRITE = "INSERT INTO batches (room, first, last, taken, lines) VALUES (?, ?, ?, ?, ?)"

ReadRows = Callable[[str, tuple[object, ...]], Iterable[Sequence[Any]]]
"""Returns the rows of a query with these values."""

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode

_quote = encode_basestring  # of a text, as `_encode` does it

BatchLine = tuple[float, str, str, str, int | None]
"""The time, kind, name and text of a line, and up to where the room was when it was taken back."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A row of the table: lines of one room, with the numbers from `first` to `last`.

    `room` is the number of the room. `lines` is None if another program has written there what
    cannot be read.
    """

    id: int
    room: int
    first: int
    last: int
    lines: list[BatchLine] | None

    @property
    def count(self) -> int:
        """How many lines it has, or had."""
        return self.last - self.first + 1


class Batches:
    """Writes what is said into the table of lines, or for later.

    `pace` is told how many lines there are, and says whether they are many. Whoever calls a method
    holds `database.WRITING`. All raise `sqlite3.Error`, and have changed nothing then.
    """

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.waiting = 0
        """How many lines wait to be moved."""

    def write(
        self, connection: sqlite3.Connection, said: Sequence[Unwritten]
    ) -> tuple[Sequence[Unwritten], Sequence[Unwritten]]:
        """Commit all of `said`; lines that stood elsewhere in the file stand there no more.

        Return what was written, and what stands now where these were: see `_moved`.
        """
        self.pace.add(len(said))
        left: Sequence[Unwritten] = ()
        is_by_row = not self.waiting and (len(said) < LINES or not self.pace.is_much)
        if not is_by_row and self.waiting >= MAX_WAITING:
            self.move(connection, len(said))
        if any(room.moved for room, _, _ in said):
            with database.transaction(connection):
                said, left = _moved(connection, said)
                ids = rows.insert(connection, said) if is_by_row else _insert(connection, said)
            for room, id in ids.items():
                room.id = id
        elif is_by_row:
            rows.write(connection, said)
        else:
            _write(connection, said)
        if not is_by_row:
            self.waiting += len(said)
        return said, left

    def move(self, connection: sqlite3.Connection, lines: int) -> None:
        """Move the batches that have waited longest, with that many lines in all or some more."""
        if not self.waiting:
            return
        with database.transaction(connection):
            batches = list(_first(connection, lines))
            for batch in batches:
                if batch.lines is None:
                    rows.note_forgotten(connection, batch.room, batch.last)
            rows.insert_moved(connection, [it for batch in batches for it in lines_of(batch)])
            last = batches[-1].id if batches else 0
            connection.execute("DELETE FROM batches WHERE id <= ?", (last,))
        self.waiting -= sum(batch.count for batch in batches) if batches else self.waiting

    def take_back(
        self, connection: sqlite3.Connection, room: StoredRoom, seq: int
    ) -> TakenBack | None:
        """Delete the text of a line, and have it erased; return what stands in its place.

        Return None if it is not there, or was taken back before.
        """
        with database.transaction(connection):
            found = _take_back(connection, room, [seq], room.last).get(seq)
            if found is not None:
                rows.note_to_erase(connection)
        return found


def count(connection: sqlite3.Connection) -> int:
    """Return how many lines wait to be moved in a file."""
    spans = connection.execute("SELECT first, last FROM batches")
    return sum(last - first + 1 for first, last in (_numbers(*span) for span in spans))


def read(connection: sqlite3.Connection) -> Iterator[StoredBatch]:
    """Yield the batches that wait, in the order in which they were written."""
    with closing(connection.execute(f"{_SELECT} ORDER BY id")) as stored:
        yield from map(_batch, stored)


def newest(read: ReadRows, room: StoredRoom, seq: int, epoch: str) -> Iterator[Kept]:
    """Yield the lines of `room` that wait, behind the one with the number `seq`, newest first."""
    before: object = MAX_NUMBER
    while page := list(read(_OF_ROOM, (room.id, seq, before, _PAGE))):
        before = page[-1][2]  # whatever is there: the next ones are less
        for batch in map(_batch, page):
            for line in reversed(list(lines_of(batch))):
                if line[5] > seq:
                    yield rows.kept_of((room.name, *line[1:]), epoch)


def taken_back(read: ReadRows, room: StoredRoom, seq: int, epoch: str) -> Iterator[TakenBack]:
    """Yield the lines that wait, up to `seq`, and were taken back when the room had come so far."""
    for batch in map(_batch, read(f"{_SELECT} WHERE room = ? AND taken > 0", (room.id,))):
        for line in lines_of(batch):
            it = rows.kept_of((room.name, *line[1:]), epoch)
            if isinstance(it, TakenBack) and it.seq <= seq <= it.after:
                yield it


def newest_of_all(read: ReadRows, epoch: str) -> Iterator[list[Found]]:
    """Yield the messages of all rooms that wait, newest first, those of a batch at once."""
    for name, batch in _newest_of_all(read):
        lines = reversed(list(lines_of(batch)))
        yield [rows.found_of((name, *line[1:]), epoch) for line in lines if line[2] != TAKEN_BACK]


def latest(
    connection: sqlite3.Connection, rooms: Collection[StoredRoom], number: int
) -> list[Unwritten]:
    """Return the last `number` lines of all `rooms` that wait, oldest first."""
    by_id = {room.id: room for room in rooms}
    found: list[Unwritten] = []
    for name, batch in _newest_of_all(connection.execute):
        if len(found) >= number:
            break
        for line in reversed(list(lines_of(batch))):
            it = rows.kept_of((name, *line[1:]), "")
            found.append((by_id[batch.room], it.seq, it))
    return found[:number][::-1]


def _newest_of_all(read: ReadRows) -> Iterator[tuple[str, StoredBatch]]:
    """Yield the batches that wait, newest first, each with the name of its room."""
    before = MAX_NUMBER
    while page := list(read(_OF_ALL, (before, _PAGE))):
        for name, *stored in page:
            batch = _batch(stored)
            before = batch.id
            yield name, batch


def show_lines(connection: sqlite3.Connection, version: int) -> None:
    """Make a view `lines` of all lines of a file of `version` that is only read.

    It has the columns of `messages`, and the lines that wait behind the others. `connection` is
    from `reading.open_to_read`, and the caller has begun a transaction.
    """
    if version < VERSION_WITH_BATCHES:
        connection.execute("CREATE TEMP VIEW lines AS SELECT * FROM main.messages")
        return
    connection.execute("CREATE TEMP TABLE waiting AS SELECT * FROM main.messages LIMIT 0")
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM main.messages").fetchone()
    waiting = (line for batch in read(connection) for line in lines_of(batch))
    connection.executemany(
        "INSERT INTO waiting (id, room, at, kind, name, text, seq, taken_after)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ((id, *line) for id, line in enumerate(waiting, last + 1)),
    )
    connection.execute(
        "CREATE TEMP VIEW lines AS SELECT * FROM main.messages UNION ALL SELECT * FROM waiting"
    )


def _first(connection: sqlite3.Connection, lines: int) -> Iterator[StoredBatch]:
    for batch in read(connection):
        yield batch
        lines -= batch.count
        if lines <= 0:
            return


def _write(connection: sqlite3.Connection, said: Sequence[Unwritten]) -> None:
    stored = said[0][0]
    if stored.id and {room for room, _, _ in said} == {stored}:
        # One statement is a transaction by itself.
        connection.execute(_WRITE, (stored.id, *_columns(said)))
        return
    with database.transaction(connection):
        ids = _insert(connection, said)
    for room, id in ids.items():
        room.id = id


def _insert(connection: sqlite3.Connection, said: Sequence[Unwritten]) -> dict[StoredRoom, int]:
    """Do as `_write` in a transaction of the caller; return the numbers of the rooms."""
    ids: dict[StoredRoom, int] = {}
    for room, some in groupby(said, key=lambda it: it[0]):
        if room not in ids:
            ids[room] = rows.id_of(connection, room)
        connection.execute(_WRITE, (ids[room], *_columns(list(some))))
    return ids


def _moved(
    connection: sqlite3.Connection, said: Sequence[Unwritten]
) -> tuple[Sequence[Unwritten], Sequence[Unwritten]]:
    """Take lines back where they stood until now; return them, and what stands there.

    Of a line that was taken back there, no text is to be written.
    """
    moved, left = list(said), list[Unwritten]()
    for room in {room for room, _, _ in said if room.moved}:
        index_of = {
            room.moved[seq]: index
            for index, (where, seq, _) in enumerate(said)
            if where is room and seq in room.moved
        }
        # Nobody is told of it, and nothing is to be erased: the text is still there.
        for seq, found in _take_back(connection, room, list(index_of), 0).items():
            if found is not None:
                left.append((room, seq, found))
            else:
                _, now, it = moved[index_of[seq]]
                moved[index_of[seq]] = room, now, TakenBack(it.name, "", now, 0, at=it.at)
    return moved, left


def _take_back(
    connection: sqlite3.Connection, room: StoredRoom, seqs: Sequence[int], after: int
) -> dict[int, TakenBack | None]:
    """Delete the texts of lines, wherever they are, as in `rows.take_back`."""
    if not seqs:
        return {}
    found: dict[int, TakenBack | None] = {}
    spans = connection.execute(_WITH_LINES, (room.id, max(seqs), min(seqs))).fetchall()
    for batch in map(_batch, spans):
        here = [seq for seq in seqs if batch.first <= seq <= batch.last]
        if batch.lines is None or not here:
            continue
        for seq in here:
            at, kind, name, _, _ = batch.lines[seq - batch.first]
            found[seq] = None
            if kind != TAKEN_BACK:
                batch.lines[seq - batch.first] = at, TAKEN_BACK, name, "", after or None
                at = values.time_of(at)
                found[seq] = TakenBack(values.name_of(name), "", seq, after, at=at)
        # Those that nobody is told of are not looked for.
        connection.execute(
            "UPDATE batches SET lines = ?, taken = taken + ? WHERE id = ?",
            (_encode(batch.lines), len(here) if after else 0, batch.id),
        )
    return found | rows.take_back(connection, room, [it for it in seqs if it not in found], after)


def _columns(said: Sequence[Unwritten]) -> tuple[int, int, int, str]:
    """Return the columns of a batch of one room, but for its room.

    The last one is what `_encode` would return, in less than half the time: lines that a person has
    said at once begin alike.
    """
    lines: list[str] = []
    taken = 0  # of them were taken back, while they waited for the file
    kind: type[Kept] | None = None
    name, at, begin, end = "", 0.0, "", ""
    for _, _, it in said:
        if it.name is not name or it.at != at or type(it) is not kind or kind is TakenBack:
            kind, name, at, end = type(it), it.name, it.at, "null]"
            time = repr(at) if isfinite(at) else _encode(at)
            begin = f'[{time},"{name_of(it)}",{_quote(name)},'
            if isinstance(it, TakenBack):
                taken += 1
                end = f"{it.after}]"
        lines.append(f"{begin}{_quote(it.text)},{end}")
    return said[0][1], said[-1][1], taken, f"[{','.join(lines)}]"


def _numbers(first: object, last: object) -> tuple[int, int]:
    first = number_of(first)
    return first, max(first, number_of(last))


def _batch(stored: Sequence[Any]) -> StoredBatch:
    id, room, first, last, text = stored
    first, last = _numbers(first, last)
    if last == MAX_NUMBER:  # as may have been written there by another program alone
        return StoredBatch(id, 0, first, last, None)
    return StoredBatch(id, number_of(room), first, last, _lines(text, last - first + 1))


def _lines(text: object, number: int) -> list[BatchLine] | None:
    """Return the lines in a row of the table; None if these are not that many lines."""
    try:
        lines = [
            (float(at), str(kind), str(name), str(words), None if after is None else int(after))
            for at, kind, name, words, after in json.loads(text if isinstance(text, str) else "")
        ]
        # Half of a pair of surrogates can be written in JSON, but not into a column.
        "".join(kind + name + words for _, kind, name, words, _ in lines).encode()
    except (ValueError, TypeError, RecursionError, OverflowError):
        return None
    return lines if len(lines) == number else None


def lines_of(batch: StoredBatch) -> Iterator[Line]:
    """Yield the lines of a batch as they come into `messages`, but for their ids."""
    for seq, (at, kind, name, text, after) in enumerate(batch.lines or (), batch.first):
        yield batch.room, at, kind, name, text, seq, after
