"""Put the batches of rooms in order, and have what was said remembered.

A lone server's order is that of the rooms' turns: a batch is in order as soon as it is laid out,
and the thread that has laid it out shows it. That is `InProcessOrder`: no queue, no thread, no
wait.
Another implementation may let several servers share one order.
"""

from typing import Protocol

from threadchat.chat.batch import Batch
from threadchat.storage.history import History


class Ordered(Protocol):
    """What an order needs of a room."""

    name: str

    def apply(self, batch: Batch) -> None:
        """Show `batch` to the members. Only for a thread that has the room's turn."""

    def apply_later(self, batch: Batch) -> None:
        """Show `batch` when the room's turn comes to it. For any thread."""


class Order(Protocol):
    """Where a room's batch gets its position, and is remembered.

    A batch is laid out before it comes here: the members that join, what was said, the members that
    leave, and the counts. An implementation must guarantee:

    1. Each batch that `put` was given is applied exactly once, on every server that shares the
       order, also if it takes long; and it is not changed: its lines are never laid out anew.
    2. The batches of one room are applied one at a time, in one and the same order everywhere, and
       those that one room has put in the order in which it put them (promise 1).
    3. `put` does not wait: it has the room's turn, and everybody in the room waits for that
       (promise 3). It applies the batch itself, or has `Ordered.apply_later` called from a thread
       of its own.
    4. `remember` returns once what was said is committed, or is certain to be as soon as the
       history can be written (promise 2). The room calls it within `apply`, before anybody is sent
       the batch. It gives each message its place.
    5. An error of `put` means that the batch is not in the order, and never will be.
    """

    def put(self, room: Ordered, batch: Batch) -> bool:
        """Put `batch` in order; return whether it has been applied already."""

    def remember(self, room: str, batch: Batch) -> None:
        """Commit what was said in `batch`, and set the places of its messages."""


class InProcessOrder:
    """The order of a lone server."""

    def __init__(self, history: History) -> None:
        self._history = history

    def put(self, room: Ordered, batch: Batch) -> bool:
        """Apply `batch` at once."""
        room.apply(batch)
        return True

    def remember(self, room: str, batch: Batch) -> None:
        """Append what was said to the history."""
        self._history.append(room, batch.said)
