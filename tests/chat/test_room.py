"""One room: what each member is shown, in which order, and what its history keeps."""

import gc
import re
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial

import pytest

from tests.support.members import FakeMember, GatedMember
from tests.support.observer import Recorder
from tests.support.sharedorder import for_another
from tests.support.waiting import wait_until
from threadchat.chat import asking
from threadchat.chat import room as room_module
from threadchat.chat.asking import PATIENCE, Waiting
from threadchat.chat.batch import Batch
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.entries import More
from threadchat.chat.room import Room
from threadchat.messages.kinds import (
    Emote,
    Left,
    Renamed,
    RoomMessage,
    Say,
    Spoken,
    StopAnnounced,
    TopicSet,
)
from threadchat.messages.places import Place
from threadchat.net.sendqueue import MAX_QUEUED
from threadchat.storage.history import History
from threadchat.terminal.view import View
from threadchat.testing import DEADLINE
from threadchat.text.phrases import MAX_NAMES_LISTED, NAMES_OF_A_CROWD


@pytest.fixture
def observer() -> Recorder:
    return Recorder()


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
def deliverer() -> Iterator[Deliverer]:
    with closing(Deliverer()) as deliverer:
        yield deliverer


@pytest.fixture
def one_alone_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE_WITH_ONE", 0)


@pytest.fixture
def room(history: History, observer: Recorder, deliverer: Deliverer) -> Room:
    return Room("lobby", history, observer, deliverer)


def say(room: Room, member: FakeMember, text: str) -> None:
    room.post([Say(member.name, text, at=time.time())], member)


def left(member: FakeMember, why: str = "quit") -> Left:
    return Left(member.name, 60.0, why)


