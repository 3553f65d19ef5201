"""Collect what is heard on the LAN of servers of threadchat.

Anybody can send there, and as much as they like. So what each machine says is kept for itself: it
is bounded, and changes nothing of what other machines have said. No sockets and no clock are here.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest

# Type checkers do not find these in the package.
from zeroconf._dns import DNSAddress, DNSPointer, DNSRecord, DNSService, DNSText
from zeroconf._protocol.incoming import DNSIncoming

from threadchat.lan.names import BEGINNING, HTTP, TELNET

MOST_SOURCES = 2000
"""The most addresses whose packets are read."""

MOST_PACKETS = 500
"""The most packets of one address that are read; a packet that comes again is not."""

MOST_NAMES = 200
"""The most services, and the most hosts, that are kept of one address."""

MOST_ADDRESSES_HEARD = 16
"""The most addresses that are kept of one host."""

MOST_QUESTIONS = 20
"""The most names that are asked about at once, because not all was told of them."""

MOST_ANSWERS = 2000
"""The most services that are told in the end."""

_PORT = 5353
_RESPONSE = 0x80
"""The flag of a response, in the third byte of a packet (RFC 1035, section 4.1.1)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says of one service of a server, as it came from `source`."""

    type: str
    name: str
    addresses: tuple[str, ...]
    port: int | None
    told: Mapping[str, str | None]
    source: str = ""


@dataclass(slots=True)
class _Source:
    """What one machine has said; all by the names of the records, in lower case."""

    packets: set[int] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    services: dict[str, DNSService] = field(default_factory=dict)
    texts: dict[str, DNSText] = field(default_factory=dict)
    hosts: dict[str, dict[str, None]] = field(default_factory=dict)


class Heard:
    """What has been heard so far."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def hear(self, packet: bytes, source: str, port: int) -> None:
        """Take a packet that came from this address and port; most are for others."""
        if port != _PORT or len(packet) < 3 or not packet[2] & _RESPONSE:
            return  # RFC 6762, section 6: an answer comes from that port
        known = self._sources.get(source)
        if known is None:
            if len(self._sources) >= MOST_SOURCES:
                return
            known = self._sources[source] = _Source()
        if len(known.packets) >= MOST_PACKETS or hash(packet) in known.packets:
            return
        known.packets.add(hash(packet))
        for record in DNSIncoming(packet).answers():
            _take(known, record)

    @property
    def is_flooded(self) -> bool:
        """Whether some machine says so much that not all of it is read."""
        return any(len(it.packets) >= MOST_PACKETS for it in self._sources.values())

    def answers(self) -> list[Answer]:
        """Return what was told of servers: one of each machine, then a second one, and so on.

        Of one machine they come in the order in which they were heard, `MOST_ANSWERS` in all.
        """
        turns = zip_longest(*(_answers_of(*it) for it in self._sources.items()), fillvalue=())
        return list(islice(chain.from_iterable(chain.from_iterable(turns)), MOST_ANSWERS))

    def lacking(self) -> list[str]:
        """Return names to ask about, as not all was told of them: of each machine its first."""
        found: dict[str, None] = {}
        for heard in self._sources.values():
            for key, name in heard.names.items():
                service = heard.services.get(key)
                if service is None or key not in heard.texts:
                    found[name] = None
                elif not heard.hosts.get(service.server_key):
                    found[service.server] = None
                else:
                    continue
                break
        return list(found)[:MOST_QUESTIONS]


def _answers_of(source: str, heard: _Source) -> Iterator[list[Answer]]:
    """Yield for each server that this machine tells of what was told of its services."""
    keys: dict[str, list[tuple[str, str]]] = {}
    for key in heard.services:
        for service_type in (HTTP, TELNET):
            if key in heard.texts and key.endswith(f".{service_type}"):
                keys.setdefault(key.removesuffix(service_type), []).append((service_type, key))
    for services in keys.values():
        yield [_answer(source, heard, *it) for it in services]


def _answer(source: str, heard: _Source, service_type: str, key: str) -> Answer:
    service = heard.services[key]
    return Answer(
        service_type,
        heard.names[key][: -len(service_type) - 1],
        tuple(heard.hosts.get(service.server_key, ())),
        service.port,
        _told(heard.texts[key].text),
        source,
    )


def _take(heard: _Source, record: DNSRecord) -> None:
    """Keep what a record says, if it may be of a server; with a lifetime of 0, forget that."""
    is_over = record.ttl == 0
    if isinstance(record, DNSPointer):
        if record.key in (HTTP, TELNET):
            _take_name(heard, record.alias, is_over=is_over)
    elif isinstance(record, DNSService | DNSText):
        if not _take_name(heard, record.name, is_over=is_over):
            return
        if isinstance(record, DNSText):
            heard.texts[record.key] = record
        else:
            heard.services.pop(record.key, None)
            heard.services[record.key] = record  # behind all others: it is the newest
    elif isinstance(record, DNSAddress) and len(record.address) in (4, 16):
        _take_address(heard, record.key, record.address, is_over=is_over)


def _take_name(heard: _Source, name: str, *, is_over: bool) -> bool:
    """Return whether the service of this name is kept; forget it if it is over."""
    key = name.lower()
    if is_over:
        for kept in (heard.names, heard.services, heard.texts):
            kept.pop(key, None)
    elif name.startswith(BEGINNING) and len(heard.names) < MOST_NAMES:
        heard.names.setdefault(key, name)
    return key in heard.names


def _take_address(heard: _Source, host: str, packed: bytes, *, is_over: bool) -> None:
    address = str(ipaddress.ip_address(packed))
    if is_over:
        heard.hosts.get(host, {}).pop(address, None)
    elif host in heard.hosts or len(heard.hosts) < MOST_NAMES:
        addresses = heard.hosts.setdefault(host, {})
        if len(addresses) < MOST_ADDRESSES_HEARD:
            addresses[address] = None


def _told(text: bytes) -> dict[str, str | None]:
    """Return what a text record tells (RFC 6763, section 6.4); of a key the first counts."""
    told: dict[str, str | None] = {}
    while text:
        length, text = text[0], text[1:]
        key, has_value, value = text[:length].decode(errors="replace").partition("=")
        if key:
            told.setdefault(key.lower(), value if has_value else None)
        text = text[length:]
    return told
