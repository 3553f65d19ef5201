"""That what a person is told at once has a bound."""

from threadchat.messages.answers import (
    LastAnswer,
    PersonEntry,
    RoomEntry,
    RoomsAnswer,
    SearchAnswer,
    WhoAnswer,
    fitted,
)
from threadchat.messages.fitting import MAX_ANSWER, fitting
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Message, Notice, Say
from threadchat.net.sendqueue import MAX_QUEUED
from threadchat.terminal.view import PLAIN_VIEW

LONG = [Say("al", f"{number} {letter * 1000}", 0.0) for letter in "xä漢🎉" for number in range(300)]


def test_the_first_fit() -> None:
    assert fitting(["a", "b"], str) == ["a", "b"]
    kept = fitting(["x" * 1000] * 100, str)
    assert MAX_ANSWER - 2100 < 1000 * len(kept) < MAX_ANSWER
    assert fitting(["x" * 100_000, "b"], str) == ["x" * 100_000]
    assert fitting([], str) == []


def test_a_bound_is_kept_to_the_byte() -> None:
    line = "x" * (MAX_ANSWER // 2 - 16)  # 16 are counted for what stands around a line
    assert fitting([line, line], str) == [line, line]
    assert fitting([line, line + "x"], str) == [line]


def test_two_answers_at_once_are_bounded_as_well() -> None:
    long = Notice("x" * MAX_ANSWER)
    assert fitted([long]) == [long]
    assert fitted([long, Notice("b")]) == [long, Notice("1 more lines do not fit here.")]


def test_each_answer_keeps_what_matters_most() -> None:
    (last,) = fitted([LastAnswer("r", LONG)])
    assert isinstance(last, LastAnswer)
    assert (last.messages[-1], last.is_shortened) == (LONG[-1], True)
    (found,) = fitted([SearchAnswer([("r", message) for message in LONG])])
    assert isinstance(found, SearchAnswer)
    assert (found.found[0], found.is_shortened) == (("r", LONG[0]), True)
    assert found.parts[-1] == Notice("More was found than fits here. More words find less.")
    marks = [(1.0, float(number)) for number in range(len(LONG))]
    (last,) = fitted([LastAnswer("r", LONG, apart=marks)])
    assert isinstance(last, LastAnswer)
    assert list(last.apart) == marks[-len(last.messages) :]
    (found,) = fitted([SearchAnswer([("r", message) for message in LONG], apart=marks)])
    assert isinstance(found, SearchAnswer)
    assert list(found.apart) == marks[: len(found.found)]
    (who,) = fitted([WhoAnswer("r", True, [PersonEntry(it.text) for it in LONG], 5000)])
    assert isinstance(who, WhoAnswer)
    assert who.parts[0].line.endswith(f" and {5000 - len(who.entries)} others.")


def test_no_answer_is_longer_than_a_client_can_take() -> None:
    lists: list[list[Message | RoomsAnswer | WhoAnswer | LastAnswer | SearchAnswer]] = [
        [LastAnswer("r", LONG)],
        [LastAnswer("r", LONG, has_places=True)],
        [SearchAnswer([("r", message) for message in LONG])],
        [WhoAnswer("r", True, [PersonEntry(it.text) for it in LONG], 5000)],
        [RoomsAnswer([RoomEntry(f"r{n}", 1, it.text, False) for n, it in enumerate(LONG)])],
        [Notice(it.text) for it in LONG],
        [RoomsAnswer([RoomEntry(f"r{n}", 1, "", False) for n in range(10_000)])],
        [WhoAnswer("r", True, [PersonEntry("al")] * 10_000, 10_000)],
    ]
    for told in lists:
        for order in (told, told[::-1]):
            for format in (PLAIN_VIEW, JSON_LINES):
                assert sum(len(format.line(it)) for it in fitted(order)) < MAX_QUEUED


def test_what_fits_stays_as_it_is() -> None:
    short = [Notice("a"), Notice("b")]
    assert fitted(short) == short
    answer = RoomsAnswer([RoomEntry("r", 1, "", True)])
    assert fitted([answer]) == [answer]
    assert fitted([]) == []


def test_of_many_lines_at_once_the_first_are_told_and_how_many_are_not() -> None:
    lines = [Notice(f"{number} {'x' * 1000}") for number in range(200)]
    answer = RoomsAnswer([RoomEntry("r", 1, "", True)])
    told = fitted([answer, *lines])
    assert told[0] == answer
    assert told[1:-1] == lines[: len(told) - 2]
    assert told[-1] == Notice(f"{200 - (len(told) - 2)} more lines do not fit here.")
    assert MAX_ANSWER - 3000 < sum(len(it.line) for it in lines[: len(told) - 2]) < MAX_ANSWER
