"""Hold the members of a room, and hand them its batches.

Members whose format can wait come after the others. So nobody at a terminal waits for what browsers
are sent, which takes longer to render and is longer.

While a room is busy, they take several batches at once. Each batch that is sent costs a call of the
system for each member, so this leaves the time to those that cannot wait.
"""

import time
from collections.abc import Callable, Collection, Iterable

from threadchat.chat.batch import Batch, RenderedBatch
from threadchat.chat.interfaces import Member
from threadchat.messages.format import Format

REST = 9.0
"""After members that can wait were sent something, how many times as long they are sent nothing.

So sending to them takes a tenth of the time at most. What they get meanwhile waits.
"""

MOST_REST = 0.035
"""The most seconds of that."""


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

    def hand_out(self, batch: Batch, failed: Callable[[str, Exception], None]) -> None:
        """Hand every member its page of `batch`.

        `failed` is called with what was being done and an error that one member's `deliver` raised.
        """
        if not self._is_sorted:
            self._sort()
        if not self._can_wait:
            self._hand(batch, self, {}, failed, False)
            return
        rendered: dict[Format, RenderedBatch] = {}
        self._hand(batch, self._cannot, rendered, failed, False)
        began_at = self._clock()
        # A thread waits for each change of members, so a batch with one is sent at once.
        is_late = began_at < self._rests_until and bool(self._cannot) and not batch.changes
        self._hand(batch, self._can_wait, rendered, failed, is_late or self._some_waits)
        if is_late:
            self._some_waits = True
        else:
            if self._some_waits:
                # After all of them have got the page, so that it is known how many have the same.
                self._some_waits = False
                for member in self._can_wait:
                    try:
                        member.deliver_later(b"")
                    except Exception as error:
                        failed(f"delivering to {member.name}", error)
            now = self._clock()
            self._rests_until = now + min(REST * (now - began_at), MOST_REST)

    def _hand(
        self,
        batch: Batch,
        members: Iterable[Member],
        rendered_in: dict[Format, RenderedBatch],
        failed: Callable[[str, Exception], None],
        is_late: bool,
    ) -> None:
        """Hand `members` their pages; with `is_late` they may get them later."""
        format, not_for = None, batch.not_for
        for member in members:
            try:
                wanted = member.format  # read once: the member's own thread may change it
                if wanted is not format:
                    if wanted in rendered_in:
                        rendered = rendered_in[wanted]
                    else:
                        rendered = rendered_in[wanted] = RenderedBatch(batch, wanted)
                    format = wanted
                    whole = rendered.whole
                # The fast way: where one speaks and many listen, all but one get the whole.
                if whole and not (member in not_for or member.ignores):
                    if is_late:
                        member.deliver_later(whole)
                    else:
                        member.deliver(whole)
                elif page := rendered.page_for(member):
                    if is_late:
                        member.deliver_later(page)
                    else:
                        member.deliver(page)
            except Exception as error:
                # One member's failure is that member's alone (promise 8).
                failed(f"delivering to {member.name}", error)

    def _sort(self) -> None:
        self._can_wait = tuple(member for member in self if member.format.can_wait)
        self._cannot = ()
        if self._can_wait:
            self._cannot = tuple(member for member in self if not member.format.can_wait)
        self._is_sorted = True
