"""Serve one client at a terminal for as long as it is connected, on a thread of its own.

`socketserver` calls `setup`, `handle` and `finish`. `TerminalConnection` reads what the client
types; `Login` and `Conversation` act on it.
"""

import socket
import socketserver
import ssl
from typing import Protocol, cast

from threadchat.chat.person import Person
from threadchat.commands.completion import complete
from threadchat.handlers.beginning import Pages
from threadchat.handlers.connection import TerminalConnection
from threadchat.messages.kinds import Notice
from threadchat.monitoring.events import Connected, Disconnected, Named
from threadchat.net.addresses import show_address
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import Flusher, SendQueue
from threadchat.net.transport import Transport, open_transport
from threadchat.session.conversation import Conversation
from threadchat.session.hosting import Host
from threadchat.session.login import Login
from threadchat.session.supervision import Supervision
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.view import PLAIN_VIEW


class TerminalHost(Host, Protocol):
    """What a handler needs of the server it belongs to, besides what all handlers do."""

    flusher: Flusher

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The context for the next TLS client; None if there is no certificate."""

    @property
    def web_listener(self) -> Pages | None:
        """The listener for browsers, if there is one."""


class ClientHandler(socketserver.StreamRequestHandler):
    """Serves one client at a terminal: greeting, login, conversation, and goodbye."""

    request: socket.socket

    def setup(self) -> None:
        """Make the objects that serve this client.

        It makes no `rfile` and `wfile`: the transport receives without a buffer, and sends without
        waiting.
        """
        self.connection = self.request
        self.host = host = cast(TerminalHost, self.server)
        host.maker.make(self._make)
        person, client = self.person, self.client
        host.watch.note(Connected(person.id, person.address, client.door))
        person.reached = host.register(self)

    def _make(self) -> None:
        host = self.host
        self.transport = self._open_transport()
        self.send_queue = SendQueue(self.transport, host.flusher)
        id, address = host.next_id(), show_address(self.client_address)
        self.person = person = Person(id, address, self.send_queue.send, PLAIN_VIEW)
        self.client = client = TerminalConnection(
            person,
            self.transport,
            self.send_queue,
            ClientTerminal(host.fallback_encoding, self._complete),
            host.clock,
            host.stopping,
        )
        client.pages = host.web_listener
        person.connection = client
        self.supervision = Supervision(client, host.limits)

    def _open_transport(self) -> Transport:
        return open_transport(self.connection)

    def _is_reached(self) -> bool:
        """Return whether the client can be sent messages; here always. TLS does a handshake."""
        return True

    def _complete(self, text: str) -> tuple[int, list[str]]:
        if not self.person.name:
            return 0, []
        return complete(self.host.commands, self.host.chat, self.person, text)

    def handle(self) -> None:
        """Serve the client until one side ends the connection."""
        try:
            if self._is_reached():
                self._converse()
                self.client.wait_for_goodbye()
        except Exception as error:
            self.client.why = Reason.SERVER_ERROR
            self.host.watch.failed(f"serving client #{self.person.id}", error)
        if self.person.leaving is not None:
            self.client.why = self.person.leaving

    def _converse(self) -> None:
        host, client = self.host, self.client
        conversation = host.maker.make(
            lambda: Conversation(host.chat, host.commands, client, host.limits.flood)
        )
        if not self._is_logged_in(conversation):
            return
        conversation.enter()
        if client.speaks_telnet_in_line_mode:
            self.person.tell(Notice(_CHARMODE_HINT))
        host.watch.note(Named(self.person.id, self.person.name))
        host.chat.mail.hand_over(self.person)
        conversation.go_on()

    def _is_logged_in(self, conversation: Conversation) -> bool:
        """Greet the client and ask for its name; return False if it ends without one."""
        login = Login(self.host.chat, self.client)
        if self.host.limits.flood:
            self.client.begin(login.greet, conversation.is_time_for, conversation.is_time_for_input)
        else:
            self.client.begin(login.greet)
        return login.is_passed()

    def finish(self) -> None:
        """Take the person out, send what is still queued, close, and log the end (promise 7)."""
        why = self.client.reason
        try:
            if self.person.name:
                self.host.chat.leave(self.person, why)
            self._see_off(why)
        finally:
            self.client.close()
            self._log_end(why)
            self.client.let_go()

    def _see_off(self, why: str) -> None:
        self.client.stop_drawing()
        if why.startswith(Reason.QUIT):
            self.person.tell(Notice("Goodbye."))
        self.host.give_up_seat()
        self.client.drain()

    def _log_end(self, why: str) -> None:
        self.host.watch.note(
            Disconnected(
                self.person.id,
                self.person.name,
                self.person.address,
                seconds=self.host.clock() - self.client.started_at,
                received=self.client.bytes_received,
                sent=self.client.bytes_sent,
                why=why,
            )
        )


_CHARMODE_HINT = "Type /charmode on to have the line you type kept whole while others talk."
