"""A countdown comes to its end, or is called off too late."""

from threading import Event

import pytest

from threadchat.chat import countdown as module
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


def test_one_that_is_called_off_tells_no_more_and_finishes_nothing() -> None:
    seen: list[int] = []
    told = Event()

    def tell(left: int) -> None:
        seen.append(left)
        told.set()

    countdown = Countdown(tell, lambda: seen.append(-1))
    countdown.start(3600)
    assert told.wait(DEADLINE)
    assert countdown.call_off()
    countdown.close(DEADLINE)
    assert seen == [3600]
    assert not countdown.call_off()


def test_closing_calls_it_off_and_waits_for_its_thread() -> None:
    seen: list[int] = []
    countdown = Countdown(seen.append, lambda: seen.append(-1))
    countdown.start(3600)
    countdown.close(DEADLINE)
    assert countdown._thread is not None
    assert not countdown._thread.is_alive()
    assert seen == [3600]


def test_another_one_takes_its_place() -> None:
    seen: list[int] = []
    finished = Event()
    countdown = Countdown(seen.append, finished.set)
    countdown.start(3600)
    countdown.start(0)
    assert finished.wait(DEADLINE)
    assert sorted(seen) == [0, 3600]


def test_where_telling_fails_it_comes_to_its_end_all_the_same() -> None:
    def fail(left: int) -> None:
        raise RuntimeError

    finished = Event()
    Countdown(fail, finished.set).start(0)
    assert finished.wait(DEADLINE)


def test_out_of_threads_the_end_comes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "start_thread", lambda *_: None)
    finished: list[bool] = []
    Countdown(lambda left: None, lambda: finished.append(True)).start(3600)
    assert finished == [True]


@pytest.mark.parametrize("seconds", [1, 7, 60, 90, 3600, 5000])
def test_the_steps_are_told_at_their_times_and_end_with_it(seconds: int) -> None:
    steps = list(module._steps(seconds))
    now = seconds
    for left, pause in steps:
        assert left == now
        assert pause > 0
        now -= pause
    assert now == 0
    assert sum(pause for _, pause in steps) == seconds
