"""Keep the stretches of `stretches` in the file of a history, beside its lines.

What is read is made safe, as another program may have written anything into the file.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from threadchat.storage import database, values
from threadchat.storage.sqlitehistory import MAX_UNWRITTEN, StoredHistory
from threadchat.storage.stretches import Line, Stretch
from threadchat.storage.values import number_of, text_of, time_of
from threadchat.text.names import fold_name

COLUMNS = "seq, lines, at, epoch, place, node, line, shown, missed, apart_from, apart_to, moved"

_SELECT = f"SELECT {COLUMNS} FROM stretches"

_Change = tuple[str, Sequence[Any]]
"""A statement, and its values."""

_MAX_WAITING = MAX_UNWRITTEN
"""So many changes wait while the file cannot be written; the oldest are lost first."""

_FORGOTTEN_AT_ONCE = 500
"""How many stretches are forgotten at once: rooms wait for no more."""


def stretch_of(row: Sequence[Any]) -> Stretch:
    """Return the stretch in a row with `COLUMNS`."""
    seq, lines, at, epoch, place, node, line, shown, missed, begin, end, moved = row
    return Stretch(
        number_of(seq),
        number_of(lines),
        time_of(at),
        text_of(epoch),
        number_of(place),
        text_of(node),
        number_of(line),
        number_of(shown),
        number_of(missed),
        None if begin is None else (time_of(begin), time_of(end)),
        bool(number_of(moved)),
    )


def _columns(room: str, it: Stretch) -> Sequence[Any]:
    place = it.seq, it.lines, it.at, it.epoch, it.place, it.node, it.line, it.shown, it.missed
    return room, *place, *(it.apart or (None, None)), int(it.is_moved)


class StoredStretches:
    """Stretches in the file of `history`.

    Where the file cannot be read or written, the history itself tells the operator. The lines have
    places of this server alone then, until the file can be written and more is said or noted.
    """

    def __init__(self, history: StoredHistory) -> None:
        self._history = history
        self._lock = Lock()  # guards the next one, and is taken before that of the history
        self._waiting: list[_Change] = []  # what could not be written yet
        for (room,) in self._read("SELECT fold FROM rooms"):
            self._undo_unfinished(text_of(room))

    def _undo_unfinished(self, room: str) -> None:
        """Undo what was noted of lines that were not written, as the server ended before that."""
        last = self._history.last_place(room).seq
        rows = self._read(f"{_SELECT} WHERE room = ? AND seq > ?", room, last)
        for stretch in map(stretch_of, rows):
            moved_back = "UPDATE stretches SET moved = 0 WHERE node = ? AND line = ? AND moved = 1"
            self._change(
                ("DELETE FROM stretches WHERE room = ? AND seq = ?", (room, stretch.seq)),
                (
                    f"{moved_back} AND seq = (SELECT max(seq) FROM stretches"
                    " WHERE node = ? AND line = ?)",
                    (stretch.node, stretch.line) * 2,
                ),
            )

    def add(self, room: str, last: Sequence[Stretch], moved: Collection[Stretch] = ()) -> None:
        """Add the last stretches of a room; the lines of `moved` stand there from now on."""
        columns = [column for it in last for column in _columns(room, it)]
        rows = ", ".join([f"(?{', ?' * 12})"] * len(last))
        changes = [(f"INSERT INTO stretches (room, {COLUMNS}) VALUES {rows}", columns)]
        if moved:
            numbers = ", ".join(str(it.seq) for it in moved)
            mark = f"UPDATE stretches SET moved = 1 WHERE room = ? AND seq IN ({numbers})"
            changes.append((mark, [room]))
        self._write(*changes)

    def within(self, room: str, first: int, last: int) -> Sequence[Stretch]:
        """Return the stretches that have any of these numbers, in their order."""
        before = "coalesce((SELECT max(seq) FROM stretches WHERE room = ?1 AND seq <= ?2), ?2)"
        rows = self._read(
            f"{_SELECT} WHERE room = ?1 AND seq >= {before} AND seq <= ?3 ORDER BY seq",
            room,
            first,
            last,
        )
        return [it for it in map(stretch_of, rows) if it.seq + it.lines > first]

    def at_place(self, room: str, epoch: str, place: int) -> Stretch | None:
        """Return the last stretch of an epoch that begins at `place` or before."""
        rows = self._read(
            f"{_SELECT} WHERE room = ? AND epoch = ? AND place <= ?"
            " ORDER BY place DESC, seq DESC LIMIT 1",
            room,
            epoch,
            min(place, values.MAX_NUMBER),
        )
        return stretch_of(rows[0]) if rows else None

    def of_lines(self, lines: Collection[Line]) -> Mapping[Line, tuple[str, Stretch]]:
        """Return where lines stand now, each with the room, as far as that is known."""
        rows = self._read(
            f"WITH wanted (its_node, its_line) AS (VALUES {', '.join(['(?, ?)'] * len(lines))})"
            f" SELECT its_node, its_line, room, {COLUMNS} FROM wanted JOIN stretches"
            " ON stretches.id = (SELECT id FROM stretches WHERE node = its_node"
            " AND line <= its_line AND moved = 0 ORDER BY line DESC LIMIT 1)",
            *(part for node, line in lines for part in (node, min(line, values.MAX_NUMBER))),
        )
        found = {}
        for node, line, room, *row in rows:
            stretch = stretch_of(row)
            if line < stretch.line + stretch.lines:
                found[str(node), int(line)] = text_of(room), stretch
        return found

    def moved_of_line(self, node: str, line: int) -> Sequence[Stretch]:
        """Return the stretches in which a line of a node stood before it moved."""
        rows = self._read(
            f"{_SELECT} WHERE node = ? AND line <= ? AND moved = 1"
            " ORDER BY line DESC, seq LIMIT 20",
            node,
            min(line, values.MAX_NUMBER),
        )
        return [it for it in map(stretch_of, rows) if line < it.line + it.lines]

    def last_line_of(self, node: str) -> int:
        """Return the number of the last line of a node that is known; 0 if none is."""
        rows = self._read(f"{_SELECT} WHERE node = ? ORDER BY line DESC LIMIT 1", node)
        return max((it.line + it.lines - 1 for it in map(stretch_of, rows)), default=0)

    def begin_of(self, room: str, epoch: str) -> int | None:
        """Return at which number the first line of an epoch was shown; None if there is none."""
        rows = self._read(
            "SELECT min(coalesce(nullif(shown, 0), seq)) FROM stretches"
            " WHERE room = ? AND epoch = ?",
            room,
            epoch,
        )
        return number_of(rows[0][0]) if rows and rows[0][0] is not None else None

    def forget(self, before: float) -> None:
        """Forget stretches that began before that time."""
        some = "SELECT id FROM stretches WHERE at < ? ORDER BY id LIMIT ?"
        while rows := self._read(some, before, _FORGOTTEN_AT_ONCE):
            ids = [row[0] for row in rows]
            some_ids = ", ".join(map(str, ids))
            if not self._change((f"DELETE FROM stretches WHERE id IN ({some_ids})", ())):
                return

    def state(self, cluster: str) -> str:
        """Return what `note_state` was given last; empty if nothing."""
        rows = self._read("SELECT state FROM linked WHERE cluster = ?", cluster)
        return str(rows[0][0]) if rows else ""

    def note_state(self, cluster: str, state: str) -> None:
        """Keep how far the order of the servers called `cluster` was read."""
        self._write(("INSERT OR REPLACE INTO linked VALUES (?, ?)", (cluster, state)))

    def _write(self, *changes: _Change) -> None:
        """Make changes, behind those that wait; if the file cannot be written, they wait, too."""
        with self._lock:
            self._waiting += changes
            if self._change(*self._waiting):
                self._waiting.clear()
            del self._waiting[:-_MAX_WAITING]

    def _change(self, *changes: _Change) -> bool:
        """Make changes, all or none; return whether that has worked."""
        with suppress(sqlite3.Error), self._history.connected() as connection:
            if connection is not None:
                with database.WRITING:
                    if len(changes) == 1:  # one statement is a transaction by itself
                        connection.execute(*changes[0])
                    else:
                        with database.transaction(connection):
                            for change in changes:
                                connection.execute(*change)
                return True
        return False

    def _read(self, query: str, *parts: object) -> list[Any]:
        with suppress(sqlite3.Error), self._history.connected() as connection:
            if connection is not None:
                return connection.execute(query, parts).fetchall()
        return []


class StretchReader:
    """Reads the stretches of a file for lines whose numbers ascend within each room."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rooms: dict[str, Iterator[Any]] = {}  # by the folded name
        self._last: dict[str, Stretch | None] = {}

    def find(self, room: str, seq: int) -> Stretch | None:
        """Return the stretch of the line with that number in the room; None if it has none."""
        fold = fold_name(room)
        if fold not in self._rooms:
            query = f"{_SELECT} WHERE room = ? ORDER BY seq"
            self._rooms[fold] = self._connection.execute(query, (fold,))
            self._last[fold] = self._next(fold)
        while (stretch := self._last[fold]) is not None and stretch.seq + stretch.lines <= seq:
            self._last[fold] = self._next(fold)
        return stretch if stretch is not None and stretch.holds(seq) else None

    def _next(self, fold: str) -> Stretch | None:
        row = next(self._rooms[fold], None)
        return None if row is None else stretch_of(row)
