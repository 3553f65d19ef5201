"""Test the opening of a history that is only read, and what is said where it cannot be."""

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.files import link_or_skip, never
from threadchat.messages.kinds import Say
from threadchat.storage import reading
from threadchat.storage.faults import Unusable
from threadchat.storage.ownership import Ownership
from threadchat.storage.reading import open_to_read
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.text.paths import NoCurrentFolder

MUST_BE_HELD = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is kept from root"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "chat.db"
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "hi", 1.0)])
    return path


def refused(path: Path) -> str:
    with pytest.raises(Unusable) as caught:
        open_to_read(path).close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def number_in(path: Path) -> int:
    with closing(open_to_read(path)) as connection:
        (number,) = connection.execute("SELECT count(*) FROM messages").fetchone()
        return int(number)


def test_it_cannot_be_changed(path: Path) -> None:
    with closing(open_to_read(path)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM messages")


def test_by_a_link_it_is_read_with_its_log(path: Path) -> None:
    link = path.with_name("elsewhere") / "link.db"
    link.parent.mkdir()
    link_or_skip(link, path)
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "more", 2.0)])
        assert number_in(link) == 2


def hard_link(link: Path, target: Path) -> Path:
    link.parent.mkdir(exist_ok=True)
    try:
        os.link(target, link)
    except OSError:
        pytest.skip("no hard links can be made here")
    return link


@pytest.mark.parametrize("name", ["other.db", "elsewhere/chat.db"])
def test_by_another_name_it_is_read_with_its_log(path: Path, name: str) -> None:
    other = hard_link(path.parent / name, path)
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "more", 2.0)])
        assert number_in(other) == number_in(path) == 2
        assert not os.path.exists(f"{other}-wal")  # nothing is made beside the other name
        assert not os.path.exists(f"{other}-shm")
    assert number_in(other) == number_in(path) == 2


def test_so_it_is_where_an_empty_log_is_beside_that_name(path: Path) -> None:
    other = hard_link(path.with_name("other.db"), path)
    other.with_name("other.db-wal").touch()
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "more", 2.0)])
        assert number_in(other) == 2


def test_and_of_a_file_that_does_not_say_how_it_was_opened(path: Path) -> None:
    other = hard_link(path.with_name("other.db"), path)
    with closing(StoredHistory(path, never)) as history:
        history._connection.execute("DROP TABLE opened")
        history._connection.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchall()
        history.append("lobby", [Say("al", "more", 2.0)])
        os.utime(path, ns=(0, 0))
        assert number_in(other) == 2


def test_where_the_name_with_the_log_cannot_be_found_that_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = hard_link(path.parent / "elsewhere" / "chat.db", path)
    with closing(StoredHistory(path, never)):
        monkeypatch.setattr(reading, "id_of", lambda name: None if name == path else (1, 1))
        words = refused(other)
        assert words.startswith(f"{other} is open by another name ({path}) in a server,")
        assert words.endswith("Name that file, or stop the server.")
    assert number_in(other) == 1  # all is in the file now


def test_what_is_no_file_of_ours(tmp_path: Path) -> None:
    assert "there is no file" in refused(tmp_path / "none")
    assert "there is no file" in refused(tmp_path / "none" / "chat.db")
    assert "there is no file" in refused(tmp_path / ("x" * 300))
    assert "there is no file" in refused(tmp_path / "nul\0")
    assert "that is a folder. Name the file given" in refused(tmp_path)
    if os.name == "posix":
        assert "that is a device or a pipe" in refused(Path("/dev/null"))
    (tmp_path / "empty").touch()
    assert "holds no history" in refused(tmp_path / "empty")


def test_a_file_that_may_not_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # For root, too, as it is for others.
    monkeypatch.setattr(os, "access", lambda *_: False)
    words = refused(path)
    assert "chat.db cannot be read (Permission denied). Get the right to read it" in words
    assert "written" not in words


@MUST_BE_HELD
def test_a_folder_that_may_not_be_entered(path: Path) -> None:
    path.parent.chmod(0o000)
    try:
        assert "cannot be read (Permission denied)" in refused(path)
        with pytest.raises(Unusable, match=r"cannot be written \(Permission denied\)"):
            StoredHistory(path, never)
    finally:
        path.parent.chmod(0o700)


@MUST_BE_HELD
def test_where_nothing_can_be_written(path: Path) -> None:
    path.parent.chmod(0o500)
    try:
        assert number_in(path) == 1
    finally:
        path.parent.chmod(0o700)


def test_a_damaged_file_is_no_traceback(path: Path) -> None:
    shutil.copyfile(path, copy := path.with_name("copy.db"))
    copy.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises((Unusable, sqlite3.Error)):
        open_to_read(copy)


@pytest.mark.skipif(os.name != "posix", reason="the current folder cannot be removed")
def test_one_in_a_folder_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(NoCurrentFolder, match="has been removed"):
        open_to_read(Path("chat.db"))
    with pytest.raises(Unusable, match="there is no file"):
        open_to_read(gone / "chat.db")


def test_a_file_that_cannot_even_be_looked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(reading, "os", SimpleNamespace(stat=refuse))
        line = refused(path)
    assert line.startswith(str(path))
    assert "Permission denied" in line or "permission" in line


@pytest.mark.skipif(os.name != "posix", reason="a file in use cannot be moved")
def test_one_that_was_moved_while_a_server_has_it_is_not_read_without_its_log(path: Path) -> None:
    with closing(StoredHistory(path, never)) as history:
        moved = path.rename(path.with_name("moved.db"))
        assert f"is open by another name ({path}) in a server" in refused(moved)
        moved.rename(path)
        history.append("lobby", [Say("al", "more", 2.0)])
        assert number_in(path) == 2


def test_a_file_that_may_only_be_read_is_not_in_use(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    assert not reading._is_in_use(path)
    with closing(Ownership(path)):
        assert reading._is_in_use(path)
    monkeypatch.setattr(reading, "Ownership", refuse)
    assert not reading._is_in_use(path)


@pytest.mark.parametrize("has_log", [True, False])
def test_where_sqlite_cannot_make_its_files_one_without_a_log_is_read_alone(
    path: Path, has_log: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def version_of(connection: sqlite3.Connection, _: Path) -> int:
        asked.append(path)
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(reading, "version_of", version_of)
    if has_log:
        path.with_name(f"{path.name}-wal").write_bytes(b"")
        with pytest.raises(sqlite3.OperationalError):
            open_to_read(path)
    else:
        assert number_in(path) == 1
    assert asked == [path]
