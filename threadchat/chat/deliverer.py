"""Deliver for all rooms in which several speak at once, on a thread of its own.

Rooms take turns: who comes back with more to do gets in line behind the others. So the number of
threads that want to run does not grow with that of the rooms. Under the GIL one is enough, and more
would only get into each other's way; without it there may be one for each processor.
"""

import os
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

from threadchat.net.threads import join, start_thread, threads_take_turns

Work = Callable[[], bool]
"""Do a piece of work, and return whether there is more. Must not raise."""


def _useful_threads() -> int:
    return 1 if threads_take_turns() else os.cpu_count() or 1


class Deliverer:
    """Does work for others until it is closed. Safe to use from any thread.

    `most` is how many threads there may be. Each is started when there first is something for it,
    if not by `start`.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most or _useful_threads()
        self._lines: SimpleQueue[Work | None] = SimpleQueue()  # None ends a thread
        self._lock = Lock()  # guards the two below, and that nothing gets in line behind the end
        self._threads: list[Thread] = []
        self._is_closed = False

    def start(self) -> None:
        """Start all threads now: what serves for long is not to grow later."""
        with self._lock:
            while not self._is_closed and len(self._threads) < self._most:
                if not self._has_started_one():
                    return

    def take_over(self, work: Work) -> bool:
        """Have `work` done until there is no more of it, and return at once.

        Return False if that cannot be: it is closed, or there is no thread to be had.
        """
        with self._lock:
            if self._is_closed or not self._has_thread():
                return False
            self._lines.put(work)
            return True

    def close(self, timeout: float = 5.0) -> None:
        """End the threads once all is done that was taken over; wait up to `timeout` seconds."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                for _ in self._threads:
                    self._lines.put(None)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            join(thread, deadline - time.monotonic())

    def _has_thread(self) -> bool:
        # Out of threads, those there are will do, if there are any.
        return len(self._threads) == self._most or self._has_started_one() or bool(self._threads)

    def _has_started_one(self) -> bool:
        thread = start_thread(self._run, "deliverer")
        if thread is None:
            return False
        self._threads.append(thread)
        return True

    def _run(self) -> None:
        while (work := self._lines.get()) is not None:
            while work():
                # With nobody else in line, without getting in line again.
                if not self._lines.empty() and self.take_over(work):
                    break
