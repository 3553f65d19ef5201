"""Run actions at once, and wait for states that no event announces."""

import threading
import time
from collections.abc import Callable, Sequence

from threadchat.testing import DEADLINE


def run_concurrently(actions: Sequence[Callable[[], None]]) -> None:
    """Run `actions` at the same time, each in a thread; raise the first error of any of them."""
    barrier = threading.Barrier(len(actions))
    errors: list[BaseException] = []

    def run(action: Callable[[], None]) -> None:
        try:
            barrier.wait(DEADLINE)
            action()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * DEADLINE)
        assert not thread.is_alive(), "a thread is stuck"
    if errors:
        raise errors[0]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a state that no event announces, such as a thread blocked in a call."""
    pause = threading.Event()
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        pause.wait(0.005)
