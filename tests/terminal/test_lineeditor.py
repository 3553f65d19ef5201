"""Test the line editor: keys in, events and output out. test_editscreen looks at the screen."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.terminal.support import (
    CLUSTERS,
    DELETE,
    DOWN,
    END,
    HOME,
    LEFT,
    RIGHT,
    UP,
    completer,
    started,
)
from threadchat.terminal import costs
from threadchat.terminal.editscreen import MAX_LISTED
from threadchat.terminal.linebuffer import LineTooLong
from threadchat.terminal.lineeditor import MAX_REMEMBERED, MAX_TABS, EndOfInput, Event, LineEditor

# Lines


def test_enter_gives_the_line() -> None:
    assert started().feed("hi\n") == ["hi"]


def test_enter_on_nothing_gives_an_empty_line() -> None:
    assert started().feed("\n") == [""]


def test_a_paste_gives_each_line() -> None:
    assert started().feed("one\ntwo\nthr") == ["one", "two"]


def test_what_follows_a_pasted_line_waits() -> None:
    editor = started()
    editor.feed("one\nthr")
    assert editor.feed("ee\n") == ["three"]


def test_enter_in_the_middle_takes_the_whole_line() -> None:
    assert started().feed("hello" + LEFT + LEFT + "\n") == ["hello"]


def test_control_d_on_an_empty_line_ends() -> None:
    assert started().feed("\x04") == [EndOfInput()]


def test_control_d_elsewhere_erases_under_the_cursor() -> None:
    assert started().feed("ab\x01\x04\n") == ["b"]


def test_control_d_at_the_end_of_a_line_does_nothing() -> None:
    assert started().feed("ab\x04\n") == ["ab"]


def test_the_text_so_far_can_be_read() -> None:
    editor = started()
    editor.feed("hello" + LEFT)
    assert editor.text == "hello"


# What telnet may do


def test_telnet_can_erase_a_character() -> None:
    editor = started()
    editor.feed("abc")
    editor.feed("\x7f")
    assert editor.text == "ab"


def test_telnet_can_erase_the_line_on_both_sides_of_the_cursor() -> None:
    editor = started()
    editor.feed("abc" + LEFT)
    editor.erase_line()
    assert editor.text == ""


# Limit


def test_characters_beyond_the_limit_are_refused() -> None:
    assert started(limit=4).feed("abcdef\n") == [LineTooLong(4)]


def test_a_line_that_was_refused_can_be_shortened() -> None:
    assert started(limit=3).feed("abcd\x7f\n") == [LineTooLong(3), "ab"]


def test_the_line_after_one_that_was_refused_is_sent() -> None:
    assert started(limit=3).feed("abcd\nab\n") == [LineTooLong(3), "ab"]


def test_the_limit_is_reported_once_a_line() -> None:
    editor = started(limit=2)
    editor.feed("abc")
    assert editor.feed("def\nghi") == [LineTooLong(2)]


def test_a_full_line_can_be_edited() -> None:
    assert started(limit=3).feed("abc\x7fd\n") == ["abd"]


def test_the_limit_holds_before_other_text_too() -> None:
    assert started(limit=3).feed("abc\x01\xe9\n") == [LineTooLong(3)]


# Earlier lines


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (UP, "two"),
        (UP + UP, "one"),
        (UP + UP + UP, "one"),
        (UP + UP + DOWN, "two"),
        ("\x10\x10\x0e", "two"),
        ("\x1bOA", "two"),
        ("thr" + UP + DOWN + "ee", "three"),
        ("thr" + UP + UP + DOWN + DOWN + DOWN + "ee", "three"),
        (UP + "s", "twos"),
        ("x" + UP + "\x03" + DOWN, ""),
    ],
)
def test_earlier_lines_come_back(keys: str, line: str) -> None:
    editor = started()
    editor.feed("one\ntwo\n")
    assert editor.feed(keys + "\n") == [line]


def test_a_line_repeated_is_remembered_once() -> None:
    editor = started()
    editor.feed("one\ntwo\ntwo\n")
    assert editor.feed(UP + UP + "\n") == ["one"]


def test_blank_lines_are_not_remembered() -> None:
    editor = started()
    editor.feed("one\n\n  \n")
    assert editor.feed(UP + "\n") == ["one"]


def test_only_so_many_lines_are_remembered() -> None:
    editor = started(remember=2)
    editor.feed("one\ntwo\nthree\n")
    assert editor.feed(UP * 5 + "\n") == ["two"]


def test_nothing_is_remembered_if_so_wished() -> None:
    editor = started(remember=0)
    editor.feed("one\n")
    assert editor.feed(UP + "\n") == [""]


# Completion


def test_tab_inserts_the_only_candidate() -> None:
    assert started(complete=completer("alan: ", "bo: ")).feed("a\thi\n") == ["alan: hi"]


def test_tab_completes_before_other_text() -> None:
    editor = started(complete=completer("alan"))
    assert editor.feed("a!" + LEFT + "\t,\n") == ["alan,!"]


def test_tab_without_candidates_does_nothing() -> None:
    assert started(complete=completer("bo")).feed("say a\t\n") == ["say a"]


def test_tab_inserts_what_the_candidates_share() -> None:
    assert started(complete=completer("Alan", "alBERT")).feed("A\t\n") == ["Al"]


def test_a_second_tab_lists_the_candidates() -> None:
    editor = started(complete=completer("alan: ", "albert: "))
    editor.feed("al\t\t")
    assert "=== alan  albert\r\n" in editor.output()


def test_a_second_tab_hands_the_list_to_who_shows_it_above() -> None:
    shown: list[str] = []
    editor = LineEditor(complete=completer("alan", "albert"), show_above=shown.append)
    editor.start()
    editor.feed("al\t\t")
    assert shown == ["=== alan  albert\r\n"]
    assert "===" not in editor.output()


def test_a_second_tab_lists_across_reads() -> None:
    editor = started(complete=completer("alan", "albert"))
    editor.feed("al\t")
    editor.feed("\t")
    assert "=== alan  albert\r\n" in editor.output()


@pytest.mark.parametrize("between", ["b", "\x01\x05", "\x1bOP"])
def test_another_key_between_two_tabs_prevents_the_list(between: str) -> None:
    editor = started(complete=completer("alan", "albert", "albin"))
    editor.feed(f"al\t{between}\t")
    assert "===" not in editor.output()


def test_a_long_list_is_cut() -> None:
    names = [f"name{number}" for number in range(MAX_LISTED + 5)]
    editor = started(complete=completer(*names))
    editor.feed("\t\t")
    assert "and 5 more" in editor.output()


def test_a_list_fits_the_width() -> None:
    editor = started(columns=20, complete=completer("alan", "albert", "alfred", "algernon"))
    editor.feed("\t\t")
    rows = [row for row in editor.output().split("\r\n") if "===" in row]
    assert all(len(row.split("\x1b[J")[-1]) < 20 for row in rows)


def test_a_candidate_is_shown_in_the_clients_encoding() -> None:
    editor = started(complete=completer("al\u6f22"), encoding="cp437")
    assert editor.feed("a\t\n") == ["al?"]


def test_a_candidate_cannot_carry_controls() -> None:
    assert started(complete=completer("al\x1b[31m\n")).feed("a\t\n") == ["al[31m"]


def test_a_candidate_up_to_the_limit_is_inserted() -> None:
    editor = started(limit=5, complete=completer("alice"))
    assert editor.feed("al\t\n") == ["alice"]


def test_a_candidate_beyond_the_limit_is_not_inserted() -> None:
    assert started(limit=4, complete=completer("albert")).feed("al\t\n") == ["al"]


@pytest.mark.parametrize("start", [-3, 99])
def test_a_wrong_start_does_no_harm(start: int) -> None:
    editor = started(complete=lambda before: (start, ["alan"]))
    assert isinstance(editor.feed("al\t\n")[-1], str)


def test_tabs_in_one_read_are_bounded() -> None:
    calls = []

    def complete(before: str) -> tuple[int, Sequence[str]]:
        calls.append(before)
        return 0, []

    started(complete=complete).feed("a\t" * 1000)
    assert len(calls) == MAX_TABS


def test_what_was_done_is_paid_for_once() -> None:
    editor = started(complete=completer("alan"))
    editor.take_cost()
    editor.feed("a\t")
    assert editor.take_cost() >= costs.COMPLETION
    assert editor.take_cost() == 0
    editor.output()
    assert editor.take_cost() == pytest.approx(costs.DRAWING + costs.of_text("> alan"))


def test_marks_that_are_dropped_are_paid_for() -> None:
    editor = started()
    editor.take_cost()
    editor.feed("a" + "\u0301" * 104)
    text = costs.of_text("a" + "\u0301" * 104)
    assert editor.take_cost() == pytest.approx(text + 100 * costs.MARK_DROPPED)
    editor.feed("é")
    assert editor.take_cost() == pytest.approx(costs.of_text("é"))


# Secrets


def secret_editor() -> LineEditor:
    """Return an editor that asks for a password."""
    editor = started("Password: ", complete=completer("hunter"))
    editor.secret = True
    return editor


def test_a_secret_is_not_echoed() -> None:
    editor = secret_editor()
    editor.feed("hunter2" + LEFT + "\x7f")
    assert editor.output() == ""


def test_enter_leaves_the_prompt_of_a_secret() -> None:
    editor = secret_editor()
    editor.feed("hunter2\n")
    assert editor.output().startswith("\r\n")


def test_a_secret_is_edited_all_the_same() -> None:
    assert secret_editor().feed("hunter3\x7f2\n") == ["hunter2"]


def test_a_secret_is_not_remembered() -> None:
    editor = secret_editor()
    editor.feed("hunter2\n")
    editor.secret = False
    assert editor.feed(UP + "\n") == [""]


def test_what_turns_out_to_be_a_secret_is_forgotten() -> None:
    editor = started()
    editor.feed("one\nhunter2\ntwo\nhunter2\n")
    editor.forget("hunter2")
    assert list(editor._history) == ["one", "two"]
    assert editor.feed(UP + "\n" + UP + UP + "\n") == ["two", "one"]


def test_earlier_lines_do_not_come_back_in_a_secret() -> None:
    editor = started()
    editor.feed("one\n")
    editor.secret = True
    assert editor.feed(UP + "\n") == [""]


def test_a_secret_is_not_completed() -> None:
    assert secret_editor().feed("hun\t\n") == ["hun"]


def test_a_message_above_it_shows_no_secret() -> None:
    editor = secret_editor()
    editor.feed("hunter2")
    assert (editor.hide(), editor.show()) == ("\r\x1b[J", "Password: ")


def test_half_a_secret_never_appears() -> None:
    editor = secret_editor()
    editor.feed("hunt")
    editor.secret = False
    assert "hunt" not in editor.output() + editor.show()


def test_input_that_waits_becomes_part_of_the_secret() -> None:
    editor = started("Your name: ")
    editor.feed("al\nhun")
    editor.secret = True
    editor.set_prompt("Password: ")
    assert editor.output() == "\r\x1b[JPassword: "
    assert editor.feed("ter2\n") == ["hunter2"]


def test_after_a_secret_the_next_prompt_stands_on_its_own_row() -> None:
    editor = secret_editor()
    editor.feed("hunter2\n")
    editor.secret = False
    editor.set_prompt("> ")
    assert editor.output() == "\r\n> "


# Output


def test_nothing_is_drawn_before_the_start() -> None:
    editor = LineEditor()
    editor.set_prompt("> ")
    editor.feed("hi")
    assert (editor.output(), editor.hide(), editor.show()) == ("", "", "")


def test_the_start_draws_what_was_typed_once() -> None:
    editor = LineEditor()
    editor.set_prompt("> ")
    editor.feed("hel")
    editor.start()
    assert editor.output() == "\r\x1b[J> hel"


def test_the_stop_takes_the_line_off_the_screen() -> None:
    editor = started()
    editor.feed("hi")
    editor.output()
    editor.stop()
    assert (editor.output(), editor.hide(), editor.show()) == ("\r\x1b[J", "", "")


@pytest.mark.parametrize(
    ("before", "key", "output"),
    [
        ("", "a", "a"),
        ("ab", "cd", "cd"),
        ("\xe9", "a", "a"),
        ("ab", "\x7f", "\b \b"),
        ("ab", LEFT, "\r\x1b[3C"),
        ("a\xe9", "\x7f", "\r\x1b[J> a"),
        ("a", "\xe9", "\r\x1b[J> a\xe9"),
        ("ab\x02", "c", "\r\x1b[J> acb\r\x1b[4C"),
        ("ab", "\n", "\r\x1b[J> "),
        ("", "\n", ""),
        ("", "\x7f", ""),
        ("ab", RIGHT, ""),
        ("ab", "\x0c", "\r\x1b[J> ab"),
        ("x" * 17, "y", "y \r"),
        ("x" * 18, "y", "y"),
        ("x" * 18, "\x7f", "\r\x1b[1A\x1b[J> " + "x" * 17),
        ("x" * 19, "\x01", "\r\x1b[1A\x1b[2C"),
        ("x" * 19 + "\x01", "\x05", "\r\n\x1b[1C"),
        ("x" * 17, "\u6f22", "\r\x1b[J> " + "x" * 17 + " \u6f22"),
    ],
)
def test_a_key_writes_no_more_than_it_must(before: str, key: str, output: str) -> None:
    editor = started(columns=20)
    editor.feed(before)
    editor.output()
    editor.feed(key)
    assert editor.output() == output


def test_a_paste_is_drawn_once() -> None:
    editor = started()
    editor.feed("a\xe9" * 2048)
    assert len(editor.output()) < 4200


def test_a_paste_of_lines_draws_only_the_last() -> None:
    editor = started()
    editor.feed("some line\n" * 400 + "x")
    assert editor.output() == "x"


def test_an_unchanged_prompt_is_not_drawn_again() -> None:
    editor = started("> ")
    editor.set_prompt("> ")
    assert editor.output() == ""


def test_a_prompt_cannot_carry_controls() -> None:
    assert started("a\x1b\n\x9bb").show() == "ab"


def test_a_prompt_is_shown_in_the_clients_encoding() -> None:
    assert started("\u6f22> ", encoding="cp437").show() == "?> "


def test_a_change_of_encoding_reaches_prompt_and_input() -> None:
    editor = started("\u6f22> ")
    editor.feed("\u6f22\xe9")
    editor.set_encoding("cp437")
    assert editor.show() == "?> ?\xe9"


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(LookupError):
        started().set_encoding("no such thing")


@pytest.mark.parametrize(
    ("columns", "taken"), [(0, 80), (-1, 80), (1, 20), (20, 20), (500, 500), (9999, 500)]
)
def test_widths_are_clamped(columns: int, taken: int) -> None:
    editor = started("", columns=columns)
    editor.feed("x" * taken)
    assert editor.show() == "x" * taken + " \r"


# Properties

KEYS = st.sampled_from(
    [
        *CLUSTERS,
        *"bcd",
        *"\x01\x02\x03\x04\x05\x06\x08\x0b\x0c\n\x0e\x10\x15\x17\x1b\x7f",
        *[UP, DOWN, LEFT, RIGHT, HOME, END, DELETE, "\x1b[1;5C", "\x1b[1;5D", "\x1bOP", "\x1b[1"],
        *["\u0301", "\u200d", "\U0001f3fd", "\U0001f1e9", "\u202e", "x" * 25],
    ]
)
TEXTS = st.lists(st.one_of(KEYS, st.characters()), max_size=40).map("".join)
ALLOWED = re.compile(r"(?:[\r\n\b]|\x1b\[[1-9][0-9]*[AC]|\x1b\[J|[^\x00-\x1f\x7f-\x9f])*")


def fed_in_pieces(editor: LineEditor, pieces: Sequence[str]) -> list[Event]:
    """Feed `pieces`, and return all events together."""
    return [event for piece in pieces for event in editor.feed(piece)]


@given(TEXTS, st.booleans())
def test_chunking_changes_nothing(text: str, secret: bool) -> None:
    whole, split = started(columns=20, limit=60), started(columns=20, limit=60)
    whole.secret = split.secret = secret
    assert whole.feed(text) == fed_in_pieces(split, text)
    assert whole.text == split.text
    assert whole.show() == split.show()


@given(st.lists(TEXTS, max_size=5), st.sampled_from([20, 80, 132]))
def test_only_known_controls_are_written(texts: list[str], columns: int) -> None:
    editor = started(columns=columns)
    for text in texts:
        editor.feed(text)
        assert ALLOWED.fullmatch(editor.output() + editor.hide() + editor.show())


@given(TEXTS)
def test_the_line_stays_within_its_limit(text: str) -> None:
    editor = started(limit=10)
    for character in text:
        editor.feed(character)
        assert len(editor.text) <= 10


@given(TEXTS)
def test_no_line_carries_a_control(text: str) -> None:
    for event in started().feed(text + "\n"):
        if isinstance(event, str):
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e\ud800-\udfff]", event)


class Model:
    """An editor as one would write it without a thought for the screen."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.clusters: list[str] = []
        self.cursor = 0

    def press(self, key: str) -> None:
        """Do what `key` means."""
        here, count = self.cursor, len(self.clusters)
        if key == "\x7f" and here:
            del self.clusters[here - 1]
            self.cursor -= 1
        elif key == DELETE:
            del self.clusters[here : here + 1]
        elif key == "\x15":
            del self.clusters[:here]
            self.cursor = 0
        elif key == "\x0b":
            del self.clusters[here:]
        elif key in (LEFT, RIGHT, HOME, END):
            self.cursor = {
                LEFT: max(here - 1, 0),
                RIGHT: min(here + 1, count),
                HOME: 0,
                END: count,
            }[key]
        elif key in CLUSTERS:
            self.clusters.insert(here, key)
            self.cursor += 1


