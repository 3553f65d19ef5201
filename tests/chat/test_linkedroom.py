"""Test what differs where several servers share the order of a room."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeVar

import pytest

from tests.support.members import FakeMember
from tests.support.observer import Recorder
from tests.support.waiting import wait_until
from threadchat.chat import linkedroom
from threadchat.chat.batch import Batch
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.linkedroom import BroughtBatch, LinkedRoom, RepeatedBatch
from threadchat.chat.order import Ordered
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Joined, Left, Say, Spoken, TakenBack, TopicSet
from threadchat.messages.places import Place
from threadchat.storage.history import CannotTakeBack, History
from threadchat.testing import DEADLINE


class FakeOrder:
    """An order that shows batches at once, and does as it is told."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.is_full = self.is_apart = False
        self.waits: list[float] = []
        self.room_after = 0
        self.moved: list[list[Batch]] = []
        self.left: list[tuple[str, Sequence[str]]] = []
        self.put_in_order: list[Batch] = []
        self.threads: list[int] = []
        self.before: list[Place] = []

    def put(self, room: Ordered, batch: Batch) -> bool:
        self.put_in_order.append(batch)
        self.threads.append(threading.get_ident())
        room.apply(batch)
        return True

    def remember(self, room: str, batch: Batch) -> None:
        self.history.append(room, batch.said)

    def move(self, room: str, batches: Sequence[Batch]) -> None:
        self.moved.append(list(batches))

    def wait_for_room(self, timeout: float) -> bool:
        self.waits.append(timeout)
        return len(self.waits) > self.room_after

    def line_of(self, room: str, place: Place) -> Place:
        return place

    def places_before(self, room: str, place: Place) -> Sequence[Place]:
        return self.before

    def tell_leaving(self, room: str, names: Sequence[str]) -> None:
        self.left.append((room, names))


class World:
    def __init__(self) -> None:
        self.history, self.observer, self.deliverer = History(), Recorder(), Deliverer()
        self.order = FakeOrder(self.history)
        self.room = LinkedRoom("r", self.history, self.observer, self.deliverer, order=self.order)
        self.al, self.bo = FakeMember("al"), FakeMember("bo")
        for member in (self.al, self.bo):
            self.room.join(member)

    def say(self, *words: str) -> list[Say]:
        said = [Say("al", word, 1.0) for word in words]
        self.room.post(said, self.al)
        return said


AnyWorld = TypeVar("AnyWorld", bound=World)


def used(world: AnyWorld) -> Iterator[AnyWorld]:
    """Yield a world for a test; nothing has failed there unnoticed."""
    yield world
    world.deliverer.close()
    assert world.observer.failures == []


@pytest.fixture
def world() -> Iterator[World]:
    yield from used(World())


def test_who_joins_where_there_is_no_link_is_told(world: World) -> None:
    world.order.is_apart = True
    world.room.join(cy := FakeMember("cy"), b"Welcome.\r\n")
    assert cy.screen.startswith("Welcome.\r\n--- There is no link to the other servers for now")
    assert "There is no link" not in world.bo.screen


class TestTooMuch:
    def test_a_person_waits_and_is_told(self, world: World) -> None:
        world.order.is_full, world.order.room_after = True, 3
        world.say("late")
        assert world.order.waits == [linkedroom.WAIT_SECONDS] * 4
        assert world.al.screen.count("!!! The link to the other servers is behind.") == 1
        assert "al: late" in world.bo.screen

    def test_a_short_wait_is_not_worth_a_word(self, world: World) -> None:
        world.order.is_full = True
        world.say("late")
        assert "behind" not in world.al.screen

    def test_nobody_waits_at_the_stop(self, world: World) -> None:
        world.order.is_full, world.order.room_after = True, 10**9
        world.room.hush()
        world.say("last")
        assert len(world.order.waits) == 1
        assert "al: last" in world.bo.screen

    def test_nobody_is_asked_for_more(self, world: World) -> None:
        asked = threading.Event()

        def more() -> Sequence[Say]:
            asked.set()
            return ()

        world.room._is_busy = True
        world.order.is_full = True
        world.room.post([Say("al", "one", 1.0)], world.al, more)
        assert not asked.is_set()
        world.order.is_full = False
        world.room._is_busy = True
        thread = threading.Thread(
            target=world.room.post, args=([Say("al", "two", 1.0)], world.al, more)
        )
        thread.start()
        thread.join(DEADLINE)
        assert "al: two" in world.bo.screen


