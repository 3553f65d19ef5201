"""The commands about rooms."""

import json

import pytest

from tests.support.chats import Lobby
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.net.sendqueue import MAX_QUEUED
from threadchat.terminal.view import PLAIN_VIEW


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

    def test_a_list_too_long_for_a_client_has_those_with_the_most_people(
        self, lobby: Lobby
    ) -> None:
        al, bo = lobby.enter("al", "bo")
        keepers = lobby.enter(*(f"p{number}" for number in range(900)))
        for number, person in enumerate(keepers):
            lobby.chat.move(person, f"room{number}")
            assert person.room is not None
            person.room.topic = "漢" * 200
        lobby.chat.move(bo, "room899")
        for format in (PLAIN_VIEW, JSON_LINES):
            al.format = format
            al.received.clear()
            lobby.types(al, "/rooms")
            assert len(al.received) < MAX_QUEUED / 2
        answer = json.loads(al.received)
        al.received.clear()
        assert answer["count"] == 901
        assert [it["name"] for it in answer["entries"]][:2] == ["lobby", "room899"]
        al.format = PLAIN_VIEW
        lobby.types(al, "/rooms")
        title, *rows, last = al.lines()
        assert title == "=== 901 rooms are open. You are in lobby."
        assert last == (
            f"=== {901 - len(rows)} more rooms do not fit here."
            " /rooms WORD lists those with WORD in name or topic."
        )
        lobby.types(al, "/rooms #ROOM77")
        title, *rows = al.lines()
        assert title == "=== 11 rooms are found."
        assert [row.split()[1] for row in rows] == [
            "room77",
            *(f"room77{number}" for number in range(10)),
        ]

    def test_rooms_with_a_word(self, lobby: Lobby) -> None:
        al, _ = lobby.enter("al", "bo")
        lobby.types(al, "/join games")
        lobby.types(al, "/topic Chess tonight")
        al.lines()
        for word in ("CHESS", "gam", "#games"):
            lobby.types(al, f"/rooms {word}")
            assert al.lines() == [
                "=== 1 room is found. You are in games.",
                "=== games    1  Chess tonight",
            ]
        lobby.types(al, "/rooms poker")
        assert al.lines() == ["=== No room has that in its name or topic. /rooms lists all."]

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
            ("/rooms x y", "!!! Use it like this: /rooms"),
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

    def test_a_muted_person_is_shown_the_topic(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/topic tea")
        lobby.chat.moderation.mute("bo", 60.0)
        bo.lines()
        lobby.types(bo, "/topic")
        assert bo.lines() == ["=== Topic: tea"]
