"""Test that what is wrong with a file is said in words that name the right way out."""

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.files import never
from threadchat.storage import faults, migrations
from threadchat.storage.faults import Unusable
from threadchat.storage.migrations import VERSION
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory


def refused(path: str | Path) -> str:
    with pytest.raises(Unusable) as caught:
        StoredHistory(path, never)
    words = str(caught.value)
    assert "\n" not in words
    assert words.endswith(".")
    return words


def error_of(connection: sqlite3.Connection, statement: str) -> sqlite3.Error:
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(statement)
    return caught.value


def test_a_missing_full_text_search_is_not_the_fault_of_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = [
        tuple(statement.replace("fts5", "no_such_thing") for statement in statements)
        for statements in migrations.MIGRATIONS
    ]
    monkeypatch.setattr(migrations, "MIGRATIONS", without)
    words = refused(path)
    assert "has no full-text search (FTS5)" in words
    assert "Use another Python, or leave --history out." in words
    assert "another file" not in words


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE history",
        "DELETE FROM history",
        "UPDATE history SET epoch = ''",
        "DROP TABLE messages",
        "DROP TABLE rooms",
        "ALTER TABLE rooms RENAME COLUMN fold TO other",
        "DROP TABLE words",
        "DROP TABLE letters",
    ],
)
def test_a_file_that_lacks_something_is_damaged(path: Path, change: str) -> None:
    with closing(StoredHistory(path, never)):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(change)
    assert refused(path) == (
        f"{path} is damaged. Move it away to start anew; 'sqlite3 FILE .recover' may get back what"
        " it holds."
    )


@pytest.mark.parametrize("table", ["names", "bans"])
def test_so_are_records_that_lack_something(path: Path, table: str) -> None:
    with closing(StoredHistory(path, never)):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute(f"DROP TABLE {table}")
        with pytest.raises(Unusable, match="is damaged"):
            Records(path)


@pytest.mark.skipif(os.name != "posix", reason="needs the files of POSIX")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to itself"])
def test_what_is_no_file(path: Path, kind: str) -> None:
    match kind:
        case "pipe":
            os.mkfifo(path)
            assert "is a device or a pipe. Name a file" in refused(path)
        case "device":
            assert "is a device or a pipe. Name a file" in refused("/dev/null")
        case "folder":
            path.mkdir()
            assert "is a folder. Name a file in it" in refused(path)
        case "link to itself":
            path.symlink_to(path)
            assert refused(path).endswith("Name another file.")


def test_a_folder_that_is_a_file(path: Path) -> None:
    path.write_text("x")
    for under in (path / "chat.db", path / "folder" / "chat.db"):
        assert refused(under) == f"{path} is a file, not a folder. Name a file in a folder."


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    for letters in (300, 252):
        assert refused(tmp_path / ("x" * letters)).endswith("Give it a shorter name.")


@pytest.mark.parametrize(
    ("number", "way_out"),
    [
        (errno.EACCES, "Get the right to write it and its folder, or name another file."),
        (errno.EROFS, "That disk can only be read: name a file elsewhere."),
        (errno.ENOSPC, "Make room on that disk, or name a file elsewhere."),
        (errno.EMFILE, "Let the server open more files (ulimit -n)."),
    ],
)
def test_a_file_that_cannot_be_made(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, way_out: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    assert refused(path) == f"{path} cannot be written ({os.strerror(number)}). {way_out}"


def test_a_file_that_sqlite_cannot_open_for_want_of_descriptors(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.mkdir()
    with pytest.raises(sqlite3.Error) as caught:
        sqlite3.connect(path)
    assert "(ulimit -n)" not in faults.why_unusable(path, caught.value)

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", refuse)
    for only_reads in (True, False):
        line = faults.why_unusable(path, caught.value, only_reads=only_reads)
        assert line.endswith("(Too many open files). Let the server open more files (ulimit -n).")


def test_a_disk_that_is_nearly_full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    assert "the disk with" in faults.why_unusable(path, error)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 4096))
    assert "there is no room on the disk" in faults.why_unusable(path, error)


@pytest.mark.parametrize(("limit", "is_told"), [(100_000, True), (10**9, False), (None, False)])
def test_a_file_that_may_not_grow(
    path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None, is_told: bool
) -> None:
    monkeypatch.setattr(faults, "limit_of_size", lambda: limit)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_WRITE"
    for line in (faults.why_unusable(path, error), faults.what_to_see_to(path, error)):
        assert ("(ulimit -f)" in line) is is_told


def test_errors_of_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as full:
        full.execute("CREATE TABLE t (x)")
        full.execute("PRAGMA max_page_count = 2")
        error = error_of(full, "INSERT INTO t VALUES (zeroblob(100000))")
        assert faults.why_unusable(path, error) == (
            f"there is no room on the disk for {path}. Make room, or name a file elsewhere."
        )
        full.execute("PRAGMA query_only = ON")
        error = error_of(full, "DROP TABLE t")
        assert "cannot be written" in faults.why_unusable(path, error)
        assert "cannot be read" in faults.why_unusable(path, error, only_reads=True)


def test_a_file_of_no_version_of_ours_is_no_history(path: Path) -> None:
    with closing(StoredHistory(path, never)):
        pass
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert "newer threadchat" in refused(path)


@pytest.mark.parametrize(
    ("name", "is_busy", "is_too_short"),
    [
        ("SQLITE_BUSY", True, False),
        ("SQLITE_BUSY_SNAPSHOT", True, False),
        ("SQLITE_IOERR_SHORT_READ", False, True),
        ("SQLITE_IOERR_READ", False, False),
        ("", False, False),
    ],
)
def test_what_an_error_says_goes_by_its_name(name: str, is_busy: bool, is_too_short: bool) -> None:
    error = sqlite3.OperationalError("whatever")
    if name:
        error.sqlite_errorname = name
    assert faults.is_busy(error) is is_busy
    assert faults.is_too_short(error) is is_too_short


@pytest.mark.parametrize(("more", "is_told"), [(0, False), (-1, True)])
def test_a_file_that_may_just_grow_is_not_told_of(
    path: Path, more: int, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"x" * 1000)
    monkeypatch.setattr(faults, "limit_of_size", lambda: 1000 + faults._ROOM + more)
    assert (faults._limit_reached(path) is not None) is is_told
