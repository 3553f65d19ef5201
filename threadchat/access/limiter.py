"""Count by address: open connections, connections begun in a minute, requests, wrong passwords.

Nothing here waits or uses a socket. The time comes from a clock that is handed in, in seconds like
`time.monotonic`. The memory for addresses is bounded, however many addresses there are. Any thread
may use these classes.
"""

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from threading import Lock
from typing import Final, Generic, TypeVar

from threadchat.access.limits import LAN, Clock
from threadchat.net.addresses import address_of

MAX_ADDRESSES: Final = 4096
"""How many addresses are remembered. The one that was used least recently makes room."""

FORGET_TRIES_AFTER: Final = 600.0
"""Seconds without a try after which the tries of an address are forgotten."""

LONGEST_PAUSE: Final = 30.0
"""The most seconds between two tries from one address."""

_MINUTE: Final = 60.0

REQUESTS_A_CONNECT: Final = 20
"""How many requests of a browser an address may send for each time that it may connect.

Browsers connect some six times and send some ten requests for one page.
"""

CONNECTION_COST: Final = 2.0
"""The cost of a connection for requests, in requests."""

LONGEST_QUEUE: Final = 10.0
"""Seconds for which the requests of an address may have to wait; further connections are closed."""


@lru_cache(maxsize=1024)
def counted_as(host: str, reached: str) -> str:
    """Return the address or network that a client from `host` counts as.

    A client on the internet that has one IPv6 address has 2**64 of them, so a whole /64 counts as
    one there. On a LAN all clients share one /64 (link-local addresses always have the same), so
    each address counts by itself there. `reached` is our address that the client connected to.
    """
    address = address_of(host)
    if address.version == 4 or LAN.admits(host, reached):
        return str(address)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))


_Entry = TypeVar("_Entry")


class _Remembered(Generic[_Entry]):
    """An entry for each address, kept for `seconds` after its last use. The user holds a lock."""

    def __init__(self, new: Callable[[], _Entry], seconds: float) -> None:
        self._new = new
        self._seconds = seconds
        self._entries: OrderedDict[str, tuple[float, _Entry]] = OrderedDict()  # oldest first

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, address: str, now: float) -> _Entry:
        """Return the entry for `address`, new if there is none, and note its use at `now`."""
        entries = self._entries
        while entries and next(iter(entries.values()))[0] <= now - self._seconds:
            entries.popitem(last=False)
        known = entries.pop(address, None)
        if len(entries) == MAX_ADDRESSES:
            entries.popitem(last=False)
        entry = self._new() if known is None else known[1]
        entries[address] = (now, entry)
        return entry


