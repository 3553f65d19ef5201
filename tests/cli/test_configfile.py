"""The file of `--config`: what each option takes there, and what is said of what is wrong."""

import os
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.cli import export
from threadchat.cli.configfile import BadConfig, read_config
from threadchat.cli.options import USES, Options, key_of
from threadchat.cli.sources import parse_options
from threadchat.link.address import EXAMPLE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chat.toml"


def values_in(file: Path, text: str) -> dict[str, object]:
    file.write_text(text, encoding="utf-8")
    return read_config(str(file)).values


def wrong_in(file: Path, content: str | bytes) -> str:
    """Return what is said of the file, without the folder that it is in."""
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(BadConfig) as caught:
        read_config(str(file))
    words = str(caught.value)
    assert words.isprintable(), "it is one line"
    return words.replace(str(file), file.name)


SAMPLES = {
    "ADDRESS": "127.0.0.1",
    "N": "7",
    "N|off": "7",
    "TIME": "5 min",
    "lan|any|NETWORK": "any",
    "BURST/RATE|off": "5/1",
    "URL": EXAMPLE,
    "FILE": str(Path("/somewhere/file").absolute()),
}
"""For each metavar a string that is right for it. Others take what their help names first."""


@pytest.mark.parametrize("name", [option.name for option in fields(Options)])
def test_every_option_can_be_set_in_the_file(file: Path, name: str) -> None:
    if name == "config":
        return
    use, key = USES[name], key_of(name)
    if not use.metavar:
        assert values_in(file, f"{key} = true") == {name: True}
        assert values_in(file, f"{key} = false") == {name: False}
        assert wrong_in(file, f"{key} = 'true'").startswith(f"chat.toml:1: {key}: this is either")
        assert wrong_in(file, f"{key} = 1").startswith(f"chat.toml:1: {key}: this is either")
        return
    text = SAMPLES.get(use.metavar) or use.metavar.partition("|")[0]
    if name == "fallback_encoding":
        text = "latin-1"
    assert values_in(file, f"{key} = '{text}'") == {name: use.read(text)}
    for wrong in ("true", "2026-11-23", "12:00:00", "nan" if use.metavar == "FILE" else "[[1]]"):
        assert wrong_in(file, f"{key} = {wrong}").startswith(f"chat.toml:1: {key}: this takes ")


def test_numbers_stand_alone(file: Path) -> None:
    assert values_in(file, "port = 4_000\nweb-port = 0\nidle-timeout = 1.5\nreplay = 0x10") == {
        "port": 4000,
        "web_port": "0",
        "idle_timeout": 1.5,
        "replay": 16,
    }


def test_an_array_for_what_may_be_given_more_than_once(file: Path) -> None:
    values = values_in(file, "web-host = ['chat', 'talk']\nallow = ['lan', '203.0.113.0/24']")
    assert values["web_host"] == ("chat", "talk")
    assert (
        values["allow"] == parse_options(["--allow", "lan", "--allow", "203.0.113.0/24"], {}).allow
    )


