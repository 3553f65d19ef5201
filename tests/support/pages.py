"""A page without a browser: an independent WebSocket client that speaks the page's protocol."""

import contextlib
import itertools
import json
import socket
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

from threadchat import ChatServer
from threadchat.testing import DEADLINE

AS_BROWSERS = ClientPerMessageDeflateFactory(client_max_window_bits=True)


def web_address(server: ChatServer) -> tuple[str, int]:
    assert server.web_listener is not None
    host, port = server.web_listener.server_address[:2]
    return str(host), port


def ask(server: ChatServer, data: bytes) -> bytes:
    """Return all that the web port answers to `data`."""
    with socket.create_connection(web_address(server), DEADLINE) as raw:
        raw.sendall(data)
        answer = b""
        while more := raw.recv(65536):
            answer += more
        return answer


class Page:
    """Connect to the web port of `server`. With a `name`, come in under that name.

    `deflate` says what to offer of compression: as browsers do, if not given; None: nothing.
    """

    def __init__(
        self,
        server: ChatServer,
        name: str = "",
        *,
        resumes: bool = False,
        source: str = "",
        deflate: ClientPerMessageDeflateFactory | None = AS_BROWSERS,
    ) -> None:
        assert server.web_listener is not None
        host, port = server.web_listener.server_address[:2]
        query = "?resume" if resumes else ""
        self._open = contextlib.ExitStack()
        url = f"ws://{host!s}:{port}/ws{query}"
        offers = [] if deflate is None else [deflate]
        connection = connect(
            url, proxy=None, source_address=(source, 0), compression=None, extensions=offers
        )
        self.socket = self._open.enter_context(connection)
        self.objects: list[dict[str, Any]] = []
        """Everything that has come."""
        self._read = 0
        self._seen = 0
        self.tells_what_is_seen = True
        self._numbers = itertools.count(1)
        self.session: dict[str, Any] = {}
        if name:
            self.expect("ask", what="name")
            self.send("name", text=name)
            self.session = self.expect("session", name=name)
            self.expect("room", room="lobby")

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def send(self, kind: str, **values: object) -> None:
        """Send an object."""
        self.socket.send(json.dumps({"kind": kind, **values}))

    def type(self, text: str) -> None:
        """Send a line with the next number."""
        self.send("line", n=next(self._numbers), text=text)

    def expect(self, kind: str, **values: object) -> dict[str, Any]:
        """Wait for an object of that kind with these values, behind the last one found."""
        while True:
            while self._read < len(self.objects):
                found = self.objects[self._read]
                self._read += 1
                if found["kind"] == kind and values.items() <= found.items():
                    return found
            try:
                message = self.socket.recv(timeout=DEADLINE)
            except (ConnectionClosed, TimeoutError) as error:
                raise AssertionError(
                    f"no {kind} with {values}, but {self.objects[-5:]}: {error}"
                ) from None
            self._take(message)
            self._tell_what_is_seen()

    def _take(self, message: str | bytes) -> None:
        assert message, "each message has an object in it: programs parse all of them"
        self.objects += map(json.loads, str(message).splitlines())

    def _tell_what_is_seen(self) -> None:
        seen = max((it.get("p", 0) for it in self.objects), default=0)
        if seen > self._seen and self.tells_what_is_seen:
            self._seen = seen
            self.send("seen", private=seen)

    def code(self) -> int:
        """Wait for the end of the WebSocket, and return its code."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._take(self.socket.recv(timeout=DEADLINE))
        code = self.socket.close_code
        assert code is not None
        return code

    def cut(self) -> None:
        """Break the connection without a word."""
        self.socket.socket.close()

    def kinds(self, *wanted: str) -> list[dict[str, Any]]:
        """Return the objects of these kinds that have come."""
        return [it for it in self.objects if it["kind"] in wanted]
