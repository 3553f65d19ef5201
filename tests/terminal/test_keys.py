"""Test what each key does, what means nothing, and how sequences of keys end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.terminal.support import DELETE, END, HOME, LEFT, RIGHT, started
from threadchat.terminal.keys import MAX_ESCAPE, KeyReader, TabReader, may_go_on, pasted


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("abc\x08", "ab"),
        ("abc\x7f", "ab"),
        ("\x7f\x08a", "a"),
        ("abc\x02\x7f", "ac"),
        ("abc\x01X", "Xabc"),
        ("abc\x01\x05X", "abcX"),
        ("abc\x02\x02\x06X", "abXc"),
        ("abc\x02\x15", "c"),
        ("abc\x02\x0b", "ab"),
        ("one two\x17", "one "),
        ("one two  \x17", "one "),
        ("one two\x17\x17\x17", ""),
        ("one two\x02\x17", "one o"),
        ("abc\x03d", "d"),
        ("abc" + LEFT + "X", "abXc"),
        ("abc" + LEFT + LEFT + RIGHT + "X", "abXc"),
        (LEFT + RIGHT + "a" + RIGHT + "b", "ab"),
        ("abc" + HOME + DELETE, "bc"),
        ("abc" + DELETE, "abc"),
        ("abc\x1b[H" + "X", "Xabc"),
        ("abc\x1b[H\x1b[FX", "abcX"),
        ("abc\x1bOH" + "X\x1bOFY", "XabcY"),
        ("abc\x1b[7~X\x1b[8~Y", "XabcY"),
        ("abc" + HOME + "X" + END + "Y", "XabcY"),
        ("abc\x1bODX", "abXc"),
        ("one two\x1b[1;5DX", "one Xtwo"),
        ("one two\x1b[1;3D\x1b[1;3DX", "Xone two"),
        ("one two\x01\x1b[1;5CX", "oneX two"),
        ("one two\x01\x1b[5C\x1bO5CX", "one twoX"),
        ("abc\x1b[1;2DX", "abXc"),
        ("abc\x0c", "abc"),
    ],
)
def test_editing_keys(keys: str, line: str) -> None:
    assert started().feed(keys + "\n") == [line]


@pytest.mark.parametrize(
    "junk",
    [
        "\x1bOP",  # F1
        "\x1b[[A",  # F1 on the Linux console
        "\x1b[15~",  # F5
        "\x1b[5~",  # Page Up
        "\x1b[200~",  # bracketed paste
        "\x1b[201~",
        "\x1b[?1;2c",
        "\x1b[12;40R",
        "\x1b[1 q",
        "\x1b[ A",
        "\x1b[<0;1;1M",
        "\x1bx",
        "\x1b\xe9",
        "\x00",
        "\x07",
        "\r",
        "\x0e",
        "\x1a",
        "\x1d",
        "\x9b",
        "\x85",
        "\t",
        "\xad",
        "\u200b",
        "\u2060",
        "\ufeff",
        "\u202e",
        "\u2066",
        "\u061c",
        "\u2028",
        "\ufff9",
        "\ufdd0",
        "\uffff",
        "\U0001fffe",
        "\U000e0041",
        "\ud800",
    ],
)
def test_what_means_nothing_is_dropped_whole(junk: str) -> None:
    assert started().feed(f"a{junk}b\n") == ["ab"]


def test_escape_twice_is_one_escape() -> None:
    assert started().feed("ab\x1b\x1b[DX\n") == ["aXb"]


@pytest.mark.parametrize("start", ["\x1b", "\x1b[", "\x1b[1;", "\x1bO", "\x1b[["])
def test_enter_is_never_lost_in_a_sequence(start: str) -> None:
    assert started().feed(f"hi{start}\n") == ["hi"]


def test_a_letter_from_outside_ascii_ends_a_sequence() -> None:
    assert started().feed("\x1b[1\xe9\n") == ["\xe9"]


def test_an_endless_sequence_is_given_up() -> None:
    editor = started()
    editor.feed("\x1b[" + "1" * (MAX_ESCAPE - 2))
    assert editor.feed("hi\n") == ["hi"]


def test_an_interrupt_ends_a_sequence_under_way() -> None:
    editor = started()
    editor.feed("abc\x1b[")
    editor.interrupt()
    editor.feed("D")
    assert editor.text == "D"


def test_the_owner_ends_a_sequence_under_way() -> None:
    editor = started()
    editor.feed("abc\x1b[")
    editor.end_key()
    assert editor.feed("D\n") == ["abcD"]


# What a read tells of its keys


@pytest.mark.parametrize(
    ("data", "typed"),
    [
        (b"\treturn al\tis", b" return al is"),
        (b"al\t", b"al\t"),
        (b"al\t\t", b"al\t\t"),
        (b"\t\ta\t", b"  a\t"),
        (b"al", b"al"),
        (b"", b""),
    ],
)
def test_a_tab_within_a_read_is_a_blank(data: bytes, typed: bytes) -> None:
    assert pasted(data) == typed


def test_tabs_at_the_end_of_a_piece_wait_for_what_follows() -> None:
    tabs = TabReader()
    assert tabs.read(b"a\tb\t\t") == b"a b"
    assert tabs.read(b"c\t") == b"  c"
    assert tabs.read(b"\t") == b""
    assert tabs.take() == b"\t\t"
    assert tabs.take() == b""
    assert tabs.read(b"d") == b"d"


@pytest.mark.parametrize("data", [b"a\t", b"a\x1b", b"\x1b[", b"\x1b[1;5", b"\x1bO", b"\x1b[["])
def test_more_may_tell_what_the_last_key_is(data: bytes) -> None:
    assert may_go_on(data)


@pytest.mark.parametrize(
    "data", [b"", b"a", b"\ta", b"\x1b[A", b"\x1bx", b"\t\r", b"\x1b[" + b"1" * 99]
)
def test_where_it_is_plain_what_the_last_key_is(data: bytes) -> None:
    assert not may_go_on(data)


# The reader of keys by itself


def test_text_and_keys_are_told_apart() -> None:
    assert [*KeyReader().read("hi\x1b[D\x1b[1;5Cyou\x1bOP\n")] == [
        ("hi", True),
        ("\x1b", False),
        ("arrow D", False),
        ("\x1b", False),
        ("word C", False),
        ("you", True),
        ("\x1b", False),
        ("", False),
        ("\n", False),
    ]


@given(st.text(alphabet="a\xe9\x1b[O;15~CDA\n\x7f\u202e", max_size=30), st.integers(0, 30))
def test_chunking_changes_no_key(text: str, cut: int) -> None:
    reader = KeyReader()
    pieces = [*reader.read(text[:cut]), *reader.read(text[cut:])]
    assert "".join(key for key, is_text in pieces if is_text) == "".join(
        key for key, is_text in KeyReader().read(text) if is_text
    )
    assert [key for key, is_text in pieces if not is_text] == [
        key for key, is_text in KeyReader().read(text) if not is_text
    ]
