"""Keep the sessions of people at a page by their keys, so that a page can go on with its own."""

import secrets
from threading import Lock

from threadchat.web.connection import WebConnection


class Seats:
    """The sessions that there are. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = Lock()  # guards the table
        self._connections: dict[str, WebConnection] = {}

    def open(self, connection: WebConnection) -> str:
        """Keep `connection`; return its key, which nobody can guess."""
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._connections[key] = connection
        return key

    def find(self, key: str) -> WebConnection | None:
        """Return the connection that has this key; None if there is none any more."""
        with self._lock:
            return self._connections.get(key)

    def connections(self) -> list[WebConnection]:
        """Return the sessions that there are."""
        with self._lock:
            return list(self._connections.values())

    def close(self, key: str) -> None:
        """Forget a session that is over."""
        with self._lock:
            self._connections.pop(key, None)
