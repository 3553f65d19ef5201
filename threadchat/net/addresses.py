"""Find and show addresses: where to listen, and how others on the LAN reach this machine.

The standard library cannot list a machine's interfaces everywhere, so several ways are asked and
what they find is put together. Nothing is ever sent.
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

# Addresses that are set aside for documentation (RFC 5737, RFC 3849): asked for the way there, the
# system names the address of ours that it would send from.
_FAR_AWAY = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))

# Bridges for containers and virtual machines on this very machine. Nobody else can reach those.
_INTERNAL_INTERFACES = ("docker", "br-", "virbr", "lxcbr", "lxdbr", "podman", "cni")

_SIOCGIFADDR = 0x8915


def show_address(address: tuple[Any, ...]) -> str:
    """Return a socket address as people write it: 192.168.1.7:8000 or [fd00::1]:8000."""
    host, port = address[:2]
    host = plain_host(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def plain_host(host: str) -> str:
    """Return `host`, an IPv4 address where it is one that a dual-stack socket wrote as IPv6."""
    return host.removeprefix("::ffff:") if "." in host else host


@lru_cache(maxsize=1024)  # asked for a few times for each client, and most come from a few hosts
def address_of(host: str) -> IPAddress:
    """Return the address in `host`, which may be as the log shows it: [fe80::1%eth0]:8000.

    Without its scope; an IPv4 address where a dual-stack socket wrote it as IPv6. Raises
    `ValueError` if there is none.
    """
    address = ipaddress.ip_address(bare_host(host))
    return address if address.version == 4 else address.ipv4_mapped or address


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
    """Return the lines that others on the LAN type to reach a server bound to that address.

    Not those through an address whose neighbours, as `admits` tells, would be turned away.
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
    """Yield the addresses this machine would send from: the likeliest ones, on every system."""
    for family, far_away in _FAR_AWAY:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((far_away, 9))  # connecting a datagram socket sends nothing
            yield sock.getsockname()[0]


def _by_interface() -> Iterator[str]:
    """Yield the IPv4 address of each interface, where the system can be asked as Linux can."""
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
    """Yield the addresses of this machine's own name: on Windows, those of all interfaces."""
    with contextlib.suppress(OSError, UnicodeError):
        for *_, address in socket.getaddrinfo(socket.gethostname(), None):
            yield str(address[0])
