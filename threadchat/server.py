"""Accept clients, admit as many as there is room for, and stop cleanly.

One thread accepts, one sends what slow clients left behind, each room has one for its busy times,
and each client has its own. `ChatServer.stop` ends them all inside a deadline (promise 9).
"""

import contextlib
import errno
import os
import socket
import socketserver
import sys
import time
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread, active_count, current_thread
from typing import Any

from threadchat.chat import Chat
from threadchat.events import Refused, Trouble, Watch, Watcher
from threadchat.handler import LINGER_SECONDS, ClientHandler
from threadchat.history import History
from threadchat.house import House, HouseFiles
from threadchat.messages import Problem, Reason, View, render
from threadchat.network import show_address
from threadchat.outbox import Flusher
from threadchat.records import Records
from threadchat.stats import Snapshot, Tally, resident_memory
from threadchat.text import usable_encoding
from threadchat.wire import open_wire

DEFAULT_PORT = 8000
DEFAULT_MAX_CLIENTS = 1000
DEFAULT_REPLAY = 20
DEFAULT_FALLBACK_ENCODING = "cp1252"

_MAX_REFUSALS_AT_ONCE = 32
"""How many who found the room full may be seen off at leisure; more are just closed."""

_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_PAUSE_IN_SHORTAGE = 0.1
"""Seconds between tries to accept while the system has no descriptor or memory for it."""


