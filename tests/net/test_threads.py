"""Test the starting of threads when there are none left, and which threads are joined."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from threadchat.net import threads
from threadchat.net.threads import (
    OutOfThreads,
    join,
    join_by,
    start_needed_thread,
    start_thread,
    waits_for_a_stop,
)
from threadchat.testing import DEADLINE


@contextmanager
def running(name: str) -> Iterator[threading.Thread]:
    """Have a thread that runs for as long as the block."""
    may_end = threading.Event()
    thread = start_thread(may_end.wait, name, DEADLINE)
    assert thread is not None
    yield thread
    may_end.set()
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_a_thread_has_its_name_and_its_arguments_and_keeps_no_process() -> None:
    seen: list[object] = []
    thread = start_thread(lambda *args: seen.extend(args), "writer", 1, "two")
    assert thread is not None
    join(thread, DEADLINE)
    assert seen == [1, "two"]
    assert thread.name == "threadchat writer"
    assert thread.daemon


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_out_of_threads_there_is_none(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def cannot_start(self: threading.Thread) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        assert start_thread(lambda: None, "writer") is None
        with pytest.raises(OutOfThreads) as caught:
            start_needed_thread(lambda: None, "writer", "writing")
    assert str(caught.value) == (
        "cannot start a thread for writing: the system is out of threads or memory."
        " End other programs, or raise the limits that `ulimit -a` shows."
    )


def test_a_join_waits_until_the_thread_has_ended() -> None:
    may_end = threading.Event()
    ended: list[bool] = []

    def run() -> None:
        may_end.wait(DEADLINE)
        ended.append(True)

    thread = start_thread(run, "writer")
    assert thread is not None
    may_end.set()
    join(thread)
    assert ended == [True]
    assert not thread.is_alive()


@pytest.mark.parametrize("timeout", [-1.0, 0.0, 0.01, 0.12])
def test_a_join_waits_no_longer_than_it_may(timeout: float) -> None:
    with running("writer") as thread:
        join(thread, timeout)
        assert thread.is_alive()


def test_no_thread_is_joined_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bool] = []

    def look(thread: object) -> bool:
        looked.append(True)
        return True

    monkeypatch.setattr(threads, "_is_waiting", look)
    join(None)
    assert looked == []


def test_a_thread_does_not_join_itself() -> None:
    joined = threading.Event()

    def join_oneself() -> None:
        join(threading.current_thread())
        joined.set()

    thread = start_thread(join_oneself, "writer")
    assert joined.wait(DEADLINE)
    join(thread)


def test_a_thread_that_waits_for_a_stop_is_not_joined() -> None:
    # Promise 9: two threads that stop the server would else wait for each other.
    is_waiting, is_stopped = threading.Event(), threading.Event()

    def wait_for_the_stop() -> None:
        with waits_for_a_stop():
            is_waiting.set()
            is_stopped.wait(DEADLINE)

    thread = start_thread(wait_for_the_stop, "watcher")
    assert thread is not None
    assert is_waiting.wait(DEADLINE)
    join(thread)
    assert thread.is_alive()
    is_stopped.set()
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_a_join_ends_when_its_thread_begins_to_wait_for_a_stop() -> None:
    is_joining, is_stopped = threading.Event(), threading.Event()

    def wait_for_the_stop() -> None:
        is_joining.wait(DEADLINE)
        with waits_for_a_stop():
            is_stopped.wait(DEADLINE)

    def join_and_stop() -> None:
        is_joining.set()
        join(thread)
        is_stopped.set()

    thread = start_thread(wait_for_the_stop, "watcher")
    stopper = start_thread(join_and_stop, "stopper")
    assert stopper is not None
    stopper.join(DEADLINE)
    assert is_stopped.is_set()
    assert thread is not None
    thread.join(DEADLINE)


def test_a_thread_that_has_waited_for_a_stop_is_joined_again() -> None:
    has_waited, may_end = threading.Event(), threading.Event()

    def run() -> None:
        with waits_for_a_stop():
            pass
        has_waited.set()
        may_end.wait(DEADLINE)

    thread = start_thread(run, "watcher")
    assert thread is not None
    assert has_waited.wait(DEADLINE)
    assert not threads._is_waiting(thread)
    stopper = start_thread(may_end.set, "stopper")
    join(thread)
    assert not thread.is_alive()
    join(stopper)


def test_a_join_without_time_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Busy(threading.Thread):
        def is_alive(self) -> bool:
            return True

        def join(self, timeout: float | None = None) -> None:
            assert timeout is not None
            waited.append(timeout)
            now[0] += timeout

    now = [5.0]
    monkeypatch.setattr(threads, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for timeout in (0.0, -1.0):
        join(Busy(), timeout)
    assert waited == []
    join(Busy(), 0.5)
    assert sum(waited) == pytest.approx(0.5)


def test_a_join_by_a_deadline_waits_for_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(threads, "time", SimpleNamespace(monotonic=lambda: 100.0))
    monkeypatch.setattr(threads, "join", lambda thread, timeout: waits.append(timeout))
    for deadline in (103.0, 99.0):
        join_by(None, deadline)
    assert waits == [3.0, -1.0]