class RefusedFor(StrEnum):
    """Why clients are turned away. Logs and figures have the values."""

    NOT_SERVED = "address not served"
    BANNED = "banned"
    TOO_FAST = "too many new connections from there"
    TOO_MANY = "too many connections from there"
    FULL = "the room is full"
    NO_THREADS = "out of threads"
    NO_CONNECTIONS = "out of connections"
    NO_SUCH_HOOK = "no such hook"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client is turned away: `why` for the log, `words` in a line for the client."""

    why: RefusedFor
    words: str


class ConnectionLimiter:
    """Limit how many connections an address has at once and begins in a minute; 0 is no limit.

    `reached` is our address that a client connected to, if that is known: clients in the same IPv6
    network count by themselves.
    """

    def __init__(self, max_per_address: int, max_connects: int, clock: Clock) -> None:
        self._max_per_address = max_per_address
        self._max_connects = max_connects
        self._clock = clock
        self._lock = Lock()  # guards all below
        self._open: dict[str, int] = {}
        self._recent = _Remembered[deque[float]](lambda: deque(maxlen=max_connects), _MINUTE)

    def admit(self, host: str, reached: str = "::") -> Refusal | None:
        """Count a connection from `host` and return None, or return why it is refused.

        Call `release` only for a connection that was admitted. A refused connection counts as
        begun: a client that keeps trying stays out, and a client that waits a minute gets in.
        """
        address = counted_as(host, reached)
        with self._lock:
            if self._max_connects and self._is_too_fast(address):
                return Refusal(
                    RefusedFor.TOO_FAST,
                    "Too many new connections from your address:"
                    f" at most {self._max_connects} a minute. Wait a minute, then try again.",
                )
            count = self._open.get(address, 0)
            if self._max_per_address and count >= self._max_per_address:
                return Refusal(
                    RefusedFor.TOO_MANY,
                    "Too many connections from your address:"
                    f" at most {self._max_per_address} at once. Close one first.",
                )
            self._open[address] = count + 1
            return None

    def release(self, host: str, reached: str = "::") -> None:
        """Uncount a connection from `host` that was admitted and has ended."""
        address = counted_as(host, reached)
        with self._lock:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def _is_too_fast(self, address: str) -> bool:
        """Count one more connection; return whether there were too many within a minute."""
        now = self._clock()
        begun = self._recent.get(address, now)  # the last `max_connects` of them
        is_too_fast = len(begun) == self._max_connects and begun[0] > now - _MINUTE
        begun.append(now)
        return is_too_fast


class RequestLimiter:
    """Spread out what each address asks at the port for browsers.

    That is `max_connects` requests at once, and then a third of that a second; 0 is no limit. No
    request is refused: the thread that serves it waits before it reads the next one.
    """

    def __init__(self, max_connects: int, clock: Clock) -> None:
        self._burst = float(max_connects)
        self._rate = max_connects * REQUESTS_A_CONNECT / _MINUTE
        self._clock = clock
        self._lock = Lock()  # guards the below
        self._recent = _Remembered(lambda: _Requests(self._burst, clock()), FORGET_TRIES_AFTER)

    def admit(self, host: str, reached: str = "::") -> bool:
        """Count a connection from `host`; return False if too much waits already."""
        delay = self.delay_after(host, reached, 0.0)
        if delay >= LONGEST_QUEUE:
            return False
        self.delay_after(host, reached, CONNECTION_COST)
        return True

    def delay_after(self, host: str, reached: str = "::", cost: float = 1.0) -> float:
        """Count `cost` requests from `host`; return how many seconds to wait after them."""
        if not self._rate:
            return 0.0
        address = counted_as(host, reached)
        with self._lock:
            now = self._clock()
            requests = self._recent.get(address, now)
            gained = (now - requests.counted_at) * self._rate
            requests.left = min(self._burst, requests.left + gained) - cost
            requests.counted_at = now
            return max(0.0, -requests.left / self._rate)


@dataclass(slots=True)
class _Requests:
    """How many requests are left at that time; less than 0 while some have to be waited for."""

    left: float
    counted_at: float


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    next_at: float = -math.inf


class Tries:
    """Slow down clients that guess passphrases: 1 s after a wrong one, then 2, 4, 8, up to 30 s.

    Tries count by address, so that many connections from one address are as slow as a single one.
    For `reached` see `ConnectionLimiter`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()  # guards all below
        self._tries = _Remembered(_Tries, FORGET_TRIES_AFTER)

    def delay_for(self, host: str, reached: str = "::") -> float:
        """Return 0 if `host` may try now; else how many seconds to wait before asking again.

        A try that is allowed counts as wrong until `succeeded` is called. So a try that is still
        being checked delays the tries after it.
        """
        address = counted_as(host, reached)
        with self._lock:
            now = self._clock()
            tries = self._tries.get(address, now)
            if now < tries.next_at:
                return tries.next_at - now
            # The exponent has a bound because a float has one.
            tries.next_at = now + min(LONGEST_PAUSE, 2.0 ** min(tries.failed, 5))
            tries.failed += 1
            return 0.0

    def succeeded(self, host: str, reached: str = "::") -> None:
        """Stop counting the last try of `host` as wrong.

        Earlier wrong tries still count. Otherwise a client that guesses could reset the count each
        time with a passphrase that it knows.
        """
        address = counted_as(host, reached)
        with self._lock:
            tries = self._tries.get(address, self._clock())
            tries.failed = max(0, tries.failed - 1)
            tries.next_at = -math.inf
