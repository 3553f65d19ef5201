"""Accept clients, admit as many as there is room for, and stop cleanly.

One thread accepts clients, one sends what slow clients did not take, one delivers when several
people speak at once, one checks all clients about once a second, and each client has its own
thread. `ChatServer.stop` ends them all inside a deadline (promise 9).
"""

import contextlib
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from threading import Event, RLock
from typing import TYPE_CHECKING

from threadchat.chat.chat import Chat
from threadchat.chat.interfaces import ServerControl
from threadchat.chat.midnight import Midnight
from threadchat.chat.order import Order
from threadchat.chat.rules import Rules
from threadchat.commands.builtin import make_registry
from threadchat.commands.registry import Command
from threadchat.errors import OperatorError
from threadchat.monitoring.events import Acted, Watch, Watcher
from threadchat.monitoring.stats import Snapshot
from threadchat.net.certificate import Certificate
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import Flusher
from threadchat.net.threads import OutOfThreads, join_by, waits_for_a_stop
from threadchat.server.admitting import AdmittingListener
from threadchat.server.announcing import Announcing
from threadchat.server.config import DEFAULT_PORT, ServerConfig
from threadchat.server.expiry import Expiry
from threadchat.server.figures import Figures
from threadchat.server.linking import Linking
from threadchat.server.listener import CannotListenForTls, Listener
from threadchat.server.members import ProgramMembers
from threadchat.server.periodic import Periodic
from threadchat.server.tlslistener import TlsListener
from threadchat.session.hosting import Handler
from threadchat.session.program import OnMessage, ProgramMember
from threadchat.storage.forgetting import Forgetter
from threadchat.storage.history import History
from threadchat.storage.records import Records
from threadchat.terminal.charsets import COMMON_ENCODINGS
from threadchat.text.encodings import load_ahead, usable_encoding

if TYPE_CHECKING:
    from threadchat.server.weblistener import WebListener


