"""Test that one server at a time has a history file, by whatever name, and what does not matter."""

import errno
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.files import never
from threadchat.messages.kinds import Say
from threadchat.storage import ownership
from threadchat.storage.faults import Unusable
from threadchat.storage.ownership import InUse, Ownership, name_with_newer_log, owner_of
from threadchat.storage.sqlitehistory import StoredHistory

SERVER = (
    "import sys\n"
    "from threadchat.messages.kinds import Say\n"
    "from threadchat.storage.sqlitehistory import StoredHistory\n"
    "history = StoredHistory(sys.argv[1], print)\n"
    "history.append('lobby', [Say('al', 'last words', 1.0)])\n"
    "print('open', flush=True)\n"
    "sys.stdin.read()\n"
)

HOLDS_SQLITES_LOCK = (
    "import fcntl, os, sys\n"
    "file = os.open(sys.argv[1], os.O_RDWR)\n"
    "try:\n"
    "    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)\n"
    "except OSError:\n"
    "    print('locked')\n"
)
"""Says whether another process has SQLite's shared lock (sqlite.org/lockingv3.html)."""


@contextmanager
def serving(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run another process that has the history open, and kill it at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()


def hard_link(link: Path, target: Path) -> Path:
    try:
        os.link(target, link)
    except OSError:
        pytest.skip("no hard links can be made here")
    return link


def refused(path: Path) -> str:
    with pytest.raises(Unusable) as caught:
        StoredHistory(path, never)
    return str(caught.value)


@pytest.mark.parametrize("is_in_this_process", [True, False])
@pytest.mark.parametrize("kind", ["same", "hard"])
def test_a_second_server_is_refused_by_any_name(
    path: Path, kind: str, is_in_this_process: bool
) -> None:
    with closing(StoredHistory(path, never)):
        pass
    other = path if kind == "same" else hard_link(path.with_name("other.db"), path)
    if is_in_this_process:
        with closing(StoredHistory(path, never)):
            assert "in use by another threadchat" in refused(other)
    else:
        with serving(path):
            assert "in use by another threadchat" in refused(other)


def test_no_file_that_somebody_might_tidy_away_is_the_lock(path: Path) -> None:
    with serving(path):
        for file in path.parent.iterdir():
            if file.name not in ("chat.db", "chat.db-wal", "chat.db-shm"):
                file.unlink()
        assert "in use by another threadchat" in refused(path)


@pytest.mark.skipif(os.name != "posix", reason="needs the locks of POSIX")
def test_a_refused_second_server_does_not_release_the_locks_of_sqlite(path: Path) -> None:
    def is_locked() -> bool:
        command = [sys.executable, "-c", HOLDS_SQLITES_LOCK, str(path)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout == "locked\n"

    with closing(StoredHistory(path, never)):
        assert is_locked()
        assert "in use" in refused(path)
        assert is_locked()
    assert not is_locked()


def test_a_backup_by_hard_links_is_in_nobodys_way(path: Path) -> None:
    backup = path.with_name("backup")
    backup.mkdir()
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "hi", 1.0)])
        for name in ("chat.db", "chat.db-wal"):
            hard_link(backup / name, path.with_name(name))
        hard_link(path.with_name("older.db"), path)
        hard_link(path.with_name("older.db-wal"), path.with_name("chat.db-wal"))
    for number in range(2, 4):
        with closing(StoredHistory(path, never)) as history:
            history.append("lobby", [Say("al", "hi", float(number))])
            assert [it.seq for it in history.recent("lobby", 9)] == list(range(1, number + 1))


def test_the_words_in_the_log_of_another_name_are_not_lost(path: Path) -> None:
    with closing(StoredHistory(path, never)):
        pass
    other = hard_link(path.with_name("other.db"), path)
    with serving(path) as process:
        process.kill()
    words = refused(other)
    assert f"the last words are in {path}-wal. Start the server with that name" in words
    with closing(StoredHistory(path, never)) as history:
        assert [it.text for it in history.recent("lobby", 9)] == ["last words"]
    with closing(StoredHistory(other, never)) as history:
        assert [it.text for it in history.recent("lobby", 9)] == ["last words"]


