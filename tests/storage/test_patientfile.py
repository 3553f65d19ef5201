"""Reading and changing the tables of the records, while others have the file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.clock import Clock
from tests.support.waiting import Section, enter_one_by_one
from threadchat.storage import database, patientfile
from threadchat.storage.patientfile import BUSY_SECONDS, IN_VAIN_SECONDS, PatientFile


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(patientfile.connect(None)) as connection:
        yield connection


class LockedFile:
    """A connection to a file that another program has locked, for so many tries."""

    def __init__(self, tries: int) -> None:
        self.left = tries
        self.lastrowid = 7

    def execute(self, statement: str, values: object = ()) -> "LockedFile":
        if not statement.startswith("PRAGMA") and self.left:
            self.left -= 1
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_BUSY, "SQLITE_BUSY"
            raise error
        return self

    def fetchall(self) -> list[int]:
        return [1]


class Waits:
    """A clock that goes on while somebody sleeps, which is written down."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.slept = 0

    def sleep(self, seconds: float) -> None:
        assert not database.WRITING.locked(), "rooms would have to wait"
        self.clock.now += seconds
        self.slept += 1

    def file(self, tries: int) -> PatientFile:
        return PatientFile(LockedFile(tries), self.clock, self.sleep)  # type: ignore[arg-type]


def test_it_is_tried_again_until_the_file_is_free() -> None:
    waits = Waits()
    assert waits.file(3).change("INSERT", ()) == 7
    assert waits.file(3).read("SELECT", ()) == [1]
    assert waits.slept == 6


def test_sqlite_itself_does_not_wait(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 2000")
    PatientFile(connection)
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (0,)


def test_it_gives_up_after_a_while_and_then_does_not_wait_at_all() -> None:
    waits = Waits()
    file = waits.file(10**6)
    for _ in range(3):
        with pytest.raises(sqlite3.OperationalError):
            file.change("INSERT", ())
    assert BUSY_SECONDS <= waits.clock.now - 1000.0 < BUSY_SECONDS + 0.1


def test_once_the_file_was_free_it_waits_again() -> None:
    waits = Waits()
    file = waits.file(10**6)
    with pytest.raises(sqlite3.OperationalError):
        file.read("SELECT", ())
    for _ in range(2):
        file._connection.left = 0  # type: ignore[attr-defined]
        assert file.read("SELECT", ()) == [1]
        file._connection.left = 2  # type: ignore[attr-defined]
        before = waits.slept
        assert file.read("SELECT", ()) == [1]
        assert waits.slept == before + 2


def test_after_a_time_it_waits_again() -> None:
    waits = Waits()
    file = waits.file(10**6)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            file.change("INSERT", ())
        before = waits.slept
        waits.clock.now += IN_VAIN_SECONDS - 0.1
        with pytest.raises(sqlite3.OperationalError):
            file.change("INSERT", ())
        assert waits.slept == before
        waits.clock.now += 0.2
    file._connection.left = 2  # type: ignore[attr-defined]
    assert file.change("INSERT", ()) == 7


def test_that_it_can_be_read_does_not_mean_that_it_can_be_written() -> None:
    waits = Waits()
    file = waits.file(10**6)
    locked = file._connection
    for _ in range(3):
        with pytest.raises(sqlite3.OperationalError):
            file.change("INSERT", ())
        file._connection = LockedFile(0)  # type: ignore[assignment]
        assert file.read("SELECT", ()) == [1]
        file._connection = locked
    assert waits.clock.now - 1000.0 < BUSY_SECONDS + 0.1


def test_another_error_is_not_waited_for(connection: sqlite3.Connection) -> None:
    waits = Waits()
    file = PatientFile(connection, waits.clock, waits.sleep)
    with pytest.raises(sqlite3.OperationalError):
        file.change("INSERT INTO nothing VALUES (1)", ())
    assert waits.slept == 0


def test_no_other_connection_to_the_file_writes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    section = Section()
    monkeypatch.setattr(database, "WRITING", section)

    class SlowFile(LockedFile):
        def execute(self, statement: str, values: object = ()) -> "LockedFile":
            if not statement.startswith("PRAGMA"):
                section.visit()
            return self

    changed: list[int] = []

    def change() -> None:
        changed.append(PatientFile(SlowFile(0)).change("INSERT", ()))  # type: ignore[arg-type]

    enter_one_by_one(section, [change, change])
    assert len(changed) == 2
