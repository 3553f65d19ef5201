"""Who ignores whom, of the owners of protected names: in memory, as it is in the file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import cast

import pytest

from threadchat.storage import database
from threadchat.storage.ignores import Ignores
from threadchat.storage.patientfile import PatientFile

PROTECTED = {"al", "bo", "cy"}


class File:
    """Makes each change at once, and counts them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.changes = 0

    def change(self, statement: str, values: tuple[str, ...]) -> None:
        self._connection.execute(statement, values)
        self.changes += 1


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(database.connect_in_memory()) as connection:
        yield connection


@pytest.fixture
def file(connection: sqlite3.Connection) -> File:
    return File(connection)


def add(ignores: Ignores, file: File, *pairs: tuple[str, str]) -> None:
    ignores.add(cast(PatientFile, file), pairs, PROTECTED)


def test_each_pair_is_written_once_and_read_again(
    connection: sqlite3.Connection, file: File
) -> None:
    ignores = Ignores(connection)
    add(ignores, file, ("Al", "bo"), ("al", "CY"), ("bo", "al"))
    add(ignores, file, ("al", "bo"))
    assert file.changes == 3
    for known in (ignores, Ignores(connection)):
        assert known.of("al") == {"bo", "cy"}
        assert known.of("bo") == {"al"}
        assert known.of("cy") == set()


def test_only_pairs_of_protected_names_are_kept(connection: sqlite3.Connection, file: File) -> None:
    ignores = Ignores(connection)
    add(ignores, file, ("al", "guest"), ("guest", "al"))
    assert file.changes == 0
    assert ignores.of("al") == ignores.of("guest") == set()


def test_one_that_is_taken_out_is_gone_from_both(
    connection: sqlite3.Connection, file: File
) -> None:
    ignores = Ignores(connection)
    add(ignores, file, ("al", "bo"), ("al", "cy"))
    ignores.remove(cast(PatientFile, file), [("AL", "bo"), ("bo", "al")])
    assert file.changes == 3
    for known in (ignores, Ignores(connection)):
        assert known.of("al") == {"cy"}


def test_a_name_that_is_freed_is_gone_from_all(connection: sqlite3.Connection, file: File) -> None:
    ignores = Ignores(connection)
    add(ignores, file, ("al", "bo"), ("al", "cy"), ("bo", "al"), ("cy", "bo"))
    ignores.drop("bo")
    assert [ignores.of(name) for name in ("al", "bo", "cy")] == [{"cy"}, set(), set()]
