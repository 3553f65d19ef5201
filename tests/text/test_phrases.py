"""The phrases that lines for people are made of."""

import time

import pytest

from threadchat.text.phrases import (
    MAX_NAMES_LISTED,
    NAMES_OF_A_CROWD,
    count,
    count_people,
    day,
    duration,
    list_names,
    minute_of_today,
)


class TestListNames:
    @pytest.mark.parametrize(
        ("names", "listed"), [([], ""), (["al"], "al"), (["al", "bo", "cy"], "al, bo, cy")]
    )
    def test_a_few_are_named(self, names: list[str], listed: str) -> None:
        assert list_names(names) == listed

    def test_as_many_as_a_line_takes_are_named(self) -> None:
        names = [f"p{number}" for number in range(MAX_NAMES_LISTED)]
        assert list_names(names) == ", ".join(names)

    def test_of_a_crowd_the_others_are_counted(self) -> None:
        names = [f"p{number}" for number in range(MAX_NAMES_LISTED + 1)]
        others = len(names) - NAMES_OF_A_CROWD
        assert list_names(names) == f"p0, p1, p2 and {others} others"

    def test_the_count_is_of_all_not_of_the_names_given(self) -> None:
        assert list_names(["al", "bo", "cy", "di"], 100) == "al, bo, cy and 97 others"


@pytest.mark.parametrize(
    ("number", "counted"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1200, "1,200 lines")]
)
def test_what_is_counted_is_named_as_one_or_as_many(number: int, counted: str) -> None:
    assert count(number, "line") == counted


def test_what_is_many_in_another_way_says_how() -> None:
    assert count(1, "entry", "entries") == "1 entry"
    assert count(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "Nobody is here yet"),
        (1, "1 person is here"),
        (2, "2 people are here"),
        (1000, "1000 people are here"),
    ],
)
def test_count_people(number: int, words: str) -> None:
    assert count_people(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (12 * 60 + 59, "12 min"),
        (3599.9, "59 min"),
        (3600, "1 h 0 min"),
        (2 * 3600 + 5 * 60, "2 h 5 min"),
        (86399, "23 h 59 min"),
        (86400, "1 d 0 h"),
        (40 * 86400 + 7 * 3600, "40 d 7 h"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


NOON = time.mktime((2026, 11, 24, 12, 3, 4, 0, 0, -1))


@pytest.mark.parametrize(
    ("at", "now", "shown"),
    [
        (NOON, NOON, "Tuesday, 24 November"),
        (NOON, NOON + 30 * 86400, "Tuesday, 24 November"),
        (NOON, NOON + 90 * 86400, "Tuesday, 24 November 2026"),
        (NOON - 23 * 86400, NOON, "Sunday, 1 November"),
    ],
)
def test_a_day_has_its_year_unless_that_is_the_present_one(
    at: float, now: float, shown: str
) -> None:
    assert day(at, now) == shown


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (NOON, "12:03"),
        (NOON + 11 * 3600, "12:03"),
        (NOON + 12 * 3600, "2026-11-24 12:03"),
        (NOON + 365 * 86400, "2026-11-24 12:03"),
    ],
)
def test_a_minute_has_its_date_unless_that_is_today(now: float, shown: str) -> None:
    assert minute_of_today(NOON, now) == shown
