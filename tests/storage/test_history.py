"""The history in memory: what was said, up to a bound."""

import threading
from collections import deque
from sys import getsizeof

import pytest

from tests.support.files import take_back
from tests.support.waiting import Section, enter_one_by_one
from threadchat.messages.kinds import Emote, Gap, Say, Spoken
from threadchat.messages.places import Place
from threadchat.storage import history as history_module
from threadchat.storage.history import MAX_BYTES, MAX_REMEMBERED, History
from threadchat.storage.remembered import (
    LINE_BYTES,
    MAX_LINE_BYTES,
    ROOM_BYTES,
    RememberedRoom,
)
from threadchat.storage.sqlitehistory import MAX_UNWRITTEN
from threadchat.testing import DEADLINE
from threadchat.text.clean import MAX_LINE


def said(first: int, last: int) -> list[Spoken]:
    return [Say("al", str(number), float(number)) for number in range(first, last + 1)]


def test_it_begins_empty() -> None:
    assert History().recent("lobby", 10) == []


def test_what_was_said_is_there_in_its_order() -> None:
    history = History()
    history.append("lobby", said(1, 3))
    history.append("lobby", said(4, 5))
    assert history.recent("lobby", 10) == said(1, 5)


def test_each_kind_of_message_is_kept_as_it_was() -> None:
    history = History()
    batch: list[Spoken] = [Say("al", "hi", 1.5), Emote("bo", "waves", 2.5)]
    history.append("lobby", batch)
    assert history.recent("lobby", 2) == batch


@pytest.mark.parametrize(
    ("number", "first"), [(1, 5), (2, 4), (5, 1), (6, 1)], ids=["one", "two", "all", "more"]
)
def test_the_last_ones_are_given(number: int, first: int) -> None:
    history = History()
    history.append("lobby", said(1, 5))
    assert history.recent("lobby", number) == said(first, 5)


def test_a_topic_is_kept_and_can_be_cleared() -> None:
    history = History()
    assert history.topic("lobby") == ""
    history.set_topic("Lobby", "lunch")
    history.append("lobby", said(1, 2))
    assert history.topic("LOBBY") == "lunch"
    history.set_topic("lobby", "")
    assert history.topic("lobby") == ""
    assert history.recent("lobby", 9) == said(1, 2)


def test_a_topic_is_forgotten_with_its_room() -> None:
    history = History(max_rooms=2)
    for room in "abc":
        history.set_topic(room, "lunch")
    assert [history.topic(room) for room in "abc"] == ["", "lunch", "lunch"]


def test_none_are_given_if_none_are_wanted() -> None:
    history = History()
    history.append("lobby", said(1, 5))
    assert history.recent("lobby", 0) == []


def test_the_oldest_are_forgotten_first() -> None:
    history = History(limit=3)
    history.append("lobby", said(1, 2))
    history.append("lobby", said(3, 5))
    assert history.recent("lobby", 10) == said(3, 5)


def test_of_a_batch_beyond_the_limit_the_end_is_kept() -> None:
    history = History(limit=3)
    history.append("lobby", said(1, 10))
    assert history.recent("lobby", 10) == said(8, 10)


def test_of_too_many_rooms_the_one_that_was_silent_for_longest_is_forgotten() -> None:
    history = History(max_rooms=2)
    for room in ("red", "green", "RED", "blue"):
        history.append(room, said(1, 1))
    assert [len(history.recent(room, 10)) for room in ("red", "green", "blue")] == [2, 0, 1]
    assert {found.room for found in history.search("1", 10)} == {"red", "blue"}


def test_how_much_is_kept_is_what_people_are_told() -> None:
    assert MAX_REMEMBERED == 1000
    assert MAX_BYTES == 64 * 1024 * 1024
    assert MAX_UNWRITTEN == 10_000  # promise 2


def test_by_default_it_remembers_as_many_as_it_says() -> None:
    history = History()
    history.append("lobby", said(1, MAX_REMEMBERED + 1))
    assert history.recent("lobby", 2 * MAX_REMEMBERED) == said(2, MAX_REMEMBERED + 1)


def test_rooms_are_kept_apart() -> None:
    history = History(limit=3)
    history.append("lobby", said(1, 2))
    history.append("den", said(3, 5))
    assert history.recent("lobby", 10) == said(1, 2)
    assert history.recent("den", 10) == said(3, 5)


def test_what_was_given_does_not_change_later() -> None:
    history = History()
    history.append("lobby", said(1, 2))
    earlier = history.recent("lobby", 10)
    history.append("lobby", said(3, 3))
    assert earlier == said(1, 2)


