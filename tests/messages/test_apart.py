"""Marks of what was said on a server that had no link."""

import pytest

from threadchat.messages.answers import LastAnswer, SearchAnswer
from threadchat.messages.apart import with_borders
from threadchat.messages.kinds import Say
from threadchat.messages.linkkinds import ApartBegins, ApartEnds

SAID = [Say("al", text, 9.0) for text in "abcd"]
ONE, TWO = (1.0, 2.0), (3.0, 4.0)


def test_what_was_said_in_one_order_has_no_borders() -> None:
    assert with_borders(SAID, ()) == SAID
    assert with_borders(SAID, [None] * 4) == SAID
    assert with_borders([], ()) == []


def test_each_run_has_a_border_before_it_and_the_last_one_behind() -> None:
    marked = with_borders(SAID, [None, ONE, TWO, None])
    begins, ends = [ApartBegins(*ONE), ApartBegins(*TWO)], ApartEnds()
    assert marked == [SAID[0], begins[0], SAID[1], begins[1], SAID[2], ends, SAID[3]]


@pytest.mark.parametrize("has_places", [False, True])
def test_lists_of_a_terminal_show_it(has_places: bool) -> None:
    answer = LastAnswer("r", SAID[:2], has_places=has_places, apart=[None, ONE])
    lines = [it.line for it in answer.parts if "had no link" in it.line or "al: b" in it.line]
    assert lines[0].startswith("--- Said from ")
    assert lines[1].endswith("al: b")
    found = SearchAnswer([("r", SAID[0]), ("r", SAID[1])], apart=[None, ONE])
    first, second = (it.line for it in found.parts)
    assert first.endswith(" r al: a")
    assert second.endswith(" r (apart) al: b")
