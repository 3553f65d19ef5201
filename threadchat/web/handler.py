"""Serve one connection at the web port: requests for the page, then perhaps a person's WebSocket.

On a connection the client always speaks first. One on which nothing comes is closed after
`SILENT_SECONDS`, and is neither logged nor counted as a client.
"""

import contextlib
import socket
import socketserver
from typing import cast

from threadchat.access.limits import Limits
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.monitoring.events import Connected, Disconnected, Named
from threadchat.net.addresses import reached_address, show_address
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import SendQueue
from threadchat.net.tls import HandshakeFailed, TlsTransport
from threadchat.net.transport import LINGER_SECONDS, Transport, open_transport
from threadchat.session.conversation import Conversation
from threadchat.session.login import Login
from threadchat.session.supervision import Supervision
from threadchat.text.clean import MAX_LINE
from threadchat.text.names import MAX_NAME_CELLS
from threadchat.web.connection import WebConnection
from threadchat.web.door import Listener
from threadchat.web.link import Link
from threadchat.web.links import SEAT_SECONDS
from threadchat.web.objects import Resume
from threadchat.web.person import PagePerson
from threadchat.web.requests import HEAD_SECONDS, SILENT_SECONDS, Requests, Upgrade

_TLS_HANDSHAKE = 0x16  # the first byte of a client that speaks TLS


