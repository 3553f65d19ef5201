"""Test that the tables of the records are in memory, too, and can be written into a new file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from threadchat.storage import database, mirror
from threadchat.storage.mirror import Mirror

LETTER = "INSERT INTO letters (recipient, sender, text, at) VALUES ('al', 'bo', ?, 1.0)"
NAME = "INSERT INTO names VALUES (?, 'al', 'al', x'00', 1.0, '')"


@pytest.fixture
def file() -> Iterator[sqlite3.Connection]:
    with closing(database.connect_in_memory()) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(NAME, ("al",))
        yield connection


def change(file: sqlite3.Connection, mirror: Mirror, statement: str, *values: object) -> None:
    file.execute(statement, values)
    mirror.change(statement, values)


def tables(connection: sqlite3.Connection) -> dict[str, list[object]]:
    return dict(mirror._read(connection))


def written(kept: Mirror) -> dict[str, list[object]]:
    with closing(database.connect_in_memory()) as new:
        kept.write_into(new)
        return tables(new)


def test_tables_that_cannot_be_read_are_an_error() -> None:
    with closing(sqlite3.connect(":memory:")) as empty, pytest.raises(sqlite3.Error):
        Mirror(empty)


def test_it_has_every_change(file: sqlite3.Connection) -> None:
    for text in ("one", "two"):
        file.execute(LETTER, (text,))
    file.execute("DELETE FROM letters")  # so that the next number is 3
    kept = Mirror(file)
    change(file, kept, LETTER, "three")
    change(file, kept, NAME, "cy")
    change(file, kept, "INSERT INTO ignores VALUES ('al', 'cy')")
    assert written(kept) == tables(file)
    change(file, kept, "DELETE FROM names WHERE fold = 'cy'")  # and who ignores it
    assert written(kept) == tables(file)
    assert [row[0] for row in file.execute("SELECT id FROM letters")] == [3]
    kept.close()
    assert written(kept) == tables(file)


def test_so_many_letters_are_kept(
    file: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "MAX_LETTERS", 2)
    kept = Mirror(file)
    for text in ("one", "two", "three"):
        change(file, kept, LETTER, text)
    found = written(kept)["letters"]
    kept.close()
    assert [row[3] for row in found] == ["two", "three"]  # type: ignore[index]


def test_a_change_that_a_damaged_file_does_not_allow_is_left_out(file: sqlite3.Connection) -> None:
    with closing(Mirror(file)) as kept:
        kept.change("INSERT INTO ignores VALUES ('nobody', 'al')", ())
        assert written(kept) == tables(file)


def test_tables_that_cannot_be_read_make_none(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    class InMemory:
        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(database, "connect_in_memory", InMemory)
    with closing(sqlite3.connect(":memory:")) as empty, pytest.raises(sqlite3.Error):
        Mirror(empty)
    assert closed == [True]
