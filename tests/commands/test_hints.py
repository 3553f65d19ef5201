"""What is said of a command that there is not."""

import pytest

from tests.support.chats import Lobby
from threadchat.commands.builtin import make_registry
from threadchat.commands.hints import HINTS, closest, slips_between
from threadchat.commands.registry import Command

NAMES = {name: command.name for command in make_registry() for name in command.names}


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("", "", 0),
        ("who", "who", 0),
        ("who", "", 3),
        ("whoo", "who", 1),
        ("wo", "who", 1),
        ("hlep", "help", 1),
        ("mgs", "msg", 1),
        ("kiss", "kick", 2),
        ("ab", "cd", 2),
    ],
)
def test_slips_are_counted(one: str, other: str, slips: int) -> None:
    assert slips_between(one, other) == slips_between(other, one) == slips


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hlep", "help"),
        ("mgs", "msg"),
        ("jion", "join"),
        ("quti", "quit"),
        ("exti", "quit"),
        ("chrset", "charset"),
        ("unignroe", "unignore"),
        ("sear", "search"),
        ("colo", "color"),
    ],
)
def test_a_slip_is_understood(typed: str, meant: str) -> None:
    assert closest(typed, NAMES) == meant


@pytest.mark.parametrize(
    "typed", ["x", "wo", "foo", "dance", "shrug", "xyzzy", "kiss", "usr", "un", "c", "x" * 4000]
)
def test_none_is_better_than_a_far_one(typed: str) -> None:
    assert closest(typed, NAMES) is None


def test_what_there_is_needs_no_hint() -> None:
    assert not HINTS.keys() & NAMES.keys()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/hlep", "There is no /hlep. Did you mean /help? /help lists all."),
        ("/mgs bo secret", "There is no /mgs. Did you mean /msg? /help lists all."),
        ("/dance", "There is no /dance. /help lists all."),
        ("/clear", "There is no /clear. Only your own terminal can clear its screen."),
        ("/usr/bin is full", "There is no /usr/bin. /help lists all; //usr/bin says it."),
        ("/unaway", "There is no /unaway. You are back as soon as you say something."),
        ("/log", "There is no /log. /last shows what was said; /search finds more."),
        ("/yell hi", "There is no /yell. Words without a command go to everybody in the room."),
        ("/shout", "There is no /shout. Words without a command go to everybody in the room."),
        ("/topci", "There is no /topci. Did you mean /topic? /help lists all."),
    ],
)
def test_an_unknown_command_gets_one_line(lobby: Lobby, line: str, answer: str) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.types(al, line)
    assert al.lines() == [f"!!! {answer}"]
    assert bo.lines() == []


@pytest.mark.parametrize("is_operator", [False, True])
@pytest.mark.parametrize(
    "line",
    [
        "/mee bo secret",
        "/mme",
        "/sya bo secret",
        "/sai",
        "/topci secret",
        "/awya secret",
        "/quti x",
    ],
)
def test_no_hint_would_have_the_words_said_aloud(
    lobby: Lobby, line: str, is_operator: bool
) -> None:
    (al,) = lobby.enter("al")
    al.is_operator = is_operator
    lobby.types(al, line)
    assert al.lines() == [f"!!! There is no {line.split()[0]}. /help lists all."]


def test_only_commands_that_one_may_use_are_meant(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    al.is_operator = True
    for person, hint in ((al, " Did you mean /kick?"), (bo, "")):
        lobby.types(person, "/kcik cy")
        assert person.lines() == [f"!!! There is no /kcik.{hint} /help lists all."]


def test_a_program_may_have_a_command_of_a_name_that_has_a_hint(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    called: list[str] = []
    lobby.commands = make_registry(
        [Command("clear", "", "clear the board", lambda *call: called.append(call[2]))]
    )
    lobby.types(al, "/clear")
    assert (called, al.lines()) == ([""], [])
