"""Test what is said of a history that is whole, and of others."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.files import index_all, never, write_old_history
from tests.support.pace import BusyPace
from threadchat.cli import check
from threadchat.cli import main as cli
from threadchat.messages.kinds import Say
from threadchat.storage.batches import LINES
from threadchat.storage.hooks import KeptHook
from threadchat.storage.migrations import VERSION, VERSION_WITH_RECORDS
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory

NOON = 1764000000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def history(path: Path) -> Iterator[StoredHistory]:
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "hi", NOON), Say("al", "there", NOON + 86400)])
        history.append("den", [Say("bo", "x" * 1000, NOON)] * 50)
        yield history


def checked(capsys: pytest.CaptureFixture[str], path: Path, status: int = 0) -> list[str]:
    assert cli.main(["check", str(path)]) == status
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def test_one_that_is_whole_while_a_server_has_it(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    with closing(Records(path)) as records:
        records.protect("bo", b"kept")
        records.hooks.add(KeptHook("ci", "games", b"#" * 32, 1.0))
        lines = [
            f"a history of version {VERSION}: 52 lines in 2 rooms, from 2025-11-24 to 2025-11-25",
            "1 protected name, 0 messages waiting for them, 0 bans, 1 hook",
            f"{path} is whole.",
        ]
        assert checked(capsys, path) == lines
    history.close()
    before = path.read_bytes()
    assert checked(capsys, path) == lines
    assert path.read_bytes() == before


def test_one_in_which_nothing_was_said(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    with closing(StoredHistory(path, never)):
        pass
    first, *_, last = checked(capsys, path)
    assert first == f"a history of version {VERSION}: 0 lines in 0 rooms"
    assert last == f"{path} is whole."


@pytest.mark.parametrize("version", range(1, VERSION))
def test_one_of_an_older_version(
    capsys: pytest.CaptureFixture[str], path: Path, version: int
) -> None:
    write_old_history(path, version)
    assert checked(capsys, path)[-1] == f"{path} is whole."


def test_what_is_wrong_is_said_in_plain_lines(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    history.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE messages SET at = 1e300 WHERE id = 1")
        other.execute("UPDATE messages SET at = '\x1b[2J' WHERE id = 2")
        other.execute("UPDATE messages SET text = x'00', room = 99 WHERE id = 3")
    assert checked(capsys, path, 1) == [
        "wrong: 1 line of a room that is not there",
        "wrong: 2 lines with a time that is none",
        "wrong: 1 line with a name or words that are no text",
        f"{path} can be served, but another program has changed these lines. An earlier copy may"
        " have them as they were.",
    ]


def test_pages_that_are_overwritten(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    history.close()
    data = path.read_bytes()
    for page in range(1, len(data) // 4096):
        path.write_bytes(data[: page * 4096] + b"\xff" * 4096 + data[(page + 1) * 4096 :])
        status = cli.main(["check", str(path)])
        captured = capsys.readouterr()
        words = captured.out + captured.err
        assert "Traceback" not in words
        assert (status == 1) == ("is damaged" in words)
        assert (status == 0) == ("is whole" in words)
        assert set(words) <= {*map(chr, range(32, 127)), "\n"}
    path.write_bytes(data)


def test_an_index_of_words_that_was_overwritten(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    index_all(history)
    history.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE words_data SET block = x'ffff' WHERE id > 10")
    assert cli.main(["check", str(path)]) == 1
    assert "is damaged" in capsys.readouterr().err


def test_what_is_no_history(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("dear diary " * 1000)
    for name, words in (
        ("none", "there is no file"),
        ("diary", "is not a history of threadchat"),
        (".", "that is a folder"),
    ):
        assert cli.main(["check", str(tmp_path / name)]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("threadchat check: ")
        assert words in captured.err
        assert captured.err.count("\n") == 1


def test_a_long_one_is_not_left_in_the_middle(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    # So long that SQLite asks on the way whether to go on.
    history.append("lobby", [Say("al", f"word{number}", NOON) for number in range(10_000)])
    assert checked(capsys, path)[-1] == f"{path} is whole."


@pytest.fixture
def busy(history: StoredHistory, path: Path) -> StoredHistory:
    """A history in which lines wait to come into the table of lines."""
    history._keeper.close()
    history._file.batches.pace = BusyPace()
    history.append("lobby", [Say("al", f"late {number}", NOON) for number in range(LINES)])
    assert history._file.batches.waiting == LINES
    return history


def test_lines_that_wait_in_the_file_count(
    capsys: pytest.CaptureFixture[str], busy: StoredHistory, path: Path
) -> None:
    first, *_, last = checked(capsys, path)
    assert first.startswith(f"a history of version {VERSION}: {52 + LINES} lines in 2 rooms, from ")
    assert last == f"{path} is whole."


def test_so_do_those_of_which_nothing_can_be_read(
    capsys: pytest.CaptureFixture[str], busy: StoredHistory, path: Path
) -> None:
    busy._connection.execute("UPDATE batches SET lines = 'no lines' WHERE id = 1")
    assert checked(capsys, path, 1)[0] == f"wrong: {LINES} lines of which nothing can be read"


@pytest.mark.parametrize(
    ("version", "says_more"),
    [(VERSION_WITH_RECORDS - 1, None), (VERSION_WITH_RECORDS, "0 bans"), (VERSION, "0 hooks")],
)
def test_what_an_older_version_holds_is_told(
    capsys: pytest.CaptureFixture[str], path: Path, version: int, says_more: str | None
) -> None:
    write_old_history(path, version)
    first, *more, _ = checked(capsys, path)
    assert first.startswith(f"a history of version {version}: 2 lines in 1 room")
    assert [it.rpartition(", ")[2] for it in more] == ([] if says_more is None else [says_more])


def test_what_is_said_meanwhile_does_not_disturb_it(
    capsys: pytest.CaptureFixture[str],
    history: StoredHistory,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    really_damage = check._damage

    def damage(connection: sqlite3.Connection, version: int) -> Iterator[str]:
        yield from really_damage(connection, version)
        history.append("lobby", [Say("al", "meanwhile", NOON)])

    monkeypatch.setattr(check, "_damage", damage)
    assert ": 52 lines in " in checked(capsys, path)[0]
    assert ": 53 lines in " in checked(capsys, path)[0]


def test_ctrl_c_is_heard_while_sqlite_works(
    capsys: pytest.CaptureFixture[str],
    history: StoredHistory,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(sqlite3.Connection):
        """One at which Ctrl-C is pressed as soon as SQLite asks whether to go on."""

        def set_progress_handler(self, handler: Any, steps: int) -> None:
            def press() -> int:
                assert not handler()
                raise KeyboardInterrupt

            super().set_progress_handler(press, 10)

    really_connect = sqlite3.connect

    def connect(*given: Any, **more: Any) -> sqlite3.Connection:
        return really_connect(*given, **more, factory=Interrupted)

    monkeypatch.setattr(sqlite3, "connect", connect)
    assert cli.main(["check", str(path)]) == 130
    assert capsys.readouterr() == ("", "")
