"""What pyte shows of a log with a footer under it."""

import os

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.screens import rows_of
from tests.terminal.test_editscreen import EagerScreen, wrapped
from threadchat.console.footer import Footer
from threadchat.terminal.lineeditor import LineEditor

PROMPT = "op> "
ROWS = 200
COLUMNS = 30


class Terminal:
    """A terminal, the footer on it, and what was logged above."""

    def __init__(self, screen: type[pyte.Screen] = pyte.Screen) -> None:
        self.screen = screen(COLUMNS, ROWS)
        self.screen.set_mode(pyte.modes.LNM)  # as the driver of a terminal does: LF is CR LF
        self.stream = pyte.Stream(self.screen)
        self.footer = Footer()
        self.status = ""
        self.size: os.terminal_size | None = os.terminal_size((COLUMNS, 24))

    def open_line(self) -> None:
        line = LineEditor()
        line.set_prompt(PROMPT)
        self.footer.open_line(line)

    def draw(self, text: str = "") -> str:
        output = self.footer.around(text, self.status, self.size)
        self.stream.feed(output)
        return output

    def press(self, keys: str) -> None:
        self.footer.feed(keys)
        self.draw()

    def rows(self) -> list[str]:
        return rows_of(self.screen)


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    terminal.open_line()
    terminal.draw()
    return terminal


def test_without_status_and_line_the_log_is_untouched() -> None:
    terminal = Terminal()
    assert terminal.draw("one\n") == "one\n"
    assert terminal.draw() == ""


def test_a_status_alone_stands_above_an_empty_row() -> None:
    terminal = Terminal()
    terminal.status = "3 here"
    terminal.draw("one\n")
    terminal.draw("two\n")
    assert terminal.rows() == ["one", "two", "3 here"]
    assert (terminal.screen.cursor.y, terminal.screen.cursor.x) == (3, 0)
    terminal.status = ""
    terminal.draw()
    assert terminal.rows() == ["one", "two"]


def test_the_same_status_is_not_drawn_again(terminal: Terminal) -> None:
    terminal.status = "3 here"
    terminal.draw()
    assert terminal.draw() == ""
    terminal.footer.feed("x")
    assert terminal.draw() == "x"


def test_a_line_that_is_closed_leaves_the_status(terminal: Terminal) -> None:
    terminal.status = "3 here"
    terminal.press("half")
    assert terminal.rows() == ["3 here", "op> half"]
    terminal.footer.close_line()
    terminal.draw("one\n")
    assert terminal.rows() == ["one", "3 here"]


def test_keys_without_a_line_are_nothing() -> None:
    assert Terminal().footer.feed("who\n") == []


def test_keys_make_lines(terminal: Terminal) -> None:
    assert terminal.footer.feed("who\n") == ["who"]


def test_a_pause_takes_all_off_and_keeps_what_is_typed(terminal: Terminal) -> None:
    terminal.status = "3 here"
    terminal.press("half")
    terminal.footer.pause()
    terminal.draw("one\n")
    assert terminal.rows() == ["one"]
    terminal.draw("two\n")
    terminal.footer.resume()
    terminal.draw()
    assert terminal.rows() == ["one", "two", "3 here", "op> half"]


def test_while_another_job_has_the_terminal_its_rows_are_left_alone(terminal: Terminal) -> None:
    terminal.status = "3 here"
    terminal.press("half")
    terminal.stream.feed("\r\nStopped\r\n$ ls\r\nfile\r\n")
    terminal.size = None
    assert terminal.draw("one\n") == "one\n"
    terminal.footer.feed("\x15other")
    assert terminal.draw() == ""
    terminal.size = os.terminal_size((COLUMNS, 24))
    terminal.draw()
    assert terminal.rows() == [
        *("3 here", "op> half", "Stopped", "$ ls", "file", "one"),
        *("3 here", "op> other"),
    ]


def test_after_another_job_the_line_is_drawn_below_what_that_wrote(terminal: Terminal) -> None:
    long = "half " * 10
    terminal.press(long)
    assert len(terminal.rows()) == 2
    terminal.stream.feed("\r\nStopped\r\n$ fg\r\n")
    terminal.size = None
    terminal.draw()
    terminal.size = os.terminal_size((COLUMNS, 24))
    before = terminal.rows()
    terminal.draw()
    drawn, _ = wrapped(PROMPT + long, COLUMNS)
    assert terminal.rows() == [*before, *(row.rstrip() for row in drawn)]


def test_a_line_opened_later_is_as_wide_as_the_terminal(terminal: Terminal) -> None:
    terminal.footer.close_line()
    terminal.draw()
    terminal.open_line()
    terminal.press("x" * 50)
    terminal.press("\x01y")  # at the beginning, which is two rows up
    drawn, _ = wrapped(f"{PROMPT}y{'x' * 50}", COLUMNS)
    assert terminal.rows() == drawn


# pyte draws a wide letter in the last column, where terminals wrap: not both kinds in one line.
LOGGED = st.text("xy ", min_size=1, max_size=70) | st.text("\u6f22", min_size=1, max_size=70)

STEPS = st.one_of(
    st.tuples(st.just("press"), st.text("ab \u6f22\u00e9\x01\x05\x02\x7f", max_size=40)),
    st.tuples(st.just("log"), LOGGED),
    st.tuples(st.just("status"), st.sampled_from(["", "3 here", "s" * (COLUMNS - 1)])),
    st.tuples(st.just("pause"), st.just("")),
    st.tuples(st.just("resume"), st.just("")),
)


@pytest.mark.parametrize("screen", [pyte.Screen, EagerScreen])
@given(steps=st.lists(STEPS, max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_screen_is_the_log_the_status_and_the_line(
    screen: type[pyte.Screen], steps: list[tuple[str, str]]
) -> None:
    # Promise 6.
    terminal = Terminal(screen)
    terminal.open_line()
    logged: list[str] = []
    is_paused = False
    for step, argument in steps:
        match step:
            case "press":
                terminal.press(argument)
            case "log":
                terminal.draw(argument + "\n")
                logged += log_rows(argument, eager=screen is EagerScreen)
            case "status":
                terminal.status = argument
            case "pause":
                terminal.footer.pause()
                is_paused = True
            case "resume":
                terminal.footer.resume()
                is_paused = False
        terminal.draw()
        line = terminal.footer._line
        assert line is not None
        typed, _ = wrapped(PROMPT + line.text, COLUMNS)
        status = [terminal.status] if terminal.status else []
        expected = [*logged, *([] if is_paused else [*status, *typed])]
        while expected and not expected[-1].strip():
            expected.pop()
        assert terminal.rows() == [row.rstrip() for row in expected]


def log_rows(words: str, *, eager: bool) -> list[str]:
    """Return the rows that a line of the log takes; an eager screen leaves a full one at once."""
    rows, (_, column) = wrapped(words, COLUMNS)
    return rows if eager or column or len(rows) == 1 else rows[:-1]
