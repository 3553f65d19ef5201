"""Tell the people in all rooms when a new day begins."""

import time
from collections.abc import Callable

from threadchat.messages.kinds import NewDay
from threadchat.text.phrases import date_of


class Midnight:
    """Calls `tell` with a `NewDay` when `look` finds another date than the last time.

    `now` returns the time in seconds since the epoch. For one thread.
    """

    def __init__(
        self, tell: Callable[[NewDay], None], now: Callable[[], float] = time.time
    ) -> None:
        self._tell = tell
        self._now = now
        self._date = date_of(now())

    def look(self) -> None:
        """See whether a new day has begun."""
        now = self._now()
        date = date_of(now)
        if date != self._date:
            self._date = date
            self._tell(NewDay(now))
