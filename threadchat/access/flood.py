"""Decide how fast one client may send lines, and what is no line: keys, say, or telnet commands.

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

USUAL_RATE: Final = 2.0
"""The lines a second for which the costs below are made.

With a lower rate they are lower, too, so that no rate makes a person wait who only types.
"""

CHUNK_COST: Final = 1 / 40
"""The cost in lines of one piece of input that is received, however small it is."""

BYTE_COST: Final = 1 / 10_000
"""The cost in lines of each byte in it."""

ANSWER_COST: Final = 1 / 4
"""The cost in lines of an answer that a client did not ask for by a line."""

INPUT_BURST: Final = 0.5
"""How much input that is no line is served at once, in lines."""

INPUT_SPEED: Final = 3.0
"""How much faster than `rate` such input is served at most, before the burst of lines is used up.

It would be served in one go otherwise, and hold up all others.
"""

LEAST_DELAY: Final = 1 / 30
"""Seconds of a wait after input that is no line; less is put off, and waited for together."""


class FloodGuard:
    """Limit how fast one client sends lines: `burst` lines at once, then `rate` a second.

    Input that is no line counts in the same way, by its cost in lines, and is spread out besides.

    This is a token bucket that may be overdrawn. It refuses no line; it says how long to wait. The
    thread that reads the client's lines waits that long, and so the client's TCP connection waits,
    too. Only for the client's own thread.
    """

    __slots__ = (
        "_burst",
        "_checked_at",
        "_clock",
        "_input_tokens",
        "_last",
        "_rate",
        "_repeats",
        "_tokens",
    )

    def __init__(self, burst: float, rate: float, clock: Clock) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._tokens = burst  # below 0 while lines that were served still have to be waited for
        self._input_tokens = INPUT_BURST
        self._checked_at = clock()
        self._last = ""
        self._repeats = 0

    def delay_for(self, line: str, cost: float = 1.0) -> float:
        """Return how many seconds to wait before `line` is served; mostly 0.

        The line counts as `cost` lines, and as more if it is long. From the third equal line in a
        row on, each counts twice.
        """
        self._refill()
        self._tokens -= self._cost_of(line, cost)
        return max(0.0, -self._tokens / self._rate)

    def delay_for_input(self, cost: float) -> float:
        """Return how many seconds to wait after input that is no line was served; mostly 0.

        It counts as `cost` lines at `USUAL_RATE`.
        """
        self._refill()
        cost *= min(1.0, self._rate / USUAL_RATE)
        self._tokens -= cost
        self._input_tokens -= cost
        delay = max(-self._tokens / self._rate, -self._input_tokens / (INPUT_SPEED * self._rate))
        return delay if delay >= LEAST_DELAY else 0.0

    def _refill(self) -> None:
        now = self._clock()
        lines = (now - self._checked_at) * self._rate
        self._tokens = min(self._burst, self._tokens + lines)
        self._input_tokens = min(INPUT_BURST, self._input_tokens + INPUT_SPEED * lines)
        self._checked_at = now

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
