"""Test copies of a history: complete and whole, or not there at all."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from threadchat.storage import copying
from threadchat.storage.faults import Unusable
from threadchat.storage.ownership import Ownership


@pytest.fixture
def source(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "source.db", isolation_level=None)) as source:
        source.execute("PRAGMA journal_mode = WAL")
        source.execute("CREATE TABLE lines (text TEXT CHECK (text != 'bad'))")
        source.execute("INSERT INTO lines VALUES ('hi')")
        yield source


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (folder := tmp_path / "copies").mkdir()
    return folder / "copy.db"


def names_beside(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def lines_in(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM lines")]


def test_it_has_all_and_is_one_file(source: sqlite3.Connection, path: Path) -> None:
    told: list[tuple[int, int]] = []
    copying.copy(source, path, progress=lambda copied, pages: told.append((copied, pages)))
    assert lines_in(path) == ["hi"]
    assert names_beside(path) == [path.name]
    assert path.read_bytes()[18:20] == b"\1\1"  # not in WAL mode (sqlite.org/fileformat2.html)
    assert told[-1] == (2, 2)
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_there_is_replaced_only_if_that_is_wanted(
    source: sqlite3.Connection, path: Path, kind: str
) -> None:
    if kind == "file":
        path.write_text("what is there")
    else:
        try:
            path.symlink_to("nowhere")
        except OSError:
            pytest.skip("no links can be made here")
    before = names_beside(path)
    with pytest.raises(FileExistsError, match="is there already"):
        copying.copy(source, path)
    assert names_beside(path) == before
    if kind == "file":
        assert path.read_text() == "what is there"
    copying.copy(source, path, replaces=True)
    assert lines_in(path) == ["hi"]
    assert names_beside(path) == before


@pytest.mark.parametrize("is_checked", [True, False])
def test_a_copy_that_is_damaged_is_not_made(
    source: sqlite3.Connection, path: Path, is_checked: bool
) -> None:
    source.execute("PRAGMA ignore_check_constraints = ON")
    source.execute("INSERT INTO lines VALUES ('bad')")
    if is_checked:
        with pytest.raises(Unusable, match="what was copied is damaged"):
            copying.copy(source, path)
        assert names_beside(path) == []
    else:
        copying.copy(source, path, is_checked=False)
        assert lines_in(path) == ["hi", "bad"]


def test_what_a_killed_process_has_left_is_in_nobodys_way(
    source: sqlite3.Connection, path: Path
) -> None:
    path.with_name("copy.db-unfinished").write_text("half of it")
    copying.copy(source, path)
    assert lines_in(path) == ["hi"]
    assert names_beside(path) == [path.name]


def test_a_copy_that_is_being_made_is_left_alone(source: sqlite3.Connection, path: Path) -> None:
    unfinished = path.with_name("copy.db-unfinished")
    unfinished.write_text("half of it")
    with (
        closing(Ownership(unfinished)),
        pytest.raises(Unusable, match="is being written already"),
    ):
        copying.copy(source, path)
    assert names_beside(path) == [unfinished.name]


def test_nothing_is_left_where_it_fails(source: sqlite3.Connection, path: Path) -> None:
    def fail(copied: int, pages: int) -> None:
        path.with_name("copy.db-unfinished-journal").write_text("of SQLite")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copying.copy(source, path, progress=fail)
    assert names_beside(path) == []
