"""Resting between batches with a change of members, without a global interpreter lock alone."""

import pytest

from tests.support.clock import Clock
from threadchat.chat.resting import MOST_SECONDS, SHARE, Resting
from threadchat.net.threads import threads_take_turns


class Rests:
    """Notes for how long the deliverer rests; the time passes on `clock` meanwhile."""

    def __init__(self, clock: Clock, share: float) -> None:
        self.seconds: list[float] = []
        self.clock = clock
        self.resting = Resting(clock, share, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.clock.now += seconds

    def show(self, seconds: float) -> None:
        """Show a batch with a change of members, which takes so long."""
        began_at = self.clock()
        self.clock.now += seconds
        self.resting.note(began_at)


def test_it_is_done_where_threads_do_not_take_turns() -> None:
    assert (SHARE == 0) == threads_take_turns()


def test_it_rests_in_proportion_once() -> None:
    rests = Rests(Clock(), 3.0)
    rests.resting.rest()
    assert rests.seconds == []
    rests.show(0.01)
    rests.resting.rest()
    rests.resting.rest()
    assert rests.seconds == [pytest.approx(0.03)]


def test_it_rests_for_what_is_left_of_the_time() -> None:
    rests = Rests(Clock(), 3.0)
    rests.show(0.01)
    rests.clock.now += 0.02
    rests.resting.rest()
    rests.show(0.01)
    rests.clock.now += 1.0
    rests.resting.rest()
    assert rests.seconds == [pytest.approx(0.01)]


def test_it_does_not_rest_for_long() -> None:
    rests = Rests(Clock(), 3.0)
    rests.show(2.0)
    rests.resting.rest()
    assert rests.seconds == [pytest.approx(MOST_SECONDS)]


def test_with_the_lock_it_does_not_rest() -> None:
    rests = Rests(Clock(), 0.0)
    rests.show(0.01)
    rests.resting.rest()
    assert rests.seconds == []
