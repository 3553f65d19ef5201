"""Find the servers on the LAN by what they announce there (RFC 6763).

What the answers say comes from anybody: it is bounded, and cleaned for a screen (promise 4).
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zeroconf._dns import DNSQuestion  # type checkers do not find these two in the package
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncZeroconf

from threadchat.errors import OperatorError
from threadchat.lan.hearing import Answer, Heard
from threadchat.lan.names import HTTP, TELNET, is_of_threadchat
from threadchat.lan.network import lan_interfaces, lan_networks
from threadchat.net.addresses import IPNetwork, can_be_reached
from threadchat.text.clean import clean_line

MOST = 100
"""The most servers that are shown."""

MOST_TRIED = 3 * MOST
"""The most servers that are tried, where there are more than are shown."""

TRY_SECONDS = 1.0
"""How long a server may take to accept a connection then."""

MOST_ADDRESSES = 4
"""The most addresses that are shown of one server."""

_SLICE = 0.1

_ASK_SECONDS = (0.0, 1.0, 3.0, 7.0, 15.0, 31.0)
"""When everybody is asked; after a second, what is lacking is asked for each second, too."""

_FLOODED_SECONDS = 0.5
"""How often it is asked while somebody says more than is read."""

_BUFFER = 1 << 22
_LONGEST = 9000
"""The most bytes of a packet (RFC 6762, section 17)."""

_AT_ONCE = 1000
"""The most packets that are taken before anything else is done."""

# Numbers of RFC 1035: the flags of a query, a class, and two types that are asked for.
_QUERY = 0
_INTERNET, _POINTER, _ANY = 1, 12, 255
_TO_US_ALONE = 0x8001
"""The class Internet, in a question whose answer is for one machine (RFC 6762, section 5.4)."""

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,19}")


class NoLan(OperatorError):
    """The LAN cannot be asked. Says why, and the way out."""


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server on the LAN: its addresses, nearest first, and its ports; None for one it has not."""

    name: str
    addresses: tuple[str, ...]
    chat_port: int | None
    web_port: int | None
    tls_port: int | None
    version: str


