"""Decide how fast one client may send lines.

Nothing here waits or knows a socket: time comes from a clock that is handed in, in seconds like
`time.monotonic`, and what comes out is how long to wait.
"""

import math
from typing import Final

from threadchat.access.limits import Clock

BYTES_A_LINE: Final = 400
"""A line counts as one up to this many bytes of UTF-8, beyond that by its length."""

REPEATS_ALLOWED: Final = 2
"""How often in a row the same line may come before each one more counts twice."""


class FloodGuard:
    """How fast one client may send lines: `burst` of them at once, then `rate` a second.

    A token bucket that may be overdrawn: it refuses nothing, it says how long to wait. Whoever
    reads the client's lines waits that long, and with it the client's TCP connection. For the
    client's own thread alone.
    """

    __slots__ = ("_burst", "_checked_at", "_clock", "_last", "_rate", "_repeats", "_tokens")

    def __init__(self, burst: float, rate: float, clock: Clock) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._tokens = burst  # below 0 while what was let through is still to be waited for
        self._checked_at = clock()
        self._last = ""
        self._repeats = 0

    def delay_for(self, line: str, weight: float = 1.0) -> float:
        """Return how many seconds to wait before `line` is served; mostly 0.

        It counts as `weight` lines, as more if it is long, and twice from the third on that are
        the same.
        """
        now = self._clock()
        refilled = self._tokens + (now - self._checked_at) * self._rate
        self._tokens = min(self._burst, refilled) - self._cost(line, weight)
        self._checked_at = now
        return max(0.0, -self._tokens / self._rate)

    def _cost(self, line: str, weight: float) -> float:
        self._repeats = self._repeats + 1 if line == self._last else 1
        self._last = line
        cost = weight * max(1.0, len(line.encode(errors="replace")) / BYTES_A_LINE)
        return 2 * cost if self._repeats > REPEATS_ALLOWED else cost


def parse_flood(text: str) -> tuple[float, float] | None:
    """Return the burst and the rate a second that `text`, as in 10/2, stands for; None for off.

    Raise `ValueError` with one line for anything else.
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
    # A guard of less would hold somebody up for hours over one line.
    if not (1 <= burst < math.inf and 0.01 <= rate < math.inf):
        raise ValueError(f"{text!r} is out of bounds: 1/0.01 is the least, and off is no limit")
    return burst, rate
