"""Test how batches go to the link and come back, and where what was said apart begins and ends."""

import threading
from collections.abc import Iterator

import pytest

from tests.support.members import FakeMember
from tests.support.observer import Recorder
from tests.support.waiting import wait_until
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.linkedroom import LinkedRoom
from threadchat.chat.room import Room
from threadchat.link.deliveries import Applied, Provisional
from threadchat.link.linkedorder import LinkedOrder
from threadchat.link.ownentries import Item
from threadchat.link.records import BatchRecord, entry_of, entry_text
from threadchat.messages.kinds import Emote, Say, TopicSet
from threadchat.messages.linkkinds import LeftWithServer
from threadchat.messages.places import Place
from threadchat.storage.history import History
from threadchat.storage.linkedhistory import LinkedHistory, Origin
from threadchat.storage.stretches import RememberedStretches
from threadchat.text.names import fold_name

E1, NODE, OTHER = "e1" * 8, "box/1", "attic/1"


class World:
    """An order, its rooms, and a link that keeps what is to be put in order."""

    def __init__(self) -> None:
        self.is_full = self.is_apart = False
        self.items: list[Item] = []
        self.line = 1
        self.history = LinkedHistory(History(), RememberedStretches())
        self.observer, self.deliverer = Recorder(), Deliverer()
        self.order = LinkedOrder(NODE, self, self.history, self, lambda: 0.0)
        self.open: dict[str, LinkedRoom] = {}
        self.given_up: list[str] = []
        self.lobby = self.keep_open("lobby")
        self.al = FakeMember("al")
        self.join(self.al)

    # As the link

    def submit(self, item: Item) -> None:
        item.line, self.line = self.line, self.line + item.said
        if item.numbered is not None:
            item.numbered(item.line)
        self.items.append(item)

    def wait_for_room(self, timeout: float | None = None) -> bool:
        return True

    # As the rooms

    def keep_open(self, name: str) -> LinkedRoom:
        fold = fold_name(name)
        if fold not in self.open:
            self.open[fold] = LinkedRoom(
                name, self.history, self.observer, self.deliverer, order=self.order
            )
        return self.open[fold]

    def give_up(self, room: Room) -> None:
        self.given_up.append(room.name)

    def saw_topic(self, room: str, message: TopicSet) -> None:
        pass

    def find_author(self, node: str, name: str) -> None:
        return None

    # What happens

    def join(self, member: FakeMember) -> None:
        thread = threading.Thread(target=self.lobby.join, args=(member,))
        thread.start()
        wait_until(lambda: bool(self.items), "the joining is to be put in order")
        self.applied(self.items.pop(), 0)
        thread.join()

    def applied(self, item: Item, seq: int, *, is_shown: bool = False) -> None:
        """Let the order come to what this server has put there."""
        place = Place(E1, seq)
        self.order.take(Applied(1, place, NODE, item.line, None, item, is_shown))

    def brought(
        self,
        record: BatchRecord,
        seq: int,
        line: int = 1,
        apart: tuple[float, float] | None = None,
    ) -> None:
        """Let the order come to what another server has put there."""
        self.order.take(Applied(1, Place(E1, seq), OTHER, line, record, None, False, apart))

    @property
    def screen(self) -> list[str]:
        lines = self.al.screen.splitlines()
        self.al.pages.clear()
        return lines


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.deliverer.close()
    assert world.observer.failures == []


def batch(*words: str, room: str = "LOBBY") -> BatchRecord:
    return BatchRecord(room, tuple(Say("bo", word, 1.0) for word in words))


def test_a_batch_is_shown_and_kept_when_the_order_has_come_to_it(world: World) -> None:
    world.lobby.post([said := Say("cy", "hi", 1.0)], FakeMember("cy"))
    assert world.screen == []
    assert (said.epoch, said.seq) == (NODE, 1)  # as it is known until then
    (item,) = world.items
    assert entry_of(entry_text(0, [item.text])).items == (BatchRecord("lobby", (said,)),)
    world.applied(item, 7)
    assert world.screen == ["cy: hi"]
    assert (said.epoch, said.seq) == (E1, 7)
    assert world.history.last_place("lobby") == (E1, 7)


