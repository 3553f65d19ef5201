"""An operator and somebody else, and a chat that keeps names, for the tests of commands."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.chats import Lobby, Somebody
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory


@pytest.fixture
def people(lobby: Lobby) -> tuple[Somebody, Somebody]:
    """An operator called al, and bo."""
    al, bo = lobby.enter("al", "bo")
    al.is_operator = True
    return al, bo


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Lobby]:
    """A chat that keeps names in a file."""
    with closing(StoredHistory(tmp_path / "chat.db", print)):
        lobby = Lobby(Records(tmp_path / "chat.db"))
        yield lobby
        lobby.close()
