"""Link a server with others, if its configuration asks for that."""

import socket
from threading import Lock
from typing import TYPE_CHECKING

from threadchat.chat.chat import Chat
from threadchat.chat.linkedroom import LinkedRoom
from threadchat.chat.order import Order
from threadchat.chat.room import Room
from threadchat.errors import OperatorError
from threadchat.link.address import LinkAddress
from threadchat.monitoring.events import Watch
from threadchat.monitoring.linkstate import LinkState
from threadchat.storage.history import History
from threadchat.storage.linkedhistory import LinkedHistory
from threadchat.text.extras import why_unusable

if TYPE_CHECKING:
    from threadchat.link.linkedchat import LinkedChat


class Linking:
    """The link of a server at `address`; None for a server that is alone.

    Raise `OperatorError` if the extra `link` is not installed, or broken.
    """

    def __init__(self, address: LinkAddress | None) -> None:
        self._address = address
        self._linked: LinkedChat | None = None
        self._lock = Lock()  # guards the next one
        self._is_started = False
        if address is not None:
            if why := why_unusable("threadchat.link.linkedchat", "link"):
                raise OperatorError(f"no link: {why}")
            # Only here: the client for Redis may be missing, and few servers need it.
            from threadchat.link import linkedchat

            self._make = linkedchat.LinkedChat
            self._linked_history = linkedchat.linked_history

    def history(self, history: History) -> History:
        """Return the history of a server that keeps what is said in `history`."""
        return history if self._address is None else self._linked_history(history)

    @property
    def room_type(self) -> type[Room]:
        """The kind of the rooms."""
        return Room if self._address is None else LinkedRoom

    def order(self, port: int, history: History, watch: Watch) -> Order | None:
        """Make the link of the server at `port`; return the order of its rooms, if there is one.

        `history` is what `history` has returned.
        """
        if self._address is None:
            return None
        assert isinstance(history, LinkedHistory)
        self._linked = self._make(self._address, f"{socket.gethostname()}:{port}", history, watch)
        return self._linked.order

    def attach(self, chat: Chat) -> None:
        """Take the chat that is to be linked."""
        if self._linked is not None:
            self._linked.attach(chat)

    def start(self) -> None:
        """Begin to link, if that is not done yet. Raise `OutOfThreads`."""
        with self._lock:
            begins, self._is_started = not self._is_started, True
            if begins and self._linked is not None:
                self._linked.start()

    def look_after(self) -> None:
        """Do what is to be done about once a second."""
        if self._linked is not None:
            self._linked.look_after()

    def state(self) -> LinkState | None:
        """Return how the link is doing; None for a server that is alone."""
        return None if self._linked is None else self._linked.state()

    def close(self, timeout: float) -> None:
        """Leave the others, once everybody here has left; wait up to `timeout` seconds."""
        if self._linked is not None:
            self._linked.close(timeout)
