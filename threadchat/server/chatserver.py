"""Accept clients, admit as many as there is room for, and stop cleanly.

One thread accepts, one sends what slow clients left behind, one delivers in the rooms' busy times,
and each client has its own. `ChatServer.stop` ends them all inside a deadline (promise 9).
"""

import contextlib
import socket
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from threading import Lock, Thread, active_count, current_thread
from typing import Any

from threadchat.access.limiter import Refusal
from threadchat.access.limits import Limits
from threadchat.chat.chat import Chat
from threadchat.chat.rules import House, HouseFiles
from threadchat.handlers.handler import LINGER_SECONDS, ClientHandler
from threadchat.handlers.tlshandler import TlsClientHandler
from threadchat.messages.kinds import Problem
from threadchat.monitoring.events import Refused, Watch, Watcher
from threadchat.monitoring.stats import Snapshot, Tally, resident_memory
from threadchat.net.addresses import plain_host, show_address
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import Flusher
from threadchat.net.transport import open_wire
from threadchat.server.admission import Gate
from threadchat.server.listener import Listener, Shortage
from threadchat.server.periodic import Watchman
from threadchat.storage.history import History
from threadchat.storage.records import Records
from threadchat.terminal.charsets import COMMON_ENCODINGS
from threadchat.terminal.view import PLAIN_VIEW, render
from threadchat.text.encodings import load_ahead, usable_encoding

DEFAULT_PORT = 8000
DEFAULT_TLS_PORT = 8992
DEFAULT_REPLAY = 20
DEFAULT_FALLBACK_ENCODING = "cp1252"

_MAX_REFUSALS_AT_ONCE = 32
"""How many who found the room full may be seen off at leisure; more are just closed."""


