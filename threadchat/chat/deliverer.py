"""Deliver for all rooms in which several people speak at once, on a thread of its own.

Rooms are served in turns: a room with more to deliver gets in line behind the other rooms. So the
number of threads that want to run does not grow with the number of rooms. Under the GIL one thread
is enough, and more would only hinder each other. Without the GIL there may be one thread for each
processor.
"""

import os
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

from threadchat.net.threads import join_by, start_thread, threads_take_turns

Work = Callable[[], bool]
"""A function that does a piece of work and returns whether there is more. It must not raise."""


def _useful_threads() -> int:
    return 1 if threads_take_turns() else os.cpu_count() or 1


class Deliverer:
    """Does work for rooms until it is closed. Safe to use from any thread.

    `most` is the largest number of threads. `start` starts them all; otherwise each is started
    with the first work for it.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most or _useful_threads()
        self._lines: SimpleQueue[Work | None] = SimpleQueue()  # None ends a thread
        self._lock = Lock()  # guards the two below; keeps work from getting in line behind a None
        self._threads: list[Thread] = []
        self._is_closed = False

    def start(self) -> None:
        """Start all threads now, so that a server that runs for long does not grow later."""
        with self._lock:
            while not self._is_closed and len(self._threads) < self._most:
                if not self._has_started_one():
                    return

    def take_over(self, work: Work) -> bool:
        """Have a thread do `work` until there is no more of it; return True at once.

        Return False if the deliverer is closed, or if no thread can be started.
        """
        with self._lock:
            if self._is_closed or not self._has_thread():
                return False
            self._lines.put(work)
            return True

    @property
    def has_line(self) -> bool:
        """Whether work waits in line for a thread."""
        return not self._lines.empty()

    def close(self, timeout: float = 5.0) -> None:
        """End the threads once the work they took over is done; wait up to `timeout` seconds."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                for _ in self._threads:
                    self._lines.put(None)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            join_by(thread, deadline)

    def _has_thread(self) -> bool:
        # If the system is out of threads, the threads that run already are enough.
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
                # Get in line again only if other work waits; otherwise go on at once.
                if not self._lines.empty() and self.take_over(work):
                    break
