"""Test what is told of a file that cannot be read, and that what can be read is returned."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import cast

import pytest

from threadchat.storage.filereader import FileReader
from threadchat.storage.historyfile import HistoryFile


class File:
    """A file whose contents are as it was left, if `as_left`."""

    def __init__(self, as_left: bool) -> None:
        self.path = Path("chat.db")
        self.contents = SimpleNamespace(are_as_left=lambda: as_left)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        yield connection


def reader(told: list[str], closing: Event, *, as_left: bool = True) -> FileReader:
    return FileReader(cast(HistoryFile, File(as_left)), told.append, closing)


def test_a_failure_is_told_once_and_so_is_its_end(connection: sqlite3.Connection) -> None:
    told: list[str] = []
    reads = reader(told, Event())
    query = "SELECT id FROM messages"
    for _ in range(2):
        assert reads.read(connection, query, ()) == []
    assert told == [
        "the history cannot be read (no such table: messages). See that chat.db is sound"
    ]
    assert reads.read(connection, "SELECT ?", (7,)) == [(7,)]
    assert len(told) == 1
    connection.execute("CREATE TABLE messages (id)")
    for _ in range(2):
        assert reads.read(connection, query, ()) == []
    assert told[1:] == ["the history can be read again"]


def test_nothing_is_told_of_what_was_interrupted_or_overwritten(
    connection: sqlite3.Connection,
) -> None:
    told: list[str] = []
    query = "SELECT id FROM none"
    assert reader(told, Event()).read(connection, query, (), lambda: True) == []
    assert reader(told, Event(), as_left=False).read(connection, query, ()) == []
    assert told == []


def test_at_the_close_nothing_is_read(connection: sqlite3.Connection) -> None:
    told: list[str] = []
    closing = Event()
    closing.set()
    assert reader(told, closing).read(connection, "SELECT 1", ()) == []
    assert told == []


def test_nor_is_anything_told_of_what_a_close_interrupts() -> None:
    told: list[str] = []
    closing = Event()

    class Interrupted:
        def execute(self, *_: object) -> None:
            closing.set()
            raise sqlite3.OperationalError("interrupted")

    connection = cast(sqlite3.Connection, Interrupted())
    assert reader(told, closing).read(connection, "SELECT 1", ()) == []
    assert told == []