class ChatServer(Listener):
    """A chat on one address, one thread for each client.

    Use it as a context manager, or call `stop` yourself::

        with ChatServer(("127.0.0.1", 0)) as server:
            server.start()
            host, port = server.server_address[:2]

    For the address see `Listener`; nobody is answered before `start`. With `tls`, clients are
    served at `tls_address`, too, where all is encrypted. `watchers` are told what happens. What
    `history` and `records` hold is closed by `stop`. `files` hold the house rules; `finish` is
    called when an operator wants the server to stop, and is `stop` if it is not given.
    """

    def __init__(
        self,
        address: tuple[str, int] = ("", DEFAULT_PORT),
        *,
        limits: Limits | None = None,
        replay: int = DEFAULT_REPLAY,
        fallback_encoding: str = DEFAULT_FALLBACK_ENCODING,
        clock: Callable[[], float] = time.monotonic,
        watchers: Sequence[Watcher] = (),
        history: History | None = None,
        records: Records | None = None,
        files: HouseFiles | None = None,
        finish: Callable[[], None] | None = None,
        tls: ssl.SSLContext | None = None,
        tls_address: tuple[str, int] = ("", DEFAULT_TLS_PORT),
    ) -> None:
        self._tally = Tally(clock)
        watch = Watch(self._tally, *watchers)
        self.limits = limits or Limits()
        self.fallback_encoding = usable_encoding(fallback_encoding)
        load_ahead(COMMON_ENCODINGS)
        self.house = House(watch.note, self.stats, finish or self.stop, records, files, clock)
        try:
            super().__init__(address, ClientHandler, watch)
        except BaseException:
            if records is None:  # they are our own
                self.house.records.close()
            raise
        self.clock = clock
        self._since = time.time(), clock()
        self._lock = Lock()  # guards all below
        self._threads: set[Thread] = set()
        self._seats: dict[Thread, str] = {}  # those that count as clients, and where they are from
        self._handlers: dict[Thread, ClientHandler] = {}
        self._received = self._sent = 0  # bytes of those who are gone
        self._refusals = 0
        self._last_id = 0
        self._is_stopping = False
        self.flusher = Flusher(watch.failed)
        self._history = history or History()
        self.chat = Chat(self._history, watch, self.house, replay, clock)
        self._gate = Gate(self.limits, self.house.records, clock, watch.note)
        self._watchman = Watchman(self._look_after_all)
        self._no_threads = Shortage(watch, "clients are served again: there are threads for them")
        self.tls = tls
        self.tls_port: Listener | None = None
        if tls is not None:
            try:
                self.tls_port = _TlsPort(tls_address, self)
            except BaseException:
                self.stop()
                raise

    # Running

    def start(self) -> None:
        """Begin to serve clients, on threads of their own, and return."""
        self.flusher.start()
        self.chat.start()
        self._watchman.start()
        self.start_accepting()
        if self.tls_port is not None:
            self.tls_port.start_accepting()

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
        self.stop_accepting()
        if self.tls_port is not None:
            self.tls_port.stop_accepting()
        self._watchman.stop()
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
            strangers=self._gate.strangers,
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

    # Admitting

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a client its thread, or turn it away."""
        self.admit(request, client_address, ClientHandler)

    def admit(
        self, request: socket.socket, client_address: Any, handler: type[ClientHandler]
    ) -> None:
        """Have a `handler` serve a client on a thread of its own, or turn it away."""
        host = plain_host(client_address[0])
        if self._gate.is_stranger(host):
            self.shutdown_request(request)
            return
        refusal = self._gate.admit(host)
        if refusal is not None:
            self._turn_away(request, client_address, handler, refusal)
            return
        thread = Thread(
            target=self._serve,
            args=(request, client_address, handler),
            name=f"threadchat client {show_address(client_address)}",
            daemon=True,
        )
        if not self._take_seat(thread, host):
            self._gate.release(host)
            words = f"The room is full: it holds {self.limits.max_clients}. Please try again later."
            self._turn_away(request, client_address, handler, Refusal("the room is full", words))
            return
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            self._forget(thread)
            self._no_threads.begins("cannot serve one more client for now: no thread to be had")
            self._refuse(request, "The server is out of threads. Please try again later.", 0.0)
        else:
            self._no_threads.ends()

    def turn_away(self, request: socket.socket, client_address: Any) -> None:
        """Tell a client that there is no descriptor to serve it with, and close."""
        if self._gate.is_stranger(plain_host(client_address[0])):
            self.shutdown_request(request)
        else:
            self._refuse(request, "The server is out of connections. Please try again later.", 0.0)

    def _take_seat(self, thread: Thread, host: str) -> bool:
        with self._lock:
            has_room = len(self._seats) < self.limits.max_clients
            if has_room:
                self._threads.add(thread)
                self._seats[thread] = host
            return has_room

    def _give_up_seat(self, thread: Thread) -> None:
        with self._lock:
            host = self._seats.pop(thread, None)
        if host is not None:
            self._gate.release(host)

    def _serve(
        self, request: socket.socket, client_address: Any, handler: type[ClientHandler]
    ) -> None:
        try:
            handler(request, client_address, self)
        except Exception as error:
            # It ended one client and nobody else (promise 8).
            self.watch.failed(f"serving {show_address(client_address)}", error)
        finally:
            self.shutdown_request(request)
            self._forget(current_thread())

    def _forget(self, thread: Thread) -> None:
        self._give_up_seat(thread)
        with self._lock:
            self._threads.discard(thread)
            handler = self._handlers.pop(thread, None)
            if handler is not None:
                self._received += handler.bytes_received
                self._sent += handler.outbox.bytes_sent

    def _look_after_all(self) -> None:
        with self._lock:
            handlers = list(self._handlers.values())
        now = self.clock()
        for handler in handlers:
            try:
                handler.look_after(now)
            except Exception as error:
                # The others are still to be looked after (promise 8).
                self.watch.failed(f"looking after client #{handler.person.id}", error)

    # Turning away

    def _turn_away(
        self,
        request: socket.socket,
        client_address: Any,
        handler: type[ClientHandler],
        refusal: Refusal,
    ) -> None:
        self.watch.note(Refused(show_address(client_address), refusal.why))
        if handler is not ClientHandler:
            self.shutdown_request(request)  # words it could read would need a handshake first
            return
        with self._lock:
            at_leisure = self._refusals < _MAX_REFUSALS_AT_ONCE
            self._refusals += at_leisure
        if at_leisure:
            args = (request, refusal.words)
            try:
                Thread(target=self._refuse_at_leisure, args=args, daemon=True).start()
                return
            except RuntimeError:
                with self._lock:
                    self._refusals -= 1
        self._refuse(request, refusal.words, 0.0)

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
            wire.send(render(Problem(words), PLAIN_VIEW))
        wire.linger(linger)
        self.shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error in admitting one client, which nobody else notices (promise 8)."""
        error = sys.exception()
        if isinstance(error, Exception):
            self.watch.failed(f"admitting {show_address(client_address)}", error)

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
        self._give_up_seat(current_thread())


class _TlsPort(Listener):
    """Where clients come in who speak TLS. Whom it accepts, `chat_server` serves."""

    def __init__(self, address: tuple[str, int], chat_server: ChatServer) -> None:
        self._chat_server = chat_server
        super().__init__(address, TlsClientHandler, chat_server.watch)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Have a client served, or turned away."""
        self._chat_server.admit(request, client_address, TlsClientHandler)


def _say_goodbye(handler: ClientHandler) -> None:
    handler.end(Reason.SERVER_STOPPING, "The server is stopping. Goodbye.")
