"""Test that what was written gets from SQLite's log into the file, and that no room does it."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.files import never
from tests.support.waiting import Section, enter_one_by_one
from threadchat.messages.kinds import Say
from threadchat.storage import checkpoints, database, keeper
from threadchat.storage.checkpoints import Checkpointer
from threadchat.storage.sqlitehistory import StoredHistory


@pytest.fixture
def history(untended: StoredHistory) -> StoredHistory:
    """A history that makes no checkpoints by itself."""
    return untended


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def checkpointer(history: StoredHistory, path: Path, clock: Clock) -> Iterator[Checkpointer]:
    with closing(database.connect(path, 0.1)) as connection:
        checkpointer = Checkpointer(connection, path, never, clock)
        for _ in range(2):
            checkpointer.look()
        yield checkpointer


def talk(history: StoredHistory, batches: int = 1, text: str = "hi") -> None:
    for _ in range(batches):
        history.append("lobby", [Say("al", text, 1.0)])


def lines_in_file(path: Path) -> int:
    """Return how many lines a copy of the file has, made as `cp` makes it."""
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        (number,) = connection.execute("SELECT count(*) FROM messages").fetchone()
    return int(number)


def log_of(path: Path) -> Path:
    return path.with_name("chat.db-wal")


def test_no_room_ever_does_it(path: Path, history: StoredHistory) -> None:
    before = path.read_bytes()
    for _ in range(2):
        talk(history, 200, "x" * 100_000)
    assert log_of(path).stat().st_size > 8 * 4096 * 1000  # SQLite's own bound is 1000 pages
    assert path.read_bytes() == before


def test_what_was_written_is_in_the_file_when_it_is_quiet(
    path: Path, history: StoredHistory, checkpointer: Checkpointer
) -> None:
    talk(history, 3)
    checkpointer.look()
    assert lines_in_file(path) == 0
    checkpointer.look()
    assert lines_in_file(path) == 3


def test_and_in_a_bound_of_time_when_it_never_is(
    path: Path, history: StoredHistory, checkpointer: Checkpointer, clock: Clock
) -> None:
    looks = int(checkpoints.MAX_SECONDS / keeper.INTERVAL) + 1
    for _ in range(looks):
        talk(history)
        checkpointer.look()
        clock.now += keeper.INTERVAL
    assert lines_in_file(path) == looks


def test_the_log_stays_small_however_much_is_written(
    path: Path,
    history: StoredHistory,
    checkpointer: Checkpointer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoints, "LARGE_LOG", 100_000)
    monkeypatch.setattr(checkpoints, "MAX_PAGES", 100)
    sizes = []
    for _ in range(30):
        talk(history, 10, "x" * 5000)
        checkpointer.look()
        sizes.append(log_of(path).stat().st_size)
    assert max(sizes) == sizes[-1] < 2_000_000  # of 15 MB
    checkpointer.look()
    assert log_of(path).stat().st_size < 100_000
    assert lines_in_file(path) == 300


def test_while_somebody_reads_what_was_there_before_it_is_left_for_later(
    path: Path, history: StoredHistory
) -> None:
    modes: list[str] = []
    moved = 1000

    def move(_: sqlite3.Connection, mode: str) -> tuple[int, int, int]:
        modes.append(mode)
        return 0, 5000, moved

    checkpointer = Checkpointer(history._connection, path, never, checkpoint=move)
    assert not checkpointer._move_all(begins_anew=True, truncates=False)
    assert len(modes) == 2  # nothing more was moved by the second
    moved = 5000
    assert checkpointer._move_all(begins_anew=True, truncates=True)
    assert modes[2:] == ["PASSIVE", "TRUNCATE"]


def test_a_log_that_is_not_there_hinders_nothing(
    path: Path, history: StoredHistory, checkpointer: Checkpointer
) -> None:
    checkpointer._log = path.with_name("none")
    talk(history, 3)
    for _ in range(2):
        checkpointer.look()
    assert lines_in_file(path) == 3


def test_a_large_log_is_cut_only_when_nobody_writes(
    history: StoredHistory, checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LARGE_LOG", 1)
    monkeypatch.setattr(checkpoints, "MAX_PAGES", 1)
    statements: list[str] = []
    checkpointer._connection.set_trace_callback(statements.append)
    talk(history, 3)
    checkpointer.look()
    assert any("wal_checkpoint" in statement for statement in statements)
    assert not any("TRUNCATE" in statement for statement in statements)
    checkpointer.look()
    assert any("TRUNCATE" in statement for statement in statements)


def test_the_log_is_begun_anew_though_somebody_writes_faster_than_it_is_moved(
    path: Path,
    history: StoredHistory,
    checkpointer: Checkpointer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoints, "MAX_PAGES", 10)
    monkeypatch.setattr(checkpoints, "LARGE_LOG", 0)
    monkeypatch.setattr(checkpoints, "PAGES_WAITED_FOR", 1)
    move = Checkpointer._move

    def move_while_they_talk(self: Checkpointer) -> tuple[int, int]:
        talk(history, 1, "x" * 50_000)
        pages, left = move(self)
        talk(history, 1, "x" * 50_000)
        return pages + 10, left + 10

    monkeypatch.setattr(Checkpointer, "_move", move_while_they_talk)
    talk(history)
    before = log_of(path).read_bytes()[:32]
    checkpointer.look()
    assert log_of(path).read_bytes()[:32] != before


def test_rooms_go_on_while_it_is_moved(
    path: Path,
    history: StoredHistory,
    checkpointer: Checkpointer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    move = Checkpointer._move

    def move_while_they_talk(self: Checkpointer) -> tuple[int, int]:
        assert not database.WRITING.locked()
        left = move(self)
        talk(history)
        return left

    talk(history)
    checkpointer.look()
    monkeypatch.setattr(Checkpointer, "_move", move_while_they_talk)
    checkpointer.look()
    assert lines_in_file(path) == 2


def test_the_first_write_to_a_new_log_which_waits_for_the_disk_is_no_rooms(
    path: Path, history: StoredHistory, checkpointer: Checkpointer
) -> None:
    talk(history)
    for _ in range(2):
        checkpointer.look()
    before = log_of(path).read_bytes()
    talk(history)
    after = log_of(path).read_bytes()
    # The header has numbers that are other ones in each log (sqlite.org/fileformat2.html, 4.1).
    assert after[:32] == before[:32]
    assert after != before


def test_nothing_is_written_while_nothing_is_said(
    path: Path, history: StoredHistory, checkpointer: Checkpointer, clock: Clock
) -> None:
    talk(history)
    for _ in range(2):
        checkpointer.look()
    before = log_of(path).read_bytes()
    for _ in range(20):
        checkpointer.look()
        clock.now += keeper.INTERVAL
    assert log_of(path).read_bytes() == before


def test_somebody_that_reads_the_file_only_delays_it(
    path: Path, history: StoredHistory, checkpointer: Checkpointer
) -> None:
    talk(history)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM messages").fetchall()
        talk(history)
        for _ in range(3):
            checkpointer.look()
        assert lines_in_file(path) < 2
        reader.execute("COMMIT")
    checkpointer.look()
    assert lines_in_file(path) == 2


def test_a_program_that_has_the_file_locked_only_delays_it(
    path: Path, history: StoredHistory, checkpointer: Checkpointer
) -> None:
    talk(history)
    checkpointer.look()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        checkpointer.look()
        other.execute("ROLLBACK")
    checkpointer.look()
    assert lines_in_file(path) == 1


def test_it_does_not_wait_for_such_a_program_as_rooms_would_wait_too(
    history: StoredHistory,
) -> None:
    for connection in (history._file._checkpoints, history._file.eraser._connection):
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (0,)


def test_where_it_fails_the_operator_is_told_once_and_when_it_works_again(
    path: Path, history: StoredHistory
) -> None:
    told: list[str] = []
    with closing(database.connect(path, 0.1)) as connection:
        checkpointer = Checkpointer(connection, path, told.append)
        connection.execute("PRAGMA query_only = ON")
        talk(history)
        for _ in range(3):
            checkpointer.look()
        assert len(told) == 1
        assert "chat.db-wal) cannot be moved into its file (attempt to write a readonly" in told[0]
        connection.execute("PRAGMA query_only = OFF")
        for _ in range(2):
            checkpointer.look()
    assert told[1:] == ["the history's log is moved into its file again"]


def test_out_of_threads_the_rooms_do_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with closing(StoredHistory(path, never)) as history:
        pages = history._connection.execute("PRAGMA wal_autocheckpoint").fetchone()
        assert pages == (checkpoints.MAX_PAGES,)


def test_the_thread_of_a_history_does_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()
    look = Checkpointer._look

    def noted(self: Checkpointer) -> None:
        look(self)
        looked.set()

    monkeypatch.setattr(Checkpointer, "_look", noted)
    monkeypatch.setattr(keeper, "INTERVAL", 0.01)
    with closing(StoredHistory(path, never)) as history:
        talk(history)
        assert looked.wait(10)


def test_nobody_writes_while_the_log_begins_anew(
    history: StoredHistory, checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = Section()
    monkeypatch.setattr(database, "WRITING", section)
    begin_anew = Checkpointer._begin_anew

    def begin_slowly(self: Checkpointer, truncates: bool) -> bool:
        section.visit()
        return begin_anew(self, truncates)

    def write() -> None:
        with database.WRITING:
            section.visit()

    monkeypatch.setattr(Checkpointer, "_begin_anew", begin_slowly)
    talk(history)
    checkpointer.look()
    enter_one_by_one(section, [checkpointer.look, write])
