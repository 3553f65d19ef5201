"""A history in a file, which the tests look after themselves."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.files import never
from threadchat.storage.keeper import Keeper
from threadchat.storage.sqlitehistory import StoredHistory


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def untended(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoredHistory]:
    """A history of which no thread sees to the index and to checkpoints."""
    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "start", lambda _: True)
        history = StoredHistory(path, never)
    with closing(history):
        yield history