def test_files_are_looked_for_from_the_folder_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "password-file = 'password'\nhistory = '/var/lib/chat.db'"
    if sys.platform == "win32":
        text = text.replace("'/var", "'C:/var")
    values = values_in(file, f"{text}\nlog-file = '-'")
    assert values["password_file"] == str(file.parent / "password")
    assert values["history"] in ("/var/lib/chat.db", "C:/var/lib/chat.db")
    assert values["log_file"] == "-"
    monkeypatch.chdir(file.parent)
    assert read_config("chat.toml").values["password_file"] == "password"
    assert read_config(os.path.join(".", "chat.toml")).values["password_file"] == os.path.join(
        ".", "password"
    )
    with pytest.raises(BadConfig, match=r"motd-file: the name of the file is empty"):
        values_in(file, "motd-file = ''")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_as_editors_on_windows_write_it(file: Path, encoding: str, end: str) -> None:
    file.write_bytes(f"# für uns{end}port = 1{end}replay = 2{end}".encode(encoding))
    assert read_config(str(file)).values == {"port": 1, "replay": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", "1: prot: there is no such option. Did you mean port"),
        (
            "port = 0\n\nmax_clients = 5",
            "3: max_clients: there is no such option. Did you mean max-c",
        ),
        ("Port = 1", "1: Port: there is no such option. Did you mean port"),
        ("--port = 1", "1: --port: there is no such option. Did you mean port"),
        ("THREADCHAT_PORT = 1", "1: THREADCHAT_PORT: there is no such option. Did you mean port"),
        ("qr = false", "1: qr: there is no such option; no-qr = true switches that off"),
        ("xyzzy = 1", "1: xyzzy: there is no such option"),
        ("'a b' = 1", "1: 'a b': there is no such option"),
        ('"\\u001b[2J" = 1', " '\\x1b[2J': there is no such option"),
        ("config = 'b.toml'", "1: config: this is for the command line and the environment alone"),
        ("[server]\nport = 1", "1: server: this is a table; options stand outside of tables"),
        ("port = 1\n[[log]]", "2: log: this is a table; options stand outside of tables"),
        ("port = 1\nlog.file = 'x'", "2: log: this is a table; options stand outside of tables"),
        ("port = {}", "1: port: this is a table; options stand outside of tables"),
        ("port = 'x'", "1: port: 'x' is not a whole number"),
        ("port = ''", "1: port: '' is not a whole number"),
        ("port = 1.5", "1: port: '1.5' is not a whole number"),
        ("port = 70000", "1: port: there is no port 70000"),
        ("port = -1", "1: port: there is no port -1"),
        ("port = [1, 2]", "1: port: this takes one N alone, not an array"),
        ("keep = 90", "1: keep: '90' is no TIME. One is like 90s"),
        ("idle-timeout = inf", "1: idle-timeout: 'inf' is no TIME."),
        ("flood = 10", "1: flood: this takes BURST/RATE|off: a string in quotes"),
        ("history = 5", "1: history: this takes FILE: a string in quotes"),
        ("history = ['a', 'b']", "1: history: this takes one FILE alone, not an array"),
        ('history = "a\\u0000b"', "1: history: there is a NUL in it; leave that out"),
        ("allow = ['lan', 5]", "1: allow: this takes lan|any|NETWORK: a string in quotes"),
        ("allow = []", "1: allow: the array is empty; to have the default, leave this out"),
        ("quiet = 1", "1: quiet: this is either true or false, without quotes"),
        ("quiet = true\nshow-messages = true", "2: quiet and show-messages exclude each other."),
        ("port = 0x" + "f" * 6000, "1: port: the number is too long"),
    ],
)
def test_what_is_wrong_with_an_option(file: Path, text: str, words: str) -> None:
    assert wrong_in(file, text).startswith(f"chat.toml:{words}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port = 1\nport = 2", ":2: this is given twice. Leave one of them out"),
        ("[a]\n[a]", ":2: this is given twice"),
        ("quiet = yes", ":1:9: no TOML: Invalid value; a string stands in quotes"),
        (
            "\n keep = 5 min",
            ":2:11: no TOML: Expected newline or end of document after a statement",
        ),
        (
            "tls-cert = 'a",
            ':1: no TOML: Expected "\'"; a string ends on its own line, with a quote',
        ),
        ('tls-cert = "a', ":1:14: no TOML: Illegal character '\\n'; a string ends on its own line"),
        ('tls-cert = "C:\\chat"', ":1:17: no TOML: Unescaped '\\' in a string; in single quotes"),
        ("port: 8000", ":1:5: no TOML: Expected '=' after a key in a key/value pair; an option is"),
        ("allow = ['lan'", ":1: no TOML: Unclosed array"),
        ('motd-file = """x', ":1: no TOML: Unterminated string"),
        ("port = \x1b[31m", ":1:8: no TOML: Invalid value"),
        ("port = " + 5000 * "9", ": a number is too long. Shorten it"),
        ("port = " + 5000 * "[", ": this is nested too deeply. Options need no nesting"),
        (b"port = 1\nhost = 'caf\xe9'", ":2: this is no UTF-8. Save the file as that"),
        (b"\nhost = 'caf\xe9'", ":2: this is no UTF-8. Save the file as that"),
        (b"port = 1 # \x00", ":1:12: no TOML: Found invalid character '\\x00'"),
    ],
)
def test_what_is_no_toml(file: Path, text: str | bytes, words: str) -> None:
    assert wrong_in(file, text).startswith(f"chat.toml{words}")


def test_a_line_within_a_string_is_none_of_an_option(file: Path) -> None:
    text = 'motd-file = """\nport = 5\n"""\n # port = 6\n  "port"  = "x"'
    assert wrong_in(file, text) == "chat.toml:5: port: 'x' is not a whole number"


