"""Hold the members of a room, and hand them its batches.

Members whose format can wait come after the others. So nobody at a terminal waits for what browsers
are sent, which takes longer to render and is longer.

While a room is busy, they take several batches at once. Each batch that is sent costs a call of the
system for each member, so this leaves the time to those that cannot wait. Members that have the
same unsent are not even called for a batch: it is added once for all of them.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from operator import attrgetter
from weakref import ref

from threadchat.chat.batch import Batch, RenderedBatch
from threadchat.chat.interfaces import Gathering, Member
from threadchat.messages.format import Format

REST = 9.0
"""After members that can wait were sent something, how many times as long they are sent nothing.

So sending to them takes a tenth of the time at most. What they get meanwhile waits.
"""

MOST_REST = 0.035
"""The most seconds of that."""

Failed = Callable[[str, Exception], None]
"""Is told what was being done, and an error that one member raised."""

_ignores = attrgetter("ignores")


class Members(dict[Member, None]):
    """The members of one room, in the order of joining. For the thread with the room's turn.

    It is a set that keeps the order. `clock` counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._can_wait: tuple[Member, ...] = ()
        self._cannot: tuple[Member, ...] = ()  # the others; empty if nobody can
        self._is_sorted = True
        self._rests_until = 0.0
        self._some_waits = False  # whether a page was handed to those since then
        # The members that have the same unsent, and the others that can wait. It is theirs, and is
        # not kept here once they have sent it.
        self._together: list[tuple[ref[Gathering], Sequence[Member]]] = []
        self._apart: Sequence[Member] = ()

    def add(self, members: Collection[Member]) -> None:
        """Add `members` at the end."""
        self.update(dict.fromkeys(members))
        # While nobody can wait there is nothing to sort: a crowd that arrives is not looked
        # through again with each batch.
        if self._can_wait or any(member.format.can_wait for member in members):
            self._is_sorted = False

    def remove(self, members: Iterable[Member]) -> None:
        """Remove those of `members` that are here."""
        for member in members:
            self.pop(member, None)
        if self._can_wait:
            self._is_sorted = False

    def hand_out(self, batch: Batch, failed: Failed) -> None:
        """Hand every member its page of `batch`.

        `failed` is called with what was being done and an error that one member's `deliver` raised.
        """
        if not self._is_sorted:
            self._sort()
        if not self._can_wait:
            self._hand(batch, self, {}, failed)
            return
        rendered: dict[Format, RenderedBatch] = {}
        self._hand(batch, self._cannot, rendered, failed)
        began_at = self._clock()
        # A thread waits for each change of members, so a batch with one is sent at once.
        is_late = began_at < self._rests_until and bool(self._cannot) and not batch.changes
        if batch.changes:
            # One may go on through another connection now: that has not the same unsent.
            self._together, self._apart = [], self._can_wait
        if is_late or self._some_waits:
            self._hand_later(batch, rendered, failed)
        else:
            self._hand(batch, self._can_wait, rendered, failed)
        if is_late:
            self._some_waits = True
        else:
            if self._some_waits:
                # After all of them have got the page, so that it is known how many have the same.
                self._send_waiting(failed)
            now = self._clock()
            self._rests_until = now + min(REST * (now - began_at), MOST_REST)

    def _hand(
        self,
        batch: Batch,
        members: Iterable[Member],
        rendered_in: dict[Format, RenderedBatch],
        failed: Failed,
    ) -> None:
        """Hand `members` their pages."""
        format, not_for = None, batch.not_for
        for member in members:
            try:
                wanted = member.format  # read once: the member's own thread may change it
                if wanted is not format:
                    rendered = _rendered(batch, wanted, rendered_in)
                    format = wanted
                    whole = rendered.whole
                # The fast way: where one speaks and many listen, all but one get the whole.
                if whole and not (member in not_for or member.ignores):
                    member.deliver(whole)
                elif page := rendered.page_for(member):
                    member.deliver(page)
            except Exception as error:
                # One member's failure is that member's alone (promise 8).
                failed(f"delivering to {member.name}", error)

    def _hand_later(
        self, batch: Batch, rendered_in: dict[Format, RenderedBatch], failed: Failed
    ) -> None:
        """Hand the members that can wait their pages, to be sent later.

        What all get is added once for those that have the same unsent; a busy room does nothing
        else for them with most of its batches.
        """
        together, one_by_one = [], list(self._apart)
        for known, members in self._together:
            if _add_for_all(known(), members, batch, rendered_in, failed):
                together.append((known, members))
            else:
                one_by_one += members
        same: dict[Gathering, list[Member]] = {}
        apart = []
        for member in one_by_one:
            gathering = None
            try:
                rendered = _rendered(batch, member.format, rendered_in)
                if rendered.whole and not (member in batch.not_for or member.ignores):
                    gathering = member.deliver_later(rendered.whole)
                elif page := rendered.page_for(member):
                    member.deliver_later(page)
            except Exception as error:
                failed(f"delivering to {member.name}", error)
            if gathering is None:
                apart.append(member)
            else:
                same.setdefault(gathering, []).append(member)
        together += [(ref(gathering), members) for gathering, members in same.items()]
        self._together, self._apart = together, apart

    def _send_waiting(self, failed: Failed) -> None:
        """Have the members that can wait sent what they have unsent."""
        self._some_waits, self._together, self._apart = False, [], self._can_wait
        for member in self._can_wait:
            try:
                member.deliver_later(b"")
            except Exception as error:
                failed(f"delivering to {member.name}", error)

    def _sort(self) -> None:
        self._can_wait = tuple(member for member in self if member.format.can_wait)
        self._cannot = ()
        if self._can_wait:
            self._cannot = tuple(member for member in self if not member.format.can_wait)
        self._together, self._apart = [], self._can_wait
        self._is_sorted = True


def _rendered(
    batch: Batch, format: Format, rendered_in: dict[Format, RenderedBatch]
) -> RenderedBatch:
    rendered = rendered_in.get(format)
    if rendered is None:
        rendered = rendered_in[format] = RenderedBatch(batch, format)
    return rendered


def _add_for_all(
    gathering: Gathering | None,
    members: Sequence[Member],
    batch: Batch,
    rendered_in: dict[Format, RenderedBatch],
    failed: Failed,
) -> bool:
    """Add the page to what all `members` have unsent; return False if each is to be handed it."""
    if gathering is None or not batch.not_for.keys().isdisjoint(members):
        return False
    try:
        whole = _rendered(batch, members[0].format, rendered_in).whole
        return bool(whole) and not any(map(_ignores, members)) and gathering.add(whole)
    except Exception as error:
        failed(f"delivering to {members[0].name} and others", error)
        return False
