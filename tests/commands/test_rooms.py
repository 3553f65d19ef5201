"""The commands about rooms."""

import pytest

from tests.support.chats import Lobby


class TestRooms:
    def test_each_hears_its_own(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/join games")
        assert bo.lines() == ["<-- al left after 0 s (went to games)"]
        assert al.lines() == ["=== You are in games."]
        lobby.types(bo, "/join #GAMES")
        assert al.lines() == ["--> bo joined (2 here)"]
        cy.lines()
        lobby.says(al, "in games")
        assert bo.lines() == ["=== You are in games.", "al: in games"]
        assert cy.lines() == []

    def test_going_back_to_the_lobby(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/join games")
        lobby.types(al, "/leave")
        assert al.lines() == ["=== You are in games.", "=== You are in lobby."]
        assert bo.lines()[-1] == "--> al joined (2 here)"

    def test_a_room_lasts_as_long_as_somebody_is_in_it_and_its_history_longer(
        self, lobby: Lobby
    ) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/join games")
        lobby.says(al, "remember")
        assert [room.name for room in lobby.chat.rooms()] == ["lobby", "games"]
        lobby.types(al, "/leave")
        assert [room.name for room in lobby.chat.rooms()] == ["lobby"]
        lobby.types(bo, "/join games")
        assert "al: remember" in bo.lines()

    def test_the_list_of_rooms(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/join games")
        lobby.types(al, "/topic chess tonight")
        al.lines()
        lobby.types(al, "/rooms")
        assert al.lines() == [
            "=== 2 rooms are open. You are in games.",
            "=== lobby    1",
            "=== games    1  chess tonight",
        ]
        lobby.types(bo, "/who games")
        assert bo.lines()[-1] == "=== 1 person is in games: al."

    def test_a_topic_is_announced_and_shown_to_newcomers(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/topic")
        lobby.types(al, "/topic lunch")
        assert al.lines() == ["=== This room has no topic.", "=== Topic: lunch"]
        assert bo.lines() == ["--- al set the topic: lunch"]
        lobby.types(bo, "/join games")
        lobby.types(bo, "/leave")
        assert bo.lines()[-2:] == ["=== You are in lobby.", "=== Topic: lunch"]

    @pytest.mark.parametrize("empty", ["-", '""', "''"])
    def test_a_topic_can_be_cleared(self, lobby: Lobby, empty: str) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/topic lunch")
        lobby.types(al, f"/topic {empty}")
        lobby.types(al, "/topic")
        assert al.lines()[1:] == ["=== This room has no topic."] * 2
        assert bo.lines()[1:] == ["--- al cleared the topic"]
        lobby.types(cy, "/join games")
        lobby.types(cy, "/leave")
        assert cy.lines()[-1] == "=== You are in lobby."

    def test_a_topic_outlives_its_room(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/join Games")
        lobby.types(al, "/topic chess tonight")
        lobby.types(al, "/leave")
        assert [room.name for room in lobby.chat.rooms()] == ["lobby"]
        lobby.types(al, "/join games")
        assert al.lines()[-2:] == ["=== You are in games.", "=== Topic: chess tonight"]

    def test_a_muted_person_clears_no_topic(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/topic lunch")
        bo.muted_until = float("inf")
        lobby.types(bo, "/topic -")
        assert lobby.chat.lobby.topic == "lunch"

    @pytest.mark.parametrize(
        ("typed", "answer"),
        [
            ("/join", "!!! Use it like this: /join ROOM"),
            ("/join a b", "!!! No room can be called that. A name is made of"),
            ("/join lobby", "!!! You are in lobby already."),
            ("/leave", "!!! You are in the lobby. /quit leaves the chat."),
            ("/leave now", "!!! Use it like this: /leave"),
            ("/rooms x", "!!! Use it like this: /rooms"),
        ],
    )
    def test_a_wrong_use_gets_one_line(self, lobby: Lobby, typed: str, answer: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, typed)
        (line,) = al.lines()
        assert line.startswith(answer)
        assert al.room is lobby.chat.lobby

    def test_who_leaves_the_chat_leaves_their_room(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        for person in (al, bo):
            lobby.types(person, "/join games")
        lobby.chat.leave(bo, "quit")
        assert al.lines()[-1] == "<-- bo left after 0 s (quit)"
        lobby.chat.leave(al, "quit")
        assert [room.name for room in lobby.chat.rooms()] == ["lobby"]
