"""Define what the server and the handlers of its clients need of each other, whatever the door."""

from collections.abc import Callable
from threading import Event
from typing import Protocol

from threadchat.access.limits import Limits
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Registry
from threadchat.monitoring.events import Watch
from threadchat.net.maker import Maker
from threadchat.session.interfaces import ClientConnection
from threadchat.session.supervision import Supervision


class Handler(Protocol):
    """What the server needs of the handler that serves a client."""

    @property
    def client(self) -> ClientConnection:
        """The client's connection."""

    @property
    def person(self) -> Person:
        """The person at the client."""

    @property
    def supervision(self) -> Supervision:
        """What watches the client's time limits."""


class Host(Protocol):
    """What a handler needs of the server; a door adds what its sockets need."""

    chat: Chat
    clock: Callable[[], float]
    commands: Registry
    fallback_encoding: str
    limits: Limits
    maker: Maker
    stopping: Event
    """Set once the server stops."""
    watch: Watch

    def next_id(self) -> int:
        """Return an id that no other client of this server has had."""

    def register(self, handler: Handler) -> str:
        """Keep `handler` in the table of clients, so that other threads can end its client.

        Return the address of this machine that the client connected to; "::" if it has no seat yet.
        """

    def give_up_seat(self) -> None:
        """Let another client have the current thread's seat: only the goodbye is left to send."""
