"""Recognize clients that speak another protocol, and find an answer in that protocol.

Scanners, browsers and misdirected programs find every open port. Their first bytes show what they
are. These bytes must not become a name in the chat, and the users of these programs should get an
answer that they can read. This module takes bytes and returns a verdict. It uses no sockets.
"""

import re
from dataclasses import dataclass

_WORDS = "This is threadchat, a chat room for telnet and netcat. Reach it with: telnet HOST PORT"

_LOOK_AT = 256
"""How many of the first bytes are kept: enough to recognize the beginning of a request line."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A protocol that the server does not speak, and an answer in that protocol that says so."""

    protocol: str
    answer: bytes
    is_lines: bool = False
    """Whether the answer can be read after other lines, if it begins a line of its own."""


def _response(status: str, words: str) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(words) + 2}\r\n"
        "Connection: close\r\n"
        "\r\n"
        f"{words}\r\n"
    ).encode("ascii")


_HTTP = Foreign("HTTP", _response("400 This is a chat server", _WORDS))
# A form of another site may post: that does not lead to the page.
_POSTED = Foreign("HTTP", _HTTP.answer)
# A fatal alert, protocol_version (RFC 8446, section 6). The client shows it in its own words.
_TLS = Foreign("TLS", b"\x15\x03\x01\x00\x02\x02\x46")
# An SSH server may send lines of text before its identification (RFC 4253, section 4.2).
_SSH = Foreign("SSH", f"{_WORDS}\r\n".encode("ascii"))
# A server sends ERROR before it ends a connection (RFC 2812, section 3.7.4), and clients show it.
_IRC = Foreign("IRC", f"ERROR :This is no IRC server. {_WORDS}\r\n".encode("ascii"), is_lines=True)

_OPENINGS = (
    (re.compile(rb"\x16\x03[\x00-\x04]"), _TLS),
    (re.compile(rb"SSH-\d"), _SSH),
    (re.compile(rb"(?:GET|HEAD) [^\r\n]*? HTTP/\d"), _HTTP),
    (re.compile(rb"[A-Z]{3,16} [^\r\n]*? HTTP/\d"), _POSTED),
    # A request line may be too long to wait for its end. An absolute target or one that begins
    # with a slash is enough.
    (re.compile(rb"(?:GET|HEAD) (?:/|https?:)[^ \r\n]{200}"), _HTTP),
    (re.compile(rb"(?:POST|PUT|OPTIONS|CONNECT) (?:/|https?:)[^ \r\n]{200}"), _POSTED),
    # The commands that register an IRC client (RFC 2812, section 3.1; IRCv3). PASS alone may be a
    # person's answer to the question for the password.
    (re.compile(rb"CAP (?:LS|REQ|LIST|END)[ \r\n]", re.IGNORECASE), _IRC),
    (re.compile(rb"USER [^ \r\n]+ [^ \r\n]+ [^ \r\n]+ [^\r\n]", re.IGNORECASE), _IRC),
    (re.compile(rb"NICK :?[^ \r\n]+ ?[\r\n]"), _IRC),
    (re.compile(rb"PASS [^\r\n]+[\r\n]+(?:CAP|NICK|USER) "), _IRC),
)

_MAY_BE_FOREIGN = re.compile(rb"\x16|[A-Za-z]{3,16}[ -]")
"""How all of these begin. Nearly no client of the chat does, so one look is enough for it."""

_MAY_GO_ON = re.compile(rb"PASS [^\r\n]+[\r\n]+(?:C(?:AP?)?|N(?:I(?:CK?)?)?|U(?:S(?:ER?)?)?)?\Z")
"""A first line that may still be the first of an IRC client."""


def answer_to(foreign: Foreign, page: str = "") -> bytes:
    """Return the answer to a client of another protocol.

    `page` is the address of the page for browsers, to which clients that ask for a page by HTTP are
    sent; "" if there is none.
    """
    if not page or foreign is not _HTTP:
        return foreign.answer
    words = f"This is the port for telnet and netcat. The page is at {page}"
    return _response(f"303 See Other\r\nLocation: {page}", words)


class Sniffer:
    """Recognize another protocol in the first bytes of a connection, up to its first line's end.

    Only after a PASS, the beginning of the second line is looked at, too.

    It does not matter how the bytes are cut into chunks. The sniffer holds no bytes back.
    """

    __slots__ = ("_seen", "done")

    def __init__(self) -> None:
        self._seen = b""
        self.done = False
        """Whether the verdict is final, so that `look` need not be called again."""

    def look(self, data: bytes) -> Foreign | None:
        """Return the other protocol that the client speaks; None while it may be a person."""
        self._seen = seen = self._seen + data[: _LOOK_AT - len(self._seen)]
        self.done = b"\n" in seen or b"\r" in seen or len(seen) >= _LOOK_AT
        if not _MAY_BE_FOREIGN.match(seen):
            return None
        for opening, foreign in _OPENINGS:
            if opening.match(seen):
                self.done = True
                return foreign
        if len(seen) < _LOOK_AT and _MAY_GO_ON.match(seen):
            self.done = False
        return None
