"""Do something every second, on a thread of its own, for as long as a server runs."""

from collections.abc import Callable
from threading import Event, Thread

INTERVAL = 1.0
"""Seconds from one round to the next."""


class Watchman:
    """Calls `round`, which must not raise, every `INTERVAL` seconds."""

    def __init__(self, round: Callable[[], None]) -> None:
        self._round = round
        self._is_over = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the rounds."""
        thread = Thread(target=self._run, name="threadchat watchman", daemon=True)
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """End the rounds; on return there is none under way."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(INTERVAL):
            self._round()
