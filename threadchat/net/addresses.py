"""Find and show addresses: how others on the LAN reach this machine.

The standard library cannot list the interfaces of a machine on every system. So this module asks
in several ways and joins the results. It never sends anything.
"""

import contextlib
import ipaddress
import re
import socket
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")

# Addresses that are reserved for documentation (RFC 5737, RFC 3849). If we ask for the route to
# one of them, the system tells which of our addresses it would send from.
_FAR_AWAY = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))

# Bridges for containers and virtual machines on this machine. No other machine can reach them.
_INTERNAL_INTERFACES = ("docker", "br-", "virbr", "lxcbr", "lxdbr", "podman", "cni")

_SIOCGIFADDR = 0x8915


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


_AS_SHOWN = re.compile(r"\[([^]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
_SCOPE = re.compile("%[^/]*")


def bare_host(text: str) -> str:
    """Return the address in `text` without brackets, port and scope."""
    shown = _AS_SHOWN.fullmatch(text)
    if shown is not None:
        text = next(part for part in shown.groups() if part is not None)
    return _SCOPE.sub("", text)


def ways_in(
    bound_to: tuple[Any, ...], admits: Callable[[str], bool] = lambda host: True
) -> list[str]:
    """Return the lines that people on the LAN type to reach a server bound to `bound_to`.

    Leave out an address of this machine that `admits` rejects: clients near it are turned away.
    """
    host, port = plain_host(bound_to[0]), bound_to[1]
    address = ipaddress.ip_address(host.partition("%")[0])
    if not address.is_unspecified:
        hosts = [host]
    else:
        found = lan_addresses()
        hosts = [str(one) for one in found if address.version == 6 or one.version == 4]
        hosts = [host for host in hosts if admits(host)]
    return [
        f"{client} {one} {port}" for one in hosts or ["localhost"] for client in ("telnet", "nc")
    ]


def lan_addresses() -> list[IPAddress]:
    """Return the addresses of this machine that others on the LAN can reach, IPv4 first."""
    found = dict.fromkeys(
        address
        for text in (*_by_route(), *_by_interface(), *_by_name())
        if _is_reachable(address := ipaddress.ip_address(text.partition("%")[0]))
    )
    return sorted(found, key=lambda address: address.version)


def _is_reachable(address: IPAddress) -> bool:
    # A link-local address needs a scope that differs from one machine to the next.
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
    )


def _by_route() -> Iterator[str]:
    """Yield the addresses that this machine would send from: the likeliest, on every system."""
    for family, far_away in _FAR_AWAY:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((far_away, 9))  # connecting a datagram socket sends nothing
            yield sock.getsockname()[0]


def _by_interface() -> Iterator[str]:
    """Yield the IPv4 address of each interface, on Linux and systems with the same `ioctl`."""
    try:
        import fcntl
    except ImportError:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            if not name.startswith(_INTERNAL_INTERFACES):
                with contextlib.suppress(OSError):
                    request = struct.pack("256s", name.encode()[:15])
                    answer = fcntl.ioctl(sock.fileno(), _SIOCGIFADDR, request)
                    yield socket.inet_ntoa(answer[20:24])


def _by_name() -> Iterator[str]:
    """Yield the addresses of this machine's own name. On Windows these are all interfaces'."""
    with contextlib.suppress(OSError, UnicodeError):
        for *_, address in socket.getaddrinfo(socket.gethostname(), None):
            yield str(address[0])
