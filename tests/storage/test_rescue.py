"""Test that a history goes on, and nothing is lost, when its file is removed, moved or replaced."""

import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.files import never, take_back
from tests.support.waiting import wait_until
from threadchat.messages.kinds import Private, Say
from threadchat.messages.places import Place
from threadchat.storage import copying, historyfile, keeper
from threadchat.storage import records as records_module
from threadchat.storage.faults import Unusable
from threadchat.storage.keeper import Keeper
from threadchat.storage.records import Records, RecordsFailed
from threadchat.storage.sqlitehistory import StoredHistory

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a file in use cannot be removed")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (folder := tmp_path / "folder").mkdir()
    return folder / "chat.db"


@pytest.fixture
def kept(path: Path) -> Path:
    return path.with_name("chat.db.kept-1")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def history(
    path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[StoredHistory]:
    """A history that looks after its file only when it is told to."""
    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "start", lambda _: True)
        history = StoredHistory(path, told.append)
    with closing(history):
        talk(history, 0, 3)
        yield history


def talk(history: StoredHistory, start: int, end: int) -> None:
    for number in range(start, end):
        history.append("lobby", [Say("al", f"number {number}", float(number))])


def texts(history: StoredHistory) -> list[str]:
    return [it.text for it in history.recent("lobby", 10_000)]


def numbers(start: int, end: int) -> list[str]:
    return [f"number {number}" for number in range(start, end)]


def texts_in(path: Path) -> list[str]:
    with closing(StoredHistory(path, never)) as history:
        return texts(history)


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_one_that_is_removed(
    history: StoredHistory, path: Path, kept: Path, told: list[str]
) -> None:
    path.unlink()
    talk(history, 3, 5)
    history.look()
    talk(history, 5, 7)
    assert told == [
        f"{path} was removed or moved: all that was said is in {kept}, and goes on there. Start the"
        " server with that file next time"
    ]
    assert texts(history) == numbers(0, 7)
    assert [hit.message.text for hit in history.search("number", 9)] == numbers(0, 7)[::-1]
    assert names_in(path.parent) == {kept.name, f"{kept.name}-wal", f"{kept.name}-shm"}
    history.look()
    history.close()
    assert len(told) == 1
    assert texts_in(kept) == numbers(0, 7)


def test_one_that_is_moved_is_whole_where_it_is(
    history: StoredHistory, path: Path, kept: Path
) -> None:
    path.rename(moved := path.with_name("moved.db"))
    talk(history, 3, 5)
    history.look()
    talk(history, 5, 7)
    history.close()
    assert names_in(path.parent) == {kept.name, moved.name}
    assert texts_in(kept) == numbers(0, 7)
    assert texts_in(moved) == numbers(0, 5)


def test_one_in_whose_place_another_is_put(
    history: StoredHistory, path: Path, kept: Path, told: list[str]
) -> None:
    other = path.with_name("other.db")
    with closing(StoredHistory(other, never)) as another:
        another.append("lobby", [Say("bo", "of another day", 1.0)])
    before = other.read_bytes()
    os.replace(other, path)
    with pytest.raises(Unusable, match=r"chat\.db-wal is in use by another"):
        StoredHistory(path, never)
    assert path.read_bytes() == before
    talk(history, 3, 5)
    take_back(history, "lobby", 1)  # which is to be erased from the file, too
    history.look()
    wait_until(lambda: history._eraser._thread is None, "all is erased")
    talk(history, 5, 7)
    assert path.read_bytes() == before
    assert not path.with_name("chat.db-wal").exists()
    assert texts_in(path) == ["of another day"]
    history.close()
    assert texts_in(kept) == numbers(1, 7)
    assert told[0].startswith(f"{path} is another file now: all that was said is in {kept}, and")


def test_one_whose_folder_is_removed(
    history: StoredHistory, path: Path, told: list[str], tmp_path: Path
) -> None:
    shutil.rmtree(path.parent)
    history.look()
    talk(history, 3, 5)
    history.close()
    assert len(told) == 1
    assert texts_in(tmp_path / "chat.db.kept-1") == numbers(0, 5)


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_one_whose_log_is_removed(
    history: StoredHistory, path: Path, kept: Path, told: list[str], ending: str
) -> None:
    (log := path.with_name(f"{path.name}{ending}")).unlink()
    talk(history, 3, 5)
    history.look()
    assert told == [
        f"{log} was removed, moved or replaced: all that was said is in {kept}, and goes on there."
        " Start the server with that file next time"
    ]
    talk(history, 5, 7)
    assert texts_in(path) == numbers(0, 5)
    history.close()
    assert texts_in(kept) == numbers(0, 7)


def test_one_that_is_noticed_only_at_the_stop(
    history: StoredHistory, path: Path, kept: Path, told: list[str]
) -> None:
    path.unlink()
    history.close()
    assert texts_in(kept) == numbers(0, 3)
    assert len(told) == 1


def test_twice_in_a_row(history: StoredHistory, path: Path, kept: Path) -> None:
    for number in (1, 2):
        history._file.path.unlink()
        history.look()
        talk(history, 2 + number, 3 + number)
    history.close()
    assert texts_in(path.with_name("chat.db.kept-1.kept-1")) == numbers(0, 5)


def test_what_is_there_already_is_not_overwritten(
    history: StoredHistory, path: Path, kept: Path
) -> None:
    kept.write_text("something else")
    path.unlink()
    history.look()
    history.close()
    assert kept.read_text() == "something else"
    assert texts_in(path.with_name("chat.db.kept-2")) == numbers(0, 3)


