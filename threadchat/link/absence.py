"""Know how far an earlier run of a server has read the log, and what it missed since.

What the others said while a server did not run is read from the log at the next start, as far as
it is there still, for the history alone: nobody is shown it as if it were said now.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from threadchat.link.deliveries import Delivery, Missed, Unreadable
from threadchat.link.reading import batches_in
from threadchat.link.records import BadRecord, entry_of
from threadchat.link.wire import Kind, LogEntry

MAX_NODES = 1000
"""Of how many nodes it is kept how much they had said."""


@dataclass(frozen=True, slots=True)
class ReadUpTo:
    """How far a log was read: the last entry, and how many lines each node had said by then."""

    epoch: str
    position: int
    tail: str
    said: Mapping[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All of it as a text."""
        said = dict(list(self.said.items())[-MAX_NODES:])
        return json.dumps([self.epoch, self.position, self.tail, said])


def read_up_to(text: str) -> ReadUpTo | None:
    """Return what has the `text`; None if nothing has."""
    try:
        epoch, position, tail, said = json.loads(text)
        counts = {str(node): int(number) for node, number in said.items()}
        return ReadUpTo(str(epoch), int(position), str(tail), counts)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


class Log(Protocol):
    """A log of which any part can be read."""

    def between(self, after: int, up_to: int | None) -> Sequence[LogEntry]:
        """Return the next entries behind a position, some at once; none at the end."""


class Absence:
    """What was missed since the log was read up to `before`. For one thread at a time."""

    def __init__(self, before: ReadUpTo) -> None:
        self._before = before
        self._position = -1  # not looked for yet
        self._said = dict(before.said)

    def read(self, log: Log, up_to: int | None = None) -> Iterator[list[Delivery]]:
        """Yield what stands in the log behind what was read, up to a position or to its end.

        If the log is another one by now, that is all of it: what is known already changes nothing.
        """
        if self._position < 0:
            self._position = self._begin_in(log)
        last = self._last_of_each(log, up_to)
        while entries := log.between(self._position, up_to):
            found: list[Delivery] = []
            for entry in entries:
                if last.get((entry.node, entry.number), 0) <= entry.position:
                    found += self._deliveries_of(entry)
            yield found
            self._position = entries[-1].position

    def _last_of_each(self, log: Log, up_to: int | None) -> dict[tuple[str, int], int]:
        """Return where each entry stands last: its lines have gone there from where they were.

        That a node is gone stands there with the number of its last entry, and is no copy of that.
        """
        last: dict[tuple[str, int], int] = {}
        position = self._position
        while entries := log.between(position, up_to):
            posts = (it for it in entries if it.kind is Kind.POST)
            last.update({(it.node, it.number): it.position for it in posts})
            position = entries[-1].position
        return last

    def _begin_in(self, log: Log) -> int:
        position = self._before.position
        for entry in log.between(position - 1, position)[:1]:
            if (entry.position, entry.epoch, entry.tail) == (
                position,
                self._before.epoch,
                self._before.tail,
            ):
                return position
        return 0

    def _deliveries_of(self, entry: LogEntry) -> Iterator[Delivery]:
        if entry.kind is not Kind.POST:
            return
        try:
            record = entry_of(entry.payload)
        except BadRecord as error:
            yield Unreadable(entry.position, str(error))
            return
        known = self._said.get(entry.node)
        if known is not None and record.said_before > known:
            yield Missed(entry.node, record.said_before - known)
        if known is not None:
            self._said[entry.node] = max(known, record.said_before + record.lines)
        yield from batches_in(entry, record, is_shown=True)
