"""Hold the members of a room, and hand them its batches.

Members whose format can wait come after the others. So nobody at a terminal waits for what browsers
are sent, which takes longer to render and is longer.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

from threadchat.chat.batch import Batch, RenderedBatch
from threadchat.chat.interfaces import Member
from threadchat.messages.format import Format


class Members(Collection[Member]):
    """The members of one room, in the order of joining. For the thread with the room's turn."""

    def __init__(self) -> None:
        self._members: dict[Member, None] = {}  # a set that keeps the order
        self._in_turn: Collection[Member] | None = None  # None: to be made anew

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def __contains__(self, member: object) -> bool:
        return member in self._members

    def add(self, members: Iterable[Member]) -> None:
        """Add `members` at the end."""
        self._members.update(dict.fromkeys(members))
        self._in_turn = None

    def remove(self, members: Iterable[Member]) -> None:
        """Remove those of `members` that are here."""
        for member in members:
            self._members.pop(member, None)
        self._in_turn = None

    def hand_out(self, batch: Batch, failed: Callable[[str, Exception], None]) -> None:
        """Hand every member its page of `batch`.

        `failed` is called with what was being done and an error that one member's `deliver` raised.
        """
        if self._in_turn is None:
            self._in_turn = _in_turn(self._members)
        format, not_for = None, batch.not_for
        in_format: dict[Format, RenderedBatch] = {}
        for member in self._in_turn:
            try:
                wanted = member.format  # read once: the member's own thread may change it
                if wanted is not format:
                    if wanted not in in_format:
                        in_format[wanted] = RenderedBatch(batch, wanted)
                    rendered, format = in_format[wanted], wanted
                    whole = rendered.whole
                # The fast way: where one speaks and many listen, all but one get the whole.
                if whole and not (member in not_for or member.ignores):
                    member.deliver(whole)
                elif page := rendered.page_for(member):
                    member.deliver(page)
            except Exception as error:
                # One member's failure is that member's alone (promise 8).
                failed(f"delivering to {member.name}", error)


def _in_turn(members: Collection[Member]) -> Collection[Member]:
    """Return `members` in the order in which they are handed a batch."""
    last = [member for member in members if member.format.can_wait]
    if not last:
        return members
    return (*(member for member in members if not member.format.can_wait), *last)
