"""Announce the services of a server, and answer for them, by multicast DNS (RFC 6762, RFC 6763).

This is the only module beside `finding` that knows the library, `zeroconf`; both are imported where
they are used. Everything runs in one event loop.
"""

import asyncio
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from zeroconf import DNSQuestionType, RecordUpdate, RecordUpdateListener, Zeroconf

# Type checkers do not find these in the package.
from zeroconf._dns import DNSAddress, DNSQuestion, DNSRecord, DNSService, DNSText
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf._services.info import AddressResolver
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from threadchat.errors import OperatorError
from threadchat.lan.names import (
    SHORT_NAME,
    Announced,
    Service,
    instance_name,
    local_name,
    machine_label,
    target_name,
)
from threadchat.lan.network import LanSide, own_addresses

ASK_MILLISECONDS = 1500
"""How long to wait for an answer: time for two questions, as packets get lost."""

PROBES = 3
"""How often it is asked whether somebody has a name (RFC 6762, section 8.1)."""

PROBE_SECONDS = 0.5
"""Seconds to wait after each of these; the RFC has half of that, but a busy machine needs more."""

MOST_DELAY_SECONDS = 0.25
"""The most seconds before the first of these, chosen at random, as many may start at once."""

CLOSE_SECONDS = 2.0

MAX_DEFENCES = 10
"""How often the names are announced again because somebody else has claimed one."""

DEFENCE_SECONDS = 1.5
"""Seconds before that; others keep what they were told within one second (RFC 6762, 10.2)."""

MOST_OF_ONE_NAME = 99
"""How many servers may have the name of one machine."""

# The answers go to everybody. Those to one machine may reach another program's socket there.
_ALOUD = DNSQuestionType.QM

# Numbers of RFC 1035: the flags of a query, a class, and the question for all types.
_QUERY = 0
_INTERNET, _ANY = 1, 255


class CannotAnnounce(OperatorError):
    """The LAN cannot be told of the server. Says why."""


