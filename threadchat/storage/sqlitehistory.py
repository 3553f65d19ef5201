"""Keep what was said in an SQLite file, so that it outlives the server.

A commit hands the batch to the system, so it is there again however the process ends (promise 2).
Only checkpoints wait for the disk itself. A power cut may cost the last moments, but never the
file.

When the file cannot be written, the chat goes on: what is said waits in memory, up to a bound, and
is written in its order as soon as that is possible.
"""

import contextlib
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice, repeat, starmap
from pathlib import Path
from threading import Event, Lock, Thread

from threadchat.messages.codec import name_of, spoken
from threadchat.messages.kinds import Spoken
from threadchat.net.threads import join, start_thread
from threadchat.storage import database
from threadchat.storage.database import Unusable
from threadchat.storage.history import Found, History, has_all
from threadchat.text.names import fold_name
from threadchat.text.search import index_words, phrases_of

MAX_UNWRITTEN = 10_000
"""How many messages wait in memory while the file cannot be written; the oldest are lost first."""

RETRY_SECONDS = 1.0
"""How long the history waits after a failure before it tries again."""

_MAX_AT_ONCE = 4096
"""The most messages in one commit: more than any batch of a room has."""

_BUSY_SECONDS = 0.1
"""How long a commit waits while another program has the file locked: the room waits, too."""

Row = tuple[str, float, str, str, str]

COLUMNS = "rooms.name, messages.at, messages.kind, messages.name, messages.text"
"""The columns of a `Row`, from `messages` joined with `rooms`: the same in all versions."""

_RECENT = (
    f"SELECT {COLUMNS} FROM messages JOIN rooms ON rooms.id = messages.room"
    " WHERE messages.room = (SELECT id FROM rooms WHERE fold = ?)"
    " ORDER BY messages.id DESC LIMIT ?"
)

_SEARCH = (
    f"SELECT {COLUMNS} FROM words JOIN messages ON messages.id = words.rowid"
    " JOIN rooms ON rooms.id = messages.room WHERE words MATCH ?"
    " ORDER BY words.rowid DESC LIMIT ?"
)


