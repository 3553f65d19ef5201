"""Speak WebSocket on the server's side: bytes in, texts out. It uses no sockets.

`wsproto` parses the frames (RFC 6455), except plain texts that came whole. Here stand the bounds
and what a text may be. The frames of a server are not masked, so that a batch is framed once for
all browsers.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import generate_accept_token

from threadchat.errors import PersonError
from threadchat.web.deflate import Inflating
from threadchat.web.frames import Boundary, whole_texts
from threadchat.web.http import BadRequest, Request, Response

MAX_MESSAGE = 64 * 1024
"""The most characters of a message from a client, over all of its frames."""

MAX_EVENTS = 32
"""The most frames, or parts of one, that are taken in at once, besides texts that came whole."""

_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")  # sixteen bytes in base64

_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A  # each the last frame of its message
_DEFLATED_TEXT = 0xC1


def accept(request: Request, extension: str = "") -> Response:
    """Return the answer that begins the WebSocket (RFC 6455, section 4.2.2).

    `extension` is what was agreed on, if anything; see `agree`.

    Raise `BadRequest` if the request does not ask for one rightly.
    """
    if request.method != "GET":
        raise BadRequest(405, "A WebSocket begins with GET.")
    asked = {word.strip().lower() for word in request.value("upgrade").split(",")}
    connection = {
        word.strip().lower() for it in request.values("connection") for word in it.split(",")
    }
    key = request.value("sec-websocket-key")
    is_right = "websocket" in asked and "upgrade" in connection and _KEY.fullmatch(key)
    if not is_right or request.version == "1.0":
        raise BadRequest(400, "This address is for WebSockets. The chat is at /")
    if request.value("sec-websocket-version") != "13":
        error = BadRequest(426, "Only version 13 of WebSocket is spoken here.")
        error.response = Response(
            426, [("Sec-WebSocket-Version", "13"), *error.response.headers], error.response.body
        )
        raise error
    return Response(
        101,
        [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", generate_accept_token(key.encode("latin-1")).decode("ascii")),
            *([("Sec-WebSocket-Extensions", extension)] if extension else []),
        ],
    )


@dataclass(frozen=True, slots=True)
class Closed:
    """The client has closed the WebSocket, or broke a rule: why, and the answer to it."""

    code: int
    answer: bytes
    is_broken: bool = False


class WebSocket:
    """The stream of one client, from its first frame on.

    `inflates` says whether its messages may be compressed.
    """

    __slots__ = (
        "_boundary",
        "_inflates",
        "_is_over",
        "_length",
        "_parser",
        "_parts",
        "frames",
        "waits",
    )

    def __init__(self, first: bytes = b"", *, inflates: bool = False) -> None:
        self._inflates = inflates
        self.frames = 0
        """How many frames and parts of frames have come in that ended no text.

        Each of them makes work, also where nothing comes of it.
        """
        self.waits = False
        """Whether some of what came in still waits: then pass no more on but b""."""
        # Many clients never need one: their texts come whole.
        self._parser: _Parser | None = _Parser(inflates, first) if first else None
        self._boundary = Boundary()
        self._boundary.pass_over(first)
        self._parts: list[str] = []
        self._length = 0
        self._is_over = False

    def receive(self, data: bytes) -> tuple[list[str], bytes, Closed | None]:
        """Take in `data`; return the messages in it, the answers to pings, and the end if it came.

        Several pings in one piece of data get one answer: the last one's. Of many frames the first
        `MAX_EVENTS` are taken in; the next call, with b"", takes in more of them.
        """
        texts: list[str] = []
        pong = b""
        if self._is_over:
            return texts, pong, None
        if self._boundary.is_here and not self.waits:
            texts, data = whole_texts(data)
            if not data:
                return texts, pong, None
        self.waits = False
        if self._parser is None:
            self._parser = _Parser(self._inflates)
        try:
            self._boundary.pass_over(data)
            for number, event in enumerate(self._parser.events_in(data), 1):
                self.frames += 1
                if isinstance(event, TextMessage):
                    self.frames -= event.message_finished
                    self._take(event, texts)
                elif isinstance(event, Ping):
                    pong = control_frame(_PONG, bytes(event.payload))
                elif isinstance(event, BytesMessage):
                    raise _Broken(CloseReason.UNSUPPORTED_DATA, "only text is spoken here")
                elif isinstance(event, CloseConnection):
                    code = int(event.code)
                    if not self._parser.is_closed_by_client:
                        # It did not come from the client: `wsproto` tells us how to answer that
                        # the client has broken a rule.
                        return texts, pong, self._broken(code, "")
                    self._is_over = True
                    echoed = code if code != CloseReason.NO_STATUS_RCVD else None
                    return texts, pong, Closed(code, close_frame(echoed))
                else:
                    assert isinstance(event, Pong)
                if number == MAX_EVENTS:
                    self.waits = True
                    break
        except _Broken as broken:
            return texts, pong, self._broken(broken.code, str(broken))
        return texts, pong, None

    def _take(self, event: TextMessage, texts: list[str]) -> None:
        self._parts.append(event.data)
        self._length += len(event.data)
        if self._length > MAX_MESSAGE or len(self._parts) > MAX_MESSAGE:
            raise _Broken(CloseReason.MESSAGE_TOO_BIG, f"at most {MAX_MESSAGE} characters")
        if event.message_finished:
            texts.append("".join(self._parts))
            self._parts, self._length = [], 0

    def _broken(self, code: int, why: str) -> Closed:
        self._is_over = True
        return Closed(code, close_frame(code, why), is_broken=True)


class _Parser:
    """Parses the frames of one client, beginning between two messages."""

    __slots__ = ("_connection", "_inflating")

    def __init__(self, inflates: bool, first: bytes = b"") -> None:
        # A character has at most four bytes.
        self._inflating = Inflating(4 * MAX_MESSAGE) if inflates else None
        extensions: list[Extension] = [] if self._inflating is None else [self._inflating]
        self._connection = Connection(ConnectionType.SERVER, extensions, trailing_data=first)

    @property
    def is_closed_by_client(self) -> bool:
        """Whether the client has sent the frame that closes the WebSocket."""
        return self._connection.state is not ConnectionState.OPEN

    def events_in(self, data: bytes) -> Iterator[Event]:
        """Take in `data`, and yield the events in it."""
        if data:
            if self._inflating is not None:
                self._inflating.begin()
            self._connection.receive_data(data)
        yield from self._connection.events()


class _Broken(PersonError):
    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = int(code)


def text_frame(text: bytes) -> bytes:
    """Return the frame of a whole text message in UTF-8 (RFC 6455, section 5.2)."""
    return _head(_TEXT, len(text)) + text


def deflated_frame(payload: bytes) -> bytes:
    """Return the frame of a whole text message with a compressed `payload` (RFC 7692)."""
    return _head(_DEFLATED_TEXT, len(payload)) + payload


def _head(opcode: int, length: int) -> bytes:
    if length < 126:
        return bytes((opcode, length))
    if length < 65536:
        return struct.pack(">BBH", opcode, 126, length)
    return struct.pack(">BBQ", opcode, 127, length)


def control_frame(opcode: int, payload: bytes) -> bytes:
    """Return a control frame; its payload has at most 125 bytes."""
    payload = payload[:125]
    return bytes((opcode, len(payload))) + payload


PING = control_frame(_PING, b"")
"""A ping to a client."""


def close_frame(code: int | None, why: str = "") -> bytes:
    """Return the frame that closes the WebSocket, for a reason (RFC 6455, section 7.4)."""
    if code is None:
        return control_frame(_CLOSE, b"")
    reason = why.encode()[:123].decode(errors="ignore").encode()
    return control_frame(_CLOSE, struct.pack(">H", code) + reason)
