"""Which threads leave the processor that the others stay on."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from threadchat.net import processors
from threadchat.net.processors import stay_on, stay_on_none
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import DEADLINE

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs two processors"
)


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "_all", ())


def on_a_bound_thread(act: Callable[[int], Any]) -> Any:
    """Run `act` on a thread that stays on one processor, which it is given."""
    results: list[Any] = []
    chosen = max(os.sched_getaffinity(0))

    def run() -> None:
        stay_on(chosen)
        results.append(act(chosen))

    thread = Thread(target=run)
    thread.start()
    thread.join()
    (result,) = results
    return result


def test_a_thread_can_leave_the_processor_that_it_stays_on() -> None:
    before = os.sched_getaffinity(0)

    def leave(chosen: int) -> tuple[set[int], set[int]]:
        bound = os.sched_getaffinity(0)
        stay_on_none()
        return bound, os.sched_getaffinity(0)

    bound, left = on_a_bound_thread(leave)
    assert len(bound) == 1
    assert left == before


def test_where_none_stays_on_one_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[object] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda *it: bound.append(it))
    stay_on_none()
    assert bound == []


def test_a_system_that_refuses_leaves_a_thread_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(id: int, numbers: set[int]) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    with pytest.raises(PermissionError):
        stay_on(0)
    monkeypatch.setattr(processors, "_all", {0, 1})
    stay_on_none()


def test_what_moves_and_erases_in_a_history_leaves_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found: dict[str, set[int]] = {}
    moves, erases = Event(), Event()

    def look(history: StoredHistory) -> bool:
        found["keeper"] = os.sched_getaffinity(0)
        moves.set()
        return False

    def erase(eraser: object, connection: object) -> bool:
        found["eraser"] = os.sched_getaffinity(0)
        erases.set()
        return True

    monkeypatch.setattr("threadchat.storage.keeper.INTERVAL", 0.0)
    monkeypatch.setattr(StoredHistory, "look", look)
    monkeypatch.setattr("threadchat.storage.erasing.Eraser._erase", erase)

    def use(chosen: int) -> None:
        history = StoredHistory(tmp_path / "chat.db", print)
        try:
            history._eraser.start()
            assert moves.wait(DEADLINE)
            assert erases.wait(DEADLINE)
        finally:
            history.close()

    before = os.sched_getaffinity(0)
    on_a_bound_thread(use)
    assert found == {"keeper": before, "eraser": before}
