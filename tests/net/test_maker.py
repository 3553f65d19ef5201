"""Making objects on one thread, as is done without a global interpreter lock, and without one."""

import threading
import weakref
from collections.abc import Iterator
from contextlib import closing
from threading import Thread, current_thread

import pytest

from tests.support.waiting import wait_until
from threadchat.net.maker import HAS_THREAD, Maker
from threadchat.net.threads import threads_take_turns


@pytest.fixture
def maker() -> Iterator[Maker]:
    with closing(Maker(has_thread=True)) as maker:
        yield maker


class Thing:
    """Something that is made."""

    def __init__(self) -> None:
        self.made_on = current_thread()


def test_it_has_a_thread_where_threads_do_not_take_turns() -> None:
    assert threads_take_turns() != HAS_THREAD


def test_all_is_made_on_one_thread_of_its_own(maker: Maker) -> None:
    made: list[Thing] = []
    threads = [Thread(target=lambda: made.append(maker.make(Thing))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    (its,) = {thing.made_on for thing in made}
    assert its.name == "threadchat maker"


def test_without_a_thread_it_is_made_by_whoever_wants_it() -> None:
    with closing(Maker(has_thread=False)) as maker:
        assert maker.make(Thing).made_on is current_thread()
        maker.tidy()


def test_an_error_is_raised_where_the_thing_is_wanted_and_the_next_is_made(maker: Maker) -> None:
    def fail() -> Thing:
        raise ValueError("too late")

    with pytest.raises(ValueError, match="too late"):
        maker.make(fail)
    assert maker.make(Thing).made_on is not current_thread()


def test_after_a_close_things_are_still_made(maker: Maker) -> None:
    its = maker.make(Thing).made_on
    maker.close()
    assert not its.is_alive()
    assert maker.make(Thing).made_on is current_thread()
    maker.tidy()
    maker.close()


def test_things_are_made_where_no_thread_is_left(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", start)
        assert maker.make(Thing).made_on is current_thread()
    assert maker.make(Thing).made_on is not current_thread()


def test_what_is_not_used_any_more_is_freed_once_it_has_tidied(maker: Maker) -> None:
    things = [maker.make(Thing) for _ in range(3)]
    seen = [weakref.ref(thing) for thing in things]
    del things
    maker.tidy()
    wait_until(lambda: all(ref() is None for ref in seen), "all are freed")
