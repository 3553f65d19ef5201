"""Count by address: connections that are open, connections begun in a minute, and wrong passwords.

Nothing here waits or knows a socket: time comes from a clock that is handed in, in seconds like
`time.monotonic`. What is remembered of addresses is bounded, however many there are. Safe to use
from any thread.
"""

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final, Generic, TypeVar

from threadchat.access.limits import LAN, Clock
from threadchat.net.addresses import address_of

MAX_ADDRESSES: Final = 4096
"""Of how many addresses something is remembered. The one not heard of for longest makes room."""

FORGET_TRIES_AFTER: Final = 600.0
"""Seconds without a try after which an address begins anew."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries from an address, at most."""

_MINUTE: Final = 60.0


@lru_cache(maxsize=1024)
def _counted_as(host: str) -> str:
    """Return what stands for `host` where addresses are counted.

    Who has one IPv6 address has 2**64, so out in the world a whole /64 counts as one. On a LAN
    everybody shares one /64 (for link-local addresses it is always the same); there each address
    counts by itself.
    """
    address = address_of(host)
    if address.version == 4 or LAN.admits(host):
        return str(address)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))


_Entry = TypeVar("_Entry")


class _Remembered(Generic[_Entry]):
    """Something for each address, for `seconds` after it was last heard of. Its user has a lock."""

    def __init__(self, new: Callable[[], _Entry], seconds: float) -> None:
        self._new = new
        self._seconds = seconds
        self._entries: OrderedDict[str, tuple[float, _Entry]] = OrderedDict()  # oldest first

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, address: str, now: float) -> _Entry:
        """Return what there is for `address`, which is heard of `now`."""
        entries = self._entries
        while entries and next(iter(entries.values()))[0] <= now - self._seconds:
            entries.popitem(last=False)
        known = entries.pop(address, None)
        if len(entries) == MAX_ADDRESSES:
            entries.popitem(last=False)
        entry = self._new() if known is None else known[1]
        entries[address] = (now, entry)
        return entry


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody may not come in: in a few words for the log, and in a line for them."""

    why: str
    words: str


class ConnectionLimiter:
    """How many connections an address may have at once, and begin in a minute; 0 is no limit."""

    def __init__(self, max_per_address: int, max_connects: int, clock: Clock) -> None:
        self._max_per_address = max_per_address
        self._max_connects = max_connects
        self._clock = clock
        self._lock = Lock()  # guards all below
        self._open: dict[str, int] = {}
        self._recent = _Remembered[deque[float]](lambda: deque(maxlen=max_connects), _MINUTE)

    def admit(self, host: str) -> Refusal | None:
        """Count a connection from `host` and return None, or return why it may not be.

        Only one that was admitted is to be released. Those that are refused count as begun: who
        keeps hammering stays out, who waits a minute gets in.
        """
        address = _counted_as(host)
        with self._lock:
            if self._max_connects and self._is_too_fast(address):
                return Refusal(
                    "too many new connections from there",
                    "Too many new connections from your address:"
                    f" at most {self._max_connects} a minute. Wait a minute, then try again.",
                )
            count = self._open.get(address, 0)
            if self._max_per_address and count >= self._max_per_address:
                return Refusal(
                    "too many connections from there",
                    "Too many connections from your address:"
                    f" at most {self._max_per_address} at once. Close one first.",
                )
            self._open[address] = count + 1
            return None

    def release(self, host: str) -> None:
        """Forget a connection from `host` that was admitted and has ended."""
        address = _counted_as(host)
        with self._lock:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def _is_too_fast(self, address: str) -> bool:
        """Count one more, and return whether a minute has seen too many."""
        now = self._clock()
        begun = self._recent.get(address, now)  # the last `max_connects` of them
        is_too_fast = len(begun) == self._max_connects and begun[0] > now - _MINUTE
        begun.append(now)
        return is_too_fast


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    next_at: float = -math.inf


class Tries:
    """Slow down who guesses passphrases: 1 s after a wrong one, then 2, 4, 8 and up to 30 s.

    Counted by address, so that many connections from one are as slow as a single one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()  # guards all below
        self._tries = _Remembered(_Tries, FORGET_TRIES_AFTER)

    def delay_for(self, host: str) -> float:
        """Return 0 if `host` may try now; else how many seconds to wait before asking again.

        A try that may be counts as a wrong one until `succeeded` says otherwise: so one that is
        still being looked at holds up those that come after it.
        """
        address = _counted_as(host)
        with self._lock:
            now = self._clock()
            tries = self._tries.get(address, now)
            if now < tries.next_at:
                return tries.next_at - now
            # The exponent has a bound because a float has one.
            tries.next_at = now + min(LONGEST_PAUSE, 2.0 ** min(tries.failed, 5))
            tries.failed += 1
            return 0.0

    def succeeded(self, host: str) -> None:
        """Take it back that the last try counted as wrong.

        Earlier ones count on, lest a guesser begin anew each time with a passphrase of their own.
        """
        address = _counted_as(host)
        with self._lock:
            tries = self._tries.get(address, self._clock())
            tries.failed = max(0, tries.failed - 1)
            tries.next_at = -math.inf
