"""Slow down a client that sends too fast, by waiting on the client's own thread."""

from collections.abc import Callable

from threadchat.access.flood import FloodGuard
from threadchat.messages.kinds import Notice
from threadchat.session.interfaces import ClientConnection

LAST_LINES_SECONDS = 60.0
"""How many seconds in all the waiting lines of a client are still served after it has ended."""

TOLD_SECONDS = 1.0
"""How many seconds in all a client's input that is no line may wait without a word."""

_TOO_FAST = "That was fast: what you send is served line by line, and none of it is lost."


class FloodControl:
    """Flood control for one client: `burst` lines at once, then `rate` lines a second."""

    __slots__ = (
        "_connection",
        "_guard",
        "_is_told",
        "_last_lines_seconds",
        "_seconds_until_told",
    )

    def __init__(
        self,
        burst: float,
        rate: float,
        clock: Callable[[], float],
        connection: ClientConnection,
    ) -> None:
        self._guard = FloodGuard(burst, rate, clock)
        self._connection = connection
        self._is_told = False
        self._seconds_until_told = TOLD_SECONDS
        self._last_lines_seconds = LAST_LINES_SECONDS

    def wait_for(self, line: str, cost: float = 1.0) -> bool:
        """Wait until it is time for `line`, which counts as `cost` lines.

        Return False if the client is gone meanwhile. What it sends next waits in its own
        connection. For a client that has nothing more to send, the waits add up to at most
        `LAST_LINES_SECONDS`, because it may be gone for good.
        """
        delay = self._guard.delay_for(line, cost)
        if delay:
            self._tell()
        return self._wait(delay)

    def wait_for_input(self, cost: float) -> bool:
        """Wait until it is time for more, after input that was no line and counts as `cost` lines.

        That is for whatever makes work and is no line, such as a key, or an answer to a telnet
        command. Return False as `wait_for` does.
        """
        delay = self._guard.delay_for_input(cost)
        self._seconds_until_told -= delay
        if self._seconds_until_told < 0:
            self._tell()
        return self._wait(delay)

    def _tell(self) -> None:
        """Tell the client, once, why it waits."""
        if not self._is_told:
            self._is_told = True
            self._connection.person.tell(Notice(_TOO_FAST))

    def _wait(self, delay: float) -> bool:
        if not delay:
            return True
        if self._connection.is_at_end():
            self._last_lines_seconds -= delay
            if self._last_lines_seconds < 0:
                return False
        return self._connection.pause(delay)
