"""Have a history forget what is older than it is to be kept, at the start and once a day."""

from collections.abc import Callable
from threading import Event, Thread
from time import time

from threadchat.net.threads import join, start_thread
from threadchat.storage.history import History

INTERVAL = 86400.0
"""Seconds from one time to the next."""

RETRY_SECONDS = 3600.0
"""Seconds until the next time where that failed."""


class Forgetter:
    """Has `history` forget, on a thread of its own, what is older than `keep_seconds`.

    `warn` gets a line for the operator where that fails. `now` returns the seconds since the epoch.
    """

    def __init__(
        self,
        history: History,
        keep_seconds: float,
        warn: Callable[[str], None],
        now: Callable[[], float] = time,
    ) -> None:
        self._history = history
        self._keep_seconds = keep_seconds
        self._warn = warn
        self._now = now
        self._is_over = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the thread, which begins at once."""
        self._thread = start_thread(self._run, "forgetter")
        if self._thread is None:
            self._warn("nothing will be forgotten: out of threads. Start the server again")

    def close(self, timeout: float = 5.0) -> None:
        """End the thread; wait up to `timeout` seconds for what is being forgotten."""
        self._is_over.set()
        join(self._thread, timeout)

    def _run(self) -> None:
        while not self._is_over.wait(self._forget()):
            pass

    def _forget(self) -> float:
        """Forget what is too old; return the seconds until the next time."""
        try:
            self._history.forget(self._now() - self._keep_seconds)
        except Exception as error:
            self._warn(f"the history cannot forget what is too old: {error}")
            return RETRY_SECONDS
        return INTERVAL
