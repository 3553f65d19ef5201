"""Let those gather that come to a room or leave it, where Python has no global interpreter lock.

Each batch with a change of members is handed to all members, whether one comes or a hundred do.
With the lock a crowd gathers by itself: nobody else runs while a batch is handed out. Without it,
the deliverer is back at once, finds few that have come, and hands out again. (Measured with 2,000
people that arrive at once: 8 times as long as under the lock, and 3 times with a rest.) So there it
leaves the time to those that arrive.
"""

import time
from collections.abc import Callable
from typing import Final

from threadchat.net.threads import threads_take_turns

SHARE: Final = 0.0 if threads_take_turns() else 3.0
"""How many times as long as a batch with a change of members has taken, the deliverer rests."""

MOST_SECONDS: Final = 0.035
"""The most seconds of that."""


class Resting:
    """When the deliverer may go on in a room. For the thread with the room's turn.

    `clock` counts seconds. `sleep` waits for so many.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        share: float = SHARE,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._clock = clock
        self._share = share
        self._sleep = sleep
        self._until = 0.0

    def note(self, began_at: float) -> None:
        """Take note that a batch with a change of members, begun at `began_at`, was shown."""
        if self._share:
            now = self._clock()
            self._until = now + min(self._share * (now - began_at), MOST_SECONDS)

    def rest(self) -> None:
        """Wait until it is time for the next batch."""
        if self._share and (left := self._until - self._clock()) > 0:
            self._sleep(left)
