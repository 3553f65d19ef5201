import re
import time
import unicodedata

import pytest

from threadchat.commands.registry import Call, escape_words, parse_line
from threadchat.messages.format import render
from threadchat.messages.kinds import (
    Emote,
    Joined,
    Left,
    LeftTogether,
    Message,
    Notice,
    Problem,
    Renamed,
    Say,
    Welcome,
)
from threadchat.messages.mentions import words_of
from threadchat.net.disconnect import Reason
from threadchat.terminal.view import View
from threadchat.text.names import fold_name
from threadchat.text.phrases import (
    MAX_NAMES_LISTED,
    NAMES_OF_A_CROWD,
    count_people,
    duration,
    list_names,
)

MESSAGES: list[tuple[Message, str]] = [
    (Say("al", "hi", 0.0), "al: hi"),
    (Emote("al", "waves", 0.0), "* al waves"),
    (Joined(["al"], 3), "--> al joined (3 here)"),
    (Joined(["al", "bo"], 5), "--> al, bo joined (5 here)"),
    (Joined(list("abcdefghi"), 20), "--> a, b, c and 6 others joined (20 here)"),
    (Joined(["al", "bo", "cy"], 1200, 1000), "--> al, bo, cy and 997 others joined (1200 here)"),
    (Left("al", 12 * 60, Reason.QUIT), "<-- al left after 12 min (quit)"),
    (Left("al", 3, "quit: so long"), "<-- al left after 3 s (quit: so long)"),
    (Left("al", 90, Reason.TOO_SLOW), "<-- al left after 1 min (too slow)"),
    (LeftTogether(["al", "bo"], 4), "<-- al, bo left (4 here)"),
    (LeftTogether(list("abcdefghi"), 0), "<-- a, b, c and 6 others left (0 here)"),
    (Renamed("al", "bo"), "--- al is now bo"),
    (Welcome("al"), "Welcome, al. Type and press Enter to talk; /help shows more."),
    (Notice("You are now bo."), "=== You are now bo."),
    (
        Problem("Nobody here is called bob. /who lists everyone."),
        "!!! Nobody here is called bob. /who lists everyone.",
    ),
]


class TestLines:
    @pytest.mark.parametrize(("message", "line"), MESSAGES, ids=[line for _, line in MESSAGES])
    def test_each_message_has_its_line(self, message: Message, line: str) -> None:
        assert message.line == line

    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            (Reason.QUIT, "quit"),
            (Reason.CLOSED, "closed"),
            (Reason.RESET, "reset"),
            (Reason.TIMED_OUT, "timed out"),
            (Reason.TOO_SLOW, "too slow"),
            (Reason.NO_NAME, "gave no name"),
            (Reason.NOT_A_CHAT_CLIENT, "not a chat client"),
            (Reason.SERVER_STOPPING, "server stopping"),
            (Reason.SERVER_ERROR, "server error"),
        ],
    )
    def test_each_reason_is_shown_in_words(self, reason: Reason, words: str) -> None:
        assert Left("al", 0, reason).line.endswith(f"({words})")


class TestRender:
    def test_a_line_ends_in_cr_lf(self) -> None:
        assert render(Say("al", "hi", 0.0), View()) == b"al: hi\r\n"

    @pytest.mark.parametrize(
        ("encoding", "data"),
        [("utf-8", "é".encode()), ("cp1252", b"\xe9"), ("cp437", b"\x82"), ("ascii", b"?")],
    )
    def test_it_is_in_the_encoding_of_the_view(self, encoding: str, data: bytes) -> None:
        assert render(Say("al", "é", 0.0), View(encoding)) == b"al: " + data + b"\r\n"

    def test_what_the_encoding_lacks_becomes_a_question_mark(self) -> None:
        assert View("cp1252").encode("a日本€") == b"a??\x80"

    def test_ff_is_doubled_for_telnet(self) -> None:
        assert View("cp1252", doubled_iac=True).encode("ÿaÿ") == b"\xff\xffa\xff\xff"

    def test_ff_is_not_doubled_for_others(self) -> None:
        assert View("cp1252").encode("ÿ") == b"\xff"

    def test_utf8_has_nothing_to_double(self) -> None:
        assert View(doubled_iac=True).encode("ÿ") == "ÿ".encode()

    def test_a_lone_surrogate_does_no_harm(self) -> None:
        assert View().encode("a\ud800b") == b"a?b"

    def test_equal_views_are_one(self) -> None:
        assert {View(), View("utf-8"), View("cp1252"), View("cp1252", True)} == {
            View(),
            View("cp1252"),
            View("cp1252", True),
        }


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


