"""List the addresses of this machine's network interfaces, without looking up any name.

POSIX systems tell them by `getifaddrs`. The standard library does not offer that function, so it is
called in the C library. Where there is none, as on Windows, the list is empty.
"""

import ctypes
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Bridges for containers and virtual machines on this machine, and the ends of what is plugged into
# them. No other machine can reach them. Docker's have twelve digits in their names; `br-lan` and
# the like are bridges of real networks.
_INTERNAL = re.compile(
    r"docker|virbr|lxcbr|lxdbr|incusbr|podman|cni|veth|vnet\d|vboxnet|vmnet|cali|flannel|cilium"
    r"|br-[0-9a-f]{12}\Z"
)

# Ends of tunnels, and what Apple's machines keep for each other (AWDL). Most tunnels are known by
# their flags; these names are of those that look like Ethernet, and of all of them.
_TUNNEL = re.compile(r"tun|tap|utun|wg|ppp|ipsec|tailscale|zt|vpn|awdl|llw")

_HAS_LENGTH = sys.platform == "darwin" or "bsd" in sys.platform
"""Whether a socket address begins with a byte for its length, and the family has one byte, too."""

# Flags of an interface; the first three are the same on all systems.
_IS_UP = 0x1
_IS_LOOPBACK = 0x8
_IS_POINT_TO_POINT = 0x10
_HAS_MULTICAST = 0x8000 if _HAS_LENGTH else 0x1000


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address of an interface that is up.

    `prefix` is the length of its network's prefix, in bits; None if that is not known. `is_lan` is
    whether the interface is of the kind that a LAN has, by its flags: one with multicast.
    """

    interface: str
    address: str
    prefix: int | None = None
    is_lan: bool = True

    @property
    def is_internal(self) -> bool:
        """Whether the interface is a bridge that only containers and virtual machines reach."""
        return _INTERNAL.match(self.interface) is not None

    @property
    def faces_the_lan(self) -> bool:
        """Whether machines of the LAN are behind the interface: no internal bridge, no VPN."""
        return self.is_lan and not self.is_internal and _TUNNEL.match(self.interface) is None


class _Entry(ctypes.Structure):
    """The first members of `struct ifaddrs`, which all systems have in this order."""


_Entry._fields_ = [
    ("next", ctypes.POINTER(_Entry)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
    ("mask", ctypes.c_void_p),
]


def interface_addresses() -> list[InterfaceAddress]:
    """Return the addresses of all interfaces that are up; none if the system does not tell them."""
    try:
        library = ctypes.CDLL(None)
        get, free = library.getifaddrs, library.freeifaddrs
    except (AttributeError, OSError, TypeError):  # the last one comes on Windows
        return []
    first = ctypes.POINTER(_Entry)()
    if get(ctypes.byref(first)) != 0:
        return []
    try:
        return list(_addresses(first))
    finally:
        free(first)


def _addresses(entry: Any) -> Iterator[InterfaceAddress]:
    while entry:
        one = entry.contents
        if one.flags & _IS_UP and one.address:
            address = _read(one.address)
            if address is not None:
                name = one.name.decode(errors="replace")
                yield InterfaceAddress(
                    name, address, _prefix(address, one.mask), _is_lan(one.flags)
                )
        entry = one.next


def _is_lan(flags: int) -> bool:
    return bool(flags & _HAS_MULTICAST) and not flags & (_IS_LOOPBACK | _IS_POINT_TO_POINT)


def _prefix(address: str, mask: int | None) -> int | None:
    """Return the number of bits that are set in a `struct sockaddr` with a mask."""
    if not mask:
        return None
    begin, end = (8, 24) if ":" in address else (4, 8)
    if _HAS_LENGTH:  # bytes at its end that are 0 may be missing
        end = min(end, ctypes.string_at(mask, 1)[0])
    bits = ctypes.string_at(mask + begin, max(0, end - begin))
    return int.from_bytes(bits, "big").bit_count()


def _read(pointer: int) -> str | None:
    """Return the address in a `struct sockaddr`, without a scope; None if it is no IP address."""
    begin = ctypes.string_at(pointer, 2)
    family = begin[1] if _HAS_LENGTH else int.from_bytes(begin, sys.byteorder)
    if family == socket.AF_INET:
        return socket.inet_ntop(family, ctypes.string_at(pointer + 4, 4))
    if family == socket.AF_INET6:
        return socket.inet_ntop(family, ctypes.string_at(pointer + 8, 16))
    return None
