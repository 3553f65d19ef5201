"""Listen for clients that speak TLS; the chat server admits and serves them."""

import socket
from collections.abc import Callable
from typing import Any

from threadchat.handlers.handler import ClientHandler
from threadchat.handlers.tlshandler import TlsClientHandler
from threadchat.monitoring.events import Watch
from threadchat.server.clients import Origin
from threadchat.server.listener import Listener

Admit = Callable[[socket.socket, Any, type[ClientHandler], Origin], None]
"""Serves a client by a handler of that class, or turns it away."""


class TlsListener(Listener):
    """The listener for TLS clients; `admit` is the chat server's."""

    def __init__(self, address: tuple[str, int], admit: Admit, watch: Watch) -> None:
        self._admit = admit
        super().__init__(address, TlsClientHandler, watch)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Have the chat server serve a client, or turn it away; called by `socketserver`."""
        origin = self.origin_of(request, client_address)
        self._admit(request, client_address, TlsClientHandler, origin)
