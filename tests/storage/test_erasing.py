"""Test that what was taken back or forgotten cannot be found among the bytes of the file."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.files import index_all, never, take_back
from tests.support.waiting import Section, enter_one_by_one, wait_until
from threadchat.messages.kinds import Say, Spoken
from threadchat.storage import database, erasing
from threadchat.storage.erasing import Eraser
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import DEADLINE

SECRET = "xylophonequagga"


@pytest.fixture
def history(path: Path) -> Iterator[StoredHistory]:
    with closing(StoredHistory(path, never)) as history:
        yield history


def bytes_of(path: Path) -> bytes:
    files = [path, path.with_name(f"{path.name}-wal")]
    return b"".join(file.read_bytes() for file in files if file.exists())


def is_found(path: Path) -> bool:
    data = bytes_of(path).lower()
    # The index keeps a word less the letters that it has in common with the one before.
    return SECRET.encode() in data or SECRET[4:].encode() in data


def has_erased(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        (left,) = connection.execute("SELECT to_erase FROM history").fetchone()
        return not left


def talk(history: StoredHistory, room: str, number: int, start: int = 0) -> None:
    """Say something, in many batches, so that the index has several parts."""
    for at in range(start, start + number, 10):
        batch: list[Spoken] = [
            Say("al", f"word{at * 7919 % 1000} thing{n * 104729 % 997}", float(n))
            for n in range(at, at + 10)
        ]
        history.append(room, batch)
        index_all(history)


@pytest.mark.parametrize("kind", ["in", "behind", "long"])
def test_a_line_that_was_taken_back_is_nowhere(
    path: Path, history: StoredHistory, kind: str
) -> None:
    talk(history, "lobby", 300)
    text = f"this is {SECRET} {'x' * 9000 if kind == 'long' else ''}"
    history.append("lobby", [secret := Say("al", text, 1000.0)])
    if kind != "behind":
        talk(history, "lobby", 1500, 300)
    assert is_found(path)
    assert take_back(history, "lobby", secret.seq) is not None
    wait_until(lambda: has_erased(path), "it is erased")
    assert not is_found(path)
    assert b"x" * 4000 not in bytes_of(path)
    assert history.search(SECRET, 9) == []
    assert len(history.search("thing0", 99)) > 0


def test_what_was_forgotten_is_nowhere(path: Path, history: StoredHistory) -> None:
    history.append("lobby", [Say("al", f"{n} {SECRET}", float(n)) for n in range(300)])
    talk(history, "lobby", 500, 1000)
    history.forget(1000.0)
    wait_until(lambda: has_erased(path), "it is erased")
    assert not is_found(path)
    assert len(history.recent("lobby", 999)) == 500


def test_the_index_is_sound_behind_it(path: Path, history: StoredHistory) -> None:
    talk(history, "lobby", 500)
    for seq in range(1, 500, 7):
        take_back(history, "lobby", seq)
    wait_until(lambda: has_erased(path), "it is erased")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = {
        hit.message.seq for number in range(1000) for hit in history.search(f"word{number}", 999)
    }
    assert found == {it.seq for it in history.recent("lobby", 999)}


def test_it_is_done_at_the_next_start_if_the_server_was_killed(path: Path) -> None:
    program = (
        "import os, sys\n"
        "from threadchat.messages.kinds import Say\n"
        "from threadchat.storage import historyfile, sqlitehistory\n"
        "historyfile.Eraser.start = lambda self: None\n"
        "history = sqlitehistory.StoredHistory(sys.argv[1], print)\n"
        "history.append('lobby', [Say('al', sys.argv[2], 1.0)])\n"
        "history.take_back('lobby', history.last_place('lobby'))\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path), SECRET], timeout=60)
    assert is_found(path)
    with closing(StoredHistory(path, never)):
        wait_until(lambda: has_erased(path), "it is erased")
        assert not is_found(path)


def test_somebody_that_reads_the_file_only_delays_it(
    path: Path, history: StoredHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    history._eraser._retry_seconds = 0.01
    history.append("lobby", [Say("al", SECRET, 1.0)])
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM messages").fetchall()
        take_back(history, "lobby", 1)
        history.append("lobby", [Say("al", "on we go", 1.0)])
        assert not has_erased(path)
        reader.execute("COMMIT")
    wait_until(lambda: has_erased(path), "it is erased")
    assert not is_found(path)


def test_where_it_fails_the_operator_is_told_once_and_when_it_works_again(path: Path) -> None:
    told: list[str] = []
    with closing(StoredHistory(path, told.append)) as history:
        history._eraser._retry_seconds = 0.01
        history.append("lobby", [Say("al", SECRET, 1.0)])
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            with history._lock:
                history._eraser.start()  # nothing is to be erased
            wait_until(lambda: history._eraser._thread is None, "it has ended")
            history._connection.execute("UPDATE history SET to_erase = 1")
            other.execute("BEGIN IMMEDIATE")
            history._eraser.start()
            wait_until(lambda: len(told) == 1, "the operator is told")
            other.execute("COMMIT")
        wait_until(lambda: len(told) == 2, "the operator is told again")
    assert "cannot be erased from the history yet (database is locked)" in told[0]
    assert told[1] == "what was taken back or forgotten is erased from the history now"


def test_a_stop_makes_a_try_that_has_failed_again_at_once(path: Path) -> None:
    told: list[str] = []
    with closing(StoredHistory(path, told.append)) as history:
        history._eraser._retry_seconds = 60.0
        history.append("lobby", [Say("al", SECRET, 1.0)])
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            history._connection.execute("UPDATE history SET to_erase = 1")
            other.execute("BEGIN IMMEDIATE")
            history._eraser.start()
            wait_until(lambda: len(told) == 1, "the operator is told")
            other.execute("COMMIT")
    assert has_erased(path)


def test_a_stop_does_not_wait_for_a_file_that_fails(path: Path) -> None:
    tries: list[bool] = []
    has_failed = threading.Event()

    class Failing:
        def execute(self, _: str) -> None:
            tries.append(eraser._closing.is_set())
            if len(tries) > 99:
                raise AssertionError("it is tried again and again")
            raise sqlite3.OperationalError("disk I/O error")

    connection: Any = Failing()
    eraser = Eraser(connection, path, lambda _: has_failed.set(), retry_seconds=60.0)
    eraser.start()
    assert has_failed.wait(DEADLINE)
    eraser.close(0.0)
    eraser.start()
    assert eraser._thread is None
    assert not any(tries)


def test_out_of_threads_the_next_one_does_it(
    path: Path, history: StoredHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    history.append("lobby", [Say("al", SECRET, 1.0), Say("al", SECRET, 2.0)])
    monkeypatch.setattr(threading.Thread, "start", refuse)
    take_back(history, "lobby", 1)
    monkeypatch.undo()
    take_back(history, "lobby", 2)
    wait_until(lambda: has_erased(path), "it is erased")
    assert not is_found(path)


def test_a_room_waits_for_one_piece_at_most(
    path: Path, history: StoredHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []
    merge = erasing._merge

    def counted(connection: sqlite3.Connection, pages: int) -> int:
        pieces.append(pages)
        return merge(connection, pages)

    monkeypatch.setattr(erasing, "_merge", counted)
    monkeypatch.setattr(erasing, "_PAGES_AT_ONCE", 2)
    for start in range(0, 6000, 500):
        history.append("lobby", [Say("al", f"{n * 7919}", 1.0) for n in range(start, start + 500)])
        index_all(history)
    take_back(history, "lobby", 1)
    # Not by looking into the file: where somebody reads it just then, erasing begins anew.
    wait_until(lambda: history._eraser._thread is None, "it has ended")
    assert has_erased(path)
    assert pieces[0] == -2
    assert set(pieces[1:]) == {2}
    assert len(pieces) > 5


class SlowConnection:
    """A connection on which what begins with `slow` takes until another thread has come."""

    def __init__(self, section: Section, slow: str) -> None:
        self.total_changes = 0
        self.rowcount = 1
        self._section, self._slow = section, slow
        self._statement = ""

    def execute(self, statement: str, _: object = ()) -> "SlowConnection":
        self._statement = statement
        if statement.startswith(self._slow):
            self._section.visit()
        return self

    def fetchone(self) -> tuple[int, ...]:
        return (0, 5, 5) if "checkpoint" in self._statement else (1,)


@pytest.mark.parametrize("slow", ["INSERT INTO words", "PRAGMA wal_checkpoint (TRUNCATE)"])
def test_no_two_threads_write_at_once(
    path: Path, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = Section()
    monkeypatch.setattr(database, "WRITING", section)

    def erase() -> None:
        connection: Any = SlowConnection(section, slow)
        assert Eraser(connection, path, never)._erase(connection)

    enter_one_by_one(section, [erase, erase])
