"""End a client that takes up a place for nothing: one without a name, silent, or stuck.

The server's round calls this for each client about once a second, with the time.
"""

import math

from threadchat.access.limits import Limits
from threadchat.messages.kinds import Notice
from threadchat.net.disconnect import Reason
from threadchat.session.interfaces import ClientConnection
from threadchat.text.phrases import duration

STUCK_SECONDS = 30.0
"""How many seconds a client may take nothing of what is queued for it."""

IDLE_WARNING_SECONDS = 60.0
"""A silent client is warned so many seconds before its end, or after half of its time if later."""


class Supervision:
    """Watches the time limits of one client. For one thread at a time."""

    __slots__ = ("_connection", "_limits", "_stuck_at", "_warned_after")

    def __init__(self, connection: ClientConnection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._warned_after = -math.inf  # the `last_heard_at` for which a warning has been given
        # The bytes sent when the client was last seen to have taken some, and the time of that.
        self._stuck_at: tuple[int, float] | None = None

    def look(self, now: float) -> None:
        """End the client if its time is over, or warn it. `now` is on the server's clock."""
        connection, limits = self._connection, self._limits
        if not connection.person.name:
            if limits.name_timeout and now - connection.started_at >= limits.name_timeout:
                connection.end(Reason.NO_NAME, "You have given no name. Come again!")
        elif limits.idle_timeout:
            self._look_at_silence(now - connection.person.last_heard_at, limits.idle_timeout)
        if connection.is_behind:
            self._look_at_queue(now)

    def _look_at_queue(self, now: float) -> None:
        sent = self._connection.bytes_sent
        if self._stuck_at is None or sent != self._stuck_at[0]:
            self._stuck_at = sent, now
        elif now - self._stuck_at[1] >= STUCK_SECONDS:
            self._connection.abandon(Reason.TOO_SLOW)

    def _look_at_silence(self, idle: float, timeout: float) -> None:
        left = timeout - idle
        person = self._connection.person
        if left <= 0:
            words = f"You have said nothing for {duration(timeout)}. Goodbye."
            self._connection.end(Reason.IDLE, words)
        elif (
            left <= min(IDLE_WARNING_SECONDS, timeout / 2)
            and self._warned_after != person.last_heard_at
        ):
            self._warned_after = person.last_heard_at
            words = f"Are you still here? Say something within {duration(left)}, or be let go."
            person.tell(Notice(words))
