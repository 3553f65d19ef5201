"""Answer the requests on one connection at the web port, until one of them begins a WebSocket."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from threadchat.net.addresses import plain_host, show_address, urls
from threadchat.net.sendqueue import SendQueue
from threadchat.net.tls import TlsTransport
from threadchat.net.transport import Transport
from threadchat.web import hooks
from threadchat.web.deflate import agree
from threadchat.web.door import Listener
from threadchat.web.http import (
    BadRequest,
    HttpConnection,
    Request,
    Response,
    Stage,
    plain_text,
)
from threadchat.web.invitation import address_for_others, invitation
from threadchat.web.pagefiles import security_headers
from threadchat.web.routes import Route, Routes
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


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The beginning of a WebSocket: what came in behind the request, and what that asks for."""

    rest: bytes
    resumes: bool
    deflates: bool


class Requests:
    """The requests on one connection, for its own thread.

    `reached` is the address of ours that the client, at `client_address`, connected to.
    """

    def __init__(
        self,
        listener: Listener,
        transport: Transport,
        send_queue: SendQueue,
        client_address: Any,
        reached: str,
    ) -> None:
        self._listener = listener
        self._host, self._door = listener.host, listener.door
        self._transport = transport
        self._send_queue = send_queue
        self._client_address = client_address
        self._reached = reached
        self._scheme = "https" if isinstance(transport, TlsTransport) else "http"

    def serve(self) -> Upgrade | None:
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
                self._send_queue.send(http.answer(bad.response, to=request))
                break
            self._send_queue.send(http.answer(answer, to=request))
            if not (
                http.can_go_on()
                and self._send_queue.drain(HEAD_SECONDS)
                and self._listener.has_waited(1.0)
            ):
                break
        return None

    def _next_request(self, http: HttpConnection) -> Request | None:
        request, stage = http.next_request(), None
        deadline = 0.0
        while request is None:
            if http.stage is not stage:
                stage = http.stage
                deadline = time.monotonic() + _IN_TIME[stage]
                self._send_queue.send(http.ask_for_body())
            left = deadline - time.monotonic()
            try:
                if left <= 0:
                    raise TimeoutError
                data = self._transport.receive(4096, left)
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
            **self._listener.watching.routes(self._client_address[0]),
            "/qr.svg": Route(self._invitation),
            hooks.PATH: self._hooks().route,
        }
        return Routes(routes, self._door.page.answer, self._check_host)

    def _hooks(self) -> hooks.HookDoor:
        origin = plain_host(self._client_address[0]), self._reached
        return hooks.HookDoor(
            self._host.chat.hooks,
            self._door.tries,
            self._host.stopping,
            lambda refusal: self._host.note_refusal(origin, self._client_address, refusal),
            origin,
            show_address(self._client_address),
            self._host.fallback_encoding,
        )

    def _check_host(self, request: Request) -> None:
        if not self._door.guard.is_own_host(request, self._reached):
            raise BadRequest(421, NOT_OURS)

    def _invitation(self, request: Request) -> Response:
        host, scheme = request.value("host"), self._scheme
        picture = invitation(address_for_others(host, scheme, self._reached, self._urls))
        return replace(picture, headers=[*picture.headers, *security_headers(host)])

    def _urls(self) -> Sequence[str]:
        admits = self._host.limits.allowed.admits_near
        return urls(self._listener.server_address, admits, scheme=self._scheme)

    def _begin_websocket(self, http: HttpConnection, request: Request) -> Upgrade | None:
        """Begin a WebSocket; return None if it was refused."""
        door = self._door
        refused: Response | None = None
        try:
            if not door.guard.is_own_host(request, self._reached):
                refused = plain_text(421, NOT_OURS)
            elif not door.guard.is_own_origin(request, self._scheme):
                refused = plain_text(403, "A page of another site may not do that.")
            else:
                extension = agree(request.values("sec-websocket-extensions"))
                accepted = accept(request, extension)
        except BadRequest as bad:
            refused = bad.response
        if refused is not None:
            self._send_queue.send(http.answer(refused, to=request))
            return None
        self._send_queue.send(_switching(accepted))
        return Upgrade(http.rest, resumes=request.query == "resume", deflates=bool(extension))


def _switching(response: Response) -> bytes:
    lines = ["HTTP/1.1 101 Switching Protocols"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
