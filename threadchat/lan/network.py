"""Tell which interfaces and addresses of this machine face the LAN.

Bridges for containers, ends of VPNs and the loopback interface do not: nothing is announced there.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from threadchat.net.addresses import Admits, hosts_to_announce
from threadchat.net.interfaces import InterfaceAddress, interface_addresses

# Adapters of Windows that are bridges, tunnels, or no network at all.
_VIRTUAL = re.compile(
    r"hyper-v|vethernet|wsl|virtualbox|vmware|docker|loopback|\btap\b|tunnel|wireguard|wintun"
    r"|openvpn|vpn|tailscale|zerotier|teredo|isatap|bluetooth",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LanSide:
    """What of this machine faces the LAN at one moment.

    `addresses` are those to announce. `interfaces` are where to speak and to listen, as the library
    takes them: an IPv4 address, or the index of an interface for IPv6.
    """

    addresses: tuple[str, ...] = ()
    interfaces: tuple[str | int, ...] = ()


_Place = tuple[InterfaceAddress, int]
"""An address of an interface that faces the LAN, and the interface's index."""


def lan_side(bound_to: tuple[Any, ...], admits: Admits) -> LanSide:
    """Return what faces the LAN of a server bound to `bound_to`; see `hosts_to_announce`."""
    places = list(_places())
    hosts = hosts_to_announce(bound_to, admits, (one.address for one, _ in places))
    names = {one.interface for one, _ in places if one.address in hosts}
    return LanSide(tuple(hosts), _interfaces(it for it in places if it[0].interface in names))


def lan_interfaces() -> tuple[str | int, ...]:
    """Return all interfaces that face the LAN, as in `LanSide`."""
    return _interfaces(_places())


def lan_networks() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the networks that this machine is in, as far as the system tells them."""
    return [
        ipaddress.ip_network((one.address, one.prefix), strict=False)
        for one, _ in _places()
        if one.prefix is not None
    ]


def own_addresses() -> set[str]:
    """Return all addresses of this machine."""
    return {one.address for one, _ in _listed()}


def _interfaces(places: Iterable[_Place]) -> tuple[str | int, ...]:
    return tuple(
        dict.fromkeys(index if ":" in one.address else one.address for one, index in places)
    )


def _places() -> Iterator[_Place]:
    for one, index in _listed():
        if one.faces_the_lan and _is_ready(one.address, index):
            yield one, index


def _is_ready(address: str, index: int) -> bool:
    """Return whether the address can be used; one of IPv6 is looked at for a while (RFC 4862)."""
    if ":" not in address:
        return True
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0, 0, index))
    except OSError:
        return False
    return True


def _listed() -> Iterator[_Place]:
    found = interface_addresses()
    if not found:
        yield from _listed_by_ifaddr()
    for one in found:
        try:
            yield one, socket.if_nametoindex(one.interface)
        except OSError:  # it has gone
            continue


def _listed_by_ifaddr() -> Iterator[_Place]:
    """Yield what a package tells that comes with the library; this is for Windows."""
    try:
        from ifaddr import get_adapters
    except ImportError:
        return
    for adapter in get_adapters():
        is_lan = _VIRTUAL.search(adapter.nice_name) is None
        for ip in adapter.ips:
            address = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            if not ipaddress.ip_address(address).is_loopback:
                yield (
                    InterfaceAddress(adapter.nice_name, address, ip.network_prefix, is_lan),
                    adapter.index or 0,
                )