class LateOrder(FakeOrder):
    """An order that shows nothing by itself: batches wait in `on_the_way`."""

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self.on_the_way = SimpleQueue[Batch]()
        self.error: Exception | None = None

    def put(self, room: Ordered, batch: Batch) -> bool:
        if self.error is not None:
            raise self.error
        self.on_the_way.put(batch)
        return False

    def next_batch(self) -> Batch:
        return self.on_the_way.get(timeout=DEADLINE)


class LateWorld(World):
    """A world whose order shows a batch when a test says so. The members are in the room."""

    order: LateOrder

    def __init__(self) -> None:
        super().__init__()
        self.order = LateOrder(self.history)
        self.room._order = self.order

    def show(self, batch: Batch) -> list[str]:
        """Show a batch, and return what was said in it."""
        self.room.apply_later(batch)
        return [it.text for it in batch.said]

    def end(self) -> str:
        """Wait until all has been shown, and return what bo was shown."""
        self.deliverer.close()
        return self.bo.screen

    def brought(self, text: str) -> BroughtBatch:
        """Return what the order brings from another server."""
        batch = BroughtBatch("r", 0.0)
        batch.said.append(said := Say("di", text, 1.0))
        batch.messages.append(said)
        return batch


@pytest.fixture
def late() -> Iterator[LateWorld]:
    yield from used(LateWorld())


