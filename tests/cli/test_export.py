"""Test the export of a history: as text and as JSON lines, and what cannot be exported."""

import io
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.files import never, take_back, write_old_history
from threadchat.cli import export, progress
from threadchat.cli import main as cli
from threadchat.messages.codec import parse_iso_time
from threadchat.messages.kinds import Emote, Say
from threadchat.messages.places import Place
from threadchat.storage.linkedhistory import LinkedHistory, Origin
from threadchat.storage.migrations import VERSION
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.storage.storedstretches import StoredStretches

NOON = datetime(2026, 11, 23, 12, 1).timestamp()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    # All of these mean something in a URI; Windows has no names with the last.
    return tmp_path / ("chat #1%41.db" if sys.platform == "win32" else "chat #1%41?.db")


@pytest.fixture
def history(path: Path) -> Iterator[StoredHistory]:
    with closing(StoredHistory(path, never)) as history:
        history.append("lobby", [Say("al", "hi é ✓", NOON), Emote("bo", "waves", NOON + 60.5)])
        history.append("Den", [Say("cy", "psst", NOON + 86400)])
        yield history


def exported(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert cli.main(["export", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


LINES = [
    "2026-11-23 12:01:00 lobby al: hi é ✓",
    "2026-11-23 12:02:00 lobby * bo waves",
    "2026-11-24 12:01:00 Den cy: psst",
]


def test_text_while_a_server_has_the_file(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    assert exported(capsys, str(path)) == LINES
    history.append("lobby", [Say("al", "more", NOON)])
    assert exported(capsys, str(path))[3:] == ["2026-11-23 12:01:00 lobby al: more"]


@pytest.mark.parametrize("value", ["0", "\u00b2", "9" * 30])
def test_no_variable_for_terminals_keeps_it_from_being_read(
    capsys: pytest.CaptureFixture[str],
    history: StoredHistory,
    path: Path,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", value)
    assert exported(capsys, str(path)) == LINES


def test_text_after_it_is_gone(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    history.close()
    assert exported(capsys, str(path)) == LINES


def test_a_copy_where_nothing_can_be_written(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    history.close()
    path.parent.chmod(0o500)
    try:
        assert exported(capsys, str(path)) == LINES
    finally:
        path.parent.chmod(0o700)


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_file_of_an_older_version_which_is_not_changed(
    capsys: pytest.CaptureFixture[str], path: Path, version: int
) -> None:
    write_old_history(path, version)
    before = path.read_bytes()
    lines = exported(capsys, str(path))
    assert [line.split(" ", 2)[2] for line in lines] == ["lobby al: die Straße", "lobby * al waves"]
    assert path.read_bytes() == before


def test_json_lines(capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path) -> None:
    rows = [json.loads(line) for line in exported(capsys, str(path), "--format", "jsonl")]
    assert [datetime.fromisoformat(row.pop("at")).timestamp() for row in rows] == [
        NOON,
        NOON + 60.5,
        NOON + 86400,
    ]
    epoch, _ = history.last_place("lobby")
    assert rows == [
        {"room": "lobby", "kind": kind, "name": name, "text": text, "epoch": epoch, "seq": seq}
        for kind, name, text, seq in (("say", "al", "hi é ✓", 1), ("emote", "bo", "waves", 2))
    ] + [{"room": "Den", "kind": "say", "name": "cy", "text": "psst", "epoch": epoch, "seq": 1}]


def test_what_is_not_there_is_shown_where_it_would_stand(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    history.append("Den", [Say("cy", "x", NOON + 1), Say("cy", "y", NOON + 86401)])
    take_back(history, "Den", 3)
    history.forget(NOON + 2)
    lines = [line.partition(" ")[2] for line in exported(capsys, str(path))]
    assert lines == [
        "12:02:00 lobby --- 1 line was missed",
        "12:02:00 lobby * bo waves",
        "12:01:00 Den cy: psst",
        "12:01:01 Den --- 1 line was missed",
        "12:01:01 Den --- a line of cy was taken back",
    ]
    rows = [json.loads(line) for line in exported(capsys, str(path), "--format", "jsonl")]
    for row in rows:
        del row["at"]
    epoch, _ = history.last_place("Den")
    assert rows[0] == {"room": "lobby", "kind": "gap", "missing": 1}
    assert rows[-1] == {
        "room": "Den",
        "kind": "taken_back",
        "name": "cy",
        "epoch": epoch,
        "seq": 3,
        "after": 3,
    }
    since = exported(capsys, str(path), "--since", "2026-11-23T12:02")
    assert [line.partition(" ")[2] for line in since] == lines[1:]


def test_what_linked_servers_said_stands_where_their_order_took_it(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    epoch, node = "e1" * 8, "box/1"
    with closing(StoredHistory(path, never)) as stored:
        history = LinkedHistory(stored, StoredStretches(stored))
        history.keep("r", [Say("al", "one", NOON)], Origin(node, 1, Place(epoch, 1)))
        history.keep("r", apart := [Say("al", "apart", NOON + 60)], Origin(node, 2))
        history.keep("r", [Say("bo", "theirs", NOON + 90)], Origin("b", 1, Place(epoch, 4)))
        history.move("r", [(apart, Origin(node, 2, Place(epoch, 5), (NOON + 60, NOON + 61)))])
        assert exported(capsys, str(path)) == [
            "2026-11-23 12:01:00 r al: one",
            "2026-11-23 12:02:30 r --- 2 lines were missed",
            "2026-11-23 12:02:30 r bo: theirs",
            "2026-11-23 12:02:00 r (apart) al: apart",
        ]
        lines = [json.loads(it) for it in exported(capsys, str(path), "--format", "jsonl")]
    assert [(it["epoch"], it["seq"]) for it in lines if "seq" in it] == [
        (epoch, 1),
        (epoch, 4),
        (epoch, 5),
    ]
    assert [parse_iso_time(it) for it in lines[-1]["apart"]] == [NOON + 60, NOON + 61]
    assert "apart" not in lines[0]


@pytest.mark.parametrize("since", ["2h", "2 hours", "120 min ago"])
def test_since_so_long_ago(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path, since: str
) -> None:
    now = time.time()
    history.append("lobby", [Say("al", "old", now - 7300), Say("al", "new", now - 7100)])
    (line,) = exported(capsys, str(path), "--since", since)
    assert line.endswith("lobby al: new")


def test_a_file_from_before_there_were_places_shows_none(
    capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    write_old_history(path, 3)
    rows = [json.loads(line) for line in exported(capsys, str(path), "--format", "jsonl")]
    assert [row.keys() for row in rows] == [{"at", "room", "kind", "name", "text"}] * 2


@pytest.mark.parametrize(
    ("arguments", "which"),
    [
        (["--room", "lobby"], slice(0, 2)),
        (["--room", "#DEN"], slice(2, 3)),
        (["--since", "2026-11-23"], slice(0, 3)),
        (["--since", "2026-11-24"], slice(2, 3)),
        (["--since", "2026-11-23T12:01:30"], slice(1, 3)),
        (["--since", "2026-11-23 12:02"], slice(1, 3)),
        (["--since", "2027-01-01T00:00+00:00"], slice(3, 3)),
        (["--since", "2026-11-23T12:01:30", "--room", "lobby"], slice(1, 2)),
    ],
)
def test_a_selection(
    capsys: pytest.CaptureFixture[str],
    history: StoredHistory,
    path: Path,
    arguments: list[str],
    which: slice,
) -> None:
    assert exported(capsys, str(path), *arguments) == LINES[which]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["export", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("threadchat export: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_room_nobody_spoke_in(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    words = refused(capsys, str(path), "--room", "none")
    assert "nothing was said in a room 'none'" in words
    assert "It knows lobby, Den." in words


def test_files_that_hold_no_history(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    none, empty, diary, other = (tmp_path / name for name in ("none", "empty", "diary", "other"))
    empty.touch()
    diary.write_text("dear diary, " * 1000)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE things (id)")
    assert "there is no file" in refused(capsys, str(none))
    assert not none.exists()
    assert "there is no file" in refused(capsys, str(tmp_path))
    assert "there is no file" in refused(capsys, str(tmp_path / ("x" * 300)))
    assert "holds no history" in refused(capsys, str(empty))
    assert "is not a history of threadchat" in refused(capsys, str(diary))
    assert "not one of threadchat's" in refused(capsys, str(other))


def test_a_damaged_file(
    capsys: pytest.CaptureFixture[str], history: StoredHistory, path: Path
) -> None:
    history.append("lobby", [Say("al", "x" * 1000, NOON)] * 100)
    history.close()
    path.write_bytes(path.read_bytes()[:40960])
    assert cli.main(["export", str(path)]) == 1
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "arguments are required: FILE"),
        (["f", "--since", "monday"], "'monday' is no date or time"),
        (["f", "--since", "2h please"], "2026-11-23, 2026-11-23T12:01 and 2h are some"),
        (["f", "--format", "xml"], "invalid choice: 'xml'"),
        (["f", "--port", "1"], "unrecognized arguments: --port 1"),
    ],
)
def test_a_wrong_option_gets_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["export", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("threadchat export: ")
    assert error.count("\n") == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal_and_nothing_of_it_in_the_output(
    history: StoredHistory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, output = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setenv("TERM", "xterm")
    shown: list[tuple[int, int]] = []

    @contextmanager
    def bar(words: str, *, is_shown: bool) -> Iterator[Callable[[int, int], None]]:
        with progress.bar(words, is_shown=is_shown):
            yield lambda done, total: shown.append((done, total))

    monkeypatch.setattr(export, "_EVERY", 2)
    monkeypatch.setattr(export, "bar", bar)
    assert export.main([str(path)]) == 0
    assert output.getvalue().splitlines() == LINES
    assert shown == [(2, 3)]
    assert "Reading" in terminal.getvalue()
    assert "hi" not in terminal.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_without_standard_error_there_is_no_bar(
    history: StoredHistory,
    path: Path,
    capsys: pytest.CaptureFixture[str],
    is_terminal: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with progress.bar("Reading", is_shown=is_terminal) as show:
        show(1, 2)
    assert capsys.readouterr().out == ""


def test_ctrl_c_breaks_it_off_without_a_word(
    history: StoredHistory,
    path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def press(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(export._WRITERS, "text", press)
    assert cli.main(["export", str(path)]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("platform", "is_terminal", "chosen", "encoding"),
    [
        ("win32", False, "", "utf-8"),
        ("win32", False, "cp850", "cp1252"),  # the one that Python has made of it
        ("win32", True, "", "cp1252"),
        ("linux", False, "", "cp1252"),
    ],
)
def test_a_file_or_a_pipe_on_windows_gets_all_letters(
    history: StoredHistory,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    is_terminal: bool,
    chosen: str,
    encoding: str,
) -> None:
    written = io.BytesIO()
    output = io.TextIOWrapper(written, "cp1252", newline="\n")
    monkeypatch.setattr(output, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("PYTHONIOENCODING", chosen)
    assert export.main([str(path)]) == 0
    assert output.encoding == encoding
    text = written.getvalue().decode(encoding)
    assert text.splitlines() == (
        LINES if encoding == "utf-8" else [line.replace("\u2713", "\\u2713") for line in LINES]
    )


def test_a_reader_who_has_had_enough(
    history: StoredHistory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    assert export.main([str(path)]) == 0


def test_a_disk_that_is_full(
    history: StoredHistory,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    assert export.main([str(path)]) == 1
    assert capsys.readouterr().err.endswith("cannot write it out: No space left on device.\n")


def test_where_there_is_no_standard_output(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    history: StoredHistory,
    path: Path,
) -> None:
    """As after `>&-` in a shell."""
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["export", str(path)]) == 1
    assert capsys.readouterr().err == (
        "threadchat export: there is no standard output to write to.\n"
    )


def test_what_is_said_meanwhile_is_not_in_it(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    history: StoredHistory,
    path: Path,
) -> None:
    @contextmanager
    def saying(words: str, *, is_shown: bool = True) -> Iterator[Callable[[int, int], None]]:
        history.append("lobby", [Say("al", "meanwhile", NOON + 3 * 86400)])
        yield lambda done, total: None

    monkeypatch.setattr(export, "bar", saying)
    assert exported(capsys, str(path)) == LINES
