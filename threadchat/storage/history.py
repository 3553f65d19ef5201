"""Remember what was said in each room, and give each line its place.

This module keeps it in memory, up to a limit; `sqlitehistory` keeps it in a file. A room appends a
batch at a time, during its turn and before the batch is sent to anybody (promise 2). Any thread may
read. Upper and lower case make no difference in the name of a room.

A place is an epoch and a number; the numbers of a room are consecutive within an epoch. No number
is given to two lines of a room in one epoch, whatever happens to the server. A line that was taken
back keeps its place. A line that was lost or forgotten leaves a gap.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from threading import Lock

from threadchat.errors import PersonError
from threadchat.messages.kinds import Gap, Recalled, Spoken, TakenBack
from threadchat.messages.places import Place, new_epoch
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


class CannotTakeBack(PersonError):
    """A line is remembered, but cannot be taken back now. The text is one line: why."""


Kept = Spoken | TakenBack
"""What a history keeps at a place."""


@dataclass(slots=True)
class _Room:
    """What was said in one room; `last` is the last number that was given."""

    name: str
    epoch: str
    lines: deque[Kept]
    last: int = 0
    topic: str = ""
    taken_back: deque[TakenBack] = field(default_factory=lambda: deque(maxlen=MAX_REMEMBERED))
    """The lines that were taken back, in the order in which that happened."""


class History:
    """What was said in each room, in the one order in which it was said (promise 1).

    In memory the epoch is another one each time. A room that was forgotten because there were too
    many begins a new epoch if it is opened again.
    """

    def __init__(self, limit: int = MAX_REMEMBERED, max_rooms: int = MAX_ROOMS_REMEMBERED) -> None:
        self._limit = limit
        self._max_rooms = max_rooms
        self._lock = Lock()  # guards all below
        # Each room by its folded name; the longest silent is first.
        self._rooms: OrderedDict[str, _Room] = OrderedDict()
        self._epoch = new_epoch()
        self._has_forgotten_rooms = False

    def append(self, room: str, batch: Sequence[Spoken]) -> None:
        """Remember all of `batch`, or nothing if this raises; set the places of its messages.

        If there are too many rooms, the room that has been silent for longest is forgotten.
        """
        with self._lock:
            said = self._entered(room)
            set_places(batch, said.epoch, said.last + 1)
            said.last += len(batch)
            said.lines.extend(batch)

    def set_topic(self, room: str, topic: str) -> None:
        """Remember the topic of `room`, which outlives the room; an empty text is none."""
        with self._lock:
            self._entered(room).topic = topic

    def topic(self, room: str) -> str:
        """Return the topic of `room`; an empty text if it has none."""
        with self._lock:
            said = self._rooms.get(fold_name(room))
            return "" if said is None else said.topic

    def _entered(self, room: str) -> _Room:
        """Return what is remembered of `room`, which is not silent now; the lock is held."""
        fold = fold_name(room)
        if fold not in self._rooms:
            epoch = new_epoch() if self._has_forgotten_rooms else self._epoch
            self._rooms[fold] = _Room(room, epoch, deque(maxlen=self._limit))
        self._rooms.move_to_end(fold)
        if len(self._rooms) > self._max_rooms:
            self._rooms.popitem(last=False)
            self._has_forgotten_rooms = True
        return self._rooms[fold]

    def recent(self, room: str, number: int) -> list[Spoken]:
        """Return the last `number` messages of `room`, oldest first, less those taken back."""
        with self._lock:
            said = self._rooms.get(fold_name(room))
            newest_first = (
                (it for it in reversed(said.lines) if isinstance(it, Spoken)) if said else ()
            )
            return list(islice(newest_first, max(0, number)))[::-1]

    def last_place(self, room: str) -> Place:
        """Return the place of the last line of `room`; the number is 0 if there is none."""
        with self._lock:
            said = self._rooms.get(fold_name(room))
            if said is not None:
                return Place(said.epoch, said.last)
            return Place(new_epoch() if self._has_forgotten_rooms else self._epoch, 0)

    def since(self, room: str, place: Place, limit: int) -> list[Recalled] | None:
        """Return what came after `place` in `room`, oldest first; None if that is a new beginning.

        It is a new beginning where the epoch is another one. At first come, out of their order,
        lines up to `place` that were taken back since. Then come the last `limit` lines, with a
        `Gap` wherever lines are missing, because they are not remembered or beyond `limit`.
        """
        with self._lock:
            said = self._rooms.get(fold_name(room))
            if said is None:
                return [] if place == (self._epoch, 0) and not self._has_forgotten_rooms else None
            if said.epoch != place.epoch or place.seq > said.last:
                return None
            number = min(len(said.lines), said.last - place.seq, max(0, limit))
            lines = list(islice(said.lines, len(said.lines) - number, None))
            first = said.last + 1 - number
            told = [it for it in said.taken_back if it.seq <= place.seq <= it.after]
            return [*told, *with_gaps(enumerate(lines, first), place.seq, said.last)]

    def take_back(self, room: str, place: Place) -> TakenBack | None:
        """Delete the text of the line at `place`; return what stands there then.

        Return None if the line is not remembered, or was taken back before. Raise
        `CannotTakeBack`.
        """
        with self._lock:
            said = self._rooms.get(fold_name(room))
            if said is None or place.epoch != said.epoch:
                return None
            index = place.seq - 1 - said.last + len(said.lines)
            if not 0 <= index < len(said.lines):
                return None
            line = said.lines[index]
            if not isinstance(line, Spoken):
                return None
            taken_back = TakenBack(line.name, *place, said.last, at=line.at)
            said.lines[index] = taken_back
            said.taken_back.append(taken_back)
            return taken_back

    def forget(self, before: float) -> None:
        """Forget what was said before that time, in seconds since the epoch of the system.

        Rooms go on meanwhile: none of them waits for long.
        """
        with self._lock:
            rooms = list(self._rooms.values())
        for said in rooms:
            with self._lock:
                while said.lines and said.lines[0].at < before:
                    said.lines.popleft()

    def search(self, words: str, number: int) -> list[Found]:
        """Return the last `number` messages that have all of `words`, of any room, newest first.

        A word with marks in it, such as `half-time`, is found only where it is written like that.
        """
        phrases = phrases_of(words)
        with self._lock:
            rooms = [(said.name, list(said.lines)) for said in self._rooms.values()]
        # Merged by time, but each room keeps its own order (promise 1).
        hits = (_hits_in(room, said, phrases) for room, said in rooms)
        newest_first = merge(*hits, key=lambda found: -found.message.at)
        return list(islice(newest_first, max(0, number)))

    def close(self) -> None:
        """Release what holds the messages; nothing is remembered after this."""
        with self._lock:
            self._rooms.clear()


def set_places(batch: Sequence[Spoken], epoch: str, first: int) -> None:
    """Give the messages of `batch` consecutive places, beginning with the number `first`."""
    for seq, message in enumerate(batch, first):
        message.epoch = epoch
        message.seq = seq


def with_gaps(lines: Iterable[tuple[int, Kept]], seq: int, last: int) -> Iterator[Recalled]:
    """Yield `lines`, each given with its number, with a `Gap` wherever numbers are missing.

    `seq` is the number before the first of them, and `last` the last one that was given.
    """
    for number, line in lines:
        if number > seq + 1:
            yield Gap(number - seq - 1)
        yield line
        seq = number
    if last > seq:
        yield Gap(last - seq)


def _hits_in(room: str, said: Sequence[Kept], phrases: Sequence[str]) -> Iterator[Found]:
    """Yield the messages that have all of `phrases`, newest first; other threads run meanwhile."""
    for number, message in enumerate(reversed(said), 1):
        if number % _MESSAGES_IN_A_ROW == 0:
            time.sleep(_REST_SECONDS)
        if isinstance(message, Spoken):
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
