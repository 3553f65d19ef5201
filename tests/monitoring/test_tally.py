"""What a server counts: to the figure, over time, and from many threads at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import Clock
from tests.support.waiting import run_concurrently
from threadchat.access.limiter import RefusedFor
from threadchat.monitoring.tally import BOUNDS, OTHER, WINDOW, Tally
from threadchat.net.disconnect import Reason


class Counting:
    """A tally on a clock of its own, of batches that take no time."""

    def __init__(self, now: float) -> None:
        self.clock = Clock(now)
        self.tally = Tally(self.clock)

    def add(self, messages: int, deliveries: int = 0) -> None:
        self.tally.shown(messages, deliveries, self.clock.now)

    @property
    def rates(self) -> tuple[float, float]:
        figures = self.tally.figures()
        return figures.messages_per_second, figures.deliveries_per_second


class TestRates:
    def test_nothing_counted_is_nothing(self) -> None:
        counting = Counting(1000.5)
        assert counting.rates == (0.0, 0.0)
        figures = counting.tally.figures()
        assert (figures.messages, figures.deliveries) == (0, 0)

    def test_they_are_averages_of_the_last_ten_whole_seconds(self) -> None:
        counting = Counting(1000.5)
        for second in range(20):
            counting.clock.now = 2000 + second
            counting.add(second, 10 * second)
        assert counting.rates == (sum(range(9, 19)) / WINDOW, sum(range(9, 19)))
        counting.clock.now = 2020.9
        assert counting.rates == (sum(range(10, 20)) / WINDOW, sum(range(10, 20)))
        assert counting.tally.figures().messages == sum(range(20))

    def test_the_second_that_runs_does_not_count_yet(self) -> None:
        counting = Counting(1000.0)
        counting.clock.now = 1050.0
        counting.add(30)
        assert counting.rates[0] == 0.0
        counting.clock.now = 1051.0
        assert counting.rates[0] == 3.0

    def test_what_is_long_ago_does_not_count(self) -> None:
        counting = Counting(1000.0)
        counting.add(30)
        counting.clock.now = 1010.9
        assert counting.rates[0] == 3.0
        counting.clock.now = 1011.0
        assert counting.rates[0] == 0.0

    def test_right_after_the_start_the_time_since_then_counts(self) -> None:
        counting = Counting(1000.9)
        counting.add(30)
        counting.clock.now = 1003.0
        assert counting.rates[0] == 10.0

    @given(
        st.lists(st.tuples(st.floats(0, 30), st.integers(0, 100)), max_size=50), st.floats(0, 30)
    )
    def test_they_agree_with_a_list_of_all_that_was_counted(
        self, steps: list[tuple[float, int]], pause: float
    ) -> None:
        counting = Counting(0.0)
        clock = counting.clock
        clock.now = 100.0
        counted = []
        for passed, number in steps:
            clock.now += passed
            counting.add(number, 3 * number)
            counted.append((int(clock.now), number))
        clock.now += pause
        now = int(clock.now)
        expected = sum(number for second, number in counted if now - WINDOW <= second < now)
        assert counting.rates == (expected / WINDOW, 3 * expected / WINDOW)
        assert counting.tally.figures().deliveries == 3 * sum(number for _, number in counted)


class TestTimes:
    def test_each_batch_is_counted_by_how_long_it_took(self) -> None:
        clock = Clock(1000.0)
        tally = Tally(clock)
        for seconds in (0.0, BOUNDS[0], 2 * BOUNDS[0], BOUNDS[-1], 5.0, 60.0):
            clock.now = seconds
            tally.shown(1, 1, 0.0)
        batches = tally.figures().batches
        assert batches.counts == (2, 1, 0, 0, 0, 0, 0, 1, 2)
        assert batches.seconds == 3 * BOUNDS[0] + BOUNDS[-1] + 65.0

    def test_the_bounds_grow(self) -> None:
        assert list(BOUNDS) == sorted(set(BOUNDS))


class TestReasons:
    def test_all_are_there_from_the_beginning(self) -> None:
        figures = Tally().figures()
        assert figures.refusals == dict.fromkeys(map(str, RefusedFor), 0)
        assert figures.ends == dict.fromkeys([*map(str, Reason), OTHER], 0)

    def test_refusals_are_counted_by_them(self) -> None:
        tally = Tally()
        for why in (RefusedFor.BANNED, RefusedFor.FULL, RefusedFor.BANNED):
            tally.refused(why)
        counted = {why: number for why, number in tally.figures().refusals.items() if number}
        assert counted == {"banned": 2, "the room is full": 1}

    @pytest.mark.parametrize("reason", Reason)
    def test_ends_are_without_the_words_of_people(self, reason: Reason) -> None:
        tally = Tally()
        tally.ended(reason)
        tally.ended(f"{reason}: al: see you, bo")
        tally.ended(f"{reason} by al")
        tally.ended(f"{reason} by al for 1 min, until 07:13:42: see you by day")
        counted = {why: number for why, number in tally.figures().ends.items() if number}
        assert counted == {reason: 4}

    @pytest.mark.parametrize("why", ["", "al has had enough", "Quit", ": quit", "quit "])
    def test_what_is_no_reason_of_ours_names_nobody(self, why: str) -> None:
        tally = Tally()
        tally.ended(why)
        counted = {why: number for why, number in tally.figures().ends.items() if number}
        assert counted == {OTHER: 1}

    def test_the_figures_of_before_stay_as_they_were(self) -> None:
        tally = Tally()
        before = tally.figures()
        tally.refused(RefusedFor.FULL)
        tally.ended(Reason.QUIT)
        assert before.refusals["the room is full"] == before.ends["quit"] == 0


def test_nothing_is_lost_between_threads() -> None:
    clock = Clock(1000.0)
    tally = Tally(clock)

    def count() -> None:
        for _ in range(2000):
            tally.shown(1, 2, clock.now)
            tally.refused(RefusedFor.BANNED)
            tally.ended(Reason.QUIT)

    run_concurrently([count] * 8)
    clock.now = 1001.0
    figures = tally.figures()
    assert (figures.messages, figures.messages_per_second) == (16_000, 16_000.0)
    assert (figures.deliveries, figures.deliveries_per_second) == (32_000, 32_000.0)
    assert figures.batches.counts[0] == figures.ends["quit"] == figures.refusals["banned"] == 16_000