class TestListNames:
    @pytest.mark.parametrize(
        ("names", "listed"), [([], ""), (["al"], "al"), (["al", "bo", "cy"], "al, bo, cy")]
    )
    def test_a_few_are_named(self, names: list[str], listed: str) -> None:
        assert list_names(names) == listed

    def test_as_many_as_a_line_takes_are_named(self) -> None:
        names = [f"p{number}" for number in range(MAX_NAMES_LISTED)]
        assert list_names(names) == ", ".join(names)

    def test_of_a_crowd_the_others_are_counted(self) -> None:
        names = [f"p{number}" for number in range(MAX_NAMES_LISTED + 1)]
        others = len(names) - NAMES_OF_A_CROWD
        assert list_names(names) == f"p0, p1, p2 and {others} others"

    def test_the_count_is_of_all_not_of_the_names_given(self) -> None:
        assert list_names(["al", "bo", "cy", "di"], 100) == "al, bo, cy and 97 others"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "Nobody is here yet"),
        (1, "1 person is here"),
        (2, "2 people are here"),
        (1000, "1000 people are here"),
    ],
)
def test_count_people(number: int, words: str) -> None:
    assert count_people(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (12 * 60 + 59, "12 min"),
        (3599.9, "59 min"),
        (3600, "1 h 0 min"),
        (2 * 3600 + 5 * 60, "2 h 5 min"),
        (86399, "23 h 59 min"),
        (86400, "1 d 0 h"),
        (40 * 86400 + 7 * 3600, "40 d 7 h"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


class TestColors:
    VIEW = View(has_color=True)

    def test_a_name_has_the_same_colour_wherever_it_stands(self) -> None:
        messages = (Say("al", "hi", 0.0), Say("Al", "x", 0.0), Emote("al", "waves", 0.0))
        colored = b"".join(render(message, self.VIEW) for message in messages)
        colors = re.findall(rb"\x1b\[(\d\d)m[Aa]l\x1b\[m", colored)
        assert len(colors) == 3
        assert len(set(colors)) == 1
        assert set(colors) <= {b"31", b"32", b"35", b"36"}

    def test_announcements_are_dim(self) -> None:
        for message in (Joined(["al"], 1), Left("al", 0, "quit"), Renamed("al", "bo")):
            expected = f"\x1b[2m{message.line}\x1b[m\r\n".encode()
            assert render(message, self.VIEW) == expected

    def test_a_mention_is_bold(self) -> None:
        shown = render(Say("bo", "hi al", 0.0), self.VIEW, is_mention=True)
        assert shown.endswith(b"\x1b[1m: hi al\x1b[m\r\n")

    def test_without_the_colours_the_line_is_the_plain_one(self) -> None:
        for message in (Say("al", "hi", 0.0), Emote("al", "hi", 0.0), Joined(["al"], 1)):
            plain = re.sub(rb"\x1b\[\d*m", b"", render(message, self.VIEW, is_mention=True))
            assert plain == render(message, View())


class TestTimes:
    def test_what_a_room_shows_has_its_time(self) -> None:
        at = time.mktime((2026, 1, 2, 12, 1, 30, 0, 0, -1))
        view = View(has_times=True)
        assert render(Say("al", "hi", at), view) == b"12:01 al: hi\r\n"
        assert render(Renamed("al", "bo", at=at), view) == b"12:01 --- al is now bo\r\n"
        assert render(Notice("hi"), view) == b"=== hi\r\n"


class TestGuessedEncoding:
    @pytest.mark.parametrize("character", ["\u203a", "\u2026", "\u20ac", "\u0160"])
    def test_no_byte_that_could_be_a_control_is_sent(self, character: str) -> None:
        # Promise 4: to a terminal in Latin-1 a 9B begins an escape sequence.
        assert View("cp1252", is_a_guess=True).encode(f"{character}2J") == b"?2J"

    def test_what_was_chosen_by_hand_is_sent_as_it_is(self) -> None:
        assert View("cp1252").encode("\u20ac") == b"\x80"

    def test_the_rest_is(self) -> None:
        assert View("cp1252", is_a_guess=True).encode("\xe9") == b"\xe9"

    @pytest.mark.parametrize("text", ["ÿûA", "ÿüA", "ÿýA", "ÿþA", "ÿúA"])
    def test_nor_what_a_telnet_that_has_not_said_so_would_obey(self, text: str) -> None:
        # Promise 4.
        assert View("latin-1").encode(text) == b"?" + text[1:].encode("latin-1")

    def test_but_words_with_an_ff_in_them_are(self) -> None:
        assert View("cp1251").encode("яблоко, ящик, я") == "яблоко, ящик, я".encode("cp1251")


class TestWords:
    def test_names_are_found_among_punctuation(self) -> None:
        text = "Hi AL, and @bo: where's (c.y.)? d-e_f!"
        assert {"al", "bo", "c.y", "d-e_f"} <= words_of(text)

    @pytest.mark.parametrize("name", ["हिन्दी", "মিতা", "ตั้ม", "דָּוִד", "José", "al."])
    def test_names_of_every_alphabet_are_found(self, name: str) -> None:
        assert fold_name(name) in words_of(f"Hi {name}, how are you")
        assert fold_name(name) in words_of(f"Hi {unicodedata.normalize('NFD', name)}!")
