"""A room that several servers share: what differs from a room of one server alone.

A batch is shown when the order of all servers has come to it, and what was said elsewhere comes as
batches, too. Whoever says more than the order takes waits, as with any full queue.

Each batch costs each server a rendering, and a call of the system for each member. So a room has
one batch of its own on the way at a time: what is said meanwhile makes the next one, together. And
a busy room waits a little longer for its speakers than elsewhere, as what they answer to has to
come from another server first. (Measured with two servers, 50 people that talk on each: 1.6 times
as many deliveries, and each line was there in two thirds of the time.)
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from threadchat.chat.batch import Batch
from threadchat.chat.entries import Entry, More, Post, TakeBack
from threadchat.chat.interfaces import Member
from threadchat.chat.order import Order
from threadchat.chat.room import Room
from threadchat.messages.format import render
from threadchat.messages.kinds import Joined, Message, Problem, Spoken, TakenBack, TopicSet
from threadchat.messages.linkkinds import LinkLost
from threadchat.messages.places import Place
from threadchat.storage.history import CannotTakeBack

WAIT_SECONDS = 1.0
"""How long a person waits for the order before they are told of it."""

PATIENCE = 16
"""How many times in a row a speaker may have said nothing, and is asked again: see `asking`."""

LEAST_REST, MOST_REST = 0.001, 0.01
"""The bounds of the seconds that the deliverer rests: as long as it has worked for the room before.

