"""Have something looked after on a thread of its own, again and again."""

from collections.abc import Callable
from threading import Event, Thread

from threadchat.net import processors
from threadchat.net.threads import join, start_thread

INTERVAL = 1.0
"""Seconds between two looks."""


class Keeper:
    """Calls `look` every `INTERVAL` seconds, until it is closed; at once if that returns True.

    `look` must not raise.
    """

    def __init__(self, look: Callable[[], bool]) -> None:
        self._look = look
        self._closing = Event()
        self._thread: Thread | None = None

    def start(self) -> bool:
        """Start the thread; return False if there is none left."""
        self._thread = start_thread(self._run, "history keeper")
        return self._thread is not None

    def close(self) -> None:
        """End the thread, after the look that goes on."""
        self._closing.set()
        join(self._thread)

    def _run(self) -> None:
        processors.stay_on_none()
        has_more = False
        while not self._closing.wait(0 if has_more else INTERVAL):
            has_more = self._look()