class TestOnTheWay:
    def test_what_is_said_meanwhile_makes_the_next_batch(self, late: LateWorld) -> None:
        for word in ("one", "two", "three"):
            late.say(word)
        assert late.show(late.order.next_batch()) == ["one"]
        assert late.show(late.order.next_batch()) == ["two", "three"]
        assert late.end().endswith("al: one\r\nal: two\r\nal: three\r\n")
        assert late.order.on_the_way.empty()
        assert late.room.pending == 0

    def test_it_is_counted_as_pending(self, late: LateWorld) -> None:
        for word in ("one", "two", "three"):
            late.say(word)
        assert late.room.pending == 2

    def test_what_others_say_is_shown_meanwhile(self, late: LateWorld) -> None:
        late.say("one")
        late.say("two")
        late.show(late.brought("hi"))
        assert late.bo.screen.endswith("di: hi\r\n")
        late.show(late.order.next_batch())
        assert late.bo.screen.endswith("di: hi\r\nal: one\r\n")
        assert late.show(late.order.next_batch()) == ["two"]

    def test_much_does_not_wait_for_it(
        self, late: LateWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(linkedroom, "MOST_HELD", 3)
        for word in ("one", "two", "three", "four", "five"):
            late.say(word)
        assert late.show(late.order.next_batch()) == ["one"]
        assert late.show(late.order.next_batch()) == ["two", "three", "four"]
        assert late.show(late.order.next_batch()) == ["five"]
        assert late.end().endswith("al: four\r\nal: five\r\n")

    def test_one_that_cannot_be_put_in_order_holds_nobody_up(self, late: LateWorld) -> None:
        late.order.error = RuntimeError("broken")
        late.say("one")
        late.order.error = None
        late.say("two")
        assert late.show(late.order.next_batch()) == ["two"]
        assert late.observer.failures == ["delivering to room r: broken"]
        late.observer.failures.clear()

    def test_one_that_cannot_be_shown_holds_nobody_up(
        self, late: LateWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(room: str, messages: object, deliveries: int, began_at: float) -> None:
            raise RuntimeError("broken")

        late.say("one")
        late.say("two")
        with monkeypatch.context() as patch:
            patch.setattr(late.observer, "shown", fails)
            late.show(late.order.next_batch())
        assert late.show(late.order.next_batch()) == ["two"]
        assert late.observer.failures == ["delivering to room r: broken"]
        late.observer.failures.clear()

    def test_who_joins_meanwhile_is_shown_both(self, late: LateWorld) -> None:
        late.say("one")
        thread = threading.Thread(target=late.room.join, args=(cy := FakeMember("cy"),))
        thread.start()
        wait_until(lambda: late.room.pending == 1, "it waits")
        late.show(late.order.next_batch())
        late.show(late.order.next_batch())
        late.end()
        thread.join(DEADLINE)
        assert cy in late.room.members
        assert "al: one" in cy.screen
        assert "--> cy joined" in late.bo.screen
        assert "cy joined" not in cy.screen


class TestWhatIsHeld:
    """What becomes of what waits for the batch on the way, whatever happens meanwhile."""

    def leave(self, late: LateWorld, member: FakeMember, pending: int) -> threading.Thread:
        left = Left(member.name, 1.0, "quit")
        thread = threading.Thread(target=late.room.leave, args=(member, left))
        thread.start()
        wait_until(lambda: late.room.pending == pending, "it waits")
        return thread

    def test_without_a_link_it_is_shown_at_once(
        self, late: LateWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def put(room: Ordered, batch: Batch) -> bool:
            room.apply_later(batch)
            return False

        for word in ("one", "two", "three"):
            late.say(word)
        first = late.order.next_batch()
        monkeypatch.setattr(late.order, "put", put)
        late.show(first)
        late.say("four")
        assert late.end().endswith("al: one\r\nal: two\r\nal: three\r\nal: four\r\n")
        assert late.room.pending == 0

    def test_it_comes_before_the_leaving_of_the_last_members(self, late: LateWorld) -> None:
        late.say("one")
        late.say("two")
        threads = [self.leave(late, late.al, 2), self.leave(late, late.bo, 3)]
        late.show(late.order.next_batch())
        assert late.show(batch := late.order.next_batch()) == ["two"]
        late.end()
        for thread in threads:
            thread.join(DEADLINE)
        assert [type(it).__name__ for it in batch.messages] == ["Say", "LeftTogether"]
        assert late.bo.screen.endswith("al: one\r\nal: two\r\n")
        assert late.room.members == ()
        assert [it.text for it in late.history.recent("r", 9)] == ["one", "two"]

    def test_at_the_stop_nobody_waits_for_it_in_vain(self, late: LateWorld) -> None:
        late.say("one")
        late.say("two")
        late.room.hush()
        threads = [self.leave(late, late.al, 2), self.leave(late, late.bo, 3)]
        late.deliverer.close()
        late.show(late.order.next_batch())
        late.show(late.order.next_batch())
        for thread in threads:
            thread.join(DEADLINE)
        assert not any(it.is_alive() for it in threads)
        assert late.bo.screen.endswith("al: one\r\nal: two\r\n")

    def test_a_history_that_cannot_be_written_holds_nobody_up(
        self, late: LateWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(room: str, batch: Sequence[Say]) -> None:
            raise OSError("no space left on device")

        late.say("one")
        late.say("two")
        with monkeypatch.context() as patch:
            patch.setattr(late.history, "append", fails)
            late.show(late.order.next_batch())
        assert late.show(late.order.next_batch()) == ["two"]
        assert late.end().endswith("al: one\r\nal: two\r\n")
        assert [it.text for it in late.history.recent("r", 9)] == ["two"]
        assert len(late.observer.failures) == 1
        late.observer.failures.clear()

    def test_a_connection_that_is_taken_over_is_handed_it_once(self, late: LateWorld) -> None:
        attached = threading.Event()
        late.say("one")
        late.say("two")
        since = Place(late.history.last_place("r").epoch, 0)
        args = (late.bo, since, attached.set)
        thread = threading.Thread(target=late.room.resume, args=args)
        thread.start()
        wait_until(lambda: late.room.pending == 2, "it waits")
        assert not attached.is_set()
        late.show(late.order.next_batch())
        late.show(late.order.next_batch())
        late.end()
        thread.join(DEADLINE)
        assert attached.is_set()
        assert late.bo.screen.count("al: two") == 1


def test_other_rooms_have_their_turn_however_much_the_order_brings(late: LateWorld) -> None:
    words = iter("two three four five six".split())

    def bring_next() -> None:
        if (word := next(words, "")) != "":
            late.room.apply_later(batch := late.brought(word))
            batch.shown = bring_next

    with late.room._turn:
        late.room.apply_later(batch := late.brought("one"))
        batch.shown = bring_next
        assert late.room._deliver_on()  # there is more, and so the room gets in line again
    assert "di: one\r\n" in late.bo.screen
    assert "di: three\r\n" not in late.bo.screen


def test_a_busy_room_asks_a_speaker_again_that_has_said_nothing_yet(late: LateWorld) -> None:
    words = [*[""] * 3, "two", *[""] * (linkedroom.PATIENCE // 2), "three"]
    asked = iter(words)

    def more() -> Sequence[Say]:
        word = next(asked, "")
        return [Say("al", word, 1.0)] if word else ()

    late.say("zero")
    late.say("none")  # both of them wait, so several speak at once
    late.room._is_busy = True
    said = [Say("al", "one", 1.0)]
    thread = threading.Thread(target=late.room.post, args=(said, late.al, more))
    thread.start()
    wait_until(lambda: late.room.pending == 2, "it waits")
    shown = [late.show(late.order.next_batch()) for _ in range(4)]
    assert shown == [["zero"], ["none", "one"], ["two"], ["three"]]
    thread.join(DEADLINE)
    assert not thread.is_alive()  # nobody waits for ever for one that is silent
    assert late.order.on_the_way.empty()


class TestTheStop:
    def test_others_are_told_of_all_at_once(self, world: World) -> None:
        world.room.hush()
        world.room.hush()
        assert world.order.left == [("r", ["al", "bo"])]
        world.room.leave(world.al, Left("al", 1.0, "server stopping"))
        assert "left" not in world.bo.screen

    def test_an_empty_room_tells_nobody(self, world: World) -> None:
        for member in (world.al, world.bo):
            world.room.leave(member, Left(member.name, 1.0, "quit"))
        world.room.hush()
        assert world.order.left == []


def test_what_was_shown_before_is_not_shown_again(world: World) -> None:
    batch = RepeatedBatch("r", 0.0, shown := threading.Event().set)
    batch.said += (said := [Say("al", "hi", 1.0)])
    batch.messages += said
    world.room.apply_later(batch)
    world.deliverer.close()
    assert world.order.moved == [[batch]]
    assert "hi" not in world.bo.screen
    assert shown is batch.shown


class TestMoving:
    def repeated(self, *words: str) -> RepeatedBatch:
        batch = RepeatedBatch("r", 0.0, lambda: self.shown.append(words))
        batch.said += (said := [Say("di", word, 1.0) for word in words])
        batch.messages += said
        return batch

    def moved(self, world: World) -> list[list[str]]:
        return [[it.text for batch in some for it in batch.said] for some in world.order.moved]

    @pytest.fixture(autouse=True)
    def _shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[Sequence[str]] = []
        monkeypatch.setattr(linkedroom, "MOVED_AT_ONCE", 3)

    def test_what_waits_moves_together_up_to_a_bound(self, late: LateWorld) -> None:
        with late.room._turn:
            for words in (("1", "2"), ("3", "4"), ("5",)):
                late.room.apply_later(self.repeated(*words))
            late.room.apply_later(late.brought("live"))
            late.room.apply_later(self.repeated("6"))
        late.room.apply_later(self.repeated("7"))
        late.deliverer.close()
        assert self.moved(late) == [["1", "2", "3", "4"], ["5"], ["6", "7"]]
        assert self.shown == [("1", "2"), ("3", "4"), ("5",), ("6",), ("7",)]
        assert late.bo.screen.endswith("di: live\r\n")

    def test_other_rooms_have_their_turn_meanwhile(self, late: LateWorld) -> None:
        done: list[str] = []
        order = late.order

        def of_another_room() -> bool:
            done.append("another room")
            return False

        def move(room: str, batches: Sequence[Batch]) -> None:
            done.append("moved")
            if len(done) == 1:
                late.deliverer.take_over(of_another_room)

        order.move = move  # type: ignore[method-assign]
        with late.room._turn:
            for words in ("123", "456", "789"):
                late.room.apply_later(self.repeated(*words))
        late.room.apply_later(self.repeated("0"))
        wait_until(lambda: len(done) == 5, "all has moved")
        assert done == ["moved", "another room", "moved", "moved", "moved"]

    def test_it_does_not_hold_up_who_brings_it(self, late: LateWorld) -> None:
        threads: list[int] = []
        order = late.order

        def move(room: str, batches: Sequence[Batch]) -> None:
            threads.append(threading.get_ident())

        order.move = move  # type: ignore[method-assign]
        late.room.apply_later(self.repeated("1"))
        late.deliverer.close()
        assert threads != [threading.get_ident()]
        late.room.apply_later(self.repeated("2"))  # there is nobody else to do it
        assert threads[1:] == [threading.get_ident()]

    def test_what_cannot_move_holds_nobody_up(self, late: LateWorld) -> None:
        def fails(room: str, batches: Sequence[Batch]) -> None:
            raise RuntimeError("broken")

        (line,) = late.say("secret")
        late.show(late.order.next_batch())
        late.order.move = fails  # type: ignore[method-assign]
        batch = self.repeated("1")
        batch.messages.append(TakenBack("al", line.epoch, line.seq, 0, at=5.0))
        late.room.apply_later(batch)
        late.room.apply_later(late.brought("live"))
        late.deliverer.close()
        assert self.shown == [("1",)]
        assert [it.text for it in late.history.recent("r", 9)] == ["live"]
        assert late.bo.screen.endswith("di: live\r\n")
        assert late.observer.failures == ["moving what was said in room r: broken"]
        late.observer.failures.clear()


class Answering(FakeMember):
    """Says something as soon as it is shown something: as a client that is quick."""

    def begin(self, room: LinkedRoom, *answers: str) -> None:
        self.room, self.answers = room, list(answers)

    def deliver(self, data: bytes) -> None:
        super().deliver(data)
        answers, self.answers = self.answers, []
        for answer in answers:
            self.room.post([Say(self.name, answer, 1.0)], self)


@pytest.mark.parametrize("answers", [["one"], ["one", "two"]])
def test_one_answer_wakes_no_other_thread(world: World, answers: list[str]) -> None:
    cy = Answering("cy")
    cy.begin(world.room)
    world.room.join(cy)
    cy.begin(world.room, *answers)
    world.order.threads.clear()
    batch = BroughtBatch("r", 0.0)
    said = [Say("di", "hi", 1.0)]
    batch.messages += said
    batch.said += said
    world.room.apply_later(batch)
    world.deliverer.close()
    assert [it.text for batch in world.order.put_in_order for it in batch.said] == answers
    is_own = [it == threading.get_ident() for it in world.order.threads]
    assert is_own == [len(answers) == 1]


def test_it_is_told_when_a_batch_was_shown(world: World) -> None:
    shown: list[str] = []
    batch = BroughtBatch("r", 0.0, lambda: shown.append(world.bo.screen))
    batch.said += (said := [Say("cy", "hi", 1.0)])
    batch.messages += said
    world.room.apply_later(batch)
    assert "cy: hi" in shown[0]


def take_back_as_somebody_joins(
    late: LateWorld, line: Spoken | Place
) -> tuple[FakeMember, TakenBack | None]:
    """Take a line back in the batch with which cy joins; return cy, and what was taken back."""
    found: list[TakenBack | None] = []
    take_back = threading.Thread(target=lambda: found.append(late.room.take_back(line)))
    take_back.start()
    wait_until(lambda: late.room.pending == 1, "it waits")
    join = threading.Thread(target=late.room.join, args=(cy := FakeMember("cy"),))
    join.start()
    wait_until(lambda: late.room.pending == 2, "both wait")
    late.show(late.order.next_batch())
    late.show(late.order.next_batch())
    late.end()
    for thread in (take_back, join):
        thread.join(DEADLINE)
    return cy, found[0]


class TestTakingBack:
    def test_it_is_done_where_the_order_comes_to_it(self, world: World) -> None:
        (line,) = world.say("secret")
        found = world.room.take_back(line)
        assert found is not None
        assert (found.name, found.epoch, found.seq) == ("al", line.epoch, 1)
        assert world.history.recent("r", 9) == []
        assert world.bo.screen.endswith("--- a line of al was taken back\r\n")

    def test_a_line_that_is_not_remembered(self, world: World) -> None:
        world.say("open")
        before = world.bo.screen
        assert world.room.take_back(Place("ee", 7)) is None
        assert world.bo.screen == before
        world.say("next")
        assert world.bo.screen == before + "al: next\r\n"

    def test_on_another_server_it_has_its_place_there(self, world: World) -> None:
        (line,) = world.say("secret")
        batch = BroughtBatch("r", 0.0)
        batch.messages.append(TakenBack("", line.epoch, line.seq, 0, at=5.0))
        world.room.apply_later(batch)
        assert world.bo.screen.endswith("--- a line of al was taken back\r\n")
        assert world.observer.messages[-1] == TakenBack("al", line.epoch, 1, 1)

    def test_it_is_done_also_where_somebody_joins_in_the_same_batch(self, late: LateWorld) -> None:
        late.room.post([line := Say("al", "secret", 1.0)], late.al)
        late.show(late.order.next_batch())
        late.say("more")
        cy, found = take_back_as_somebody_joins(late, line)
        assert found is not None
        assert found.seq == 1
        assert [it.text for it in late.history.recent("r", 9)] == ["more"]
        assert "secret" not in cy.screen
        assert late.bo.screen.endswith(
            "--> cy joined (3 here)\r\n--- a line of al was taken back\r\n"
        )

    @pytest.mark.parametrize("is_known", [True, False])
    def test_it_is_done_also_behind_somebody_that_joins_elsewhere(
        self, world: World, *, is_known: bool
    ) -> None:
        (line,) = world.say("secret")
        batch = BroughtBatch("r", 0.0)
        epoch = line.epoch if is_known else "ee"
        batch.messages += [Joined(["di"], 3), TakenBack("", epoch, line.seq, 0, at=5.0)]
        world.room.apply_later(batch)
        assert ("--- a line of al was taken back" in world.bo.screen) is is_known
        assert "--> di joined (3 here)" in world.bo.screen
        assert len(world.history.recent("r", 9)) == (0 if is_known else 1)

    def test_who_joins_is_not_shown_it_either_if_the_line_is_not_known(
        self, late: LateWorld
    ) -> None:
        late.say("open")
        cy, found = take_back_as_somebody_joins(late, Place("ee", 7))
        assert found is None
        assert "taken back" not in cy.screen + late.bo.screen

    def test_pages_are_told_by_all_places_by_which_they_may_know_it(self, world: World) -> None:
        world.room.join(page := FakeMember("page", JSON_LINES))
        (line,) = world.say("secret")
        page.pages.clear()
        world.order.before = [Place("e0", 3)]
        world.room.take_back(line)
        told = [json.loads(it) for it in page.screen.splitlines()]
        assert [(it["kind"], it["position"]) for it in told] == [
            ("taken_back", f"{line.epoch}.1"),
            ("taken_back", "e0.3"),
        ]
        assert world.bo.screen.count("taken back") == 1

    def test_on_a_server_that_does_not_have_it_nobody_is_shown_anything(self, world: World) -> None:
        before = world.bo.screen
        batch = BroughtBatch("r", 0.0)
        batch.messages.append(TakenBack("cy", "ee", 7, 0, at=5.0))
        world.room.apply_later(batch)
        assert world.bo.screen == before

    def test_in_a_batch_that_was_shown_before_it_is_done_again(self, world: World) -> None:
        (line,) = world.say("secret")
        batch = RepeatedBatch("r", 0.0)
        batch.messages.append(TakenBack("al", line.epoch, line.seq, 0, at=5.0))
        world.room.apply_later(batch)
        world.deliverer.close()
        assert world.history.recent("r", 9) == []

    @pytest.mark.parametrize("is_own", [True, False])
    def test_a_history_that_cannot_do_it_now(
        self, world: World, monkeypatch: pytest.MonkeyPatch, *, is_own: bool
    ) -> None:
        def fails(room: str, place: Place) -> TakenBack | None:
            raise CannotTakeBack("Not now.")

        (line,) = world.say("secret")
        monkeypatch.setattr(world.history, "take_back", fails)
        if is_own:
            with pytest.raises(CannotTakeBack):
                world.room.take_back(line)
        else:
            batch = BroughtBatch("r", 0.0)
            batch.messages.append(TakenBack("al", line.epoch, line.seq, 0))
            with suppress(CannotTakeBack):
                world.room.apply_later(batch)
        assert "taken back" not in world.bo.screen

    def test_whatever_goes_wrong_there_is_reported(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(room: str, place: Place) -> TakenBack | None:
            raise RuntimeError("broken")

        (line,) = world.say("secret")
        monkeypatch.setattr(world.history, "take_back", fails)
        batch = BroughtBatch("r", 0.0)
        batch.messages.append(TakenBack("al", line.epoch, line.seq, 0))
        world.room.apply_later(batch)
        assert world.observer.failures == ["taking back what was said in room r: broken"]
        world.observer.failures.clear()
        with pytest.raises(RuntimeError, match="broken"):
            world.room.take_back(line)
        assert world.observer.failures == []

    def test_lines_beside_it_stay(self, world: World) -> None:
        first, second = world.say("stays", "secret")
        batch = RepeatedBatch("r", 0.0)
        batch.said.append(first)
        batch.messages += [first, TakenBack("al", second.epoch, second.seq, 0, at=5.0)]
        world.room.apply_later(batch)
        world.deliverer.close()
        assert [it.text for it in world.history.recent("r", 9)] == ["stays"]

    def test_only_that_of_several_is_left_out_that_nobody_remembers(self, world: World) -> None:
        (line,) = world.say("secret")
        before = world.bo.screen
        batch = BroughtBatch("r", 0.0)
        for place in (Place("ee", 7), Place(line.epoch, line.seq), Place("ee", 9)):
            batch.messages.append(TakenBack("al", *place, 0, at=5.0))
        world.room.apply_later(batch)
        assert world.bo.screen == before + "--- a line of al was taken back\r\n"


def test_a_topic_is_set_where_the_order_comes_to_it(world: World) -> None:
    batch = BroughtBatch("r", 0.0)
    batch.messages += [said := Say("cy", "hi", 1.0), TopicSet("cy", "tea")]
    batch.said.append(said)
    world.room.apply_later(batch)
    assert world.room.topic == "tea"
    assert "--- cy set the topic: tea" in world.bo.screen
