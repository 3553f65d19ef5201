"""Options from the command line and from the environment, and what each takes."""

import re
from dataclasses import fields

import pytest

from threadchat import __version__
from threadchat.cli.options import Options
from threadchat.cli.sources import parse_options


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
            "THREADCHAT_KEEP": "90d",
            "THREADCHAT_SHOW_MESSAGES": "yes",
            "THREADCHAT_QUIET": "0",
            "THREADCHAT_LOG_FILE": "log.jsonl",
            "THREADCHAT_LOG_MESSAGES": "on",
            "THREADCHAT_METRICS": "LAN",
        },
    )
    assert (options.host, options.port, options.max_clients) == ("127.0.0.1", 4000, 5)
    assert (options.replay, options.show_messages, options.quiet) == (0, True, False)
    assert (options.history, options.log_file) == ("chat.db", "log.jsonl")
    assert options.keep == 90 * 86400
    assert options.log_messages
    assert (options.metrics, parse_options([], {}).metrics) == ("lan", "loopback")


def test_every_option_that_takes_a_time_takes_it_in_one_form() -> None:
    for text, seconds in (("2h", 7200), ("90 minutes", 5400), ("1 day", 86400)):
        arguments = ["--keep", text, "--idle-timeout", text, "--name-timeout", text]
        options = parse_options(arguments, {})
        assert (options.keep, options.idle_timeout, options.name_timeout) == (seconds,) * 3
    options = parse_options(["--idle-timeout", "0", "--name-timeout", "90"], {})
    assert (options.idle_timeout, options.name_timeout) == (0, 90)


def test_the_command_line_goes_before_the_environment() -> None:
    assert parse_options(["--port", "1"], {"THREADCHAT_PORT": "2"}).port == 1


def test_what_the_command_line_says_rules_out_what_the_environment_would() -> None:
    options = parse_options(["--show-messages"], {"THREADCHAT_QUIET": "1"})
    assert (options.show_messages, options.quiet) == (True, False)
    assert parse_options(["--port", "0"], {"THREADCHAT_PORT": "abc"}).port == 0


@pytest.mark.parametrize("name", ["port", "tls_port", "web_port"])
@pytest.mark.parametrize("value", ["tcp://10.0.0.1:8000", "tcp://[fd00::1]:8000", "tcp://x"])
def test_a_port_that_kubernetes_sets_is_ignored_with_a_word(name: str, value: str) -> None:
    told: list[str] = []
    options = parse_options([], {f"THREADCHAT_{name.upper()}": value}, told.append)
    assert options == Options()
    assert told == [
        f"THREADCHAT_{name.upper()} is ignored, as Kubernetes sets it for a service: {value!r}"
        f" is no port. --{name.replace('_', '-')} says which port to serve"
    ]


def test_what_is_not_looked_at_needs_no_word() -> None:
    told: list[str] = []
    environment = {"THREADCHAT_PORT": "tcp://10.0.0.1:8000"}
    assert parse_options(["--port", "1"], environment, told.append).port == 1
    assert told == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "udp://10.0.0.1:53"),
        ("PORT", "tcp:8000"),
        ("PORT", " tcp://10.0.0.1:8000"),
        ("TLS_PORT", "https"),
        ("WEB_PORT", "udp://10.0.0.1:53"),
        ("WEB_HOST", "tcp://10.0.0.1:8000"),
        ("MAX_CLIENTS", "tcp://10.0.0.1:8000"),
        ("REPLAY", "tcp://10.0.0.1:8000"),
    ],
)
def test_anything_else_that_is_wrong_stays_an_error(name: str, value: str) -> None:
    assert refused_by_parser([], {f"THREADCHAT_{name}": value}) == 2


def test_an_empty_variable_says_nothing() -> None:
    assert parse_options([], {"THREADCHAT_PORT": "", "THREADCHAT_QUIET": ""}).port == 8000


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--port", "abc"], {}, "'abc' is not a whole number"),
        (["--port", "-1"], {}, "argument --port: there is no port -1: choose one from 1024 to"),
        (["--tls-port", "65536"], {}, "argument --tls-port: there is no port 65536: choose"),
        ([], {"THREADCHAT_PORT": "70000"}, "THREADCHAT_PORT: there is no port 70000"),
        (["--max-clients", "0"], {}, "0 is too small, 1 is the least"),
        *(
            ([f"--{name}", ""], {}, "the name of the file is empty. Leave it out for none.")
            for name in ("history", "log-file", "motd-file", "password-file", "tls-cert", "config")
        ),
        (["--max-per-address", "-1"], {}, "-1 is too small; 0 is no limit"),
        (["--replay", "-1"], {}, "-1 is not from 0 to 1000"),
        (["--replay", "1001"], {}, "1001 is not from 0 to 1000"),
        (["--keep", "90"], {}, "'90' is no TIME. One is like 90s, 10m, 1h30m, 2 hours, 3d or 1w."),
        (["--keep", "0d"], {}, "'0d' is no TIME: from 1s to 3650d."),
        (["--idle-timeout", "soon"], {}, "'soon' is no TIME. One is like 90s, 10m, 1h30m"),
        (["--idle-timeout", "-5"], {}, "A number alone is seconds, and 0 is no limit."),
        (["--name-timeout", "inf"], {}, "'inf' is no TIME. One is like 90s, 10m, 1h30m"),
        (["--prot", "1"], {}, "unrecognized arguments: --prot 1"),
        (["--quiet", "--show-messages"], {}, "not allowed with"),
        (["--metrics", "all"], {}, "'all' is none of off, loopback and lan"),
        (["--fallback-encoding", "utf-16"], {}, "'utf-16' is no encoding for a terminal"),
        (["chat"], {}, "unrecognized arguments: chat"),
        (["--log-messages"], {}, "--log-messages needs --log-file as well"),
        ([], {"THREADCHAT_LOG_MESSAGES": "1"}, "--log-messages needs --log-file as well"),
        ([], {"THREADCHAT_PORT": "x"}, "THREADCHAT_PORT: 'x' is not a whole number"),
        (
            [],
            {"THREADCHAT_QUIET": "1", "THREADCHAT_SHOW_MESSAGES": "1"},
            "THREADCHAT_SHOW_MESSAGES and THREADCHAT_QUIET exclude each other: set one of them.",
        ),
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
    assert ".." not in error


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused_by_parser(["--version"], {}) == 0
    assert capsys.readouterr().out == f"threadchat {__version__}\n"


def test_help_has_every_option_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused_by_parser(["--help"], {}) == 0
    text = capsys.readouterr().out
    for option in (*(option.name for option in fields(Options)), "version"):
        assert re.search(rf"^  --{option.replace('_', '-')}\b", text, re.M)
    assert "port to serve (default: 8000)" in text
    assert "examples:" in text
    assert "telnet ADDRESS 8000" in text


def test_help_tells_each_default_once_and_none_that_is_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert refused_by_parser(["--help"], {}) == 0
    options = capsys.readouterr().out.partition("examples:")[0]
    for told in re.split(r"^  --", options, flags=re.M)[1:]:
        assert told.count("(default:") <= 1, told
        assert not re.search(r"\(default:\s*(\(\))?\)", told), told
    assert re.search(r"no\s+limit \(default:\s*60\)", options)  # seconds, without a point
