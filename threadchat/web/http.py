"""Read HTTP requests and write the answers: bytes in, requests out. It uses no sockets.

`h11` does the parsing (RFC 9112). Here stand the bounds: how large a head may be, and that a
request has no larger body than it may. What breaks a rule gets a short answer, and then the
connection ends.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from http import HTTPStatus

import h11

from threadchat.errors import PersonError

MAX_HEAD = 8 * 1024
"""The most bytes of a request's head."""

MAX_FIELDS = 64
"""The most header fields of a request."""

_WHOLE_TARGET = re.compile(r"https?://([^/?]*)", re.IGNORECASE)

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """A request. The names of `headers` are in lower case."""

    method: str
    path: str
    query: str
    headers: Sequence[Header]
    version: str = "1.1"
    """Of HTTP."""
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """Return the values of all fields called `name`, which is in lower case."""
        return [value for key, value in self.headers if key == name]

    def value(self, name: str) -> str:
        """Return the value of the field `name`; "" where there is none, or more than one."""
        values = self.values(name)
        return values[0] if len(values) == 1 else ""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `Content-Length` is added to its headers."""

    status: int
    headers: Sequence[Header] = ()
    body: bytes = b""


def plain_text(status: int, line: str, headers: Iterable[Header] = ()) -> Response:
    """Return an answer of one line."""
    fields = [("Content-Type", "text/plain; charset=utf-8"), *headers]
    return Response(status, fields, f"{line}\n".encode())


def wrong_method(request: Request, methods: Iterable[str]) -> str:
    """Return the line for a request whose method is none of `methods`."""
    return f"{request.method[:20]} does nothing here. Send {' or '.join(methods)}."


class BadRequest(PersonError):
    """A request is not served: it breaks a rule of HTTP, or a bound, or asks for what may not be.

    `response` is the answer to it; after that the connection ends, as its body was not read.
    """

    def __init__(self, status: int, line: str, headers: Iterable[Header] = ()) -> None:
        super().__init__(line)
        self.response = plain_text(status, line, [*headers, ("Connection", "close")])


class Stage(Enum):
    """How much of the next request has come in."""

    NOTHING = auto()
    HEAD = auto()
    """A part of its head."""
    BODY = auto()
    """Its head, and perhaps a part of its body."""


def _no_body(request: Request) -> int:
    return 0


class HttpConnection:
    """The server's side of one connection, as long as it speaks HTTP.

    `max_body` is called with the head of a request that has a body. It returns how many bytes that
    may have, or raises `BadRequest`.
    """

    def __init__(self, max_body: Callable[[Request], int] = _no_body) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._max_body = max_body
        self._request: Request | None = None
        self._body = bytearray()
        self._room = 0  # for this many bytes of a body

    def receive(self, data: bytes) -> Request | None:
        """Take in `data`, b"" at the client's end; return the next request if it is complete.

        Raise `BadRequest`. After a request, call `answer` before this is called again.
        """
        if data and self.stage is Stage.NOTHING:
            data = data.lstrip(b"\r\n")  # empty lines before a request mean nothing (section 2.2)
            if not data:
                return None
        self._h11.receive_data(data)
        return self.next_request()

    def next_request(self) -> Request | None:
        """Return a request that came in behind the last one, if it is complete.

        Raise `BadRequest`.
        """
        try:
            return self._next_request()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
                raise _too_large() from None
            raise BadRequest(400, "That is not a request of HTTP/1.1.") from None

    def _next_request(self) -> Request | None:
        while True:
            waiting = len(self.rest)
            event = self._h11.next_event()
            if isinstance(event, h11.Request):
                # h11 looks at the length of a head only while that is not complete.
                if waiting - len(self.rest) > MAX_HEAD:
                    raise _too_large()
                self._request = request = _request_of(event)
                self._body.clear()
                length = _length_of_body(request)
                self._room = self._max_body(request) if length else 0
                if length > self._room:
                    raise _too_much(self._room)
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self._room:
                    raise _too_much(self._room)
            elif self._request is not None and (
                # If it asks to change to another protocol, h11 waits for the answer.
                isinstance(event, h11.EndOfMessage) or event is h11.PAUSED
            ):
                request, self._request = self._request, None
                return replace(request, body=bytes(self._body)) if self._body else request
            else:
                return None

    @property
    def stage(self) -> Stage:
        """How much of the next request has come in."""
        if self._request is not None:
            return Stage.BODY
        return Stage.HEAD if self._h11.trailing_data[0] else Stage.NOTHING

    def ask_for_body(self) -> bytes:
        """Return what a client is sent that waits for it with the body (RFC 9110, 10.1.1).

        It is b"" if the client does not wait, or was sent it already.
        """
        if self._request is None or not self._h11.they_are_waiting_for_100_continue:
            return b""
        go_on = h11.InformationalResponse(status_code=100, reason=b"Continue", headers=[])
        return self._h11.send(go_on) or b""

    @property
    def rest(self) -> bytes:
        """The bytes that came in behind the last request: those of another protocol."""
        return self._h11.trailing_data[0]

    def answer(self, response: Response, *, to: Request | None = None) -> bytes:
        """Return the bytes of `response`; without its body if the request `to` was HEAD."""
        headers = [*response.headers, ("Content-Length", str(len(response.body)))]
        if response.status in (204, 304):
            headers.pop()
        begin = h11.Response(
            status_code=response.status,
            reason=HTTPStatus(response.status).phrase.encode("ascii"),
            headers=[(name.encode("ascii"), value.encode("latin-1")) for name, value in headers],
        )
        try:
            data = self._h11.send(begin) or b""
            if response.body and not (to is not None and to.method == "HEAD"):
                data += self._h11.send(h11.Data(data=response.body)) or b""
            data += self._h11.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError:
            # After bad input h11 has no state in which it would write; the client still reads.
            return _by_hand(response)
        return data

    def can_go_on(self) -> bool:
        """Return whether another request may follow; if so, get ready for it."""
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            return True
        return False


def _too_large() -> BadRequest:
    return BadRequest(431, f"The head of a request has at most {MAX_HEAD} bytes.")


def _request_of(event: h11.Request) -> Request:
    headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers]
    if len(headers) > MAX_FIELDS:
        raise BadRequest(431, f"A request has at most {MAX_FIELDS} header fields.")
    if not event.http_version.startswith(b"1."):
        raise BadRequest(505, "Only HTTP/1.1 is spoken here.")
    target = event.target.decode("latin-1")
    if whole := _WHOLE_TARGET.match(target):
        # It counts in place of the Host (RFC 9112, section 3.2.2).
        headers = [it for it in headers if it[0] != "host"] + [("host", whole[1])]
        target = target[whole.end() :] or "/"
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        raise BadRequest(400, "That is no address of a page. The chat is at /")
    version = event.http_version.decode("ascii")
    return Request(event.method.decode("ascii"), path, query, headers, version)


def _length_of_body(request: Request) -> int:
    """Return how long the body is; 1 if that is not known, as it comes in chunks."""
    if request.values("transfer-encoding"):
        return 1
    return int(request.value("content-length") or 0)


def _too_much(room: int) -> BadRequest:
    if not room:
        return BadRequest(413, "A request has no body here.")
    return BadRequest(413, f"The body may have {room} bytes. Send less, or a link to all of it.")


def _by_hand(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines += [f"Content-Length: {len(response.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + response.body
