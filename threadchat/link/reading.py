"""Read the log, entry by entry: what stands in it is to be shown, and who has which name.

What a node has read of each of the others is known by the numbers of their entries. A second copy
of an entry tells only that its batches have another place now. Its notices are not told again.
"""

from collections import deque
from collections.abc import Collection, Sequence

from threadchat.link.counting import here_after
from threadchat.link.deliveries import (
    Applied,
    Claimed,
    Delivery,
    EntriesMissed,
    Missed,
    NameLost,
    Noticed,
    PeopleCame,
    PeopleGone,
    PersonForgotten,
    PersonKnown,
    Unreadable,
)
from threadchat.link.ownentries import Item, OwnEntries, OwnEntry
from threadchat.link.ownpeople import OwnPeople
from threadchat.link.records import BadRecord, BatchRecord, EntryRecord, NoticeRecord, entry_of
from threadchat.link.roster import Changes, Roster
from threadchat.link.wire import GONE, POST, Claim, LogEntry, NameStep, Release, State, Sync
from threadchat.messages.places import Place


class LogReader:
    """What one node has read. `deliveries` takes what is to be done in the chat."""

    def __init__(
        self,
        node: str,
        own: OwnEntries,
        people: OwnPeople,
        roster: Roster,
        deliveries: deque[Delivery],
    ) -> None:
        self.epoch = ""
        """The epoch of the last entry; empty if there was none."""
        self.position = 0
        self._last: LogEntry | None = None  # None: the one at the position is not known
        self.linked: frozenset[str] = frozenset()
        """The other nodes that are linked."""
        self._node = node
        self._own = own
        self._people = people
        self._roster = roster
        self._deliveries = deliveries
        # The number of the last entry that was read of each node, and how many lines it had said
        # by then; None: that is not known, and does not concern this node.
        self._read_of: dict[str, tuple[int, int] | None] = {}

    def start_at(self, epoch: str, position: int) -> None:
        """Go on behind a position whose entry is not known."""
        self.epoch, self.position, self._last = epoch, position, None

    @property
    def tail(self) -> str:
        """The last entry that was read, as a text; empty if it is not known."""
        return "" if self._last is None else self._last.tail

    def take_state(self, state: State, *, is_first: bool) -> None:
        """Know what the broker keeps; `is_first` if nothing was read before."""
        self._tell(self._roster.replace(state.holdings))
        self.linked = frozenset(state.linked) - {self._node}
        if is_first:
            # What was said before this node came does not concern it.
            self._read_of = {
                it.node: None if it.said is None else (it.number, it.said) for it in state.known
            }

    def said(self) -> dict[str, int]:
        """Return how many lines each of the others had said by the last entry, as far as known."""
        return {node: read[1] for node, read in self._read_of.items() if read is not None}

    def take(self, entry: LogEntry) -> None:
        """Take the entry that comes next."""
        self.epoch, self.position, self._last = entry.epoch, entry.position, entry
        if entry.kind is POST:  # nearly all are
            if entry.node == self._node:
                self._read_own(entry)
            else:
                if entry.node not in self.linked:
                    self.linked |= {entry.node}
                self._read_other(entry)
        elif entry.kind is GONE:
            self.linked -= {entry.node}
            people = self._roster.gone(entry.node)
            if entry.node != self._node:
                self._tell(Changes(forgotten=people))
                self._deliveries.append(PeopleGone(entry.node, people))

    def _read_own(self, entry: LogEntry) -> None:
        is_again = entry.number <= self._own.read
        own = self._own.read_back(entry.number, entry.position)
        if own is None:
            return
        epoch, firsts = self.epoch, iter(entry.firsts)
        apart, batches = self._own_record(own, entry)
        grants = () if is_again else entry.grants()
        for step, granted in grants:
            self._tell(self._roster.take(self._node, step, granted))
        here = iter(() if is_again else here_after(batches, self._node, self._roster))
        for item in own.items:
            if item.notice is not None:
                if not (item.is_shown or is_again):
                    self._deliveries.append(Noticed(self._node, item.notice, True))
            elif item.step is None:
                first = Place(epoch, next(firsts, 0) if item.said else 0)
                is_shown = item.is_shown or is_again
                place, line, count = entry.position, item.line, next(here, None)
                self._deliveries.append(
                    Applied(place, first, self._node, line, None, item, is_shown, apart, count)
                )
        for step, granted in grants:
            self._take_own_step(step, granted)

    def _own_record(
        self, own: OwnEntry, entry: LogEntry
    ) -> tuple[tuple[float, float] | None, Sequence[BatchRecord]]:
        """Return when an own entry was said apart, if it was, and its batches."""
        if entry.payload == own.text and (records := own.records) is not None:
            return own.told_apart, records  # it need not be read: it is what was sent
        record = self._record_of(entry)
        return record.apart, record.batches

    def _take_own_step(self, step: NameStep, granted: Sequence[bool]) -> None:
        if isinstance(step, Claim):
            asked = self._people.asked(step)
            if asked is not None:  # else it was decided while there was no link
                self.decide(asked, granted[0])
        elif isinstance(step, Sync):
            for claim, is_theirs in zip(step.claims, granted, strict=True):
                has_it = self._people.claim_of(claim.fold, claim.person) is not None
                if has_it and not is_theirs:
                    self._people.drop(claim.fold)
                    self._deliveries.append(NameLost(claim.person, claim.fold))
                elif is_theirs and not has_it and self._people.asked(claim) is None:
                    # They were refused it just before, and it was free then.
                    self._own.add(Item(step=Release(claim.fold, claim.person)))

    def _read_other(self, entry: LogEntry) -> None:
        read = self._read_of.get(entry.node, (0, 0))
        is_again = read is not None and entry.number <= read[0]
        record = self._record_of(entry)
        if not is_again:
            if read is not None and entry.number > read[0] + 1:
                if record.said_before > read[1]:
                    self._deliveries.append(Missed(entry.node, record.said_before - read[1]))
                self._deliveries.append(EntriesMissed(entry.node))
            self._read_of[entry.node] = (entry.number, record.said_before + record.lines)
        freed = () if is_again else self._take_steps(entry)
        here = () if is_again else here_after(record.batches, entry.node, self._roster)
        batches = iter(batches_in(entry, record, is_shown=is_again, here=here))
        for item in record.items:
            if not isinstance(item, NoticeRecord):
                self._deliveries.append(next(batches))
            elif not is_again:
                self._deliveries.append(Noticed(entry.node, item, False, record.apart))
        for changes in freed:
            self._tell(changes)

    def _take_steps(self, entry: LogEntry) -> Collection[Changes]:
        """Take the steps about names in the entry of another node; return who is to be forgotten.

        Whoever reads that somebody came finds them here, and of whoever left it is known who that
        was: so names are freed behind what was said, if nobody has them again by then.
        """
        freed: dict[str, Changes] = {}
        for step, granted in entry.grants():
            changes = self._roster.take(entry.node, step, granted)
            if isinstance(step, Release):
                if changes.forgotten:
                    freed[step.fold] = changes
                continue
            for known in changes.known:
                self._tell(freed.pop(known.fold, Changes()))
            self._tell(changes)
            if changes.came:
                self._deliveries.append(PeopleCame(entry.node, changes.came))
        return freed.values()

    def _tell(self, changes: Changes) -> None:
        """Tell what has become of names of other nodes."""
        for known in changes.forgotten:
            if known.node != self._node:
                self._deliveries.append(PersonForgotten(known))
        for known in changes.known:
            if known.node != self._node:
                self._deliveries.append(PersonKnown(known))

    def _record_of(self, entry: LogEntry) -> EntryRecord:
        try:
            return entry_of(entry.payload)
        except BadRecord as error:
            self._deliveries.append(Unreadable(entry.position, str(error)))
            return EntryRecord(0)

    def decide(self, claim: Claim, is_theirs: bool) -> None:
        """Take note of what became of a claim, and tell it."""
        self._people.decide(claim, is_theirs)
        self._deliveries.append(Claimed(claim.person, claim.fold, is_theirs))


def batches_in(
    entry: LogEntry, record: EntryRecord, *, is_shown: bool, here: Sequence[int | None] = ()
) -> list[Applied]:
    """Return the batches of another node in an entry, each with its place.

    For `here` see `Applied`; it may be empty if it would hold None alone.
    """
    position, epoch, node, apart = entry.position, entry.epoch, entry.node, record.apart
    firsts, counts, line = iter(entry.firsts), iter(here), record.said_before + 1
    found = []
    for batch in record.batches:
        said = len(batch.said)
        first = Place(epoch, next(firsts, 0) if said else 0)
        count = next(counts, None)
        found.append(Applied(position, first, node, line, batch, None, is_shown, apart, count))
        line += said
    return found
