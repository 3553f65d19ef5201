"""Admit the clients of a server, by whatever door they come: each gets a seat, or is turned away.

A client at a terminal also gets its thread here. Who is let in is said by `Admission`; how a client
is told that it is not, by `Refusals`.
"""

import socket
from collections.abc import Callable
from threading import Thread, current_thread
from typing import Any

from threadchat.access.limiter import Refusal, RefusedFor, counted_as
from threadchat.access.limits import Limits
from threadchat.handlers.handler import ClientHandler
from threadchat.monitoring.events import Watch
from threadchat.monitoring.repeats import Repeats
from threadchat.net.addresses import plain_host, reached_address, show_address
from threadchat.net.maker import Maker
from threadchat.server.admission import Admission
from threadchat.server.clients import Clients, Origin
from threadchat.server.listener import Listener, Shortage
from threadchat.server.refusals import Refusals
from threadchat.storage.records import Records

_OUT_OF = "The server is out of"
_LATER = "Please try again later."


class AdmittingListener(Listener):
    """The listener for plain terminals, which admits the clients of the other listeners, too.

    `records` know the bans. `clock` counts seconds. For the rest see `Listener`.
    """

    def __init__(
        self,
        address: tuple[str, int],
        watch: Watch,
        limits: Limits,
        records: Records | None,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(address, ClientHandler, watch)
        self.limits = limits
        self.clock = clock
        self._records = records or Records(None)
        self.clients = Clients(limits.max_clients)
        self.maker = Maker()
        self._admission = Admission(limits, self._records, clock, watch.warn)
        self._repeats = Repeats(watch.note, clock)
        self._refusals = Refusals(self.clients, self.shutdown_request)
        self._no_threads = Shortage(watch, "clients are served again: there are threads for them")

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a client on a thread of its own, or turn it away; called by `socketserver`."""
        self.admit(request, client_address, ClientHandler, self.origin_of(request, client_address))

    def is_served(self, host: str, reached: str) -> bool:
        """Return whether clients from `host` are served at our address `reached`."""
        return self._admission.refuse_stranger(host, reached) is None

    def admit_here(self, request: socket.socket, client_address: Any) -> Refusal | None:
        """Give the client that the current thread serves a seat, or return why it gets none."""
        origin = plain_host(client_address[0]), reached_address(request)
        refusal = self._admission.admit(*origin)
        if refusal is None and not self.clients.take_seat(current_thread(), origin):
            self._admission.release(*origin)
            refusal = self._full()
        if refusal is not None:
            self.note_refusal(origin, client_address, refusal)
        return refusal

    def note_refusal(self, origin: Origin, client_address: Any, refusal: Refusal) -> None:
        """Log that a client was refused, or count it where that repeats."""
        self.watch.tally.refused(refusal.why)
        self._repeats.refused(counted_as(*origin), show_address(client_address), refusal.why)

    def _full(self) -> Refusal:
        words = f"The room is full: it holds {self.limits.max_clients}. {_LATER}"
        return Refusal(RefusedFor.FULL, words)

    def forget_current(self) -> None:
        """Forget the client that the current thread has served."""
        self._forget(current_thread())

    def admit(
        self,
        request: socket.socket,
        client_address: Any,
        handler: type[ClientHandler],
        origin: Origin,
    ) -> None:
        """Start a thread on which a `handler` serves a client, or turn the client away."""
        if (words := self._admission.refuse_stranger(*origin)) is not None:
            self._tell_and_close(request, handler, words)
            return
        if (refusal := self._admission.admit(*origin)) is not None:
            self._turn_away(request, client_address, handler, origin, refusal)
            return
        thread = Thread(
            target=AdmittingListener._serve,
            args=(self, request, client_address, handler),
            name=f"threadchat client {show_address(client_address)}",
            daemon=True,
        )
        if not self.clients.take_seat(thread, origin):
            self._admission.release(*origin)
            self._turn_away(request, client_address, handler, origin, self._full())
            return
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            self._forget(thread)
            self._no_threads.begins("cannot serve another client for now: out of threads")
            self.watch.tally.refused(RefusedFor.NO_THREADS)
            self._tell_and_close(request, handler, f"{_OUT_OF} threads. {_LATER}")
        else:
            self._no_threads.ends()

    def _turn_away(
        self,
        request: socket.socket,
        client_address: Any,
        handler: type[ClientHandler],
        origin: Origin,
        refusal: Refusal,
    ) -> None:
        self.note_refusal(origin, client_address, refusal)
        self._tell_and_close(request, handler, refusal.words)

    def _tell_and_close(
        self, request: socket.socket, handler: type[ClientHandler], words: str
    ) -> None:
        if handler is ClientHandler:
            self._refusals.refuse_at_leisure(request, words)
        else:
            self.shutdown_request(request)  # it could read words only after a handshake

    def turn_away(self, request: socket.socket, client_address: Any) -> None:
        """Tell a client that there is no descriptor left to serve it, and close the connection."""
        words = self._admission.refuse_stranger(*self.origin_of(request, client_address))
        if words is None:
            self.watch.tally.refused(RefusedFor.NO_CONNECTIONS)
            words = f"{_OUT_OF} connections. {_LATER}"
        self._refusals.refuse(request, words)

    def _serve(
        self, request: socket.socket, client_address: Any, handler: type[ClientHandler]
    ) -> None:
        try:
            handler(request, client_address, self)
        except Exception as error:
            # The error ends this client and no other one (promise 8).
            self.watch.failed(f"serving {show_address(client_address)}", error)
        finally:
            self.shutdown_request(request)
            self._forget(current_thread())

    def _forget(self, thread: Thread) -> None:
        origin = self.clients.forget(thread)
        if origin is not None:
            self._admission.release(*origin)
        self.maker.tidy()

    def next_id(self) -> int:
        """Return an id that no other client of this server has had."""
        return self.clients.next_id()

    def give_up_seat(self) -> None:
        """Free the seat of the current thread's client, which only has to be told goodbye."""
        origin = self.clients.give_up_seat(current_thread())
        if origin is not None:
            self._admission.release(*origin)
