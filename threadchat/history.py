"""Remember what was said, each room by itself.

For now in memory, as much of it as `limit` allows. A room appends under its turn, a batch at a
time and before anybody is sent it (promise 2); reading is possible from any thread.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from threading import Lock

from threadchat.messages import Spoken

MAX_REMEMBERED = 1000
"""How many messages of each room are kept in memory."""


class History:
    """What was said in each room, in the one order in which it was said (promise 1)."""

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._lock = Lock()
        self._rooms: dict[str, deque[Spoken]] = {}

    def append(self, room: str, batch: Sequence[Spoken]) -> None:
        """Remember `batch`, all of it or, if this raises, nothing."""
        with self._lock:
            self._rooms.setdefault(room, deque(maxlen=self._limit)).extend(batch)

    def recent(self, room: str, number: int) -> list[Spoken]:
        """Return the last `number` messages of `room`, oldest first."""
        with self._lock:
            said = self._rooms.get(room, ())
            return list(islice(said, max(0, len(said) - number), None))

    def close(self) -> None:
        """Let go of whatever holds the messages; nothing is remembered after this."""
        with self._lock:
            self._rooms.clear()