class WebHandler(socketserver.StreamRequestHandler):
    """Serves one connection: requests, and one person's conversation if it becomes a WebSocket."""

    request: socket.socket
    client: WebConnection
    person: PagePerson
    supervision: Supervision

    def setup(self) -> None:
        """Make no `rfile` and `wfile`: the transport receives and sends in its own way."""
        self.listener = cast(Listener, self.server)
        self.host, self.door = self.listener.host, self.listener.door
        self.reached = reached_address(self.request)
        self.is_handed_on = False
        """Whether another thread serves the connection from now on, and closes it."""

    def handle(self) -> None:
        """Answer requests until one begins a WebSocket, or the connection ends."""
        upgrade = None
        with contextlib.suppress(OSError):  # the connection has broken
            upgrade = self._serve_requests()
        # Only now, when nothing of HTTP is in memory any more.
        if upgrade is not None:
            self._serve_person(upgrade)

    def _serve_requests(self) -> Upgrade | None:
        """Return what has begun a WebSocket, or None at the end."""
        if not self.listener.has_waited(0.0):
            return None
        # Before there is a transport, because that takes the timeout away.
        self.request.settimeout(SILENT_SECONDS)
        first = self.request.recv(1, socket.MSG_PEEK)
        if not first:
            return None
        self.transport = self._open_transport(is_tls=first[0] == _TLS_HANDSHAKE)
        self.send_queue = SendQueue(self.transport, self.host.flusher)
        requests = Requests(
            self.listener, self.transport, self.send_queue, self.client_address, self.reached
        )
        upgrade = None
        try:
            upgrade = requests.serve()
        finally:
            if upgrade is None:
                self._close()
        return upgrade

    def _open_transport(self, *, is_tls: bool) -> Transport:
        """Return the transport, encrypted if the client speaks TLS and there is a certificate."""
        transport = open_transport(self.request)
        if self.host.tls is None or not is_tls:
            return transport
        encrypted = TlsTransport(transport, self.host.tls)
        try:
            encrypted.handshake()
        except HandshakeFailed:
            encrypted.linger(LINGER_SECONDS)  # sends TLS's own words on what is wrong
            raise
        return encrypted

    def _close(self) -> None:
        if self.send_queue.drain(HEAD_SECONDS):
            self.transport.linger(LINGER_SECONDS)
        self.send_queue.close()

    def _serve_person(self, upgrade: Upgrade) -> None:
        host = self.host
        host.maker.make(lambda: self._make(upgrade))
        person, client = self.person, self.client
        host.register(self)
        self._is_logged = False
        try:
            self._converse(client, resumes=upgrade.resumes)
        except Exception as error:
            host.watch.failed(f"serving client #{person.id}", error)
            client.end(Reason.SERVER_ERROR, "Something went wrong. Come again!")
        finally:
            self._finish(client)

    def _make(self, upgrade: Upgrade) -> None:
        """Make the objects that serve the person."""
        host = self.host
        address = show_address(self.client_address)
        link = Link(
            self.transport,
            self.send_queue,
            host.flusher,
            self.door.deflating_framer if upgrade.deflates else self.door.framer,
            upgrade.rest,
            host.clock(),
            address=address,
            reached=self.reached,
        )
        person = PagePerson(host.next_id(), address, link.send, JSON_LINES)
        person.reached = self.reached
        person.hears_itself = True  # so that a page knows the place of its own lines
        self.person = person
        self.client = client = WebConnection(person, link, host.chat, self._hello())
        person.attach(
            client,
            client.deliver,
            JSON_LINES,
            client.deliver_privately,
            client.links.deliver_later,
        )
        self.supervision = WebSupervision(client, host.limits)

    def _hello(self) -> dict[str, object]:
        return {
            "version": 1,
            "server": f"threadchat {self.door.version}",
            "asks": "password" if self.host.chat.rules.has_password else "name",
            "limits": {"line": MAX_LINE, "name": MAX_NAME_CELLS},
            "resumes": SEAT_SECONDS,
        }

    def _converse(self, client: WebConnection, *, resumes: bool) -> None:
        host, person = self.host, self.person
        login = Login(host.chat, client)
        conversation = host.maker.make(
            lambda: Conversation(host.chat, host.commands, client, host.limits.flood)
        )
        timed = (
            (conversation.is_time_for, conversation.is_time_for_input) if host.limits.flood else ()
        )
        # A page that resumes has a seat already, so it is admitted only if that is not so.
        if not resumes and not self._is_admitted(client):
            return
        client.begin(login.greet, *timed)
        if resumes:
            resume = client.first_resume()
            if resume is not None and self._has_handed_on(client, resume):
                return
            if client.is_ended() or not self._is_admitted(client):
                return
            client.refuse_resume()
        host.watch.note(Connected(person.id, person.address, client.door))
        self._is_logged = True
        if not login.is_passed():
            return
        client.open_session(self.door.seats.open(client), host.commands)
        conversation.enter()
        host.chat.mail.hand_over(person)
        host.watch.note(Named(person.id, person.name))
        conversation.go_on()

    def _is_admitted(self, client: WebConnection) -> bool:
        refusal = self.listener.admit_here(self.request, self.client_address)
        if refusal is not None:
            client.end(Reason.REFUSED, refusal.words)
        return refusal is None

    def _has_handed_on(self, client: WebConnection, resume: Resume) -> bool:
        """Let the earlier session go on with this connection; its own thread serves that then."""
        earlier = self.door.seats.find(resume.key)
        if earlier is None or self.host.chat.records.ban_of_address(client.person.host):
            return False
        link = client.links.hand_on()
        self.is_handed_on = earlier.links.offer(link, resume)
        if not self.is_handed_on:
            client.links.current = link
        return self.is_handed_on

    def _finish(self, client: WebConnection) -> None:
        host, person = self.host, self.person
        if self.is_handed_on:
            return
        if client.key:
            self.door.seats.close(client.key)
        why = person.leaving or client.reason
        try:
            if person.name:
                host.chat.leave(person, why)
            host.give_up_seat()
        finally:
            client.close()
            if self._is_logged:
                host.watch.note(
                    Disconnected(
                        person.id,
                        person.name,
                        person.address,
                        seconds=host.clock() - client.started_at,
                        received=client.bytes_received,
                        sent=client.bytes_sent,
                        why=why,
                    )
                )

    def finish(self) -> None:
        """Do nothing more: the connection is closed, or another thread's."""


class WebSupervision(Supervision):
    """Watches the time limits of a person at a page, and whether the page is still there."""

    __slots__ = ("_page",)

    def __init__(self, connection: WebConnection, limits: Limits) -> None:
        super().__init__(connection, limits)
        self._page = connection

    def look(self, now: float) -> None:
        """See `Supervision.look`."""
        super().look(now)
        self._page.look(now)
