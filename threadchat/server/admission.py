"""Decide which clients are let in, before anything is served to them."""

from collections.abc import Callable
from functools import lru_cache
from threading import Lock

from threadchat.access.limiter import MAX_ADDRESSES, ConnectionLimiter, Refusal, RefusedFor
from threadchat.access.limits import Limits
from threadchat.storage.records import Records


class Admission:
    """Know which addresses are served, which are banned, and how many clients came from each.

    Any thread may use it. `warn` is called with one line for the operator.
    """

    def __init__(
        self,
        limits: Limits,
        records: Records,
        clock: Callable[[], float],
        warn: Callable[[str], None],
    ) -> None:
        self._is_served = lru_cache(MAX_ADDRESSES)(limits.allowed.admits)
        self._records = records
        self._limiter = ConnectionLimiter(limits.max_per_address, limits.max_connects, clock)
        self._warn = warn
        self._lock = Lock()  # guards the number below
        self._strangers = 0

    @property
    def strangers(self) -> int:
        """How many clients have come from addresses that are not served."""
        with self._lock:
            return self._strangers

    def refuse_stranger(self, host: str, reached: str) -> str | None:
        """Return None if `host` is served at our address `reached`.

        If not, count it, and return the words for its client.
        """
        if self._is_served(host, reached):
            return None
        with self._lock:
            self._strangers += 1
            is_first = self._strangers == 1
        if is_first:
            self._warn(
                f"{host} was not let in, as it is not on the LAN; from now on such clients are"
                " only counted. --allow says which clients are served"
            )
        return (
            f"This server does not serve your address, {host}."
            " Ask the person who runs it to allow that."
        )

    def admit(self, host: str, reached: str) -> Refusal | None:
        """Count a connection from `host` and return None, or return why it is refused.

        Call `release` only for a connection that was admitted.
        """
        if ban := self._records.ban_of_address(host):
            line = ban.line(self._records.now())
            return Refusal(RefusedFor.BANNED, f"You are banned here: {line}")
        return self._limiter.admit(host, reached)

    def release(self, host: str, reached: str) -> None:
        """Uncount a connection from `host` that was admitted and has ended."""
        self._limiter.release(host, reached)
