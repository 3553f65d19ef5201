"""Serve one connection at the web port: requests for the page, then perhaps a person's WebSocket.

On a connection the client always speaks first. One on which nothing comes is closed after
`SILENT_SECONDS`, and is neither logged nor counted as a client.
"""

import contextlib
import socket
import socketserver
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Any, Protocol, cast

from threadchat.access.limiter import Refusal, Tries
from threadchat.access.limits import Limits
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Registry
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.monitoring.events import Connected, Disconnected, Named, Watch
from threadchat.net.addresses import plain_host, reached_address, show_address, urls
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import Flusher, SendQueue
from threadchat.net.tls import TlsTransport
from threadchat.net.transport import Transport, open_transport
from threadchat.session.conversation import Conversation
from threadchat.session.login import Login
from threadchat.session.supervision import Supervision
from threadchat.text.clean import MAX_LINE
from threadchat.text.names import MAX_NAME_CELLS
from threadchat.web import hooks
from threadchat.web.connection import WebConnection
from threadchat.web.deflate import agree
from threadchat.web.framing import DeflatingFramer, Framer
from threadchat.web.guards import Guard
from threadchat.web.http import (
    BadRequest,
    HttpConnection,
    Request,
    Response,
    Stage,
    plain_text,
)
from threadchat.web.invitation import address_for_others, invitation
from threadchat.web.link import Link
from threadchat.web.links import LINGER_SECONDS, SEAT_SECONDS
from threadchat.web.objects import Resume
from threadchat.web.pagefiles import Page, security_headers
from threadchat.web.routes import Route, Routes
from threadchat.web.seats import Seats
from threadchat.web.watching import Watching
from threadchat.web.websocket import accept

HEAD_SECONDS = 5.0
"""How many seconds a client may take for the head of a request, from its first byte on.

It may take as long again for the body.
"""

SILENT_SECONDS = 10.0
"""How many seconds a connection may be open without a request."""

NOT_OURS = (
    "This server is not called that. Open it by its address,"
    " or have it started with --web-host and that name."
)
"""The answer to a request with the name of another host."""

_IN_TIME = {
    Stage.NOTHING: SILENT_SECONDS,
    Stage.HEAD: HEAD_SECONDS,
    Stage.BODY: HEAD_SECONDS,
}
"""The seconds from each stage of a request to the next."""

_TLS_HANDSHAKE = 0x16  # the first byte of a client that speaks TLS


class Door:
    """What all connections at the web port share.

    `version` is that of threadchat, `chat_port` the port for terminals. `clock` counts seconds.
    """

    def __init__(
        self, guard: Guard, version: str, chat_port: int, clock: Callable[[], float]
    ) -> None:
        self.guard = guard
        self.version = version
        self.page = Page(chat_port)
        self.seats = Seats()
        self.framer = Framer()
        self.deflating_framer = DeflatingFramer()
        self.tries = Tries(clock)
        """Wrong tokens, by address. Those at passwords count by themselves."""


class Host(Protocol):
    """What a handler needs from the server of the people."""

    chat: Chat
    clock: Callable[[], float]
    commands: Registry
    fallback_encoding: str
    flusher: Flusher
    limits: Limits
    stopping: Event
    watch: Watch

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The context for clients that speak TLS; None if there is no certificate."""

    def next_id(self) -> int:
        """Return an id that no other client of this server has had."""

    def note_refusal(self, origin: tuple[str, str], client_address: Any, refusal: Refusal) -> None:
        """Log that a client was refused, or count it where that repeats."""

    def register(self, handler: "WebHandler") -> object:
        """Keep `handler` in the table of clients, so that other threads can end its client."""

    def give_up_seat(self) -> None:
        """Let another client have the current thread's seat: only the goodbye is left to send."""


class Listener(Protocol):
    """What a handler needs from the listener that has accepted its connection."""

    door: Door
    watching: Watching
    server_address: Any

    @property
    def host(self) -> Host:
        """The server of the people."""

    def admit_here(self, request: socket.socket, client_address: tuple[str, int]) -> Refusal | None:
        """Give the client of the current thread a seat, or return why it gets none."""


@dataclass(frozen=True, slots=True)
class _Upgrade:
    """The beginning of a WebSocket: what came in behind the request, and what that asks for."""

    rest: bytes
    resumes: bool
    deflates: bool


