"""Decide who may come in and how fast people may go.

Nothing here waits or knows a socket. Time comes from a clock that is handed in, in seconds like
`time.monotonic`; what comes out is a yes, a refusal, or how long somebody has to wait. `FloodGuard`
belongs to one client's thread, the others are shared by all threads. What is remembered of
addresses is bounded, however many there are.
"""

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final, Generic, TypeVar

from threadchat.net.addresses import address_of

Clock = Callable[[], float]
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_ADDRESSES: Final = 4096
"""Of how many addresses something is remembered. The one not heard of for longest makes room."""

BYTES_A_LINE: Final = 400
"""A line counts as one up to this many bytes of UTF-8, beyond that by its length."""

REPEATS_ALLOWED: Final = 2
"""How often in a row the same line may come before each one more counts twice."""

FORGET_TRIES_AFTER: Final = 600.0
"""Seconds without a try after which an address begins anew."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries from an address, at most."""

_MINUTE: Final = 60.0

# Not what `ipaddress` calls private: that includes networks for documentation and tests. The
# addresses that carriers share out (100.64.0.0/10, RFC 6598) are left out, too: neighbours there
# are strangers. Some virtual private networks use them; --allow takes them by name.
_LAN: Final[tuple[_Network, ...]] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",  # private, RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",  # loopback
        "::1/128",
        "169.254.0.0/16",  # link-local, RFC 3927 and RFC 4291
        "fe80::/10",
        "fc00::/7",  # unique-local, RFC 4193
    )
)
_ANY: Final = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The networks whose addresses are served."""

    networks: tuple[_Network, ...]

    def admits(self, host: str) -> bool:
        """Return whether `host`, a numeric address as sockets give it, is to be served."""
        address = address_of(host)
        return any(address in network for network in self.networks)

    def __add__(self, other: "Allowed") -> "Allowed":
        """Return whom either of the two admits."""
        return Allowed((*self.networks, *other.networks))


LAN = Allowed(_LAN)
"""Loopback, and private, link-local and unique-local addresses."""


def parse_allowed(values: Sequence[str]) -> Allowed:
    """Return whom `values` let in: each is `lan`, `any`, or a network, several with commas.

    `lan` stands for loopback and for private, link-local and unique-local addresses. Raise
    `ValueError` with one line for what is none of these.
    """
    networks: list[_Network] = []
    for text in ",".join(values).lower().split(","):
        match text.strip():
            case "lan":
                networks += _LAN
            case "any":
                networks += _ANY
            case word:
                networks.append(_network(word))
    return Allowed(tuple(networks))


def _network(text: str) -> _Network:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither lan, any, nor a network such as 192.168.1.0/24"
        ) from None
    if network.version == 6 and network.subnet_of(_MAPPED):
        ipv4 = int(network.network_address) & 0xFFFFFFFF
        return ipaddress.IPv4Network((ipv4, network.prefixlen - _MAPPED.prefixlen))
    return network


@lru_cache(maxsize=1024)
def _counted_as(host: str) -> str:
    """Return what stands for `host` where addresses are counted.

    Who has one IPv6 address has 2**64, so out in the world a whole /64 counts as one. On a LAN
    everybody shares one /64 (for link-local addresses it is always the same); there each address
    counts by itself.
    """
    address = address_of(host)
    if address.version == 4 or any(address in network for network in _LAN):
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


@dataclass(frozen=True)
class Limits:
    """Who is served, how many, for how long and how fast. 0, or None, is no limit."""

    allowed: Allowed = LAN
    max_clients: int = 1000
    """How many may be here at once; this one has to be."""
    max_per_address: int = 16
    """How many of them from one address."""
    max_connects: int = 60
    """How many from one address may connect in a minute."""
    name_timeout: float = 60.0
    """Seconds a client may take to give a name."""
    idle_timeout: float = 0.0
    """Seconds for which somebody may say nothing."""
    flood: tuple[float, float] | None = (10.0, 2.0)
    """How many lines somebody may send at once, and how many a second after that."""


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


class FloodGuard:
    """How fast one client may send lines: `burst` of them at once, then `rate` a second.

    A token bucket that may be overdrawn: it refuses nothing, it says how long to wait. Whoever
    reads the client's lines waits that long, and with it the client's TCP connection. For the
    client's own thread alone.
    """

    __slots__ = ("_burst", "_checked_at", "_clock", "_last", "_rate", "_repeats", "_tokens")

    def __init__(self, burst: float, rate: float, clock: Clock) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._tokens = burst  # below 0 while what was let through is still to be waited for
        self._checked_at = clock()
        self._last = ""
        self._repeats = 0

    def delay_for(self, line: str, weight: float = 1.0) -> float:
        """Return how many seconds to wait before `line` is served; mostly 0.

        It counts as `weight` lines, as more if it is long, and twice from the third on that are
        the same.
        """
        now = self._clock()
        refilled = self._tokens + (now - self._checked_at) * self._rate
        self._tokens = min(self._burst, refilled) - self._cost(line, weight)
        self._checked_at = now
        return max(0.0, -self._tokens / self._rate)

    def _cost(self, line: str, weight: float) -> float:
        self._repeats = self._repeats + 1 if line == self._last else 1
        self._last = line
        cost = weight * max(1.0, len(line.encode(errors="replace")) / BYTES_A_LINE)
        return 2 * cost if self._repeats > REPEATS_ALLOWED else cost


def parse_flood(text: str) -> tuple[float, float] | None:
    """Return the burst and the rate a second that `text`, as in 10/2, stands for; None for off.

    Raise `ValueError` with one line for anything else.
    """
    if text.strip().lower() == "off":
        return None
    burst_text, _, rate_text = text.partition("/")
    try:
        burst, rate = float(burst_text), float(rate_text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither off nor BURST/RATE; 10/2 is ten lines at once, then two a second"
        ) from None
    # A guard of less would hold somebody up for hours over one line.
    if not (1 <= burst < math.inf and 0.01 <= rate < math.inf):
        raise ValueError(f"{text!r} is out of bounds: 1/0.01 is the least, and off is no limit")
    return burst, rate


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
