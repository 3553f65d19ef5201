"""Define the limits of a server: which addresses it serves, how many clients, how fast.

This module holds the numbers and the networks. `limiter` and `flood` count and compare. A clock is
handed to those, in seconds like `time.monotonic`.
"""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from threadchat.net.addresses import IPNetwork, address_of, is_neighbour, network_of

Clock = Callable[[], float]


# These are not the networks that `ipaddress` calls private, because those include networks for
# documentation and tests. The shared addresses of carriers (100.64.0.0/10, RFC 6598) are not here
# either, because neighbours there are strangers. Some virtual private networks use those addresses;
# --allow can name them.
_LAN: Final[tuple[IPNetwork, ...]] = tuple(
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


MetricsFor = Literal["off", "loopback", "lan"]
"""Which clients may have the figures at `/metrics`: none, this machine alone, or all."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The networks whose addresses are served."""

    networks: tuple[IPNetwork, ...]
    has_neighbours: bool = False
    """Whether neighbours with global IPv6 addresses are served, too: see `is_neighbour`."""

    def admits(self, host: str, reached: str = "::") -> bool:
        """Return whether a client from `host` that connected to our address `reached` is served.

        Both are numeric addresses from a socket.
        """
        address = address_of(host)
        return any(address in network for network in self.networks) or (
            self.has_neighbours and is_neighbour(host, reached)
        )

    def admits_near(self, host: str) -> bool:
        """Return whether clients near `host`, an address of this machine, are served there."""
        return self.admits(host, host)

    def __add__(self, other: "Allowed") -> "Allowed":
        """Return what either of them serves."""
        return Allowed(
            (*self.networks, *other.networks), self.has_neighbours or other.has_neighbours
        )


LAN = Allowed(_LAN, has_neighbours=True)
"""Loopback, private, link-local, unique-local addresses, and neighbours with global IPv6 ones."""


def parse_allowed(values: Sequence[str]) -> Allowed:
    """Return the networks in `values`: each is `lan`, `any`, a network, or several with commas.

    `lan` stands for `LAN`. Raise `ValueError`, with a text of one line, for anything else.
    """
    networks: list[IPNetwork] = []
    has_neighbours = False
    for text in ",".join(values).lower().split(","):
        match text.strip():
            case "lan":
                networks += _LAN
                has_neighbours = True
            case "any":
                networks += _ANY
            case word:
                networks.append(_network(word))
    return Allowed(tuple(networks), has_neighbours)


def _network(text: str) -> IPNetwork:
    try:
        return network_of(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither lan, any, nor a network such as 192.168.1.0/24"
        ) from None


@dataclass(frozen=True)
class Limits:
    """Which clients are served, how many, for how long and how fast. 0, or None, is no limit.

    Raise `ValueError`, with a text of one line, for a number that can be no limit.
    """

    allowed: Allowed = LAN
    max_clients: int = 1000
    """How many clients may be here at once. This limit must be at least 1."""
    max_per_address: int = 16
    """How many clients from one address may be here at once."""
    max_connects: int = 60
    """How many clients from one address may connect in a minute."""
    name_timeout: float = 60.0
    """Seconds that a client may take to give a name."""
    idle_timeout: float = 0.0
    """Seconds for which a person may say nothing."""
    flood: tuple[float, float] | None = (10.0, 2.0)
    """How many lines a client may send at once, and how many a second after that."""

    def __post_init__(self) -> None:
        """Check the numbers: with a wrong one, clients would find out, one by one."""
        least = {"max_clients": 1, "max_per_address": 0, "max_connects": 0}
        for name in (*least, "name_timeout", "idle_timeout"):
            check_least(name, getattr(self, name), least.get(name, 0))
        if self.flood is not None:
            check_least("the burst of flood", self.flood[0], 1)
            check_least("the rate of flood", self.flood[1], 0.01)


def check_least(name: str, number: float, least: float) -> None:
    """Raise `ValueError` if `number` is less than `least`, or no number at all (NaN)."""
    if not number >= least:
        raise ValueError(f"{name} is {number!r}, and must be {least} at least")