class StoredHistory(History):
    """What was said in each room, in the file at `path`, which is made if there is none.

    Raises `Unusable` if the file cannot be used. `warn` gets a line for the operator when writing
    or reading fails, and when it works again; it must not wait.
    """

    def __init__(
        self,
        path: str | Path,
        warn: Callable[[str], None],
        *,
        limit: int = MAX_UNWRITTEN,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        super().__init__(limit)
        # With links resolved, so that two names of one file have one lock.
        self._path = Path(os.path.realpath(path))
        self._retry_seconds = retry_seconds
        self._warn = warn
        # Guards the connection and all below; taken after `_search_turn` where both are needed.
        self._lock = Lock()
        self._unwritten: deque[tuple[str, Spoken]] = deque()  # each with its room
        self._lost = 0
        self._cannot_write = self._cannot_read = False
        self._is_closed = False
        self._retrier: Thread | None = None
        self._closing = Event()
        # Searches have a connection of their own, as a long one must not hold up a room.
        self._search_turn = Lock()
        database.make(self._path)
        with contextlib.ExitStack() as opened:
            try:
                self._connection = opened.enter_context(contextlib.closing(self._connect()))
                # Before anything is changed in a file that may not be ours.
                database.version_of(self._connection, self._path)
                self._owner = opened.enter_context(contextlib.closing(database.own(self._path)))
                database.prepare(self._connection, self._path)
                self._searcher = opened.enter_context(contextlib.closing(self._connect()))
                # SQLite opens its files only now; later there might be no descriptors for them.
                self._searcher.execute("SELECT id FROM messages LIMIT 1").fetchall()
            except sqlite3.Error as error:
                raise Unusable(database.why_unusable(self._path, error)) from None
            self._opened = opened.pop_all()

    def _connect(self) -> sqlite3.Connection:
        return database.connect(self._path, _BUSY_SECONDS)

    def append(self, room: str, batch: Sequence[Spoken]) -> None:
        """Commit `batch`, or keep it in memory until it can be written."""
        with self._lock:
            if self._is_closed:
                return
            # Behind the messages that wait already: the file keeps the order (promise 1).
            self._unwritten.extend(zip(repeat(room), batch))
            if self._retrier is None and not self._write_all():
                # Out of threads, the next batch is the next try.
                self._retrier = start_thread(self._retry, "history")
            while len(self._unwritten) > self._limit:
                self._unwritten.popleft()
                self._lost += 1

    def recent(self, room: str, number: int) -> list[Spoken]:
        """Return the last `number` messages of `room`, oldest first."""
        fold = fold_name(room)
        with self._lock:
            waiting = [said for where, said in self._unwritten if fold_name(where) == fold]
            waiting = waiting[max(0, len(waiting) - number) :]
            rows = self._read(self._connection, _RECENT, (fold, max(0, number - len(waiting))))
        return [*(found_of(row).message for row in reversed(rows)), *waiting]

    def search(self, words: str, number: int) -> list[Found]:
        """Return the last `number` messages that have all of `words`, of any room, newest first."""
        phrases = phrases_of(words)
        if not phrases or number < 1:
            return []
        # In quotes, the words that `index_words` makes are no syntax of FTS5.
        query = " ".join(f'"{phrase}"' for phrase in phrases)
        with self._search_turn:
            with self._lock:
                if self._unwritten:
                    # With the lock held, because a message written meanwhile would be found twice.
                    unwritten = starmap(Found, reversed(self._unwritten))
                    hits = [found for found in unwritten if has_all(phrases, found)]
                    stored = self._read(self._searcher, _SEARCH, (query, number))
                    return [*hits, *map(found_of, stored)][:number]
            rows = self._read(self._searcher, _SEARCH, (query, number))
        return [found_of(row) for row in rows]

    def close(self) -> None:
        """Write what waits, if that can be done now, and close the file."""
        self._closing.set()
        with self._lock:
            retrier = self._retrier
            if not self._is_closed:
                self._searcher.interrupt()  # so that the close does not wait for a long search
        join(retrier)
        with self._search_turn, self._lock:
            if self._is_closed:
                return
            if not self._write_all():
                lost = self._lost + len(self._unwritten)
                self._warn(f"the history still cannot be written: {lost} messages are lost")
            self._is_closed = True
            self._unwritten.clear()
            self._opened.close()

    # Writing, with the lock held

    def _write_all(self) -> bool:
        """Write all that waits, oldest first; return whether nothing waits any more."""
        while self._unwritten:
            chunk = list(islice(self._unwritten, _MAX_AT_ONCE))
            try:
                with database.WRITING:
                    _write(self._connection, chunk)
            except sqlite3.Error as error:
                self._note_failure(error)
                return False
            except Exception:
                self._drop(len(chunk))  # it would fail for ever, and all others would wait
                raise
            self._drop(len(chunk))
        if self._cannot_write:
            self._cannot_write = False
            lost, self._lost = self._lost, 0
            self._warn(
                "the history is written again;"
                f" {f'{lost} messages are lost' if lost else 'nothing is lost'}"
            )
        return True

    def _drop(self, number: int) -> None:
        for _ in range(number):
            self._unwritten.popleft()

    def _note_failure(self, error: sqlite3.Error) -> None:
        if not self._cannot_write:
            self._cannot_write = True
            self._warn(
                f"the history cannot be written ({error}): up to {self._limit} messages are kept"
                f" in memory until it can. See that {self._path} may be written and the disk has"
                " room"
            )

    def _retry(self) -> None:
        """Try again and again to write what waits, until it is written."""
        while not self._closing.wait(self._retry_seconds):
            try:
                with self._lock:
                    if self._write_all():
                        self._retrier = None
                        return
            except Exception as error:  # that chunk has been dropped, and the others still wait
                self._warn(f"the history cannot keep some messages: {error!r}")

    # Reading, with the lock held that guards the connection

    def _read(
        self, connection: sqlite3.Connection, query: str, values: tuple[object, ...]
    ) -> list[Row]:
        """Return the rows, or none if the file cannot be read; warn the operator of that once."""
        if self._is_closed or self._closing.is_set():
            return []
        try:
            rows = connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            if not self._cannot_read and not self._closing.is_set():
                self._cannot_read = True
                self._warn(f"the history cannot be read ({error}). See that {self._path} is sound")
            return []
        if self._cannot_read:
            self._cannot_read = False
            self._warn("the history can be read again")
        return rows


def found_of(row: Row) -> Found:
    """Return the message in a row of the file, with its room."""
    room, at, kind, name, text = row
    return Found(room, spoken(kind, name, text, at))


def _write(connection: sqlite3.Connection, said: Sequence[tuple[str, Spoken]]) -> None:
    """Commit all of `said`, or nothing if this raises."""
    with database.transaction(connection):
        id_of = {room: _room_id(connection, room) for room in {room for room, _ in said}}
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()
        connection.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)",
            [
                (number, id_of[room], it.at, name_of(it), it.name, it.text)
                for number, (room, it) in enumerate(said, last + 1)
            ],
        )
        connection.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)",
            [
                # For ASCII the tokenizer itself does the same as `index_words`, and faster.
                (number, it.text if it.text.isascii() else index_words(it.text))
                for number, (_, it) in enumerate(said, last + 1)
            ],
        )


def _room_id(connection: sqlite3.Connection, room: str) -> int:
    """Return the number of `room` in the file; a new room gets one."""
    fold = fold_name(room)
    row = connection.execute("SELECT id FROM rooms WHERE fold = ?", (fold,)).fetchone()
    if row is not None:
        return int(row[0])
    entered = connection.execute("INSERT INTO rooms (fold, name) VALUES (?, ?)", (fold, room))
    assert entered.lastrowid is not None
    return entered.lastrowid
