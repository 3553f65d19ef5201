"""A person that keeps their seat while the connection is gone, and goes on through another."""

import json

import pytest

from tests.support.chats import Lobby, Somebody
from threadchat.chat.person import Person, drop
from threadchat.chat.room import Room
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Notice
from threadchat.messages.places import Place


def objects(received: bytearray) -> list[dict[str, object]]:
    found = [json.loads(line) for line in bytes(received).splitlines()]
    received.clear()
    return found


def lose(person: Person) -> None:
    """Let the connection of `person` be gone, as that of a page that is away."""
    person.connection = None
    person.deliver = person.deliver_later = person.deliver_privately = drop


def room_of(person: Person) -> Room:
    assert person.room is not None
    return person.room


@pytest.fixture
def al(lobby: Lobby) -> Somebody:
    """Somebody that is shown JSON, as a browser is, in the lobby with bo."""
    al, _ = lobby.enter("al", "bo")
    al.format = JSON_LINES
    return al


class TestAKeptSeat:
    def test_what_came_meanwhile_comes_once_and_nobody_sees_a_thing(
        self, lobby: Lobby, al: Somebody
    ) -> None:
        bo = lobby.people["bo"]
        lobby.says(bo, "one")
        (one,) = objects(al.received)
        seen = Place(str(one["epoch"]), int(str(one["seq"])))
        identity = al.identity
        lose(al)
        lobby.says(bo, "two")
        lobby.says(bo, "three")
        assert not al.received
        bo.lines()

        again = Somebody(9)  # another connection, which was made for the same person
        lobby.chat.resume(al, again, again.received.extend, JSON_LINES, seen)
        lobby.says(bo, "four")
        assert [it["text"] for it in objects(again.received)] == ["two", "three", "four"]
        assert not al.received
        assert al.connection is again
        assert al.identity == identity
        assert bo.lines() == []  # nobody left, and nobody joined
        lobby.says(al, "back")
        assert bo.lines() == ["al: back"]

    def test_it_may_be_of_another_kind(self, lobby: Lobby, al: Somebody) -> None:
        lose(al)
        lobby.says(lobby.people["bo"], "two")
        again = Somebody(9)
        place = Place(lobby.chat.last_place(room_of(al).name).epoch, 0)
        lobby.chat.resume(al, again, again.received.extend, again.format, place)
        assert again.lines() == ["bo: two"]

    def test_a_place_of_another_epoch_is_a_new_beginning(self, lobby: Lobby, al: Somebody) -> None:
        lobby.says(lobby.people["bo"], "one")
        lose(al)
        again = Somebody(9)
        lobby.chat.resume(al, again, again.received.extend, again.format, Place("other", 1))
        assert again.lines() == [
            "=== What was said before you came:",
            "bo: one",
            "=== From here on it is live.",
        ]

    def test_without_a_connection_it_is_in_the_room_all_the_same(
        self, lobby: Lobby, al: Somebody
    ) -> None:
        lose(al)
        bo = lobby.people["bo"]
        lobby.types(bo, "/who")
        assert bo.lines() == ["=== 2 people are here: al, bo."]
        lobby.chat.leave(al, "quit")
        (line,) = bo.lines()
        assert line.startswith("<-- al left")

    def test_an_error_is_of_the_new_connection_alone(self, lobby: Lobby, al: Somebody) -> None:
        def fail() -> None:
            raise RuntimeError("a bug")

        with pytest.raises(RuntimeError, match="a bug"):
            room_of(al).resume(al, Place("", 0), fail)
        lobby.says(lobby.people["bo"], "one")
        assert [it["text"] for it in objects(al.received)] == ["one"]

    def test_where_nobody_is_in_a_room_only_the_connection_is_another(
        self, lobby: Lobby, al: Somebody
    ) -> None:
        lobby.chat.leave(al, "quit")
        again, ready = Somebody(9), []
        lobby.chat.resume(
            al,
            again,
            again.received.extend,
            again.format,
            Place("", 0),
            ready=lambda: ready.append(al.connection),
        )
        assert ready == [again]
        assert not again.received

    def test_what_is_for_the_person_alone_goes_its_own_way(
        self, lobby: Lobby, al: Somebody
    ) -> None:
        lose(al)
        al.tell(Notice("nobody has it"))
        assert not al.received
        again, private = Somebody(9), bytearray()
        place, send = lobby.chat.last_place(room_of(al).name), again.received.extend
        lobby.chat.resume(al, again, send, again.format, place, private.extend)
        al.tell(Notice("one"))
        assert (again.lines(), bytes(private)) == ([], b"=== one\r\n")
        lobby.chat.resume(al, again, send, again.format, place)
        al.tell(Notice("two"))
        assert again.lines() == ["=== two"]
