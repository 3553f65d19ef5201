"""Commands about people that are on other servers."""

from collections.abc import Iterator

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody, deeds, protect
from tests.support.farpeople import Others, know
from threadchat.chat.farperson import FarPerson
from threadchat.commands.completion import complete
from threadchat.errors import PersonError
from threadchat.messages.kinds import Announcement, TopicSet
from threadchat.net.disconnect import Reason


class Sharing:
    """What is decided for all servers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, str]] = []
        self.answer = ""
        self.error: PersonError | None = None

    def set_topic(self, room: str, message: TopicSet) -> None:
        raise AssertionError("no topic is set")

    def announce(self, message: Announcement) -> None:
        raise AssertionError("nothing is announced")

    def have_done(self, deed: str, other: FarPerson, by: str, words: str = "") -> str:
        self.asked.append((deed, other.name, by, words))
        if self.error is not None:
            raise self.error
        return self.answer


@pytest.fixture
def others() -> Others:
    return Others()


@pytest.fixture
def sharing(lobby: Lobby) -> Iterator[Sharing]:
    lobby.chat.sharing = sharing = Sharing()
    yield sharing
    lobby.chat.sharing = None


@pytest.fixture
def al(lobby: Lobby) -> Somebody:
    (al,) = lobby.enter("al")
    al.is_operator = True
    return al


KICK, OP, DEOP = "is kicked.", "is an operator until they leave.", "is an operator no longer."


@pytest.mark.parametrize(
    ("line", "asked", "done", "act"),
    [
        ("/kick bo noise", ("kick", "bo", "al", ": noise"), KICK, "al kicked bo: noise"),
        ("/op bo", ("op", "bo", "al", ""), OP, "al made bo an operator"),
        ("/deop bo", ("deop", "bo", "al", ""), DEOP, "al made bo an operator no longer"),
    ],
)
class TestDeeds:
    """What an operator does to people."""

    def know(self, lobby: Lobby, others: Others, line: str) -> FarPerson:
        return know(lobby, others, "bo", is_operator=line.startswith("/deop"))

    def test_their_own_server_is_asked(
        self,
        lobby: Lobby,
        others: Others,
        sharing: Sharing,
        al: Somebody,
        line: str,
        asked: tuple[str, ...],
        done: str,
        act: str,
    ) -> None:
        far = self.know(lobby, others, line)
        was_operator = far.is_operator
        lobby.types(al, line)
        assert sharing.asked == [asked]
        assert al.lines() == [f"=== bo {done}"]
        assert deeds(lobby) == [act]
        assert far.is_operator is was_operator
        sharing.answer = "It is done later."
        lobby.types(al, line)
        assert al.lines() == ["=== It is done later."]

    def test_to_people_here_it_is_done_here(
        self,
        lobby: Lobby,
        sharing: Sharing,
        al: Somebody,
        line: str,
        asked: tuple[str, ...],
        done: str,
        act: str,
    ) -> None:
        (bo,) = lobby.enter("bo")
        bo.is_operator = line.startswith("/deop")
        lobby.types(al, line)
        assert sharing.asked == []
        assert f"=== bo {done}" in al.lines()
        assert deeds(lobby)[-1] == act
        assert bo.ended or bo.is_operator is line.startswith("/op")


def test_the_owner_of_a_name_that_is_freed_is_told_wherever_they_are(
    kept: Lobby, others: Others
) -> None:
    kept.chat.sharing = sharing = Sharing()
    al, bo = kept.enter("al", "bo")
    al.is_operator = True
    freed = "=== Bo is free: anybody may have it. Its mail is deleted."
    told = "=== al freed your name: it asks for no passphrase any more."
    protect(kept, bo, RIGHT, RIGHT)
    kept.types(al, "/free bo")
    assert al.lines() == [freed.replace("Bo", "bo")]
    assert told in bo.lines()
    protect(kept, bo, RIGHT, RIGHT)
    kept.chat.leave(bo, Reason.QUIT)
    al.lines()
    know(kept, others, "bo")
    for error in (None, PersonError("There is no link.")):
        sharing.error = error
        kept.types(al, "/free bo")
        assert al.lines() == [freed.replace("Bo", "bo")]
        assert sharing.asked.pop() == ("freed", "bo", "al", "")
        assert not bo.received  # nobody here is told
        kept.records.protect("bo", b"kept")


def test_a_line_is_taken_back_in_the_room_where_somebody_is_there(
    lobby: Lobby, others: Others, al: Somebody
) -> None:
    (bo,) = lobby.enter("bo")
    lobby.types(bo, "/join den")
    lobby.says(bo, "secret")
    al.lines()
    know(lobby, others, "cy", room="den")
    lobby.types(al, "/unsay cy")
    assert not any("bo" in it for it in al.lines())
    assert [it.text for it in lobby.history.recent("den", 9)] == ["secret"]
    know(lobby, others, "cy", room="nowhere")
    lobby.types(al, "/unsay cy")
    assert al.lines()[0].startswith("!!! ")


def test_tab_completes_hooks_of_other_servers(lobby: Lobby, others: Others, al: Somebody) -> None:
    know(lobby, others, "cicero", room="")
    know(lobby, others, "ci", key="8", id=0, is_hook=True, room="")
    assert complete(lobby.commands, lobby.chat, al, "ci")[1] == ["ci: "]
    assert complete(lobby.commands, lobby.chat, al, "x")[1] == []


def test_somebody_out_of_reach_reads_it_later(lobby: Lobby, others: Others, al: Somebody) -> None:
    know(lobby, others, "bo")
    lobby.types(al, "/msg bo hi")
    assert al.lines() == ["[you -> bo] hi"]
    others.is_out_of_reach = True
    lobby.types(al, "/msg bo hi")
    _, told = al.lines()
    assert told.startswith("=== There is no link to the server of bo now.")


def test_a_reply_to_somebody_that_is_gone_is_kept_for_the_owner_of_a_name(kept: Lobby) -> None:
    al, bo = kept.enter("al", "bo")
    protect(kept, bo, RIGHT, RIGHT)
    kept.types(bo, "/msg al hi")
    kept.chat.leave(bo, Reason.QUIT)
    al.lines()
    kept.types(al, "/reply ho")
    assert al.lines()[-1] == "=== bo is not here and will be handed it on coming back."
    assert [it.message.text for it in kept.records.waiting("bo")] == ["ho"]