class Responder:
    """Announces `services` on `side`, from `announce` until `close`.

    The last of them leads to `SHORT_NAME`, if that is free, the others to a name of their own.
    `host_name` is the name of this machine. Raise `OSError` if the port of multicast DNS cannot be
    had. `is_in_conflict` is set when another machine has one of our names, too, and ours is the
    one to give way.
    """

    def __init__(self, side: LanSide, services: Sequence[Service], host_name: str) -> None:
        self._side = side
        self._services = services
        self._host_name = host_name
        self._machine = machine_label(host_name)
        self.is_in_conflict = asyncio.Event()
        self._shares_a_name = False
        self._is_announced = asyncio.Event()
        self._defences = 0
        self._defence: asyncio.Task[None] | None = None
        self._responder = AsyncZeroconf(interfaces=list(side.interfaces))
        self._zeroconf = self._responder.zeroconf

    async def announce(self) -> Announced:
        """Choose names that nobody has, and announce the services under them.

        Takes some seconds. Raise `CannotAnnounce` if there is nowhere to speak, or no name.
        """
        await self._zeroconf.async_wait_for_start()
        if not self._zeroconf.engine.senders:
            raise CannotAnnounce("no interface of this machine takes multicast")
        local = local_name(self._host_name)
        await asyncio.sleep(random.uniform(0, MOST_DELAY_SECONDS))
        of_local, short_is_taken, number = await asyncio.gather(
            self._addresses_of(local), self._is_taken(self._short_claims()), self._free_number(1)
        )
        # Somebody else may have announced what was free before all three were answered.
        while self._is_known(self._claims(number)):
            number = await self._free_number(number + 1)
        has_short = not (short_is_taken or self._is_known(self._short_claims()))
        await self._register(self._infos(number, has_short=has_short))
        is_answered = local is not None and not of_local.isdisjoint(own_addresses())
        hosts = [local] if local and is_answered else []
        if has_short:
            hosts.append(SHORT_NAME)
        target = target_name(self._machine, number).rstrip(".")
        name = instance_name(self._machine, number)
        return Announced(name, tuple(hosts or [target]), (*hosts, target))

    async def close(self) -> None:
        """Say goodbye, so that everybody forgets the services at once, and close all sockets.

        A server that gives its name up to another one falls silent: a goodbye would be for the
        other one, too.
        """
        if self._shares_a_name:
            self._fall_silent()
        if self._defence is not None:
            self._defence.cancel()
        await asyncio.wait_for(self._responder.async_close(), CLOSE_SECONDS)

    async def _free_number(self, number: int) -> int:
        """Return the first number, from `number` on, with which nobody has a name of ours."""
        for it in range(number, MOST_OF_ONE_NAME + 1):
            if not await self._is_taken(self._claims(it)):
                return it
        raise CannotAnnounce(f"{MOST_OF_ONE_NAME} servers have the name of this machine")

    def _claims(self, number: int) -> list[DNSRecord]:
        """Return the records that nobody else may have the names of."""
        infos = self._infos(number, has_short=False)
        told = [record for it in infos for record in (it.dns_service(), it.dns_text())]
        return [*told, *infos[0].dns_addresses()]

    def _short_claims(self) -> list[DNSRecord]:
        return list(self._infos(1, has_short=True)[-1].dns_addresses())

    async def _is_taken(self, claims: Sequence[DNSRecord]) -> bool:
        """Ask the LAN whether somebody has a name of these records (RFC 6762, section 8.1).

        Whoever has it answers at once, even if it was announced a moment ago: that is what the
        records in a question are for.
        """
        loop = asyncio.get_running_loop()
        for _ in range(PROBES):
            self._zeroconf.async_send(_probe(claims))
            until = loop.time() + PROBE_SECONDS
            while (left := until - loop.time()) > 0:
                if self._is_known(claims):
                    return True
                await self._zeroconf.async_wait(1000 * left)  # or until something was heard
        return self._is_known(claims)

    def _is_known(self, claims: Sequence[DNSRecord]) -> bool:
        """Return whether somebody on the LAN was heard to have a name of these records."""
        return any(
            isinstance(record, DNSAddress | DNSService | DNSText)
            for name in {it.name for it in claims}
            for record in self._zeroconf.cache.async_entries_with_name(name)
        )

    def _infos(self, number: int, *, has_short: bool) -> list[AsyncServiceInfo]:
        target = target_name(self._machine, number)
        # The short name needs a service that leads to it: that for browsers, if there is one.
        last = f"{SHORT_NAME}." if has_short else target
        return [
            AsyncServiceInfo(
                it.type,
                f"{instance_name(self._machine, number)}.{it.type}",
                it.port,
                properties=it.told,
                server=last if it is self._services[-1] else target,
                parsed_addresses=list(self._side.addresses),
            )
            for it in self._services
        ]

    async def _register(self, infos: Sequence[AsyncServiceInfo]) -> None:
        """Announce `infos`, whose names are free; return early if they are not any more."""
        # From now on, as two that start at once do all this at the same time.
        conflicts = _Conflicts(infos, self._give_way, lambda: self._begin_defence(infos))
        self._zeroconf.async_add_listener(conflicts, None)
        # The library need not ask again. It would give up a name that another server, which has
        # asked at the same time, gives up, too: then nobody would have it.
        told = [
            asyncio.ensure_future(
                await self._responder.async_register_service(info, cooperating_responders=True)
            )
            for info in infos
        ]
        conflict = asyncio.create_task(self.is_in_conflict.wait())
        try:
            for telling in told:
                await asyncio.wait({telling, conflict}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (conflict, *told):  # nothing is to come after a goodbye
                task.cancel()
        await asyncio.gather(conflict, *told, return_exceptions=True)
        if not self.is_in_conflict.is_set():
            self._is_announced.set()

    def _fall_silent(self) -> None:
        """Answer no more for our services, without a goodbye."""
        if self._defence is not None:
            self._defence.cancel()
        registry = self._zeroconf.registry
        registry.async_remove(registry.async_get_service_infos())

    def _give_way(self, *, shares_a_name: bool) -> None:
        self._shares_a_name |= shares_a_name
        self.is_in_conflict.set()

    def _begin_defence(self, infos: Sequence[AsyncServiceInfo]) -> None:
        """Announce `infos` again soon, after another machine has claimed a name of ours."""
        is_going_on = self._defence is not None and not self._defence.done()
        if self._defences < MAX_DEFENCES and not is_going_on:
            self._defences += 1
            self._defence = asyncio.create_task(self._defend(infos))

    async def _defend(self, infos: Sequence[AsyncServiceInfo]) -> None:
        await self._is_announced.wait()
        await asyncio.sleep(DEFENCE_SECONDS)
        for info in infos:
            await (await self._responder.async_update_service(info))

    async def _addresses_of(self, host: str | None) -> set[str]:
        """Return the addresses that the LAN tells of `host`, as far as they come at once."""
        if host is None:
            return set()
        resolver = AddressResolver(f"{host}.")
        await resolver.async_request(self._zeroconf, ASK_MILLISECONDS, question_type=_ALOUD)
        return set(resolver.parsed_addresses())


def _probe(claims: Sequence[DNSRecord]) -> DNSOutgoing:
    """Return the question whether somebody has a name of these records (RFC 6762, section 8.1).

    It has a number of its own: the library, in another server, drops what it has just heard. And it
    does not say that the records are the only ones, or others would forget those that there are.
    """
    probe = DNSOutgoing(_QUERY, multicast=False, id_=random.randrange(1, 1 << 16))
    for name in dict.fromkeys(it.name for it in claims):
        probe.add_question(DNSQuestion(name, _ANY, _INTERNET))
    authorities: list[Any] = probe.authorities
    authorities.extend(claims)
    return probe


class _GiveWay(Protocol):
    def __call__(self, *, shares_a_name: bool) -> None: ...


class _Conflicts(RecordUpdateListener):
    """Sees records of others under names of `infos`; two that start at once may both take a name.

    The server whose records come first in the order of RFC 6762, section 8.2, gives way: `give_way`
    is called there, and `defend` at the other. So it is never both. The records are the addresses
    and, as two servers on one machine have the same, the service for terminals; `infos` begin with
    that. `give_way` is told whether it is about more than `SHORT_NAME`.
    """

    def __init__(
        self,
        infos: Sequence[AsyncServiceInfo],
        give_way: _GiveWay,
        defend: Callable[[], object],
    ) -> None:
        service = infos[0].dns_service()
        self._service = _in_order(service)
        self._ours = sorted([*map(_in_order, infos[0].dns_addresses()), self._service])
        self._key = service.key
        self._targets = {(info.server or "").lower() for info in infos}
        self._give_way = give_way
        self._defend = defend

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Look at what the LAN has just been told, our own words included; the library calls it."""
        told = [update.new for update in records if update.new.ttl > 1]  # the rest are goodbyes
        rivals = [it for it in told if isinstance(it, DNSAddress) and it.key in self._targets]
        if not rivals:
            return
        services = [it for it in told if isinstance(it, DNSService) and it.key == self._key]
        service = max(map(_in_order, services), default=self._service)
        theirs = sorted({*map(_in_order, rivals), service})
        if set(theirs) <= set(self._ours):
            return  # our own words, or part of them
        if theirs > self._ours:
            self._give_way(shares_a_name=any(it.key != f"{SHORT_NAME}." for it in rivals))
        elif theirs < self._ours:
            self._defend()


def _in_order(record: DNSAddress | DNSService) -> tuple[int, bytes]:
    """Return what the order of RFC 6762, section 8.2, goes by, for a record of class Internet."""
    if isinstance(record, DNSAddress):
        return record.type, record.address
    return record.type, struct.pack("!3H", record.priority, record.weight, record.port)
