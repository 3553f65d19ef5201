"""The order of batches: a room's turn, and one that several rooms share (promise 1)."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial

import pytest

from tests.support.members import FakeMember
from tests.support.observer import Recorder
from tests.support.sharedorder import SharedOrder
from tests.support.waiting import run_concurrently, wait_until
from threadchat.chat.batch import Batch
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.order import InProcessOrder, Order, Ordered
from threadchat.chat.room import Room
from threadchat.messages.kinds import (
    Joined,
    Left,
    LeftTogether,
    Renamed,
    RoomMessage,
    Say,
    TakenBack,
    TopicSet,
)
from threadchat.messages.places import Place
from threadchat.storage.history import History


class Servers:
    """The rooms of several servers that share one order."""

    def __init__(self) -> None:
        self._rooms: list[Room] = []
        self._order = SharedOrder(lambda batch: self._rooms)

    def server(self, deliverer: Deliverer) -> tuple[Room, History, Recorder]:
        """Return a room of one more server, with its history and observer."""
        history, observer = History(), Recorder()
        room = Room("r", history, observer, deliverer, order=self._order.for_server(history))
        self._rooms.append(room)
        return room, history, observer

    def close(self) -> None:
        self._order.close()


@pytest.fixture
def deliverer() -> Iterator[Deliverer]:
    with closing(Deliverer()) as deliverer:
        yield deliverer


@pytest.fixture
def shared() -> Iterator[Servers]:
    with closing(Servers()) as shared:
        yield shared


def say(room: Room, member: FakeMember, number: int) -> None:
    room.post([Say(member.name, str(number), 0.0)], member)


class TestShared:
    def test_a_join_returns_once_it_was_shown(self, shared: Servers, deliverer: Deliverer) -> None:
        (here, _, _), (there, _, _) = shared.server(deliverer), shared.server(deliverer)
        al, bo = FakeMember("al"), FakeMember("bo")
        here.join(al, b"welcome\r\n")
        assert al.screen == "welcome\r\n"
        assert [member.name for member in here.members] == ["al"]
        there.join(bo)
        assert there.members == (bo,)
        wait_until(lambda: "bo joined" in al.screen, "al has read of bo")

    def test_all_servers_show_and_keep_the_same_lines_in_one_order(
        self, shared: Servers, deliverer: Deliverer
    ) -> None:
        servers = [shared.server(deliverer) for _ in range(3)]
        listeners = [FakeMember(f"listener{number}") for number in range(3)]
        for (room, _, _), listener in zip(servers, listeners, strict=True):
            room.join(listener)

        def talk(room: Room, name: str) -> None:
            member = FakeMember(name)
            room.join(member)
            for number in range(50):
                say(room, member, number)
            room.leave(member, Left(name, 1.0, "quit"))

        run_concurrently(
            [
                partial(talk, room, f"n{server}{speaker}")
                for server, (room, _, _) in enumerate(servers)
                for speaker in range(3)
            ]
        )

        def ends(observer: Recorder) -> int:
            return sum(
                len(getattr(it, "names", [getattr(it, "name", "")]))
                for it in observer.messages
                if type(it).__name__ in ("Left", "LeftTogether")
            )

        wait_until(lambda: all(ends(it) == 9 for _, _, it in servers), "all have left everywhere")
        orders: list[Sequence[RoomMessage]] = [observer.messages for _, _, observer in servers]
        assert orders[0] == orders[1] == orders[2]
        said = [it for it in orders[0] if isinstance(it, Say)]
        assert len(said) == 3 * 3 * 50
        for _, history, observer in servers:
            assert history.recent("r", 1000) == said
            assert observer.failures == []
        for name in {it.name for it in said}:
            assert [it.text for it in said if it.name == name] == [str(n) for n in range(50)]
        screens = {
            "\n".join(line for line in listener.screen.split("\r\n") if line[:1] == "n")
            for listener in listeners
        }
        assert len(screens) == 1  # what was said by others, in one order

    def test_a_line_is_taken_back_on_all_servers(
        self, shared: Servers, deliverer: Deliverer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("threadchat.storage.history.new_epoch", lambda: "shared")
        here, _, _ = shared.server(deliverer)
        there, history_there, observer_there = shared.server(deliverer)
        al, bo = FakeMember("al"), FakeMember("bo")
        here.join(al)
        there.join(bo)
        said = Say("al", "oops", 1.0)
        here.post([said], al)
        wait_until(lambda: "oops" in bo.screen and "joined" in al.screen, "both have read all")
        assert here.take_back(said) is not None
        wait_until(lambda: "taken back" in bo.screen, "bo has been told")
        assert history_there.recent("r", 9) == []
        assert observer_there.failures == []

    def test_a_topic_is_set_on_all_servers(self, shared: Servers, deliverer: Deliverer) -> None:
        here, history_here, _ = shared.server(deliverer)
        there, history_there, _ = shared.server(deliverer)
        al, bo = FakeMember("al"), FakeMember("bo")
        here.join(al)
        there.join(bo)
        here.announce(TopicSet("al", "tea"))
        wait_until(lambda: "tea" in bo.screen, "bo has been told")
        assert here.topic == there.topic == "tea"
        assert history_here.topic("r") == history_there.topic("r") == "tea"

    def test_a_history_that_cannot_take_back_is_reported(
        self, deliverer: Deliverer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(room: str, place: Place) -> TakenBack:
            raise OSError("disk gone")

        history, observer = History(), Recorder()
        monkeypatch.setattr(history, "take_back", fail)
        room = Room("r", history, observer, deliverer)
        al = FakeMember("al")
        room.join(al)
        batch = Batch("r")
        batch.add(TakenBack("bo", "shared", 1, 1))
        room.apply_later(batch)
        assert al.screen == "--- a line of bo was taken back\r\n"
        assert observer.failures == ["taking back what was said in room r: disk gone"]

    def test_an_order_that_fails_stops_nobody(self, deliverer: Deliverer) -> None:
        class Failing(InProcessOrder):
            fails = False

            def put(self, room: Ordered, batch: Batch) -> bool:
                if self.fails:
                    raise OSError("no broker")
                return super().put(room, batch)

        order, observer = Failing(History()), Recorder()
        room = Room("r", History(), observer, deliverer, order=order)
        al, bo = FakeMember("al"), FakeMember("bo")
        room.join(al)
        order.fails = True
        room.join(bo)
        assert observer.failures == ["delivering to room r: no broker"]
        assert room.members == (al,)
        order.fails = False
        room.join(FakeMember("cy"))
        assert al.screen.endswith("--> cy joined (2 here)\r\n")


def test_it_is_noted_who_the_lines_of_another_server_are_about() -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    batch = Batch("r")
    batch.messages += [
        Joined(["al", "bo"], 3),
        Say("al", "hi", 0.0),
        Renamed("al", "cy"),
        Say("bo", "hi", 0.0),
        LeftTogether(["al", "dy"], 1),
    ]
    batch.note_authors({"al": al, "bo": bo}.get)
    assert batch.changes_for([al.identity]) == {0: Joined(["bo"], 3), 1: None, 2: None}
    assert batch.changes_for([bo.identity]) == {0: Joined(["al"], 3), 3: None}
    assert batch.changes_for([FakeMember("dy").identity]) == {}


def test_a_rooms_own_turn_is_an_order() -> None:
    order: Order = InProcessOrder(History())
    applied = []

    class OneRoom:
        name = "r"

        def apply(self, batch: Batch) -> None:
            applied.append(batch)

        def apply_later(self, batch: Batch) -> None:
            raise AssertionError(batch)

    batch = Batch("r")
    assert order.put(OneRoom(), batch)
    assert applied == [batch]
