"""Decide how fast one client may send lines.

Nothing here waits or uses a socket. The time comes from a clock that is handed in, in seconds like
`time.monotonic`. The result is how long to wait.
"""

import math
from typing import Final

from threadchat.access.limits import Clock

BYTES_A_LINE: Final = 400
"""Bytes of UTF-8 up to which a line counts as one line. A longer line counts by its length."""

REPEATS_ALLOWED: Final = 2
"""How often the same line may come in a row. After that, each repeat counts twice."""


class FloodGuard:
    """Limit how fast one client sends lines: `burst` lines at once, then `rate` a second.

    This is a token bucket that may be overdrawn. It refuses no line; it says how long to wait. The
    thread that reads the client's lines waits that long, and so the client's TCP connection waits,
    too. Only for the client's own thread.
    """

    __slots__ = ("_burst", "_checked_at", "_clock", "_last", "_rate", "_repeats", "_tokens")

    def __init__(self, burst: float, rate: float, clock: Clock) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._tokens = burst  # below 0 while lines that were served still have to be waited for
        self._checked_at = clock()
        self._last = ""
        self._repeats = 0

    def delay_for(self, line: str, cost: float = 1.0) -> float:
        """Return how many seconds to wait before `line` is served; mostly 0.

        The line counts as `cost` lines, and as more if it is long. From the third equal line in a
        row on, each counts twice.
        """
        now = self._clock()
        refilled = self._tokens + (now - self._checked_at) * self._rate
        self._tokens = min(self._burst, refilled) - self._cost_of(line, cost)
        self._checked_at = now
        return max(0.0, -self._tokens / self._rate)

    def _cost_of(self, line: str, cost: float) -> float:
        self._repeats = self._repeats + 1 if line == self._last else 1
        self._last = line
        cost *= max(1.0, len(line.encode(errors="replace")) / BYTES_A_LINE)
        return 2 * cost if self._repeats > REPEATS_ALLOWED else cost


def parse_flood(text: str) -> tuple[float, float] | None:
    """Return the burst and the rate a second in `text`, such as 10/2; None for "off".

    Raise `ValueError` for anything else; its text is one line that says what is wrong.
    """
    if text.strip().lower() == "off":
        return None
    burst_text, _, rate_text = text.partition("/")
    try:
        burst, rate = float(burst_text), float(rate_text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither off nor BURST/RATE; 10/2 is ten lines at once, then two a second"
        ) from None
    # With smaller numbers, one line could hold a person up for hours.
    if not (1 <= burst < math.inf and 0.01 <= rate < math.inf):
        raise ValueError(f"{text!r} is out of bounds: 1/0.01 is the least, and off is no limit")
    return burst, rate
