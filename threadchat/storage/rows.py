"""Read and write the tables of the history: what was said, the rooms, and the index of words.

These are functions of a connection. `sqlitehistory` decides when they run, and holds the locks.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from threadchat.messages.codec import name_of, spoken
from threadchat.messages.kinds import TakenBack
from threadchat.storage import database, values
from threadchat.storage.migrations import VERSION, VERSION_WITH_PLACES
from threadchat.storage.remembered import Kept
from threadchat.storage.searching import Found
from threadchat.storage.values import number_of, text_of, time_of
from threadchat.text.names import fold_name
from threadchat.text.search import index_words

Row = tuple[str, float, str, str, str, int, int | None]
"""A line that is read: the name of its room, and the columns of the line, but for its id."""

Line = tuple[int, float, str, str, str, int, int | None]
"""The columns of a line that is written, but for its id: those of a `Row`, by the room's number."""


def columns_of(version: int) -> str:
    """Return the columns of a `Row`, from `messages` joined with `rooms`, in a file of `version`.

    Before places were kept, the number of each line is 0.
    """
    places = "messages.seq, messages.taken_after" if version >= VERSION_WITH_PLACES else "0, NULL"
    return f"rooms.name, messages.at, messages.kind, messages.name, messages.text, {places}"


_COLUMNS = columns_of(VERSION)

_INDEXED = "(SELECT indexed FROM history)"
"""How far the index of words has come: the id of the last line that it has."""

TAKEN_BACK = "taken_back"
"""The kind of a line that was taken back, as `name_of` calls a `TakenBack`."""

RECENT = (
    f"SELECT {_COLUMNS} FROM messages JOIN rooms ON rooms.id = messages.room"
    f" WHERE messages.room = ? AND messages.kind <> '{TAKEN_BACK}'"
    " ORDER BY messages.seq DESC LIMIT ?"
)
"""The last lines of a room, newest first."""

SINCE = (
    f"SELECT {_COLUMNS} FROM messages JOIN rooms ON rooms.id = messages.room"
    " WHERE messages.room = ? AND messages.seq > ? ORDER BY messages.seq DESC LIMIT ?"
)
"""The last lines of a room behind a number, newest first."""

TAKEN_BACK_SINCE = (
    f"SELECT {_COLUMNS} FROM messages JOIN rooms ON rooms.id = messages.room"
    " WHERE messages.room = ? AND messages.taken_after >= ? AND messages.seq <= ?"
    " ORDER BY messages.taken_after DESC LIMIT ?"
)
"""The lines up to a number that were taken back when the room had come to another one or later."""

LATEST = (
    f"SELECT messages.room, {_COLUMNS} FROM messages JOIN rooms ON rooms.id = messages.room"
    " ORDER BY messages.id DESC LIMIT ?"
)
"""The last lines of all rooms, newest first, each behind the number of its room."""

NOT_INDEXED = (
    f"SELECT messages.id, {_COLUMNS} FROM messages JOIN rooms ON rooms.id = messages.room"
    f" WHERE messages.id > {_INDEXED} AND messages.id < ?"
    f" AND messages.kind <> '{TAKEN_BACK}' ORDER BY messages.id DESC LIMIT ?"
)
"""The last messages before an id that are not in the index of words yet, each behind its id."""

SEARCH = (
    f"SELECT {_COLUMNS} FROM words JOIN messages ON messages.id = words.rowid"
    " JOIN rooms ON rooms.id = messages.room WHERE words MATCH ? AND words.rowid < ?"
    " ORDER BY words.rowid DESC LIMIT ?"
)
"""The last messages before an id that match a query of FTS5."""

SOME = "SELECT id, at < ? FROM messages WHERE id > ? ORDER BY id LIMIT ?"
"""Some of the lines behind an id, and whether they were said before a time."""


@dataclass(eq=False, slots=True)
class StoredRoom:
    """A room in the file; `id` is its number there, or 0 while it has none."""

    name: str
    id: int = 0
    last: int = 0
    """The last number that was given to a line of the room, written or not."""
    lost: int = 0
    """The last number of a line that was lost, as long as the file does not say so."""
    topic: str = ""
    """The topic, which the file may not have yet."""
    moved: dict[int, int] = field(default_factory=dict)
    """Where lines that wait for the file stand in it until they are written, by their numbers."""


Unwritten = tuple[StoredRoom, int, Kept]
"""A line that is not in the file yet: its room, its number, and what stands there."""


def kept_of(row: Row, epoch: str) -> Kept:
    """Return what stands in a row of the file."""
    if row[2] == TAKEN_BACK:
        _, at, _, name, _, seq, after = row
        at, seq, after = time_of(at), number_of(seq), number_of(after)
        return TakenBack(values.name_of(name), epoch, seq, after, at=at)
    return found_of(row, epoch).message


