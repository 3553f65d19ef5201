"""Test when the thread that sees to a history's file does so."""

import threading
from typing import Any

import pytest

from threadchat.storage import keeper as keeper_module
from threadchat.storage.keeper import INTERVAL, Keeper
from threadchat.testing import DEADLINE


def test_it_looks_again_at_once_where_there_is_more_to_do() -> None:
    waits: list[float] = []
    has_more = [False, True, True, False]

    class Closing:
        def wait(self, seconds: float) -> bool:
            waits.append(seconds)
            return len(waits) == 5

    closing: Any = Closing()
    keeper = Keeper(lambda: has_more[len(waits) - 1])
    keeper._closing = closing
    keeper._run()
    assert waits == [INTERVAL, INTERVAL, 0, 0, INTERVAL]


def test_a_close_waits_for_the_look_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "INTERVAL", 0.0)
    looks, may_end = threading.Event(), threading.Event()

    def look() -> bool:
        looks.set()
        assert may_end.wait(DEADLINE)
        return False

    def join(thread: threading.Thread) -> None:
        may_end.set()
        thread.join(DEADLINE)

    monkeypatch.setattr(keeper_module, "join", join)
    keeper = Keeper(look)
    assert keeper.start()
    assert looks.wait(DEADLINE)
    keeper.close()
    assert keeper._thread is not None
    assert not keeper._thread.is_alive()
