"""How a history in a file is doing: written, waiting, lost; also told during a write that hangs."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from threading import Lock

import pytest

from tests.support.waiting import wait_until
from threadchat.messages.kinds import Say, Spoken
from threadchat.monitoring.stats import Keeping
from threadchat.storage import copying
from threadchat.storage.history import History
from threadchat.storage.historystate import HistoryState
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import DEADLINE


def said(number: int) -> list[Spoken]:
    return [Say("al", f"number {at}", float(at)) for at in range(number)]


def test_in_memory_there_is_no_state() -> None:
    assert History().state is None


def test_what_waits_and_what_is_lost_is_told_until_it_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    told: list[str] = []
    with closing(StoredHistory(path, told.append, limit=5, retry_seconds=0.01)) as history:
        state = history.state
        history.append("lobby", said(2))
        assert state.now() == Keeping(True, 0, 0)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            history.append("lobby", said(3))
            assert state.now() == Keeping(False, 3, 0)
            history.append("lobby", said(4))
            assert state.now() == Keeping(False, 5, 2)
            assert state.is_answering(DEADLINE)
            with history._lock:  # as during a write that hangs
                assert state.now() == Keeping(False, 5, 2)
                assert not state.is_answering(0.01)
            assert state.is_answering(DEADLINE)
            other.execute("ROLLBACK")
        wait_until(lambda: state.now() == Keeping(True, 0, 2), "all is written again")
        history.append("lobby", said(1))
        assert state.now() == Keeping(True, 0, 2)


@pytest.mark.skipif(sys.platform == "win32", reason="a file in use cannot be removed there")
def test_a_file_that_is_gone_is_not_written_until_another_has_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "chat.db"
    with closing(StoredHistory(path, lambda words: None)) as history:
        history.append("lobby", said(2))
        path.unlink()
        with monkeypatch.context() as patched:
            patched.setattr(copying, "copy", fail)
            history.look()
            assert not history.state.now().is_written
        history.state.rescue_at = 0.1
        history.look()
        assert history.state.now() == Keeping(True, 0, 0)


def test_the_state_reads_what_waits_at_that_moment() -> None:
    waiting: list[Spoken] = []
    state = HistoryState(waiting, Lock())
    waiting += said(3)
    assert state.now() == Keeping(True, 3, 0)
