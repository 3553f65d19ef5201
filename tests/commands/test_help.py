"""What `/help` shows."""

import pytest

from tests.support.chats import Lobby
from threadchat.commands.builtin import registry


class TestHelp:
    def test_it_lists_every_command_with_its_use(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/help")
        _, *listed, _ = al.lines()
        assert [line.removeprefix("===").split() for line in listed] == [
            [*command.usage.split(), *command.summary.split()]
            for command in registry.commands_for(al)
        ]

    def test_it_says_how_to_talk(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/help")
        first, *_, last = al.lines()
        assert "press Enter to say it to everyone" in first
        assert "//WORDS" in last

    def test_its_lines_fit_a_terminal(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/help")
        lines = al.lines()
        assert max(map(len, lines)) <= 80
        assert "".join(lines).isascii()

    def test_its_columns_are_in_line(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/help")
        _, *listed, _ = al.lines()
        known = registry.commands_for(al)
        columns = {line.index(it.summary) for line, it in zip(listed, known, strict=True)}
        assert len(columns) == 1

    @pytest.mark.parametrize("name", ["help", "who", "nick", "me", "quit"])
    def test_the_commands_there_are(self, name: str) -> None:
        assert name in [command.name for command in registry]
