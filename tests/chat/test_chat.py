"""The rooms of a chat, how its history sees them, and people that leave."""

import pytest

from tests.support.chats import Lobby
from threadchat.errors import PersonError
from threadchat.messages.kinds import Say
from threadchat.storage.history import History
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


def test_who_comes_into_a_room_is_told_what_it_is_about(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.types(al, "/join games")
    lobby.types(al, "/topic chess")
    assert lobby.chat.room("games").topic == "chess"
    lobby.types(bo, "/join games")
    assert "=== Topic: chess" in bo.lines()


def test_a_room_that_cannot_be_is_refused_and_nobody_has_gone(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    with pytest.raises(BadName, match="No room can be called that"):
        lobby.chat.move(al, "two words")
    assert al.room is lobby.chat.lobby
    with pytest.raises(BadName, match="You are in lobby already"):
        lobby.chat.move(al, "#Lobby")
    assert al.room is lobby.chat.lobby
    assert lobby.chat.has_room("lobby")


def test_others_are_told_who_is_away_and_who_is_called_what(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.chat.set_away(al, None)
    lobby.chat.set_away(al, "lunch")
    lobby.chat.set_away(al, None)
    lobby.chat.set_away(al, None)
    lobby.chat.rename(al, "ed")
    assert bo.lines() == ["--- al is away: lunch", "--- al is back", "--- al is now ed"]


def test_a_stop_is_announced_in_all_rooms_and_then_nobody_leaves(lobby: Lobby) -> None:
    al, bo, cy = lobby.enter("al", "bo", "cy")
    lobby.types(bo, "/join games")
    lobby.types(cy, "/join games")
    for person in (al, bo, cy):
        person.lines()
    lobby.chat.countdown.start(3600)
    lobby.chat.countdown.close(5.0)
    for person in (al, bo, cy):
        (line,) = person.lines()
        assert "1 h" in line
    lobby.chat.hush()
    for person in (al, cy):
        lobby.chat.leave(person, "server stopping")
    assert bo.lines() == []


def test_nobody_searches_twice_at_once(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    al, bo = lobby.enter("al", "bo")

    def search(history: History, words: str, number: int) -> list[object]:
        if words == "first":
            with pytest.raises(PersonError, match="Your last search is not finished yet"):
                lobby.chat.search(al, "second", 9)
            lobby.chat.search(bo, "second", 9)
        return []

    monkeypatch.setattr(History, "search", search)
    lobby.chat.search(al, "first", 9)
    lobby.chat.search(al, "second", 9)


def test_who_is_muted_is_no_operator_meanwhile(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    assert lobby.chat.may_act(al)
    lobby.chat.moderation.mute("al", 60.0)
    assert not lobby.chat.may_act(al)
    assert al.lines()[0].startswith("!!! You are muted: what operators do waits")
    lobby.now[0] += 60
    assert lobby.chat.may_act(al)


def test_private_words_ring_for_somebody_who_wants_it(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    bo.show(bell=True)
    lobby.types(al, "/msg bo psst")
    assert bo.lines() == ["\a[al -> you] psst"]
    assert al.lines() == ["[you -> bo] psst"]
    al.show(bell=True)
    lobby.types(al, "/msg bo again")
    assert al.lines() == ["[you -> bo] again"]


def test_who_speaks_is_back_and_is_known_by_their_last_line(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.chat.set_away(al, "lunch")
    bo.lines()
    said = [Say("al", "one", 1.0), Say("al", "two", 2.0)]
    lobby.chat.say(al, said)
    assert bo.lines() == ["--- al is back", "al: one", "al: two"]
    assert al.last_said is said[-1]
    lobby.types(al, "/join games")
    assert al.last_said is None


def test_it_is_told_how_long_somebody_was_in_the_room_and_in_the_chat(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    lobby.now[0] += 120
    lobby.types(bo, "/join games")
    assert al.lines() == ["<-- bo left after 2 min (went to games)"]
    lobby.types(al, "/join games")
    lobby.now[0] += 60
    al.lines()
    lobby.chat.leave(bo, "quit")
    assert al.lines() == ["<-- bo left after 3 min (quit)"]


def test_the_end_ends_a_countdown_too(lobby: Lobby) -> None:
    lobby.chat.countdown.start(3600)
    lobby.chat.close()
    assert lobby.chat.countdown._thread is not None
    assert not lobby.chat.countdown._thread.is_alive()


def test_where_somebody_is_can_be_said_in_words(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    assert al.whereabouts == "in lobby"
    al.room = None
    assert al.whereabouts == "between two rooms"
    al.connection = None
    assert al.whereabouts == f"at {al.address}"
