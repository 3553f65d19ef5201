"""Read HTTP requests and write the answers: bytes in, requests out. It uses no sockets.

`h11` does the parsing (RFC 9112). Here stand the bounds: how large a head may be, and that a
request has no body. What breaks a rule gets a short answer, and then the connection ends.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    """A request without a body. The names of `headers` are in lower case."""

    method: str
    path: str
    query: str
    headers: Sequence[Header]
    version: str = "1.1"
    """Of HTTP."""

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


class BadRequest(PersonError):
    """A client has broken a rule of HTTP, or a bound. `response` is the answer to it."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.response = plain_text(status, line, [("Connection", "close")])


class HttpConnection:
    """The server's side of one connection, as long as it speaks HTTP."""

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._request: Request | None = None

    def receive(self, data: bytes) -> Request | None:
        """Take in `data`, b"" at the client's end; return the next request if it is complete.

        Raise `BadRequest`. After a request, call `answer` before this is called again.
        """
        if data and not self.is_begun:
            data = data.lstrip(b"\r\n")  # empty lines before a request mean nothing (section 2.2)
            if not data:
                return None
        self._h11.receive_data(data)
        try:
            return self._next_request()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
                raise _too_large() from None
            raise BadRequest(400, "That is not a request of HTTP/1.1.") from None

    def next_request(self) -> Request | None:
        """Return a request that came in behind the last one, if it is complete.

        Raise `BadRequest`.
        """
        try:
            return self._next_request()
        except h11.RemoteProtocolError:
            raise BadRequest(400, "That is not a request of HTTP/1.1.") from None

    def _next_request(self) -> Request | None:
        while True:
            event = self._h11.next_event()
            if isinstance(event, h11.Request):
                self._request = _request_of(event)
            elif isinstance(event, h11.Data):
                raise BadRequest(413, "A request has no body here.")
            elif isinstance(event, h11.EndOfMessage):
                request, self._request = self._request, None
                return request
            elif event is h11.PAUSED and self._request is not None:
                # It asks to change to another protocol, so h11 waits for the answer.
                request, self._request = self._request, None
                return request
            else:
                return None

    @property
    def is_begun(self) -> bool:
        """Whether part of a head has come in."""
        return bool(self._h11.trailing_data[0])

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
    lengths = [value for name, value in headers if name == "content-length"]
    if any(value != "0" for value in lengths) or any(
        name == "transfer-encoding" for name, _ in headers
    ):
        raise BadRequest(413, "A request has no body here.")
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


def _by_hand(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines += [f"Content-Length: {len(response.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + response.body
