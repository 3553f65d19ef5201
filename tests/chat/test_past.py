"""What a room knows of the time before, and that a history that fails costs no more than that."""

import time

import pytest

from tests.support.members import FakeMember
from tests.support.observer import Recorder
from threadchat.chat.entries import Join
from threadchat.chat.past import Past
from threadchat.messages.kinds import Say
from threadchat.messages.places import Place
from threadchat.storage.history import CannotTakeBack, History


class Failing(History):
    """A history that fails whatever it is asked."""

    def _fail(self, *_: object) -> None:
        raise OSError("disk gone")

    last_place = topic = recent = since = set_topic = _fail  # type: ignore[assignment]

    def take_back(self, room: str, place: Place) -> None:
        raise CannotTakeBack("Not just now.")


@pytest.fixture
def observer() -> Recorder:
    return Recorder()


@pytest.fixture
def history() -> History:
    history = History()
    history.append("lobby", [Say("al", f"{number}", time.time()) for number in range(3)])
    history.set_topic("lobby", "birds")
    return history


class TestWhatIsKnown:
    @pytest.fixture
    def past(self, history: History, observer: Recorder) -> Past:
        return Past("lobby", history, 2, observer)

    def test_newcomers_are_shown_the_last_lines(self, past: Past) -> None:
        assert [it.line for it in past.replay()] == ["al: 1", "al: 2"]

    def test_the_topic_and_what_was_missed(self, past: Past, history: History) -> None:
        last = history.last_place("lobby")
        joins = [
            Join(FakeMember("new"), b"", None),
            Join(FakeMember("back"), b"", Place(last.epoch, 2)),
            Join(FakeMember("stranger"), b"", Place("other", 2)),
        ]
        topic, missed_by = past.look_back(joins, "")
        assert topic == "birds"
        assert [it.place for it in joins] == [last] * 3
        assert {it.name: [line.line for line in missed_by[it]] for it in missed_by} == {
            "back": ["al: 2"]
        }

    def test_whoever_goes_on_is_shown_the_rest(self, past: Past, history: History) -> None:
        al = FakeMember("al")
        epoch = history.last_place("lobby").epoch
        assert past.shown_since(al, Place(epoch, 2)) == b"al: 2\r\n"
        assert past.shown_since(al, Place(epoch, 3)) == b""
        anew = past.shown_since(al, Place("other", 3)).decode().splitlines()
        assert anew[1:-1] == ["al: 1", "al: 2"]

    def test_a_line_and_a_topic_are_changed(self, past: Past, history: History) -> None:
        place = history.last_place("lobby")
        assert past.take_back(place) is not None
        assert past.take_back(place) is None
        past.set_topic("trees")
        assert history.topic("lobby") == "trees"


class TestAHistoryThatFails:
    @pytest.fixture
    def past(self, observer: Recorder) -> Past:
        return Past("lobby", Failing(), 2, observer)

    def test_people_come_in_all_the_same(self, past: Past, observer: Recorder) -> None:
        assert past.look_back([Join(FakeMember("al"), b"", None)], "birds") == ("birds", {})
        assert past.replay() == ()
        past.set_topic("trees")
        assert observer.failures == [
            "recalling what was missed in room lobby: disk gone",
            "recalling what was said in room lobby: disk gone",
            "remembering the topic of room lobby: disk gone",
        ]

    def test_whoever_asked_for_it_is_told(self, past: Past) -> None:
        with pytest.raises(OSError, match="disk gone"):
            past.shown_since(FakeMember("al"), Place("", 1))
        with pytest.raises(CannotTakeBack):
            past.take_back(Place("", 1))
