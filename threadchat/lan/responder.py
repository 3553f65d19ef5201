"""Announce the services of a server, and answer for them, by multicast DNS (RFC 6762, RFC 6763).

This is the only module beside `finding` that knows the library, `zeroconf`; both are imported where
they are used. Everything runs in one event loop.
"""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from typing import Protocol

from zeroconf import (
    DNSQuestionType,
    NonUniqueNameException,
    RecordUpdate,
    RecordUpdateListener,
    Zeroconf,
)
from zeroconf._dns import DNSAddress, DNSService  # type checkers do not find these in the package
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

CLOSE_SECONDS = 2.0

MAX_DEFENCES = 10
"""How often the names are announced again because somebody else has claimed one."""

DEFENCE_SECONDS = 1.5
"""Seconds before that; others keep what they were told within one second (RFC 6762, 10.2)."""

MOST_OF_ONE_NAME = 99
"""How many servers may have the name of one machine."""

# The answers go to everybody. Those to one machine may reach another program's socket there.
_ALOUD = DNSQuestionType.QM


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
        machine = machine_label(self._host_name)
        of_local, of_short, number = await asyncio.gather(
            self._addresses_of(local), self._addresses_of(SHORT_NAME), self._free_number(machine, 1)
        )
        while not await self._register(self._infos(machine, number, has_short=not of_short)):
            number = await self._free_number(machine, number + 1)
        is_answered = local is not None and not of_local.isdisjoint(own_addresses())
        hosts = [local] if local and is_answered else []
        if not of_short:
            hosts.append(SHORT_NAME)
        target = target_name(machine, number).rstrip(".")
        return Announced(instance_name(machine, number), tuple(hosts or [target]), (*hosts, target))

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

    async def _free_number(self, machine: str, number: int) -> int:
        """Return the first number, from `number` on, with which nobody has a name of ours."""
        for it in range(number, MOST_OF_ONE_NAME + 1):
            name = instance_name(machine, it)
            asked = (self._is_taken(service.type, name) for service in self._services)
            if not any(await asyncio.gather(*asked)):
                return it
        raise CannotAnnounce(f"{MOST_OF_ONE_NAME} servers have the name of this machine")

    async def _is_taken(self, service_type: str, name: str) -> bool:
        other = AsyncServiceInfo(service_type, f"{name}.{service_type}")
        await other.async_request(self._zeroconf, ASK_MILLISECONDS, question_type=_ALOUD)
        return other.port is not None

    def _infos(self, machine: str, number: int, *, has_short: bool) -> list[AsyncServiceInfo]:
        target = target_name(machine, number)
        # The short name needs a service that leads to it: that for browsers, if there is one.
        last = f"{SHORT_NAME}." if has_short else target
        return [
            AsyncServiceInfo(
                it.type,
                f"{instance_name(machine, number)}.{it.type}",
                it.port,
                properties=it.told,
                server=last if it is self._services[-1] else target,
                parsed_addresses=list(self._side.addresses),
            )
            for it in self._services
        ]

    async def _register(self, infos: Sequence[AsyncServiceInfo]) -> bool:
        """Announce `infos`; return False, with none announced, if somebody has one of the names."""
        # From now on, as two that start at once do all this at the same time.
        conflicts = _Conflicts(infos, self._give_way, lambda: self._begin_defence(infos))
        self._zeroconf.async_add_listener(conflicts, None)
        # Each looks again whether the name is free (RFC 6762, section 8.1).
        results = await asyncio.gather(
            *(self._responder.async_register_service(info) for info in infos),
            return_exceptions=True,
        )
        failures = [it for it in results if isinstance(it, BaseException)]
        told = [it for it in results if not isinstance(it, BaseException)]
        if not failures:
            await asyncio.gather(*told)
            self._is_announced.set()
            return True
        for telling in told:
            asyncio.ensure_future(telling).cancel()
        self._fall_silent()
        self._zeroconf.async_remove_listener(conflicts)
        self.is_in_conflict.clear()
        self._shares_a_name = False
        for failure in failures:
            if not isinstance(failure, NonUniqueNameException):
                raise failure
        return False

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


class _GiveWay(Protocol):
    def __call__(self, *, shares_a_name: bool) -> None: ...


class _Conflicts(RecordUpdateListener):
    """Sees records of others under names of `infos`; two that start at once may both take a name.

    Of two servers, the one with the lower address, or else with the lower port for people at
    terminals, gives way: `give_way` is called there, and `defend` at the other. So it is never
    both. `give_way` is told whether it is about more than `SHORT_NAME`. `infos` begin with the
    service for terminals.
    """

    def __init__(
        self,
        infos: Sequence[AsyncServiceInfo],
        give_way: _GiveWay,
        defend: Callable[[], object],
    ) -> None:
        first = infos[0]
        addresses = [ipaddress.ip_address(it) for it in first.parsed_addresses()]
        # Only one family decides, or each server might give way by one of them.
        version = min(it.version for it in addresses)
        self._ours = (max(it.packed for it in addresses if it.version == version), first.port or 0)
        self._key = first.key
        self._targets = {(info.server or "").lower() for info in infos}
        self._give_way = give_way
        self._defend = defend

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Look at what the LAN has just been told, our own words included; the library calls it."""
        told = [update.new for update in records if update.new.ttl > 1]  # the rest are goodbyes
        address, port = self._ours
        rivals = [
            it
            for it in told
            if isinstance(it, DNSAddress)
            and it.key in self._targets
            and len(it.address) == len(address)
        ]
        if not rivals:
            return
        ports = [it.port for it in told if isinstance(it, DNSService) and it.key == self._key]
        theirs = max(it.address for it in rivals), max(ports, default=port)
        if theirs > self._ours:
            self._give_way(shares_a_name=any(it.key != f"{SHORT_NAME}." for it in rivals))
        elif theirs < self._ours:
            self._defend()
