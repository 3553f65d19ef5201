"""An operator and somebody else, for the tests of commands."""

import pytest

from tests.support.chats import Lobby, Somebody


@pytest.fixture
def people(lobby: Lobby) -> tuple[Somebody, Somebody]:
    """An operator called al, and bo."""
    al, bo = lobby.enter("al", "bo")
    al.is_operator = True
    return al, bo
