"""What Tab makes of what was typed."""

import pytest

from tests.support.chats import Lobby
from threadchat.commands.completion import complete


class TestCompletion:
    @pytest.mark.parametrize(
        ("text", "completion"),
        [
            ("/w", (0, ["/who ", "/whois "])),
            ("/ch", (0, ["/charset ", "/charmode "])),
            ("/x", (0, [])),
            ("A", (0, ["al: ", "Alfred: "])),
            ("hi al", (3, ["al ", "Alfred "])),
            ("/me hugs b", (9, ["bo "])),
            ("", (0, [])),
            ("hi ", (3, [])),
        ],
    )
    def test_names_and_commands(
        self, lobby: Lobby, text: str, completion: tuple[int, list[str]]
    ) -> None:
        lobby.enter("al", "bo", "Alfred")
        start, found = complete(lobby.commands, lobby.chat, lobby.people["al"], text)
        assert (start, sorted(found, key=str.casefold)) == (
            completion[0],
            sorted(completion[1], key=str.casefold),
        )

    def test_commands_for_operators_are_offered_to_them_alone(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        al.is_operator = True
        assert complete(lobby.commands, lobby.chat, al, "/ki") == (0, ["/kick "])
        assert complete(lobby.commands, lobby.chat, bo, "/ki") == (0, [])
        assert complete(lobby.commands, lobby.chat, bo, "/b") == (0, ["/bell "])
