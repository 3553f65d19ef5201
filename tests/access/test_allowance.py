"""How much is allowed at once, and how much later."""

from tests.support.clock import Clock
from threadchat.access.allowance import Allowance


def test_what_is_too_much_is_told_when_it_will_not_be(clock: Clock) -> None:
    allowance = Allowance(10, 2, clock)
    assert allowance.take(4) == 0
    assert allowance.take(6) == 0
    assert allowance.take(1) == 0.5
    clock.now += 0.25
    assert allowance.take(1) == 0.25
    clock.now += 0.25
    assert allowance.take(1) == 0
    assert allowance.take(10) == 5


def test_what_was_refused_costs_nothing(clock: Clock) -> None:
    allowance = Allowance(10, 2, clock)
    allowance.take(8)
    for _ in range(5):
        assert allowance.take(3) == 0.5
    assert allowance.take(2) == 0


def test_no_more_than_the_burst_is_saved_up(clock: Clock) -> None:
    allowance = Allowance(10, 2, clock)
    clock.now += 1000
    assert allowance.take(10) == 0
    assert allowance.take(1) == 0.5
