"""Run actions at once, and wait for states that no event announces."""

import threading
import time
from collections.abc import Callable, Sequence

from threadchat.testing import DEADLINE


def run_concurrently(actions: Sequence[Callable[[], object]]) -> None:
    """Run `actions` at the same time, each in a thread; raise the first error of any of them."""
    barrier = threading.Barrier(len(actions))
    errors: list[BaseException] = []

    def run(action: Callable[[], object]) -> None:
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


class Section:
    """A lock to put in the place of one, and what a double calls inside that lock's section.

    The first thread inside stays there until another one is held up by the lock, or is inside as
    well. So a missing lock shows each time, without luck and without a wait.
    """

    def __init__(self) -> None:
        self.were_together = False
        """Whether two threads were inside at once."""
        self._lock = threading.Lock()
        self._another_came = threading.Event()
        self._inside = 0

    def visit(self, *_: object) -> None:
        """Be inside the section."""
        self._inside += 1
        if self._inside > 1:
            self.were_together = True
            self._another_came.set()
        assert self._another_came.wait(DEADLINE), "no other thread came"
        self._inside -= 1

    def another_waits(self) -> None:
        """Let the thread inside go on, as another one is held up by the lock."""
        self._another_came.set()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See `threading.Lock`."""
        if self._lock.acquire(blocking=False):
            return True
        self.another_waits()
        return blocking and self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """See `threading.Lock`."""
        self._lock.release()

    def locked(self) -> bool:
        """See `threading.Lock`."""
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class WatchedLock:
    """A lock to put in the place of one that a thread may take again; tells if another waits."""

    def __init__(self) -> None:
        self.is_waited_for = False
        """Whether a thread has found it taken by another one."""
        self._lock = threading.RLock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """See `threading.RLock`."""
        if self._lock.acquire(blocking=False):
            return True
        self.is_waited_for = True
        return blocking and self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """See `threading.RLock`."""
        self._lock.release()

    def _is_owned(self) -> bool:
        return self._lock._is_owned()  # type: ignore[attr-defined, no-any-return]

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def enter_one_by_one(section: Section, actions: Sequence[Callable[[], object]]) -> None:
    """Run `actions` at once, each in a thread; fail if two of them were in `section` together."""
    run_concurrently(actions)
    assert not section.were_together


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a state that no event announces, such as a thread blocked in a call."""
    if condition():
        return
    pause = threading.Event()
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        pause.wait(0.005)
