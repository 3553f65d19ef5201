"""The lines of an answer at a terminal."""

import time

import pytest

from threadchat.messages.answers import (
    MAX_WORDS_IN_WHO,
    LastAnswer,
    PersonEntry,
    RoomEntry,
    RoomsAnswer,
    SearchAnswer,
    WhoAnswer,
    WhoisAnswer,
)
from threadchat.messages.kinds import Say
from threadchat.text.phrases import minute

NOON = time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, -1))


def lines_of(
    answer: WhoAnswer | WhoisAnswer | RoomsAnswer | LastAnswer | SearchAnswer,
) -> list[str]:
    return [part.line for part in answer.parts]


class TestWho:
    @pytest.mark.parametrize(
        ("entry", "text"),
        [
            (PersonEntry("al"), "al"),
            (PersonEntry("al", away=""), "al (away)"),
            (PersonEntry("al", away="at lunch"), "al (away)"),
            (PersonEntry("al", idle=600.0), "al (idle 10 min)"),
            (PersonEntry("al", is_out_of_reach=True), "al (out of reach)"),
            (PersonEntry("al", "", 600.0, True), "al (away, idle 10 min, out of reach)"),
        ],
    )
    def test_what_to_know_of_somebody(self, entry: PersonEntry, text: str) -> None:
        assert entry.text == text

    def test_the_words_of_those_that_are_away_stand_below(self) -> None:
        people = [PersonEntry("al", "at lunch"), PersonEntry("bo", ""), PersonEntry("cy")]
        assert lines_of(WhoAnswer("den", True, people, 3)) == [
            "=== 3 people are here: al (away), bo (away), cy.",
            "=== al is away: at lunch",
        ]

    def test_so_many_words_and_no_more(self) -> None:
        people = [PersonEntry(f"p{number}", "out") for number in range(MAX_WORDS_IN_WHO + 1)]
        answer = WhoAnswer("den", True, people, len(people))
        assert len(lines_of(answer)) == 1 + MAX_WORDS_IN_WHO

    def test_another_room_an_empty_one_and_others(self) -> None:
        people = [PersonEntry("al"), PersonEntry("bo")]
        assert lines_of(WhoAnswer("den", False, people, 2)) == ["=== 2 people are in den: al, bo."]
        assert lines_of(WhoAnswer("den", False, people, 5)) == [
            "=== 5 people are in den: al, bo and 3 others."
        ]
        (line,) = lines_of(WhoAnswer("den", True, [], 0))
        assert ":" not in line

    def test_the_words_count_for_how_many_people_fit(self) -> None:
        people = [PersonEntry(f"p{number}", "x" * 1000) for number in range(100)]
        assert len(WhoAnswer("den", True, people, 100).fitted().entries) < 70
        here = [PersonEntry(f"p{number}") for number in range(100)]
        assert len(WhoAnswer("den", True, here, 100).fitted().entries) == 100


def test_whois_says_where_for_how_long_and_the_number() -> None:
    al = PersonEntry("al", "at lunch")
    assert lines_of(WhoisAnswer(al, 7, "in lobby", 720.0)) == [
        "=== al (away) is in lobby, here for 12 min, number 7.",
        "=== al is away: at lunch",
    ]
    assert lines_of(WhoisAnswer(PersonEntry("ci"), 0, "a hook", 720.0)) == [
        "=== ci is a hook, here for 12 min."
    ]


class TestRooms:
    @pytest.mark.parametrize(("word", "what"), [(None, "open"), ("e", "found")])
    def test_they_are_open_or_were_looked_for(self, word: str | None, what: str) -> None:
        rooms = [RoomEntry("lobby", 2, "", True), RoomEntry("den", 1, "tea", False)]
        assert lines_of(RoomsAnswer(rooms, word=word)) == [
            f"=== 2 rooms are {what}. You are in lobby.",
            "=== lobby    2",
            "=== den      1  tea",
        ]

    def test_one_or_none(self) -> None:
        (title, _) = lines_of(RoomsAnswer([RoomEntry("den", 1, "", False)]))
        assert title == "=== 1 room is open."
        (line,) = lines_of(RoomsAnswer([], word="x"))
        assert line == "=== No room has that in its name or topic. /rooms lists all."

    def test_those_that_do_not_fit_are_counted(self) -> None:
        rooms = [RoomEntry(f"r{number}", number, "x" * 1000, number == 0) for number in range(100)]
        shown = RoomsAnswer(rooms).fitted()
        names = [entry.name for entry in shown.entries]
        assert names[:3] == ["r0", "r99", "r98"]  # one's own, then those with the most people
        left = 100 - len(names)
        title, *_, last = lines_of(shown)
        assert title == "=== 100 rooms are open. You are in r0."
        assert last == (
            f"=== {left} more rooms do not fit here. /rooms WORD lists those with WORD in name or"
            " topic."
        )
        all_shown = RoomsAnswer(rooms[:3], count=3)
        assert all_shown.fitted() == all_shown
        assert "more rooms" not in lines_of(all_shown)[-1]


class TestLast:
    SAID = (Say("al", "hi", NOON), Say("bo", "ho", NOON + 1))

    def test_it_stands_between_two_lines(self) -> None:
        title, *shown, end = lines_of(LastAnswer("den", self.SAID))
        assert title == "=== The last 2 of what was said in den:"
        assert shown[-2:] == ["al: hi", "bo: ho"]
        assert end == "=== That was it. From here on it is live."
        assert lines_of(LastAnswer("den", [])) == ["=== Nothing was said in den yet."]

    def test_with_numbers(self) -> None:
        said = [Say("al", "hi", NOON, seq=4, epoch="e"), Say("al", "ho", NOON, seq=5, epoch="e")]
        shown = lines_of(LastAnswer("den", said, has_places=True))
        assert shown[-3:-1] == ["=== #4 al: hi", "=== #5 al: ho"]

    def test_one_that_is_shortened_says_so_also_if_all_of_it_fits(self) -> None:
        said = [Say("al", "x" * 1000, NOON)] * 100
        shown = LastAnswer("den", said).fitted()
        number = len(shown.messages)
        words = f"The last {number} of what was said in den, as no more than {number} fit:"
        assert lines_of(shown)[0] == f"=== {words}"
        assert shown.fitted().is_shortened
        assert not LastAnswer("den", said[:3]).fitted().is_shortened


def test_what_a_search_has_found_has_its_time_and_room() -> None:
    found = [("den", Say("al", "hi", NOON))]
    assert lines_of(SearchAnswer(found)) == [f"=== {minute(NOON)} den al: hi"]
    assert not SearchAnswer(found).fitted().is_shortened
    assert SearchAnswer(found, is_shortened=True).fitted().is_shortened
    assert lines_of(SearchAnswer([])) == ["=== Nothing that was said has all of these words."]
