"""An order that several servers share, as a broker would give it to them."""

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from threadchat.chat.batch import Batch
from threadchat.chat.order import Order, Ordered
from threadchat.chat.room import Room
from threadchat.storage.history import History


class SharedOrder:
    """Gives batches back to all rooms, on a thread of its own; to the others without members.

    `rooms_for` returns the rooms of all servers that a batch is for.
    """

    def __init__(self, rooms_for: Callable[[Batch], Iterable[Room]]) -> None:
        self._rooms_for = rooms_for
        self._batches: SimpleQueue[tuple[Ordered, Batch] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def for_server(self, history: History) -> Order:
        """Return this order as one server, which has `history`, sees it."""
        return _ForServer(self._batches, history)

    def close(self) -> None:
        self._batches.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._batches.get()) is not None:
            origin, batch = item
            for room in self._rooms_for(batch):
                room.apply_later(batch if room is origin else for_another(batch))


def for_another(batch: Batch) -> Batch:
    """Return `batch` for another server's room: the very same lines, for all its members."""
    other = Batch(batch.room, batch.began_at)
    other.messages += batch.messages
    other.said += batch.said
    return other


class _ForServer:
    def __init__(
        self, batches: "SimpleQueue[tuple[Ordered, Batch] | None]", history: History
    ) -> None:
        self._batches = batches
        self._history = history

    def put(self, room: Ordered, batch: Batch) -> bool:
        self._batches.put((room, batch))
        return False

    def remember(self, room: str, batch: Batch) -> None:
        self._history.append(room, batch.said)
