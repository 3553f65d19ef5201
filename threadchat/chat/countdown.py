"""Count down to a stop that everybody is told of, and that can still be called off."""

import contextlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from threading import Event, Lock, Thread

from threadchat.net.threads import join, start_thread

MAX_COUNTDOWN = 24 * 60 * 60
"""The longest countdown, in seconds."""

_TOLD_AT = (3600, 1800, 600, 300, 120, 60, 30, 10, 5, 4, 3, 2, 1)
"""Seconds before the end at which everybody is told again."""


class Countdown:
    """At most one countdown at a time. `tell` is called with the seconds left, `finish` at the end.

    Both are called on the countdown's own thread. Every method may be called from any thread.
    """

    def __init__(self, tell: Callable[[int], None], finish: Callable[[], None]) -> None:
        self._tell = tell
        self._finish = finish
        self._lock = Lock()  # guards the one below
        self._thread: Thread | None = None  # of the last countdown
        self._called_off: Event | None = None  # that of the countdown that runs

    def start(self, seconds: int) -> None:
        """Begin to count down `seconds`, in place of a countdown that runs."""
        called_off = Event()
        with self._lock:
            self._end()
            self._called_off = called_off
        self._thread = start_thread(self._run, "countdown", seconds, called_off)
        if self._thread is None:
            self._finish()  # out of threads: all the more reason to stop

    def call_off(self) -> bool:
        """End the countdown; return whether there was one."""
        with self._lock:
            return self._end()

    def close(self, timeout: float) -> None:
        """End the countdown and its thread, waiting up to `timeout` seconds."""
        self.call_off()
        join(self._thread, timeout)

    def _end(self) -> bool:
        called_off, self._called_off = self._called_off, None
        if called_off is None:
            return False
        called_off.set()
        return True

    def _run(self, seconds: int, called_off: Event) -> None:
        for left, pause in _steps(seconds):
            # Who is told last is told by the stop itself.
            with contextlib.suppress(Exception):
                self._tell(left)
            if called_off.wait(pause):
                return
        if self._has_come_to_its_end(called_off):
            self._finish()

    def _has_come_to_its_end(self, called_off: Event) -> bool:
        """Say whether the countdown was not called off; from here on it cannot be any more."""
        with self._lock:
            is_ours = self._called_off is called_off
            if is_ours:
                self._called_off = None
            return is_ours


def _steps(seconds: int) -> Iterator[tuple[int, int]]:
    """Yield when to tell, in seconds left, and how long to wait from then on."""
    marks = [seconds, *(mark for mark in _TOLD_AT if mark < seconds), 0]
    for left, following in pairwise(marks):
        yield left, left - following
