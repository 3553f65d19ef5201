"""Open the SQLite file that outlives the server: its tables, its versions, and its one owner.

What stands in the tables is for `threadchat.store` and `threadchat.records` to know, which have a
connection each. The file is in WAL mode: others can read it while the server writes.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from threadchat.errors import OperatorError
from threadchat.text.search import index_words

_APPLICATION_ID = 0x74636861
"""Marks the file as one of threadchat's (sqlite.org/fileformat2.html, 1.3.14)."""

WRITING = Lock()
"""Held while one of this process's connections writes, as SQLite lets one at a time.

Waiting for it is no failure, whereas a file that stays locked for long by another program is.
"""

_TABLES_OF_HISTORY = (
    "CREATE TABLE rooms (id INTEGER PRIMARY KEY, fold TEXT NOT NULL UNIQUE, name TEXT NOT NULL)",
    "CREATE TABLE messages"
    " (id INTEGER PRIMARY KEY, room INTEGER NOT NULL REFERENCES rooms, at REAL NOT NULL,"
    " kind TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL)",
    "CREATE INDEX messages_of_room ON messages (room, id)",
)

_INDEX_OF_WORDS = (
    # The index alone, without a second copy of the text or what only ranking needs. It is given
    # what `index_words` makes, which the tokenizer has only to split at the spaces.
    "CREATE VIRTUAL TABLE words"
    " USING fts5 (text, content = '', columnsize = 0, tokenize = 'ascii')",
    "INSERT INTO words (rowid, text) SELECT id, index_words(text) FROM messages",
)

_TABLES_OF_RECORDS = (
    "CREATE TABLE names (fold TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL, looks TEXT NOT NULL,"
    " kept BLOB NOT NULL, since REAL NOT NULL)",
    "CREATE INDEX names_by_looks ON names (looks)",
    # No number is used twice: what is taken for a letter that is gone can be no other letter.
    "CREATE TABLE letters (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " recipient TEXT NOT NULL REFERENCES names ON DELETE CASCADE, sender TEXT NOT NULL,"
    " text TEXT NOT NULL, at REAL NOT NULL)",
    "CREATE INDEX letters_by_recipient ON letters (recipient)",
    "CREATE TABLE bans (key TEXT PRIMARY KEY NOT NULL, target TEXT NOT NULL, set_by TEXT NOT NULL,"
    " why TEXT NOT NULL, at REAL NOT NULL, until REAL)",
)

# What makes each version of the file out of the one before. What has been released is not changed
# any more: a new version is one more entry.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_TABLES_OF_HISTORY, _INDEX_OF_WORDS, _TABLES_OF_RECORDS)

VERSION = len(MIGRATIONS)
"""The version of the file that this module makes; it stands in the file as `user_version`."""

CHECKPOINT_PAGES = 4000
"""After how many pages of 4 KiB the disk is waited for: who speaks then waits as well."""


class Unusable(OperatorError):
    """Say in one line why a file cannot hold a history, and the way out."""


def make(path: Path) -> None:
    """Make the file, empty and for its owner's eyes alone, unless there is one.

    What SQLite puts beside it gets the same permissions. Raises `Unusable` where SQLite would only
    say that it is unable to open it.
    """
    if os.path.isdir(path):
        raise Unusable(f"{path} is a folder. Name a file in it for the history.")
    if not os.path.isdir(path.parent):
        raise Unusable(f"there is no folder {path.parent} for the history. Make it first.")
    try:
        _make_private(path)
    except OSError as error:
        raise Unusable(_not_writable(path, error.strerror)) from None


def _make_private(path: str | Path) -> None:
    # Before SQLite makes it, which would let everybody read it. The umask is no way to that: all
    # threads share it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Return a connection that waits at most `busy_seconds` for others to finish a change."""
    return sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )


def connect_in_memory() -> sqlite3.Connection:
    """Return a connection to the tables of `threadchat.records` alone, which are in no file."""
    # Without those of the history: nothing that is not kept should need an SQLite with FTS5.
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for statement in _TABLES_OF_RECORDS:
        connection.execute(statement)
    return connection


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the file, 0 for an empty one; raise `Unusable` for one not ours.

    Changes nothing.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != _APPLICATION_ID and (version or owner or tables):
        raise Unusable(f"{path} is a database, but not one of threadchat's. Name another file.")
    if version > VERSION:
        raise Unusable(f"{path} was written by a newer threadchat. Use that one, or another file.")
    return int(version)


def own(path: Path) -> sqlite3.Connection:
    """Return what keeps other servers from the file for as long as it is open.

    A lock on a second file, as one on the history itself would keep readers away. The system lets
    go of it however the process ends.
    """
    beside = path.with_name(f"{path.name}-lock")
    try:
        _make_private(beside)
    except OSError as error:
        raise Unusable(_not_writable(beside, error.strerror)) from None
    lock = connect(beside, busy_seconds=0)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        lock.close()
        if error.sqlite_errorname.startswith("SQLITE_BUSY"):
            raise Unusable(
                f"{path} is in use by another threadchat. Stop that one, or name another file."
            ) from None
        raise
    return lock


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check the file, and bring it to the version of today."""
    version = version_of(connection, path)
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Unusable(_damaged(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.create_function("index_words", 1, index_words, deterministic=True)
    # Even with nothing to migrate, this is where a file that cannot be written is found out.
    with transaction(connection):
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is changed inside, all of it or, if it raises, nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some errors have undone the transaction already, and what led here is what counts.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def why_unusable(path: Path, error: sqlite3.Error) -> str:
    """Say why a file cannot be used as a history, and what to do."""
    # Errors of the module itself have no such name.
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_NOTADB"):
        return f"{path} is not a history of threadchat. Name another file, or move it away."
    if name.startswith("SQLITE_CORRUPT"):
        return _damaged(path)
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
        return _not_writable(path, error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{path} is locked by another program. Close that, or name another file."
    return f"{path} cannot hold the history ({error}). Name another file."


def _not_writable(path: Path, why: object) -> str:
    return (
        f"{path} cannot be written ({why}). Get the right to write it and its folder,"
        " or name another file."
    )


def _damaged(path: Path) -> str:
    return (
        f"{path} is damaged. Move it away to start anew;"
        " 'sqlite3 FILE .recover' may get back what it holds."
    )