class Held:
    """A room whose turn is held while the block runs; what it posts becomes one batch."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.gated = GatedMember("gate")
        room.join(_opened(self.gated))
        self.gated.gate.clear()
        self.gated.is_held.clear()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Held":
        self._spawn(
            lambda: self.room.post([Say("gate", "hold", time.time())], FakeMember("nobody"))
        )
        assert self.gated.is_held.wait(DEADLINE)
        return self

    def start(self, action: Callable[[], object]) -> None:
        """Run `action` in a thread, and return once its entry waits in the queue of the room."""
        before = len(self.room._pending)
        self._spawn(action)
        wait_until(lambda: len(self.room._pending) > before, "the entry is pending")

    def _spawn(self, action: Callable[[], object]) -> None:
        thread = threading.Thread(target=action)
        self._threads.append(thread)
        thread.start()

    def __exit__(self, *_: object) -> None:
        self.gated.gate.set()
        for thread in self._threads:
            thread.join(DEADLINE)
        wait_until(lambda: not self.room._turn.locked(), "all has been delivered")


def _opened(member: GatedMember) -> GatedMember:
    member.gate.set()
    return member


def test_a_message_goes_to_everyone_but_its_sender(room: Room) -> None:
    al, bo, cy = (FakeMember(name) for name in ("al", "bo", "cy"))
    for member in (al, bo, cy):
        room.join(member)
    say(room, al, "hi")
    assert bo.pages[-1] == cy.pages[-1] == b"al: hi\r\n"
    assert b"hi" not in b"".join(al.pages)


def test_who_joins_is_announced_to_the_others_only(room: Room) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    assert al.screen == "--> bo joined (2 here)\r\n"
    assert bo.screen == ""


def test_who_leaves_is_announced_to_the_others_only(room: Room) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    room.leave(bo, left(bo))
    assert al.screen.endswith("<-- bo left after 1 min (quit)\r\n")
    assert bo.screen == ""
    assert room.members == (al,)


def test_who_has_left_gets_nothing_more(room: Room) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    room.leave(bo, left(bo))
    say(room, al, "hi")
    assert bo.screen == ""


def test_leaving_a_room_one_is_not_in_changes_nothing_else(room: Room) -> None:
    al = FakeMember("al")
    room.join(al)
    room.leave(FakeMember("bo"), Left("bo", 0.0, "closed"))
    assert room.members == (al,)


def test_the_members_are_a_snapshot(room: Room) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    before = room.members
    room.join(bo)
    assert before == (al,)
    assert room.members == (al, bo)


def test_a_rename_is_announced_before_announce_returns(room: Room) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    room.announce(Renamed("al", "ed"), al)
    assert bo.screen == "--- al is now ed\r\n"
    assert "is now" not in al.screen


def test_to_a_room_with_nobody_in_it_nothing_is_shown(room: Room, observer: Recorder) -> None:
    room.announce(StopAnnounced(60))
    room.join(al := FakeMember("al"))
    room.leave(al, left(al))
    shown = len(observer.messages)
    room.announce(StopAnnounced(30))
    assert shown == len(observer.messages) == 2


def test_replay_and_live_meet_without_gap_or_overlap(room: Room) -> None:
    # Promise 1.
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    for number in range(25):
        say(room, al, str(number))
    room.join(bo)
    say(room, al, "25")
    assert re.findall(r"al: (\d+)", bo.screen) == [str(number) for number in range(5, 26)]
    replay, _, live = bo.screen.partition("=== From here on it is live.\r\n")
    assert "al: 24" in replay
    assert live == "al: 25\r\n"


def test_a_replay_of_long_lines_is_bounded(room: Room) -> None:
    """A client that reads all the time is not behind for coming in, however many come in."""
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    for number in range(20):
        say(room, al, f"{number:02}{chr(0x1F600) * 4000}")
    room.join(bo)
    assert len(bo.screen.encode()) < MAX_QUEUED / 2
    shown = re.findall(r"^al: (\d\d)", bo.screen, re.MULTILINE)
    assert shown == ["16", "17", "18", "19"]


def test_no_replay_when_nothing_was_said(room: Room) -> None:
    al = FakeMember("al")
    room.join(al)
    assert al.screen == ""


def test_only_what_was_said_is_remembered(room: Room, history: History) -> None:
    al = FakeMember("al")
    room.join(al)
    say(room, al, "hi")
    room.post([Emote("al", "waves", 0.0)], al)
    room.announce(Renamed("al", "ed"), al)
    assert [message.line for message in history.recent("lobby", 10)] == ["al: hi", "* al waves"]


def test_a_message_is_remembered_before_anybody_is_sent_it(
    observer: Recorder, deliverer: Deliverer
) -> None:
    # Promise 2.
    order: list[str] = []

    class NotingHistory(History):
        def append(self, room: str, batch: Sequence[Spoken]) -> None:
            order.extend(f"remembered {message.text}" for message in batch)

    class NotingMember(FakeMember):
        def deliver(self, data: bytes) -> None:
            order.append(f"sent {data.decode().rpartition(': ')[2].strip()}")

    room = Room("lobby", NotingHistory(), observer, deliverer)
    al, bo = FakeMember("al"), NotingMember("bo")
    room.join(al)
    room.join(bo)
    order.clear()
    say(room, al, "hi")
    assert order == ["remembered hi", "sent hi"]


def test_the_observer_sees_everything_in_the_rooms_order(room: Room, observer: Recorder) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    say(room, al, "hi")
    room.leave(bo, left(bo))
    assert [message.line for message in observer.messages] == [
        "--> al joined (1 here)",
        "--> bo joined (2 here)",
        "al: hi",
        "<-- bo left after 1 min (quit)",
    ]


def test_the_observer_is_told_how_many_lines_the_members_were_handed(
    room: Room, observer: Recorder
) -> None:
    al, bo, cy = FakeMember("al"), FakeMember("bo"), FakeMember("cy", hears_itself=True)
    for member in (al, bo, cy):
        room.join(member)
    assert observer.deliveries == 0 + 1 + 2
    say(room, al, "to bo and cy")
    say(room, cy, "to all three")
    say(room, FakeMember("nobody"), "to all three, too")
    room.leave(bo, left(bo))
    assert observer.deliveries == 3 + 2 + 3 + 3 + 2
    assert observer.deliveries == sum(member.screen.count("\r\n") for member in (al, bo, cy))


def test_the_lines_of_a_batch_are_counted_less_how_who_comes_is_received(
    observer: Recorder, deliverer: Deliverer
) -> None:
    room = Room("lobby", History(), observer, deliverer, replay=0)
    al, bo = FakeMember("al"), FakeMember("bo")
    with Held(room) as held:
        for action in (lambda: room.join(al), lambda: room.join(bo)):
            held.start(action)
        for member, text in ((al, "one"), (al, "two"), (bo, "three")):
            held.start(partial(say, room, member, text))
        held.start(lambda: room.leave(bo, left(bo)))
    screens = [member.screen.splitlines() for member in (held.gated, al, bo)]
    assert [len(screen) for screen in screens] == [1 + 5, 3, 3]
    # al and bo each got a line about the members that joined at the same time.
    assert observer.deliveries == sum(map(len, screens)) - 2


def test_what_waits_is_delivered_as_one_batch_in_the_order_it_came(room: Room) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    with Held(room) as held:
        held.start(lambda: room.join(al))
        held.start(lambda: room.join(bo))
        for text in ("one", "two"):
            held.start(partial(say, room, al, text))
        held.start(lambda: say(room, bo, "three"))
    assert held.gated.pages[-1] == (
        b"--> al, bo joined (3 here)\r\nal: one\r\nal: two\r\nbo: three\r\n"
    )
    assert len(al.pages) == len(bo.pages) == 1


def test_each_member_of_a_batch_gets_it_less_their_own(room: Room) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    with Held(room) as held:
        for member, text in ((al, "1"), (bo, "2"), (al, "3"), (al, "4"), (bo, "5")):
            held.start(partial(say, room, member, text))
    assert al.pages[-1] == b"bo: 2\r\nbo: 5\r\n"
    assert bo.pages[-1] == b"al: 1\r\nal: 3\r\nal: 4\r\n"
    assert held.gated.pages[-1] == b"al: 1\r\nbo: 2\r\nal: 3\r\nal: 4\r\nbo: 5\r\n"


def test_of_those_who_come_and_go_together_the_ignored_are_left_out(room: Room) -> None:
    al, bo, cy, di = map(FakeMember, ("al", "bo", "cy", "di"))
    al.ignores, di.ignores = {bo.identity}, {bo.identity, cy.identity}
    room.join(al)
    with Held(room) as held:
        for member in (bo, cy, di):
            held.start(partial(room.join, member))
    with Held(room) as held:
        for member in (bo, cy):
            held.start(partial(room.leave, member, left(member)))
    seen = [[it for it in one.screen.splitlines() if "gate" not in it] for one in (al, di)]
    assert seen[0] == ["--> cy, di joined (5 here)", "<-- cy left (4 here)"]
    assert seen[1][-1] == "=== From here on it is live." or seen[1] == []
    assert not [line for line in seen[1] if "joined" in line or "left" in line]


def test_who_joins_within_a_batch_is_told_of_the_other_joiners(room: Room) -> None:
    al, bo, cy = (FakeMember(name) for name in ("al", "bo", "cy"))
    with Held(room) as held:
        for member in (al, bo, cy):
            held.start(partial(room.join, member))
    live = [member.screen.rpartition("live.\r\n")[2] for member in (al, bo, cy)]
    assert live == [
        "--> bo, cy joined (4 here)\r\n",
        "--> al, cy joined (4 here)\r\n",
        "--> al, bo joined (4 here)\r\n",
    ]


def test_the_deliverer_rests_before_it_goes_on_with_those_that_join(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[float] = []
    pending: list[int] = []
    monkeypatch.setattr(room._resting, "note", begun.append)
    monkeypatch.setattr(room._resting, "rest", lambda: pending.append(room.pending))
    with Held(room) as held:
        for name in ("al", "bo"):
            held.start(partial(room.join, FakeMember(name)))
    assert pending == [2]
    assert begun == sorted(begun)
    say(room, held.gated, "hi")
    assert len(begun) == 2, "what is said counts for nothing"


def test_a_crowd_arrives_in_one_bounded_line(room: Room) -> None:
    crowd = [FakeMember(f"n{number}") for number in range(37)]
    with Held(room) as held:
        for member in crowd:
            held.start(partial(room.join, member))
    assert held.gated.screen.endswith("--> n0, n1, n2 and 34 others joined (38 here)\r\n")
    assert crowd[0].screen.endswith("--> n1, n2, n3 and 33 others joined (38 here)\r\n")
    assert crowd[2].screen.endswith("--> n0, n1, n3 and 33 others joined (38 here)\r\n")
    assert crowd[36].screen.endswith("--> n0, n1, n2 and 33 others joined (38 here)\r\n")


def test_a_crowd_leaves_in_one_bounded_line_after_what_was_said(room: Room) -> None:
    crowd = [FakeMember(f"n{number}") for number in range(12)]
    for member in crowd:
        room.join(member)
    with Held(room) as held:
        held.start(lambda: say(room, crowd[0], "bye"))
        for member in crowd[:10]:
            held.start(partial(room.leave, member, left(member)))
        held.start(lambda: say(room, crowd[11], "oh"))
    assert held.gated.screen.endswith(
        "n0: bye\r\nn11: oh\r\n<-- n0, n1, n2 and 7 others left (3 here)\r\n"
    )
    assert crowd[1].screen.endswith("n0: bye\r\nn11: oh\r\n")
    assert set(room.members) == {held.gated, *crowd[10:]}


def test_a_batch_is_rendered_for_each_view(room: Room) -> None:
    al = FakeMember("al")
    old = FakeMember("old", View("cp1252"))
    plain = FakeMember("plain", View("ascii"))
    for member in (al, old, plain):
        room.join(member)
    say(room, al, "é")
    assert old.pages[-1] == b"al: \xe9\r\n"
    assert plain.pages[-1] == b"al: ?\r\n"


def test_what_a_batch_held_is_freed_with_it(room: Room) -> None:
    # On a free-threaded build the garbage collector may free cycles only much later.
    gc.disable()
    try:
        al = FakeMember("al", View(has_color=True))
        room.join(FakeMember("bo"))
        room.join(al)
        say(room, al, "hi")
        room.leave(al, left(al))
        gone = weakref.ref(al)
        del al
        assert gone() is None
    finally:
        gc.enable()


def test_an_observer_that_raises_costs_the_room_nothing(deliverer: Deliverer) -> None:
    # Promise 8.
    class Raising(Recorder):
        def shown(
            self, room: str, messages: Sequence[RoomMessage], deliveries: int, began_at: float = 0.0
        ) -> None:
            raise RuntimeError("no eyes")

    observer = Raising()
    room = Room("lobby", History(), observer, deliverer)
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    for number in range(3):
        say(room, al, str(number))
    room.leave(al, left(al))
    assert re.findall(r"al: (\d)", bo.screen) == ["0", "1", "2"]
    assert bo.screen.endswith("<-- al left after 1 min (quit)\r\n")
    assert room.members == (bo,)
    assert observer.failures == ["delivering to room lobby: no eyes"] * 6


def test_an_observer_that_cannot_even_be_told_costs_the_room_nothing(deliverer: Deliverer) -> None:
    class Dead(Recorder):
        def shown(
            self, room: str, messages: Sequence[RoomMessage], deliveries: int, began_at: float = 0.0
        ) -> None:
            raise RuntimeError("no eyes")

        def failed(self, doing: str, error: BaseException) -> None:
            raise RuntimeError("no ears")

    room = Room("lobby", History(), Dead(), deliverer)
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    say(room, al, "hi")
    assert bo.screen == "al: hi\r\n"
    assert room.take_back(Place("", 1)) is None
    assert not room._turn.locked()


@pytest.mark.parametrize("method", ["last_place", "topic", "recent", "since"])
def test_a_history_that_raises_on_joining_keeps_nobody_out(
    method: str, observer: Recorder, deliverer: Deliverer, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History()
    room = Room("lobby", history, observer, deliverer)
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    say(room, al, "before")
    place = history.last_place("lobby")

    def fail(*_: object) -> None:
        raise OSError("disk gone")

    monkeypatch.setattr(history, method, fail)
    room.join(bo, b"Welcome\r\n", place if method == "since" else None)
    say(room, al, "hi")
    assert room.members == (al, bo)
    assert bo.screen.startswith("Welcome\r\n")
    assert bo.screen.endswith("al: hi\r\n")
    (failure,) = observer.failures
    assert failure.startswith("recalling what was ")
    assert failure.endswith(" in room lobby: disk gone")


def test_a_member_that_fails_costs_the_others_nothing(room: Room, observer: Recorder) -> None:
    # Promise 8.
    class Failing(FakeMember):
        def deliver(self, data: bytes) -> None:
            raise RuntimeError("broken")

    al, bad, bo = FakeMember("al"), Failing("bad"), FakeMember("bo")
    for member in (al, bad, bo):
        room.join(member)
    say(room, al, "hi")
    assert bo.pages[-1] == b"al: hi\r\n"
    assert observer.failures[-1] == "delivering to bad: broken"


def test_a_history_that_fails_does_not_end_the_chat(
    observer: Recorder, deliverer: Deliverer
) -> None:
    class Failing(History):
        def append(self, room: str, batch: Sequence[Spoken]) -> None:
            raise OSError("disk full")

    room = Room("lobby", Failing(), observer, deliverer)
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    say(room, al, "hi")
    assert bo.pages[-1] == b"al: hi\r\n"
    assert observer.failures == ["remembering what was said in room lobby: disk full"]


def test_a_long_batch_is_cut(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "MAX_BATCH_CHARACTERS", 100)
    al = FakeMember("al")
    room.join(al)
    with Held(room) as held:
        for number in range(4):
            held.start(partial(say, room, al, f"{number}" * 60))
    assert [page.count(b"\r\n") for page in held.gated.pages[-2:]] == [2, 2]


def test_who_posts_waits_while_too_much_is_pending(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "MAX_PENDING", 2)
    al = FakeMember("al")
    room.join(al)
    returned = threading.Semaphore(0)

    def post(text: str) -> None:
        say(room, al, text)
        returned.release()

    with Held(room) as held:
        for text in ("1", "2", "3"):
            held.start(partial(post, text))
        assert returned.acquire(timeout=DEADLINE)
        assert returned.acquire(timeout=DEADLINE)
        assert not returned.acquire(timeout=0.05)  # the third waits to be delivered
    assert returned.acquire(timeout=DEADLINE)
    assert re.findall(r"al: (\d)", held.gated.screen) == ["1", "2", "3"]


def test_the_turn_passes_to_the_deliverer_while_more_comes(
    room: Room, deliverer: Deliverer
) -> None:
    delivered_by: list[str] = []

    class Noting(FakeMember):
        def deliver(self, data: bytes) -> None:
            delivered_by.append(threading.current_thread().name)

    al, noting = FakeMember("al"), Noting("noting")
    room.join(al)
    room.join(noting)
    with Held(room) as held:
        delivered_by.clear()
        held.start(lambda: say(room, al, "hi"))
    deliverer.close(DEADLINE)
    assert delivered_by[-1] == "threadchat deliverer"


class LateTurn:
    """The turn of a room; before it is taken for the first time, `meanwhile` is done."""

    def __init__(self, room: Room, meanwhile: Callable[[], None]) -> None:
        self._turn = room._turn
        self._meanwhile: Callable[[], None] | None = meanwhile
        self.release = self._turn.release
        room._turn = self  # type: ignore[assignment]

    def acquire(self, blocking: bool) -> bool:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return self._turn.acquire(blocking=blocking)

    def locked(self) -> bool:
        return self._turn.locked()


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_turn_in_which_nothing_waits_any_more_is_passed_on(
    room: Room, observer: Recorder, is_busy: bool
) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    room._is_busy = is_busy

    def meanwhile() -> None:
        # Another one has the turn, and delivers what both have said.
        room._is_busy = False
        say(room, bo, "two")
        room._is_busy = is_busy

    LateTurn(room, meanwhile)
    say(room, al, "one")
    wait_until(lambda: not room._turn.locked(), "the turn is free")
    say(room, bo, "three")
    wait_until(lambda: "three" in al.screen, "all is delivered")
    assert al.screen == "--> bo joined (2 here)\r\nbo: two\r\nbo: three\r\n"
    assert bo.screen == "al: one\r\n"
    assert observer.failures == []


class Stepped(FakeMember):
    """Holds up each batch until it is told to let it pass."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.passes = threading.Semaphore(0)
        self.held = threading.Semaphore(0)

    def deliver(self, data: bytes) -> None:
        super().deliver(data)
        self.held.release()
        assert self.passes.acquire(timeout=DEADLINE)

    def step(self) -> None:
        """Let a batch pass and return when the next one is there."""
        self.passes.release()
        assert self.held.acquire(timeout=DEADLINE)


