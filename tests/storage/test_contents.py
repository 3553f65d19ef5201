"""Test that a history notices when its file is overwritten in place, goes on, and leaves it be."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.files import never, take_back
from tests.support.waiting import wait_until
from threadchat.messages.kinds import Private, Say
from threadchat.storage import (
    contents,
    copying,
    database,
    historyfile,
    keeper,
    latest,
    ownership,
    rescue,
)
from threadchat.storage.contents import CANNOT_NOW
from threadchat.storage.historyfile import HistoryFile
from threadchat.storage.keeper import Keeper
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import DEADLINE


@pytest.fixture
def kept(path: Path) -> Path:
    return path.with_name("chat.db.kept-1")


@pytest.fixture
def told() -> list[str]:
    return []


def opened(path: Path, warn: Callable[[str], None]) -> StoredHistory:
    """Return a history that looks after its file only when it is told to."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Keeper, "start", lambda _: True)
        return StoredHistory(path, warn)


@pytest.fixture
def history(path: Path, told: list[str]) -> Iterator[StoredHistory]:
    with closing(opened(path, told.append)) as history:
        talk(history, 0, 3)
        look(history)
        yield history


def look(history: StoredHistory) -> None:
    """Let the history look after its file until that has everything."""
    for _ in range(3):
        history.look()


def talk(history: StoredHistory, start: int, end: int, room: str = "lobby") -> None:
    for number in range(start, end):
        history.append(room, [Say("al", f"number {number}", float(number))])


def texts(history: StoredHistory, room: str = "lobby") -> list[str]:
    return [it.text for it in history.recent(room, 100_000)]


def texts_in(path: Path, room: str = "lobby") -> list[str]:
    with closing(StoredHistory(path, never)) as history:
        return texts(history, room)


def numbers(start: int, end: int) -> list[str]:
    return [f"number {number}" for number in range(start, end)]


def other_history(folder: Path, lines: int = 50) -> Path:
    """Make another history, which nobody has open."""
    other = folder / "other.db"
    with closing(StoredHistory(other, never)) as another:
        for number in range(lines):
            another.append("lobby", [Say("bo", f"of another day {number}", 1.0)])
    return other


def overwrite(path: Path, data: bytes, offset: int | None = None) -> None:
    """Write into the file that is there, all of it or from `offset` on."""
    with open(path, "wb" if offset is None else "r+b") as file:
        file.seek(offset or 0)
        file.write(data)


def copy_another(path: Path) -> None:
    overwrite(path, other_history(path.parent).read_bytes())


def copy_an_earlier_one(path: Path) -> None:
    overwrite(path, path.with_name("earlier.db").read_bytes())


def copy_a_backup(path: Path) -> None:
    backup = path.with_name("backup.db")
    with closing(sqlite3.connect(path)) as connection:
        copying.copy(connection, backup)
    overwrite(path, backup.read_bytes())


def copy_the_begin_of_another(path: Path) -> None:
    overwrite(path, other_history(path.parent).read_bytes()[: 6 * 4096], 0)


