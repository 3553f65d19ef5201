"""The commands that set how a terminal is written to."""

import re

import pytest

from tests.support.chats import Lobby
from threadchat.terminal.view import View


class TestWishes:
    """What people can choose of how they see the chat."""

    @pytest.mark.parametrize(
        ("line", "view"),
        [
            ("/color on", View(has_color=True)),
            ("/color off", View()),
            ("/time on", View(has_times=True)),
            ("/bell ON", View(has_bell=True)),
        ],
    )
    def test_each_changes_the_view(self, lobby: Lobby, line: str, view: View) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, line)
        assert al.format == view

    def test_colours_come_with_character_mode_unless_switched_off(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        al.adapt(View(), is_in_character_mode=True)
        assert al.appearance.view.has_color
        lobby.types(al, "/color off")
        al.adapt(View(), is_in_character_mode=False)
        al.adapt(View(), is_in_character_mode=True)
        assert not al.appearance.view.has_color

    @pytest.mark.parametrize("line", ["/color", "/time maybe", "/bell 1", "/charmode", "/charset"])
    def test_a_wrong_use_shows_the_right_one(self, lobby: Lobby, line: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, line)
        (answer,) = al.lines()
        assert answer.startswith(f"!!! Use it like this: {line.split()[0]} ")

    @pytest.mark.parametrize(
        ("line", "answer"),
        [
            ("/color on", "=== Colours are on."),
            ("/color OFF", "=== Colours are off."),
            ("/time off", "=== Times are off."),
            ("/bell off", "=== The bell is off."),
            ("/charmode on", "=== Asking your client. If nothing changes, it cannot do it."),
            ("/charmode off", "=== Your client edits its own lines."),
            (
                "/charset nosuch",
                "!!! nosuch is not known here. Try utf-8, cp1252, cp850 or latin-1.",
            ),
        ],
    )
    def test_each_is_answered(self, lobby: Lobby, line: str, answer: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, line)
        assert [re.sub("\x1b\\[[0-9;]*m", "", it) for it in al.lines()] == [answer]

    def test_character_mode_that_is_there_is_not_asked_for(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        al.hears_itself = True
        lobby.types(al, "/charmode on")
        assert al.lines() == ["=== You have it already."]
