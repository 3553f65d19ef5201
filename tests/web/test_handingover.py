"""Handing a page what waits for its person: when a portion is sent, and when one is taken."""

from collections.abc import Generator
from functools import partial

import pytest

from tests.web.fakelink import FakeLink
from threadchat.chat.interfaces import Portion
from threadchat.messages.kinds import Notice
from threadchat.web.handingover import HandingOver
from threadchat.web.links import Links
from threadchat.web.private import PrivateLines


class Waiting:
    """Portions of two lines each, and how far they are."""

    def __init__(self, number: int) -> None:
        self.begun: list[int] = []
        self.taken: list[int] = []
        self.is_closed = False
        self._number = number

    def __iter__(self) -> Generator[Portion, None, None]:
        try:
            for at in range(self._number):
                self.begun.append(at)
                yield Portion([Notice("one"), Notice("two")], partial(self.taken.append, at))
        finally:
            self.is_closed = True


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def links(link: FakeLink) -> Links:
    return Links(link.it)


@pytest.fixture
def handing_over(links: Links) -> HandingOver:
    return HandingOver(links, PrivateLines(links.send))


def test_all_are_sent_to_a_page_that_takes_them(link: FakeLink, handing_over: HandingOver) -> None:
    first, second = Waiting(2), Waiting(1)
    handing_over.add(iter(first))
    handing_over.add(iter(second))
    handing_over.go_on()
    assert [it["p"] for it in link.objects()] == [1, 2, 3, 4, 5, 6]
    assert (first.is_closed, second.is_closed) == (True, True)
    assert first.taken == second.taken == []


def test_one_is_taken_once_its_last_line_was_seen(handing_over: HandingOver) -> None:
    waiting = Waiting(3)
    handing_over.add(iter(waiting))
    handing_over.go_on()
    handing_over.seen(3)
    assert waiting.taken == [0]
    handing_over.seen(4)
    assert waiting.taken == [0, 1]
    handing_over.seen(4)
    handing_over.seen(99)
    assert waiting.taken == [0, 1, 2]


@pytest.mark.parametrize("takes", [True, False])
def test_a_page_that_is_behind_is_waited_for_once(
    link: FakeLink, handing_over: HandingOver, takes: bool
) -> None:
    waiting = Waiting(2)
    link.is_behind, link.takes = True, takes
    handing_over.add(iter(waiting))
    handing_over.go_on()
    assert link.calls == ["catch up"]
    assert waiting.begun == ([0, 1] if takes else [])


def test_a_page_that_is_away_is_sent_nothing(links: Links, handing_over: HandingOver) -> None:
    waiting = Waiting(1)
    links.current = None
    handing_over.add(iter(waiting))
    handing_over.go_on()
    assert waiting.begun == []


def test_at_the_end_the_rest_is_given_back(link: FakeLink, handing_over: HandingOver) -> None:
    first, second = Waiting(1), Waiting(1)

    begun = iter(second)
    handing_over.add(iter(first))
    handing_over.go_on()
    link.is_behind, link.takes = True, False
    next(begun)
    handing_over.add(begun)
    handing_over.go_on()
    handing_over.close()
    assert second.is_closed
    assert first.taken == second.taken == []
