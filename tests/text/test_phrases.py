"""The phrases that lines for people are made of."""

import pytest

from threadchat.text.phrases import (
    MAX_NAMES_LISTED,
    NAMES_OF_A_CROWD,
    count_people,
    duration,
    list_names,
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
