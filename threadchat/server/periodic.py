"""Run the round of a server about once a second, on a thread of its own."""

import time
from collections.abc import Callable
from threading import Event, Thread

from threadchat.net.threads import join_by, start_needed_thread

INTERVAL = 1.0
"""Seconds from one round to the next."""


class Periodic:
    """Call `round`, which must not raise, with `INTERVAL` seconds between two calls."""

    def __init__(self, round: Callable[[], None]) -> None:
        self._round = round
        self._is_over = Event()
        self._thread: Thread | None = None
        self.worked_at = 0.0
        """When the last round ended, on the monotonic clock."""

    def start(self) -> None:
        """Start the thread for the rounds, or raise `OutOfThreads`."""
        self.worked_at = time.monotonic()
        self._thread = start_needed_thread(self._run, "periodic", "looking after clients")

    def stop(self, deadline: float) -> None:
        """End the rounds; wait for one that is running until `deadline`, on the monotonic clock."""
        self._is_over.set()
        join_by(self._thread, deadline)

    def _run(self) -> None:
        while not self._is_over.wait(INTERVAL):
            self._round()
            self.worked_at = time.monotonic()
