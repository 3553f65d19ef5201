"""Gather the figures of a server at one moment."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock, active_count
from typing import Any

from threadchat.access.limiter import RefusedFor
from threadchat.chat.chat import Chat
from threadchat.monitoring.eventlog import EventLog
from threadchat.monitoring.events import Watcher
from threadchat.monitoring.linkstate import LinkState
from threadchat.monitoring.stats import DOORS, Snapshot, resident_memory
from threadchat.monitoring.tally import Tally
from threadchat.server.admission import Admission
from threadchat.server.clients import Clients


class Figures:
    """The figures of a server since it was made. `clock` counts seconds. Any thread may use it."""

    def __init__(self, clock: Callable[[], float], watchers: Sequence[Watcher]) -> None:
        self.tally = Tally(clock)
        self._clock = clock
        self._logs = [it for it in watchers if isinstance(it, EventLog)]
        self._since, self._started_at = time.time(), clock()
        self._lock = Lock()  # guards the two below
        self._received = self._sent = 0

    def snapshot(
        self, chat: Chat, clients: Clients, admission: Admission, link: LinkState | None
    ) -> Snapshot:
        """Return the figures of this moment. Rooms and clients go on meanwhile."""
        handlers = clients.handlers()
        rooms, history = chat.rooms(), chat.history_state
        queues = [handler.client.bytes_queued for handler in handlers]
        doors = {handler.person: handler.client.door for handler in handlers}
        tallied = self.tally.figures()
        received, sent = self._bytes(clients)
        return Snapshot(
            since=self._since,
            seconds=self._clock() - self._started_at,
            people_by_door=_count(_door_of(it, doors) for room in rooms for it in room.members),
            connections_by_door=_count(doors.values()),
            rooms=len(rooms),
            messages=tallied.messages,
            messages_per_second=tallied.messages_per_second,
            deliveries=tallied.deliveries,
            deliveries_per_second=tallied.deliveries_per_second,
            posts=tallied.posts,
            received=received,
            sent=sent,
            queued=sum(queues),
            longest_queue=max(queues, default=0),
            behind=sum(map(bool, queues)),
            pending=sum(room.pending for room in rooms),
            batches=tallied.batches,
            refusals={**tallied.refusals, RefusedFor.NOT_SERVED.value: admission.strangers},
            ends=tallied.ends,
            history=None if history is None else history.now(),
            left_out=sum(log.left_out for log in self._logs),
            threads=active_count(),
            memory=resident_memory(),
            link=link,
        )

    def _bytes(self, clients: Clients) -> tuple[int, int]:
        """Return the bytes from and to all clients, which never become fewer.

        Those of a page that goes from one connection to another are counted nowhere for a moment.
        """
        received, sent = clients.count_bytes()
        with self._lock:
            self._received = max(self._received, received)
            self._sent = max(self._sent, sent)
            return self._received, self._sent


def _door_of(member: Any, doors: Mapping[Any, str]) -> str:
    """Return the door by which a member of a room came."""
    if member in doors:
        return doors[member]
    connection = getattr(member, "connection", None)  # of a client that has just come, or a program
    door: str = DOORS[-1] if connection is None else connection.door
    return door


def _count(doors: Iterable[str]) -> Mapping[str, int]:
    return {**dict.fromkeys(DOORS, 0), **Counter(doors)}
