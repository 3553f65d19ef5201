"""Turn clients away with a line that says why, without keeping the others waiting."""

import contextlib
import socket
import threading
from collections.abc import Callable
from threading import Lock

from threadchat.handlers.connection import LINGER_SECONDS
from threadchat.messages.format import render
from threadchat.messages.kinds import Problem
from threadchat.net.threads import start_thread
from threadchat.net.transport import open_transport
from threadchat.server.clients import Clients
from threadchat.terminal.view import PLAIN_VIEW

_MAX_AT_ONCE = 32
"""How many clients may be turned away at leisure at once; beyond that they are just closed."""


class Refusals:
    """Turns clients away. Safe to use from any thread. `close` closes a connection for good."""

    def __init__(self, clients: Clients, close: Callable[[socket.socket], None]) -> None:
        self._clients = clients
        self._close = close
        self._lock = Lock()  # guards the one below
        self._under_way = 0

    def refuse(self, request: socket.socket, words: str) -> None:
        """Tell a client in `words` why it is not served, and close, without waiting for it."""
        self._refuse(request, words, 0.0)

    def refuse_at_leisure(self, request: socket.socket, words: str) -> None:
        """Do the same on a thread of its own, which waits a little until the client has read it.

        A socket that is closed on unread input is reset, and that may take the words away.
        """
        with self._lock:
            has_room = self._under_way < _MAX_AT_ONCE
            self._under_way += has_room
        if has_room:
            if start_thread(self._refuse_on_thread, "refusal", request, words) is not None:
                return
            self._end_one()
        self.refuse(request, words)

    def _refuse_on_thread(self, request: socket.socket, words: str) -> None:
        thread = threading.current_thread()
        self._clients.add_thread(thread)
        try:
            self._refuse(request, words, LINGER_SECONDS)
        finally:
            self._end_one()
            self._clients.forget(thread)

    def _end_one(self) -> None:
        with self._lock:
            self._under_way -= 1

    def _refuse(self, request: socket.socket, words: str, linger: float) -> None:
        transport = open_transport(request)
        with contextlib.suppress(OSError):
            transport.send(render(Problem(words), PLAIN_VIEW))
        transport.linger(linger)
        self._close(request)