class WebHandler(socketserver.StreamRequestHandler):
    """Serves one connection: requests, and one person's conversation if it becomes a WebSocket."""

    request: socket.socket
    client: WebConnection
    person: Person
    supervision: Supervision

    def setup(self) -> None:
        """Make no `rfile` and `wfile`: the transport receives and sends in its own way."""
        self.listener = cast(Listener, self.server)
        self.host, self.door = self.listener.host, self.listener.door
        self.reached = reached_address(self.request)
        self.is_tls = False
        self.is_handed_on = False
        """Whether another thread serves the connection from now on, and closes it."""

    def handle(self) -> None:
        """Answer requests until one begins a WebSocket, or the connection ends."""
        with contextlib.suppress(OSError):
            # Before there is a transport, because that takes the timeout away.
            self.request.settimeout(SILENT_SECONDS)
            first = self.request.recv(1, socket.MSG_PEEK)
            if first:
                self.transport = self._open_transport(is_tls=first[0] == _TLS_HANDSHAKE)
                self.send_queue = SendQueue(self.transport, self.host.flusher)
                upgrade = None
                try:
                    # Returns before the person is served, so that nothing of HTTP stays in memory.
                    upgrade = self._serve_requests()
                finally:
                    if upgrade is None:
                        self._close()
                if upgrade is not None:
                    self._serve_person(upgrade)

    def _open_transport(self, *, is_tls: bool) -> Transport:
        """Return the transport, encrypted if the client speaks TLS and there is a certificate."""
        transport = open_transport(self.request)
        if self.host.tls is None or not is_tls:
            return transport
        encrypted = TlsTransport(transport, self.host.tls)
        encrypted.handshake()
        self.is_tls = True
        return encrypted

    # Requests

    def _serve_requests(self) -> "_Upgrade | None":
        """Answer requests; return the one that has begun a WebSocket, or None at the end."""
        routes = self._routes()
        http = HttpConnection(routes.max_body)
        while True:
            request = None
            try:
                request = self._next_request(http)
                if request is None:
                    break
                if request.path == "/ws":
                    return self._begin_websocket(http, request)
                answer = routes.answer(request)
            except BadRequest as bad:
                self.send_queue.send(http.answer(bad.response, to=request))
                break
            self.send_queue.send(http.answer(answer, to=request))
            if not http.can_go_on() or not self.send_queue.drain(HEAD_SECONDS):
                break
        return None

    def _close(self) -> None:
        if self.send_queue.drain(HEAD_SECONDS):
            self.transport.linger(LINGER_SECONDS)
        self.send_queue.close()

    def _next_request(self, http: HttpConnection) -> Request | None:
        request, stage = http.next_request(), None
        deadline = 0.0
        while request is None:
            if http.stage is not stage:
                stage = http.stage
                deadline = time.monotonic() + _IN_TIME[stage]
                self.send_queue.send(http.ask_for_body())
            left = deadline - time.monotonic()
            try:
                if left <= 0:
                    raise TimeoutError
                data = self.transport.receive(4096, left)
            except TimeoutError:
                if stage is Stage.NOTHING:
                    return None
                part = "body" if stage is Stage.BODY else "head"
                raise BadRequest(408, f"The {part} of the request did not come in time.") from None
            if not data:
                return None
            request = http.receive(data)
        return request

    def _routes(self) -> Routes:
        routes = {
            **self.listener.watching.routes(self.client_address[0]),
            "/qr.svg": Route(self._invitation),
            hooks.PATH: self._hooks().route,
        }
        return Routes(routes, self.door.page.answer, self._check_host)

    def _hooks(self) -> hooks.HookDoor:
        origin = plain_host(self.client_address[0]), self.reached
        return hooks.HookDoor(
            self.host.chat.hooks,
            self.door.tries,
            self.host.stopping,
            lambda refusal: self.host.note_refusal(origin, self.client_address, refusal),
            origin,
            show_address(self.client_address),
            self.host.fallback_encoding,
        )

    def _check_host(self, request: Request) -> None:
        if not self.door.guard.is_own_host(request, self.reached):
            raise BadRequest(421, NOT_OURS)

    def _invitation(self, request: Request) -> Response:
        host, scheme = request.value("host"), self._scheme
        picture = invitation(address_for_others(host, scheme, self.reached, self._urls))
        return replace(picture, headers=[*picture.headers, *security_headers(host)])

    def _urls(self) -> Sequence[str]:
        admits = self.host.limits.allowed.admits_near
        return urls(self.listener.server_address, admits, scheme=self._scheme)

    @property
    def _scheme(self) -> str:
        return "https" if self.is_tls else "http"

    # The WebSocket

    def _begin_websocket(self, http: HttpConnection, request: Request) -> "_Upgrade | None":
        """Begin a WebSocket; return None if it was refused."""
        door = self.door
        refused: Response | None = None
        try:
            if not door.guard.is_own_host(request, self.reached):
                refused = plain_text(421, NOT_OURS)
            elif not door.guard.is_own_origin(request, self._scheme):
                refused = plain_text(403, "A page of another site may not do that.")
            else:
                extension = agree(request.values("sec-websocket-extensions"))
                accepted = accept(request, extension)
        except BadRequest as bad:
            refused = bad.response
        if refused is not None:
            self.send_queue.send(http.answer(refused, to=request))
            return None
        self.send_queue.send(_switching(accepted))
        return _Upgrade(http.rest, resumes=request.query == "resume", deflates=bool(extension))

    def _serve_person(self, upgrade: _Upgrade) -> None:
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
        person = Person(host.next_id(), address, link.send, JSON_LINES)
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
        host.register(self)
        self._is_logged = False
        try:
            self._converse(client, resumes=upgrade.resumes)
        except Exception as error:
            host.watch.failed(f"serving client #{person.id}", error)
            client.end(Reason.SERVER_ERROR, "Something went wrong. Come again!")
        finally:
            self._finish(client)

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
        conversation = Conversation(host.chat, host.commands, client, host.limits.flood)
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


def _switching(response: Response) -> bytes:
    lines = ["HTTP/1.1 101 Switching Protocols"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
