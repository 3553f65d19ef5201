"""Turn clients away with a line that says why, while other clients do not have to wait."""

import contextlib
import socket
import threading
from collections.abc import Callable
from threading import Lock

from threadchat.messages.format import render
from threadchat.messages.kinds import Problem
from threadchat.net.threads import start_thread
from threadchat.net.transport import LINGER_SECONDS, open_transport
from threadchat.server.clients import Clients
from threadchat.terminal.view import PLAIN_VIEW

_MAX_AT_ONCE = 32
"""How many clients may be turned away at leisure at once. Further ones are closed at once."""


class Refusals:
    """Turn clients away. Any thread may use it. `close` is called to close a connection."""

    def __init__(self, clients: Clients, close: Callable[[socket.socket], None]) -> None:
        self._clients = clients
        self._close = close
        self._lock = Lock()  # guards the number below
        self._under_way = 0

    def refuse(self, request: socket.socket, words: str) -> None:
        """Tell a client in `words` why it is not served, and close without waiting for it."""
        self._refuse(request, words, 0.0)

    def refuse_at_leisure(self, request: socket.socket, words: str) -> None:
        """Do the same on a thread of its own, which waits a little until the client has read it.

        The system resets a connection that is closed with unread input, and then the client may
        lose the words. If `_MAX_AT_ONCE` are under way, or there is no thread, do not wait.
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
