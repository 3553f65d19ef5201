"""Test what a terminal shows of the line editor's output (promise 6).

pyte plays the terminal, once as a VT100, which waits in the last column for one more character,
and once as Windows' telnet, which goes to the next row at once. pyte counts the parts of flags
and joined emoji one by one; such clusters are tested without it, in test_editbuffer.
"""

import itertools
import unicodedata
from collections.abc import Sequence

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcwidth

from tests.support.screens import rows_of
from threadchat.terminal.editscreen import around_cursor, draw, rows_of_names
from threadchat.terminal.lineeditor import MAX_TABS, LineEditor

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, DELETE = "\x1b[1~", "\x1b[4~", "\x1b[3~"
HAN = "\u6f22"
E_ACUTE = "e\u0301"
ROWS = 60


class EagerScreen(pyte.Screen):
    """A screen that wraps as soon as a row is full."""

    def draw(self, data: str) -> None:
        """Draw characters one by one, and leave the last column at once."""
        for character in data:
            super().draw(character)
            if self.cursor.x == self.columns:
                self.carriage_return()
                self.linefeed()


class ClientTerminal:
    """A terminal, the editor that draws on it, and what was said above the line."""

    def __init__(self, screen: type[pyte.Screen], columns: int, prompt: str = "al> ") -> None:
        """Connect, and draw the prompt."""
        self.columns = columns
        self.prompt = prompt
        self.above: list[str] = []
        self.screen = screen(columns, ROWS)
        self.stream = pyte.Stream(self.screen)
        self.editor = LineEditor(columns=columns, complete=complete)
        self.editor.set_prompt(prompt)
        self.editor.start()
        self.draw()

    def draw(self) -> None:
        """Send what the editor has written."""
        self.stream.feed(self.editor.output())

    def press(self, *keys: str) -> None:
        """Type `keys`, each in a read of its own."""
        for key in keys:
            self.editor.feed(key)
            self.draw()

    def hear(self, message: str) -> None:
        """Receive a message of one row."""
        self.stream.feed(f"{self.editor.hide()}{message}\r\n{self.editor.show()}")
        self.above.append(message)

    def rows(self) -> list[str]:
        """Return the rows as they look, without what is blank."""
        return [unicodedata.normalize("NFC", row) for row in rows_of(self.screen)]

    def expect(self, before: str, after: str = "") -> None:
        """Check that all rows are as they should be, and the cursor between two texts."""
        rows, _ = wrapped(self.prompt + before + after, self.columns)
        _, cursor = wrapped(self.prompt + before, self.columns)
        if after and wcwidth(after[0]) > self.columns - cursor[1]:
            cursor = (cursor[0] + 1, 0)
        shown = [*self.above, *(row.rstrip() for row in rows)]
        while shown and not shown[-1]:
            shown.pop()
        assert self.rows() == shown
        assert (self.screen.cursor.y, self.screen.cursor.x) == (
            len(self.above) + cursor[0],
            cursor[1],
        )


def wrapped(text: str, columns: int) -> tuple[list[str], tuple[int, int]]:
    """Return the rows `text` takes, and the position behind it."""
    rows, used = [""], 0
    for character in unicodedata.normalize("NFC", text):
        if used + wcwidth(character) > columns:
            rows.append("")
            used = 0
        rows[-1] += character
        used += wcwidth(character)
        if used == columns:
            rows.append("")
            used = 0
    return rows, (len(rows) - 1, used)


def without_marks(text: str) -> str:
    """Return `text` as bare letters."""
    letters = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def complete(before: str) -> tuple[int, Sequence[str]]:
    """Know two people."""
    start = before.rfind(" ") + 1
    word = before[start:]
    return start, [name for name in ("alan: ", "albert: ") if name.startswith(word)]


@pytest.fixture(params=[pyte.Screen, EagerScreen], ids=["vt100", "eager"])
def screen(request: pytest.FixtureRequest) -> type[pyte.Screen]:
    """Return each of the two ways to wrap."""
    kind: type[pyte.Screen] = request.param
    return kind


@pytest.fixture(params=[20, 80, 132])
def terminal(request: pytest.FixtureRequest, screen: type[pyte.Screen]) -> ClientTerminal:
    """Return a terminal of each kind and width."""
    return ClientTerminal(screen, request.param)


def text_of_cells(cells: int) -> str:
    """Return text whose every part can be told from the next."""
    return "".join(chr(ord("a") + number % 26) for number in range(cells))


LENGTHS = [
    pytest.param(lambda columns: 1, id="one"),
    pytest.param(lambda columns: columns - 5, id="one-less"),
    pytest.param(lambda columns: columns - 4, id="exactly"),
    pytest.param(lambda columns: columns - 3, id="one-more"),
    pytest.param(lambda columns: 2 * columns - 4, id="two-rows"),
    pytest.param(lambda columns: 3 * columns + 7, id="many-rows"),
]


