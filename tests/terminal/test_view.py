"""How terminals are shown messages: encodings, colours, times."""

import re
import time

import pytest

from threadchat.messages.format import render
from threadchat.messages.kinds import (
    Emote,
    Joined,
    Left,
    Message,
    NewDay,
    Notice,
    Renamed,
    Say,
)
from threadchat.terminal.view import PLAIN_APPEARANCE, PLAIN_VIEW, View


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

    def test_only_what_mentions_somebody_rings(self) -> None:
        view, message = View(has_bell=True), Say("al", "hi", 0.0)
        assert view.line(message, True) == "\aal: hi\r\n"
        assert view.line(message, False) == "al: hi\r\n"

    def test_equal_views_are_one(self) -> None:
        assert {View(), View("utf-8"), View("cp1252"), View("cp1252", True)} == {
            View(),
            View("cp1252"),
            View("cp1252", True),
        }


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
        with_date = b"2026-01-02 12:01 "
        assert render(Say("al", "hi", at), view) == with_date + b"al: hi\r\n"
        assert render(Renamed("al", "bo", at=at), view) == with_date + b"--- al is now bo\r\n"
        assert render(Notice("hi"), view) == b"=== hi\r\n"
        assert render(Notice("hi", at=at), view) == with_date + b"=== hi\r\n"

    def test_today_needs_no_date(self) -> None:
        line = render(Say("al", "hi", time.time()), View(has_times=True))
        assert re.fullmatch(rb"\d\d:\d\d al: hi\r\n", line)

    def test_a_new_day_is_a_line_in_every_view(self) -> None:
        at = time.mktime((2025, 11, 24, 12, 0, 0, 0, 0, -1))
        for view in (View(), View(has_times=True), View("cp437")):
            assert render(NewDay(at), view) == b"--- Monday, 24 November 2025\r\n"
        assert View(has_color=True).line(NewDay(at)).startswith("\x1b[2m--- Monday")


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


SAID = Say("al", "hi", 0.0)


@pytest.mark.parametrize("view", [View(), View(has_color=True), View(has_times=True)])
def test_many_are_shown_as_one_is(view: View) -> None:
    messages: list[Message] = [SAID, Emote("bo", "waves", 0.0), Joined(["cy"], 3), Notice("well")]
    assert "".join(view.lines(messages)).encode() == b"".join(render(it, view) for it in messages)


class TestAppearance:
    """What the client needs, and what the person wishes."""

    def test_only_a_change_is_one(self) -> None:
        appearance, cp437 = PLAIN_APPEARANCE, View("cp437")
        assert appearance.adapted(PLAIN_VIEW, False) is appearance
        other = appearance.adapted(cp437, False)
        assert other is not appearance
        assert other.adapted(cp437, False) is other
        drawn = other.adapted(cp437, True)
        assert drawn.is_in_character_mode
        assert drawn.adapted(cp437, True) is drawn
        assert drawn.adapted(PLAIN_VIEW, True) is not drawn

    def test_wishes_stay_over_what_the_client_needs(self) -> None:
        appearance = PLAIN_APPEARANCE.wished(times=True).wished(bell=True)
        appearance = appearance.adapted(View("cp437"), False)
        view = appearance.view
        assert (view.encoding, view.has_times, view.has_bell) == ("cp437", True, True)
        view = appearance.wished(times=False).view
        assert (view.has_times, view.has_bell) == (False, True)

    def test_colours_come_with_character_mode_unless_somebody_wishes_otherwise(self) -> None:
        assert not PLAIN_APPEARANCE.view.has_color
        drawn = PLAIN_APPEARANCE.adapted(PLAIN_VIEW, True)
        assert drawn.view.has_color
        assert not drawn.wished(color=False).view.has_color
        assert drawn.wished(color=True).adapted(PLAIN_VIEW, False).view.has_color
