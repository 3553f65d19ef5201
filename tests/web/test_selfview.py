"""What a page is told of its own person."""

from typing import Any, cast

import pytest

from tests.support.chats import Lobby, Somebody
from threadchat.web.links import Links
from threadchat.web.selfview import SelfView


class FakeLinks:
    """Keeps what a page is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, *data: Any) -> None:
        self.sent.append(data)


@pytest.fixture
def al(lobby: Lobby) -> Somebody:
    (al,) = lobby.enter("al")
    return al


def test_it_is_outdated_once_somebody_else_has_changed_something(al: Somebody) -> None:
    links = FakeLinks()
    view = SelfView(al, cast(Links, links))
    assert not view.is_outdated  # nothing was shown yet
    al.is_operator = True
    assert not view.is_outdated
    view.show_changes()
    assert links.sent
    assert not view.is_outdated
    al.name = "al-2"
    assert view.is_outdated
    view.show_changes()
    assert not view.is_outdated
    al.is_operator = False
    assert view.is_outdated
    view.show_changes()
    assert not view.is_outdated
    al.away = "lunch"  # only they themselves can do that
    assert not view.is_outdated
