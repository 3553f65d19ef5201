"""The commands that set how a terminal is written to."""

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