def test_names_mail_and_bans_go_with_it(history: StoredHistory, path: Path, kept: Path) -> None:
    with closing(Records(path)) as records:
        records.protect("bo", b"kept")
        path.unlink()
        records.ban("cy", "op")
        history.look()
        records.protect("ed", b"kept")
        records.keep(Private("al", "bo", "hi"))
    history.close()
    with closing(StoredHistory(kept, never)), closing(Records(kept)) as again:
        assert again.protected("bo") is not None
        assert again.protected("ed") is not None
        assert [it.message.text for it in again.waiting("bo")] == ["hi"]
        assert len(again.bans()) == 1


def test_records_that_are_closed_stay_so(history: StoredHistory, path: Path, kept: Path) -> None:
    records = Records(path)
    records.close()
    path.unlink()
    history.look()
    talk(history, 3, 4)
    with pytest.raises(RecordsFailed):
        records.protect("bo", b"kept")
    history.close()
    with closing(Records(kept)) as anew:
        assert anew.all_protected() == []


def test_what_people_have_seen_keeps_its_place(
    history: StoredHistory, path: Path, kept: Path
) -> None:
    seen = history.last_place("lobby")
    path.rename(moved := path.with_name("moved.db"))
    history.look()
    talk(history, 3, 5)
    missed = history.since("lobby", seen, 9)
    assert missed is not None
    assert [it.line for it in missed] == ["al: number 3", "al: number 4"]
    assert history.take_back("lobby", Place(seen.epoch, 1)) is not None
    history.close()
    # In the file that was moved, other lines may get the same numbers.
    with closing(StoredHistory(moved, never)) as old, closing(StoredHistory(kept, never)) as new:
        assert old.last_place("lobby").epoch == seen.epoch
        assert new.last_place("lobby").epoch != seen.epoch


def test_nothing_is_lost_while_people_talk(
    history: StoredHistory,
    path: Path,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history.append("lobby", [Say("al", "x" * 4_000_000, 1.0)])
    monkeypatch.setattr(copying, "_PAGES_AT_ONCE", 16)
    is_over = threading.Event()
    said: list[str] = []

    def go_on() -> None:
        while not is_over.is_set():
            said.append(f"more {len(said)}")
            history.append("den", [Say("al", said[-1], 1.0)])

    speaker = threading.Thread(target=go_on)
    speaker.start()
    try:
        wait_until(lambda: len(said) > 5, "somebody talks")
        path.unlink()
        before = len(said)
        history.look()
        during = len(said)
        wait_until(lambda: len(said) > during + 5, "and goes on")
    finally:
        is_over.set()
        speaker.join()
    assert during > before  # nobody had to wait until all was copied
    history.close()
    with closing(StoredHistory(kept, never)) as again:
        assert [it.text for it in again.recent("den", 100_000)] == said


def test_where_nothing_can_be_copied_it_is_told_once_and_tried_again(
    history: StoredHistory,
    path: Path,
    kept: Path,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(copying, "copy", fail)
        for _ in range(3):
            history.look()
            history.state.rescue_at = 0.1
    assert len(told) == 1
    assert "was removed or moved, and what was said will be lost:" in told[0]
    assert "No space left on device" in told[0]
    talk(history, 3, 5)
    assert texts(history) == numbers(0, 5)
    history.look()
    history.close()
    assert f"all that was said is in {kept}" in told[1]
    assert texts_in(kept) == numbers(0, 5)


def test_a_file_that_cannot_be_looked_at_is_not_gone(
    history: StoredHistory, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(historyfile, "id_of", refuse)
        history.look()
    assert told == []


def test_the_thread_of_a_history_notices(
    path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "INTERVAL", 0.01)
    was_told = threading.Event()
    with closing(StoredHistory(path, lambda _: was_told.set())) as history:
        talk(history, 0, 3)
        path.unlink()
        assert was_told.wait(10)
    assert texts_in(kept) == numbers(0, 3)


def test_looking_does_not_release_the_locks_of_sqlite(history: StoredHistory, path: Path) -> None:
    opened: list[object] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "open", lambda *arguments, **_: opened.append(arguments))
        history.look()
    assert opened == []
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM messages").fetchone() == (3,)


def test_where_the_records_cannot_follow_nothing_goes_on_there(
    history: StoredHistory,
    path: Path,
    kept: Path,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: Path) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    with closing(Records(path)) as records:
        records.protect("bo", b"kept")
        path.unlink()
        with monkeypatch.context() as patched:
            patched.setattr(records_module, "connect", fail)
            history.look()
        assert "what was said will be lost: unable to open database file" in told[0]
        assert kept.name not in names_in(path.parent)
        assert history._path == records._path == path
        records.protect("cy", b"kept")  # they still have the old one
        talk(history, 3, 5)
        history.state.rescue_at = 0.1
        history.look()
        records.protect("di", b"kept")
    history.close()
    assert texts_in(kept) == numbers(0, 5)
    with closing(StoredHistory(kept, never)), closing(Records(kept)) as again:
        assert [it.name for it in again.all_protected()] == ["bo", "cy", "di"]


def test_records_that_follow_close_the_old_file(history: StoredHistory, path: Path) -> None:
    with closing(Records(path)) as records:
        before = records._connection
        path.unlink()
        history.look()
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            before.execute("SELECT 1")
