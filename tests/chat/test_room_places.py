"""Test members that come back to a room, and lines that are taken back there."""

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.chat.test_room import Held, left, say
from tests.support.members import FakeMember
from tests.support.observer import Recorder
from tests.support.waiting import run_concurrently
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.room import Room
from threadchat.messages.kinds import Recalled, Say, TakenBack
from threadchat.messages.places import Place
from threadchat.storage.history import CannotTakeBack, History
from threadchat.storage.sqlitehistory import StoredHistory


@pytest.fixture
def observer() -> Iterator[Recorder]:
    observer = Recorder()
    yield observer
    assert observer.failures == []


@pytest.fixture(params=["memory", "file"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[History]:
    history = History() if request.param == "memory" else StoredHistory(tmp_path / "chat.db", print)
    with closing(history):
        yield history


@pytest.fixture
def room(history: History, observer: Recorder) -> Iterator[Room]:
    with closing(Deliverer()) as deliverer:
        yield Room("lobby", history, observer, deliverer)


class TestComingBack:
    def test_a_join_returns_the_place_of_the_last_line_before(
        self, room: Room, history: History
    ) -> None:
        al = FakeMember("al")
        assert room.join(al) == history.last_place("lobby")
        say(room, al, "one")
        say(room, al, "two")
        assert room.join(FakeMember("bo")) == Place(history.last_place("lobby").epoch, 2)

    def test_it_gets_what_it_missed_and_nothing_else(self, room: Room) -> None:
        # Promise 1.
        al, bo = FakeMember("al"), FakeMember("bo")
        room.join(al)
        for text in ("one", "two"):
            say(room, al, text)
        place = room.join(bo)
        bo.pages.clear()
        room.leave(bo, left(bo))
        for text in ("three", "four"):
            say(room, al, text)
        room.join(bo, b"welcome\r\n", place)
        say(room, al, "five")
        assert bo.screen == "welcome\r\nal: three\r\nal: four\r\nal: five\r\n"

    def test_it_may_have_missed_nothing(self, room: Room) -> None:
        al, bo = FakeMember("al"), FakeMember("bo")
        room.join(al)
        say(room, al, "one")
        room.join(bo, since=room.join(FakeMember("cy")))
        assert "al: one" not in bo.screen

    def test_of_another_epoch_it_gets_the_replay(self, room: Room) -> None:
        al, bo = FakeMember("al"), FakeMember("bo")
        room.join(al)
        say(room, al, "one")
        room.join(bo, since=Place("ab", 1))
        assert bo.screen.startswith("=== What was said before you came:\r\nal: one\r\n")

    def test_those_that_come_at_the_same_time_each_get_their_own(self, room: Room) -> None:
        al, bo, cy, ed = (FakeMember(name) for name in ("al", "bo", "cy", "ed"))
        start = room.join(al)
        say(room, al, "one")
        with Held(room) as held:
            held.start(partial(room.join, bo, b"", start))
            held.start(partial(room.join, cy, b"", Place(start.epoch, 1)))
            held.start(partial(room.join, ed))
        assert bo.screen == "al: one\r\ngate: hold\r\n--> cy, ed joined (5 here)\r\n"
        assert cy.screen == "gate: hold\r\n--> bo, ed joined (5 here)\r\n"
        assert ed.screen.endswith("live.\r\n--> bo, cy joined (5 here)\r\n")

    def test_promise_1_while_many_speak_nothing_is_missed_or_doubled(
        self, room: Room, history: History
    ) -> None:
        restless, talkers = FakeMember("restless"), [FakeMember(f"t{n}") for n in range(4)]
        is_over = threading.Event()
        for talker in talkers:
            room.join(talker)

        def talk(talker: FakeMember) -> None:
            for number in range(150):
                say(room, talker, f"{number}")

        whole: list[str] = []
        room.hush()

        def watch() -> None:
            place = beginning
            while True:
                is_last = is_over.is_set()
                room.leave(restless, left(restless))
                shown = restless.screen.splitlines()
                restless.pages.clear()
                whole.extend(shown)
                place = Place(place.epoch, place.seq + len(shown))
                if is_last:
                    return
                room.join(restless, since=place)

        beginning = room.join(restless)
        watcher = threading.Thread(target=watch)
        watcher.start()
        run_concurrently([partial(talk, talker) for talker in talkers])
        room.take_back(Place("", 0))  # a fence: it waits for all before it, and shows nothing
        is_over.set()
        watcher.join()
        assert whole == [it.line for it in history.recent("lobby", 10_000)]
        assert len(whole) == 600


class TestTakingBack:
    def test_all_are_told_and_the_text_is_gone(
        self, room: Room, history: History, observer: Recorder
    ) -> None:
        al, bo = FakeMember("al"), FakeMember("bo")
        room.join(al)
        room.join(bo)
        said = Say("al", "oops", 1.0)
        room.post([said], al)
        taken_back = room.take_back(said)
        assert taken_back == TakenBack("al", said.epoch, 1, 1)
        assert al.screen.endswith("--- a line of al was taken back\r\n")
        assert bo.screen.endswith("al: oops\r\n--- a line of al was taken back\r\n")
        assert history.recent("lobby", 9) == []
        assert observer.messages[-1] == taken_back
        assert observer.messages[-1].at > taken_back.at  # it was said long ago

    def test_a_line_by_its_place_once(self, room: Room) -> None:
        al = FakeMember("al")
        epoch = room.join(al).epoch
        say(room, al, "one")
        say(room, al, "two")
        assert room.take_back(Place(epoch, 1)) is not None
        before = al.screen
        assert room.take_back(Place(epoch, 1)) is None
        assert room.take_back(Place(epoch, 3)) is None
        assert room.take_back(Place("ab", 2)) is None
        assert room.take_back(Say("al", "never said", 0.0)) is None
        assert al.screen == before

    def test_a_line_that_still_waits_is_shown_and_then_taken_back(self, room: Room) -> None:
        al = FakeMember("al")
        room.join(al)
        said = Say("al", "oops", 1.0)
        with Held(room) as held:
            held.start(lambda: room.post([said], al))
            held.start(lambda: room.take_back(said))
            held.start(partial(say, room, al, "that is better"))
        assert held.gated.screen.endswith(
            "al: oops\r\n--- a line of al was taken back\r\nal: that is better\r\n"
        )

    def test_a_line_that_came_while_a_member_was_away_stays_away_from_it(self, room: Room) -> None:
        al, bo, cy = FakeMember("al"), FakeMember("bo"), FakeMember("cy")
        place = room.join(al)
        say(room, al, "one")
        say(room, al, "oops")
        room.take_back(Place(place.epoch, 2))
        room.join(bo)
        assert "oops" not in bo.screen
        room.join(cy, since=place)
        assert cy.screen == "al: one\r\n--- a line of al was taken back\r\n"

    def test_an_error_is_the_askers(self, room: Room, history: History, observer: Recorder) -> None:
        def fail(room: str, place: Place) -> TakenBack:
            raise CannotTakeBack("Not just now.")

        al = FakeMember("al")
        room.join(al)
        say(room, al, "one")
        history.take_back = fail  # type: ignore[method-assign]
        with pytest.raises(CannotTakeBack):
            room.take_back(Place(history.last_place("lobby").epoch, 1))
        assert al.screen == ""


def test_a_history_that_cannot_recall_costs_the_newcomer_the_replay_alone() -> None:
    class Failing(History):
        def since(self, room: str, place: Place, limit: int) -> list[Recalled] | None:
            raise OSError("disk gone")

    observer = Recorder()
    with closing(Deliverer()) as deliverer:
        room = Room("lobby", Failing(), observer, deliverer)
        al, bo = FakeMember("al"), FakeMember("bo")
        place = room.join(al)
        say(room, al, "one")
        room.join(bo, since=place)
        say(room, al, "two")
        assert bo.screen.endswith("al: one\r\n=== From here on it is live.\r\nal: two\r\n")
    assert observer.failures == ["recalling what was missed in room lobby: disk gone"]
