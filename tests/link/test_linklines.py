"""Test what people are told of the link."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.support.members import FakeMember
from threadchat.chat.batch import Batch
from threadchat.chat.interfaces import Member
from threadchat.link import linklines
from threadchat.link.deliveries import (
    CameTogether,
    Delivery,
    Missed,
    PeopleCame,
    PeopleGone,
    WentApart,
)
from threadchat.link.linklines import LinkLines, OpenRoom
from threadchat.link.wire import Holding
from threadchat.messages.kinds import Joined, RoomMessage
from threadchat.messages.linkkinds import LeftWithServer
from threadchat.text.phrases import MAX_NAMES_LISTED


@dataclass
class FakeRoom:
    name: str
    members: Sequence[Member] = ()
    people: Sequence[Member] = ()
    lines: list[str] = field(default_factory=list)

    def apply(self, batch: Batch) -> None:
        raise AssertionError

    def apply_later(self, batch: Batch) -> None:
        raise AssertionError


class World:
    def __init__(self) -> None:
        self.lobby = FakeRoom("lobby", [FakeMember("al")], [FakeMember("al")])
        self.den = FakeRoom("Den", [FakeMember("bo")])
        self.empty = FakeRoom("empty")
        self.lines = LinkLines(lambda: [self.lobby, self.den, self.empty], self._show)
        self.shown: list[Joined | LeftWithServer] = []

    def _show(self, room: OpenRoom, message: RoomMessage) -> None:
        assert isinstance(room, FakeRoom)
        room.lines.append(message.line)
        if isinstance(message, Joined | LeftWithServer):
            self.shown.append(message)

    def take(self, delivery: Delivery) -> list[list[str]]:
        """Return what each room is shown of it."""
        rooms = (self.lobby, self.den, self.empty)
        for room in rooms:
            room.lines.clear()
        self.lines.take(delivery)
        return [list(room.lines) for room in rooms]


def person(name: str, room: str, key: str = "") -> Holding:
    data = json.dumps({"name": name, "room": room})
    return Holding(name.casefold(), name.casefold(), "n", key or name, data)


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (WentApart(), "There is no link to the other servers"),
        (CameTogether(), "The link to the other servers is back"),
        (Missed("n", 1240), "--- 1,240 lines were missed"),
    ],
)
def test_all_rooms_with_people_are_told(delivery: Delivery, words: str) -> None:
    lobby, den, empty = World().take(delivery)
    assert len(lobby) == 1
    assert words in lobby[0]
    assert den == lobby
    assert empty == []


def test_one_line_a_room_tells_of_people_whose_server_is_gone() -> None:
    people = [person("cy", "lobby"), person("Di", "LOBBY"), person("ed", "den"), person("fa", "")]
    assert World().take(PeopleGone("n", people)) == [
        ["<-- cy, Di left (their server is gone)"],
        ["<-- ed left (their server is gone)"],
        [],
    ]


def test_of_a_crowd_a_few_are_named() -> None:
    crowd = [person(f"p{number}", "lobby") for number in range(100)]
    world = World()
    lobby, _, _ = world.take(PeopleGone("n", crowd))
    assert lobby == ["<-- p0, p1, p2 and 97 others left (their server is gone)"]
    lobby, _, _ = world.take(PeopleCame("n", crowd))
    assert lobby == ["--> p0, p1, p2 and 97 others joined (1 here)"]
    assert len(world.shown[-1].names) == MAX_NAMES_LISTED + 1


@pytest.mark.parametrize("number", [MAX_NAMES_LISTED + 1, MAX_NAMES_LISTED + 2])
def test_the_largest_number_of_which_all_are_named(number: int) -> None:
    some = [person(f"p{at}", "lobby") for at in range(number)]
    world = World()
    world.take(PeopleGone("n", some))
    world.take(PeopleCame("n", some))
    count = number if number > MAX_NAMES_LISTED + 1 else None
    assert [(len(it.names), it.count) for it in world.shown] == [(MAX_NAMES_LISTED + 1, count)] * 2


def test_people_that_are_back_are_told_if_their_going_was() -> None:
    world = World()
    cy, di = person("cy", "lobby"), person("di", "lobby")
    assert world.take(PeopleCame("n", [cy])) == [[], [], []]
    world.take(PeopleGone("n", [cy]))
    assert world.take(PeopleCame("n", [cy, di])) == [["--> cy joined (1 here)"], [], []]
    assert world.take(PeopleCame("n", [cy])) == [[], [], []]


def test_what_is_kept_of_people_that_are_gone_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linklines, "MAX_GONE", 2)
    world = World()
    people = [person(name, "lobby") for name in ("cy", "di", "ed")]
    world.take(PeopleGone("n", people))
    lobby, _, _ = world.take(PeopleCame("n", people))
    assert lobby == ["--> di, ed joined (1 here)"]


@pytest.mark.parametrize("data", ["", "[]", "{}", '{"name": 7, "room": {}}', "\x1b[2J"])
def test_what_cannot_be_read_of_a_person_harms_nobody(data: str) -> None:
    gone = PeopleGone("n", [Holding("cy", "cy", "n", "p", data)])
    assert World().take(gone) == [[], [], []]
