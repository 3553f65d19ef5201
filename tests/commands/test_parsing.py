"""How words are told from commands."""

import pytest

from tests.support.clients import escape_words
from threadchat.commands.registry import Call, parse_line


class TestParseLine:
    @pytest.mark.parametrize(
        "line", ["hi", "", "a/b", " /who", "1/2", ":/", "\\who", "http://example.org"]
    )
    def test_words_are_for_the_room(self, line: str) -> None:
        assert parse_line(line) == line

    @pytest.mark.parametrize(
        ("line", "call"),
        [
            ("/who", Call("who", "")),
            ("/WHO", Call("who", "")),
            ("/nick Al", Call("nick", "Al")),
            ("/me waves  to  all ", Call("me", "waves  to  all")),
            ("/me   waves", Call("me", "waves")),
            ("/me //", Call("me", "//")),
            ("/", Call("", "")),
            ("/ who", Call("", "who")),
        ],
    )
    def test_a_slash_calls_a_command(self, line: str, call: Call) -> None:
        assert parse_line(line) == call

    @pytest.mark.parametrize(
        ("line", "said"), [("//who", "/who"), ("//", "/"), ("///", "//"), ("// x", "/ x")]
    )
    def test_two_slashes_say_one(self, line: str, said: str) -> None:
        assert parse_line(line) == said

    @pytest.mark.parametrize("text", ["hi", "/who", "//", "/", "", " /a"])
    def test_escaped_words_are_said_as_they_are(self, text: str) -> None:
        assert parse_line(escape_words(text)) == text

    def test_words_that_need_none_are_not_escaped(self) -> None:
        assert escape_words("a/b") == "a/b"
