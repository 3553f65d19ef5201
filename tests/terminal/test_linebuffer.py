"""Test the buffer of lines that clients send whole: pieces, limits, backspaces."""

import tracemalloc

import pytest

from threadchat.terminal.linebuffer import LineBuffer, LineTooLong
from threadchat.text.clean import MAX_LINE


class TestLines:
    def test_a_line_comes_with_its_end(self) -> None:
        assert LineBuffer().feed("hi\n") == ["hi"]

    def test_nothing_comes_before_its_end(self) -> None:
        assert LineBuffer().feed("hi") == []

    def test_a_line_may_arrive_in_pieces(self) -> None:
        buffer = LineBuffer()
        assert [event for piece in ("h", "", "i", "\n") for event in buffer.feed(piece)] == ["hi"]

    def test_several_lines_may_arrive_at_once(self) -> None:
        assert LineBuffer().feed("a\nb\n\nc") == ["a", "b", ""]

    def test_the_rest_belongs_to_the_next_line(self) -> None:
        buffer = LineBuffer()
        buffer.feed("a\nb")
        assert buffer.feed("c\n") == ["bc"]

    def test_only_lf_ends_a_line(self) -> None:
        assert LineBuffer().feed("a\x0b\x0c\x85\u2028b\r\n") == ["a\x0b\x0c\x85\u2028b\r"]


class TestLimit:
    def test_the_longest_line_comes_whole(self) -> None:
        assert LineBuffer(5).feed("12345\n") == ["12345"]

    def test_what_was_taken_does_not_come_again(self) -> None:
        buffer = LineBuffer(5)
        buffer.feed("abc")
        assert [buffer.take(), buffer.take()] == ["abc", ""]

    def test_lines_beside_one_that_is_too_long_come_each_by_itself(self) -> None:
        events = LineBuffer(5).feed("abc\nde\n1234567\nf\n")
        assert events == ["abc", "de", LineTooLong(5), "f"]

    def test_one_character_more_is_too_long(self) -> None:
        assert LineBuffer(5).feed("123456\n") == [LineTooLong(5)]

    def test_by_default_it_is_the_longest_line_of_all(self) -> None:
        assert LineBuffer().feed("x" * MAX_LINE + "\n") == ["x" * MAX_LINE]
        assert LineBuffer().feed("x" * (MAX_LINE + 1) + "\n") == [LineTooLong(MAX_LINE)]

    def test_it_counts_characters_not_bytes(self) -> None:
        assert LineBuffer(5).feed("ééééé\n") == ["ééééé"]

    def test_it_is_reported_when_it_happens(self) -> None:
        assert LineBuffer(5).feed("123456") == [LineTooLong(5)]

    def test_it_is_reported_once_a_line(self) -> None:
        buffer = LineBuffer(5)
        buffer.feed("123456")
        assert [event for _ in range(5) for event in buffer.feed("123456")] == []

    def test_the_rest_of_the_line_is_dropped(self) -> None:
        buffer = LineBuffer(5)
        buffer.feed("123456")
        assert buffer.feed("78\n") == []

    def test_the_next_line_is_whole_again(self) -> None:
        assert LineBuffer(5).feed("123456\nhi\n") == [LineTooLong(5), "hi"]

    def test_each_line_that_is_too_long_is_reported(self) -> None:
        assert LineBuffer(2).feed("abc\nabc\n") == [LineTooLong(2), LineTooLong(2)]

    @pytest.mark.parametrize(("size", "times"), [(900, 1000), (1_000_000, 1)])
    def test_memory_is_bounded(self, size: int, times: int) -> None:
        buffer = LineBuffer(1000)
        tracemalloc.start()
        try:
            for _ in range(times):
                buffer.feed("x" * size)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 50_000


class TestErasing:
    @pytest.mark.parametrize("eraser", ["\b", "\x7f"], ids=["BS", "DEL"])
    @pytest.mark.parametrize(
        ("typed", "line"),
        [
            ("hellp{0}o", "hello"),
            ("ab{0}{0}{0}c", "c"),
            ("{0}a", "a"),
            ("a{0}", ""),
            ("é{0}e", "e"),
        ],
    )
    def test_an_eraser_takes_the_character_before_it(
        self, eraser: str, typed: str, line: str
    ) -> None:
        assert LineBuffer().feed(typed.format(eraser) + "\n") == [line]

    def test_it_does_not_reach_into_the_line_before(self) -> None:
        assert LineBuffer().feed("a\n\b\bb\n") == ["a", "b"]

    def test_it_reaches_into_an_earlier_piece(self) -> None:
        buffer = LineBuffer()
        buffer.feed("ab")
        assert buffer.feed("\bc\n") == ["ac"]


class TestFinishAndClear:
    def test_finish_makes_a_line_of_what_is_there(self) -> None:
        buffer = LineBuffer()
        buffer.feed("a\nbc")
        assert buffer.finish() == ["bc"]

    def test_finish_makes_no_empty_line(self) -> None:
        buffer = LineBuffer()
        buffer.feed("a\n")
        assert buffer.finish() == []

    def test_finish_makes_nothing_of_a_line_that_is_too_long(self) -> None:
        buffer = LineBuffer(2)
        buffer.feed("abc")
        assert buffer.finish() == []

    def test_finish_carries_out_what_was_erased(self) -> None:
        buffer = LineBuffer()
        buffer.feed("ab\b")
        assert buffer.finish() == ["a"]

    def test_finish_leaves_nothing(self) -> None:
        buffer = LineBuffer()
        buffer.feed("a")
        buffer.finish()
        assert buffer.finish() == []

    def test_clear_forgets_the_line(self) -> None:
        buffer = LineBuffer()
        buffer.feed("abc")
        buffer.clear()
        assert buffer.feed("d\n") == ["d"]

    def test_clear_forgets_that_it_was_too_long(self) -> None:
        buffer = LineBuffer(2)
        buffer.feed("abc")
        buffer.clear()
        assert buffer.feed("d\n") == ["d"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a\x1b", "a"), ("a\x1b[1;", "a"), ("a\x1b\x1b", "a"), ("a\x1b[A", "a\x1b[A"), ("ab", "ab")],
)
def test_a_key_that_has_begun_can_be_given_up(text: str, kept: str) -> None:
    buffer = LineBuffer()
    buffer.feed(text)
    buffer.end_key()
    assert buffer.take() == kept
