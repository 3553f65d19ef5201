"""A lobby that keeps its names and mail in a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chats import Lobby
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def records(file: Path) -> Iterator[Records]:
    history = StoredHistory(file, print)
    records = Records(file)
    yield records
    records.close()
    history.close()


@pytest.fixture
def kept(records: Records) -> Iterator[Lobby]:
    """A chat that keeps names."""
    lobby = Lobby(records)
    yield lobby
    lobby.close()
    assert lobby.watcher.failures == []