def found_of(row: Row, epoch: str) -> Found:
    """Return the message in a row of the file, which was not taken back, with its room."""
    room, at, kind, name, text, seq, _ = row
    seq = number_of(seq)
    name, text, at = values.name_of(name), text_of(text), time_of(at)
    return Found(values.name_of(room), spoken(kind, name, text, at, epoch if seq else "", seq))


def read_state(connection: sqlite3.Connection) -> tuple[str, bool]:
    """Return the epoch of the file, and whether something has still to be erased from it."""
    row = connection.execute("SELECT epoch, to_erase FROM history").fetchone()
    epoch = "" if row is None else text_of(row[0])
    if not epoch:
        raise sqlite3.DatabaseError("the table history is empty")
    return epoch, bool(row[1])


def begin_epoch(connection: sqlite3.Connection, epoch: str) -> None:
    """Give all lines of the file places in another epoch; their numbers stay."""
    connection.execute("UPDATE history SET epoch = ?", (epoch,))


def read_rooms(connection: sqlite3.Connection) -> dict[str, StoredRoom]:
    """Return all rooms by their folded names."""
    rows = connection.execute(
        # Text and blobs count as more than any number.
        "SELECT fold, name, id, max(CAST(forgotten AS INTEGER), coalesce(CAST("
        " (SELECT max(seq) FROM messages WHERE messages.room = rooms.id AND seq <= ?1)"
        " AS INTEGER), 0), coalesce(CAST("
        " (SELECT max(last) FROM batches WHERE batches.room = rooms.id AND last < ?1)"
        " AS INTEGER), 0)), topic FROM rooms",
        (values.MAX_NUMBER,),
    )
    return {
        str(fold): StoredRoom(values.name_of(name), id, number_of(last), topic=text_of(topic))
        for fold, name, id, last, topic in rows
    }


def read_latest(
    connection: sqlite3.Connection, rooms: Collection[StoredRoom], number: int
) -> Iterator[Unwritten]:
    """Yield the last `number` lines of all `rooms`, oldest first."""
    by_id = {room.id: room for room in rooms}
    for id, *row in reversed(connection.execute(LATEST, (number,)).fetchall()):
        if id in by_id:
            it = kept_of(tuple(row), "")
            yield by_id[id], it.seq, it


def write(connection: sqlite3.Connection, said: Sequence[Unwritten]) -> None:
    """Commit all of `said`, or nothing if this raises. `index_some` sees to their words later."""
    if len(said) == 1 and _is_line_of_known_room(*said[0]):
        ((room, seq, it),) = said
        # One statement is a transaction by itself.
        values = room.id, it.at, name_of(it), it.name, it.text, seq
        connection.execute(_INSERT_ONE, values)
        return
    with database.transaction(connection):
        ids = insert(connection, said)
    for room, id in ids.items():
        room.id = id


def insert(connection: sqlite3.Connection, said: Sequence[Unwritten]) -> dict[StoredRoom, int]:
    """Do as `write` in a transaction of the caller; return the numbers of the rooms."""
    ids = {room: id_of(connection, room) for room in {room for room, _, _ in said}}
    _insert(connection, _INSERTS, (line_of(ids[room], seq, it) for room, seq, it in said))
    return ids


def line_of(room: int, seq: int, it: Kept) -> Line:
    """Return the columns of a line of the room with the number `room`."""
    # What waited for the file may have been taken back meanwhile.
    after = it.after if isinstance(it, TakenBack) else None
    return room, it.at, name_of(it), it.name, it.text, seq, after


def insert_moved(connection: sqlite3.Connection, lines: Iterable[Line]) -> None:
    """Insert lines that were committed before, behind all others; the caller has a transaction.

    What another program has put in their places, or has made unfit, stays as it is.
    """
    _insert(connection, _INSERTS_OF_MOVED, lines)


def _insert(
    connection: sqlite3.Connection,
    statements: Sequence[tuple[int, str]],
    lines: Iterable[Line],
) -> None:
    (first,) = connection.execute(f"SELECT {_NEXT_ID}").fetchone()
    parts: list[object] = []
    for id, line in enumerate(lines, first):
        parts += id, *line
    begin = 0
    for number, insert in statements:
        while len(parts) - begin >= 8 * number:
            connection.execute(insert, parts[begin : begin + 8 * number])
            begin += 8 * number


def _is_line_of_known_room(room: StoredRoom, _: int, it: Kept) -> bool:
    return room.id > 0 and not isinstance(it, TakenBack)


