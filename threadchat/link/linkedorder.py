"""The order of the rooms of one server that is linked with others.

A batch of a room goes to the link, and is shown when it is read back from the log. What the others
said is shown in between. Where there is no link, a batch is shown at once, and its place is known
later.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from threadchat.chat.batch import Batch
from threadchat.chat.interfaces import Member
from threadchat.chat.linkedroom import BroughtBatch, RepeatedBatch
from threadchat.chat.order import Ordered
from threadchat.chat.room import Room
from threadchat.link.deliveries import Applied, Provisional
from threadchat.link.ownentries import Item
from threadchat.link.records import BatchRecord, batch_record, batch_text
from threadchat.messages.kinds import RoomMessage, TopicSet
from threadchat.messages.linkkinds import ApartBegins, ApartEnds, LeftWithServer
from threadchat.messages.places import Place
from threadchat.storage.history import set_places
from threadchat.storage.linkedhistory import LinkedHistory, Origin
from threadchat.text.names import fold_name
from threadchat.text.phrases import NAMES_OF_A_CROWD


class Rooms(Protocol):
    """The rooms of this server."""

    def keep_open(self, name: str) -> Room:
        """Return the room called `name`, which stays until it is given up; make it if needed."""

    def give_up(self, room: Room) -> None:
        """Let a room be closed that was kept open."""

    def saw_topic(self, room: str, message: TopicSet) -> None:
        """Take note that a topic is set in a room by what the order shows next there."""

    def find_author(self, node: str, name: str) -> Member | None:
        """Return the person on `node` that has `name`; None if it is not known who that is."""


class LinkState(Protocol):
    """What the order needs of the link."""

    @property
    def is_full(self) -> bool:
        """Whether so much waits that people that speak have to wait."""

    @property
    def is_apart(self) -> bool:
        """Whether this server goes on by itself."""

    def submit(self, item: Item) -> None:
        """Have something put in order; this does not wait."""

    def wait_for_room(self, timeout: float | None = None) -> bool:
        """Wait while too much waits; return whether there is room."""


class _Own(NamedTuple):
    """A batch of this server, and its room."""

    room: Ordered
    batch: Batch


def _origin_of(batch: Batch) -> Origin:
    assert isinstance(batch.origin, Origin)
    return batch.origin


class LinkedOrder:
    """The order of the rooms of the node `node`; for `SharedOrder` of its rooms.

    `take` is for one thread at a time, with what the log tells in its order.
    """

    def __init__(
        self,
        node: str,
        link: LinkState,
        history: LinkedHistory,
        rooms: Rooms,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._link = link
        self._history = history
        self._rooms = rooms
        self._clock = clock
        # Rooms in which what was said apart was shown last: by which node, and when.
        self._apart: dict[str, tuple[str, tuple[float, float]]] = {}
        # Of each other node, the last line that was taken, by this run of the server or before.
        self._last_lines: dict[str, int] = {}

    # For rooms

    def put(self, room: Ordered, batch: Batch) -> bool:
        """Have `batch` put in order; it is applied later."""

        def number(line: int) -> None:
            # Until they have a place, lines are known as the node's own, such as to be taken back.
            set_places(batch.said, self._node, line)

        text = batch_text(room.name, batch.messages)
        handle = _Own(room, batch)
        # A copy: in the batch, counts may be set anew.
        record = batch_record(room.name, batch.messages)
        now, said = time.time(), len(batch.said)
        item = Item(room.name, text, said, now, handle, record, numbered=number)
        self._link.submit(item)
        return False

    def remember(self, room: str, batch: Batch) -> None:
        """Have the history keep what was said, at its place."""
        self._history.keep(room, batch.said, _origin_of(batch))

    def move(self, room: str, batches: Sequence[Batch]) -> None:
        """Have the history put elsewhere what was said in batches that were shown before."""
        self._history.move(room, [(it.said, _origin_of(it)) for it in batches if it.said])

    @property
    def is_full(self) -> bool:
        """Whether so much waits for its place in the order that people that speak have to wait."""
        return self._link.is_full

    @property
    def is_apart(self) -> bool:
        """Whether this server goes on by itself, as there is no link."""
        return self._link.is_apart

    def wait_for_room(self, timeout: float) -> bool:
        """Wait until the order takes more; return whether it does."""
        return self._link.wait_for_room(timeout)

    def line_of(self, room: str, place: Place) -> Place:
        """Return a line of this server as all servers know it: its node, and its number there."""
        return self._history.origin_of(room, place) or place

    def places_before(self, room: str, place: Place) -> Sequence[Place]:
        """Return by which other places people here may know the line at `place`."""
        return self._history.places_before(room, place)

    def tell_leaving(self, room: str, names: Sequence[str]) -> None:
        """Tell the other servers, and nobody here, that these people leave with this server."""
        some = names[:NAMES_OF_A_CROWD] if len(names) > NAMES_OF_A_CROWD else names
        text = batch_text(room, [LeftWithServer(list(some), len(names))])
        self._link.submit(Item(room, text, 0, time.time()))

    # For the link

    def take(self, delivery: Applied | Provisional) -> None:
        """Show a batch that has its place, or that is shown without one; or note its new place."""
        if isinstance(delivery, Provisional):
            item = delivery.item
            if isinstance(item.handle, _Own):
                own = item.handle
                own.batch.origin = Origin(self._node, item.line)
                self._note_topics(own.batch)
                own.room.apply_later(own.batch)
            return
        first = delivery.first if delivery.first.seq else None
        origin = Origin(delivery.node, delivery.line, first, delivery.apart)
        if delivery.record is not None:
            is_known = self._is_known(delivery.node, delivery.line, len(delivery.record.said))
            is_shown = delivery.is_shown or is_known
            self._take_record(delivery.record, origin, delivery.here, is_shown=is_shown)
        elif delivery.item is not None and isinstance(delivery.item.handle, _Own):
            self._take_own(delivery.item.handle, origin, delivery.here, is_shown=delivery.is_shown)

    def _is_known(self, node: str, line: int, number: int) -> bool:
        """Take note of lines of another node; return whether such lines were taken before.

        An earlier run of this server may have taken them, or what is read of the time in between:
        the node sends them again where the broker has lost something.
        """
        last = self._last_lines.get(node)
        if last is None:
            last = self._history.last_line_of(node)
        self._last_lines[node] = max(last, line + number - 1)
        return number > 0 and line <= last

    def _take_own(self, own: _Own, origin: Origin, here: int | None, *, is_shown: bool) -> None:
        if is_shown:
            # By now its room may be closed, and another one of that name be open.
            room = self._rooms.keep_open(own.room.name)
            room.apply_later(self._brought(RepeatedBatch, room, own.batch, origin))
            return
        self._show_border(own.room, origin)
        own.batch.origin = origin
        if here is not None:
            own.batch.count_anew(here)
        self._note_topics(own.batch)
        own.room.apply_later(own.batch)

    def _take_record(
        self, record: BatchRecord, origin: Origin, here: int | None, *, is_shown: bool
    ) -> None:
        room = self._rooms.keep_open(record.room)
        if not is_shown:
            self._show_border(room, origin)
        kind = RepeatedBatch if is_shown else BroughtBatch
        batch = self._brought(kind, room, record, origin)
        if here is not None:
            batch.count_anew(here)
        batch.note_authors(lambda name: self._rooms.find_author(origin.node, name))
        if not is_shown:
            self._note_topics(batch)
        room.apply_later(batch)

    def _brought(
        self, kind: type[BroughtBatch], room: Room, what: Batch | BatchRecord, origin: Origin
    ) -> BroughtBatch:
        """Return what the order brings to a room, which stays until it has come to that."""
        batch = kind(room.name, self._clock(), lambda: self._rooms.give_up(room))
        batch.messages += what.messages
        batch.said += what.said
        batch.origin = origin
        return batch

    def _note_topics(self, batch: Batch) -> None:
        for message in batch.messages:
            if isinstance(message, TopicSet):
                self._rooms.saw_topic(batch.room, message)

    def _show_border(self, room: Ordered, origin: Origin) -> None:
        """Show where what was said apart begins and ends."""
        if origin.apart is None and not self._apart:
            return  # as nearly always
        fold = fold_name(room.name)
        now = None if origin.apart is None else (origin.node, origin.apart)
        before = self._apart.get(fold)
        if now == before:
            return
        if now is None:
            del self._apart[fold]
            self.show(room, ApartEnds())
        else:
            self._apart[fold] = now
            self.show(room, ApartBegins(*now[1]))

    def show(self, room: Ordered, *messages: RoomMessage) -> None:
        """Show the people on this server something in a room, behind what is shown already."""
        batch = Batch(room.name, self._clock())
        batch.messages += messages
        room.apply_later(batch)
