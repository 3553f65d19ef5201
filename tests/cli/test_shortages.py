"""What the system has too little of is said in one line at the start, with the way out."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from threadchat.cli import shortages
from threadchat.cli.arguments import Fault
from threadchat.testing import DEADLINE

resource = pytest.importorskip("resource", reason="there are no limits to set here")


def run(limit: str, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program with a limit, which is set once all is imported."""
    script = (
        "import resource, sys; from threadchat.cli.main import main;"
        f" resource.setrlimit(resource.{limit}, ({number}, {number})); sys.exit(main(sys.argv[1:]))"
    )
    # Nothing else is to write files: a count of branches would complain that it cannot, and Python
    # would leave half of its compiled modules to the next run.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


SERVER = ("--port", "0", "--host", "127.0.0.1", "--web-port", "off")


@pytest.mark.parametrize("number", [5, 7, 9, 12, 16, 20, 24])
@pytest.mark.parametrize("options", [(), ("--history", "chat.db"), ("--log-file", "log")])
@pytest.mark.slow
def test_too_few_descriptors_for_a_server(
    number: int, options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run("RLIMIT_NOFILE", number, *SERVER, *options)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr == (
        "threadchat: too few files may be open at once. Raise that limit (ulimit -n 1024).\n"
    )


@pytest.mark.parametrize("command", [("export",), ("check",), ("backup", "copy.db")])
def test_too_few_descriptors_for_a_command(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run("RLIMIT_NOFILE", 7, command[0], "chat.db", *command[1:])
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"threadchat {command[0]}: too few files may be open at once")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [0, 100, 4096, 60_000])
def test_files_that_may_not_grow(number: int, tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    ended = run("RLIMIT_FSIZE", number, *SERVER, "--history", str(path))
    assert ended.returncode == 1
    assert ended.stderr == (
        f"threadchat: {path} may not have more than {number:,} bytes. Raise that limit"
        " (ulimit -f).\n"
    )


def test_no_file_gets_the_number_of_a_closed_standard_descriptor(tmp_path: Path) -> None:
    script = (
        "import os, sys; from threadchat.cli.shortages import hold_standard_descriptors;"
        " [os.close(number) for number in range(3)]; hold_standard_descriptors();"
        " file = os.open('chat.db', os.O_CREAT | os.O_RDWR);"
        " os.write(2, b'what a library says'); os._exit(file)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, timeout=DEADLINE, check=False
    )
    assert ended.returncode == 3
    assert (tmp_path / "chat.db").read_bytes() == b""


def test_what_is_open_is_left_alone() -> None:
    before = [os.fstat(number) for number in range(3)]
    shortages.hold_standard_descriptors()
    assert [os.fstat(number)[:3] for number in range(3)] == [it[:3] for it in before]


@pytest.mark.slow
def test_enough_files_are_no_fault() -> None:
    shortages.check_files(4)
    with pytest.raises(Fault, match="ulimit -n"):
        shortages.check_files(10**7)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "the system has too little left for a server (Out of memory)."),
        (OSError(errno.ENFILE, "Too many"), "the system can open no more files."),
        (OSError(errno.EMFILE, "Too many"), "too few files may be open at once."),
        (
            OSError(errno.ENOBUFS, "No room"),
            "the system has too little left for a server (No room).",
        ),
    ],
)
def test_each_shortage_has_its_line(error: Exception, line: str) -> None:
    said = shortages.line_of(error)
    assert said is not None
    assert said.startswith(line)


def test_other_errors_are_no_shortage() -> None:
    assert shortages.line_of(OSError(errno.ENOENT, "No such file")) is None
