"""Hold what all connections at the web port share, and define what they need of others."""

import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from threadchat.access.limiter import Refusal, Tries
from threadchat.net.sendqueue import Flusher
from threadchat.session.hosting import Host
from threadchat.web.framing import DeflatingFramer, Framer
from threadchat.web.guards import Guard
from threadchat.web.pagefiles import Page
from threadchat.web.seats import Seats
from threadchat.web.watching import Watching


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


class WebHost(Host, Protocol):
    """What a handler needs of the server of the people, besides what all handlers do."""

    flusher: Flusher

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The context for the next TLS client; None if there is no certificate."""

    def note_refusal(self, origin: tuple[str, str], client_address: Any, refusal: Refusal) -> None:
        """Log that a client was refused, or count it where that repeats."""


class Listener(Protocol):
    """What a handler needs of the listener that has accepted its connection."""

    door: Door
    watching: Watching
    server_address: Any

    @property
    def host(self) -> WebHost:
        """The server of the people."""

    def has_waited(self, cost: float) -> bool:
        """Count `cost` requests of the current thread's connection, and wait if its address must.

        Return False if the connection is ended meanwhile.
        """

    def admit_here(self, request: socket.socket, client_address: tuple[str, int]) -> Refusal | None:
        """Give the client of the current thread a seat, or return why it gets none."""
