"""Test when the thread that sees to a history's file does so."""

from typing import Any

from threadchat.storage.keeper import INTERVAL, Keeper


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
