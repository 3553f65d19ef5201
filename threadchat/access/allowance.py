"""Allow so much of something at once, and so much a second after that.

Nothing here waits: who asks for more is told how long to wait. For clients whose lines wait in
their own connections see `flood`.
"""

from threadchat.access.limits import Clock


class Allowance:
    """A token bucket: `burst` at once, then `rate` a second, by `clock`. Its owner has a lock."""

    __slots__ = ("_burst", "_checked_at", "_clock", "_left", "_rate")

    def __init__(self, burst: float, rate: float, clock: Clock) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._left = burst
        self._checked_at = clock()

    def take(self, cost: float) -> float:
        """Take `cost`, which is at most `burst`, and return 0.

        If there is less, take nothing, and return in how many seconds there will be enough.
        """
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._checked_at) * self._rate)
        self._checked_at = now
        if cost <= self._left:
            self._left -= cost
            return 0.0
        return (cost - self._left) / self._rate