_INSERT = "INTO messages (id, room, at, kind, name, text, seq, taken_after) VALUES "

# Whatever was deleted, no line gets an id of which the file says that it is indexed.
_NEXT_ID = f"1 + max(coalesce((SELECT max(id) FROM messages), 0), {_INDEXED})"

_INSERT_ONE = f"INSERT {_INSERT}({_NEXT_ID}, ?, ?, ?, ?, ?, ?, NULL)"

# A statement for many lines takes a third less time than one for each; and behind each statement,
# a room may have to wait until other threads let it go on (the GIL).
_INSERTS, _INSERTS_OF_MOVED = (
    [
        (number, f"{verb} {_INSERT}" + ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * number))
        for number in (64, 16, 4, 1)
    ]
    for verb in ("INSERT", "INSERT OR IGNORE")
)


def note_changes(connection: sqlite3.Connection, rooms: Collection[StoredRoom]) -> None:
    """Write down the topics of `rooms`, and up to which numbers their lines are lost.

    So none of these numbers is given again.
    """
    with database.transaction(connection):
        ids = {room: id_of(connection, room) for room in rooms}
        for room, id in ids.items():
            note_forgotten(connection, id, room.lost)
            connection.execute("UPDATE rooms SET topic = ? WHERE id = ?", (room.topic, id))
    for room, id in ids.items():
        room.id, room.lost = id, 0


def write_missing(
    connection: sqlite3.Connection, rooms: Collection[StoredRoom], latest: Iterable[Unwritten]
) -> None:
    """Write `rooms` and those of their `latest` lines that a file does not have into that file.

    Where lines are missing, their numbers are kept, so that none of these is given again.
    """
    there = read_rooms(connection)
    lasts: dict[StoredRoom, int] = {}
    for room in rooms:
        known = there.get(fold_name(room.name))
        room.id, lasts[room] = (known.id, known.last) if known else (0, 0)
    lines: dict[tuple[StoredRoom, int], Kept] = {}
    with database.transaction(connection):
        for room, seq, it in latest:
            if seq > lasts[room]:
                lines[room, seq] = it
            elif isinstance(it, TakenBack):
                take_back(connection, room, [seq], it.after)
        note_to_erase(connection)
    first: dict[StoredRoom, int] = {}
    for room, seq in lines:
        first[room] = min(seq, first.get(room, seq))
    for room in rooms:
        room.lost = max(room.lost, first.get(room, room.last + 1) - 1)
    note_changes(connection, rooms)
    write(connection, [(room, seq, it) for (room, seq), it in lines.items()])


