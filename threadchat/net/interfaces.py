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

# Bridges for containers and virtual machines on this machine. No other machine can reach them.
# Docker's have twelve digits in their names; `br-lan` and the like are bridges of real networks.
_INTERNAL = re.compile(r"(?:docker|virbr|lxcbr|lxdbr|podman|cni)|br-[0-9a-f]{12}\Z")

_IS_UP = 0x1
"""IFF_UP, the same on all systems."""

_HAS_LENGTH = sys.platform == "darwin" or "bsd" in sys.platform
"""Whether a socket address begins with a byte for its length, and the family has one byte, too."""


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address of an interface that is up."""

    interface: str
    address: str

    @property
    def is_internal(self) -> bool:
        """Whether the interface is a bridge that only containers and virtual machines reach."""
        return _INTERNAL.match(self.interface) is not None


class _Entry(ctypes.Structure):
    """The first members of `struct ifaddrs`, which all systems have in this order."""


_Entry._fields_ = [
    ("next", ctypes.POINTER(_Entry)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
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
                yield InterfaceAddress(one.name.decode(errors="replace"), address)
        entry = one.next


def _read(pointer: int) -> str | None:
    """Return the address in a `struct sockaddr`, without a scope; None if it is no IP address."""
    begin = ctypes.string_at(pointer, 2)
    family = begin[1] if _HAS_LENGTH else int.from_bytes(begin, sys.byteorder)
    if family == socket.AF_INET:
        return socket.inet_ntop(family, ctypes.string_at(pointer + 4, 4))
    if family == socket.AF_INET6:
        return socket.inet_ntop(family, ctypes.string_at(pointer + 8, 16))
    return None
