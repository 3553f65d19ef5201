"""Count down to a stop of the server. Everybody is told, and the stop can still be called off."""

import contextlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from threading import Event, Lock, Thread

from threadchat.net.threads import join, start_thread

MAX_COUNTDOWN = 24 * 60 * 60
"""The longest countdown, in seconds."""

_TOLD_AT = (3600, 1800, 600, 300, 120, 60, 30, 10, 5, 4, 3, 2, 1)
"""When everybody is told again, in seconds before the end."""


class Countdown:
    """At most one countdown at a time, on a thread of its own. Any thread may call its methods.

    `tell` is called with the seconds left, `finish` at the end, both on the countdown's own
    thread. If the system is out of threads, `start` calls `finish` at once, on its own caller.
    """

    def __init__(self, tell: Callable[[int], None], finish: Callable[[], None]) -> None:
        self._tell = tell
        self._finish = finish
        self._lock = Lock()  # guards the two below
        self._thread: Thread | None = None  # of the last countdown
        self._called_off: Event | None = None  # of the countdown that runs; None if none does

    def start(self, seconds: int) -> None:
        """Begin to count down `seconds`; call off a countdown that runs already."""
        called_off = Event()
        with self._lock:
            self._end()
            self._called_off = called_off
            self._thread = start_thread(self._run, "countdown", seconds, called_off)
            has_begun = self._thread is not None
        if not has_begun:
            self._finish()  # the system is out of threads, which is one more reason to stop

    def call_off(self) -> bool:
        """End the countdown; return whether there was one."""
        with self._lock:
            return self._end()

    def close(self, timeout: float) -> None:
        """End the countdown and its thread, waiting up to `timeout` seconds."""
        with self._lock:
            self._end()
            thread = self._thread
        join(thread, timeout)

    def _end(self) -> bool:
        called_off, self._called_off = self._called_off, None
        if called_off is None:
            return False
        called_off.set()
        return True

    def _run(self, seconds: int, called_off: Event) -> None:
        for left, pause in _steps(seconds):
            # Telling may fail. The stop itself says goodbye to everybody, so we go on.
            with contextlib.suppress(Exception):
                self._tell(left)
            if called_off.wait(pause):
                return
        if self._has_come_to_its_end(called_off):
            self._finish()

    def _has_come_to_its_end(self, called_off: Event) -> bool:
        """Return whether the countdown came to its end without being called off.

        After that it cannot be called off any more.
        """
        with self._lock:
            is_ours = self._called_off is called_off
            if is_ours:
                self._called_off = None
            return is_ours


def _steps(seconds: int) -> Iterator[tuple[int, int]]:
    """Yield when to tell people, in seconds left, and how many seconds to wait after that."""
    marks = [seconds, *(mark for mark in _TOLD_AT if mark < seconds), 0]
    for left, following in pairwise(marks):
        yield left, left - following
