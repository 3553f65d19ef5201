"""Remember what was said in each room.

This module keeps it in memory, up to a limit; `sqlitehistory` keeps it in a file. A room appends a
batch at a time, during its turn and before the batch is sent to anybody (promise 2). Any thread may
read. Upper and lower case make no difference in the name of a room.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from threading import Lock

from threadchat.messages.kinds import Spoken
from threadchat.text.names import fold_name
from threadchat.text.search import index_words, phrases_of

MAX_REMEMBERED = 1000
"""How many messages of each room are kept in memory."""

MAX_ROOMS_REMEMBERED = 1000
"""How many rooms have messages kept in memory. There is a limit as anybody can open many rooms."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message that was said, and its room."""

    room: str
    message: Spoken


class History:
    """What was said in each room, in the one order in which it was said (promise 1)."""

    def __init__(self, limit: int = MAX_REMEMBERED, max_rooms: int = MAX_ROOMS_REMEMBERED) -> None:
        self._limit = limit
        self._max_rooms = max_rooms
        self._lock = Lock()  # guards the table
        # Each room by its folded name, with its name and messages; the longest silent is first.
        self._rooms: OrderedDict[str, tuple[str, deque[Spoken]]] = OrderedDict()

    def append(self, room: str, batch: Sequence[Spoken]) -> None:
        """Remember all of `batch`, or nothing if this raises.

        If there are too many rooms, the room that has been silent for longest is forgotten.
        """
        fold = fold_name(room)
        with self._lock:
            if fold not in self._rooms:
                self._rooms[fold] = room, deque(maxlen=self._limit)
            self._rooms[fold][1].extend(batch)
            self._rooms.move_to_end(fold)
            if len(self._rooms) > self._max_rooms:
                self._rooms.popitem(last=False)

    def recent(self, room: str, number: int) -> list[Spoken]:
        """Return the last `number` messages of `room`, oldest first."""
        with self._lock:
            _, said = self._rooms.get(fold_name(room)) or (room, ())
            return list(islice(said, max(0, len(said) - number), None))

    def search(self, words: str, number: int) -> list[Found]:
        """Return the last `number` messages that have all of `words`, of any room, newest first.

        A word with marks in it, such as `half-time`, is found only where it is written like that.
        """
        phrases = phrases_of(words)
        with self._lock:
            rooms = [(room, list(said)) for room, said in self._rooms.values()]
        # Merged by time, but each room keeps its own order (promise 1).
        hits = (_hits_in(room, said, phrases) for room, said in rooms)
        newest_first = merge(*hits, key=lambda found: -found.message.at)
        return list(islice(newest_first, max(0, number)))

    def close(self) -> None:
        """Release what holds the messages; nothing is remembered after this."""
        with self._lock:
            self._rooms.clear()


def _hits_in(room: str, said: Sequence[Spoken], phrases: Sequence[str]) -> Iterator[Found]:
    """Yield the messages that have all of `phrases`, newest first; other threads run meanwhile."""
    for number, message in enumerate(reversed(said), 1):
        if number % _MESSAGES_IN_A_ROW == 0:
            time.sleep(_REST_SECONDS)
        found = Found(room, message)
        if has_all(phrases, found):
            yield found


_MESSAGES_IN_A_ROW, _REST_SECONDS = 100, 1e-5
"""A search rests after so many messages; otherwise all might wait for the GIL until it ends."""


def has_all(phrases: Sequence[str], found: Found) -> bool:
    """Return whether a message has all of `phrases`; False if there are none."""
    if not phrases:
        return False
    words = f" {index_words(found.message.text)} "
    return all(f" {phrase} " in words for phrase in phrases)