@pytest.fixture(params=LENGTHS)
def text(request: pytest.FixtureRequest, terminal: ClientTerminal) -> str:
    """Return text that ends near a row's end, behind a prompt of four cells."""
    return text_of_cells(request.param(terminal.columns))


def test_typing_shows_prompt_and_input(terminal: ClientTerminal, text: str) -> None:
    terminal.press(*text)
    terminal.expect(text)


def test_a_paste_shows_prompt_and_input(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text)
    terminal.expect(text)


def test_erasing_goes_back_over_the_rows(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text, *"\x7f" * (len(text) - 1))
    terminal.expect(text[0])


def test_each_step_of_erasing_shows(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text)
    for left in range(len(text) - 1, max(len(text) - 4, -1), -1):
        terminal.press("\x7f")
        terminal.expect(text[:left])


def test_typing_in_the_middle(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text, LEFT, "X")
    terminal.expect(text[:-1] + "X", text[-1])


def test_to_the_start_and_back(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text, HOME)
    terminal.expect("", text)
    terminal.press(END)
    terminal.expect(text)


def test_enter_shows_the_empty_prompt(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text + LEFT, "\n")
    terminal.expect("")


def test_a_message_appears_above(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text)
    terminal.hear("bo: hello")
    terminal.expect(text)


def test_a_message_leaves_the_cursor_in_its_place(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text, LEFT)
    terminal.hear("bo: hello")
    terminal.hear("bo: hello?")
    terminal.expect(text[:-1], text[-1])


def test_typing_goes_on_after_a_message(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text)
    terminal.hear("bo: hello")
    terminal.press("x", "y", "\x7f")
    terminal.expect(text + "x")


def test_messages_keep_their_place_while_the_line_changes(
    terminal: ClientTerminal, text: str
) -> None:
    terminal.press(text)
    terminal.hear("bo: one")
    terminal.press("\n")
    terminal.hear("bo: two")
    terminal.press(text, HOME, DELETE)
    terminal.expect("", text[1:])


def test_a_message_between_read_and_write_is_drawn_over_the_old_line(
    terminal: ClientTerminal,
) -> None:
    terminal.press("old")
    hide, show = terminal.editor.hide(), terminal.editor.show()
    terminal.editor.feed("\nnew")
    terminal.stream.feed(hide + "bo: hello\r\n" + show)
    terminal.above.append("bo: hello")
    terminal.draw()
    terminal.expect("new")


@pytest.mark.parametrize("cells", range(-4, 3))
def test_a_wide_character_at_the_edge(terminal: ClientTerminal, cells: int) -> None:
    text = text_of_cells(terminal.columns - 4 + cells)
    terminal.press(*text, HAN, "x")
    terminal.expect(text + HAN + "x")


@pytest.mark.parametrize("cells", range(-4, 3))
def test_the_cursor_before_a_wide_character_at_the_edge(
    terminal: ClientTerminal, cells: int
) -> None:
    text = text_of_cells(terminal.columns - 4 + cells)
    terminal.press(text + HAN + "x", LEFT, LEFT)
    terminal.expect(text, HAN + "x")


@pytest.mark.parametrize("cells", range(-4, 3))
def test_erasing_a_wide_character_at_the_edge(terminal: ClientTerminal, cells: int) -> None:
    text = text_of_cells(terminal.columns - 4 + cells)
    terminal.press(text, HAN, "\x7f")
    terminal.expect(text)


@pytest.mark.parametrize("cells", range(-2, 3))
def test_a_message_above_wide_characters(terminal: ClientTerminal, cells: int) -> None:
    text = text_of_cells(terminal.columns - 4 + cells) + HAN * 30
    terminal.press(text)
    terminal.hear("bo: hello")
    terminal.expect(text)


def test_marks_take_no_cells(terminal: ClientTerminal) -> None:
    terminal.press("a", "e", "\u0301", "b", LEFT, LEFT, "\x7f")
    terminal.expect("", E_ACUTE + "b")


def test_a_longer_prompt_pushes_the_input(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text)
    terminal.prompt = "lobby al> "
    terminal.editor.set_prompt(terminal.prompt)
    terminal.draw()
    terminal.expect(text)


def test_a_prompt_that_fills_a_row(screen: type[pyte.Screen]) -> None:
    terminal = ClientTerminal(screen, 20, prompt="p" * 20)
    terminal.press("x", "\x7f")
    terminal.hear("bo: hello")
    terminal.expect("")


def test_the_stop_leaves_only_messages(terminal: ClientTerminal, text: str) -> None:
    terminal.press(text)
    terminal.hear("bo: hello")
    terminal.editor.stop()
    terminal.draw()
    assert terminal.rows() == ["bo: hello"]


