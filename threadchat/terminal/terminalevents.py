"""Define what comes out of a client's terminal besides lines."""

from dataclasses import dataclass

from threadchat.terminal.linebuffer import LineTooLong
from threadchat.text.decoder import EncodingChanged


@dataclass(frozen=True, slots=True)
class AreYouThere:
    """The client asks for a visible sign of life (RFC 854, AYT)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The client has ended while connected: by Ctrl-D on an empty line, or EOF (RFC 1184)."""


TerminalEvent = str | LineTooLong | AreYouThere | Ended | EncodingChanged
