"""Decide who may come in and how fast people may go.

Nothing here waits or knows a socket. Time comes from a clock that is handed in, in seconds like
`time.monotonic`; what comes out is a yes, a refusal, or how long somebody has to wait. `FloodGuard`
belongs to one client's thread, the others are shared by all threads. What is remembered of
addresses is bounded, however many there are.
"""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from threadchat.net.addresses import address_of

Clock = Callable[[], float]
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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
