"""What is taken out of the text of strangers, and what stays."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.text.test_names import ACUTE, UNSAFE, with_code_points
from threadchat.text.clean import (
    _HARMLESS,
    MAX_COMBINING_MARKS,
    MAX_GAP_CELLS,
    UNSAFE_CHARACTER,
    clean_line,
    clean_text,
)

BLANKS = " \u00a0\u1680\u2003\u2800\u3000\u115f\u1160\u3164\uffa0\ufffc\u303f\U0001d159"
"""Some characters that take cells, on some terminal, and show nothing there."""

TWO_WIDE = "\u3000\u115f\u3164"

UNSEEN_BETWEEN = ["", "\u200c", "\u200d", "\ufe00", "\u034f", "\U000e0100", "\u180e", ACUTE,
                  "\u180b", "\u17b4", "\u200c\ufe0f\u034f"]  # fmt: skip


class TestCleanText:
    @pytest.mark.parametrize("kind", UNSAFE)
    def test_unsafe_characters_go(self, kind: str) -> None:
        left = [character for character in UNSAFE[kind] if clean_text(f"ж{character}ж") != "жж"]
        assert not left

    def test_c1_that_arrives_as_utf8_goes(self) -> None:
        assert clean_text(b"a\xc2\x85b".decode()) == "ab"

    def test_tab_becomes_a_space(self) -> None:
        assert clean_text("a\tb") == "a b"

    @pytest.mark.parametrize(
        "sequence",
        with_code_points(
            [
                "\x1b[31m",
                "\x1b[1;38;5;9m",
                "\x1b[?25l",
                "\x1b[2J",
                "\x1b[6n",
                "\x1b[3~",
                "\x1b[4 q",
                "\x9b31m",
                "\x1b]0;title\x07",
                "\x1b]0;title\x1b\\",
                "\x1b]0;title\x9c",
                "\x9d0;title\x9c",
                "\x1bP$q m\x1b\\",
                "\x90$q m\x9c",
                "\x1bXstart\x1b\\",
                "\x98start\x9c",
                "\x1b^private\x1b\\",
                "\x9eprivate\x9c",
                "\x1b_application\x1b\\",
                "\x9fapplication\x9c",
                "\x1bOA",
                "\x1bOP",
                "\x1b(B",
                "\x1bc",
                "\x1b7",
                "\x1b=",
            ]
        ),
    )
    def test_an_escape_sequence_goes_whole(self, sequence: str) -> None:
        assert clean_text(f"one {sequence}two") == "one two"

    @pytest.mark.parametrize(
        ("typed", "left"),
        [("a\x1b[31", "a31"), ("a\x1b]0;title", "a0;title"), ("a\x1b", "a"), ("a\x9b", "a")],
    )
    def test_a_sequence_without_its_end_loses_its_opening(self, typed: str, left: str) -> None:
        assert clean_text(typed) == left

    def test_what_is_left_of_nested_sequences_is_harmless(self) -> None:
        assert "\x1b" not in clean_text("\x1b\x1b[31m[31m\x1b[\x1b[0m31m")

    @pytest.mark.parametrize(
        "text",
        with_code_points(
            [
                "",
                "plain words, <b>&[/red] %s {0} \\n",
                "na\u00efve",
                "Привет",
                "日本語",
                "שלום",
                "e\u0301",
                "👩\u200d👩\u200d👧",
                "❤\ufe0f",
                "می\u200cخواهم",
            ]
        ),
    )
    def test_harmless_text_stays(self, text: str) -> None:
        assert clean_text(text) == text

    def test_as_many_marks_as_allowed_stay(self) -> None:
        text = "a" + ACUTE * MAX_COMBINING_MARKS
        assert clean_text(text) == text

    def test_further_marks_go(self) -> None:
        assert clean_text("a" + ACUTE * 50 + "b") == "a" + ACUTE * MAX_COMBINING_MARKS + "b"

    def test_each_base_has_its_own_marks(self) -> None:
        text = ("a" + ACUTE * MAX_COMBINING_MARKS) * 3
        assert clean_text(text) == text

    def test_enclosing_marks_count_with_the_others(self) -> None:
        assert clean_text("a" + "\u20dd\u0301" * 10) == "a" + "\u20dd\u0301" * 2

    @pytest.mark.parametrize("between", with_code_points(["\u200b", "\u202e", "\x1b[m", "\x00"]))
    def test_what_goes_does_not_divide_the_marks(self, between: str) -> None:
        assert clean_text("a" + (ACUTE * 4 + between) * 5) == "a" + ACUTE * MAX_COMBINING_MARKS

    @pytest.mark.parametrize("between", with_code_points(["\u200d", "\u200c", "\u2061", "\u206a"]))
    def test_what_has_no_width_is_no_new_base(self, between: str) -> None:
        cleaned = clean_text("a" + (ACUTE * 4 + between) * 5)
        assert cleaned.count(ACUTE) == MAX_COMBINING_MARKS

    @pytest.mark.parametrize(
        "text",
        with_code_points(["a\x1b[\x1b[31m", "\x1b\x1b[[31m", "a\u202e\x9b" + ACUTE * 9, "\t\x1b"]),
    )
    def test_cleaning_twice_changes_nothing(self, text: str) -> None:
        assert clean_text(clean_text(text)) == clean_text(text)


class TestGaps:
    """A gap wider than `MAX_GAP_CELLS` could push words onto the next row of a screen."""

    @pytest.mark.parametrize("between", with_code_points(UNSEEN_BETWEEN))
    @pytest.mark.parametrize("blank", with_code_points(BLANKS))
    def test_a_wide_one_is_made_narrower(self, blank: str, between: str) -> None:
        for number in (17, 70, 500):
            cleaned = clean_text(f"hi{(blank + between) * number}bo: no")
            gap = cleaned.removeprefix("hi").removesuffix("bo: no")
            assert len(cleaned) == len(gap) + 8
            assert gap
            assert sum(2 if it in TWO_WIDE else 1 for it in gap) <= MAX_GAP_CELLS

    @pytest.mark.parametrize("blank", with_code_points(BLANKS))
    def test_at_the_end_and_at_the_beginning(self, blank: str) -> None:
        for text in (blank * 100, blank * 100 + "a"):
            assert len(clean_text(text)) <= MAX_GAP_CELLS + 1

    def test_two_cells_of_one_blank_count_twice(self) -> None:
        assert clean_text("a" + "\u3000" * 8 + "b") == "a" + "\u3000" * 8 + "b"
        assert clean_text("a" + "\u3000" * 9 + "b") == "a" + " " * 16 + "b"

    def test_the_widest_that_may_be_stays_as_it_is_at_the_end(self) -> None:
        assert clean_text("a" + "\u3000" * 8) == "a" + "\u3000" * 8

    def test_blanks_of_all_kinds_make_one_gap(self) -> None:
        assert clean_text(f"a{BLANKS * 2}b") == "a" + " " * 16 + "b"

    def test_a_narrow_one_stays(self) -> None:
        for text in ("a" + " " * 16 + "b", "a \u0301 \u0300 b", "a \u200cb", f"é{' ' * 16}é"):
            assert clean_text(text) == text

    def test_the_marks_of_what_stands_before_stay(self) -> None:
        assert clean_text(f"a{ACUTE}" + " " * 40 + "b") == f"a{ACUTE}" + " " * 16 + "b"

    def test_each_is_measured_by_itself(self) -> None:
        text = ("a" + " " * 16) * 5 + "é"
        assert clean_text(text) == text

    def test_what_takes_no_cell_does_not_pile_up_without_a_blank(self) -> None:
        for unseen in ("\u200c", "\ufe00", "\U000e0100", "\u3164", "\u180b"):
            assert len(clean_text("a" + unseen * 500 + "b")) <= 2 + MAX_COMBINING_MARKS

    def test_cleaning_twice_changes_nothing(self) -> None:
        for blank in BLANKS:
            for between in UNSEEN_BETWEEN:
                once = clean_text(f"a{between}{(blank + between) * 40}{between}b")
                assert clean_text(once) == once

    @given(st.lists(st.sampled_from([*BLANKS, *UNSEEN_BETWEEN]), max_size=200).map("".join))
    def test_whatever_they_are_made_of(self, nothing: str) -> None:
        cleaned = clean_text(f"hi{nothing}bo: no")
        assert (cleaned[:2], cleaned[-6:]) == ("hi", "bo: no")
        blanks = cleaned[2:-6].lstrip("".join(UNSEEN_BETWEEN))  # these are marks on the "i"
        assert sum(2 if it in TWO_WIDE else 1 for it in blanks) <= MAX_GAP_CELLS
        assert clean_text(cleaned) == cleaned
        assert clean_line(nothing) == ""

    def test_what_is_passed_on_unread_can_be_seen(self) -> None:
        passed = [chr(code) for code in range(0x21, sys.maxunicode + 1)]
        passed = [character for character in passed if _HARMLESS.fullmatch(character)]
        assert not [it for it in passed if not cell_len(it) or UNSAFE_CHARACTER.match(it)]
        assert not [it for it in passed if not clean_line(it)]


class TestCleanLine:
    @pytest.mark.parametrize(
        "text",
        with_code_points(
            [
                *BLANKS,
                BLANKS,
                "",
                "\u3164\u3164",
                ACUTE,
                ACUTE * 3,
                f" {ACUTE}",
                "\ufe0f",
                "\u200d",
                "\U000e0100",
                "\U000e0041\U000e0042",
                "\u1161",
                "\u034f\u200c",
                "\x1b[31m",
            ]
        ),
    )
    def test_a_text_that_shows_nothing_is_none(self, text: str) -> None:
        assert clean_line(text) == ""

    @pytest.mark.parametrize(
        "text", with_code_points(["a", f"e{ACUTE}", "👍🏽", "🏽", "❤\ufe0f", "ا"])
    )
    def test_what_shows_something_stays(self, text: str) -> None:
        assert clean_line(text) == text
        assert clean_line(f"{text} {BLANKS}\u200c{ACUTE}") == text

    def test_a_wide_gap_in_plain_text_is_made_narrower_too(self) -> None:
        assert clean_line(f"a{' ' * 60}b ") == clean_text(f"a{' ' * 60}b")
        assert len(clean_line(f"a{' ' * 60}b")) < 30

    def test_as_many_that_take_no_cell_stay_as_marks_may(self) -> None:
        text = "\u6f22" + "\u200d" * MAX_COMBINING_MARKS + "\u6f22"
        assert clean_text(text) == text
        assert clean_text(text.replace("\u200d", "\u200d\u200d")) == text
