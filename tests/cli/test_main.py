"""The main function: what keeps a server from running, and its exit status."""

import errno
import gc
import io
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.net.test_tls import Files
from threadchat.cli import affinity
from threadchat.cli import main as cli
from threadchat.cli.main import main
from threadchat.cli.options import Options
from threadchat.cli.servicemanager import ServiceManager
from threadchat.console.log import Console
from threadchat.console.operator import Operator
from threadchat.monitoring.eventlog import EventLog
from threadchat.net.threads import OutOfThreads
from threadchat.server.chatserver import ChatServer
from threadchat.server.listener import CannotListenForTls
from threadchat.server.periodic import Periodic
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import DEADLINE

CANNOT = ["--host", "198.51.100.7", "--port", "0"]
"""Options with which the server cannot run: the address is not this machine's."""


@pytest.fixture(autouse=True)
def all_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    # Here the thread that would be bound is the tests' own.
    monkeypatch.setattr(affinity, "stay_on_one", lambda: None)


def assert_one_line(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in words)


def test_a_port_in_use_for_tls(capsys: pytest.CaptureFixture[str], files: Files) -> None:
    certificate = ["--tls-cert", files.certificate, "--tls-key", files.key]
    with ChatServer(("127.0.0.1", 0)) as server:
        port = str(server.server_address[1])
        options = ["--host", "127.0.0.1", "--port", "0", "--tls-port", port, *certificate]
        assert main(options) == 1
    assert_one_line(capsys, f"port {port} is in use", "--tls-port 0")


def test_one_port_for_both(capsys: pytest.CaptureFixture[str], files: Files) -> None:
    certificate = ["--tls-cert", files.certificate, "--tls-key", files.key]
    assert main(["--port", "8992", *certificate]) == 1
    assert_one_line(capsys, "--port and --tls-port are both 8992. Choose another for one of them.")
    assert main(["--port", "8992", "--web-port", "8992"]) == 1
    assert_one_line(capsys, "--port and --web-port are both 8992. Choose another for one of them.")
    assert main(["--port", "0", "--web-port", "8992", *certificate]) == 1
    assert_one_line(capsys, "--tls-port and --web-port are both 8992. Choose another for one of")


@pytest.mark.parametrize("option", ["--motd-file", "--password-file", "--op-password-file"])
def test_a_file_that_is_not_there(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--port", "0", option, str(tmp_path / "missing")]) == 1
    assert_one_line(capsys, "threadchat: ", "missing cannot be read ")


@pytest.mark.parametrize(
    ("option", "wrong", "words"),
    [
        ("--max-per-address", "-1", "-1 is too small; 0 is no limit"),
        ("--flood", "often", "'often' is neither off nor BURST/RATE"),
    ],
)
def test_a_limit_that_is_none(
    option: str, wrong: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main([f"{option}={wrong}", *CANNOT])
    assert exited.value.code == 2
    assert words in capsys.readouterr().err


def test_no_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--max-per-address", "0", "--flood", "off", *CANNOT]) == 1
    assert_one_line(capsys, "198.51.100.7")


def test_an_address_that_is_not_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "198.51.100.7", "--port", "0"]) == 1
    assert_one_line(capsys, "198.51.100.7 is not an address of this machine", "--host")


@pytest.mark.parametrize("host", ["nobody.invalid", "x" * 300, "a..b"])
def test_a_host_nobody_knows(capsys: pytest.CaptureFixture[str], host: str) -> None:
    assert main(["--host", host, "--port", "0"]) == 1
    assert_one_line(capsys, host, "--host")


def test_a_port_one_has_no_right_to(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert main(["--port", "23"]) == 1
    assert_one_line(capsys, "port 23 is not open to you", "below 1024")


def test_a_port_that_another_server_keeps_to_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Windows says so instead of that it is in use (WSAEACCES), and of ports kept by the system.
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert main(["--port", "8000"]) == 1
    assert_one_line(capsys, "port 8000 is in use", "kept by the system", "--port 0")


@pytest.mark.parametrize("host", ["", "127.0.0.1"])
def test_a_port_in_use(capsys: pytest.CaptureFixture[str], host: str) -> None:
    with ChatServer((host, 0)) as server:
        port = server.server_address[1]
        assert main(["--host", host, "--port", str(port)]) == 1
    assert_one_line(capsys, f"port {port} is in use", "--port 0")


def test_whatever_else_goes_wrong_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENETDOWN, "Network is down")

    monkeypatch.setattr(cli, "ChatServer", fail)
    assert main(["--port", "0"]) == 1
    assert_one_line(capsys, "Network is down")


