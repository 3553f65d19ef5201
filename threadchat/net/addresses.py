"""Find and show addresses: how others on the LAN reach this machine.

No system tells all of them in one way. So this module asks in several ways and joins the results.
Only `ways_by_name` may send anything, and only it may take long: it looks up this machine's name.
"""

import contextlib
import ipaddress
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")

# Addresses that are reserved for documentation (RFC 5737, RFC 3849). If we ask for the route to
# one of them, the system tells which of our addresses it would send from.
_FAR_AWAY = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def show_address(address: tuple[Any, ...]) -> str:
    """Return a socket address as people write it: 192.168.1.7:8000 or [fd00::1]:8000."""
    host, port = address[:2]
    host = plain_host(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def plain_host(host: str) -> str:
    """Return `host`; an IPv4 address that a dual-stack socket wrote as IPv6 becomes IPv4 again."""
    return host.removeprefix("::ffff:") if "." in host else host


@lru_cache(maxsize=1024)  # each client needs it a few times, and most come from a few hosts
def address_of(host: str) -> IPAddress:
    """Return the address in `host`, which may have the log's form: [fe80::1%eth0]:8000.

    The result has no scope. An IPv4 address that a dual-stack socket wrote as IPv6 becomes IPv4
    again. Raise `ValueError` if `host` has no address.
    """
    address = ipaddress.ip_address(bare_host(host))
    return address if address.version == 4 else address.ipv4_mapped or address


def network_of(text: str) -> IPNetwork:
    """Return the network in `text`, which may be written with any of its addresses.

    An IPv4-mapped IPv6 network (RFC 4291, section 2.5.5.2) becomes IPv4. Raise `ValueError` if
    `text` is no network.
    """
    network = ipaddress.ip_network(text, strict=False)
    if network.version == 6 and network.subnet_of(_MAPPED):
        ipv4 = int(network.network_address) & 0xFFFFFFFF
        return ipaddress.IPv4Network((ipv4, network.prefixlen - _MAPPED.prefixlen))
    return network


_UNICAST = ipaddress.IPv6Network("2000::/3")
"""The global addresses of IPv6 (RFC 4291, section 2.5.4)."""

_TEREDO = ipaddress.IPv6Network("2001::/32")
"""Addresses of tunnels: all clients of one tunnel server share a /64 (RFC 4380, section 4)."""


def is_neighbour(host: str, reached: str) -> bool:
    """Return whether `host` has a global IPv6 address in the same /64 as `reached`.

    `reached` is the address of this machine that the client connected to. One link has a /64
    (RFC 4291, section 2.5.1), so such a client is on the same LAN.
    """
    theirs, ours = address_of(host), address_of(reached)
    return (
        theirs.version == ours.version == 6
        and ours in _UNICAST
        and ours not in _TEREDO
        and int(theirs) >> 64 == int(ours) >> 64
    )


def reached_address(sock: socket.socket) -> str:
    """Return our own end's address of a connected socket; "::" if the connection is gone.

    It is one object for all clients that have reached the same address.
    """
    try:
        return sys.intern(plain_host(sock.getsockname()[0]))
    except OSError:  # some systems refuse this for a connection that is gone
        return "::"


def only_address(bound_to: tuple[Any, ...]) -> str:
    """Return the one address at which clients reach a server bound there; "" if it has several."""
    host = plain_host(bound_to[0])
    return "" if _is_any(host) else sys.intern(host)


_AS_SHOWN = re.compile(r"\[([^]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
_SCOPE = re.compile("%[^/]*")


def bare_host(text: str) -> str:
    """Return the address in `text` without brackets, port and scope."""
    shown = _AS_SHOWN.fullmatch(text)
    if shown is not None:
        text = next(part for part in shown.groups() if part is not None)
    return _SCOPE.sub("", text)


MOST_OF_A_FAMILY = 8
"""The most addresses of one family that people, or the LAN, are told of one machine."""

Admits = Callable[[str], bool]
"""Tells whether clients near an address of this machine are served."""


def ways_in(bound_to: tuple[Any, ...], admits: Admits = lambda host: True) -> list[str]:
    """Return the lines that people on the LAN type to reach a server bound to `bound_to`.

    Leave out an address of this machine that `admits` rejects: clients near it are turned away.
    """
    host, port = plain_host(bound_to[0]), bound_to[1]
    if _is_any(host):
        return _lines(_fitting(bound_to, admits, lan_addresses()) or ["localhost"], port)
    return _lines([host], port)


def urls(
    bound_to: tuple[Any, ...], admits: Admits = lambda host: True, *, scheme: str = "http"
) -> list[str]:
    """Return the addresses that people type into a browser to reach a server bound there."""
    host, port = plain_host(bound_to[0]), bound_to[1]
    hosts = [host]
    if _is_any(host):
        hosts = _fitting(bound_to, admits, lan_addresses()) or ["localhost"]
    # Browsers take no address with a scope, such as fe80::1%eth0.
    return [f"{scheme}://{f'[{it}]' if ':' in it else it}:{port}/" for it in hosts if "%" not in it]


def ways_by_name(bound_to: tuple[Any, ...], admits: Admits = lambda host: True) -> list[str]:
    """Return the lines for those addresses of this machine that only its name tells.

    The name is looked up. If its server does not answer, that takes many seconds.
    """
    if not _is_any(plain_host(bound_to[0])):
        return []
    by_name = list(_by_name())
    known = lan_addresses()
    not_more = {*known, *map(_parse, _by_interface(internal=True))}
    more = [one for one in _reachable(by_name, known) if one not in not_more]
    return _lines(_fitting(bound_to, admits, more), bound_to[1])


def hosts_to_announce(
    bound_to: tuple[Any, ...], admits: Admits, addresses: Iterable[str]
) -> list[str]:
    """Return those of our own `addresses` at which the LAN reaches a server bound to `bound_to`.

    None for a server that only this machine reaches.
    """
    host = _parse(plain_host(bound_to[0]))
    if host.is_unspecified:
        return _fitting(bound_to, admits, _reachable(addresses))
    return [str(one) for one in map(_parse, addresses) if one == host and can_be_reached(one)]


def is_for_this_machine_only(bound_to: tuple[Any, ...]) -> bool:
    """Return whether a server bound there is reached by nobody on the LAN."""
    return _parse(plain_host(bound_to[0])).is_loopback


def _is_any(host: str) -> bool:
    return _parse(host).is_unspecified


def _parse(text: str) -> IPAddress:
    return ipaddress.ip_address(text.partition("%")[0])


def _fitting(bound_to: tuple[Any, ...], admits: Admits, found: Iterable[IPAddress]) -> list[str]:
    """Return those of `found` at which a server that is bound to any address serves clients.

    Of each family they are the first `MOST_OF_A_FAMILY`.
    """
    is_dual_stack = ":" in bound_to[0]
    usable = [one for one in found if is_dual_stack or one.version == 4]
    families = ([str(one) for one in usable if one.version == version] for version in (4, 6))
    return [host for hosts in families for host in list(filter(admits, hosts))[:MOST_OF_A_FAMILY]]


def _lines(hosts: Iterable[str], port: int) -> list[str]:
    return [f"{client} {host} {port}" for host in hosts for client in ("telnet", "nc")]


def lan_addresses() -> list[IPAddress]:
    """Return the addresses of this machine that others on the LAN can reach, IPv4 first."""
    return _reachable([*_by_route(), *_by_interface()])


def _reachable(texts: Iterable[str], known: Sequence[IPAddress] = ()) -> list[IPAddress]:
    """Return the addresses in `known` and then in `texts` that others on the LAN can reach."""
    found = dict.fromkeys([*known, *map(_parse, texts)])
    usable = [one for one in found if can_be_reached(one)]
    ipv4 = [one for one in usable if one.version == 4]
    # A machine gives itself a link-local address if nobody else gives it one (RFC 3927). Its
    # neighbours have such addresses, too, then.
    ipv4 = [one for one in ipv4 if not one.is_link_local] or ipv4
    # A machine has several addresses in one network, of which some change daily (RFC 8981). One is
    # enough.
    ipv6: dict[int, IPAddress] = {}
    for one in usable:
        if one.version == 6:
            ipv6.setdefault(int(one) >> 64, one)
    return [*ipv4, *ipv6.values()]


def can_be_reached(address: IPAddress) -> bool:
    """Return whether others on a LAN can reach a machine at `address` as it stands."""
    # A link-local address of IPv6 needs a scope that differs from one machine to the next.
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or (address.version == 6 and address.is_link_local)
    )


def _by_route() -> Iterator[str]:
    """Yield the addresses that this machine would send from: the likeliest, on every system."""
    for family, far_away in _FAR_AWAY:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((far_away, 9))  # connecting a datagram socket sends nothing
            yield sock.getsockname()[0]


def _by_interface(*, internal: bool = False) -> Iterator[str]:
    """Yield the addresses of the interfaces, where the system lists them.

    They are those of the interfaces to other machines, or of the internal ones.
    """
    try:
        from threadchat.net.interfaces import interface_addresses
    except ImportError:  # a Python without ctypes
        return
    for one in interface_addresses():
        if one.is_internal == internal:
            yield one.address


def _by_name() -> Iterator[str]:
    """Yield the addresses of this machine's own name. On Windows these are all interfaces'."""
    with contextlib.suppress(OSError, UnicodeError):
        for *_, address in socket.getaddrinfo(socket.gethostname(), None):
            yield str(address[0])