def test_closed_it_remembers_nothing() -> None:
    history = History()
    history.append("lobby", said(1, 2))
    history.close()
    assert history.recent("lobby", 10) == []


def test_a_room_is_known_in_any_case() -> None:
    history = History()
    history.append("Den", said(1, 1))
    history.append("den", said(2, 2))
    assert history.recent("DEN", 10) == said(1, 2)


class TestWordsKeptForSearches:
    """What a search has made of lines is kept for the next one, as long as the lines are."""

    def searched(self, history: History) -> dict[int, str | None]:
        history.search("missing words", 1)
        return history._rooms["lobby"]._joined

    def test_only_what_takes_long_to_make(self) -> None:
        history = History()
        history.append("lobby", [Say("al", text, 1.0) for text in ("ascii", "Café, 北京", "北京")])
        kept = self.searched(history)
        assert kept == {3: None, 2: "cafe北京"}  # of the last one it is the text itself
        assert history.search("北京", 9) == history.search("北 京", 9) != []

    def test_none_of_a_line_that_was_taken_back(self) -> None:
        history = History()
        history.append("lobby", [Say("al", "geheim: ß", 1.0)])
        assert self.searched(history) == {1: "geheimss"}
        take_back(history, "lobby", 1)
        assert history._rooms["lobby"]._joined == {}

    def test_none_of_a_line_that_is_taken_back_meanwhile(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        history = History()
        history.append("lobby", [Say("al", "geheim: ß", 1.0)])

        def join(text: str) -> str:
            take_back(history, "lobby", 1)
            return "geheimss"

        monkeypatch.setattr(history_module, "joined_words", join)
        assert self.searched(history) == {}

    def test_none_of_lines_that_are_forgotten(self) -> None:
        history = History()
        history.append("lobby", [Say("al", "é", float(at)) for at in range(4)])
        assert len(self.searched(history)) == 4
        history.forget(2.0)
        assert sorted(history._rooms["lobby"]._joined) == [3, 4]

    def test_no_more_than_there_are_lines(self) -> None:
        history = History(limit=3)
        for at in range(20):
            history.append("lobby", [Say("al", "é", float(at))])
            assert len(self.searched(history)) <= 3


def line_of(at: int, size: int = 0) -> Say:
    return Say("al", f"{at:04}".ljust(size, "."), float(at))


class TestBytes:
    """The bound in bytes for all rooms together."""

    BOUND = 400 * 1024

    @pytest.fixture
    def history(self) -> History:
        return History(max_bytes=self.BOUND)

    def kept(self, history: History, room: str) -> list[int]:
        return [int(it.text.rstrip(".")) for it in history.recent(room, 9999)]

    def test_the_oldest_go_first_over_all_rooms(self, history: History) -> None:
        for at in range(400):
            history.append(f"room{at % 4}", [line_of(at, 2000)])
        kept = sorted(at for n in range(4) for at in self.kept(history, f"room{n}"))
        assert kept == list(range(kept[0], 400))
        assert 150 < len(kept) < 200
        assert self.BOUND * 0.9 < history.bytes <= self.BOUND

    def test_it_goes_by_the_time_of_each_line_whatever_its_room(self) -> None:
        history = History(max_bytes=140_000)
        said = {"a": [3, 300], "b": [1, 4], "c": [2, 5], "d": [500, 501, 502], "e": [503]}
        all_said: list[int] = []
        for room, times in said.items():
            history.append(room, [line_of(at, 16_000) for at in times])
            all_said = sorted([*all_said, *times])
            kept = sorted(at for room in said for at in self.kept(history, room))
            assert kept == all_said[-len(kept) :]
        assert 5 < len(kept) < len(all_said)

    def test_those_of_rooms_with_nobody_in_them_go_before(self, history: History) -> None:
        history.open_rooms = lambda: {"open"}
        history.append("open", [line_of(at, 2000) for at in range(50)])
        for at in range(50, 400):
            history.append("Left", [line_of(at, 2000)])
        assert self.kept(history, "open") == list(range(50))
        assert self.kept(history, "left")[-1] == 399
        for at in range(400, 800):
            history.append("open", [line_of(at, 2000)])
        assert self.kept(history, "left") == []
        assert self.kept(history, "open") == list(range(800 - len(self.kept(history, "open")), 800))

    def test_what_was_dropped_is_a_hole_and_places_stay(self, history: History) -> None:
        history.append("lobby", [line_of(at, 2000) for at in range(20)])
        begin = history.last_place("lobby")
        for at in range(20, 600):
            history.append("other", [line_of(at, 2000)])
        assert self.kept(history, "lobby") == []
        assert history.last_place("lobby") == begin
        assert history.since("lobby", begin, 99) == []
        assert history.since("lobby", Place(begin.epoch, 5), 99) == [Gap(15)]
        history.append("lobby", [line_of(600)])
        (line,) = history.recent("lobby", 9)
        assert (line.epoch, line.seq) == (begin.epoch, 21)
        assert history.since("lobby", Place(begin.epoch, 5), 99) == [Gap(15), line_of(600)]
        assert take_back(history, "lobby", 3) is None
        assert take_back(history, "lobby", 21) is not None

    def test_what_is_said_at_once_is_bounded_too(self, history: History) -> None:
        history.append("lobby", [line_of(at, 3000) for at in range(900)])
        assert history.bytes <= self.BOUND
        assert self.kept(history, "lobby")[-1] == 899

    def test_one_line_that_is_too_big_is_dropped_alone(self) -> None:
        history = History(max_bytes=MAX_LINE_BYTES - 100)
        history.append("lobby", [Say("al", "\U0001f389" * MAX_LINE, 1.0)])
        assert self.kept(history, "lobby") == []
        history.append("lobby", [line_of(2)])
        assert self.kept(history, "lobby") == [2]

    def test_what_searches_keep_counts(self, history: History) -> None:
        history.append("lobby", [Say("al", "É" * 1000, float(at)) for at in range(250)])
        before = history.bytes
        history.search("missing", 1)
        assert before < self.BOUND
        assert self.BOUND * 0.8 < history.bytes <= self.BOUND
        assert 150 < len(history.recent("lobby", 999)) < 250
        history.search("missing", 1)
        history.forget(1e9)
        assert history.bytes == ROOM_BYTES

    def test_a_wide_letter_counts_with_all_its_bytes(self, history: History) -> None:
        history.append("lobby", [Say("al", "x" * 3999 + "😀", float(at)) for at in range(99)])
        assert len(history.recent("lobby", 99)) < 30

    def test_a_room_with_people_is_not_forgotten_for_one_without(self) -> None:
        history = History(max_rooms=2)
        history.open_rooms = lambda: {"lobby", "new"}
        history.append("lobby", [line_of(1)])
        history.append("left", [line_of(2)])
        history.append("new", [line_of(3)])
        assert [len(history.recent(it, 9)) for it in ("lobby", "left", "new")] == [1, 0, 1]

    def test_nothing_is_counted_that_is_gone(self) -> None:
        """Whatever happens, the count is what the lines that are kept take, and a piece more."""
        history = History(limit=50)
        for at in range(3000):
            batch = [Say("al", "é" * (at % 70), float(at)) for _ in range(at % 5)]
            history.append("lobby", batch)
            if at % 7 == 0:
                history.search("missing", 1)
                take_back(history, "lobby", history.last_place("lobby").seq - at % 11)
            if at % 500 == 0:
                history.forget(at - 9.0)
        lines = history._rooms["lobby"].lines
        counted = history.bytes - ROOM_BYTES
        least = sum(LINE_BYTES + getsizeof(line.text) for line in lines)
        assert least <= counted <= 3 * least + 50 * LINE_BYTES
        history.forget(1e9)
        told = len(history._rooms["lobby"].taken_back)
        assert history.bytes == ROOM_BYTES + told * LINE_BYTES
        history.close()
        assert history.bytes == 0


def test_nothing_is_said_in_a_room_while_lines_of_it_are_forgotten() -> None:
    section = Section()

    class SlowLines(deque[Spoken]):
        def popleft(self) -> Spoken:
            section.visit()
            return super().popleft()

    history = History()
    history.append("lobby", said(1, 2))
    room = history._rooms["lobby"]
    room.lines = SlowLines(said(1, 2))  # type: ignore[assignment]
    history._lock = section  # type: ignore[assignment]
    enter_one_by_one(section, [lambda: history.forget(3.0), lambda: history.forget(3.0)])
    assert history.recent("lobby", 9) == []


def test_no_line_is_added_while_a_search_reads_some(monkeypatch: pytest.MonkeyPatch) -> None:
    history, section, reads = History(), Section(), threading.Event()
    history.append("lobby", said(1, 3))

    def joined(*_: object) -> None:
        reads.set()
        section.visit()

    def add() -> None:
        assert reads.wait(DEADLINE)
        history.append("lobby", said(4, 4))

    monkeypatch.setattr(history, "_lock", section)
    monkeypatch.setattr(RememberedRoom, "joined", joined)
    monkeypatch.setattr(RememberedRoom, "append", section.visit)
    enter_one_by_one(section, [lambda: history.search("number", 9), add])
