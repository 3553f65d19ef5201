"""Keep the table of a server's clients: their threads, their seats and their handlers."""

import threading
from threading import Lock, Thread

from threadchat.handlers.handler import ClientHandler


class Clients:
    """The clients that a server has at this moment. Safe to use from any thread.

    A client is known by its thread. Up to `max_clients` of them have a seat; a client that only
    has its goodbye left to hear has given its seat up.
    """

    def __init__(self, max_clients: int) -> None:
        self._max_clients = max_clients
        self._lock = Lock()  # guards all below
        self._threads: set[Thread] = set()
        self._seats: dict[Thread, str] = {}  # with the address that each client has come from
        self._handlers: dict[Thread, ClientHandler] = {}
        self._received = self._sent = 0  # bytes of the clients that are gone
        self._last_id = 0

    def next_id(self) -> int:
        """Return an id that no other client of this server has had."""
        with self._lock:
            self._last_id += 1
            return self._last_id

    def take_seat(self, thread: Thread, host: str) -> bool:
        """Give `thread` a seat for a client from `host`; return False if all are taken."""
        with self._lock:
            has_room = len(self._seats) < self._max_clients
            if has_room:
                self._threads.add(thread)
                self._seats[thread] = host
            return has_room

    def give_up_seat(self, thread: Thread) -> str | None:
        """Let another client have the seat of `thread`; return the host it was for, if any."""
        with self._lock:
            return self._seats.pop(thread, None)

    def add_thread(self, thread: Thread) -> None:
        """Know a thread that serves a client without a seat."""
        with self._lock:
            self._threads.add(thread)

    def register(self, handler: ClientHandler) -> None:
        """Know `handler` as what serves the client of the current thread."""
        with self._lock:
            self._handlers[threading.current_thread()] = handler

    def forget(self, thread: Thread) -> str | None:
        """Forget all about `thread`; return the host that its seat was for, if it still had one."""
        with self._lock:
            self._threads.discard(thread)
            handler = self._handlers.pop(thread, None)
            if handler is not None:
                self._received += handler.client.bytes_received
                self._sent += handler.client.bytes_sent
            return self._seats.pop(thread, None)

    def handlers(self) -> list[ClientHandler]:
        """Return what serves the clients there are."""
        with self._lock:
            return list(self._handlers.values())

    def threads(self) -> list[Thread]:
        """Return the threads that serve clients, those that turn some away included."""
        with self._lock:
            return list(self._threads)

    def count_bytes(self) -> tuple[int, int]:
        """Return how many bytes have come from all clients there have been, and gone to them."""
        with self._lock:
            handlers = list(self._handlers.values())
            received, sent = self._received, self._sent
        received += sum(handler.client.bytes_received for handler in handlers)
        sent += sum(handler.client.bytes_sent for handler in handlers)
        return received, sent
