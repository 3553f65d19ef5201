"""Remember what was said in each room, and give each line its place.

This module keeps it in memory, up to limits; `sqlitehistory` keeps it in a file. A room appends a
batch at a time, during its turn and before the batch is sent to anybody (promise 2). Any thread may
read. Upper and lower case make no difference in the name of a room.

A place is an epoch and a number; the numbers of a room are consecutive within an epoch. No number
is given to two lines of a room in one epoch, whatever happens to the server. A line that was taken
back keeps its place. A line that was lost or forgotten leaves a gap.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heapreplace, merge
from itertools import islice
from math import inf
from threading import Lock

from threadchat.errors import PersonError
from threadchat.messages.apart import Apart
from threadchat.messages.kinds import Gap, Recalled, Spoken, TakenBack
from threadchat.messages.places import Place, new_epoch
from threadchat.storage.historystate import HistoryState
from threadchat.storage.remembered import MAX_LINE_BYTES, Kept, RememberedRoom
from threadchat.storage.searching import Found, OutOfTime, SearchStopped, SearchTurns
from threadchat.text.names import fold_name
from threadchat.text.search import Query, joined_words

MAX_REMEMBERED = 1000
"""How many messages of each room are kept in memory."""

MAX_ROOMS_REMEMBERED = 1000
"""How many rooms have messages kept in memory. There is a limit as anybody can open many rooms."""

MAX_BYTES = 64 * 1024 * 1024
"""How many bytes of memory the messages of all rooms take together."""

_DROPPED_AT_ONCE = 256 * 1024
"""How many bytes are dropped at once if there are too many: the room of that moment waits."""


class CannotTakeBack(PersonError):
    """A line is remembered, but cannot be taken back now. The text is one line: why."""


_Line = tuple[RememberedRoom, Kept, str | None]
"""A line that a search looks at: its room, itself, and what a search has made of it before."""


class History:
    """What was said in each room, in the one order in which it was said (promise 1).

    In memory the epoch is another one each time. A room that was forgotten because there were too
    many begins a new epoch if it is opened again.
    """

    state: HistoryState | None = None
    """How the file is doing; None if what is said stays in memory."""

    def __init__(
        self,
        limit: int = MAX_REMEMBERED,
        max_rooms: int = MAX_ROOMS_REMEMBERED,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._limit = limit
        self._max_rooms = max_rooms
        self._max_bytes = max_bytes
        self.open_rooms: Callable[[], Collection[str]] = tuple
        """Return the folded names of the rooms in which somebody is. The chat sets this."""
        self._lock = Lock()  # guards all below
        # Each room by its folded name; the longest silent is first.
        self._rooms: OrderedDict[str, RememberedRoom] = OrderedDict()
        self._bytes = 0  # what all of these take at most; lines said since the last count are full
        self._epoch = new_epoch()
        self._has_forgotten_rooms = False
        self._search_turns = SearchTurns()

    def append(self, room: str, batch: Sequence[Spoken]) -> None:
        """Remember all of `batch`, or nothing if this raises; set the places of its messages.

        If there is too much, some of it is forgotten: the oldest, but what was said in rooms in
        which nobody is goes before that.
        """
        self.append_moved(room, batch, ())

    def append_moved(self, room: str, batch: Sequence[Spoken], before: Sequence[int]) -> None:
        """Do as `append` with lines that stood until now at the numbers `before`; 0: nowhere.

        There they are as if taken back, and nobody is told of it. A line that was taken back there
        stays so.
        """
        fold = fold_name(room)
        with self._lock:
            said = self._rooms.get(fold) or self._opened(room)
            self._rooms.move_to_end(fold)
            said.append(batch, before)
            self._bytes += len(batch) * MAX_LINE_BYTES
            is_too_much = self._bytes > self._max_bytes or len(self._rooms) > self._max_rooms
        if is_too_much:
            self._keep_within_bounds()

    def set_topic(self, room: str, topic: str) -> None:
        """Remember the topic of `room`, which outlives the room; an empty text is none."""
        fold = fold_name(room)
        with self._lock:
            said = self._rooms.get(fold) or self._opened(room)
            self._rooms.move_to_end(fold)
            said.topic = topic
        self._keep_within_bounds()

    def topic(self, room: str) -> str:
        """Return the topic of `room`; an empty text if it has none."""
        with self._lock:
            said = self._rooms.get(fold_name(room))
            return "" if said is None else said.topic

    def topics(self) -> Mapping[str, str]:
        """Return the topics of all rooms that have one, by the names of the rooms."""
        with self._lock:
            return {it.name: it.topic for it in self._rooms.values() if it.topic}

    def _opened(self, room: str) -> RememberedRoom:
        """Begin to remember `room`, of which nothing is remembered yet; the lock is held."""
        epoch = new_epoch() if self._has_forgotten_rooms else self._epoch
        said = self._rooms[fold_name(room)] = RememberedRoom(room, epoch, self._limit)
        self._bytes += said.bytes
        return said

    def _keep_within_bounds(self) -> None:
        """Forget what is too much; the lock is not held."""
        # Looked at again with the lock. Without this, each batch would take the lock twice.
        if self._bytes <= self._max_bytes and len(self._rooms) <= self._max_rooms:
            return
        open_rooms = self.open_rooms()
        with self._lock:
            while len(self._rooms) > self._max_rooms:
                silent = (fold for fold in self._rooms if fold not in open_rooms)
                fold = next(silent, next(iter(self._rooms)))
                self._bytes -= self._rooms.pop(fold).bytes
                self._has_forgotten_rooms = True
            if self._bytes > self._max_bytes:
                self._bytes = sum(said.bytes for said in self._rooms.values())
            if self._bytes > self._max_bytes:
                for are_open in (False, True):
                    self._drop_oldest([it for it in self._rooms if (it in open_rooms) is are_open])

    @property
    def bytes(self) -> int:
        """How many bytes of memory all of it takes."""
        with self._lock:
            return sum(said.bytes for said in self._rooms.values())

    def _drop_oldest(self, folds: Sequence[str]) -> None:
        """Drop the oldest lines of these rooms until all is well within the bound."""
        goal = self._max_bytes - min(_DROPPED_AT_ONCE, self._max_bytes // 64)
        rooms = [self._rooms[fold] for fold in folds]
        oldest = [(said.lines[0].at, at) for at, said in enumerate(rooms) if said.lines]
        heapify(oldest)
        while oldest and self._bytes > goal:
            said = rooms[oldest[0][1]]
            before = said.bytes
            said.drop_oldest(self._bytes - goal, min(oldest[1:3], default=(inf, 0))[0])
            self._bytes += said.bytes - before
            if said.lines:
                heapreplace(oldest, (said.lines[0].at, oldest[0][1]))
            else:
                heappop(oldest)

    def recent(self, room: str, number: int) -> list[Spoken]:
        """Return the last `number` messages of `room`, oldest first, less those taken back."""
        with self._lock:
            said = self._rooms.get(fold_name(room))
            newest_first = (
                (it for it in reversed(said.lines) if isinstance(it, Spoken)) if said else ()
            )
            return list(islice(newest_first, max(0, number)))[::-1]

    def apart(self, room: str, said: Sequence[Spoken]) -> Sequence[Apart | None]:
        """Return, for each of `said` in `room`, when its server had no link, if it was said then.

        It is empty if that is so of none.
        """
        return ()

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
            line = said.at(place.seq)
            if not isinstance(line, Spoken):
                return None
            before = said.bytes
            taken_back = TakenBack(line.name, *place, said.last, at=line.at)
            said.take_back(taken_back)
            self._bytes += said.bytes - before
            return taken_back

    def forget(self, before: float) -> None:
        """Forget what was said before that time, in seconds since the epoch of the system.

        Rooms go on meanwhile: none of them waits for long.
        """
        with self._lock:
            rooms = list(self._rooms.values())
        for said in rooms:
            with self._lock:
                bytes_before = said.bytes
                said.drop_before(before)
                self._bytes += said.bytes - bytes_before

    def search(self, words: str, number: int) -> list[Found]:
        """Return the last `number` messages that have all of `words`, of any room, newest first.

        Raise `TooManyWords` if there are too many to look for, and `SearchStopped`, with what was
        found up to then, if that takes too long. A word with marks in it, such as `half-time`, is
        found only where it is written like that.
        """
        query = Query(words)
        found: list[Found] = []
        back_to = None
        with self._search_turns.search() as pace:
            with self._lock:
                rooms = [(said, said.last + 1) for said in self._rooms.values()]
            # Merged by time, but each room keeps its own order (promise 1).
            newest_first = merge(*(self._back_from(*it) for it in rooms), key=_newest)
            try:
                for said, line, joined in newest_first if query.phrases else ():
                    if len(found) >= number:
                        break
                    back_to = line.at
                    if isinstance(line, Spoken) and query.matches(
                        line.text, joined or self._join(said, line)
                    ):
                        found.append(Found(said.name, line))
                    pace.step()
            except OutOfTime:
                raise SearchStopped(found, back_to) from None
        return found

    def _back_from(self, said: RememberedRoom, end: int) -> Iterator[_Line]:
        """Yield the lines of a room before the number `end`, newest first; let others write."""
        while True:
            with self._lock:
                begin = max(said.first, end - _LINES_AT_ONCE)
                lines = [
                    (said, line, said.joined(line))
                    for line in (
                        said.lines[seq - said.first] for seq in range(end - 1, begin - 1, -1)
                    )
                ]
            if not lines:
                return
            yield from lines
            end = begin

    def _join(self, said: RememberedRoom, line: Spoken) -> str | None:
        """Return the words of a line, joined, and keep them for the next search."""
        if line.text.isascii():
            return None
        joined = joined_words(line.text)
        with self._lock:
            before = said.bytes
            said.keep_joined(line, joined)
            if self._rooms.get(fold_name(said.name)) is said:
                self._bytes += said.bytes - before
        self._keep_within_bounds()
        return joined

    def close(self) -> None:
        """Release what holds the messages; nothing is remembered after this."""
        with self._lock:
            self._rooms.clear()
            self._bytes = 0


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


_LINES_AT_ONCE = 64
"""How many lines a search takes from a room while the others wait for the lock."""


def _newest(it: _Line) -> float:
    return -it[1].at