class BusyRoom:
    """A busy room: two members have spoken at once, and `stepped` holds up the delivery.

    `start` lets a member post, with a `more`. Leaving the block lets everything pass.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.stepped = Stepped("step")
        self.ends: dict[str, Exception | None] = {}
        """How each post ended, by the name of the sender: an exception, or None."""
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "BusyRoom":
        self.room.join(self.stepped)
        self.start("zoe")
        assert self.stepped.held.acquire(timeout=DEADLINE)
        for name in ("yan", "xia"):
            self.start(name, waits=True)
        self.stepped.step()
        return self

    def start(self, name: str, more: More | None = None, *, waits: bool = False) -> None:
        """Let a member post its name; with `waits`, return once that waits to be delivered."""
        before = len(self.room._pending)

        def post() -> None:
            error = None
            try:
                self.room.post([Say(name, name, 0.0)], FakeMember(name), more)
            except Exception as raised:
                error = raised
            self.ends[name] = error

        thread = threading.Thread(target=post)
        self._threads.append(thread)
        thread.start()
        if waits:
            wait_until(lambda: len(self.room._pending) > before, f"that of {name} is pending")

    def __exit__(self, *_: object) -> None:
        self.stepped.passes.release(100)
        for thread in self._threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()


def test_while_several_speak_who_delivers_asks_them_for_more(room: Room) -> None:
    next_words = {name: ["second", "third"] for name in ("al", "bo")}
    askers: set[str] = set()

    def more_of(name: str) -> list[Spoken]:
        askers.add(threading.current_thread().name)
        return [Say(name, next_words[name].pop(0), 0.0)] if next_words[name] else []

    with BusyRoom(room) as busy:
        for name in next_words:
            busy.start(name, partial(more_of, name), waits=True)
        for _ in range(3):
            busy.stepped.step()
            assert "al" not in busy.ends  # they wait as long as they have more to say
    assert busy.ends["al"] is busy.ends["bo"] is None
    assert askers == {"threadchat deliverer"}
    assert busy.stepped.screen.endswith(
        "al: al\r\nbo: bo\r\nal: second\r\nbo: second\r\nal: third\r\nbo: third\r\n"
    )


def test_in_a_crowd_that_never_stops_who_posts_waits_for_that_alone_to_be_delivered(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_module, "MAX_PENDING", 0)
    with BusyRoom(room) as busy:
        tireless = {name: [Say(name, "on and on", 0.0)] for name in ("al", "bo")}
        for name, words in tireless.items():
            busy.start(name, partial(list, words), waits=True)
        busy.stepped.step()
        busy.start("cy", waits=True)
        busy.stepped.step()
        busy.stepped.step()
        wait_until(lambda: "cy" in busy.ends, "cy can go on")
        assert "cy: cy" in busy.stepped.screen
        assert busy.ends.keys().isdisjoint(tireless)
        for words in tireless.values():
            words.clear()


class OneByOne(Deliverer):
    """A deliverer without a thread: the test does the work piece by piece."""

    has_line = False

    def __init__(self) -> None:
        super().__init__(most=1)
        self.taken = threading.Semaphore(0)
        self.work: Callable[[], bool] = lambda: False

    def take_over(self, work: Callable[[], bool]) -> bool:
        self.work = work
        self.taken.release()
        return True


class Speaker(FakeMember):
    """A member that says its words one after another, for as long as the room asks for more."""

    def __init__(self, name: str, *words: str) -> None:
        super().__init__(name)
        self._rest = list(words)
        self.asked = 0
        self.has_gone_on = threading.Event()

    def more(self) -> list[Spoken]:
        self.asked += 1
        return [Say(self.name, self._rest.pop(0), 0.0)] if self._rest else []

    def speak_in(self, room: Room) -> None:
        def speak() -> None:
            room.post([Say(self.name, self._rest.pop(0), 0.0)], self, self.more)
            self.has_gone_on.set()

        threading.Thread(target=speak, daemon=True).start()


@pytest.mark.skipif(PATIENCE > 0, reason="without a GIL, nobody is asked at once")
@pytest.mark.usefixtures("one_alone_is_not_busy")
@pytest.mark.parametrize("others_wait", [False, True])
def test_those_that_spoke_are_asked_for_more_after_other_rooms_that_wait_had_their_turn(
    history: History, observer: Recorder, others_wait: bool
) -> None:
    deliverer = OneByOne()
    deliverer.has_line = others_wait
    room = Room("lobby", history, observer, deliverer)
    listener = FakeMember("li")
    room.join(listener)
    room._is_busy = True
    al, bo = Speaker("al", "one", "two"), Speaker("bo", "one")
    for number, speaker in enumerate((al, bo), start=1):
        speaker.speak_in(room)
        wait_until(lambda number=number: room.pending == number, "it waits")  # type: ignore[misc]
    assert deliverer.taken.acquire(timeout=DEADLINE)
    assert deliverer.work()  # a batch is delivered, and the room gets in line again
    assert listener.screen == "al: one\r\nbo: one\r\n"
    assert al.asked == bo.asked == (0 if others_wait else 1)
    deliverer.has_line = False
    assert not deliverer.work()  # al has said more; a batch of one: the room is not busy any more
    assert listener.screen.endswith("bo: one\r\nal: two\r\n")
    assert al.asked == bo.asked == 1
    assert not room.pending
    assert al.has_gone_on.wait(DEADLINE)
    assert bo.has_gone_on.wait(DEADLINE)


def test_who_speaks_alone_is_asked_for_more_while_other_rooms_wait_for_the_deliverer(
    history: History, observer: Recorder
) -> None:
    deliverer = OneByOne()
    room = Room("lobby", history, observer, deliverer)
    room._waiting = Waiting(patience=0)
    al = Speaker("al", "one", "two", "three")
    listener = FakeMember("li")
    room.join(listener)
    deliverer.has_line = True
    al.speak_in(room)  # it is not known yet, so the speaker's own thread delivers this
    assert al.has_gone_on.wait(DEADLINE)
    al.speak_in(room)
    assert deliverer.taken.acquire(timeout=DEADLINE)
    assert deliverer.work()
    assert deliverer.work()
    assert listener.screen == "al: one\r\nal: two\r\nal: three\r\n"
    assert not deliverer.work()
    assert al.asked == 2


def test_those_to_be_asked_are_let_go_if_the_deliverer_takes_nothing_any_more(
    room: Room, deliverer: Deliverer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliverer.close()
    monkeypatch.setattr(Deliverer, "has_line", True)
    al, bo = Speaker("al", "one", "two"), Speaker("bo", "one")
    room.join(al)
    with Held(room) as held:
        room._is_busy = True
        for speaker in (al, bo):
            held.start(partial(speaker.speak_in, room))
    assert al.has_gone_on.wait(DEADLINE)
    assert bo.has_gone_on.wait(DEADLINE)
    assert (al.asked, bo.asked) == (0, 0)


@pytest.mark.usefixtures("one_alone_is_not_busy")
def test_who_speaks_alone_is_not_waited_for(room: Room) -> None:
    asked = []

    def more() -> list[Spoken]:
        asked.append(True)
        return []

    room._waiting = Waiting(patience=0)
    with BusyRoom(room) as busy:
        busy.start("bo", more, waits=True)
        busy.stepped.step()  # a batch of one: it is not busy any more
    assert busy.ends["bo"] is None
    room.post([Say("al", "hi", 0.0)], FakeMember("al"), more)
    assert asked == []


def test_who_has_no_more_to_say_is_not_waited_for_while_several_speak(room: Room) -> None:
    with BusyRoom(room) as busy:
        for name in ("al", "bo"):
            busy.start(name)
        busy.stepped.step()  # a batch of two: it is busy
        busy.start("cy")
        wait_until(lambda: "cy" in busy.ends, "cy can go on")
        busy.stepped.step()
    assert busy.stepped.screen.endswith("cy: cy\r\n")


def test_who_cannot_say_more_fails_alone(room: Room, observer: Recorder) -> None:
    # Promise 8.
    def fail() -> list[Spoken]:
        raise RuntimeError("no ears")

    room._waiting = Waiting(patience=0)
    more = [[Say("bo", "still here", 0.0)], []]
    with BusyRoom(room) as busy:
        busy.start("al", fail, waits=True)
        busy.start("bo", lambda: more.pop(0), waits=True)
        busy.stepped.step()
        busy.stepped.step()
        assert busy.stepped.screen.endswith("bo: still here\r\n")
    assert str(busy.ends["al"]) == "no ears"
    assert busy.ends["bo"] is None
    assert observer.failures == []


def test_without_a_thread_to_be_had_the_poster_delivers(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot_start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    al = FakeMember("al")
    room.join(al)
    with Held(room) as held:
        held.start(lambda: say(room, al, "hi"))
        monkeypatch.setattr(threading.Thread, "start", cannot_start)
    assert held.gated.pages[-1] == b"al: hi\r\n"


def test_after_the_end_posters_deliver(room: Room, deliverer: Deliverer) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    deliverer.close()
    with Held(room) as held:
        held.start(lambda: say(room, al, "hi"))
    assert bo.pages[-1] == b"al: hi\r\n"


def test_who_hears_themselves_gets_their_own_lines_too(room: Room) -> None:
    al = FakeMember("al", hears_itself=True)
    bo = FakeMember("bo")
    room.join(al)
    room.join(bo)
    say(room, al, "hi")
    room.announce(Renamed("al", "ed"), al)
    assert al.pages[-1] == b"al: hi\r\n"
    assert bo.screen == "al: hi\r\n--- al is now ed\r\n"


def test_a_mention_rings_for_who_is_meant_and_wants_it(room: Room) -> None:
    view = View(has_bell=True)
    al, bo, cy = FakeMember("Al", view), FakeMember("bo", view), FakeMember("cy")
    for member in (al, bo, cy):
        room.join(member)
    say(room, cy, "Hi AL, and al. Also: alas, @bo!")
    assert al.pages[-1] == bo.pages[-1] == b"\acy: Hi AL, and al. Also: alas, @bo!\r\n"
    say(room, cy, "alas")
    assert al.pages[-1] == b"cy: alas\r\n"
    say(room, bo, "bo speaks of bo and cy")
    assert cy.pages[-1] == b"bo: bo speaks of bo and cy\r\n"


def test_ones_own_name_in_ones_own_line_is_no_mention(room: Room) -> None:
    al = FakeMember("al", View(has_bell=True), hears_itself=True)
    room.join(al)
    say(room, al, "al is me")
    assert al.pages[-1] == b"al: al is me\r\n"


def test_a_mention_in_a_batch_leaves_the_rest_of_it_alone(room: Room) -> None:
    al, bo = FakeMember("al", View(has_bell=True)), FakeMember("bo")
    room.join(al)
    room.join(bo)
    with Held(room) as held:
        for member, text in ((bo, "1"), (al, "2"), (bo, "al!"), (bo, "3")):
            held.start(partial(say, room, member, text))
    assert al.pages[-1] == b"bo: 1\r\n\abo: al!\r\nbo: 3\r\n"
    assert held.gated.pages[-1] == b"bo: 1\r\nal: 2\r\nbo: al!\r\nbo: 3\r\n"


def test_a_hushed_room_announces_no_leaving(room: Room) -> None:
    al, bo = FakeMember("al"), FakeMember("bo")
    room.join(al)
    room.join(bo)
    room.hush()
    room.leave(bo, left(bo))
    say(room, bo, "hi")
    assert al.screen == "--> bo joined (2 here)\r\nbo: hi\r\n"
    assert room.members == (al,)


def test_who_has_nothing_to_read_is_sent_nothing(room: Room) -> None:
    al = FakeMember("al")
    room.join(al)
    say(room, al, "hi")
    assert al.pages == []


@pytest.mark.parametrize("view", [View(), View(has_bell=True), View(has_color=True)], ids=str)
def test_who_comes_and_speaks_alone_gets_only_what_was_before(room: Room, view: View) -> None:
    al, bo = FakeMember("al", view), FakeMember("bo", view)
    bo.ignores = frozenset({al.identity})
    room.join(al, b"Welcome!\r\n")
    say(room, al, "I am al, too")
    room.join(bo, b"Welcome!\r\n")
    say(room, bo, "bo, you say")
    assert al.pages[0] == b"Welcome!\r\n"
    assert len(al.pages) == 3  # with that bo joined, and what bo said
    (page,) = bo.pages
    assert page.startswith(b"Welcome!\r\n")
    assert page.endswith(b"=== From here on it is live.\r\n")


def test_a_view_that_changes_meanwhile_reaches_nobody_else(room: Room) -> None:
    class Fickle(FakeMember):
        """Its own thread changes its view just as the room looks at it."""

        looks = 0

        @property
        def view(self) -> View:
            self.looks += 1
            return View() if self.looks % 2 else plain

        @view.setter
        def view(self, view: View) -> None:
            pass

    plain = View(has_color=True)
    room.join(Fickle("al"))
    colored = FakeMember("bo", plain)
    room.join(colored)
    say(room, FakeMember("cy"), "hi")
    assert colored.pages[-1].startswith(b"\x1b[")


def test_whether_ones_own_line_comes_back_is_settled_when_it_is_said(room: Room) -> None:
    al = FakeMember("al")
    room.join(al)
    with Held(room) as held:
        held.start(partial(say, room, al, "hi"))
        al.hears_itself = True
    assert "al: hi" not in al.screen


class TestWhatFailsAround:
    """Observer and history raise: the room goes on, and the operator is told (promise 8)."""

    @pytest.fixture
    def failing(self, observer: Recorder, monkeypatch: pytest.MonkeyPatch) -> Recorder:
        def fail(*_: object) -> None:
            raise RuntimeError("broken")

        monkeypatch.setattr(observer, "shown", fail)
        return observer

    def test_an_observer(self, room: Room, failing: Recorder) -> None:
        al, bo, cy = (FakeMember(name) for name in ("al", "bo", "cy"))
        for member in (al, bo, cy):
            room.join(member)  # returns, though the observer fails
        say(room, al, "hi")
        room.leave(bo, left(bo))
        say(room, al, "ho")
        assert cy.screen == "al: hi\r\n<-- bo left after 1 min (quit)\r\nal: ho\r\n"
        assert room.members == (al, cy)
        assert failing.failures == ["delivering to room lobby: broken"] * 6
        room.leave(cy, left(cy))
        room.join(cy)
        assert al.screen.endswith("--> cy joined (2 here)\r\n")

    def test_an_observer_that_fails_at_reporting_that(
        self, room: Room, failing: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(doing: str, error: Exception) -> None:
            raise error

        monkeypatch.setattr(failing, "failed", fail)
        al, bo = FakeMember("al"), FakeMember("bo")
        room.join(al)
        room.join(bo)
        say(room, al, "hi")
        assert bo.screen == "al: hi\r\n"

    def test_an_observer_while_a_batch_of_another_server_is_shown(
        self, room: Room, failing: Recorder
    ) -> None:
        al = FakeMember("al")
        room.join(al)
        batch = Batch("lobby")
        batch.add_said([Say("far", "hi", time.time())], FakeMember("far"))
        room.apply_later(for_another(batch))
        assert failing.failures[-1] == "delivering to room lobby: broken"
        say(room, FakeMember("bo"), "ho")  # the turn was passed on
        assert al.screen == "far: hi\r\nbo: ho\r\n"


@pytest.mark.parametrize("others", range(6, 12))
def test_each_of_nine_or_so_that_join_together_is_told_of_all_others(
    room: Room, others: int
) -> None:
    names = [f"n{number}" for number in range(others + 1)]
    crowd = [FakeMember(name) for name in names]
    with Held(room) as held:
        for member in crowd:
            held.start(partial(room.join, member))
    for member in crowd:
        line = member.screen.splitlines()[-1]
        rest = [name for name in names if name != member.name]
        told = re.fullmatch(rf"--> (.*) joined \({others + 2} here\)", line)
        assert told is not None
        if others > MAX_NAMES_LISTED:
            rest = [*rest[:NAMES_OF_A_CROWD], f"{others - NAMES_OF_A_CROWD} others"]
        assert re.split(", | and ", told[1]) == rest


class Unlucky(History):
    """A history that cannot take back."""

    def take_back(self, room: str, place: Place) -> None:
        raise OSError("the disk is gone")


@pytest.mark.usefixtures("no_search_for_cycles")
class TestErrorsOfThoseThatWait:
    """The error reaches the thread that waits, and keeps nothing in memory once it is dropped."""

    def test_of_going_on(self, room: Room) -> None:
        member = FakeMember("al")
        room.join(member)
        there = weakref.ref(member)

        def attach() -> None:
            raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            room.resume(member, None, attach)
        room.leave(member, left(member))
        del member
        assert there() is None

    def test_of_taking_back(self, observer: Recorder, deliverer: Deliverer) -> None:
        room = Room("lobby", Unlucky(), observer, deliverer)
        there = weakref.ref(room)
        with pytest.raises(OSError, match="disk is gone"):
            room.take_back(Place("", 1))
        del room
        assert there() is None

    @pytest.mark.skipif(
        not getattr(sys, "_is_gil_enabled", lambda: True)(),
        reason="there the thread that made the error frees it, when that next runs",
    )
    def test_of_asking_for_more(self, room: Room) -> None:
        there: list[weakref.ref[FakeMember]] = []

        def more() -> Sequence[Spoken]:
            raise OSError("gone")

        def post() -> None:
            speaker = FakeMember("al")
            there.append(weakref.ref(speaker))
            with pytest.raises(OSError, match="gone"):
                room.post([Say("al", "one", time.time())], speaker, more)

        with Held(room) as held:
            room._is_busy = True
            held.start(post)
            held.start(partial(say, room, FakeMember("bo"), "two"))
        wait_until(lambda: there[0]() is None, "nothing is left of it")


def test_a_history_that_cannot_keep_a_topic_is_told_of(
    room: Room, history: History, observer: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk gone")

    monkeypatch.setattr(history, "set_topic", fail)
    room.join(FakeMember("al"))
    room.announce(TopicSet("al", "tea"))
    assert room.topic == "tea"
    assert observer.failures == ["remembering the topic of room lobby: disk gone"]
