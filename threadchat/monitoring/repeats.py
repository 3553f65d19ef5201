"""Log what repeats from one address once, and then once a minute with how often it was.

A client that is refused may come again a thousand times a second. With a line for each time, it
would fill the log, and push all else out of the files.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from threadchat.monitoring.events import Refused

EVERY: Final = 60.0
"""Seconds from one line about an address to the next."""

MAX_KNOWN: Final = 1000
"""How many addresses are counted one by one. The rest are counted together."""

OTHERS: Final = "other addresses"


@dataclass(slots=True)
class _Count:
    due: float
    """The time of the next line."""
    times: int = 0


class Repeats:
    """Passes refusals on to `note`, which must neither wait nor raise. Any thread may use it.

    `clock` counts seconds, like `time.monotonic`.
    """

    def __init__(self, note: Callable[[Refused], None], clock: Callable[[], float]) -> None:
        self._note = note
        self._clock = clock
        self._lock = Lock()  # guards the counts below
        self._counts: dict[tuple[str, str], _Count] = {}

    def refused(self, origin: str, address: str, why: str) -> None:
        """Note, or count, that a client at `address` was refused.

        `origin` is what its address counts as, without a port.
        """
        with self._lock:
            key = origin, why
            if key not in self._counts and len(self._counts) >= MAX_KNOWN:
                key = OTHERS, why
            count = self._counts.get(key)
            if count is not None:
                count.times += 1
                return
            self._counts[key] = _Count(self._clock() + EVERY)
        self._note(Refused(address, why))

    def look(self) -> None:
        """Note what was counted, where that is due. To be called about once a second."""
        now = self._clock()
        self._tell(lambda count: count.due <= now)

    def close(self) -> None:
        """Note all that was counted."""
        self._tell(lambda count: True)

    def _tell(self, is_due: Callable[[_Count], bool]) -> None:
        events = []
        with self._lock:
            for key, count in [*self._counts.items()]:
                if not is_due(count):
                    continue
                if count.times:
                    events.append(Refused(*key, count.times))
                    self._counts[key] = _Count(self._clock() + EVERY)
                else:
                    del self._counts[key]
        for event in events:
            self._note(event)