def test_the_start_draws_over_what_the_terminal_echoed(screen: type[pyte.Screen]) -> None:
    terminal = ClientTerminal(screen, 80)
    terminal.editor.stop()
    terminal.draw()
    terminal.stream.feed("al> hel")
    terminal.editor.start()
    terminal.editor.feed("hel")
    terminal.draw()
    terminal.expect("hel")


def test_the_first_message_after_a_secret_is_below_its_prompt(terminal: ClientTerminal) -> None:
    terminal.editor.secret = True
    terminal.press(*"hunter2", "\n")
    terminal.editor.secret = False
    terminal.draw()
    terminal.above.append(terminal.prompt.rstrip())
    terminal.hear("welcome")
    terminal.expect("")


def test_candidates_are_listed_above(terminal: ClientTerminal) -> None:
    terminal.press("hey al", "\t", "\t")
    terminal.above.append("=== alan  albert")
    terminal.expect("hey al")


@pytest.mark.parametrize("new", [20, 40, 79, 81, 132])
@pytest.mark.parametrize("cells", [3, 15, 36, 76, 77, 200])
def test_a_resize_draws_at_the_new_width(screen: type[pyte.Screen], new: int, cells: int) -> None:
    # pyte, as PuTTY and xterm, cuts its rows and does not wrap them again.
    terminal = ClientTerminal(screen, 80)
    text = text_of_cells(cells)
    terminal.press(text, LEFT)
    terminal.hear("bo: hello")
    terminal.screen.resize(columns=new)
    terminal.columns = new
    terminal.editor.resize(new)
    terminal.draw()
    # Where the input takes fewer rows than before, some of it may be left behind: on a terminal
    # that wraps its rows anew, to erase more would be to erase the message.
    old_rows, (old_row, _) = wrapped(terminal.prompt + text[:-1], 80)
    _, (new_row, _) = wrapped(terminal.prompt + text[:-1], new)
    terminal.above += old_rows[: max(0, old_row - new_row)]
    terminal.expect(text[:-1], text[-1])