class ChatServer(AdmittingListener):
    """A chat server on one address, with one thread for each client.

    Use it as a context manager, or call `stop` yourself::

        with ChatServer(("127.0.0.1", 0)) as server:
            server.start()
            host, port = server.server_address[:2]

    For the address see `Listener`. Before `start`, no client is answered. `watchers` are told of
    events. `stop` closes `history` and `records`. `finish` is called when an operator asks for a
    stop; without it, `stop` is called. `commands` are more slash commands, beside those there are.
    `clock` counts seconds, like `time.monotonic`. `order` is one that several servers share. Raise
    `OSError` if the server cannot bind or listen (`CannotListenForTls` if only the port for TLS is
    the trouble), `ValueError` if two commands have a name in common.
    """

    def __init__(
        self,
        address: tuple[str, int] = ("", DEFAULT_PORT),
        config: ServerConfig | None = None,
        *,
        watchers: Sequence[Watcher] = (),
        history: History | None = None,
        records: Records | None = None,
        finish: Callable[[], None] | None = None,
        commands: Iterable[Command] = (),
        clock: Callable[[], float] = time.monotonic,
        order: Order | None = None,
    ) -> None:
        self.commands = make_registry(commands)
        self.config = config = config or ServerConfig()
        self.fallback_encoding = usable_encoding(config.fallback_encoding)
        load_ahead(COMMON_ENCODINGS)
        self._figures = Figures(clock, watchers)
        self.rules = Rules(config.files)
        self._linking = Linking(config.link)
        self.link_state = self._linking.state
        watch = Watch(*watchers, tally=self._figures.tally)
        super().__init__(address, watch, config.limits, records, clock)
        with contextlib.ExitStack() as opened:  # closed again if one of these steps fails
            opened.callback(self.socket.close)
            if records is None:
                opened.callback(self._records.close)
            self._history = self._linking.history(history or History())
            self.flusher = Flusher(self.watch.failed)
            opened.callback(self.flusher.stop, 0.0)
            self._finish = finish or self.stop
            control = ServerControl(self.stats, self._stop_for_operator)
            order = order or self._linking.order(self.server_address[1], self._history, self.watch)
            kept = self._history, self._records
            rooms = self._linking.room_type
            self.chat = Chat(
                *kept, self.rules, self.watch, control, config.replay, clock, order, rooms
            )
            self._linking.attach(self.chat)
            self._members = ProgramMembers(self.watch)
            self._midnight = Midnight(self.chat.begin_day)
            self._expiry = (
                Expiry(config.tls, self.watch.warn) if isinstance(config.tls, Certificate) else None
            )
            self.periodic = Periodic(self._look_after_all)
            self._announcing = Announcing(self)
            self._forgetter = (
                Forgetter(self._history, config.keep, self.watch.warn) if config.keep else None
            )
            opened.pop_all()
        # Held while one of the flags below is set. A signal handler may stop the server while the
        # main thread starts or stops it, so this thread must not wait for itself.
        self._lock = RLock()
        self._is_started = False
        self.stopping = Event()
        """Set once the server stops. From then on nothing that clients send is served."""
        self._stopped = Event()
        self.web_listener: WebListener | None = None
        self.tls_listener: Listener | None = None
        try:
            self._open_other_doors()
        except BaseException:
            self.stop()
            raise

    def _open_other_doors(self) -> None:
        config = self.config
        if config.tls is not None:
            try:
                self.tls_listener = TlsListener(config.tls_address, self.admit, self.watch)
            except OSError as error:
                raise CannotListenForTls(error.errno, error.strerror) from error
        if config.web_address is not None:
            # Only here: the packages that it needs may be missing.
            from threadchat.server.weblistener import open_web_listener

            self.web_listener = open_web_listener(self)

    # Running

    def start(self) -> None:
        """Start the threads that serve clients, and return. A server starts once.

        Raise `OperatorError` if it was started or stopped before, and if there is no thread or
        memory for it; in the last case it is stopped.
        """
        with self._lock:  # a stop on another thread waits until everything runs
            if self.stopping.is_set():
                raise OperatorError("the server has been stopped: make a new one to serve again")
            if self._is_started:
                raise OperatorError("the server has been started already")
            self._is_started = True
            try:
                self._start()
            except (OutOfThreads, MemoryError) as error:
                self.stop()
                if isinstance(error, MemoryError):
                    raise OutOfThreads("serving clients") from None
                raise

    def _start(self) -> None:
        starts = [self.flusher.start, self.chat.start, self._linking.start, self.periodic.start]
        if self._expiry is not None:
            starts.append(self._expiry.look)
        if self._forgetter is not None:
            starts.append(self._forgetter.start)
        starts += [it.start_accepting for it in (self, self.tls_listener, self.web_listener) if it]
        starts.append(self._announcing.start)
        for start in starts:
            if not self.stopping.is_set():  # a signal handler may have stopped the server meanwhile
                start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop within `timeout` seconds: say goodbye, flush, close, and join every thread.

        Clients that take no more bytes are cut off when the time is nearly over. If the server was
        never started, this only closes what is open. Each call returns only when the server has
        stopped, or when the caller's own timeout is over (promise 9). Any thread may call it, even
        one of the server's own: that thread ends after the call has returned.
        """
        with waits_for_a_stop():
            with self._lock:
                is_first = not self.stopping.is_set()
                self.stopping.set()
            if not is_first:
                self._stopped.wait(timeout)
                return
            try:
                self._stop(timeout)
            finally:
                self._stopped.set()

    def _stop(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        handlers = self.clients.handlers()  # `register` says goodbye to a client that comes later
        with contextlib.ExitStack() as rest:  # if one step fails, the others are still done
            self._announcing.end()
            rest.callback(self._announcing.join, deadline)
            if self._forgetter is not None:
                rest.callback(self._forgetter.close)
            rest.callback(self._history.close)
            rest.callback(self._records.close)
            rest.callback(lambda: self.flusher.stop(_left_until(deadline)))
            rest.callback(lambda: self.maker.close(_left_until(deadline)))
            rest.callback(lambda: self._linking.close(_left_until(deadline)))
            rest.callback(lambda: self.chat.close(_left_until(deadline)))
            rest.callback(self._members.join, deadline - 0.1 * timeout)
            rest.callback(self._end_clients, handlers, deadline, 0.1 * timeout)
            rest.callback(self._members.end)
            self.stop_accepting(deadline)
            for listener in (self.tls_listener, self.web_listener):
                if listener is not None:
                    listener.stop_accepting(deadline)
            self.periodic.stop(deadline)
            self._repeats.close()
            # Everybody is told of the stop. Nobody needs a line for each person that it ends.
            self.chat.hush()

    def _end_clients(
        self, handlers: Sequence[Handler], deadline: float, last_seconds: float
    ) -> None:
        """Say goodbye to all; cut off clients that are still here `last_seconds` before the end."""
        for handler in handlers:
            _say_goodbye(handler)
        self._join_all(deadline - last_seconds)
        for handler in self.clients.handlers():
            handler.client.abandon(Reason.SERVER_STOPPING)
        self._join_all(deadline)

    def _join_all(self, deadline: float) -> None:
        for thread in self.clients.threads():
            join_by(thread, deadline)

    def add_member(self, name: str, on_message: OnMessage) -> ProgramMember:
        """Put a program into the lobby as a member called `name`, before or after `start`.

        `on_message` is called with the member and with each message that others cause there, in
        the room's order, on a thread of the member's own. See `ProgramMember` for what it can do.
        Raise `BadName` if the name cannot be had, and `OperatorError` if there is no thread, or if
        the server is stopping.
        """
        if self.stopping.is_set():
            raise OperatorError("the server is stopping: it takes no more members")
        self._linking.start()  # a name is had on all servers
        member = ProgramMember(self.next_id(), name, on_message, self.chat)
        self._members.add(member)
        return member

    def _stop_for_operator(self) -> None:
        try:
            self._finish()
        except Exception as error:
            self.watch.failed("stopping for an operator", error)

    def server_close(self) -> None:
        """Stop, as the context manager does."""
        self.stop()

    def shutdown(self) -> None:
        """Stop, as `stop` does. That of `socketserver` would only wait for the acceptor."""
        self.stop()

    def reread(self) -> None:
        """Read the rules and the certificate again; tell the operator what cannot be read."""
        self.rules.reread(self.watch.warn)
        if self._expiry is not None:
            self._expiry.reread()
        self.watch.note(Acted("operator", "had the files read again"))

    def stats(self) -> Snapshot:
        """Return the figures of this moment. Any thread may call it."""
        return self._figures.snapshot(self.chat, self.clients, self._admission, self.link_state())

    # The round

    def _look_after_all(self) -> None:
        now = self.clock()
        for handler in self.clients.handlers():
            try:
                handler.supervision.look(now)
            except Exception as error:
                # The other clients still have to be checked (promise 8).
                self.watch.failed(f"looking after client #{handler.person.id}", error)
        self._members.look_after()
        self._linking.look_after()
        if self.web_listener is not None:
            self.web_listener.look_after()
        self._midnight.look()
        self._repeats.look()
        if self._expiry is not None:
            self._expiry.look()

    # For the handlers

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The context for the next TLS client; None if there are no TLS clients."""
        tls = self.config.tls
        return tls.context if isinstance(tls, Certificate) else tls

    def register(self, handler: Handler) -> str:
        """See `Clients.register`: a stop can end the client of `handler` from now on."""
        reached = self.clients.register(handler)
        # The thread that sets this flag reads the table after that. So this thread or that one
        # says goodbye.
        if self.stopping.is_set():
            _say_goodbye(handler)
        return reached


def _say_goodbye(handler: Handler) -> None:
    handler.client.end(Reason.SERVER_STOPPING, "The server is stopping. Goodbye.")


def _left_until(deadline: float) -> float:
    return max(0.1, deadline - time.monotonic())
