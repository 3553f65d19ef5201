"""Opening the files of histories."""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from threadchat.storage import database
from threadchat.storage.database import connect
from threadchat.storage.faults import Unusable


def test_a_connection_to_what_is_no_database_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[sqlite3.Connection] = []
    really_connect = sqlite3.connect

    def note(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made.append(really_connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", note)
    (tmp_path / "chat.db").write_bytes(b"no database" * 500)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect(tmp_path / "chat.db", 1.0)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        made[0].execute("SELECT 1")


def test_what_is_deleted_is_overwritten_and_no_commit_waits_for_the_disk(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "chat.db", 1.5)) as connection:
        for setting, value in (
            ("secure_delete", 1),
            ("synchronous", 1),  # NORMAL: in WAL mode only checkpoints wait
            ("wal_autocheckpoint", 0),
            ("busy_timeout", 1500),
        ):
            assert connection.execute(f"PRAGMA {setting}").fetchone() == (value,), setting


def test_a_file_that_cannot_be_made_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(database, "Ownership", fails)
    with pytest.raises(Unusable, match="That disk can only be read: name a file elsewhere") as told:
        database.own(tmp_path / "chat.db")
    assert "\n" not in str(told.value)
