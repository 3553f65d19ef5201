"""Keep what a node has to say until every linked node has read it.

What waits becomes one entry when there is room for one on the way. An entry has a number and never
changes from then on, so that a second copy can be told, and dropped. It is forgotten only when all
linked nodes have read it, as the broker may lose what it had already confirmed.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from threadchat.link.records import BatchRecord, NoticeRecord
from threadchat.link.wire import NameStep


@dataclass(slots=True, eq=False)
class Item:
    """A batch of a room, a notice, or a step about names, that waits for its place in the order.

    `text` is the batch or the notice as a record, and `said` how many lines it has that somebody
    said. `at` is the time of it in seconds since the epoch of the system. `handle` is whatever the
    caller wants to have back with it.
    """

    room: str = ""
    text: str = ""
    said: int = 0
    at: float = 0.0
    handle: object = None
    record: BatchRecord | None = None
    """The batch that `text` is of, if the caller keeps it."""
    step: NameStep | None = None
    notice: NoticeRecord | None = None
    line: int = 0
    """The number of the first line of it that somebody said, among all that the node has said."""
    numbered: Callable[[int], None] | None = None
    """Called with that number before anything else comes of it; it must neither wait nor raise."""
    is_shown: bool = False
    """Whether it was shown already, while there was no link."""

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""
        return len(self.text) + 64


@dataclass(slots=True, eq=False)
class OwnEntry:
    """An entry of the node's own, with `said` lines; all of its entries before have `said_before`.

    `weight` is about how many bytes it takes.
    """

    number: int
    items: list[Item]
    said_before: int
    said: int
    weight: int
    apart: tuple[float, float] | None = None
    """From when to when it was said, if that was while there was no link."""
    sent_at: float = 0.0
    text: str = ""
    """What was sent last as the record of it, and what that tells of `apart`."""
    told_apart: tuple[float, float] | None = None
    position: int = 0  # where it was read back; 0: not yet

    @property
    def steps(self) -> tuple[NameStep, ...]:
        """The steps about names in it."""
        return tuple([it.step for it in self.items if it.step is not None])

    @property
    def records(self) -> list[BatchRecord] | None:
        """The batches in it; None if one of them was not kept as a record."""
        records = []
        for item in self.items:
            if item.record is not None:
                records.append(item.record)
            elif item.step is None and item.notice is None:
                return None
        return records


class OwnEntries:
    """What a node has to say, in the order in which it said it.

    At most `in_flight` entries are on the way at once, of about `entry_bytes` each at most. Of
    those that were read back, about `kept_bytes` are kept at most.
    """

    def __init__(self, in_flight: int, entry_bytes: int, kept_bytes: int) -> None:
        self._in_flight = in_flight
        self._entry_bytes = entry_bytes
        self._kept_bytes = kept_bytes
        self._waiting: deque[Item] = deque()
        self._entries: deque[OwnEntry] = deque()
        self._said = 0  # how many lines all entries have, up to the last one
        self._added = 0  # the same with what waits
        self._sent = 0  # the number of the last one that is on the way, or was
        self._read = 0  # the number of the last one that was read back
        self._on_the_way = 0
        # From when to when that was said which is to be marked.
        self._apart: tuple[float, float] | None = None
        self.last = 0
        """The number of the last entry."""
        self.waiting_bytes = 0
        """About how many bytes are not in the order yet."""
        self.read_bytes = 0
        """About how many bytes are kept of entries that have been read back."""

    @property
    def read(self) -> int:
        """The number of the last entry that was read back."""
        return self._read

    @property
    def base(self) -> int:
        """The number before that of the first entry that is kept."""
        return self._entries[0].number - 1 if self._entries else self.last

    def add(self, item: Item) -> None:
        """Have `item` wait for the next entry; its lines are numbered."""
        item.line = self._added + 1
        self._added += item.said
        if item.numbered is not None:
            item.numbered(item.line)
        self._waiting.append(item)
        self.waiting_bytes += item.weight

    def add_first(self, item: Item) -> None:
        """Have `item` go into the next entry, before all that waits."""
        self._waiting.appendleft(item)
        self.waiting_bytes += item.weight

    @property
    def has_more(self) -> bool:
        """Whether `take` returns an entry."""
        if self._on_the_way >= self._in_flight:
            return False
        return bool(self._waiting) or self._has_to_send_again

    @property
    def _has_to_send_again(self) -> bool:
        return self._sent < self.last and self.base < self.last

    def take(self, now: float) -> OwnEntry | None:
        """Return the entry to send next; None if there is none, or too many are on the way."""
        if not self.has_more:
            return None
        again = self._kept(max(self._sent, self.base) + 1) if self._has_to_send_again else None
        entry = again or self._form()
        self._sent, entry.sent_at = entry.number, now
        self._on_the_way += 1
        return entry

    def _form(self) -> OwnEntry:
        """Make one entry of what waits. What was shown already is not mixed with what was not."""
        waiting, items = self._waiting, []
        said = weight = 0
        is_shown = waiting[0].is_shown
        while waiting and weight < self._entry_bytes and waiting[0].is_shown is is_shown:
            items.append(item := waiting.popleft())
            said += item.said
            weight += item.weight
        self.last += 1
        apart = self._apart if is_shown else None
        entry = OwnEntry(self.last, items, self._said, said, weight, apart)
        self._said += said
        self._entries.append(entry)
        return entry

    def answered(self) -> None:
        """Take note that the broker has answered to one that was on the way."""
        self._on_the_way = max(0, self._on_the_way - 1)

    def read_back(self, number: int, position: int) -> OwnEntry | None:
        """Take note of where an entry was read; return it, or None if it is not kept any more."""
        entry = self._kept(number)
        if entry is not None:
            if number > self._read:
                self._read = number
                self.waiting_bytes -= entry.weight
                self.read_bytes += entry.weight
            entry.position = position
            self._keep_within_bounds()
        return entry

    def _kept(self, number: int) -> OwnEntry | None:
        """Return the entry with that number; None if it is not there, or not kept any more."""
        entries = self._entries
        if not entries:
            return None
        # Numbers are consecutive. What is asked for is near one of the ends.
        place = number - entries[0].number
        return entries[place] if 0 <= place < len(entries) else None

    def _keep_within_bounds(self) -> None:
        while self.read_bytes > self._kept_bytes and self._entries[0].position:
            self._drop_first()

    def settle(self, position: int) -> None:
        """Forget the entries that all linked nodes have read: those up to `position`."""
        while self._entries and 0 < self._entries[0].position <= position:
            self._drop_first()

    def _drop_first(self) -> None:
        self.read_bytes -= self._entries.popleft().weight

    def cut(self) -> None:
        """Take note that nothing is on the way any more, as the connection is gone."""
        self._on_the_way = 0

    def resume(self, last: int, *, is_new_epoch: bool) -> None:
        """Have all entries sent again that the broker does not know: those beyond `last`."""
        self._sent = last
        if is_new_epoch:
            for entry in self._entries:
                entry.position = 0

    def unread(self) -> Iterator[Item]:
        """Yield what is not in the order yet, as far as is known, in its order."""
        for entry in self._entries:
            if entry.number > self._read:
                yield from entry.items
        yield from self._waiting

    def oldest_unread(self) -> float | None:
        """Return when the first entry was sent that was not read back; None if there is none."""
        entry = self._kept(self._read + 1)
        return None if entry is None or entry.number > self._sent else entry.sent_at

    def drop_waiting_steps(self) -> None:
        """Forget steps about names that are in no entry: all names will be told anew."""
        kept = [it for it in self._waiting if it.step is None]
        self.waiting_bytes -= sum(it.weight for it in self._waiting if it.step is not None)
        self._waiting = deque(kept)

    def mark_apart(self) -> None:
        """Mark what was shown while there was no link, with the times of the first and the last."""
        times = [it.at for it in self.unread() if it.is_shown]
        self._apart = (min(times), max(times)) if times else None
        for entry in self._entries:
            if entry.number > self._read and any(it.is_shown for it in entry.items):
                entry.apart = entry.apart or self._apart