@pytest.mark.parametrize(
    "cluster",
    ["\u2764\ufe0f", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea", "\U0001f468\u200d\U0001f469"],
    ids=["heart", "thumb", "flag", "couple"],
)
@pytest.mark.parametrize("columns", [20, 40])
def test_a_cluster_of_disputed_width_costs_no_message(
    screen: type[pyte.Screen], columns: int, cluster: str
) -> None:
    # pyte takes other widths for these than rich does, as real terminals do.
    # What counts is how far from the end of a row the cluster stands; the prompt has 4 cells.
    ends = {row * columns - 4 + at for row in (1, 2) for at in range(-7, 3)}
    for letters in sorted({0, 1, 2, *(at for at in ends if 0 <= at < 2 * columns + 3)}):
        for behind in ("", "z", "zzzz"):
            terminal = ClientTerminal(screen, columns)
            terminal.press("a" * letters, cluster, *behind)
            terminal.hear("bo: one")
            terminal.press("y", LEFT)
            terminal.hear("bo: two")
            assert terminal.rows()[:2] == terminal.above
            assert terminal.rows()[2].startswith("al> a"[: 4 + min(letters, 1)])


def test_resizes_between_two_writes_erase_what_stands(screen: type[pyte.Screen]) -> None:
    terminal = ClientTerminal(screen, 80)
    text = text_of_cells(150)
    terminal.press(text)
    terminal.hear("bo: hello")
    for columns in (30, 50, 100):
        terminal.editor.resize(columns)
    terminal.screen.resize(columns=100)
    terminal.columns = 100
    terminal.draw()
    terminal.expect(text)


KEYS = st.sampled_from(
    [
        *"abc ",
        *"\x01\x02\x05\x06\x08\x0b\x0c\n\x10\x15\x17\x7f",
        *[UP, DOWN, LEFT, RIGHT, HOME, END, DELETE, "\x1b[1;5C", "\x1b[1;5D", "\x1bOP"],
        *[HAN, "\u0301", "\xe9", "\U0001f600", "x" * 15, HAN * 9, "a\t\t"],
    ]
)


@settings(deadline=None)  # pyte is slow
@given(st.lists(KEYS, max_size=24), st.sampled_from([20, 33]), st.data())
def test_chunking_does_not_change_the_screen(
    keys: list[str], columns: int, data: st.DataObject
) -> None:
    tabs = 0
    kept = [key for key in keys if "\t" not in key or (tabs := tabs + 2) <= MAX_TABS]
    text = "".join(kept)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    edges = [0, *cuts, len(text)]
    chunkings = [
        [text],
        list(text),
        [text[begin:end] for begin, end in itertools.pairwise(edges)],
    ]
    seen = []
    for chunks in chunkings:
        terminal = ClientTerminal(pyte.Screen, columns)
        terminal.press(*chunks)
        terminal.hear("bo: hello")
        seen.append((terminal.rows(), terminal.screen.cursor.y, terminal.screen.cursor.x))
    assert seen[0] == seen[1] == seen[2]


@settings(deadline=None)
@given(st.lists(st.one_of(KEYS, st.just("hear")), max_size=30), st.sampled_from([20, 80]))
def test_the_screen_always_shows_the_line(keys: list[str], columns: int) -> None:
    for screen in (pyte.Screen, EagerScreen):
        terminal = ClientTerminal(screen, columns)
        for key in keys:
            if key == "hear":
                terminal.hear("bo: hello")
            elif "\t" not in key:
                terminal.press(key)
        # pyte loses a mark on a wide character, so no marks are compared.
        rows, _ = wrapped(without_marks(terminal.prompt + terminal.editor.text), columns)
        expected = terminal.above + [row.rstrip() for row in rows]
        while expected and not expected[-1]:
            expected.pop()
        assert [without_marks(row).rstrip() for row in terminal.rows()] == expected


@pytest.mark.parametrize("letter", ["x", HAN])
def test_input_larger_than_the_screen_leaves_room_for_messages(
    screen: type[pyte.Screen], letter: str
) -> None:
    terminal = ClientTerminal(screen, 40)
    terminal.screen.resize(lines=10)
    terminal.editor.resize(40, 10)
    for _ in range(6):
        terminal.press(letter * 150)
        terminal.hear("bo: hello")
        assert "bo: hello" in terminal.rows()
    terminal.press("end")
    assert terminal.rows()[-1].endswith("end")
    terminal.press(HOME)
    terminal.hear("bo: again")
    rows = terminal.rows()
    assert "bo: again" in rows
    assert rows[rows.index("bo: again") + 1].startswith(f"al> {letter}")
    assert rows[-1].endswith(">")
    assert terminal.editor.feed("\n") == [letter * 900 + "end"]


def test_of_input_that_does_not_fit_a_quarter_of_the_cells_is_behind_the_cursor() -> None:
    left, right = ["x"] * 100, ["y"] * 100
    assert around_cursor(left, right, 40) == (["<", *left[:29]], [">", *right[:10]])


def test_a_wide_character_that_does_not_fit_is_left_out_whole() -> None:
    left = [*"abcdefgh", HAN, "x"]
    assert around_cursor(left, [], 2) == (["<", "x"], [])
    assert around_cursor(left, [], 3) == (["<", HAN, "x"], [])


@pytest.mark.parametrize(
    ("letters", "flags", "row"), [(14, 1, 0), (16, 1, 1), (17, 1, 1), (10, 2, 0), (12, 2, 1)]
)
def test_a_row_ends_early_where_some_terminal_might_have_it_full(
    letters: int, flags: int, row: int
) -> None:
    # A flag takes two cells, and on some terminals four.
    picture = draw([], ["a"] * letters + ["\U0001f1e9\U0001f1ea"] * flags, [], 20)
    assert picture.row == row
    assert picture.body.count("\r\n") == row


def test_a_list_has_as_many_names_in_a_row_as_fit() -> None:
    assert rows_of_names(["a" * 5, "b" * 5, "c" * 5], 18) == "=== aaaaa  bbbbb\r\n=== ccccc\r\n"
    assert rows_of_names(["a" * 5, "b" * 5], 17) == "=== aaaaa  bbbbb\r\n"
    assert rows_of_names(["a" * 5, "b" * 5], 16) == "=== aaaaa\r\n=== bbbbb\r\n"
    assert rows_of_names([f"n{number}" for number in range(60)], 500).endswith("n59\r\n")


def test_typing_a_wide_character_draws_the_line_anew() -> None:
    # Terminals disagree about widths, and what is only added may stand in the wrong place.
    editor = LineEditor(columns=20)
    editor.start()
    editor.feed("ab")
    editor.output()
    editor.feed(HAN)
    assert editor.output() == f"\r\x1b[Jab{HAN}"


def test_a_second_start_draws_the_whole_line(terminal: ClientTerminal) -> None:
    terminal.press("hi")
    terminal.editor.start()
    terminal.draw()
    terminal.expect("hi")


def test_what_waits_is_taken_off_when_a_secret_is_asked_for(terminal: ClientTerminal) -> None:
    terminal.press("half")
    terminal.editor.secret = True
    terminal.draw()
    terminal.expect("")


def test_a_small_screen_keeps_three_rows_for_messages(screen: type[pyte.Screen]) -> None:
    terminal = ClientTerminal(screen, 20)
    terminal.editor.resize(20, 5)
    terminal.press("x" * 200)
    assert "".join(terminal.rows()).count("x") == 40