Meanwhile more is said, here and on other servers. With half of the work for each line, it is shown
no later where many talk.
"""

MOVED_AT_ONCE = 200
"""So many lines get new places at once, or a few more; then other rooms have their turn."""

MOST_HELD = 1024
"""How many entries wait for the batch that is on the way; more of them go on their way, too."""


class SharedOrder(Order, Protocol):
    """What such a room needs of the order."""

    @property
    def is_full(self) -> bool:
        """Whether so much waits for its place in the order that people that speak have to wait."""

    @property
    def is_apart(self) -> bool:
        """Whether this server goes on by itself, as there is no link."""

    def wait_for_room(self, timeout: float) -> bool:
        """Wait until the order takes more; return whether it does."""

    def line_of(self, room: str, place: Place) -> Place:
        """Return a line of this server as all servers know it."""

    def move(self, room: str, batches: Sequence[Batch]) -> None:
        """Remember that the order has put elsewhere what was said in batches shown before."""

    def places_before(self, room: str, place: Place) -> Sequence[Place]:
        """Return by which other places people here may know the line at `place`."""

    def tell_leaving(self, room: str, names: Sequence[str]) -> None:
        """Tell the other servers, and nobody here, that these people leave with this server."""


class BroughtBatch(Batch):
    """A batch that the order brings. `shown` is called when it has been shown."""

    __slots__ = ("shown",)

    def __init__(self, room: str, began_at: float, shown: Callable[[], None] | None = None) -> None:
        super().__init__(room, began_at)
        self.shown = shown


class RepeatedBatch(BroughtBatch):
    """A batch that was shown here before, and has another place in the order now."""

    __slots__ = ()


class LinkedRoom(Room):
    """A room whose order is a `SharedOrder`."""

    _order: SharedOrder
    _patience = PATIENCE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # How many batches of this server are laid out, and not shown yet; what waits for them; and
        # how many seconds of a processor it took to show what the order brought. Under the turn.
        self._on_the_way = 0
        self._held: deque[Entry] = deque()
        self._worked = 0.0

    @property
    def pending(self) -> int:
        """How many messages, joins and leaves wait to be delivered."""
        return len(self._pending) + len(self._held)

    def join(self, member: Member, welcome: bytes = b"", since: Place | None = None) -> Place:
        """Add `member`, as `Room.join` does; tell it if this server is by itself."""
        if self._order.is_apart:
            welcome += render(LinkLost(), member.format, room=self.name)
        return super().join(member, welcome, since)

    def post(self, said: Sequence[Spoken], sender: Member, more: More | None = None) -> None:
        """Show the messages `said`, as `Room.post` does; wait before while too much waits."""
        if self._order.is_full:
            self._wait(sender)
        super().post(said, sender, more)

    def _wait(self, sender: Member) -> None:
        if not self._order.wait_for_room(WAIT_SECONDS):
            sender.deliver(render(_TOO_MUCH, sender.format))
        # At the stop nobody is to wait any more.
        while not self._is_hushed and not self._order.wait_for_room(WAIT_SECONDS):
            pass

    def hush(self) -> None:
        """Stop announcing members that leave; people on other servers read of all at once."""
        names = [member.name for member in self.members]
        if names and not self._is_hushed:
            self._order.tell_leaving(self.name, names)
        super().hush()

    def apply(self, batch: Batch) -> None:
        """Show `batch`, as `Room.apply` does."""
        # A line is taken back at the beginning of a batch, or behind those that join with it.
        if batch.messages and isinstance(batch.messages[0], (TakenBack, Joined)):
            self._find_taken_back(batch)
        super().apply(batch)
        for message in batch.messages:
            if isinstance(message, TakenBack):
                self._tell_pages(message)

    def _tell_pages(self, message: TakenBack) -> None:
        """Tell pages that know the line by where it was when they were shown it.

        People at terminals have read of it once.
        """
        for place in self._order.places_before(self.name, Place(message.epoch, message.seq)):
            elsewhere = replace(message, epoch=place.epoch, seq=place.seq)
            for member in self._members:
                if member.format.can_wait:
                    member.deliver(render(elsewhere, member.format, room=self.name))

    # Taking turns

    def _is_for_deliverer(self) -> bool:
        # What moves comes in crowds. While some of it moves, the next comes, and moves together.
        return self._is_busy or self._moves_next()

    def _moves_next(self) -> bool:
        return bool(self._pending) and isinstance(self._pending[0], RepeatedBatch)

    def _deliver_on(self) -> bool:
        """Do as `Room._deliver_on` does after a rest, and show first what the order brings."""
        if self._moves_next():
            self._deliver_batch()
            return True  # other rooms have their turn before more of it moves
        if not self._deliverer.has_line:
            time.sleep(min(max(LEAST_REST, self._worked), MOST_REST))
        began_at = time.thread_time()
        for _ in range(len(self._pending)):  # and not what comes meanwhile: other rooms may wait
            if not isinstance(self._pending[0], Batch) or self._moves_next():
                break
            self._deliver_batch()
        self._worked = time.thread_time() - began_at
        return super()._deliver_on()

    def _asks_on(self) -> bool:
        # With a batch on the way, they are asked when that is shown, and nobody has to look out.
        return super()._asks_on() and not self._on_the_way

    def _deliver_batch(self) -> None:
        if self._on_the_way:
            self._hold()
        if self._moves_next():
            self._move()
        else:
            super()._deliver_batch()

    def _move(self) -> None:
        """Have what was shown before get its place: all of it that waits, up to a bound."""
        batches: list[RepeatedBatch] = []
        lines = 0
        while self._pending and lines < MOVED_AT_ONCE:
            first = self._pending[0]
            if not isinstance(first, RepeatedBatch):
                break
            self._pending.popleft()
            batches.append(first)
            lines += len(first.said)
        try:
            self._order.move(self.name, batches)
        except Exception as error:
            self._report(f"moving what was said in room {self.name}", error)
        for batch in batches:
            self._find_taken_back(batch)
            self._let_go_on(batch)

    def _hold(self) -> None:
        """Put aside what waits before the next batch that the order brings, if that is not much."""
        pending, held = self._pending, self._held
        while pending and not isinstance(first := pending[0], Batch):
            held.append(first)
            pending.popleft()
        if len(held) >= MOST_HELD:
            self._go_on_with_held()

    def _go_on_with_held(self) -> None:
        self._pending.extendleft(reversed(self._held))
        self._held.clear()

    def _lay_out(self, batch: Batch) -> None:
        self._on_the_way += 1
        super()._lay_out(batch)

    def _let_go_on(self, batch: Batch) -> None:
        if batch.entries:
            self._on_the_way -= 1
            self._go_on_with_held()
        super()._let_go_on(batch)
        if isinstance(batch, BroughtBatch) and batch.shown is not None:
            batch.shown()

    def _hand_over(self) -> bool:
        """Pass the held turn on, as `Room._hand_over` does, if there is much to do.

        As a rule it is one answer to what was just shown. To put that in order costs the thread of
        the link less than it costs to wake another one.
        """
        if not self._is_for_deliverer() and len(self._pending) == 1:
            self._deliver_batch()
            if not (self._pending or self._waiting):
                return False
        return super()._hand_over()

    def _goes_on(self, post: Post) -> bool:
        if self._order.is_full:
            post.silent += 1  # it is let go, and its thread waits in `post`
            return False
        return super()._goes_on(post)

    def _take_back(self, entry: TakeBack, batch: Batch) -> None:
        """Put the taking back in order: each server does it when it comes to it.

        Before that, the line itself may be on its way to them, and to this one.
        """
        name = "" if isinstance(entry.line, Place) else entry.line.name
        batch.add(TakenBack(name, *self._order.line_of(self.name, entry.place), 0))

    def _do_here(self, batch: Batch) -> None:
        """Set topics; lines were taken back before."""
        for message in batch.messages:
            if isinstance(message, TopicSet):
                self._set_topic(message)

    def _find_taken_back(self, batch: Batch) -> None:
        """Take lines back here, and show the places that they have here.

        Nobody is shown anything of a line that is not remembered.
        """
        entries = (it for it in batch.entries if isinstance(it, TakeBack))
        for index, message in enumerate(batch.messages):
            if not isinstance(message, TakenBack):
                continue
            entry = next(entries, None)
            found = None
            try:
                place = Place(message.epoch, message.seq)
                found = self._past.take_back(place)
            except Exception as error:
                if entry is not None:
                    entry.error = error  # `take_back` raises it on the thread of whoever asked
                elif not isinstance(error, CannotTakeBack):
                    self._report(f"taking back what was said in room {self.name}", error)
            if entry is not None:
                entry.taken_back = found
            if found is not None:
                batch.messages[index] = replace(found, at=message.at)
            else:
                joining = () if batch.joining is None else batch.joining.members
                for member in (*self._members, *joining):
                    batch.not_for.setdefault(member, []).append((index, index + 1))
                    batch.not_for[member].sort()


_TOO_MUCH: Message = Problem(
    "The link to the other servers is behind. What you say is shown when it takes more; wait a"
    " moment."
)
