"""Find the servers on the LAN by what they announce there (RFC 6763).

What the answers say comes from anybody: it is bounded, and cleaned for a screen (promise 4).
"""

import asyncio
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zeroconf import DNSQuestionType, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from threadchat.errors import OperatorError
from threadchat.lan.names import BEGINNING, HTTP, TELNET, is_of_threadchat
from threadchat.lan.network import lan_interfaces, lan_networks
from threadchat.net.addresses import IPNetwork, can_be_reached
from threadchat.text.clean import clean_line

MOST = 100
"""The most servers that are looked at; others are left out."""

MOST_ADDRESSES = 4
"""The most addresses that are shown of one server."""

_SLICE = 0.1

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


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says of one service of a server, as it came."""

    type: str
    name: str
    addresses: tuple[str, ...]
    port: int | None
    told: Mapping[str, str | None]


def find_servers(
    seconds: float, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[FoundServer]:
    """Ask the LAN for servers, for so many seconds, and return those that have answered.

    `progress` is told how far that is. Raise `NoLan`.
    """
    try:
        answers = asyncio.run(_ask(seconds, progress))
    except OSError as error:
        raise NoLan(
            f"the LAN cannot be asked ({error.strerror}). End the program that keeps UDP port 5353"
            " to itself, or ask the operator of the server for its address."
        ) from None
    return servers_of(answers, lan_networks())


async def _ask(seconds: float, progress: Callable[[int, int], None]) -> list[Answer]:
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    interfaces = lan_interfaces()
    if not interfaces:
        raise NoLan("this machine is in no LAN now. Connect it to one.")
    responder = AsyncZeroconf(interfaces=list(interfaces))
    requests: dict[tuple[str, str], asyncio.Task[AsyncServiceInfo]] = {}

    def note(
        zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        key = service_type, name
        if state_change is ServiceStateChange.Removed:
            if key in requests:
                requests.pop(key).cancel()
        elif name.startswith(BEGINNING) and key not in requests and len(requests) < 2 * MOST:
            requests[key] = asyncio.create_task(_look_up(zeroconf, *key, seconds))

    try:
        # The answers are to go to everybody: another program may get those to this machine alone.
        browser = AsyncServiceBrowser(
            responder.zeroconf, [HTTP, TELNET], handlers=[note], question_type=DNSQuestionType.QM
        )
        slices = max(1, round(seconds / _SLICE))
        for done in range(slices):
            progress(done, slices)
            await asyncio.sleep(_SLICE)
        await browser.async_cancel()
        done_ones = [it for it in requests.values() if it.done() and not it.exception()]
        return [_answer_of(it.result()) for it in done_ones]
    finally:
        for request in requests.values():
            request.cancel()
        await responder.async_close()


async def _look_up(
    zeroconf: Zeroconf, service_type: str, name: str, seconds: float
) -> AsyncServiceInfo:
    info = AsyncServiceInfo(service_type, name)
    await info.async_request(zeroconf, 1000 * seconds, question_type=DNSQuestionType.QM)
    return info


def _answer_of(info: Any) -> Answer:
    name = info.name.removesuffix(f".{info.type}")
    return Answer(
        info.type, name, tuple(info.parsed_addresses()), info.port, info.decoded_properties
    )


def servers_of(answers: Iterable[Answer], networks: Iterable[IPNetwork]) -> list[FoundServer]:
    """Return the servers of threadchat that `answers` tell of, by name; `networks` are near."""
    near = tuple(networks)
    by_name: dict[str, dict[str, Answer]] = {}
    for answer in answers:
        if is_of_threadchat(answer.told):
            by_name.setdefault(answer.name, {})[answer.type] = answer
    found = [_server_of(name, services, near) for name, services in by_name.items()]
    return sorted((it for it in found if it is not None), key=lambda it: it.name)[:MOST]


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