TOO_LITTLE = (
    "threadchat: the system has too little left for a server ({})."
    " End other programs, or raise the limits that `ulimit -a` shows.\n"
)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (MemoryError(), "Out of memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "Cannot allocate memory"),
        (CannotListenForTls(errno.ENOBUFS, "No buffer space"), "No buffer space"),
    ],
)
def test_a_shortage_is_said_in_a_line(
    error: Exception,
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli, "ChatServer", fail)
    assert main(["--port", "0"]) == 1
    assert capsys.readouterr().err == TOO_LITTLE.format(why)


def test_encodings_that_cannot_be_read_are_said_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LookupError("cp1252 cannot be loaded just now: Too many open files")

    monkeypatch.setattr(cli, "ChatServer", fail)
    assert main(["--port", "0"]) == 1
    assert_one_line(capsys, "the encodings cannot be read", "Too many open files")


def test_a_server_that_cannot_start_is_said_in_a_line_below_the_log(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise OutOfThreads("looking after clients")

    monkeypatch.setattr(gc, "set_threshold", lambda _: None)
    monkeypatch.setattr(Periodic, "start", fail)
    assert main(["--port", "0", "--log-file", str(tmp_path / "log")]) == 1
    captured = capfd.readouterr()
    assert "server bound" in captured.out
    assert captured.err.startswith("threadchat: cannot start a thread for looking after clients:")
    assert captured.err.count("\n") == 1
    assert b'"event": "bound"' in (tmp_path / "log").read_bytes()


def test_a_file_that_is_no_history(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "diary"
    file.write_text("dear diary, " * 1000)
    assert main(["--port", "0", "--history", str(file)]) == 1
    assert_one_line(capsys, f"{file} is not a history of threadchat", "another file")


def test_a_log_file_that_cannot_be_had(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--port", "0", "--log-file", str(tmp_path)]) == 1
    assert_one_line(capsys, f"{tmp_path} cannot be written as a log: it is a folder. Name a file")


def test_paths_that_cannot_be_resolved_do_not_keep_it_from_running(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As under Wine, if they are of more than 260 letters.
    def fail(path: str | Path) -> str:
        raise OSError(errno.EINVAL, "More data available")

    monkeypatch.setattr(os.path, "realpath", fail)
    files = ["--history", str(tmp_path / "chat.db"), "--log-file", str(tmp_path / "log")]
    assert main([*CANNOT, *files]) == 1
    assert_one_line(capsys, "198.51.100.7 is not an address of this machine")


@pytest.mark.parametrize(("number", "set_to"), [(1, [0.1]), (None, [])])
def test_only_on_one_processor_threads_ask_for_their_turn_less_often(
    monkeypatch: pytest.MonkeyPatch, number: int | None, set_to: list[float]
) -> None:
    intervals: list[float] = []
    monkeypatch.setattr(affinity, "stay_on_one", lambda: number)
    monkeypatch.setattr(sys, "setswitchinterval", intervals.append)
    assert main(CANNOT) == 1
    assert intervals == set_to


def test_a_log_file_is_let_go_of_when_the_server_cannot_run(tmp_path: Path) -> None:
    # Otherwise the check for leaks finds it open.
    assert main([*CANNOT, "--log-file", str(tmp_path / "log")]) == 1
    assert (tmp_path / "log").read_bytes() == b""


def test_a_history_is_let_go_of_when_the_server_cannot_run(tmp_path: Path) -> None:
    file = tmp_path / "chat.db"
    for _ in range(2):
        assert main([*CANNOT, "--history", str(file)]) == 1
    StoredHistory(file, print).close()


def test_the_records_are_kept_in_the_file_of_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_in: list[str | None] = []

    def records(path: str | None, *, warn: Callable[[str], None]) -> Records:
        kept_in.append(path)
        return Records(path, warn=warn)

    monkeypatch.setattr("threadchat.cli.main.Records", records)
    file = str(tmp_path / "chat.db")
    for options in ([], ["--history", file]):
        assert main([*CANNOT, *options]) == 1
    assert kept_in == [None, file]


def test_without_other_arguments_those_of_the_program_count(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["threadchat", "check", str(tmp_path / "none.db")])
    assert main() == 1
    assert_one_line(capsys, "threadchat check: there is no file")


def test_a_name_that_the_encoding_of_the_output_lacks_breaks_no_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, "ascii"))
    assert main(CANNOT) == 1
    print("caf\xe9", flush=True)
    assert output.getvalue() == rb"caf\xe9" + os.linesep.encode()


@pytest.mark.parametrize(
    ("file", "shown"), [("log", "problem             the disk is full"), ("-", "threadchat: the")]
)
def test_what_is_wrong_with_the_log_file_is_said_beside_it(
    file: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[Callable[[str], None]] = []
    monkeypatch.setattr(cli, "EventLog", lambda _, warn, messages: warnings.append(warn))
    output = io.StringIO()
    console = Console(file=output, has_time=False)
    cli._open_log(Options(log_file=file), console)
    cli._open_log(Options(), console)
    (warn,) = warnings
    warn("the disk is full")
    console.close(DEADLINE)
    assert output.getvalue().startswith(shown)
    assert output.getvalue().endswith("the disk is full\n")


def test_the_files_are_read_again_and_so_is_the_name_of_the_log() -> None:
    done: list[str] = []

    class Manager:
        @contextmanager
        def reloading(self) -> Iterator[None]:
            done.append("begins")
            yield
            done.append("ends")

    manager = cast(ServiceManager, Manager())
    server = cast(ChatServer, SimpleNamespace(reread=lambda: done.append("server")))
    log = cast(EventLog, SimpleNamespace(reopen=lambda: done.append("log")))
    cli._reread(server, log, manager)
    assert done == ["begins", "log", "server", "ends"]
    done.clear()
    cli._reread(server, None, manager)
    assert done == ["begins", "server", "ends"]


@pytest.mark.parametrize("is_attended", [True, False, None])
def test_the_operator_sits_there_as_long_as_the_input_says_so(
    is_attended: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[bool] = []
    operators: list[Operator] = []
    reader = SimpleNamespace(is_attended=is_attended, start=lambda: started.append(True))

    def open_input(_: Console, obey: Any, *__: object) -> SimpleNamespace | None:
        operators.append(obey.__self__)
        return None if is_attended is None else reader

    monkeypatch.setattr(cli, "open_input", open_input)
    console = Console(file=io.StringIO())
    with ChatServer(("127.0.0.1", 0)) as server:
        opened: object = cli._open_input(Options(), server, console)
        assert opened is (None if is_attended is None else reader)
    assert operators[0].is_attended is bool(is_attended)
    assert started == ([] if is_attended is None else [True])
    console.close(DEADLINE)


@pytest.mark.parametrize("has_input", [True, False])
def test_a_stop_ends_the_input_and_the_log_says_so(
    has_input: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("on_stop_signals", "on_console_closed", "on_reload_signal"):
        monkeypatch.setattr(cli, name, lambda *_: None)
    for name in ("wait_for_stop", "silence_broken_output"):
        monkeypatch.setattr(cli, name, lambda *_: None)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)
    calls: list[str] = []
    reader = SimpleNamespace(
        start=lambda: calls.append("start"), stop=lambda: calls.append("stop"), is_attended=False
    )
    monkeypatch.setattr(cli, "open_input", lambda *_: reader if has_input else None)
    assert main(["--host", "127.0.0.1", "--port", "0"]) == 0
    assert calls == (["start", "stop"] if has_input else [])
    *_, stopping, stopped = capsys.readouterr().out.splitlines()
    assert "server stopping" in stopping
    assert "server stopped" in stopped