@given(
    st.lists(
        st.sampled_from([*CLUSTERS, "\x7f", DELETE, "\x15", "\x0b", LEFT, RIGHT, HOME, END]),
        max_size=60,
    )
)
def test_the_editor_agrees_with_a_model(keys: list[str]) -> None:
    editor, model = started(), Model()
    for key in keys:
        editor.feed(key)
        model.press(key)
        assert editor.text == "".join(model.clusters)
    editor.feed("|")
    model.clusters.insert(model.cursor, "|")
    assert editor.text == "".join(model.clusters)


def test_earlier_lines_are_bounded_by_their_characters() -> None:
    editor = started(limit=4096)
    for number in range(100):
        editor.feed(f"{number} " + "x" * 4000 + "\n")
    assert sum(map(len, editor._history)) <= MAX_REMEMBERED
    assert editor._history[-1].startswith("99 ")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_another_encoding_changes_what_is_shown_and_not_what_is_typed(encoding: str) -> None:
    editor = started()
    editor.feed("h\u6f22")
    editor.set_encoding(encoding)
    assert editor.show() == "> h?"
    assert editor.feed("\n") == ["h\u6f22"]


@pytest.mark.parametrize(
    ("columns", "rows", "like"),
    [
        (0, 0, (80, 24)),
        (1, 24, (20, 24)),
        (19, 24, (20, 24)),
        (600, 24, (500, 24)),
        (80, 1, (80, 4)),
        (80, 600, (80, 500)),
    ],
)
def test_a_size_that_cannot_be_is_taken_for_one_that_can(
    columns: int, rows: int, like: tuple[int, int]
) -> None:
    drawn = []
    for size in ((columns, rows), like):
        editor = started()
        editor.resize(*size)
        editor.feed("word " * 200)
        drawn.append(editor.output())
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("leave", ["interrupt", "erase_line", "ask for a secret"])
def test_the_way_back_begins_anew_where_a_line_was_left(leave: str) -> None:
    editor = started()
    editor.feed("one\ntwo\n" + UP)
    if leave == "ask for a secret":
        editor.secret = True
        editor.end_secret()
        editor.feed("\x15")
    else:
        getattr(editor, leave)()
    assert editor.feed(UP + "\n") == ["two"]


