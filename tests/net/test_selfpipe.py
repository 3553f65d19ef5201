"""Test the self-pipe: that it wakes a thread that waits, and harms nobody once it is closed."""

import os
import select
import selectors
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.support.waiting import run_concurrently
from threadchat.net.selfpipe import SelfPipe
from threadchat.testing import DEADLINE


@pytest.fixture
def pipe() -> Iterator[SelfPipe]:
    pipe = SelfPipe()
    yield pipe
    pipe.close()


def is_readable(pipe: SelfPipe) -> bool:
    """Return whether somebody that waits for it is woken."""
    return bool(select.select([pipe], [], [], 0)[0])


def test_it_is_readable_from_a_wake_until_it_is_drained(pipe: SelfPipe) -> None:
    assert not is_readable(pipe)
    pipe.wake()
    pipe.wake()
    assert is_readable(pipe)
    pipe.drain()
    assert not is_readable(pipe)


def test_there_need_be_nothing_to_drain(pipe: SelfPipe) -> None:
    pipe.drain()
    pipe.wake()
    assert is_readable(pipe)


def test_a_thread_that_waits_is_woken(pipe: SelfPipe) -> None:
    woken: list[int] = []
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        waiting = threading.Thread(target=lambda: woken.append(len(selector.select(DEADLINE))))
        waiting.start()
        pipe.wake()
        waiting.join(DEADLINE)
    assert woken == [1]


def test_a_full_pipe_keeps_nobody_waiting(pipe: SelfPipe) -> None:
    def wake_often() -> None:
        for _ in range(10_000):
            pipe.wake()

    run_concurrently([wake_often] * 4)
    assert is_readable(pipe)


def test_after_closing_a_wake_touches_no_descriptor() -> None:
    pipe = SelfPipe()
    pipe.close()
    # The lowest free numbers are given out first: these may be the ones it had.
    reader, writer = os.pipe()
    try:
        pipe.wake()
        pipe.drain()
        pipe.close()
        os.write(writer, b"ours")
        assert os.read(reader, 100) == b"ours"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.skipif(sys.platform == "win32", reason="has no signals to send to oneself")
def test_a_signal_handler_may_wake_in_the_middle_of_a_wake(pipe: SelfPipe) -> None:
    before = signal.signal(signal.SIGUSR1, lambda number, frame: pipe.wake())
    try:
        with pipe._lock:  # as it is in the middle of one
            os.kill(os.getpid(), signal.SIGUSR1)
            assert is_readable(pipe)
    finally:
        signal.signal(signal.SIGUSR1, before)
