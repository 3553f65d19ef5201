"""What the command lines share: each says in one line what is wrong."""

import errno
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from threadchat.cli import affinity, find
from threadchat.cli.arguments import silence_broken_output
from threadchat.cli.main import main
from threadchat.messages.kinds import Say
from threadchat.storage.sqlitehistory import StoredHistory


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "a\nb\x1b[2J"],
        ["a\nb\x1b[2J"],
        ["--port", "a\nb\x1b[2J"],
        ["--port", "0", "--web-port", "off", "--motd-file", "a\nb\x1b[2J"],
        ["--port", "0", "--web-port", "off", "--history", "no/a\nb\x1b[2J"],
        ["check", "a\nb\x1b[2J"],
        ["export", "a\nb\x1b[2J"],
        ["export", "chat.db", "a\nb\x1b[2J"],
        ["backup", "a\nb\x1b[2J", "copy.db"],
    ],
)
def test_whatever_a_name_holds_it_is_one_line(
    arguments: Sequence[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The thread that would be bound to one processor is the tests' own.
    monkeypatch.setattr(affinity, "stay_on_one", lambda: None)
    try:
        status = main(arguments)
    except SystemExit as error:
        status = int(str(error.code))
    assert status in (1, 2)
    said = capsys.readouterr().err
    assert said.startswith("threadchat")
    assert said.removesuffix("\n").isprintable()
    assert "\\nb\\x1b[2J" in said


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([it, "--help"] for it in ("find", "export"))]
)
def test_nobody_has_to_read_the_help(arguments: Sequence[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "threadchat", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    with os.fdopen(writing, "wb") as output:
        ended = subprocess.run(
            command, stdout=output, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert (ended.returncode, ended.stderr) == (0, b"")


class Output(io.StringIO):
    """Standard output that fails when it is written to, or only when it is flushed."""

    def __init__(self, error: OSError, when: str) -> None:
        super().__init__()
        self._error, self._when = error, when

    def write(self, text: str) -> int:
        if self._when == "write":
            raise self._error
        return len(text)

    def flush(self) -> None:
        raise self._error


@pytest.mark.parametrize("when", ["write", "flush"])
@pytest.mark.parametrize("command", ["find", "check", "backup", "export"])
class TestWhereNobodyTakesTheOutput:
    @pytest.fixture(autouse=True)
    def _make_history(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
        monkeypatch.chdir(tmp_path)
        StoredHistory(Path("chat.db"), lambda _: None).close()
        monkeypatch.setattr(find, "_found", lambda _: iter(["threadchat on box"]))
        self.arguments = [
            command,
            *{"find": [], "backup": ["chat.db", "copy.db"]}.get(command, ["chat.db"]),
        ]

    def test_a_reader_that_wants_no_more_is_no_error(
        self, when: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdout", Output(BrokenPipeError(32, "Broken pipe"), when))
        assert main(self.arguments) == 0
        assert capsys.readouterr().err == ""

    def test_a_full_disk_is_one_line(
        self, when: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        full = OSError(errno.ENOSPC, "No space left on device")
        monkeypatch.setattr(sys, "stdout", Output(full, when))
        assert main(self.arguments) == 1
        command = self.arguments[0]
        words = "cannot write it out: No space left on device.\n"
        assert capsys.readouterr().err == f"threadchat {command}: {words}"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """One with a line of which ASCII lacks a letter, and with such a name."""
    path = tmp_path / "café.db"
    with closing(StoredHistory(path, lambda words: None)) as history:
        history.append("lobby", [Say("al", "hé", 1.0)])
    return path


COMMANDS = ["backup", "check", "export"]


def command_line(command: str, history: Path) -> list[str]:
    copy = [str(history.with_name("café-copy.db"))] if command == "backup" else []
    return [command, str(history), *copy]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_letter_that_the_output_lacks_is_an_escape(
    command: str, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", output)
    assert main(command_line(command, history)) == 0
    output.flush()
    assert b"\\xe9" in output.buffer.getvalue()


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_said_of_an_output_that_nobody_reads(
    command: str, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main(command_line(command, history)) == 0
        # What is written at the exit, after that, is told by nobody either.
        output.write("more")


def test_without_an_output_there_is_nothing_to_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    silence_broken_output()
