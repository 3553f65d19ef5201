"""What is taken out of the text of strangers, and what stays."""

import pytest

from tests.text.test_names import ACUTE, UNSAFE, with_code_points
from threadchat.text.clean import MAX_COMBINING_MARKS, clean_text


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
