"""What becomes of a command that somebody types."""

import pytest

from tests.support.chats import Lobby, Somebody
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Call, Misuse, Registry
from threadchat.terminal.view import View

OTHER_NAMES = {
    "msg": "pm dm tell w query whisper",
    "who": "names users",
    "leave": "part",
    "rooms": "list channels",
    "quit": "exit bye q",
    "me": "action",
    "reply": "r",
    "join": "j",
    "nick": "name",
    "help": "h ?",
}


class TestAliases:
    """Names from IRC and other chats."""

    @pytest.mark.parametrize(
        ("name", "alias"),
        [(name, alias) for name, aliases in OTHER_NAMES.items() for alias in aliases.split()],
    )
    def test_it_is_the_same_command(self, lobby: Lobby, name: str, alias: str) -> None:
        command = lobby.commands.get(name)
        assert command is not None
        assert lobby.commands.get(alias) is command
        (al,) = lobby.enter("al")
        lobby.types(al, f"/help {alias}")
        assert al.lines()[0].startswith(f"=== {command.usage}"[:60])

    def test_it_does_what_the_command_does(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/PM bo psst")
        lobby.types(al, "/action waves")
        lobby.types(al, "/part")
        assert bo.lines() == ["[al -> you] psst", "* al waves"]
        assert al.lines()[-1] == "!!! You are in the lobby. /quit leaves the chat."
        lobby.types(al, "/bye see you")
        assert al.leaving == "quit: see you"

    def test_a_wrong_use_names_the_command(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/query bo")
        assert al.lines() == [
            "!!! Use it like this: /msg NAME WORDS - say something to one person alone."
        ]


class TestDispatch:
    @pytest.mark.parametrize(
        ("typed", "closest"),
        [("hlep", "help"), ("whoo", "who"), ("nikc", "nick"), ("roms", "rooms")],
    )
    def test_an_unknown_command_names_the_closest(
        self, lobby: Lobby, typed: str, closest: str
    ) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, f"/{typed}")
        assert al.lines() == [
            f"!!! There is no /{typed}. Did you mean /{closest}? /help lists all."
        ]
        assert bo.lines() == []

    @pytest.mark.parametrize("line", ["/", "/ who"])
    def test_a_command_without_a_name(self, lobby: Lobby, line: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, line)
        assert al.lines() == ["!!! There is no command without a name. /help lists all."]

    def test_a_long_unknown_name_is_cut(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/" + "x" * 4000)
        (line,) = al.lines()
        assert line.startswith(f"!!! There is no /{'x' * 20}. ")

    @pytest.mark.parametrize(
        ("line", "usage"),
        [
            ("/who bo", "There is no room bo. /rooms lists all."),
            ("/nick", "Use it like this: /nick NAME - change your name."),
            ("/nick  ", "Use it like this: /nick NAME - change your name."),
            ("/me", "Use it like this: /me TEXT - say what you do, as in * al waves."),
        ],
    )
    def test_misuse_shows_the_right_use(self, lobby: Lobby, line: str, usage: str) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, line)
        assert al.lines() == [f"!!! {usage}"]
        assert bo.lines() == []

    def test_a_name_is_found_in_any_case(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/WHO")
        assert al.lines() == ["=== 1 person is here: al."]

    def test_an_answer_is_in_the_view_of_who_asked(self, lobby: Lobby) -> None:
        al, _ = lobby.enter("al", "José")
        al.format = View("cp1252")
        lobby.types(al, "/who")
        assert "José".encode("cp1252") in al.received

    @pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), SystemExit("by zero")])
    def test_other_errors_are_told_to_the_person_and_to_the_operator(
        self, lobby: Lobby, error: BaseException
    ) -> None:
        broken = Registry()

        @broken.command("break", "", "fail")
        def fail(chat: Chat, person: Person, argument: str) -> None:
            raise error

        (al,) = lobby.enter("al")
        broken.dispatch(lobby.chat, al, Call("break", ""))
        assert al.lines() == [
            "!!! Something went wrong with /break, and the operator has been told."
            " Try something else."
        ]
        assert lobby.watcher.failures == ["running /break for al: by zero"]
        lobby.watcher.failures.clear()

    def test_a_command_registered_is_dispatched_with_its_argument(self, lobby: Lobby) -> None:
        own = Registry()
        calls: list[tuple[Chat, Person, str]] = []

        @own.command("try", "THING", "try a thing")
        def try_(chat: Chat, person: Person, argument: str) -> None:
            calls.append((chat, person, argument))

        al = Somebody(1)
        own.dispatch(lobby.chat, al, Call("try", "this"))
        assert calls == [(lobby.chat, al, "this")]

    def test_its_usage_is_shown_for_misuse(self, lobby: Lobby) -> None:
        own = Registry()

        @own.command("try", "THING", "try a thing")
        def try_(chat: Chat, person: Person, argument: str) -> None:
            raise Misuse

        al = Somebody(1)
        own.dispatch(lobby.chat, al, Call("try", "this"))
        assert al.lines() == ["!!! Use it like this: /try THING - try a thing."]
