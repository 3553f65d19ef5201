"""Open the SQLite file that outlives the server: check it, migrate it, see to its one owner.

`sqlitehistory` and `records` read and write the tables; each has its own connections. The file is
in WAL mode: other programs can read it while the server writes.
"""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Lock

from threadchat.storage import faults, migrations, values
from threadchat.storage.faults import Unusable
from threadchat.storage.migrations import VERSION
from threadchat.storage.ownership import InUse, Ownership, id_of, name_with_newer_log

_APPLICATION_ID = 0x74636861
"""Marks the file as one of threadchat's (sqlite.org/fileformat2.html, 1.3.14)."""

WRITING = Lock()
"""Held while one of this process's connections writes, as SQLite lets only one write at a time.

To wait for this lock is no failure. A file that another program keeps locked for long is one.
"""


def make(path: Path) -> None:
    """Make the file, empty and readable for its owner only, unless there is one.

    The files that SQLite puts beside it get the same permissions. Raises `Unusable` where SQLite
    would only say that it cannot open the file.
    """
    try:
        if not stat.S_ISDIR(os.stat(path.parent).st_mode):
            raise NotADirectoryError
    except (FileNotFoundError, NotADirectoryError):
        raise Unusable(faults.no_folder(path)) from None
    except OSError as error:
        raise Unusable(faults.not_writable(path, error)) from None
    try:
        _make_private(path)
        mode = os.stat(path).st_mode
    except OSError as error:
        raise Unusable(faults.not_writable(path, error)) from None
    if stat.S_ISDIR(mode):
        raise Unusable(f"{path} is a folder. Name a file in it for the history.")
    if not stat.S_ISREG(mode):
        raise Unusable(f"{path} is a device or a pipe. Name a file for the history.")


def _make_private(path: str | Path) -> None:
    # Before SQLite makes the file, because it would let everybody read it. Setting the umask would
    # be no way out: all threads share it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def beside(path: Path) -> list[Path]:
    """Return the files that SQLite puts beside the one at `path` while that is open."""
    return [path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm")]


def connect(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Return a connection that waits at most `busy_seconds` while another one makes a change.

    What it deletes is overwritten, so that nothing of it is left in pages that are free. No commit
    waits for the disk: `checkpoints` does.
    """
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = values.decode
    try:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def set_busy_seconds(connection: sqlite3.Connection, seconds: float) -> None:
    """Have `connection` wait at most so long from now on while another one makes a change."""
    connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")


def connect_in_memory() -> sqlite3.Connection:
    """Return a connection to the tables of `records`, in memory and not in a file."""
    # Without the tables of the history, so that a server without a file needs no SQLite with FTS5.
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for statements in migrations.OF_RECORDS:
        for statement in statements:
            connection.execute(statement)
    return connection


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the file, 0 for an empty one. Changes nothing.

    Raises `Unusable` if the file is not one of threadchat's, or is of a newer version.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != _APPLICATION_ID and (version or owner or tables):
        raise Unusable(f"{path} is a database, but not one of threadchat's. Name another file.")
    if version > VERSION:
        raise Unusable(f"{path} was written by a newer threadchat. Use that one, or another file.")
    return int(version)


def own(path: Path) -> Ownership:
    """Keep other servers from the file for as long as what this returns is not closed."""
    try:
        with contextlib.ExitStack() as if_it_fails:
            owner = if_it_fails.enter_context(closing(Ownership(path)))
            _look_for_owner_of_log(path)
            other = name_with_newer_log(path)
            if other is not None:
                raise _words_elsewhere(path, other)
            if_it_fails.pop_all()
    except InUse as error:
        raise Unusable(str(error)) from None
    except OSError as error:
        raise Unusable(faults.not_writable(path, error)) from None
    return owner


def _words_elsewhere(path: Path, other: Path) -> Unusable:
    return Unusable(
        f"{path} is the same file as {other}, and the last words are in {other}-wal."
        " Start the server with that name."
    )


def own_log(path: Path) -> Ownership | None:
    """Keep others from the log of an open file, should that file be replaced; None if it cannot be.

    Its name stays the name of this log until the server notices. A server that took another file
    of that name would read and write this log.
    """
    # SQLite holds no locks of POSIX on the log, so that it may be opened and closed.
    return Ownership(beside(path)[0]) if os.name == "posix" else None


def _look_for_owner_of_log(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        log = own_log(path)
        if log is not None:
            log.close()


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check the file, and bring it to the current version; a file that is older is copied first."""
    version = version_of(connection, path)
    last = last_path(connection)
    if last is not None and last != path and _has_words_of(last, path):
        raise _words_elsewhere(path, last)
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise Unusable(faults.damaged(path))
    if 0 < version < VERSION:
        try:
            migrations.copy_before(connection, path)
        except OSError as error:
            raise Unusable(
                f"{path} cannot be copied before it is brought up to date ({error.strerror})."
                " Make room beside it, and get the right to write its folder."
            ) from None
    connection.execute("PRAGMA journal_mode = WAL")
    # Even with nothing to migrate, this finds out whether the file can be written.
    with transaction(connection):
        migrations.migrate(connection, version)
        mark_as_ours(connection)
    # The index is merged in pieces while it is written, and a room may wait for one. By default,
    # one has 64 pages of 4,050 bytes for each level, and comes twice as often.
    for setting, value in (("pgsz", 1000), ("automerge", 8)):
        connection.execute("INSERT INTO words (words, rank) VALUES (?, ?)", (setting, value))
    if last != path:
        _note_path(connection, path)
    tables = "history", "rooms", "messages", "batches", "words", "names", "letters", "bans", "hooks"
    for table in tables:
        # A table that is missing is found now, and not when somebody says something.
        connection.execute(f"EXPLAIN SELECT * FROM {table}").fetchall()
    if 0 < version < migrations.VERSION_WITH_PLACES:
        # Older versions did not overwrite what they deleted, so words may stand in free pages that
        # could not be erased any more. Without room on the disk for this, the chat goes on.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("VACUUM")


# A file may have several names, in several folders. SQLite's log belongs to the one by which the
# file was opened last. If a server with another name wrote into the file while words are in that
# log, these words or the new ones would be lost. So the file says what that name was.


def last_path(connection: sqlite3.Connection) -> Path | None:
    """Return the path by which a server opened the file last; None if the file does not say."""
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
        rows = connection.execute("SELECT CAST(path AS BLOB) FROM opened").fetchall()
        return Path(os.fsdecode(rows[0][0])) if rows else None
    return None


def _has_words_of(other: Path, path: Path) -> bool:
    """Return whether `other` is another name of the file, and something is in the log there."""
    with contextlib.suppress(OSError, ValueError):
        return id_of(other) == id_of(path) and os.stat(beside(other)[0]).st_size > 0
    return False


def _note_path(connection: sqlite3.Connection, path: Path) -> None:
    """Write into the file, and not only into the log, by which path it is opened."""
    with transaction(connection):
        connection.execute("CREATE TABLE IF NOT EXISTS opened (path BLOB NOT NULL)")
        connection.execute("DELETE FROM opened")
        connection.execute("INSERT INTO opened VALUES (?)", (os.fsencode(path),))
    connection.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchall()


def mark_as_ours(connection: sqlite3.Connection) -> None:
    """Write into the file that it is one of threadchat's. This is a write even if it says so."""
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all changes made inside the block, or none if it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # Some errors have undone the transaction already. The first error is the one to raise.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
