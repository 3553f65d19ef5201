"""Keep the table of a server's clients: their threads, their seats and their handlers."""

import threading
from threading import Lock, Thread

from threadchat.session.hosting import Handler

Origin = tuple[str, str]
"""Where a client comes from: its host, and the address of this machine that it connected to."""


_NO_SEAT: Origin = ("", "::")


class Clients:
    """The clients that a server has at this moment. Any thread may use it.

    Each client is found by its thread. Up to `max_clients` of them have a seat. A client that only
    has to be told goodbye has given up its seat.
    """

    def __init__(self, max_clients: int) -> None:
        self._max_clients = max_clients
        self._lock = Lock()  # guards all below
        self._threads: set[Thread] = set()
        self._seats: dict[Thread, Origin] = {}
        self._handlers: dict[Thread, Handler] = {}
        self._received = self._sent = 0  # bytes of clients that have left
        self._last_id = 0

    def next_id(self) -> int:
        """Return an id that no other client of this server has had."""
        with self._lock:
            self._last_id += 1
            return self._last_id

    def take_seat(self, thread: Thread, origin: Origin) -> bool:
        """Give `thread` a seat for a client from `origin`; return False if all are taken."""
        with self._lock:
            has_room = len(self._seats) < self._max_clients
            if has_room:
                self._threads.add(thread)
                self._seats[thread] = origin
            return has_room

    def give_up_seat(self, thread: Thread) -> Origin | None:
        """Free the seat of `thread`; return its client's origin; None if it had no seat."""
        with self._lock:
            return self._seats.pop(thread, None)

    def add_thread(self, thread: Thread) -> None:
        """Add a thread that serves a client without a seat."""
        with self._lock:
            self._threads.add(thread)

    def register(self, handler: Handler) -> str:
        """Add `handler`, which serves the client of the current thread.

        Return the address of this machine that the client connected to; "::" if it has no seat yet.
        """
        thread = threading.current_thread()
        with self._lock:
            self._handlers[thread] = handler
            return self._seats.get(thread, _NO_SEAT)[1]

    def forget(self, thread: Thread) -> Origin | None:
        """Remove `thread`; return its client's origin if it still had a seat, or else None."""
        with self._lock:
            self._threads.discard(thread)
            handler = self._handlers.pop(thread, None)
            if handler is not None:
                self._received += handler.client.bytes_received
                self._sent += handler.client.bytes_sent
            return self._seats.pop(thread, None)

    def handlers(self) -> list[Handler]:
        """Return the handlers of all clients."""
        with self._lock:
            return list(self._handlers.values())

    def threads(self) -> list[Thread]:
        """Return the threads that serve clients, and those that turn clients away."""
        with self._lock:
            return list(self._threads)

    def count_bytes(self) -> tuple[int, int]:
        """Return how many bytes were received from and sent to all clients, past and present."""
        with self._lock:
            handlers = list(self._handlers.values())
            received, sent = self._received, self._sent
        received += sum(handler.client.bytes_received for handler in handlers)
        sent += sum(handler.client.bytes_sent for handler in handlers)
        return received, sent
