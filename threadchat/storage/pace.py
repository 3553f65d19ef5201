"""Know whether much is said just now: then what can be done later is left for later."""

import time
from collections.abc import Callable

MUCH = 2000
"""So many lines a second are much: the processor has little else to do."""

LOOK_SECONDS = 0.1
"""For so long lines are counted until it is known whether they are many."""


class Pace:
    """Counts the lines that are said; `clock` counts seconds. Whoever adds to it has a lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._lines = 0  # since then
        self._was_much = False  # in the time before

    def add(self, lines: int) -> None:
        """Count lines that were said just now."""
        now = self._clock()
        seconds = now - self._since
        if seconds >= LOOK_SECONDS:
            self._was_much = self._lines >= MUCH * seconds
            self._since, self._lines = now, 0
        self._lines += lines

    @property
    def is_much(self) -> bool:
        """Whether much is said. Any thread may ask, and may be told what was so a moment ago."""
        seconds = self._clock() - self._since
        if seconds < 2 * LOOK_SECONDS:
            return self._was_much
        return self._lines >= MUCH * seconds
