import errno
import os
import socket
from pathlib import Path

import pytest

from threadchat import __version__, cli
from threadchat.cli import main, parse_options
from threadchat.server import ChatServer
from threadchat.store import StoredHistory


def refused_by_parser(arguments: list[str], environment: dict[str, str]) -> int:
    with pytest.raises(SystemExit) as caught:
        parse_options(arguments, environment)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_the_defaults() -> None:
    options = parse_options([], {})
    assert (options.host, options.port, options.max_clients) == ("", 8000, 1000)
    assert (options.replay, options.show_messages, options.quiet) == (20, False, False)


def test_every_option_can_be_set_in_the_environment() -> None:
    options = parse_options(
        [],
        {
            "THREADCHAT_HOST": "127.0.0.1",
            "THREADCHAT_PORT": "4000",
            "THREADCHAT_MAX_CLIENTS": "5",
            "THREADCHAT_REPLAY": "0",
            "THREADCHAT_HISTORY": "chat.db",
            "THREADCHAT_SHOW_MESSAGES": "yes",
            "THREADCHAT_QUIET": "0",
        },
    )
    assert (options.host, options.port, options.max_clients) == ("127.0.0.1", 4000, 5)
    assert (options.replay, options.show_messages, options.quiet) == (0, True, False)
    assert options.history == "chat.db"


def test_the_command_line_goes_before_the_environment() -> None:
    assert parse_options(["--port", "1"], {"THREADCHAT_PORT": "2"}).port == 1


def test_what_the_command_line_says_rules_out_what_the_environment_would() -> None:
    options = parse_options(["--show-messages"], {"THREADCHAT_QUIET": "1"})
    assert (options.show_messages, options.quiet) == (True, False)
    assert parse_options(["--port", "0"], {"THREADCHAT_PORT": "abc"}).port == 0


def test_an_empty_variable_says_nothing() -> None:
    assert parse_options([], {"THREADCHAT_PORT": "", "THREADCHAT_QUIET": ""}).port == 8000


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--port", "abc"], {}, "'abc' is not a whole number"),
        (["--max-clients", "0"], {}, "0 is too small, 1 is the least"),
        (["--replay", "-1"], {}, "-1 is not from 0 to 1000"),
        (["--replay", "1001"], {}, "1001 is not from 0 to 1000"),
        (["--prot", "1"], {}, "unrecognized arguments: --prot 1"),
        (["--quiet", "--show-messages"], {}, "not allowed with"),
        (["--fallback-encoding", "utf-16"], {}, "'utf-16' is no encoding for a terminal"),
        (["chat"], {}, "unrecognized arguments: chat"),
        ([], {"THREADCHAT_PORT": "x"}, "THREADCHAT_PORT: 'x' is not a whole number"),
        ([], {"THREADCHAT_QUIET": "x"}, "THREADCHAT_QUIET: 'x' is neither 1 nor 0"),
    ],
)
def test_a_wrong_option_gets_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    environment: dict[str, str],
    words: str,
) -> None:
    assert refused_by_parser(arguments, environment) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("threadchat: ")
    assert error.count("\n") == 1


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused_by_parser(["--version"], {}) == 0
    assert capsys.readouterr().out == f"threadchat {__version__}\n"


def test_help_has_every_option_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused_by_parser(["--help"], {}) == 0
    text = capsys.readouterr().out
    for option in ("host", "port", "max-clients", "replay", "show-messages", "quiet", "version"):
        assert f"--{option}" in text
    assert "examples:" in text
    assert "telnet ADDRESS 8000" in text


def assert_one_line(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert all(word in captured.err for word in words)


@pytest.mark.parametrize("port", ["-1", "65536", "70000"])
def test_a_port_out_of_range(capsys: pytest.CaptureFixture[str], port: str) -> None:
    assert main(["--port", port]) == 1
    assert_one_line(capsys, f"there is no port {port}", "1024 to 65535")


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with ChatServer(("127.0.0.1", 0)) as server:
        port = server.server_address[1]
        assert main(["--host", "127.0.0.1", "--port", str(port)]) == 1
    assert_one_line(capsys, f"port {port} is in use", "--port 0")


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


def test_whatever_else_goes_wrong_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENETDOWN, "Network is down")

    monkeypatch.setattr(cli, "ChatServer", fail)
    assert main(["--port", "0"]) == 1
    assert_one_line(capsys, "Network is down")


def test_a_file_that_is_no_history(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "diary"
    file.write_text("dear diary, " * 1000)
    assert main(["--port", "0", "--history", str(file)]) == 1
    assert_one_line(capsys, f"{file} is not a history of threadchat", "another file")


def test_a_history_is_let_go_of_when_the_server_cannot_run(tmp_path: Path) -> None:
    file = tmp_path / "chat.db"
    for _ in range(2):
        assert main(["--port", "-1", "--history", str(file)]) == 1
    StoredHistory(file, print).close()
