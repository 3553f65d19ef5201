"""The rooms of a chat, how its history sees them, and people that leave."""

import pytest

from tests.support.chats import Lobby
from threadchat.messages.kinds import Say
from threadchat.text.names import BadName


def test_the_history_knows_in_which_rooms_somebody_is(lobby: Lobby) -> None:
    assert set(lobby.history.open_rooms()) == set()
    al, bo = lobby.enter("al", "bo")
    lobby.types(al, "/join Games")
    assert set(lobby.history.open_rooms()) == {"lobby", "games"}
    lobby.types(bo, "/join games")
    assert set(lobby.history.open_rooms()) == {"games"}


def test_what_is_said_where_people_are_outlives_what_was_said_where_nobody_is(
    lobby: Lobby,
) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.types(al, "/join games")
    lobby.says(al, "first of all")
    lobby.history._max_bytes = 300 * 1024
    for number in range(50):
        lobby.says(bo, f"{number}".ljust(4000))
    lobby.history.append("left", [Say("cy", "x" * 4000, 1e9) for _ in range(50)])
    assert [it.text for it in lobby.history.recent("games", 9)] == ["first of all"]
    assert len(lobby.history.recent("lobby", 99)) == 50
    assert len(lobby.history.recent("left", 99)) < 25


def test_a_room_is_found_in_any_case_while_somebody_is_in_it(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    lobby.types(al, "/join Games")
    room = lobby.chat.room("gAMES")
    assert room.name == "Games"
    assert room.members == (al,)
    assert lobby.chat.has_room("games")
    lobby.types(al, "/join lobby")
    assert not lobby.chat.has_room("games")
    with pytest.raises(KeyError):
        lobby.chat.room("games")
    assert lobby.chat.room("lobby") is lobby.chat.lobby


def test_a_room_that_begins_during_a_stop_is_hushed_too(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.chat.hush()
    for person in (al, bo):
        lobby.types(person, "/join games")
    al.lines()
    lobby.chat.leave(bo, "quit")
    assert al.lines() == []


@pytest.mark.parametrize("line", ["/msg bo psst", "/reply psst"])
def test_nobody_writes_to_somebody_of_whom_they_read_that_they_left(
    lobby: Lobby, line: str
) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.types(bo, "/msg al hi")
    al.lines()
    bo.lines()
    deliver, al.deliver = al.deliver, lambda data: write_back(data)

    def write_back(data: bytes) -> None:
        al.deliver = deliver
        deliver(data)
        lobby.types(al, line)

    lobby.chat.leave(bo, "quit")
    left, answer = al.lines()
    assert left.startswith("<-- bo left")
    assert answer.startswith("!!! ")
    assert bo.lines() == []
    assert not lobby.chat.names.is_here("bo")


def test_the_name_of_somebody_that_leaves_is_taken_until_all_have_been_told(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    deliver, al.deliver = al.deliver, lambda data: take(data)

    def take(data: bytes) -> None:
        al.deliver = deliver
        with pytest.raises(BadName, match="bo is taken"):
            lobby.chat.names.claim(al, "bo")

    lobby.chat.leave(bo, "quit")
    lobby.chat.names.claim(al, "bo")
