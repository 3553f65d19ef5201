"""Test that the file alone, and not the environment, decides what the log looks like."""

import io
import locale
import os
import re
import sys

import pytest
from rich.table import Table

from tests.support.servers import no_stats
from threadchat.console.log import Console
from threadchat.console.operator import _table
from threadchat.console.richconsole import RichConsole, is_terminal
from threadchat.monitoring import stats
from threadchat.monitoring.events import Connected
from threadchat.testing import DEADLINE

ODD_VALUES = [
    *(("COLUMNS", value) for value in ("0", "1", "\u00b2", "-5", "9" * 30, "wide")),
    *(("LINES", value) for value in ("0", "\u00b2", "9" * 30)),
    *(("JUPYTER_COLUMNS", value) for value in ("0", "1")),
    *(("TERM", value) for value in ("", "dumb", "unknown", "xterm-256color", "no-such")),
    *(("NO_COLOR", value) for value in ("", "1")),
    *(("FORCE_COLOR", value) for value in ("", "0", "1", "3")),
    *(("TTY_COMPATIBLE", value) for value in ("0", "1", "x")),
    *(("TTY_INTERACTIVE", value) for value in ("0", "1")),
    *(("COLORTERM", value) for value in ("truecolor", "x")),
    *(("UNICODE_VERSION", value) for value in ("0", "x", "-1", "999.0.0")),
    ("DATABRICKS_RUNTIME_VERSION", "1"),
]


class Terminal(io.StringIO):
    """A terminal in memory, which does not tell its size."""

    def isatty(self) -> bool:
        return True


def written_to(file: io.StringIO) -> list[str]:
    """Return the lines of a short log: one for a client, and a table."""
    table = Table("name", "address")
    table.add_row("al", "192.168.1.20:50123")
    console = Console(file=file)
    console.note(Connected(3, "192.168.1.20:50123"))
    console.answer(table)
    console.close(DEADLINE)
    return file.getvalue().splitlines()


@pytest.mark.parametrize(("variable", "value"), ODD_VALUES)
def test_in_a_file_no_variable_changes_a_byte(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, _ in ODD_VALUES:
        monkeypatch.delenv(name, raising=False)
    _, *table = written_to(io.StringIO())
    assert table[3].split() == ["│", "al", "│", "192.168.1.20:50123", "│"]
    monkeypatch.setenv(variable, value)
    line, *again = written_to(io.StringIO())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [\d:]{8} client connected    #3 192.168.1.20:50123", line)
    assert again == table


@pytest.mark.parametrize(("variable", "value"), ODD_VALUES)
def test_on_a_terminal_no_variable_takes_the_words_away(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, _ in ODD_VALUES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    written = written_to(Terminal())
    line, *table = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in written]
    assert re.fullmatch(r"[\d:]{8} client connected    #3 192.168.1.20:50123", line)
    assert table[3].split() == ["│", "al", "│", "192.168.1.20:50123", "│"]
    is_plain = (variable, value) in {
        ("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "unknown")
    }  # fmt: skip
    assert ("\x1b[3" in "".join(written)) is not is_plain


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "koi8-r"])
def test_what_cannot_be_written_has_a_form_in_ascii(encoding: str) -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding, "backslashreplace"), width=30)
    table = _table("name", "topic")
    table.add_row("al", "x" * 100)
    console.answer(table)
    console.answer(stats.table(no_stats()))
    console.close(DEADLINE)
    shown = raw.getvalue().decode("ascii")
    assert "\\" not in shown
    assert shown.count("x") == 100


@pytest.mark.skipif(sys.platform == "win32", reason="there the locale is never C")
def test_in_the_locale_c_a_terminal_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    # Python writes UTF-8 there nevertheless.
    monkeypatch.setattr(locale, "setlocale", lambda _: "C")
    assert RichConsole(Terminal()).options.ascii_only
    assert not RichConsole(io.StringIO()).options.ascii_only
    monkeypatch.setattr(locale, "setlocale", lambda _: "C.UTF-8")
    assert not RichConsole(Terminal()).options.ascii_only


def test_a_file_that_is_closed_is_no_terminal() -> None:
    with open(os.devnull) as file:
        pass
    assert not is_terminal(file)


def test_a_width_that_is_given_stays_and_otherwise_it_is_that_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Sized(Terminal):
        def fileno(self) -> int:
            return 5

    for columns, width in ((100, 100), (0, 80)):
        size = os.terminal_size((columns, 0))
        monkeypatch.setattr(os, "get_terminal_size", lambda _, size=size: size)
        assert RichConsole(Sized()).size == (width, 24)
        assert RichConsole(Sized(), 40).width == 40
    assert RichConsole(io.StringIO(), 40).width == 40


@pytest.mark.parametrize("is_interactive", [True, False])
def test_a_bar_moves_only_on_a_terminal_and_where_it_is_wanted(is_interactive: bool) -> None:
    assert not RichConsole(io.StringIO(), is_interactive=is_interactive).is_interactive
    on_terminal = RichConsole(Terminal(), is_interactive=is_interactive)
    assert on_terminal.is_interactive is is_interactive
