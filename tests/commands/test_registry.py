"""Test what commands declare, how registries are merged, and what becomes of errors."""

from contextlib import closing

import pytest

from tests.support.chats import Lobby
from threadchat.access.bans import BadBan
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.builtin import make_registry
from threadchat.commands.registry import Call, Command, Misuse, Registry
from threadchat.errors import PersonError
from threadchat.monitoring.events import Trouble
from threadchat.storage.records import RecordsFailed


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (BadBan("That is no time for a ban."), "!!! That is no time for a ban."),
        (PersonError("That cannot be."), "!!! That cannot be."),
        (Misuse(), "!!! Use it like this: /try WORDS - try something."),
        (RecordsFailed("Nothing has changed.", "the disk is full"), "!!! Nothing has changed."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_for_the_person_is_told_in_a_line(error: Exception, line: str) -> None:
    registry = Registry()

    @registry.command("try", "WORDS", "try something")
    def try_(chat: Chat, person: Person, argument: str) -> None:
        raise error

    with closing(Lobby()) as lobby:
        (al,) = lobby.enter("al")
        registry.dispatch(lobby.chat, al, Call("try", "it"))
        assert al.lines() == [line]
        troubles = [Trouble("the disk is full")] if isinstance(error, RecordsFailed) else []
        assert lobby.events == troubles


def do_nothing(chat: Chat, person: Person, argument: str) -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("arguments", "takes_rest", "accepted", "refused"),
    [
        ("", False, [""], ["a"]),
        ("", True, ["", "a", "a b c"], []),
        ("NAME", False, ["a", "a\u00a0b"], ["", "a b"]),
        ("[NAME]", False, ["", "a"], ["a b"]),
        ("NAME [TIME]", False, ["a", "a 1h", "a   1h"], ["", "a 1 h"]),
        ("NAME|ADDRESS [TIME] [WHY]", True, ["a", "a 1h", "a 1h for b c"], [""]),
        ("NAME WORDS", True, ["a b", "a b c", "a  b"], ["", "a", "a\u00a0b"]),
    ],
)
def test_a_command_takes_as_many_arguments_as_it_declares(
    arguments: str, takes_rest: bool, accepted: list[str], refused: list[str]
) -> None:
    command = Command("try", arguments, "try it", do_nothing, takes_rest=takes_rest)
    assert [text for text in (*accepted, *refused) if command.takes(text)] == accepted


def test_a_call_with_other_arguments_never_reaches_the_function(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    given: list[str] = []
    registry = Registry()
    registry.add(Command("try", "[THING]", "try it", lambda *call: given.append(call[2])))
    for argument in ("", "this", "this and that"):
        registry.dispatch(lobby.chat, al, Call("try", argument))
    assert given == ["", "this"]
    assert al.lines() == ["!!! Use it like this: /try [THING] - try it."]


@pytest.mark.parametrize("name", ["", "Try", "try it", "/try", "try\t", "try\x1b[2J", "t\u202ery"])
def test_a_name_that_nobody_can_type_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a command"):
        Command(name, "", "try it", do_nothing)
    with pytest.raises(ValueError, match="cannot be the name of a command"):
        Command("try", "", "try it", do_nothing, aliases=(name,))


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("who",), "/who already"),
        (("r",), "/r already, another name of /reply"),
        (("pm",), "/pm already, another name of /msg"),
        (("try", "reply"), "/reply already"),
        (("try", "r"), "/r already, another name of /reply"),
    ],
)
def test_a_name_that_is_taken_is_an_error(names: tuple[str, ...], taken: str) -> None:
    command = Command(names[0], "", "try it", do_nothing, aliases=names[1:])
    with pytest.raises(ValueError, match=f"^there is a command {taken}$"):
        make_registry([command])


def test_a_command_that_repeats_a_name_of_its_own_is_an_error() -> None:
    with pytest.raises(ValueError, match="already"):
        Registry().add(Command("try", "", "try it", do_nothing, aliases=("try",)))


def test_two_registries_that_share_a_name_cannot_be_merged() -> None:
    one, other = Registry("games"), Registry("other")
    for registry in (one, other):
        registry.command("try", "", "try it")(do_nothing)
    with pytest.raises(ValueError, match="/try already"):
        one.merge(other)


class TestMissedCalls:
    """Lines that were meant to call a command, and would be said aloud."""

    @pytest.mark.parametrize(
        ("words", "name"),
        [
            (" /msg al secret", "msg"),
            ("   /MSG al secret", "msg"),
            (" /pm al secret", "pm"),
            (" /who", "who"),
            ("\u3000/who", "who"),
            ("\u00a0/who", "who"),
            ("\u200d/msg al secret", "msg"),
            ("\u2800\u3164/msg al secret", "msg"),
            ("\uff0fmsg al secret", "msg"),
            (" \uff0fmsg al secret", "msg"),
            (" /identify secret", "identify"),
            (" /kick al", "kick"),
            (" / msg al secret", "msg"),
            ("\uff0f\u3000msg al secret", "msg"),
        ],
    )
    def test_a_command_is_seen(self, lobby: Lobby, words: str, name: str) -> None:
        assert lobby.commands.missed_call(words) == name

    @pytest.mark.parametrize(
        "words",
        [
            *("", "hi", " hi", " /usr/bin", " /etc", " /who/is", " //who", "a /who", "- /who"),
            *("\\who", " / whoever", " / / who", " /", "1/2", " http://who", " /whoever", "(/who)"),
        ],
    )
    def test_words_are_words(self, lobby: Lobby, words: str) -> None:
        assert lobby.commands.missed_call(words) is None


def test_each_registry_of_all_commands_is_one_of_its_own() -> None:
    one, other = make_registry(), make_registry()
    one.add(Command("try", "", "try it", do_nothing))
    assert one.get("try") is not None
    assert other.get("try") is None


def test_every_command_has_a_topic_of_its_module() -> None:
    topics = {command.topic for command in make_registry()}
    assert topics == {"talk", "people", "rooms", "settings", "operators"}
