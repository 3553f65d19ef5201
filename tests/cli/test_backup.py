"""Test the copying of a history: while a server has it, and what is never overwritten."""

import io
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from tests.support.files import link_or_skip, never, write_old_history
from tests.support.pace import BusyPace
from threadchat.cli import backup
from threadchat.cli import main as cli
from threadchat.messages.kinds import Say
from threadchat.storage import copying
from threadchat.storage.batches import LINES
from threadchat.storage.sqlitehistory import StoredHistory


@pytest.fixture(autouse=True)
def no_signal_is_changed() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy.db"


@pytest.fixture
def history(path: Path) -> Iterator[StoredHistory]:
    with closing(StoredHistory(path, never)) as history:
        talk(history, 0, 3)
        yield history


def talk(history: StoredHistory, start: int, end: int) -> None:
    for number in range(start, end):
        history.append("lobby", [Say("al", f"number {number}", 1.0)])


def talk_at_once(history: StoredHistory, lines: int) -> None:
    """Say so much at once that it waits in the file to come into the table of lines."""
    history._keeper.close()
    history._file.batches.pace = BusyPace()
    history.append("lobby", [Say("al", "at once", 1.0)] * lines)
    assert history._file.batches.waiting == lines


def made(capsys: pytest.CaptureFixture[str], path: Path, copy: Path) -> str:
    assert cli.main(["backup", str(path), str(copy)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], path: Path, copy: Path) -> str:
    assert cli.main(["backup", str(path), str(copy)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("threadchat backup: ")
    assert captured.err.count("\n") == 1
    return captured.err


def lines_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (number,) = connection.execute("SELECT count(*) FROM messages").fetchone()
        return int(number)


def test_a_copy_while_a_server_has_the_file(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    assert made(capsys, path, copy) == f"{copy} has all of {path} (3 lines), and is whole.\n"
    assert lines_in(copy) == 3
    assert {file.name for file in path.parent.iterdir()} == {
        "chat.db", "chat.db-wal", "chat.db-shm", "copy.db"
    }  # fmt: skip
    if os.name == "posix":
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(StoredHistory(copy, never)) as copied:
        assert copied.last_place("lobby") == history.last_place("lobby")
        assert copied.search("number", 9) == history.search("number", 9)


def test_an_earlier_copy_of_the_same_history_is_replaced(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    made(capsys, path, copy)
    talk(history, 3, 5)
    made(capsys, path, copy)
    assert lines_in(copy) == 5
    history.close()
    with closing(StoredHistory(copy, never)):  # a server has used it
        pass
    for _ in range(2):
        made(capsys, path, copy)
        assert lines_in(copy) == 5


def test_nothing_else_is(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    folder = path.parent
    (folder / "diary").write_text("dear diary")
    (folder / "empty").touch()
    (folder / "folder").mkdir()
    with closing(StoredHistory(folder / "other.db", never)) as other:
        talk(other, 0, 1)
    write_old_history(folder / "old.db", 3)
    made(capsys, path, copy)
    with closing(StoredHistory(copy, never)) as later:
        talk(later, 3, 4)
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    for name in ("diary", "empty", "other.db", "old.db", "copy.db"):
        assert "is there already, and is no earlier copy of" in refused(capsys, path, folder / name)
    assert "is a folder. Name a file in it" in refused(capsys, path, folder / "folder")
    assert "is the history itself" in refused(capsys, path, path)
    link_or_skip(folder / "link", path)
    assert "is the history itself" in refused(capsys, path, folder / "link")
    os.link(path, folder / "hard")
    assert "is the history itself" in refused(capsys, path, folder / "hard")
    assert "there is no folder" in refused(capsys, path, folder / "none" / "copy.db")
    for name in ("diary/copy.db", "diary/none/copy.db"):
        assert "diary is a file, not a folder. Name a" in refused(capsys, path, folder / name)
    assert "of its own. Name another" in refused(capsys, path, folder / "chat.db-journal")
    assert {file: file.read_bytes() for file in before} == before


def test_a_copy_that_a_server_has_is_not_replaced(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    made(capsys, path, copy)
    with closing(StoredHistory(copy, never)):
        assert "so some program has" in refused(capsys, path, copy)


def test_what_sqlite_left_beside_the_name_is_not_mixed_into_the_copy(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    copy.with_name("copy.db-wal").write_text("of another file")
    assert "there is" in refused(capsys, path, copy)
    assert not copy.exists()


def test_what_cannot_be_copied(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    history.close()
    assert "there is no file" in refused(capsys, path.with_name("none"), copy)
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xff" * 8192 + data[16384:])
    assert "damaged" in refused(capsys, path, copy)
    path.write_bytes(data[:40960])
    assert "damaged" in refused(capsys, path, copy)
    assert not copy.exists()
    assert not copy.with_name("copy.db-unfinished").exists()


def test_a_copy_with_lines_that_the_history_lacks_is_not_replaced(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    made(capsys, path, copy)
    with closing(StoredHistory(copy, never)) as copied:
        talk_at_once(copied, LINES)
    assert "holds what it lacks" in refused(capsys, path, copy)
    talk(history, 3, 3 + LINES)
    made(capsys, path, copy)


def test_lines_that_wait_in_the_file_are_copied_and_count(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    talk_at_once(history, LINES)
    assert f"({3 + LINES} lines)" in made(capsys, path, copy)
    talk(history, 0, 1)  # the first copy is an earlier one of this
    assert f"({4 + LINES} lines)" in made(capsys, path, copy)


@pytest.mark.parametrize("what", ["full", "broken off", "rename"])
def test_half_a_copy_is_never_left(
    capsys: pytest.CaptureFixture[str],
    history: StoredHistory,
    path: Path,
    copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    made(capsys, path, copy)
    history.append("lobby", [Say("al", "x" * 4_000_000, 1.0)])

    def break_off(_: int, __: int) -> None:
        raise KeyboardInterrupt

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    match what:
        case "full":
            connect = sqlite3.connect

            def small(name: object, **options: object) -> sqlite3.Connection:
                connection: sqlite3.Connection = connect(name, **options)  # type: ignore[call-overload]
                connection.execute("PRAGMA max_page_count = 2")
                return connection

            monkeypatch.setattr(sqlite3, "connect", small)
            assert "there is no room on the disk for" in refused(capsys, path, copy)
        case "broken off":
            make = copying.copy
            monkeypatch.setattr(
                copying,
                "copy",
                lambda *arguments, **options: make(*arguments, **options | {"progress": break_off}),
            )
            assert cli.main(["backup", str(path), str(copy)]) == 130
        case "rename":
            monkeypatch.setattr(os, "replace", fail)
            assert "No space left on device). Make room" in refused(capsys, path, copy)
    monkeypatch.undo()
    assert lines_in(copy) == 3
    assert not [file for file in path.parent.iterdir() if "unfinished" in file.name]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGTERM")
def test_nor_after_a_signal_and_what_a_kill_left_is_in_nobodys_way(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    program = (
        "import os, signal, sys\n"
        "from threadchat.cli import backup, main\n"
        "copy = backup.copying.copy\n"
        "number = int(sys.argv[3])\n"
        "def stop(*_): os.kill(os.getpid(), number)\n"
        "backup.copying.copy = lambda *a, **o: copy(*a, **{**o, 'progress': stop})\n"
        "sys.exit(main.main(['backup', *sys.argv[1:3]]))\n"
    )
    unfinished = copy.with_name("copy.db-unfinished")
    for number, is_left in ((signal.SIGTERM, False), (signal.SIGKILL, True)):
        subprocess.run([sys.executable, "-c", program, path, copy, str(int(number))], timeout=60)
        assert not copy.exists()
        assert unfinished.exists() == is_left
    made(capsys, path, copy)
    assert lines_in(copy) == 3
    assert not unfinished.exists()


def test_two_at_once_do_not_mix(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    with closing(sqlite3.connect(path)) as source:
        seen: list[str] = []

        def meanwhile(_: int, __: int) -> None:
            if not seen:
                seen.append(refused(capsys, path, copy))

        copying.copy(source, copy, progress=meanwhile)
    assert "copy.db-unfinished is being written already. Wait until it is." in seen[0]
    assert lines_in(copy) == 3


def test_what_is_said_meanwhile_does_not_disturb_it(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, copy: Path
) -> None:
    history.append("lobby", [Say("al", "x" * 4_000_000, 1.0)])
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.is_set():
            talk(history, 0, 1)

    speaker = threading.Thread(target=go_on)
    speaker.start()
    try:
        made(capsys, path, copy)
    finally:
        is_over.set()
        speaker.join()
    assert lines_in(copy) >= 4


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal(
    history: StoredHistory, path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert backup.main([str(path), str(copy)]) == 0
    assert "Copying" in terminal.getvalue()


def test_a_wrong_option_gets_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["backup", "chat.db"])
    assert caught.value.code == 2
    assert capsys.readouterr().err == (
        "threadchat backup: the following arguments are required: COPY."
        " See threadchat backup --help.\n"
    )


def test_what_is_said_after_the_copy_is_not_counted(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    history: StoredHistory,
    path: Path,
    copy: Path,
) -> None:
    def say(words: str) -> AbstractContextManager[Callable[[int, int], None]]:
        return saying()

    @contextmanager
    def saying() -> Iterator[Callable[[int, int], None]]:
        talk(history, 3, 4)  # before the first page of it is read
        yield lambda done, total: None
        talk(history, 4, 5)

    monkeypatch.setattr(backup, "bar", say)
    assert "(3 lines)" in made(capsys, path, copy)
    assert lines_in(copy) == 3
