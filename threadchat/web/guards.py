"""Decide whether a browser may use the server: by the Host and the Origin of its request.

A page of another site must not speak to a server on the LAN through the browser of somebody there.
Comparing Origin with Host does not stop that by itself: with DNS rebinding both are names of the
attacker. So the Host has to be a name or an address of this very server.
"""

import ipaddress
import re
from collections.abc import Collection

from threadchat.web.http import Request

_NODE = ("node", "undici")
"""What Node says that it is, today and in older versions."""

_HOST = re.compile(r"(\[[0-9a-fA-F.]*:[0-9a-fA-F:.]*\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")


class Guard:
    """The names by which a server may be called.

    `names` are host names, such as the machine's own and those that the operator has given, or
    addresses of a machine that passes on what it gets. They, names with `.local` behind them, and
    `localhost` are right on every connection; so is the address at which the connection came in.
    """

    def __init__(self, names: Collection[str]) -> None:
        plain = {name.lower().rstrip(".") for name in names if name}
        self._names = {"localhost", *plain, *(f"{it}.local" for it in plain if "." not in it)}
        self.found_names: frozenset[str] = frozenset()
        """Names that lead here as was found out later, in small letters; replaced as a whole."""

    def is_own_host(self, request: Request, address: str) -> bool:
        """Return whether the request's Host is this server, reached at `address`."""
        found = _HOST.fullmatch(request.value("host"))
        if found is None or int(found[2] or 0) > 65535:
            return False
        host = found[1].lower().removesuffix(".")
        if host in self._names or host in self.found_names:
            return True
        if host.startswith("[") or host.replace(".", "").isdigit():
            return _is_same_address(host.strip("[]"), address)
        return False

    @staticmethod
    def is_own_origin(request: Request, scheme: str) -> bool:
        """Return whether an upgrade comes from a page of this server, or from no browser.

        A request without Origin is a program's, unless it has a sign of a browser.
        """
        origins = request.values("origin")
        if not origins:
            return not is_from_a_page(request)
        return origins == [f"{scheme}://{request.value('host')}"]


def is_from_a_page(request: Request) -> bool:
    """Return whether a request has a sign of a browser's page, whatever page that is."""
    signs = [name for name, _ in request.headers if name.startswith("sec-fetch-")]
    # What Node sends has one of these signs, but no browser has this name.
    is_node = signs == ["sec-fetch-mode"] and request.value("user-agent") in _NODE
    return bool(request.values("origin")) or (bool(signs) and not is_node)


def bare_name(host: str) -> str:
    """Return the name or address in the value of a Host field; "" if it is neither."""
    found = _HOST.fullmatch(host)
    return found[1].strip("[]") if found else ""


def _is_same_address(given: str, address: str) -> bool:
    try:
        ours = ipaddress.ip_address(address.partition("%")[0])
        theirs = ipaddress.ip_address(given)
    except ValueError:
        return False
    return _unmapped(ours) == _unmapped(theirs)


def _unmapped(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
