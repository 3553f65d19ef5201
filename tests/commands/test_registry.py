"""Test what the dispatcher makes of the errors that commands raise."""

from contextlib import closing

import pytest

from tests.support.chats import Lobby
from threadchat.access.bans import BadBan
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Call, Misuse, Registry
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
        registry.dispatch(lobby.chat, al, Call("try", ""))
        assert al.lines() == [line]
        troubles = [Trouble("the disk is full")] if isinstance(error, RecordsFailed) else []
        assert lobby.events == troubles