def find_servers(
    seconds: float, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[FoundServer]:
    """Ask the LAN for servers, for so many seconds, and return those that have answered.

    `progress` is told how far that is. Raise `NoLan`.
    """
    try:
        return asyncio.run(_find(seconds, progress))
    except OSError as error:
        raise NoLan(
            f"the LAN cannot be asked ({error.strerror}). End the program that keeps UDP port 5353"
            " to itself, or ask the operator of the server for its address."
        ) from None


async def _find(seconds: float, progress: Callable[[int, int], None]) -> list[FoundServer]:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    found = servers_of(await _ask(seconds, progress), lan_networks())
    if len(found) > MOST:
        found = await those_that_answer(found)
    return sorted(found, key=lambda it: it.name)


async def _ask(seconds: float, progress: Callable[[int, int], None]) -> list[Answer]:
    interfaces = lan_interfaces()
    if not interfaces:
        raise NoLan("this machine is in no LAN now. Connect it to one.")
    responder = AsyncZeroconf(interfaces=list(interfaces))
    zeroconf = responder.zeroconf
    heard = Heard()
    ears: list[_Ear] = []
    try:
        await zeroconf.async_wait_for_start()
        transports = [it.transport for it in zeroconf.engine.protocols]
        ears = [_Ear(heard, it.transport) for it in transports if it is not None]
        slices = max(1, round(seconds / _SLICE))
        ask_in = {round(it / _SLICE) for it in _ASK_SECONDS}
        for done in range(slices):
            progress(done, slices)
            if done in ask_in:
                zeroconf.async_send(_question(dict.fromkeys((HTTP, TELNET), _POINTER)))
            elif done % round(1 / _SLICE) == 0 and (lacking := heard.lacking()):
                zeroconf.async_send(_question(dict.fromkeys(lacking, _ANY)))
            if heard.is_flooded and done % round(_FLOODED_SECONDS / _SLICE) == 0:
                types = dict.fromkeys((HTTP, TELNET), _POINTER)
                zeroconf.async_send(_question(types, _TO_US_ALONE))
            await asyncio.sleep(_SLICE)
        return heard.answers()
    finally:
        await responder.async_close()
        for ear in ears:
            ear.close()


def _question(types: Mapping[str, int], record_class: int = _INTERNET) -> DNSOutgoing:
    """Return a question for these types of records of names.

    The answers go to everybody. Those to one machine may reach another program's socket there; but
    in a flood, which is for everybody, they come through a socket of their own.
    """
    question = DNSOutgoing(_QUERY)
    for name, record_type in types.items():
        question.add_question(DNSQuestion(name, record_type, record_class))
    return question


class _Ear(asyncio.DatagramProtocol):
    """Hands what comes on one socket to `heard`, in place of the library.

    The library keeps all in one place, where a flood drives out what is there. It also takes one
    packet at a time: a flood is faster than that, and what the system cannot keep is lost.
    """

    def __init__(self, heard: Heard, transport: Any) -> None:
        self._heard = heard
        self._socket: socket.socket | None = None
        if sys.platform != "win32":  # whose event loop is reading all the time
            self._socket = transport.get_extra_info("socket").dup()
            self._socket.setblocking(False)
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        transport.set_protocol(self)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._heard.hear(data, addr[0], addr[1])
        if self._socket is not None:
            with contextlib.suppress(OSError):  # there is no more
                for _ in range(_AT_ONCE):
                    data, addr = self._socket.recvfrom(_LONGEST)
                    self._heard.hear(data, addr[0], addr[1])

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


async def those_that_answer(found: Sequence[FoundServer]) -> list[FoundServer]:
    """Return those of `found` that accept a connection, in their order, and `MOST` at most."""
    turn = asyncio.Semaphore(MOST)  # each takes a descriptor

    async def accepts_in_turn(server: FoundServer) -> bool:
        async with turn:
            return await _accepts(server)

    accepts = await asyncio.gather(*map(accepts_in_turn, found[:MOST_TRIED]))
    return [it for it, does in zip(found, accepts, strict=False) if does][:MOST]


async def _accepts(server: FoundServer) -> bool:
    for port in (server.chat_port, server.web_port):
        if port is not None:
            with contextlib.suppress(OSError):  # a timeout is one, too
                async with asyncio.timeout(TRY_SECONDS):
                    _, writer = await asyncio.open_connection(server.addresses[0], port)
                writer.close()
                return True
    return False


def servers_of(answers: Iterable[Answer], networks: Iterable[IPNetwork]) -> list[FoundServer]:
    """Return the servers of threadchat that `answers` tell of, by name; `networks` are near.

    If there are more than `MOST`, they come in turns: one that each machine tells of, then a second
    one, and so on. So a machine that tells of thousands crowds out none of another one.
    """
    near = tuple(networks)
    by_name: dict[tuple[str, str], dict[str, Answer]] = {}
    for answer in answers:
        if is_of_threadchat(answer.told):
            by_name.setdefault((answer.source, answer.name), {})[answer.type] = answer
    newest: dict[tuple[Any, ...], tuple[str, FoundServer]] = {}
    for (source, name), services in by_name.items():
        server = _server_of(name, services, near)
        if server is not None:
            # What else is the same is one server, which had another name a moment ago.
            newest[source, replace(server, name="")] = source, server
    turns: Counter[str] = Counter()
    first_turn: dict[FoundServer, int] = {}
    of_name: dict[str, list[FoundServer]] = {}
    for source, server in sorted(newest.values(), key=lambda it: (it[1].name, -_details(it[1]))):
        turns[source] += 1
        # A machine may answer from each of its addresses, and part of that may be lost.
        same = of_name.setdefault(server.name, [])
        known = next((it for it in same[:MOST_ADDRESSES] if _is_part(server, it)), None)
        if known is None:
            same.append(known := server)
        first_turn[known] = min(turns[source], first_turn.get(known, turns[source]))
    found = sorted(first_turn, key=lambda it: it.name)
    return found if len(found) <= MOST else sorted(found, key=lambda it: first_turn[it])


def _details(server: FoundServer) -> int:
    """Return how much is known of a server."""
    ports = (server.chat_port, server.web_port, server.tls_port)
    return len(server.addresses) + sum(it is not None for it in ports)


def _is_part(server: FoundServer, whole: FoundServer) -> bool:
    """Return whether what is known of `server` is part of what is known of `whole`."""
    return set(server.addresses) <= set(whole.addresses) and all(
        getattr(server, port) in (None, getattr(whole, port))
        for port in ("chat_port", "web_port", "tls_port")
    )


def _server_of(
    name: str, services: Mapping[str, Answer], near: tuple[IPNetwork, ...]
) -> FoundServer | None:
    chat, web = services.get(TELNET), services.get(HTTP)
    addresses = _nearest_first((it for one in services.values() for it in one.addresses), near)
    chat_port = _port(chat.port if chat else None)
    web_port = _port(web.port if web else None)
    if not addresses or (chat_port is None and web_port is None):
        return None
    told = next(iter(services.values())).told
    version = told.get("version") or ""
    return FoundServer(
        clean_line(name),
        addresses,
        chat_port,
        web_port,
        _port(chat.told.get("tls") if chat else None),
        version if _VERSION.fullmatch(version) else "",
    )


def _port(given: int | str | None) -> int | None:
    """Return the port in what was given; None if it is none."""
    text = str(given or "")
    if re.fullmatch("[0-9]{1,5}", text) and 0 < int(text) < 65536:
        return int(text)
    return None


def _nearest_first(texts: Iterable[str], near: tuple[IPNetwork, ...]) -> tuple[str, ...]:
    """Return the addresses that can be reached, those in a network of this machine first.

    Nobody is sent to an address of this very machine's own, such as 127.0.0.1.
    """
    found = [it for it in map(ipaddress.ip_address, dict.fromkeys(texts)) if can_be_reached(it)]
    found.sort(key=lambda it: (not any(it in network for network in near), it.version, int(it)))
    return tuple(str(it) for it in found[:MOST_ADDRESSES])