@pytest.mark.parametrize("was_used_before", [True, False])
def test_so_it_is_in_another_folder(path: Path, was_used_before: bool) -> None:
    """One server's words and the other's would each be lost with the other's log."""
    if was_used_before:
        with closing(StoredHistory(path, never)):
            pass
    with serving(path) as process:
        (path.parent / "backup").mkdir()
        other = hard_link(path.parent / "backup" / "chat.db", path)
        process.kill()
    words = refused(other)
    assert f"the last words are in {path}-wal. Start the server with that name" in words
    with closing(StoredHistory(path, never)) as history:
        assert [it.text for it in history.recent("lobby", 9)] == ["last words"]
    for name in (other, path):
        with closing(StoredHistory(name, never)) as history:
            assert [it.text for it in history.recent("lobby", 9)] == ["last words"]


@pytest.mark.parametrize("noted", [b"/nowhere/chat.db", b"\xff\x00", "text", 7, ""])
def test_whatever_is_noted_as_the_last_name_the_file_can_be_used(path: Path, noted: object) -> None:
    with closing(StoredHistory(path, never)):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE opened SET path = ?", (noted,))
    with closing(StoredHistory(path, never)):
        pass
    with closing(sqlite3.connect(path)) as connection:
        (row,) = connection.execute("SELECT path FROM opened")
    assert os.fsdecode(row[0]) == str(path)


def test_a_file_is_free_again_once_it_is_closed(path: Path) -> None:
    path.touch()
    first = Ownership(path)
    with pytest.raises(InUse):
        Ownership(path)
    shutil.copyfile(path, path.with_name("copy.db"))
    with closing(Ownership(path.with_name("copy.db"))):
        first.close()
        with closing(Ownership(path)):
            first.close()  # which is no longer its own
            with pytest.raises(InUse):
                Ownership(path)


def test_a_log_that_both_names_share_is_no_other_one(path: Path) -> None:
    path.write_bytes(b"words")
    log, other, others_log = (
        path.with_name(f"{name}") for name in (f"{path.name}-wal", "other", "other-wal")
    )
    os.link(path, other)
    log.write_bytes(b"more words")
    os.utime(path, ns=(0, 0))
    os.link(log, others_log)
    assert name_with_newer_log(path) is None
    others_log.unlink()
    others_log.write_bytes(b"others")
    assert name_with_newer_log(path) == other


def test_nothing_owns_a_path_that_the_system_does_not_take(tmp_path: Path) -> None:
    assert owner_of(tmp_path / ("x" * 5000)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only there are two kinds of locks")
def test_a_system_without_locks_of_open_files_has_those_of_processes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    path.touch()
    really_lock = fcntl.fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    with closing(Ownership(path)) as owner, open(path, "r+b") as other:
        wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, ownership._BYTE, 1, 0)
        found = really_lock(other, fcntl.F_OFD_GETLK, wanted)
        assert struct.unpack("hhqqi", found)[0] == fcntl.F_WRLCK  # somebody has it
        assert owner_of(path) is owner


def test_a_file_that_cannot_be_locked_is_not_owned(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    path.touch()
    with monkeypatch.context() as patched:
        patched.setattr(ownership, "_lock_byte", fail)
        with pytest.raises(OSError, match="No locks available"):
            Ownership(path)
    assert owner_of(path) is None
    Ownership(path).close()


def test_an_empty_log_beside_another_name_holds_no_words(path: Path) -> None:
    (folder := path.with_name("elsewhere")).mkdir()
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "hi", 1.0)])
    other = hard_link(folder / "other.db", path)
    log = path.with_name(f"{path.name}-wal")
    log.write_bytes(b"words")
    assert "the last words are in" in refused(other)
    log.write_bytes(b"")
    with closing(StoredHistory(other, never)) as history:
        assert [it.text for it in history.recent("lobby", 9)] == ["hi"]