def test_without_a_link_it_is_shown_at_once_and_later_put_in_its_place(world: World) -> None:
    world.lobby.post([Say("cy", "alone", 1.0)], FakeMember("cy"))
    (item,) = world.items
    world.order.take(Provisional(item))
    assert world.screen == ["cy: alone"]
    world.brought(batch("theirs"), 1)
    world.applied(item, 2, is_shown=True)
    assert world.screen == ["bo: theirs"]
    assert [it.text for it in world.history.recent("lobby", 9)] == ["theirs", "alone"]


def test_what_others_say_is_shown_in_the_room_of_that_name(world: World) -> None:
    world.brought(BatchRecord("Lobby", (Emote("bo", "waves", 1.0), TopicSet("bo", "tea"))), 1)
    assert world.screen == ["* bo waves", "--- bo set the topic: tea"]
    assert world.lobby.topic == "tea"
    world.brought(batch("elsewhere", room="den"), 1, 2)
    assert world.screen == []
    assert [it.text for it in world.history.recent("den", 9)] == ["elsewhere"]
    assert world.given_up == ["lobby", "den"]


def test_what_was_said_apart_stands_between_two_lines(world: World) -> None:
    world.brought(batch("one"), 1, 1, (60.0, 120.0))
    world.brought(batch("two"), 2, 2, (60.0, 120.0))
    world.brought(batch("now"), 3, 3)
    begin, *rest = world.screen
    assert "on a server that had no link, and shown here only now:" in begin
    assert rest == [
        "bo: one",
        "bo: two",
        "--- From here on it is what all servers read at once.",
        "bo: now",
    ]
    world.brought(batch("next"), 4, 4)
    assert world.screen == ["bo: next"]


def test_what_is_said_here_ends_what_was_said_apart(world: World) -> None:
    world.brought(batch("one"), 1, 1, (60.0, 120.0))
    assert len(world.screen) == 2
    world.lobby.post([Say("cy", "hi", 1.0)], FakeMember("cy"))
    world.applied(world.items.pop(), 2)
    assert world.screen == ["--- From here on it is what all servers read at once.", "cy: hi"]


def test_what_an_earlier_run_has_shown_is_not_shown_again(world: World) -> None:
    world.history.keep("lobby", [Say("bo", "one", 1.0)], Origin(OTHER, 1, Place("e0" * 8, 5)))
    world.brought(batch("one"), 1, 1)
    assert world.screen == []
    world.brought(batch("two"), 2, 2)
    assert world.screen == ["bo: two"]
    assert [(it.text, it.epoch, it.seq) for it in world.history.recent("lobby", 9)] == [
        ("one", E1, 1),
        ("two", E1, 2),
    ]


def test_others_are_told_who_leaves_with_this_server(world: World) -> None:
    world.order.tell_leaving("lobby", [f"p{number}" for number in range(20)])
    (item,) = world.items
    (record,) = entry_of(entry_text(0, [item.text])).items
    assert isinstance(record, BatchRecord)
    (message,) = record.messages
    assert isinstance(message, LeftWithServer)
    assert message.line == "<-- p0, p1, p2 and 17 others left (their server is gone)"
    world.applied(item, 0)
    assert world.screen == []


def test_a_line_is_told_to_others_by_its_node_and_number(world: World) -> None:
    world.lobby.post([Say("cy", "hi", 1.0), Say("cy", "ho", 1.0)], FakeMember("cy"))
    world.applied(world.items.pop(), 5)
    assert world.order.line_of("lobby", Place(E1, 6)) == (NODE, 2)
    assert world.order.line_of("lobby", Place("ee", 6)) == ("ee", 6)
