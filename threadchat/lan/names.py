"""Choose the names under which a server is announced, and say what the records tell.

The forms are those of DNS-SD (RFC 6763) and multicast DNS (RFC 6762).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from threadchat.text.clean import clean_line

HTTP = "_http._tcp.local."
TELNET = "_telnet._tcp.local."

SHORT_NAME = "threadchat.local"
"""The name that the server has on the LAN by which people need no name of a machine."""

_MAX_LABEL = 63
"""The most bytes of a part of a name (RFC 6763, section 4.1.1)."""

BEGINNING = "threadchat on "
"""How the names of all servers begin."""

_MARK = ("server", "threadchat")
"""The key and the value by which servers of threadchat are known among others."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service that is announced: its type, its port, and what the record beside it tells."""

    type: str
    port: int
    told: dict[str, str]


@dataclass(frozen=True, slots=True)
class Announced:
    """What the LAN has been told: the name of the server, and names of hosts that lead to it.

    `hosts` are those that people should use. `all_hosts` are these and all others.
    """

    name: str
    hosts: tuple[str, ...]
    all_hosts: tuple[str, ...]


def services(
    chat_port: int, web_port: int | None, tls_port: int | None, version: str
) -> list[Service]:
    """Return the services of a server with these ports; None for a port that there is not."""
    told = dict([_MARK, ("version", version)])
    found = [Service(TELNET, chat_port, dict(told))]
    if tls_port is not None:
        found[0].told["tls"] = str(tls_port)
    if web_port is not None:
        found.append(Service(HTTP, web_port, {"path": "/", **told}))
    return found


def is_of_threadchat(told: Mapping[str, str | None]) -> bool:
    """Return whether a record that tells this belongs to a server of threadchat."""
    key, value = _MARK
    return told.get(key) == value


def machine_label(host_name: str) -> str:
    """Return the first part of the name of this machine; "host" if nobody could see it."""
    return clean_line(host_name.partition(".")[0]) or "host"


def local_name(host_name: str) -> str | None:
    """Return the name that a responder of this machine would have for it; None for none.

    Names of machines are of letters, digits and hyphens (RFC 952, RFC 1123).
    """
    label = host_name.partition(".")[0]
    fits = re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", label)
    return f"{label}.local" if fits else None


def instance_name(machine: str, number: int) -> str:
    """Return the name of a server; `number` counts those that would have the same name."""
    ending = "" if number == 1 else f" ({number})"
    room = _MAX_LABEL - len(BEGINNING + ending)
    fitting = machine.encode()[:room].decode(errors="ignore")
    return f"{BEGINNING}{fitting}{ending}"


def target_name(machine: str, number: int) -> str:
    """Return the name whose addresses are announced: it is this server's alone.

    The machine's own name would not do. Its responder may announce other addresses for it, and
    would take ours for another machine's.
    """
    which = "" if number == 1 else f"{number}-"
    plain = re.sub(r"[^A-Za-z0-9]+", "-", machine).strip("-") or "host"
    return f"threadchat-{which}on-{plain}"[:_MAX_LABEL].rstrip("-") + ".local."