def test_no_line_is_too_long(file: Path) -> None:
    assert len(wrong_in(file, f"port = '{'x' * 10_000}'")) < 400
    assert len(wrong_in(file, f"{'x' * 10_000} = 1")) < 400


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    def said_of(path: Path) -> str:
        with pytest.raises(BadConfig) as caught:
            read_config(str(path))
        assert str(path) in str(caught.value)
        return str(caught.value)

    assert "cannot be read: there is no such file. Make it, or name" in said_of(tmp_path / "none")
    assert "cannot be read: it is a folder. Name a file in it." in said_of(tmp_path)
    huge = tmp_path / "huge"
    with open(huge, "wb") as file:
        file.truncate(1_000_000_000)  # takes no room on most disks
    assert "cannot be read: it is larger than 1000 kB." in said_of(huge)
    if sys.platform != "win32":
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        assert "cannot be read: it is a pipe, and nothing came. Name a file." in said_of(pipe)
        if os.geteuid() != 0:
            huge.chmod(0)
            assert "cannot be read: you have no right to read it." in said_of(huge)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_of_the_shell(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"port = 4000\npassword-file = 'secret'\n")
    os.close(writing)
    try:
        values = read_config(f"/dev/fd/{reading}").values
    finally:
        os.close(reading)
    assert values == {"port": 4000, "password_file": "secret"}


def test_an_empty_file_says_nothing(file: Path) -> None:
    assert values_in(file, "# port = 1\n") == {}
    assert values_in(file, "") == {}


_PIECES = st.sampled_from(
    [
        *(key_of(name) for name in USES),
        *(
            "=",
            " = ",
            "\n",
            "\r\n",
            "\t",
            "[",
            "]",
            "[[",
            "]]",
            "{",
            "}",
            ",",
            ".",
            "#",
            "\\",
            "\0",
        ),
        *(
            "'",
            '"',
            "'''",
            '"""',
            "true",
            "false",
            "nan",
            "0",
            "8000",
            "-1",
            "1e400",
            "0xff",
            "9" * 4400,
        ),
        *(
            "2026-11-26",
            "12:00:00",
            "1979-13-99",
            "\\u0000",
            "\\u001b",
            "lan",
            "5 min",
            "x",
            "\u202e",
        ),
    ]
)


@given(st.binary(max_size=200) | st.lists(_PIECES, max_size=20).map("".join).map(str.encode))
def test_whatever_is_in_the_file_is_read_or_refused_in_one_line(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "chat.toml")
        file.write_bytes(data)
        words = ""
        values: dict[str, object] = {}
        try:
            values = read_config(str(file)).values
        except BadConfig as error:
            words = str(error)
        assert words.startswith(str(file)) or not words
        assert words.isprintable()
    assert not any("\0" in value for value in values.values() if isinstance(value, str))
    Options(**values)  # type: ignore[arg-type]


# With the other sources


def test_the_command_line_comes_before_the_environment_and_that_before_the_file(file: Path) -> None:
    file.write_text("port = 1\nreplay = 1\nmax-clients = 1\nquiet = true\nno-qr = true")
    environment = {"THREADCHAT_REPLAY": "2", "THREADCHAT_MAX_CLIENTS": "2", "THREADCHAT_NO_QR": "0"}
    options = parse_options(["--config", str(file), "--max-clients", "3"], environment)
    assert (options.port, options.replay, options.max_clients) == (1, 2, 3)
    assert (options.quiet, options.no_qr) == (True, False)


def test_the_environment_names_the_file_too(file: Path) -> None:
    file.write_text("port = 1")
    assert parse_options([], {"THREADCHAT_CONFIG": str(file)}).port == 1
    other = file.with_name("other.toml")
    other.write_text("port = 2")
    options = parse_options(["--config", str(other)], {"THREADCHAT_CONFIG": str(file)})
    assert options.port == 2


def test_a_switch_rules_out_the_others_of_its_group_in_the_file(file: Path) -> None:
    file.write_text("quiet = true")
    options = parse_options(["--config", str(file), "--show-messages"], {})
    assert (options.show_messages, options.quiet) == (True, False)
    options = parse_options(["--config", str(file)], {"THREADCHAT_SHOW_MESSAGES": "1"})
    assert (options.show_messages, options.quiet) == (True, False)
    options = parse_options(["--config", str(file)], {"THREADCHAT_SHOW_MESSAGES": "0"})
    assert (options.show_messages, options.quiet) == (False, True)


def test_a_wrong_file_is_one_line_and_status_2(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text, words in (
        ("prot = 1", ":1: prot: there is no such option. Did you mean port? See threadchat"),
        (
            "\nlog-messages = true",
            ":2: log-messages needs log-file as well. See threadchat --help.",
        ),
    ):
        file.write_text(text)
        with pytest.raises(SystemExit) as caught:
            parse_options([], {"THREADCHAT_CONFIG": str(file)})
        assert caught.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith(f"threadchat: {file}{words}")
        assert error.count("\n") == 1
    options = parse_options(["--config", str(file)], {"THREADCHAT_LOG_FILE": "log"})
    assert (options.log_messages, options.log_file) == (True, "log")


def test_other_commands_take_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        export.main(["--config", "chat.toml", "chat.db"])
    assert caught.value.code == 2
    assert "unrecognized arguments: --config" in capsys.readouterr().err
