"""A countdown comes to its end, or is called off too late."""

from threading import Event

from threadchat.chat.countdown import Countdown
from threadchat.testing import DEADLINE


def test_it_tells_of_the_end_and_then_finishes() -> None:
    seen: list[object] = []
    finished = Event()
    Countdown(seen.append, finished.set).start(0)
    assert finished.wait(DEADLINE)
    assert seen == [0]


def test_an_end_that_has_begun_is_not_called_off_any_more() -> None:
    was_called_off: list[bool] = []
    tried = Event()

    def finish() -> None:
        was_called_off.append(countdown.call_off())
        tried.set()

    countdown = Countdown(lambda left: None, finish)
    countdown.start(0)
    assert tried.wait(DEADLINE)
    assert was_called_off == [False]
