"""The objects that a page sends: all that are right, and JSON of any other shape."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.web.objects import (
    MAX_LINE_NUMBER,
    Answer,
    BadObject,
    Incoming,
    Leave,
    Line,
    Ping,
    Resume,
    Seen,
    obj,
    read,
    taken,
)


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ('{"kind": "name", "text": "al"}', Answer("al", is_secret=False)),
        ('{"kind": "password", "text": "x"}', Answer("x", is_secret=True)),
        ('{"kind": "secret", "text": ""}', Answer("", is_secret=True)),
        ('{"kind": "line", "n": 1, "text": "hi", "more": []}', Line(1, "hi")),
        ('{"kind": "seen", "private": 7}', Seen(7)),
        ('{"kind": "ping"}', Ping()),
        ('{"kind": "leave"}', Leave()),
        (
            '{"kind": "resume", "key": "k", "room": "r", "position": "", "private": 0}',
            Resume("k", "r", "", 0),
        ),
    ],
)
def test_what_is_right_is_read(message: str, meaning: Incoming) -> None:
    assert read(message) == meaning


@pytest.mark.parametrize(
    "message",
    [
        "",
        "hi",
        "[]",
        "null",
        "1",
        '"line"',
        "{}",
        '{"kind": "other"}',
        '{"kind": ["line"]}',
        '{"kind": "line", "n": 1}',
        '{"kind": "line", "text": "hi"}',
        '{"kind": "line", "n": 0, "text": "hi"}',
        '{"kind": "line", "n": -1, "text": "hi"}',
        '{"kind": "line", "n": 1.5, "text": "hi"}',
        '{"kind": "line", "n": true, "text": "hi"}',
        '{"kind": "line", "n": "1", "text": "hi"}',
        '{"kind": "line", "n": 1, "text": null}',
        json.dumps({"kind": "line", "n": MAX_LINE_NUMBER + 1, "text": ""}),
        '{"kind": "name", "text": 5}',
        '{"kind": "resume", "key": "k", "room": "r", "position": "p"}',
        '{"kind": "resume", "key": 1, "room": "r", "position": "p", "private": 0}',
        "[" * 100_000,
        '{"kind": "line", "n": ' + "9" * 5000 + "}",
        '{"kind": "line", "n": NaN, "text": ""}',
    ],
)
def test_what_is_wrong_is_told_in_one_line(message: str) -> None:
    with pytest.raises(BadObject) as caught:
        read(message)
    assert str(caught.value).isprintable()


@given(st.text())
def test_no_text_raises_anything_else(message: str) -> None:
    with contextlib.suppress(BadObject):
        read(message)
        assert isinstance(json.loads(message), dict)


def test_half_a_pair_of_surrogates_becomes_a_sign_that_can_be_sent() -> None:
    line = read('{"kind": "line", "n": 1, "text": "a\\ud83d b"}')
    assert isinstance(line, Line)
    assert line.text.encode() == "a� b".encode()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\u0085"])
def test_a_text_is_one_line(end: str) -> None:
    message = json.dumps({"kind": "line", "n": 1, "text": f"one{end}two{end}"})
    assert read(message) == Line(1, "one two")


def test_ours_are_lines_of_ascii() -> None:
    assert obj("session", name="é\n") == b'{"kind": "session", "name": "\\u00e9\\n"}\n'
    assert taken(12) == obj("taken", n=12)
