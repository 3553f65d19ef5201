"""The turns of searches: how long one works, how long all rest, and when one is stopped."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.files import index_all
from tests.support.pace import BusyPace
from tests.support.waiting import run_concurrently, wait_until
from threadchat.messages.kinds import Say
from threadchat.storage import searching
from threadchat.storage.batches import LINES
from threadchat.storage.history import History
from threadchat.storage.searching import (
    MAX_SECONDS,
    MAX_WORK_SECONDS,
    RESTS,
    TURN_SECONDS,
    OutOfTime,
    SearchStopped,
    SearchTurns,
)
from threadchat.storage.sqlitehistory import StoredHistory


class Hours(Clock):
    """A clock that goes on while somebody sleeps, and counts how long they did."""

    def __init__(self) -> None:
        super().__init__()
        self.rests: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.rests.append(seconds)


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def turns(hours: Hours) -> SearchTurns:
    return SearchTurns(hours, hours.sleep, hours)


def test_a_search_rests_for_longer_than_it_has_worked(hours: Hours, turns: SearchTurns) -> None:
    with turns.search() as pace:
        hours.now += TURN_SECONDS / 2
        pace.step()
        assert hours.rests == []
        hours.now += TURN_SECONDS
        pace.step()
        hours.now += 0.01  # one message may take that long
        pace.step()
    assert hours.rests == pytest.approx([RESTS * 1.5 * TURN_SECONDS, RESTS * 0.01])


def test_its_work_is_bounded(hours: Hours, turns: SearchTurns) -> None:
    with turns.search() as pace:
        for _ in range(9):
            hours.now += MAX_WORK_SECONDS / 10
            pace.step()
        hours.now += MAX_WORK_SECONDS / 9
        with pytest.raises(OutOfTime):
            pace.step()
    with turns.search():  # it has handed on its turn
        pass


def test_its_time_is_bounded_with_the_turns_of_others(hours: Hours, turns: SearchTurns) -> None:
    def sleep(seconds: float) -> None:
        hours.now += MAX_SECONDS  # many are searching

    turns.sleep = sleep
    with turns.search() as pace:
        hours.now += 2 * TURN_SECONDS
        with pytest.raises(OutOfTime):
            pace.step()


def test_it_does_not_rest_for_the_work_of_others(hours: Hours) -> None:
    turns = SearchTurns(hours, hours.sleep, work=lambda: 0.0)
    with turns.search() as pace:
        hours.now += 0.5
        pace.step()
    assert hours.rests == [RESTS * TURN_SECONDS]


def test_a_search_that_never_gets_a_turn_is_told_so(
    turns: SearchTurns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MAX_SECONDS", 0.001)
    with (
        turns.search(),
        pytest.raises(SearchStopped, match=r"^The search took too long\. Use rarer words"),
        turns.search(),
    ):
        pass
    assert not turns._waiting
    with turns.search():  # the turn was not lost with it
        pass


def test_turns_go_round(turns: SearchTurns) -> None:
    order: list[str] = []

    def search(name: str) -> None:
        turns.acquire()
        for _ in range(3):
            order.append(name)
            turns.release()
            turns.acquire()
        turns.release()

    turns.acquire()
    threads = []
    for number, name in enumerate(("al", "bo", "cy"), 1):
        thread = threading.Thread(target=search, args=(name,))
        thread.start()
        threads.append(thread)
        wait_until(lambda n=number: len(turns._waiting) == n, "it waits")  # type: ignore[misc]
    turns.release()
    for thread in threads:
        thread.join()
    assert order == ["al", "bo", "cy"] * 3


def test_one_works_at_a_time() -> None:
    turns = SearchTurns()
    working: list[int] = []

    def search() -> None:
        for _ in range(50):
            with turns.search() as pace:
                working.append(1)
                assert len(working) == 1
                working.pop()
                pace.step()  # others may have a turn in between

    run_concurrently([search] * 4)


class TestInMemory:
    """The same in a history that keeps its lines in memory."""

    @pytest.fixture
    def history(self, turns: SearchTurns) -> History:
        history = History()
        history._search_turns = turns
        return history

    def test_a_search_stops_in_time_and_gives_what_it_has_found(
        self, history: History, hours: Hours
    ) -> None:
        for number in range(1, 101):
            history.append("den" if number % 2 else "lobby", [Say("al", f"n {number}", number)])
        looked_at: list[str] = []

        class Slow(str):
            def lower(self) -> str:
                looked_at.append(str(self))
                hours.now += MAX_WORK_SECONDS / 8
                return super().lower()

        for said in history._rooms.values():
            for line in said.lines:
                assert isinstance(line, Say)
                line.text = Slow(line.text)
        with pytest.raises(SearchStopped) as caught:
            history.search("n", 99)
        # The newest first, over all rooms: what was looked at is the end of what was said.
        assert looked_at == [f"n {number}" for number in range(100, 92, -1)]
        assert [hit.message.text for hit in caught.value.found] == looked_at
        assert caught.value.back_to == 93.0
        assert "it came back to 19" in str(caught.value)
        assert len(history.search("n", 3)) == 3

    def test_while_it_rests_rooms_go_on(self, history: History, hours: Hours) -> None:
        said: list[float] = []

        def sleep(seconds: float) -> None:
            said.append(hours.now)
            history.append("lobby", [Say("al", "meanwhile", hours.now)])
            assert history.recent("lobby", 1)[0].text == "meanwhile"

        history._search_turns.sleep = sleep
        history._search_turns.clock = history._search_turns.work = ticking(hours)
        history.append("lobby", [Say("al", "before", 1.0)] * 300)
        assert history.search("meanwhile", 9) == []  # it was said after the search had begun
        assert len(said) > 10


class TestInAFile:
    """The same in a history in a file."""

    @pytest.fixture
    def history(self, tmp_path: Path, hours: Hours) -> Iterator[StoredHistory]:
        with closing(StoredHistory(tmp_path / "chat.db", lambda words: None)) as history:
            history._search_turns = SearchTurns(hours, hours.sleep, hours)
            yield history

    def say(self, history: History, first: int, last: int) -> None:
        history.append("lobby", [Say("al", f"n {at}", float(at)) for at in range(first, last + 1)])

    def test_sqlite_rests_while_it_searches(self, history: StoredHistory, hours: Hours) -> None:
        self.say(history, 1, 300)
        index_all(history)
        history._search_turns.clock = history._search_turns.work = ticking(hours)
        assert [hit.message.at for hit in history.search("n", 999)] == list(range(300, 0, -1))
        assert len(hours.rests) > 2
        assert all(seconds >= RESTS * TURN_SECONDS for seconds in hours.rests)
        hours.rests.clear()
        history.forget(0.0)  # on the same connection; that is no search
        assert hours.rests == []

    def test_a_phrase_that_is_hardly_anywhere_is_not_looked_for_without_end(
        self, history: StoredHistory, hours: Hours
    ) -> None:
        # FTS5 looks at all of these before it returns a row, or none.
        history.append("lobby", [Say("al", "x y " * 900, float(at)) for at in range(50)])
        index_all(history)
        history._search_turns.clock = history._search_turns.work = ticking(hours, each=0.01)
        with pytest.raises(SearchStopped) as caught:
            history.search("-".join(["y"] * 32), 20)
        assert caught.value.found == []
        assert "took too long. Use rarer words" in str(caught.value)
        assert hours.now < 1010
        history._search_turns.clock = history._search_turns.work = ticking(hours)
        assert len(history.search("y", 20)) == 20  # the next search is not interrupted

    @pytest.mark.parametrize("is_written_meanwhile", [False, True])
    def test_rooms_go_on_while_what_is_not_written_is_searched(
        self, history: StoredHistory, hours: Hours, is_written_meanwhile: bool
    ) -> None:
        self.say(history, 1, 5)
        history._connection.execute("PRAGMA query_only = ON")
        self.say(history, 6, 9)
        rests: list[float] = []

        def sleep(seconds: float) -> None:
            rests.append(seconds)
            if is_written_meanwhile:
                history._connection.execute("PRAGMA query_only = OFF")
                with history._lock:
                    assert history._write_all()
            self.say(history, 100, 100)  # does not wait for the search

        def clock() -> float:
            hours.now += 2 * TURN_SECONDS
            return hours.now

        history._search_turns = SearchTurns(clock, sleep, clock)
        found = history.search("n", 99)
        assert [hit.message.at for hit in found if hit.message.at < 100] == list(range(9, 0, -1))
        assert len(rests) >= 4

    def test_a_search_that_takes_too_long_gives_what_it_has_found(
        self, history: StoredHistory, hours: Hours
    ) -> None:
        self.say(history, 1, 900)
        index_all(history)
        history._search_turns.clock = history._search_turns.work = ticking(hours, each=0.01)
        with pytest.raises(SearchStopped) as caught:
            history.search("n", 900)
        times = [hit.message.at for hit in caught.value.found]
        assert times == list(range(900, 900 - len(times), -1))
        assert 0 < len(times) < 900
        assert caught.value.back_to == times[-1]
        assert len(history.search("n", 3)) == 3

    def test_so_does_one_that_takes_too_long_before_it_comes_to_the_file(
        self, history: StoredHistory, hours: Hours
    ) -> None:
        self.say(history, 1, 5)
        history._connection.execute("PRAGMA query_only = ON")
        self.say(history, 6, 9)
        history._search_turns.clock = history._search_turns.work = ticking(hours, each=0.2)
        with pytest.raises(SearchStopped) as caught:
            history.search("n", 99)
        assert [hit.message.at for hit in caught.value.found] == [9.0, 8.0]
        assert caught.value.back_to == 8.0

    def test_so_does_one_that_takes_too_long_before_it_comes_to_the_index(
        self, history: StoredHistory, hours: Hours
    ) -> None:
        self.say(history, 1, 900)
        index_all(history)
        history._connection.execute("UPDATE history SET indexed = 100")
        history._search_turns.clock = history._search_turns.work = ticking(hours, each=0.2)
        with pytest.raises(SearchStopped) as caught:
            history.search("n", 900)
        times = [hit.message.at for hit in caught.value.found]
        assert times == list(range(900, 900 - len(times), -1))
        assert 0 < len(times) < 800
        assert caught.value.back_to == times[-1]

    def test_so_does_one_that_takes_too_long_in_what_was_written_by_the_batch(
        self, history: StoredHistory, hours: Hours
    ) -> None:
        history._keeper.close()
        history._file.batches.pace = BusyPace()
        for first in range(1, 100, LINES):
            self.say(history, first, first + LINES - 1)
        assert history._file.batches.waiting
        history._search_turns.clock = history._search_turns.work = ticking(hours, each=0.2)
        with pytest.raises(SearchStopped) as caught:
            history.search("n", 900)
        times = [hit.message.at for hit in caught.value.found]
        assert 0 < len(times) < 100
        assert times == list(range(112, 112 - len(times), -1))
        assert caught.value.back_to == times[-1]

    @pytest.mark.parametrize(("words", "number"), [("", 9), ('"*!', 9), ("n", 0)])
    def test_nothing_is_looked_for_where_there_is_nothing_to_find(
        self, history: StoredHistory, words: str, number: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.say(history, 1, 3)
        monkeypatch.setattr(history._search_turns, "search", lambda: pytest.fail("a search"))
        assert history.search(words, number) == []

    def test_words_that_are_no_text_are_found_like_others(self, history: StoredHistory) -> None:
        self.say(history, 1, 3)
        history._file.batches.pace = BusyPace(is_busy=False)
        index_all(history)
        history._connection.execute("UPDATE messages SET text = x'6e207465ff61' WHERE seq = 2")
        history._connection.execute("UPDATE history SET indexed = 0")
        assert [hit.message.at for hit in history.search("n", 9)] == [3.0, 2.0, 1.0]

    def test_it_forgets_all_that_is_too_old_a_part_at_a_time(self, history: StoredHistory) -> None:
        self.say(history, 1, 1000)
        history.forget(501.0)
        assert [hit.message.at for hit in history.search("n", 1000)] == list(range(1000, 500, -1))


def ticking(hours: Hours, each: float = TURN_SECONDS / 20) -> Callable[[], float]:
    """Return a clock that goes on with every look at it."""

    def look() -> float:
        hours.now += each
        return hours.now

    return look
