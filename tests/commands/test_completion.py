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
            ("/pm", (0, ["/pm "])),
            ("/W", (0, ["/who ", "/whois "])),
            ("/whis", (0, ["/whisper "])),
            ("@AL", (1, ["al ", "Alfred "])),
            ("hi @al", (4, ["al ", "Alfred "])),
            ("hi @", (4, ["al ", "Alfred ", "bo "])),
            ("hi (@b", (5, ["bo "])),
            ("(b", (1, ["bo "])),
            ("@al,@b", (5, ["bo "])),
            ("@x", (1, [])),
            ("/msg @b", (6, ["bo "])),
            ("/msg bo al", (8, ["al ", "Alfred "])),
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

    @pytest.mark.parametrize(
        ("text", "start", "found"),
        [
            ("/join g", 6, ["Games ", "garden "]),
            ("/join GA", 6, ["Games ", "garden "]),
            ("/join #gam", 7, ["Games "]),
            ("/j gar", 3, ["garden "]),
            ("/join ", 6, ["Games ", "garden ", "lobby "]),
            ("/join b", 6, []),
            ("/who l", 5, ["lobby "]),
            ("/JOIN l", 6, ["lobby "]),
            ("/join games b", 12, ["bo "]),
            ("/time o", 6, ["on ", "off "]),
            ("/charmode ", 10, ["on ", "off "]),
            ("/stop o", 6, ["off "]),
            ("/help roo", 6, ["rooms "]),
            ("/help /jo", 7, ["join "]),
            ("/nonsense b", 10, ["bo "]),
        ],
    )
    def test_what_is_offered_is_what_the_command_takes(
        self, lobby: Lobby, text: str, start: int, found: list[str]
    ) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/join Games")
        lobby.types(bo, "/join garden")
        assert complete(lobby.commands, lobby.chat, al, text) == (start, found)

    def test_commands_for_operators_are_offered_to_them_alone(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        al.is_operator = True
        assert complete(lobby.commands, lobby.chat, al, "/ki") == (0, ["/kick "])
        assert complete(lobby.commands, lobby.chat, bo, "/ki") == (0, [])
        assert complete(lobby.commands, lobby.chat, bo, "/b") == (0, ["/bell "])