class ChatServer(socketserver.ThreadingTCPServer):
    """A chat on one address, one thread for each client.

    Use it as a context manager, or call `stop` yourself::

        with ChatServer(("127.0.0.1", 0)) as server:
            server.start()
            host, port = server.server_address[:2]

    An empty host listens on every address, IPv4 and IPv6 on one socket where the system allows.
    Port 0 takes any free one; `server_address` tells which. The constructor binds and listens,
    and raises `OSError` if it cannot; nobody is answered before `start`.
    """

    daemon_threads = True  # a second Ctrl-C must not wait for anybody
    request_queue_size = 4096  # people come in crowds; the system caps it where it has to
    # On Windows this option would let two servers share a port.
    allow_reuse_address = os.name == "posix"

    def __init__(
        self,
        address: tuple[str, int] = ("", DEFAULT_PORT),
        *,
        max_clients: int = DEFAULT_MAX_CLIENTS,
        replay: int = DEFAULT_REPLAY,
        fallback_encoding: str = DEFAULT_FALLBACK_ENCODING,
        clock: Callable[[], float] = time.monotonic,
        watchers: Sequence[Watcher] = (),
        history: History | None = None,
        records: Records | None = None,
        files: HouseFiles | None = None,
        finish: Callable[[], None] | None = None,
    ) -> None:
        host, port = address
        self.max_clients = max_clients
        self.fallback_encoding = usable_encoding(fallback_encoding)
        self._since = time.time(), clock()
        self._tally = Tally(clock)
        self.watch = Watch(self._tally, *watchers)
        self._is_dual_stack = not host and socket.has_dualstack_ipv6()
        self.address_family, bind_to = _where_to_bind(host, port, self._is_dual_stack)
        self._lock = Lock()  # guards all below
        self._threads: set[Thread] = set()
        self._seated: set[Thread] = set()  # those of them that count as clients
        self._handlers: dict[Thread, ClientHandler] = {}
        self._received = self._sent = 0  # bytes of those who are gone
        self._refusals = 0
        self._last_id = 0
        self._is_stopping = False
        self._acceptor: Thread | None = None
        self._shortage_ends = Event()  # set by `stop`, to end a pause in accepting
        self._is_in_shortage = False
        self.flusher = Flusher(self.watch.failed)
        self._history = history or History()
        self.clock = clock
        self.house = House(self.watch.note, self.stats, finish or self.stop, records, files, clock)
        self.chat = Chat(self._history, self.watch, self.house, replay, clock)
        super().__init__(bind_to, ClientHandler)

    def server_bind(self) -> None:
        """Bind to the address; called by the constructor."""
        if self._is_dual_stack:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    # Running

    def start(self) -> None:
        """Begin to accept clients, on a thread of its own, and return."""
        self.flusher.start()
        acceptor = Thread(
            target=self.serve_forever, args=(0.2,), name="threadchat acceptor", daemon=True
        )
        acceptor.start()
        self._acceptor = acceptor

    def stop(self, timeout: float = 5.0) -> None:
        """Stop within `timeout` seconds: say goodbye, flush, close, and join every thread.

        Clients that take nothing any more are cut off when the time is nearly up. Stopping a
        server that was never started, or has been stopped, just closes what is open.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            if self._is_stopping:
                return
            self._is_stopping = True
            handlers = list(self._handlers.values())
        self._shortage_ends.set()
        if self._acceptor is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)  # wakes the acceptor, where it is heeded
            self.shutdown()
            self._acceptor.join()
        self.socket.close()
        # Everybody is told of the stop; nobody needs to read who else it sends away.
        self.chat.hush()
        for handler in handlers:
            _say_goodbye(handler)
        self._join_all(deadline - 0.1 * timeout)
        with self._lock:
            handlers = list(self._handlers.values())
        for handler in handlers:
            handler.outbox.abandon(Reason.SERVER_STOPPING)
        self._join_all(deadline)
        self.chat.close()
        self.flusher.stop(max(0.1, deadline - time.monotonic()))
        self.house.records.close()
        self._history.close()

    def stats(self) -> Snapshot:
        """Return what there is to know of this moment. May be called from any thread."""
        with self._lock:
            handlers = list(self._handlers.values())
            received, sent = self._received, self._sent
        rooms = self.chat.rooms()
        queues = [handler.outbox.bytes_queued for handler in handlers]
        since, started_at = self._since
        return Snapshot(
            since=since,
            seconds=self.clock() - started_at,
            people=sum(len(room.members) for room in rooms),
            connections=len(handlers),
            rooms=len(rooms),
            messages=self._tally.messages.total,
            messages_per_second=self._tally.messages.rate(),
            deliveries=self._tally.deliveries.total,
            deliveries_per_second=self._tally.deliveries.rate(),
            received=received + sum(handler.bytes_received for handler in handlers),
            sent=sent + sum(handler.outbox.bytes_sent for handler in handlers),
            queued=sum(queues),
            longest_queue=max(queues, default=0),
            pending=sum(room.pending for room in rooms),
            threads=active_count(),
            memory=resident_memory(),
        )

    def server_close(self) -> None:
        """Stop, as the context manager does."""
        self.stop()

    def _join_all(self, deadline: float) -> None:
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # Accepting

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept one client; where the system lacks the means, tell the operator once and pause."""
        try:
            request = super().get_request()
        except OSError as error:
            if error.errno in _SHORTAGES:
                if not self._is_in_shortage:
                    self._is_in_shortage = True
                    self.watch.note(Trouble(f"cannot accept anybody for now: {error.strerror}"))
                # The listening socket stays readable: without a pause this would spin.
                self._shortage_ends.wait(_PAUSE_IN_SHORTAGE)
            raise
        self._is_in_shortage = False
        return request

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a client its thread, or turn it away."""
        thread = Thread(
            target=self._serve,
            args=(request, client_address),
            name=f"threadchat client {show_address(client_address)}",
            daemon=True,
        )
        if ban := self.house.records.ban_of_address(client_address[0]):
            line = ban.line(self.house.records.now())
            self._turn_away(request, client_address, "banned", f"You are banned here: {line}.")
            return
        with self._lock:
            has_room = len(self._seated) < self.max_clients
            if has_room:
                self._threads.add(thread)
                self._seated.add(thread)
        if not has_room:
            words = f"The room is full: it holds {self.max_clients}. Please try again later."
            self._turn_away(request, client_address, "the room is full", words)
            return
        try:
            thread.start()
        except RuntimeError:
            self._forget(thread)
            self.watch.note(Trouble("cannot serve one more client for now: no thread to be had"))
            self._refuse(request, "The server is out of threads. Please try again later.", 0.0)

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            self._forget(current_thread())

    def _forget(self, thread: Thread) -> None:
        with self._lock:
            self._threads.discard(thread)
            self._seated.discard(thread)
            handler = self._handlers.pop(thread, None)
            if handler is not None:
                self._received += handler.bytes_received
                self._sent += handler.outbox.bytes_sent

    def _turn_away(self, request: socket.socket, client_address: Any, why: str, words: str) -> None:
        self.watch.note(Refused(show_address(client_address), why))
        with self._lock:
            at_leisure = self._refusals < _MAX_REFUSALS_AT_ONCE
            self._refusals += at_leisure
        if at_leisure:
            try:
                Thread(target=self._refuse_at_leisure, args=(request, words), daemon=True).start()
                return
            except RuntimeError:
                with self._lock:
                    self._refusals -= 1
        self._refuse(request, words, 0.0)

    def _refuse_at_leisure(self, request: socket.socket, words: str) -> None:
        with self._lock:
            self._threads.add(current_thread())
        try:
            self._refuse(request, words, LINGER_SECONDS)
        finally:
            with self._lock:
                self._refusals -= 1
            self._forget(current_thread())

    def _refuse(self, request: socket.socket, words: str, linger: float) -> None:
        wire = open_wire(request)
        with contextlib.suppress(OSError):
            wire.send(render(Problem(words), View()))
        wire.linger(linger)
        self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error that ended one client and nobody else (promise 8)."""
        error = sys.exception()
        if isinstance(error, Exception):
            self.watch.failed(f"serving {show_address(client_address)}", error)

    # For the handlers

    def next_id(self) -> int:
        """Return an id that no other client of this server has had."""
        with self._lock:
            self._last_id += 1
            return self._last_id

    def register(self, handler: ClientHandler) -> None:
        """Know `handler`, so that it can be ended from outside."""
        with self._lock:
            self._handlers[current_thread()] = handler
            is_late = self._is_stopping
        if is_late:
            _say_goodbye(handler)

    def unregister(self, handler: ClientHandler) -> None:
        """Give its place to somebody else: `handler` only has its goodbye left to say."""
        with self._lock:
            self._seated.discard(current_thread())


def _say_goodbye(handler: ClientHandler) -> None:
    handler.end(Reason.SERVER_STOPPING, "The server is stopping. Goodbye.")


def _where_to_bind(
    host: str, port: int, dual_stack: bool
) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """Return the family and address for a server at `host`, which may be a name."""
    if not host:
        return (socket.AF_INET6, ("::", port)) if dual_stack else (socket.AF_INET, ("", port))
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, *_, address = found[0]
    return family, address
