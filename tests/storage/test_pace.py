"""Test that a history knows whether much is said."""

from tests.support.clock import Clock
from threadchat.storage.pace import LOOK_SECONDS, MUCH, Pace


def test_nothing_is_not_much() -> None:
    clock = Clock(0.0)
    pace = Pace(clock)
    assert not pace.is_much
    clock.now += 10
    assert not pace.is_much


def test_much_is_known_after_a_moment_and_forgotten_after_another() -> None:
    clock = Clock(0.0)
    pace = Pace(clock)
    pace.add(int(MUCH * LOOK_SECONDS))
    assert not pace.is_much  # one batch, however large, is no pace
    clock.now += LOOK_SECONDS
    pace.add(1)
    assert pace.is_much
    clock.now += LOOK_SECONDS
    pace.add(1)
    assert not pace.is_much


def test_it_is_forgotten_also_where_nothing_more_is_said() -> None:
    clock = Clock(0.0)
    pace = Pace(clock)
    pace.add(int(MUCH * LOOK_SECONDS))
    clock.now += LOOK_SECONDS
    pace.add(1)
    clock.now += 1.5 * LOOK_SECONDS
    assert pace.is_much
    clock.now += LOOK_SECONDS
    assert not pace.is_much


def test_a_little_less_is_not_much() -> None:
    clock = Clock(0.0)
    pace = Pace(clock)
    for _ in range(50):
        pace.add(int(MUCH * LOOK_SECONDS) - 1)
        clock.now += LOOK_SECONDS
        assert not pace.is_much
