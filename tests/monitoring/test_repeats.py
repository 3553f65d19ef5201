"""Test that what repeats is counted, and said once a minute."""

from collections.abc import Callable
from functools import partial

import pytest

from tests.support.clock import Clock
from tests.support.waiting import run_concurrently
from threadchat.monitoring import repeats as repeats_module
from threadchat.monitoring.events import Refused
from threadchat.monitoring.repeats import Repeats

A, B = "192.168.1.20", "192.168.1.21"


@pytest.fixture
def noted() -> list[Refused]:
    return []


@pytest.fixture
def repeats(noted: list[Refused], clock: Clock) -> Repeats:
    return Repeats(noted.append, clock)


def test_the_first_of_each_address_and_reason_is_noted_at_once(
    repeats: Repeats, noted: list[Refused]
) -> None:
    for origin, why in ((A, "banned"), (B, "banned"), (A, "too many")):
        for port in (1, 2):
            repeats.refused(origin, f"{origin}:{port}", why)
    assert noted == [
        Refused(f"{A}:1", "banned"), Refused(f"{B}:1", "banned"), Refused(f"{A}:1", "too many")
    ]  # fmt: skip


def test_what_repeats_is_said_once_a_minute(
    repeats: Repeats, noted: list[Refused], clock: Clock
) -> None:
    for minute in range(3):
        for _ in range(1000):
            repeats.look()
            repeats.refused(A, f"{A}:1", "banned")
        assert len(noted) == 1 + minute
        clock.now += 60
    repeats.look()
    assert noted[0] == Refused(f"{A}:1", "banned")
    assert noted[1:] == [Refused(A, "banned", number) for number in (999, 1000, 1000)]


def test_after_a_quiet_minute_it_is_news_again(
    repeats: Repeats, noted: list[Refused], clock: Clock
) -> None:
    repeats.refused(A, f"{A}:1", "banned")
    clock.now += 60
    repeats.look()
    repeats.refused(A, f"{A}:2", "banned")
    assert noted == [Refused(f"{A}:1", "banned"), Refused(f"{A}:2", "banned")]


def test_nothing_is_lost_at_the_end(repeats: Repeats, noted: list[Refused]) -> None:
    for _ in range(3):
        repeats.refused(A, f"{A}:1", "banned")
    repeats.close()
    assert noted[1:] == [Refused(A, "banned", 2)]
    assert sum(event.times for event in noted) == 3


def test_beyond_a_number_of_addresses_the_rest_count_as_one(
    repeats: Repeats, noted: list[Refused], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats_module, "MAX_KNOWN", 2)
    for number in range(100):
        repeats.refused(f"10.0.0.{number}", f"10.0.0.{number}:1", "banned")
    assert [event.address for event in noted] == ["10.0.0.0:1", "10.0.0.1:1", "10.0.0.2:1"]
    clock.now += 60
    repeats.look()
    assert noted[3:] == [Refused("other addresses", "banned", 97)]


def test_many_threads_at_once_lose_no_count(repeats: Repeats, noted: list[Refused]) -> None:
    def refuse() -> None:
        for _ in range(500):
            repeats.refused(A, f"{A}:1", "banned")

    actions: list[Callable[[], None]] = [partial(refuse)] * 4
    run_concurrently([*actions, repeats.look, repeats.close])
    repeats.close()
    assert sum(event.times for event in noted) == 2000


def test_one_that_is_known_is_counted_by_itself_when_there_is_room_for_no_other(
    repeats: Repeats, noted: list[Refused], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats_module, "MAX_KNOWN", 1)
    for _ in range(2):
        repeats.refused(A, f"{A}:1", "banned")
    repeats.close()
    assert noted == [Refused(f"{A}:1", "banned"), Refused(A, "banned", 1)]
