"""Know which place lines have in the order of several servers, beside their numbers in a history.

What a node said at once in a room is a *stretch*: its lines have consecutive numbers in the
history, consecutive places in the order, and are consecutive lines of that node. This module keeps
stretches in memory; `storedstretches` keeps them in the file of a history.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from threading import Lock
from typing import NamedTuple, Protocol

from threadchat.storage.history import MAX_REMEMBERED, MAX_ROOMS_REMEMBERED


class Stretch(NamedTuple):
    """Lines of a room from the number `seq` on, the first of them at `place` in `epoch`.

    Without an epoch, the order has not taken them yet. `line` is the number of the first of them
    among all that `node` said. `at` is the time of the first.
    """

    seq: int
    lines: int
    at: float
    epoch: str
    place: int
    node: str
    line: int
    shown: int = 0
    """The number at which the first was shown here; the order may have put it elsewhere since."""
    missed: int = 0
    """How many lines of the order were missed right before."""
    apart: tuple[float, float] | None = None
    """From when to when its node had no link, if it was said then."""
    is_moved: bool = False
    """Whether the lines stand elsewhere now: here is only where they were."""

    def holds(self, seq: int) -> bool:
        """Return whether the line with that number is one of these."""
        return self.seq <= seq < self.seq + self.lines

    def shown_of(self, seq: int) -> int:
        """Return the number at which the line with the number `seq` was shown here."""
        return (self.shown or self.seq) + seq - self.seq


Line = tuple[str, int]
"""A node, and the number of a line among all that it said."""


class Stretches(Protocol):
    """The stretches of all rooms, which are given by their folded names. Safe on any thread."""

    def add(self, room: str, last: Sequence[Stretch], moved: Collection[Stretch] = ()) -> None:
        """Add the last stretches of a room; the lines of `moved` stand there from now on."""

    def within(self, room: str, first: int, last: int) -> Sequence[Stretch]:
        """Return the stretches that have any of these numbers, in their order."""

    def at_place(self, room: str, epoch: str, place: int) -> Stretch | None:
        """Return the last stretch of an epoch that begins at `place` or before."""

    def of_lines(self, lines: Collection[Line]) -> Mapping[Line, tuple[str, Stretch]]:
        """Return where lines stand now, each with the room, as far as that is known."""

    def moved_of_line(self, node: str, line: int) -> Sequence[Stretch]:
        """Return the stretches in which a line of a node stood before it moved."""

    def last_line_of(self, node: str) -> int:
        """Return the number of the last line of a node that is known; 0 if none is."""

    def begin_of(self, room: str, epoch: str) -> int | None:
        """Return at which number the first line of an epoch was shown; None if there is none."""

    def forget(self, before: float) -> None:
        """Forget stretches that began before that time."""

    def state(self, cluster: str) -> str:
        """Return what `note_state` was given last; empty if nothing."""

    def note_state(self, cluster: str, state: str) -> None:
        """Keep how far the order of the servers called `cluster` was read."""


class RememberedStretches:
    """Stretches in memory: as many of each room as lines are remembered."""

    def __init__(self) -> None:
        self._lock = Lock()  # guards the two below
        self._rooms: OrderedDict[str, list[Stretch]] = OrderedDict()
        self._states: dict[str, str] = {}

    def add(self, room: str, last: Sequence[Stretch], moved: Collection[Stretch] = ()) -> None:
        """Add the last stretches of a room; drop the oldest if there are too many."""
        with self._lock:
            stretches = self._rooms.setdefault(room, [])
            for it in moved:
                self._mark_moved(stretches, it)
            self._rooms.move_to_end(room)
            stretches += last
            if len(stretches) > 2 * MAX_REMEMBERED:
                del stretches[:MAX_REMEMBERED]
            if len(self._rooms) > MAX_ROOMS_REMEMBERED:
                self._rooms.popitem(last=False)

    @staticmethod
    def _mark_moved(stretches: list[Stretch], moved: Stretch) -> None:
        index = bisect_left(stretches, moved.seq, key=lambda it: it.seq)
        if index < len(stretches) and stretches[index].seq == moved.seq:
            stretches[index] = moved._replace(is_moved=True)

    def within(self, room: str, first: int, last: int) -> Sequence[Stretch]:
        """Return the stretches that have any of these numbers, in their order."""
        found = []
        for stretch in self._newest(room):
            if stretch.seq + stretch.lines <= first:
                break
            if stretch.seq <= last:
                found.append(stretch)
        return found[::-1]

    def at_place(self, room: str, epoch: str, place: int) -> Stretch | None:
        """Return the last stretch of an epoch that begins at `place` or before."""
        found = (it for it in self._newest(room) if it.epoch == epoch and it.place <= place)
        return max(found, key=lambda it: (it.place, it.seq), default=None)

    def of_lines(self, lines: Collection[Line]) -> Mapping[Line, tuple[str, Stretch]]:
        """Return where lines stand now, each with the room, as far as that is known."""
        wanted: dict[str, list[int]] = {}
        for node, line in sorted(lines):
            wanted.setdefault(node, []).append(line)
        found: dict[Line, tuple[str, Stretch]] = {}
        with self._lock:
            for room, stretches in self._rooms.items():
                for it in stretches:
                    if it.is_moved or not (some := wanted.get(it.node)):
                        continue
                    begin = bisect_left(some, it.line)
                    end = bisect_left(some, it.line + it.lines, begin)
                    found.update(((it.node, line), (room, it)) for line in some[begin:end])
        return found

    def moved_of_line(self, node: str, line: int) -> Sequence[Stretch]:
        """Return the stretches in which a line of a node stood before it moved."""
        with self._lock:
            rooms = list(self._rooms)
        moved = (it for room in rooms for it in self._newest(room) if it.is_moved)
        return [it for it in moved if it.node == node and it.line <= line < it.line + it.lines]

    def last_line_of(self, node: str) -> int:
        """Return the number of the last line of a node that is known; 0 if none is."""
        with self._lock:
            rooms = list(self._rooms)
        of_node = (it for room in rooms for it in self._newest(room) if it.node == node)
        return max((it.line + it.lines - 1 for it in of_node), default=0)

    def begin_of(self, room: str, epoch: str) -> int | None:
        """Return at which number the first line of an epoch was shown; None if there is none."""
        return min(
            (it.shown or it.seq for it in self._newest(room) if it.epoch == epoch), default=None
        )

    def forget(self, before: float) -> None:
        """Forget stretches that began before that time."""
        with self._lock:
            for room, stretches in self._rooms.items():
                self._rooms[room] = [it for it in stretches if it.at >= before]

    def state(self, cluster: str) -> str:
        """Return what `note_state` was given last; empty if nothing."""
        with self._lock:
            return self._states.get(cluster, "")

    def note_state(self, cluster: str, state: str) -> None:
        """Keep how far the order was read, for as long as this server runs."""
        with self._lock:
            self._states[cluster] = state

    def _newest(self, room: str) -> Iterator[Stretch]:
        """Yield the stretches of a room, the newest first."""
        with self._lock:
            stretches = list(self._rooms.get(room, ()))
        return reversed(stretches)
