"""Test that a file of each older version is copied and brought to the current version."""

import hashlib
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.files import never, take_back, write_old_history
from threadchat.messages.kinds import Emote, Say
from threadchat.messages.places import Place
from threadchat.storage import migrations
from threadchat.storage.faults import Unusable
from threadchat.storage.migrations import VERSION
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory

OLDER = pytest.mark.parametrize("version", range(1, VERSION))


@pytest.fixture
def copy(path: Path) -> Path:
    return path.with_name(f"chat.db.before-{VERSION}")


def version_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version)


@pytest.mark.parametrize("version", range(1, migrations.VERSION_WITH_PLACES))
def test_lines_get_places_in_their_order(path: Path, version: int) -> None:
    write_old_history(path, version)
    with closing(sqlite3.connect(path)) as old:
        old.execute("INSERT INTO rooms VALUES (2, 'den', 'Den')")
        old.execute("INSERT INTO messages VALUES (9, 2, 3.0, 'say', 'bo', 'psst')")
        old.execute("INSERT INTO messages VALUES (10, 1, 4.0, 'say', 'bo', 'more')")
        old.commit()
    epochs = set()
    for _ in range(2):
        with closing(StoredHistory(path, never)) as history, closing(Records(path)) as records:
            epoch, last = history.last_place("lobby")
            epochs.add(epoch)
            assert last == 3
            assert [(it.seq, it.line) for it in history.recent("lobby", 9)] == [
                (1, "al: die Straße"),
                (2, "* al waves"),
                (3, "bo: more"),
            ]
            assert history.last_place("den").seq == 1
            assert history.since("lobby", Place(epoch, 1), 9) == [
                Emote("al", "waves", 2.0),
                Say("bo", "more", 4.0),
            ]
            assert records.bans() == []
    assert len(epochs) == 1


@OLDER
def test_a_line_from_before_can_be_taken_back(path: Path, version: int) -> None:
    write_old_history(path, version)
    with closing(StoredHistory(path, never)) as history:
        assert history.search("straße", 9) != []
        assert take_back(history, "lobby", 1) is not None
        assert history.search("straße", 9) == []
        assert history.recent("lobby", 9) == [Emote("al", "waves", 2.0)]
    assert "Straße".encode() not in path.read_bytes()
    assert b"strasse" not in path.read_bytes()


def test_letters_from_before_have_no_known_writer(path: Path) -> None:
    write_old_history(path, 4)
    with closing(sqlite3.connect(path)) as old:
        old.execute("INSERT INTO names VALUES ('bo', 'bo', 'bo', x'00', 1.0)")
        old.execute("INSERT INTO letters VALUES (1, 'bo', 'al', 'hi', 2.0)")
        old.commit()
    with closing(StoredHistory(path, never)), closing(Records(path)) as records:
        (kept,) = records.waiting("bo")
        assert (kept.message.sender, kept.message.text, kept.writer) == ("al", "hi", None)


@OLDER
def test_the_file_is_copied_before(path: Path, copy: Path, version: int) -> None:
    write_old_history(path, version)
    path.chmod(0o644)
    with closing(sqlite3.connect(path)) as old:
        before = list(old.iterdump()) if version == 1 else None
    with closing(StoredHistory(path, never)):
        pass
    assert version_in(path) == VERSION
    assert version_in(copy) == version
    assert {file.name for file in path.parent.iterdir()} == {
        "chat.db",
        f"chat.db.before-{VERSION}",
    }
    if os.name == "posix":
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    with closing(sqlite3.connect(copy)) as old:
        texts = old.execute("SELECT text FROM messages ORDER BY id").fetchall()
        assert texts == [("die Straße",), ("waves",)]
        assert before is None or list(old.iterdump()) == before


def test_the_copy_has_what_the_file_had_in_its_log(path: Path, copy: Path) -> None:
    write_old_history(path, 3)
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.execute("INSERT INTO messages VALUES (9, 1, 3.0, 'say', 'al', 'last words')")
        old.commit()
        path.with_name("killed.db").write_bytes(path.read_bytes())
        path.with_name("killed.db-wal").write_bytes(path.with_name("chat.db-wal").read_bytes())
    killed = path.with_name("killed.db")
    with closing(StoredHistory(killed, never)) as history:
        assert history.last_place("lobby").seq == 3
    with closing(sqlite3.connect(killed.with_name(f"killed.db.before-{VERSION}"))) as old:
        assert old.execute("SELECT text FROM messages WHERE id = 9").fetchone() == ("last words",)


def test_a_copy_that_is_there_is_never_overwritten(path: Path, copy: Path) -> None:
    write_old_history(path, 1)
    copy.write_text("from before")
    with closing(StoredHistory(path, never)):
        pass
    assert copy.read_text() == "from before"
    assert version_in(path) == VERSION


def test_what_is_left_of_an_unfinished_copy_is_in_nobodys_way(path: Path, copy: Path) -> None:
    write_old_history(path, 1)
    unfinished = copy.with_name(f"{copy.name}-unfinished")
    unfinished.write_text("half")
    with closing(StoredHistory(path, never)):
        pass
    assert version_in(copy) == 1
    assert not unfinished.exists()


def test_without_a_copy_nothing_is_changed(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write_old_history(path, 1)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(Unusable, match=r"cannot be copied before .*No space left on device"):
        StoredHistory(path, never)
    assert version_in(path) == 1
    assert {file.name for file in path.parent.iterdir()} == {"chat.db"}


@pytest.mark.parametrize("version", [0, VERSION])
def test_a_file_that_needs_no_migration_is_not_copied(path: Path, copy: Path, version: int) -> None:
    for _ in range(2 if version else 1):
        with closing(StoredHistory(path, never)):
            pass
    assert not copy.exists()


def test_entries_that_were_released_are_not_changed() -> None:
    # The files that these made are out there.
    released = repr(migrations.MIGRATIONS[:3]).encode()
    assert hashlib.sha256(released).hexdigest() == (
        "8f6b7309622aef06ce635f5c1a4f072ef5b9a64e8e5f0a9906314d703462b534"
    )
