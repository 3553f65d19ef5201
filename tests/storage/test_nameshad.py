"""Test that it is remembered which names owners of protected names had, and when."""

from collections.abc import Iterator
from contextlib import closing
from math import inf
from pathlib import Path

import pytest

from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "chat.db"
    with closing(StoredHistory(path, print)):
        yield path


def opened(path: Path, now: float = 100.0) -> Records:
    return Records(path, lambda: now)


def test_they_outlive_the_server(path: Path) -> None:
    names = [("guest", 1.0, 2.5), ("visitor", 2.5, 3.0)]
    with closing(opened(path)) as records:
        records.protect("al", b"kept")
        records.keep_names_had("Al", names)
        records.keep_names_had("al", names)  # which writes nothing
        assert records.names_had("AL") == tuple(names)
    with closing(opened(path)) as records:
        assert records.names_had("al") == tuple(names)
        records.keep_names_had("al", names[1:])
    with closing(opened(path)) as records:
        assert records.names_had("al") == tuple(names[1:])
        assert records.names_had("bo") == ()


def test_what_has_no_end_ends_with_the_next_start(path: Path) -> None:
    with closing(opened(path, 50.0)) as records:
        records.protect("al", b"kept")
        records.keep_names_had("al", [("guest", 60.0, inf)])
        assert records.names_had("al") == (("guest", 60.0, inf),)
    for now in (70.0, 80.0):
        with closing(opened(path, now)) as records:
            assert records.names_had("al") == (("guest", 60.0, 70.0),)
    with closing(opened(path, 20.0)) as records:  # with the clock set back
        records.keep_names_had("al", [("guest", 60.0, inf)])
    with closing(opened(path, 20.0)) as records:
        assert records.names_had("al") == (("guest", 60.0, 60.0),)


def test_those_of_a_name_that_is_not_protected_are_not_kept(path: Path) -> None:
    with closing(opened(path)) as records:
        records.keep_names_had("al", [("guest", 1.0, 2.0)])
        assert records.names_had("al") == ()
        records.protect("al", b"kept")
        records.keep_names_had("al", [("guest", 1.0, 2.0)])
        records.unprotect("al")
        assert records.names_had("al") == ()
    with closing(opened(path)) as records:
        records.protect("al", b"kept")
        assert records.names_had("al") == ()


def test_a_damaged_file_is_no_harm(path: Path) -> None:
    with closing(opened(path)) as records:
        records.protect("al", b"kept")
        records._connection.execute("INSERT INTO names_had VALUES ('al', x'ff1b', 'no', 'never')")
    with closing(opened(path)) as records:
        ((name, since, until),) = records.names_had("al")
        assert "\x1b" not in name
        assert (since, until) == (0.0, 0.0)