WAYS: dict[str, Callable[[Path], None]] = {
    "another history": copy_another,
    "an earlier copy": copy_an_earlier_one,
    "a backup": copy_a_backup,
    "the begin of another": copy_the_begin_of_another,
    "emptied": lambda path: overwrite(path, b""),
    "truncated": lambda path: os.truncate(path, 4096),
    "no database": lambda path: overwrite(path, b"something else\n" * 5000),
    "a page": lambda path: overwrite(path, b"\xa5" * 4096, 2 * 4096),
    "zeros": lambda path: overwrite(path, bytes(8 * 4096), 2 * 4096),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_quiet", [True, False], ids=["quiet", "busy"])
def test_it_goes_on_elsewhere(
    history: StoredHistory, path: Path, kept: Path, told: list[str], way: str, is_quiet: bool
) -> None:
    shutil.copyfile(path, path.with_name("earlier.db"))
    history.set_topic("lobby", "tea")
    talk(history, 3, 4)
    look(history)
    talk(history, 4, 5)
    if is_quiet:
        look(history)
    WAYS[way](path)
    put_there = path.read_bytes()
    talk(history, 5, 7)
    look(history)
    assert told == [
        f"{path} was overwritten by another program: the history goes on in {kept}, with topics,"
        f" bans, protected names, mail, hooks and all that was said. {path} is left as it is now."
        " Start the server with that file next time"
    ]
    talk(history, 7, 9)
    look(history)
    assert texts(history) == numbers(0, 9)
    assert [hit.message.text for hit in history.search("number", 20)] == numbers(0, 9)[::-1]
    history.close()
    assert len(told) == 1
    assert path.read_bytes() == put_there
    assert not [it for it in database.beside(path) if it.exists()]
    assert texts_in(kept) == numbers(0, 9)
    with closing(StoredHistory(kept, never)) as again:
        assert again.topic("lobby") == "tea"


@pytest.mark.parametrize("way", WAYS)
def test_it_is_noticed_only_at_the_stop(
    history: StoredHistory, path: Path, kept: Path, told: list[str], way: str
) -> None:
    shutil.copyfile(path, path.with_name("earlier.db"))
    talk(history, 3, 4)
    look(history)
    talk(history, 4, 5)
    WAYS[way](path)
    put_there = path.read_bytes()
    history.close()
    assert path.read_bytes() == put_there
    assert not [it for it in database.beside(path) if it.exists()]
    assert texts_in(kept) == numbers(0, 5)
    assert len(told) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no such programs")
@pytest.mark.parametrize(
    "command",
    [
        "cp other.db chat.db",
        "cat other.db > chat.db",
        ": > chat.db",
        "truncate -s 0 chat.db",
        "dd if=other.db of=chat.db conv=notrunc",
        "dd if=/dev/zero of=chat.db bs=4096 seek=2 count=2 conv=notrunc",
    ],
)
def test_by_a_program(history: StoredHistory, path: Path, kept: Path, command: str) -> None:
    other_history(path.parent)
    subprocess.run(command, shell=True, cwd=path.parent, check=True, capture_output=True)
    put_there = path.read_bytes()
    look(history)
    talk(history, 3, 5)
    history.close()
    assert path.read_bytes() == put_there
    assert texts_in(kept) == numbers(0, 5)


@pytest.mark.parametrize("when", ["at first", "later", "always"])
def test_a_file_of_which_the_system_says_nothing_is_not_lost_but_tidied_away(
    path: Path, told: list[str], when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Windows may say nothing of `-shm` while that is open.
    id_of, log, index = ownership.id_of, *database.beside(path)

    def says_nothing_of_index(file: Path) -> ownership.FileId | None:
        return ownership.UNKNOWN if file == index and file.exists() else id_of(file)

    if when != "later":
        monkeypatch.setattr(historyfile, "id_of", says_nothing_of_index)
    with closing(opened(path, told.append)) as history:
        is_silent = when != "at first"
        monkeypatch.setattr(historyfile, "id_of", says_nothing_of_index if is_silent else id_of)
        talk(history, 0, 3)
        look(history)
        assert told == []
        overwrite(path, b"something else\n" * 5000)
        look(history)
        assert len(told) == 1
    assert not log.exists()
    assert not index.exists()


def test_even_a_backup_of_this_moment_is_left_as_it_is(
    history: StoredHistory, path: Path, kept: Path, told: list[str]
) -> None:
    copy_a_backup(path)
    put_there = path.read_bytes()
    look(history)
    talk(history, 3, 5)
    history.close()
    assert len(told) == 1
    assert path.read_bytes() == put_there
    assert texts_in(kept) == numbers(0, 5)


def test_people_go_on_where_they_were(history: StoredHistory, path: Path) -> None:
    seen = history.last_place("lobby")
    copy_another(path)
    look(history)
    talk(history, 3, 5)
    missed = history.since("lobby", seen, 9)
    assert missed is not None
    assert [it.line for it in missed] == ["al: number 3", "al: number 4"]


@pytest.mark.parametrize("way", ["another history", "emptied"])
def test_nobody_is_shown_what_was_put_there(history: StoredHistory, path: Path, way: str) -> None:
    seen = history.last_place("lobby")
    WAYS[way](path)
    talk(history, 3, 5)
    assert texts(history) == numbers(0, 5)
    assert [it.text for it in history.recent("lobby", 3)] == numbers(2, 5)
    assert [it.line for it in history.since("lobby", seen, 9) or ()] == [
        "al: number 3",
        "al: number 4",
    ]


def test_no_more_is_given_than_was_asked_for(history: StoredHistory, path: Path) -> None:
    place = history.last_place("lobby")
    talk(history, 3, 9)
    overwrite(path, b"")
    found = history.since("lobby", place, 2)
    assert found is not None
    assert [it.line for it in found[-2:]] == ["al: number 7", "al: number 8"]
    assert len(found) == 3  # and a gap
    assert [it.text for it in history.recent("lobby", 2)] == numbers(7, 9)
    assert len(history.recent("lobby", 100)) == 9


def test_another_epoch_is_that_of_the_file_and_of_what_looks_after_it(
    history: StoredHistory, path: Path
) -> None:
    file = history._file
    file.begin_epoch("e" * 16)
    assert file.epoch == file.contents.epoch == "e" * 16
    os.utime(path, (1.0, 1.0))
    assert file.contents.are_ours()


def test_what_cannot_be_had_any_more_is_said(
    path: Path, kept: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "NUMBER", 4)
    with closing(opened(path, told.append)) as history:
        talk(history, 0, 3, "den")
        talk(history, 0, 20)
        last = history.last_place("den")
        copy_another(path)
        look(history)
        assert (
            "mail, hooks and the last 4 lines that were said; earlier ones are lost, unless"
            in told[0]
        )
        talk(history, 20, 21)
        assert texts(history) == numbers(16, 21)
        assert history.last_place("den").seq == last.seq == 3  # a number is never given twice
        talk(history, 3, 4, "den")
    assert texts_in(kept) == numbers(16, 21)
    assert texts_in(kept, "den") == numbers(3, 4)
    with closing(StoredHistory(kept, never)) as again:
        assert again.last_place("den").seq == 4


def test_the_last_lines_of_before_the_start_are_there_too(
    path: Path, kept: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "NUMBER", 5)
    with closing(opened(path, never)) as history:
        talk(history, 0, 20)
        take_back(history, "lobby", 18)
    with closing(opened(path, told.append)) as history:
        overwrite(path, b"")
        look(history)
    assert texts_in(kept) == ["number 15", "number 16", "number 18", "number 19"]
    assert "the last 5 lines" in told[-1]  # the eraser may have found the file broken before


@pytest.mark.parametrize("fails", [True, False])
@pytest.mark.parametrize("data", [b"", b"something else" * 1000])
def test_it_is_noticed_if_it_happens_during_a_checkpoint_of_ours(
    history: StoredHistory,
    kept: Path,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: bytes,
    fails: bool,
) -> None:
    checkpoint, ways = contents.checkpoint, [lambda: overwrite(path, data)]

    def overtaken(connection: sqlite3.Connection, mode: str) -> tuple[int, int, int]:
        found = checkpoint(connection, mode)
        while ways:
            ways.pop()()
            if fails:
                raise sqlite3.DatabaseError("file is not a database")
        return found

    monkeypatch.setattr(contents, "checkpoint", overtaken)
    talk(history, 3, 5)
    look(history)
    assert not ways
    talk(history, 5, 6)
    look(history)
    history.close()
    assert path.read_bytes() == data
    assert texts_in(kept) == numbers(0, 6)


def test_what_is_said_before_it_is_noticed_is_not_dropped(
    history: StoredHistory, path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "NUMBER", 3)
    overwrite(path, b"something else")
    talk(history, 3, 60)
    look(history)
    history.close()
    assert texts_in(kept) == numbers(0, 60)


def test_what_was_taken_back_or_forgotten_does_not_come_again(
    history: StoredHistory, path: Path, kept: Path
) -> None:
    take_back(history, "lobby", 3)
    history.forget(1.0)
    wait_until(lambda: history._eraser._thread is None, "all is erased")
    copy_another(path)
    look(history)
    history.close()
    assert texts_in(kept) == numbers(1, 2)
    assert b"number 2" not in kept.read_bytes()
    assert b"number 0" not in kept.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="the log is not looked at there")
def test_a_line_taken_back_since_the_last_checkpoint_does_not_come_again(
    history: StoredHistory, path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(history, 3, 5)
    look(history)
    monkeypatch.setattr(history._eraser, "start", lambda: None)  # it would make a checkpoint
    assert take_back(history, "lobby", 2) is not None
    os.truncate(database.beside(path)[0], 0)
    look(history)
    left = [*numbers(0, 1), *numbers(2, 5)]
    assert texts(history) == left
    history.close()
    assert texts_in(kept) == left
    assert b"number 1" not in kept.read_bytes()


def test_names_mail_and_bans_go_with_it(history: StoredHistory, path: Path, kept: Path) -> None:
    with closing(Records(path)) as records:
        for name in ("al", "bo"):
            records.protect(name, b"kept")
        records.keep(Private("al", "bo", "shown"))
        records.handed_over(records.waiting("bo"))
        records.keep(Private("al", "bo", "hi"))
        records.ban("cy", "op")
        records.ignore([("bo", "al")])
        copy_another(path)
        records.keep(Private("al", "bo", "there"))
        look(history)
        waiting = records.waiting("bo")
        assert [it.message.text for it in waiting] == ["hi", "there"]
        records.handed_over(waiting[:1])
        records.protect("ed", b"kept")
        records.keep(Private("al", "bo", "you"))
    history.close()
    with closing(StoredHistory(kept, never)), closing(Records(kept)) as again:
        assert [it.name for it in again.all_protected()] == ["al", "bo", "ed"]
        assert [it.message.text for it in again.waiting("bo")] == ["there", "you"]
        assert len(again.bans()) == 1
        assert again.ignored_by("bo") == {"al"}


def test_names_go_with_it_at_the_stop(history: StoredHistory, path: Path, kept: Path) -> None:
    records = Records(path)
    records.protect("bo", b"kept")
    overwrite(path, b"")
    records.close()
    history.close()
    with closing(StoredHistory(kept, never)), closing(Records(kept)) as again:
        assert again.protected("bo") is not None


def test_where_no_file_can_be_made_it_is_told_once_and_tried_again(
    history: StoredHistory,
    path: Path,
    kept: Path,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy_another(path)
    put_there = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(database, "make", lambda _: (_ for _ in ()).throw(OSError(28, "No room")))
        for _ in range(3):
            history.look()
            history.state.rescue_at = 0.1
    assert len(told) == 1
    assert "was overwritten by another program, and what was said will be lost:" in told[0]
    talk(history, 3, 5)
    look(history)
    assert f"the history goes on in {kept}" in told[1]
    history.close()
    assert path.read_bytes() == put_there
    assert texts_in(kept) == numbers(0, 5)


def test_what_was_lost_before_stays_known_where_no_file_can_be_made(
    history: StoredHistory, path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = history._stored["lobby"]
    talk(history, 3, 5)
    before = room.id, room.lost
    overwrite(path, b"")
    with monkeypatch.context() as patched:
        # All is written but the records, at the last moment.
        patched.setattr(rescue, "_closed_if_that_fails", fail_at_the_end)
        history.look()
    assert "what was said will be lost:" in told[0]
    assert (room.id, room.lost) == before
    history.state.rescue_at = 0.1
    look(history)
    talk(history, 5, 6)
    assert texts(history) == numbers(0, 6)


_closed_if_that_fails = rescue._closed_if_that_fails


@contextmanager
def fail_at_the_end(new: HistoryFile) -> Iterator[None]:
    with _closed_if_that_fails(new):
        yield
        raise OSError(28, "No room")


def test_where_no_file_can_be_made_until_the_stop_nothing_is_written_to_it(
    history: StoredHistory, path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(history, 3, 5)
    copy_another(path)
    put_there = path.read_bytes()
    monkeypatch.setattr(database, "make", lambda _: (_ for _ in ()).throw(OSError(28, "No room")))
    history.close()
    assert path.read_bytes() == put_there
    assert "what was said will be lost" in told[0]


@pytest.mark.skipif(sys.platform == "win32", reason="a file in use cannot be removed")
def test_its_log_was_removed_before(history: StoredHistory, path: Path, kept: Path) -> None:
    talk(history, 3, 5)
    database.beside(path)[0].unlink()
    copy_another(path)
    put_there = path.read_bytes()
    history.close()
    assert path.read_bytes() == put_there
    assert texts_in(kept) == numbers(0, 5)


# The log alone


@pytest.mark.skipif(sys.platform == "win32", reason="the log is not looked at there")
@pytest.mark.parametrize(
    ("is_quiet", "is_talked", "size"),
    [(True, True, 0), (True, False, 0), (False, True, 0), (False, False, 0), (False, False, 3000)],
)
def test_the_log_is_emptied(
    history: StoredHistory,
    path: Path,
    kept: Path,
    told: list[str],
    is_quiet: bool,
    is_talked: bool,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(latest, "NUMBER", 5)
    with closing(Records(path)) as records:
        talk(history, 3, 20)
        look(history)
        talk(history, 20, 22)
        history.set_topic("lobby", "tea")
        talk(history, 0, 2, "den")
        records.protect("bo", b"kept")
        take_back(history, "lobby", 20)
        wait_until(lambda: history._eraser._thread is None, "all is erased")
        if is_quiet:
            look(history)
        else:
            talk(history, 22, 23)
        before = path.read_bytes()
        os.truncate(log := database.beside(path)[0], size)
        if is_talked:
            talk(history, 23, 25)
        look(history)
        assert told == [
            f"{log} was overwritten by another program: all that was said is in {kept}, and goes"
            " on there. Start the server with that file next time"
        ]
        talk(history, 25, 26)
        records.ban("cy", "op")
    said = numbers(0, 19) + numbers(20, 22) + ([] if is_quiet else numbers(22, 23))
    said += (numbers(23, 25) if is_talked else []) + numbers(25, 26)
    assert texts(history) == said
    history.close()
    assert path.read_bytes() == before
    assert texts_in(kept) == said
    assert texts_in(kept, "den") == numbers(0, 2)
    with closing(StoredHistory(kept, never)) as again, closing(Records(kept)) as kept_records:
        assert again.topic("lobby") == "tea"
        assert kept_records.protected("bo") is not None
        assert len(kept_records.bans()) == 1


# No false alarm


def test_another_program_may_make_a_checkpoint(
    history: StoredHistory, path: Path, told: list[str]
) -> None:
    talk(history, 3, 5)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint (TRUNCATE)")
    look(history)
    talk(history, 5, 7)
    look(history)
    assert told == []
    assert texts(history) == numbers(0, 7)
    history.close()
    assert texts_in(path) == numbers(0, 7)


def test_another_program_may_write(history: StoredHistory, path: Path, told: list[str]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE messages SET name = 'cy'")
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint (TRUNCATE)")
    look(history)
    talk(history, 3, 5)
    history.close()
    assert told == []
    assert texts_in(path) == numbers(0, 5)


def test_touching_it_is_no_harm(history: StoredHistory, path: Path, told: list[str]) -> None:
    os.utime(path, (1.0, 1.0))
    look(history)
    talk(history, 3, 5)
    look(history)
    assert told == []
    assert path.stat().st_mtime > 2.0  # checkpoints are made again


def test_what_the_log_covers_is_made_whole(
    history: StoredHistory, path: Path, told: list[str]
) -> None:
    os.truncate(path, 10_000_000)
    overwrite(path, b"-" * 50, 50)  # its first page is in the log
    talk(history, 3, 5)
    look(history)
    history.close()
    assert told == []
    assert texts_in(path) == numbers(0, 5)


@pytest.mark.parametrize("command", ["export", "check", "backup"])
def test_commands_of_our_own_only_read(
    history: StoredHistory, path: Path, told: list[str], command: str
) -> None:
    talk(history, 3, 5)
    before = path.stat()
    to = [str(path.with_name("copy.db"))] if command == "backup" else []
    arguments = [sys.executable, "-m", "threadchat", command, str(path), *to]
    subprocess.run(arguments, check=True, capture_output=True)
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    look(history)
    assert told == []


def test_a_file_that_cannot_be_read_now_is_looked_at_again(
    history: StoredHistory, path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(history._file.contents), "_hold_the_history", lambda *_: None)
        os.utime(path, (1.0, 1.0))
        talk(history, 3, 5)
        look(history)
        assert path.stat().st_mtime == 1.0  # no checkpoint is made while it is not known
    look(history)
    assert path.stat().st_mtime > 2.0
    assert told == []


# Checkpoints


def test_a_checkpoint_into_a_file_that_was_overwritten_is_none(
    history: StoredHistory, path: Path
) -> None:
    talk(history, 3, 5)
    before, status = path.read_bytes(), path.stat()
    copy_another(path)
    put_there = path.read_bytes()
    contents = history._file.contents
    assert contents.checkpoint(history._connection, "TRUNCATE") == CANNOT_NOW
    assert path.read_bytes() == put_there
    assert contents.are_as_left() is False
    assert contents.are_ours() is False
    path.write_bytes(b"")
    assert contents.are_ours() is False
    path.write_bytes(before)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert contents.are_ours() is False


def test_an_error_of_a_checkpoint_is_told_to_the_caller(history: StoredHistory) -> None:
    contents = history._file.contents
    talk(history, 3, 5)
    with closing(sqlite3.connect(":memory:")) as closed:
        pass
    with pytest.raises(sqlite3.ProgrammingError):
        contents.checkpoint(closed, "PASSIVE")

    class Full:
        def execute(self, _: str) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(sqlite3.OperationalError, match="full"):
        contents.checkpoint(Full(), "PASSIVE")  # type: ignore[arg-type]
    assert contents.are_as_left() is True
    assert contents.checkpoint(history._connection, "PASSIVE") != CANNOT_NOW


def test_a_log_that_a_checkpoint_of_ours_has_emptied_is_as_we_left_it(
    history: StoredHistory,
) -> None:
    contents = history._file.contents
    talk(history, 3, 5)
    assert contents.are_ours()  # it knows how large the log is
    assert contents.checkpoint(history._connection, "TRUNCATE") == (0, 0, 0)
    assert contents.are_as_left() is True
    talk(history, 5, 6)
    assert contents.are_as_left() is True


def test_nobody_waits_for_a_checkpoint(history: StoredHistory) -> None:
    contents = history._file.contents
    with contents._lock:
        assert contents.are_as_left() is None
        assert contents.checkpoint(history._connection, "PASSIVE") == CANNOT_NOW
    assert contents.are_as_left() is True
    assert contents.checkpoint(history._connection, "PASSIVE")[0] == 0


class Counting(StoredHistory):
    """A history that counts how often its thread has looked after it."""

    looks = 0

    def look(self) -> bool:
        has_more = super().look()
        self.looks += 1
        return has_more


def test_the_thread_of_a_history_notices(
    path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "INTERVAL", 0.01)
    was_told = threading.Event()
    with closing(Counting(path, lambda _: was_told.set())) as history:
        talk(history, 0, 3)
        # What is written during a checkpoint cannot be told from that, so all of them are awaited.
        enough, checkpointer = history.looks + 5, history._file.checkpointer
        wait_until(
            lambda: history.looks >= enough and checkpointer._waits_since is None,
            "the thread has taken in and moved all",
        )
        copy_another(path)
        assert was_told.wait(DEADLINE)
        talk(history, 3, 5)
    assert texts_in(kept) == numbers(0, 5)