def test_the_way_back_begins_anew_where_a_line_was_forgotten() -> None:
    editor = started()
    editor.feed("one\ntwo\nhunter2\n" + UP)
    editor.forget("hunter2")
    assert editor.feed(UP + "\n") == ["two"]


def test_to_ask_for_a_secret_twice_costs_nothing_of_it() -> None:
    editor = secret_editor()
    editor.feed("hun")
    editor.secret = True
    assert editor.feed("ter2\n") == ["hunter2"]


def test_what_is_hidden_is_what_was_typed_by_then() -> None:
    editor = started()
    editor.feed("x" * 100)
    assert editor.hide() == "\r\x1b[1A\x1b[J"


def test_a_key_costs_more_in_a_long_line() -> None:
    editor = started()
    editor.feed(LEFT)
    short = editor.take_cost()
    editor.feed("x" * 1000)
    editor.take_cost()
    editor.feed(LEFT)
    assert editor.take_cost() > short + 500 * costs.CLUSTER_MOVED


def test_the_last_line_is_remembered_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadchat.terminal.lineeditor.MAX_REMEMBERED", 3)
    editor = started()
    editor.feed("abcd\n")
    assert editor.feed(UP + "\n") == ["abcd"]
    editor.feed("a\nbc\n")
    assert editor.feed(UP + UP + "\n") == ["a"]


def test_a_second_tab_lists_nothing_where_there_is_one_candidate() -> None:
    listed: list[str] = []
    editor = LineEditor(complete=lambda before: (0, ["alan"]), show_above=listed.append)
    editor.feed("AL\t\t")
    assert listed == []
    assert editor.text == "alan"


def test_tab_writes_a_whole_name_as_its_owner_does() -> None:
    editor = LineEditor(complete=lambda before: (0, ["alan"]))
    editor.feed("ALAN\t")
    assert editor.text == "alan"
