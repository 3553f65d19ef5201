"""Link a server with others, if its configuration asks for that."""

import socket
from typing import TYPE_CHECKING

from threadchat.chat.chat import Chat
from threadchat.chat.order import Order
from threadchat.errors import OperatorError
from threadchat.link.address import LinkAddress
from threadchat.monitoring.events import Watch
from threadchat.storage.history import History

if TYPE_CHECKING:
    from threadchat.link.linkedchat import LinkedChat

MISSING = "a link needs what is not installed: pip install 'threadchat[link]'"


class Linking:
    """The link of a server at `address`; None for a server that is alone.

    Raise `OperatorError` if the extra `link` is not installed.
    """

    def __init__(self, address: LinkAddress | None) -> None:
        self._address = address
        self._linked: LinkedChat | None = None
        if address is not None:
            try:
                # Only here: the client for Redis may be missing, and few servers need it.
                from threadchat.link import linkedchat
            except ImportError:
                raise OperatorError(MISSING) from None
            self._make = linkedchat.LinkedChat

    def order(self, port: int, history: History, watch: Watch) -> Order | None:
        """Make the link of the server at `port`; return the order of its rooms, if there is one."""
        if self._address is None:
            return None
        self._linked = self._make(self._address, f"{socket.gethostname()}:{port}", history, watch)
        return self._linked.order

    def attach(self, chat: Chat) -> None:
        """Take the chat that is to be linked."""
        if self._linked is not None:
            self._linked.attach(chat)

    def start(self) -> None:
        """Begin to link. Raise `OutOfThreads`."""
        if self._linked is not None:
            self._linked.start()

    def close(self, timeout: float) -> None:
        """Leave the others, once everybody here has left; wait up to `timeout` seconds."""
        if self._linked is not None:
            self._linked.close(timeout)
