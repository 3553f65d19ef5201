"""Recognize what is no chat client at all, and turn it away in its own manner.

Scanners, browsers and misdirected programs find every open port. Their first bytes give them
away; they must not become somebody's name, and their users deserve an answer they can read.
Bytes in, a verdict out: no sockets here.
"""

import re
from dataclasses import dataclass

_WORDS = "This is threadchat, a chat room for telnet and netcat. Reach it with: telnet HOST PORT"

_LOOK_AT = 256
"""How many of the first bytes are kept: enough for the first words of a request line."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A protocol that is not spoken here, and the bytes that say so in its manner."""

    protocol: str
    answer: bytes


_HTTP = Foreign(
    "HTTP",
    (
        "HTTP/1.1 400 This is a chat server\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(_WORDS) + 2}\r\n"
        "Connection: close\r\n"
        "\r\n"
        f"{_WORDS}\r\n"
    ).encode("ascii"),
)
# A fatal alert, protocol_version (RFC 8446, section 6): the client shows that in words of its own.
_TLS = Foreign("TLS", b"\x15\x03\x01\x00\x02\x02\x46")
# A server may send lines of text ahead of its identification (RFC 4253, section 4.2).
_SSH = Foreign("SSH", f"{_WORDS}\r\n".encode("ascii"))

_OPENINGS = (
    (re.compile(rb"\x16\x03[\x00-\x04]"), _TLS),
    (re.compile(rb"SSH-\d"), _SSH),
    (re.compile(rb"[A-Z]{3,16} [^\r\n]*? HTTP/\d"), _HTTP),
    # A request line too long to wait for its end: an absolute or a rooted target will do.
    (re.compile(rb"(?:GET|HEAD|POST|PUT|OPTIONS|CONNECT) (?:/|https?:)[^ \r\n]{200}"), _HTTP),
)


class Sniffer:
    """Look at the first bytes of one connection, up to the end of its first line.

    How they are cut into chunks does not matter, and nothing is held back meanwhile.
    """

    __slots__ = ("_seen", "done")

    def __init__(self) -> None:
        self._seen = b""
        self.done = False
        """Whether the verdict is final, and `look` need not be called again."""

    def look(self, data: bytes) -> Foreign | None:
        """Return what the connection has turned out to be, or None for all that may be a person."""
        self._seen += data[: _LOOK_AT - len(self._seen)]
        for opening, foreign in _OPENINGS:
            if opening.match(self._seen):
                self.done = True
                return foreign
        self.done = len(self._seen) >= _LOOK_AT or b"\n" in self._seen or b"\r" in self._seen
        return None
