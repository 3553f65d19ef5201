"""Count what a server does: what rooms are shown, who is turned away, and why connections end.

Counting costs one lock and one look at the clock a batch, not one a message. Nothing that was
counted is ever taken back, so each number only grows.
"""

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from threadchat.access.limiter import RefusedFor
from threadchat.net.disconnect import Reason

WINDOW = 10
"""The seconds over which a rate is averaged."""

BOUNDS = (0.00025, 0.001, 0.004, 0.016, 0.064, 0.25, 1.0, 4.0)
"""The bounds by which the times of batches are counted, in seconds, each four times the one before.

A batch for a few people takes less than the first, one for 1,000 people some 0.01, one for 10,000
some 0.1. What takes longer than 1 waits for a disk.
"""

OTHER = "other"
"""Stands for reasons that are none of `Reason`: a program that embeds the server may have some."""


@dataclass(frozen=True, slots=True)
class BatchTimes:
    """How long batches took, from their beginning until all members had been handed theirs.

    - `counts`: how many took up to the first of `BOUNDS`, how many more up to the second, and so
      on; the last one is those that took longer.
    - `seconds`: how long all of them took together.
    """

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Tallied:
    """What was counted since the start, all at one moment. The rates are those a second.

    A rate is an average over the last `WINDOW` whole seconds, or over the time since the start if
    that is less.
    """

    messages: int
    messages_per_second: float
    deliveries: int
    deliveries_per_second: float
    batches: BatchTimes
    posts: int
    refusals: Mapping[str, int]
    ends: Mapping[str, int]


class Tally:
    """Counts for one server. Any thread may use it. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = int(clock())
        self._lock = Lock()  # guards all below
        self._messages = self._deliveries = self._posts = 0
        # The seconds in which something came, each with the two totals before it.
        self._marks: deque[tuple[int, int, int]] = deque(maxlen=WINDOW + 1)
        self._next_mark = float(self._started)  # as the clock's times: those are compared fastest
        self._times = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._refusals: dict[str, int] = dict.fromkeys(map(str, RefusedFor), 0)
        self._ends: dict[str, int] = dict.fromkeys((*map(str, Reason), OTHER), 0)

    def shown(self, messages: int, deliveries: int, began_at: float) -> None:
        """Count a batch that has just been shown, and was begun at `began_at` on the clock."""
        # One function for all of it: this runs for each batch.
        now = self._clock()
        with self._lock:
            if now >= self._next_mark:
                second = int(now)
                self._marks.append((second, self._messages, self._deliveries))
                self._next_mark = second + 1.0
            self._messages += messages
            self._deliveries += deliveries
            seconds = now - began_at
            self._times[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds

    def posted(self) -> None:
        """Count a post by which a hook has spoken."""
        with self._lock:
            self._posts += 1

    def refused(self, why: RefusedFor) -> None:
        """Count a client that was turned away."""
        with self._lock:
            self._refusals[why] += 1

    def ended(self, why: str) -> None:
        """Count an end by the `Reason` with which `why` begins.

        Behind that may stand words behind a colon, and before these an operator, as in "kicked by
        al: too loud". They name people, so nothing is counted by them.
        """
        reason = why.partition(":")[0].partition(" by ")[0]
        with self._lock:
            self._ends[reason if reason in self._ends else OTHER] += 1

    def figures(self) -> Tallied:
        """Return what was counted."""
        with self._lock:
            now = int(self._clock())
            seconds = max(1, min(WINDOW, now - self._started))
            messages, deliveries = self._before(now)
            messages_before, deliveries_before = self._before(now - seconds)
            return Tallied(
                self._messages,
                (messages - messages_before) / seconds,
                self._deliveries,
                (deliveries - deliveries_before) / seconds,
                BatchTimes(tuple(self._times), self._seconds),
                self._posts,
                dict(self._refusals),
                dict(self._ends),
            )

    def _before(self, second: int) -> tuple[int, int]:
        """Return the totals before `second`."""
        for mark, messages, deliveries in self._marks:
            if mark >= second:
                return messages, deliveries
        return self._messages, self._deliveries
