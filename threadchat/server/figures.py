"""Gather the figures of a server at one moment."""

import time
from collections.abc import Callable
from threading import active_count

from threadchat.chat.chat import Chat
from threadchat.monitoring.stats import Snapshot, Tally, resident_memory
from threadchat.server.clients import Clients


class Figures:
    """The figures of a server since it was made. `clock` counts seconds. Any thread may use it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.tally = Tally(clock)
        """The watcher that counts what rooms are shown."""
        self._clock = clock
        self._since, self._started_at = time.time(), clock()

    def snapshot(self, chat: Chat, clients: Clients, strangers: int) -> Snapshot:
        """Return the figures of this moment."""
        handlers = clients.handlers()
        received, sent = clients.count_bytes()
        rooms = chat.rooms()
        queues = [handler.client.bytes_queued for handler in handlers]
        tally = self.tally
        return Snapshot(
            since=self._since,
            seconds=self._clock() - self._started_at,
            people=sum(len(room.members) for room in rooms),
            connections=len(handlers),
            browsers=sum(handler.client.door.startswith("browser") for handler in handlers),
            rooms=len(rooms),
            messages=tally.messages.total,
            messages_per_second=tally.messages.rate(),
            deliveries=tally.deliveries.total,
            deliveries_per_second=tally.deliveries.rate(),
            received=received,
            sent=sent,
            queued=sum(queues),
            longest_queue=max(queues, default=0),
            strangers=strangers,
            pending=sum(room.pending for room in rooms),
            threads=active_count(),
            memory=resident_memory(),
        )
