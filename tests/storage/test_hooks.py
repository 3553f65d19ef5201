"""Hooks are remembered over a restart, in copies, and where the file is lost; no token is."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.files import never, write_old_history
from threadchat.storage import copying
from threadchat.storage.hooks import KeptHook
from threadchat.storage.migrations import VERSION
from threadchat.storage.records import Records, RecordsFailed
from threadchat.storage.sqlitehistory import StoredHistory

CI = KeptHook("Ci", "games", b"#" * 32, 5.0)
CRON = KeptHook("cron", "lobby", b"-" * 32, 7.0, 3, 9.5)


def hooks_in(path: Path) -> list[KeptHook]:
    with closing(StoredHistory(path, never)), closing(Records(path)) as records:
        return records.hooks.at_start


def test_they_are_there_again(path: Path) -> None:
    with closing(StoredHistory(path, never)), closing(Records(path)) as records:
        assert records.hooks.at_start == []
        for hook in (CRON, CI):
            records.hooks.add(hook)
        used = KeptHook("Ci", "games", CI.token, 5.0, 1, 6.0)
        records.hooks.note_use(used)
        # Another hook that has the name by now is not meant.
        records.hooks.note_use(KeptHook("cron", "lobby", b"+" * 32, 8.0, 99, 99.0))
    assert hooks_in(path) == [used, CRON]
    with closing(StoredHistory(path, never)), closing(Records(path)) as records:
        records.hooks.remove(used)
    assert hooks_in(path) == [CRON]


def test_without_a_file_they_are_forgotten() -> None:
    with closing(Records(None)) as records:
        records.hooks.add(CI)
        records.hooks.note_use(CI)
        records.hooks.remove(CI)


def test_what_is_kept_of_a_token_is_not_shown_by_accident() -> None:
    assert "###" not in repr(CI)


@pytest.mark.parametrize("version", range(1, VERSION))
def test_the_file_of_an_older_version_takes_them(path: Path, version: int) -> None:
    write_old_history(path, version)
    with closing(StoredHistory(path, never)), closing(Records(path)) as records:
        records.hooks.add(CI)
    assert hooks_in(path) == [CI]


def test_a_copy_has_them(path: Path) -> None:
    copy = path.with_name("copy.db")
    with closing(StoredHistory(path, never)), closing(Records(path)) as records:
        records.hooks.add(CI)
        with closing(sqlite3.connect(path)) as connection:
            copying.copy(connection, copy)
    assert hooks_in(copy) == [CI]


@pytest.mark.parametrize("is_overwritten", [False, True])
def test_a_new_file_in_place_of_one_that_is_lost_has_them(path: Path, is_overwritten: bool) -> None:
    told: list[str] = []
    later = KeptHook("later", "games", b"+" * 32, 8.0)
    history = StoredHistory(path, told.append)
    with closing(history), closing(Records(path)) as records:
        for hook in (CI, CRON):
            records.hooks.add(hook)
        if is_overwritten:
            path.write_bytes(b"x" * 100_000)
        else:
            try:
                path.unlink()
            except PermissionError:
                pytest.skip("a file in use cannot be removed here")
        history.look()
        records.hooks.remove(CI)
        records.hooks.add(later)
    assert len(told) == 1
    assert hooks_in(path.with_name("chat.db.kept-1")) == [CRON, later]


def test_a_file_that_fails_is_told_of(path: Path) -> None:
    with closing(StoredHistory(path, never)), closing(Records(path)) as records:
        records._connection.execute("DROP TABLE hooks")
        with pytest.raises(RecordsFailed, match="there is none"):
            records.hooks.add(CI)
        with pytest.raises(RecordsFailed, match="Ci is no hook any more, but is one again"):
            records.hooks.remove(CI)
        with pytest.raises(RecordsFailed):
            records.hooks.note_use(CI)


def test_what_another_program_wrote_is_made_safe(path: Path) -> None:
    with closing(StoredHistory(path, never)), closing(Records(path)) as records:
        records._connection.execute(
            "INSERT INTO hooks VALUES (x'ff', ?, ?, 'text', 'never', -7, 1e999)",
            ("c\x1b[31mi", "#" * 99),
        )
    (hook,) = hooks_in(path)
    assert hook == KeptHook("ci", "unknown", b"", 0.0, 0, 0.0)