def take_back(
    connection: sqlite3.Connection, room: StoredRoom, seqs: Sequence[int], after: int
) -> dict[int, TakenBack | None]:
    """Delete the texts of the lines with these numbers; the caller has a transaction.

    Return for each that is there what stands in its place, or None if it was taken back before.
    For `after` see `TakenBack`.
    """
    found: dict[int, TakenBack | None] = {}
    texts = []
    for id, seq, kind, name, text, at in connection.execute(
        "SELECT id, seq, kind, name, text, at FROM messages"
        f" WHERE room = ? AND seq IN ({_marks(seqs)})",
        (room.id, *seqs),
    ).fetchall():
        found[seq] = None
        if kind != TAKEN_BACK:
            found[seq] = TakenBack(values.name_of(name), "", seq, after, at=time_of(at))
            texts.append((id, text))
    if texts:
        connection.execute(
            f"UPDATE messages SET kind = '{TAKEN_BACK}', text = '', taken_after = ?"
            f" WHERE id IN ({_marks(texts)})",
            (after or None, *(id for id, _ in texts)),
        )
        _delete_words(connection, texts)
    return found


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def forget(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Delete the lines with these ids."""
    with database.transaction(connection):
        some = f"({_marks(ids)})"
        lines = connection.execute(
            f"SELECT id, room, seq, kind, text FROM messages WHERE id IN {some}", ids
        ).fetchall()
        connection.execute(f"DELETE FROM messages WHERE id IN {some}", ids)
        for room, seq in {room: seq for _, room, seq, _, _ in sorted(lines)}.items():
            note_forgotten(connection, room, number_of(seq))
        _delete_words(
            connection, [(id, text) for id, _, _, kind, text in lines if kind != TAKEN_BACK]
        )
        note_to_erase(connection)


def id_of(connection: sqlite3.Connection, room: StoredRoom) -> int:
    """Return the number of `room` in the file; a new room gets one."""
    if room.id:
        return room.id
    entered = connection.execute(
        "INSERT INTO rooms (fold, name) VALUES (?, ?)", (fold_name(room.name), room.name)
    )
    assert entered.lastrowid is not None
    return entered.lastrowid


def note_forgotten(connection: sqlite3.Connection, room: int, seq: int) -> None:
    """Write down that lines of the room with that number, up to `seq`, are not there any more."""
    connection.execute("UPDATE rooms SET forgotten = max(forgotten, ?) WHERE id = ?", (seq, room))


# The index of words


def mend_indexed(connection: sqlite3.Connection) -> None:
    """Where another program has changed how far the index has come, have it hold all lines."""
    connection.execute(
        "UPDATE history SET indexed = coalesce((SELECT max(id) FROM messages), 0)"
        " WHERE typeof(indexed) <> 'integer' OR indexed NOT BETWEEN 0 AND ?",
        (values.MAX_NUMBER,),
    )


def prepare_indexing(connection: sqlite3.Connection) -> None:
    """Have `index_some` work with this connection; nothing of that is written to a disk."""
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("CREATE TEMP TABLE prepared (id INTEGER PRIMARY KEY, words TEXT NOT NULL)")
    connection.create_function("indexed_words", 1, _indexed, deterministic=True)
    # So the index and how far it has come are one statement. A line that was taken back before it
    # came into the index must never come into it (see `_delete_words`).
    connection.execute(
        "CREATE TEMP TRIGGER indexing AFTER UPDATE OF indexed ON main.history BEGIN"
        " INSERT INTO words (rowid, text) SELECT id, coalesce(words, text) FROM messages"
        " LEFT JOIN prepared USING (id)"
        " WHERE id > OLD.indexed AND id <= NEW.indexed"
        f" AND kind <> '{TAKEN_BACK}' ORDER BY id; END"
    )


def count_not_indexed(connection: sqlite3.Connection) -> int:
    """Return how many lines have still to be taken into the index, those forgotten included."""
    (number,) = connection.execute(f"SELECT {_WAITING} FROM history").fetchone()
    return max(0, int(number))


def index_some(connection: sqlite3.Connection, lines: int, size: int) -> int:
    """Take the next lines into the index, up to so many and so many bytes, but one at least.

    Return how many lines were waiting for that.
    """
    # There are few statements, because behind each of them other threads may make this one wait
    # (the GIL). Only the last one keeps rooms from writing.
    waiting, first, last, has_others = connection.execute(_NEXT, (lines, size)).fetchone()
    if last is None:
        return 0
    if has_others:
        connection.execute("DELETE FROM prepared")
        connection.execute(_PREPARE, (first, last))
    with database.WRITING:
        connection.execute("UPDATE history SET indexed = ?", (last,))
    return int(waiting)


_WAITING = "coalesce((SELECT max(id) FROM messages), 0) - indexed"

_NEEDS_PYTHON = "(typeof(text) <> 'text' OR length(text) <> length(CAST(text AS BLOB)))"
"""For ASCII the tokenizer itself does the same as `index_words`, and faster."""

_NEXT = (
    f"SELECT (SELECT {_WAITING} FROM history), {_INDEXED},"
    " coalesce(max(id) FILTER (WHERE size <= ?2), min(id)), max(needs_python) FROM"
    " (SELECT id, sum(length(CAST(text AS BLOB))) OVER (ORDER BY id) AS size,"
    f" {_NEEDS_PYTHON} AS needs_python FROM"
    f" (SELECT id, text FROM messages WHERE id > {_INDEXED}"
    " ORDER BY id LIMIT ?1))"
)
"""How many lines wait, behind which one the next piece begins, with which it ends; its kind."""

_PREPARE = (
    "INSERT INTO prepared SELECT id, indexed_words(CAST(text AS BLOB)) FROM messages"
    f" WHERE id > ? AND id <= ? AND {_NEEDS_PYTHON}"
)


def _indexed(text: object) -> str:
    """Return the text of a line as the index is given it."""
    if not isinstance(text, str):
        text = values.decode(text) if isinstance(text, bytes) else str(text)
    return text if text.isascii() else index_words(text)


def _delete_words(connection: sqlite3.Connection, lines: Sequence[tuple[int, object]]) -> None:
    """Take lines out of the index of words, each given with its id; `erasing` does the rest."""
    (indexed,) = connection.execute(f"SELECT {_INDEXED}").fetchone()
    # An index without content has to be told what it is to delete (sqlite.org/fts5.html, 6.3); to
    # delete what it does not have yet would spoil it.
    connection.executemany(
        "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)",
        [(id, _indexed(text)) for id, text in lines if id <= indexed],
    )


def note_to_erase(connection: sqlite3.Connection) -> None:
    """Write down that something was deleted that is to be erased."""
    connection.execute("UPDATE history SET to_erase = to_erase + 1")
