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
from threadchat.link.records import BatchRecord, batch_record, entry_of, entry_text
from threadchat.messages.kinds import Emote, Joined, LeftTogether, Say, TopicSet
from threadchat.messages.linkkinds import LeftWithServer
from threadchat.messages.places import Place
from threadchat.storage.history import History
from threadchat.storage.linkedhistory import LinkedHistory, Origin
from threadchat.storage.stretches import RememberedStretches
from threadchat.text.names import fold_name
from threadchat.text.phrases import NAMES_OF_A_CROWD

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
        self.topics: list[str] = []
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
        self.topics.append(f"{room}: {message.text}")

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
        *,
        is_shown: bool = False,
    ) -> None:
        """Let the order come to what another server has put there."""
        self.order.take(Applied(1, Place(E1, seq), OTHER, line, record, None, is_shown, apart))

    def settle(self) -> None:
        """Wait until the lobby has nothing left to do: the deliverer moves what was shown."""
        lobby = self.lobby
        wait_until(lambda: not (lobby.pending or lobby._turn.locked()), "all has moved")

    @property
    def screen(self) -> list[str]:
        self.settle()
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
    return batch_record(room, tuple(Say("bo", word, 1.0) for word in words))


def test_a_batch_is_shown_and_kept_when_the_order_has_come_to_it(world: World) -> None:
    world.lobby.post([said := Say("cy", "hi", 1.0)], FakeMember("cy"))
    assert world.screen == []
    assert (said.epoch, said.seq) == (NODE, 1)  # as it is known until then
    (item,) = world.items
    assert entry_of(entry_text(0, [item.text])).items == (batch_record("lobby", (said,)),)
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
    world.brought(batch_record("Lobby", (Emote("bo", "waves", 1.0), TopicSet("bo", "tea"))), 1)
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


def test_topics_are_noted_when_they_are_shown_and_not_again(world: World) -> None:
    def topic(text: str, room: str = "lobby") -> BatchRecord:
        return batch_record(room, (TopicSet("bo", text),))

    world.brought(topic("theirs"), 0)
    world.brought(topic("old"), 0, is_shown=True)
    assert world.topics == ["lobby: theirs"]
    for text, is_shown in (("ours", False), ("apart", True)):
        thread = threading.Thread(
            target=world.lobby.announce, args=(TopicSet("al", text), world.al)
        )
        thread.start()
        wait_until(lambda: bool(world.items), "it is to be put in order")
        item = world.items.pop()
        if is_shown:
            world.order.take(Provisional(item))
        world.applied(item, 0, is_shown=is_shown)
        thread.join()
    assert world.topics == ["lobby: theirs", "lobby: ours", "lobby: apart"]


def test_what_was_shown_in_an_epoch_before_only_moves(world: World) -> None:
    world.brought(batch("one", "two"), 1)
    assert world.screen == ["bo: one", "bo: two"]
    world.brought(batch("one", "two"), 5, is_shown=True)
    world.brought(batch("three"), 7, 3)
    assert world.screen == ["bo: three"]
    assert [(it.text, it.seq) for it in world.history.recent("lobby", 9)] == [
        ("one", 5),
        ("two", 6),
        ("three", 7),
    ]


def test_what_was_shown_in_a_room_that_was_closed_moves_in_its_place(world: World) -> None:
    before = world.keep_open("side")
    before.post([Say("cy", "alone", 1.0)], FakeMember("cy"))
    (item,) = world.items
    world.order.take(Provisional(item))
    del world.open["side"]
    side = world.keep_open("side")  # another one of that name
    with side._turn:
        world.brought(batch("theirs", room="side"), 1)
        world.applied(item, 2, is_shown=True)
    world.brought(batch("later", room="side"), 3, 2)
    world.deliverer.close()
    said = world.history.recent("side", 9)
    assert [(it.text, it.seq) for it in said] == [("theirs", 1), ("alone", 2), ("later", 3)]
    assert world.given_up == ["side"] * 3


def test_what_is_known_is_told_by_its_last_line(world: World) -> None:
    world.brought(batch("one", "two"), 1)
    world.brought(batch_record("lobby", (Say("bo", "three", 1.0),)), 3, 3)
    world.brought(batch("one", "two"), 4)  # as another copy, of which it is not said so
    world.brought(batch("three"), 6, 3)
    world.brought(batch("four"), 7, 4)
    assert world.screen == ["bo: one", "bo: two", "bo: three", "bo: four"]
    world.brought(batch_record("lobby", (TopicSet("bo", "tea"),)), 0, 4)  # it says nothing
    assert world.screen == ["--- bo set the topic: tea"]


def test_of_a_few_that_leave_with_this_server_all_are_named(world: World) -> None:
    for number in (NAMES_OF_A_CROWD, NAMES_OF_A_CROWD + 1):
        world.order.tell_leaving("lobby", [f"p{at}" for at in range(number)])
        (record,) = entry_of(entry_text(0, [world.items.pop().text])).items
        assert isinstance(record, BatchRecord)
        (message,) = record.messages
        assert isinstance(message, LeftWithServer)
        assert len(message.names) == NAMES_OF_A_CROWD
        assert message.count == number


def test_the_order_says_how_many_are_in_a_room(world: World) -> None:
    bo = FakeMember("bo")
    thread = threading.Thread(target=world.lobby.join, args=(bo,))
    thread.start()
    wait_until(lambda: bool(world.items), "the joining is to be put in order")
    item = world.items.pop()
    world.order.take(Applied(1, Place(E1, 0), NODE, item.line, None, item, here=7))
    thread.join()
    joined = batch_record("lobby", (Joined(["cy"], 1),))
    world.order.take(Applied(2, Place(E1, 0), OTHER, 1, joined, here=8))
    left = batch_record("lobby", (Joined(["di"], 1), LeftTogether(["cy", "di"], 1)))
    world.order.take(Applied(3, Place(E1, 0), OTHER, 1, left, here=7))
    assert world.screen == [
        "--> bo joined (7 here)",
        "--> cy joined (8 here)",
        "--> di joined (9 here)",
        "<-- cy, di left (7 here)",
    ]
