"""Servers that would have the same names end up with different ones, whenever each begins."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from itertools import permutations
from typing import Any

import pytest

pytest.importorskip("zeroconf")

import zeroconf._core as library
from zeroconf import RecordUpdate, Zeroconf, current_time_millis
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf.asyncio import AsyncZeroconf

from threadchat.lan import responder
from threadchat.lan.names import SHORT_NAME, Announced, services
from threadchat.lan.network import LanSide
from threadchat.lan.responder import Responder, _Conflicts
from threadchat.testing import DEADLINE

SERVICES = services(8000, 8080, None, "1.2")
ONE, TWO, THREE = "192.168.1.7", "192.168.1.8", "192.168.1.20"


class Network:
    """A LAN without sockets: each packet arrives everywhere at once, or is lost, as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._machines: dict[Zeroconf, str] = {}
        self.is_lost: Callable[[str, bytes], bool] = lambda address, packet: False
        """Whether a packet of the machine with this address is lost on the way to all others."""

        self.to_wait_for = 0
        """So many servers are announced at the same moment: nobody hears of one before all are."""
        self._waiting: dict[Zeroconf, list[bytes]] = {}

    def connect(self, interfaces: list[str]) -> AsyncZeroconf:
        """Return what stands in for the library's sockets on one machine."""
        (address,) = interfaces
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # nobody sends to it
        sock.bind(("127.0.0.1", 0))
        self._monkeypatch.setattr(library, "create_sockets", lambda *_, **__: (None, [sock]))
        made = AsyncZeroconf(interfaces=interfaces)
        self._machines[made.zeroconf] = address
        self._monkeypatch.setattr(
            made.zeroconf, "async_send", lambda out, *_: self._send(made.zeroconf, out.packets())
        )
        return made

    @property
    def is_quiet(self) -> bool:
        return len(self._waiting) >= self.to_wait_for

    def _send(self, sender: Zeroconf, packets: list[bytes]) -> None:
        if len(self._waiting) < self.to_wait_for and packets[0][2] & 0x80:
            self._waiting.setdefault(sender, []).extend(packets)
            if len(self._waiting) == self.to_wait_for:
                for one, its_packets in self._waiting.items():
                    self._deliver(one, its_packets)
        else:
            self._deliver(sender, packets)

    def _deliver(self, sender: Zeroconf, packets: list[bytes]) -> None:
        address = self._machines[sender]
        for packet in packets if not sender.done else ():
            is_lost = self.is_lost(address, packet)
            for machine in self._machines:
                if (machine is sender or not is_lost) and not machine.done:
                    for protocol in machine.engine.protocols:
                        asyncio.get_running_loop().call_soon(
                            protocol.datagram_received, packet, (address, 5353)
                        )


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network(monkeypatch)
    monkeypatch.setattr(responder, "AsyncZeroconf", network.connect)
    monkeypatch.setattr(responder, "ASK_MILLISECONDS", 1)
    monkeypatch.setattr(responder, "PROBE_SECONDS", 0.02)
    monkeypatch.setattr(responder, "MOST_DELAY_SECONDS", 0)
    monkeypatch.setattr(responder, "DEFENCE_SECONDS", 0)
    monkeypatch.setattr(library, "_REGISTER_TIME", 1)
    monkeypatch.setattr(library, "_UNREGISTER_TIME", 1)
    return network


class Server:
    """A server that stays announced, as `LanAnnouncement` sees to it."""

    def __init__(self, address: str, host: str = "box", port: int = 8000) -> None:
        self._arguments = LanSide((address,), (address,)), services(port, 8080, None, "1.2"), host
        self._responder: Responder | None = None
        self._announced: Announced | None = None
        self._task = asyncio.create_task(self._stay())

    async def _stay(self) -> None:
        while True:
            self._responder = Responder(*self._arguments)
            self._announced = await self._responder.announce()
            await self._responder.is_in_conflict.wait()
            self._announced = None
            await self._responder.close()

    @property
    def is_settled(self) -> bool:
        responder = self._responder
        return (
            responder is not None
            and self._announced is not None
            and not responder.is_in_conflict.is_set()
        )

    @property
    def announced(self) -> Announced:
        assert self._announced is not None
        return self._announced

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        assert self._responder is not None
        await self._responder.close()


Start = Callable[..., Awaitable[list[Announced]]]


def play(network: Network, scene: Callable[[Start], Coroutine[Any, Any, None]]) -> None:
    """Run a scene on the network; it is given a function that starts servers at the same moment."""
    servers: list[Server] = []

    async def start(*arguments: tuple[Any, ...]) -> list[Announced]:
        new = [Server(*it) for it in arguments]
        servers.extend(new)
        settled = 0
        while settled < 10:  # all that was sent has arrived by then
            await asyncio.sleep(0)
            is_settled = network.is_quiet and all(it.is_settled for it in servers)
            settled = settled + 1 if is_settled else 0
        return [it.announced for it in new]

    async def run() -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await scene(start)
        finally:
            for it in servers:
                await it.close()

    asyncio.run(run())


def test_the_first_one_keeps_the_first_name_and_the_short_one(network: Network) -> None:
    async def scene(start: Start) -> None:
        (first,) = await start((TWO,))
        (second,), (third,) = await start((ONE,)), await start((THREE,))
        assert first.name == "threadchat on box"
        assert first.hosts == (SHORT_NAME,)
        # The first one has spoken a moment ago, and answers at once all the same.
        assert (second.name, third.name) == ("threadchat on box (2)", "threadchat on box (3)")
        assert second.hosts == ("threadchat-2-on-box.local",)

    play(network, scene)


@pytest.mark.parametrize("addresses", list(permutations([ONE, TWO, THREE])))
def test_servers_that_start_at_once_have_the_first_names_among_them(
    network: Network, addresses: tuple[str, ...]
) -> None:
    async def scene(start: Start) -> None:
        network.to_wait_for = 3
        announced = await start(*((it,) for it in addresses))
        found = dict(zip(addresses, announced, strict=True))
        # The last one in the order of the addresses gives way to nobody.
        assert found[THREE].name == "threadchat on box"
        assert sorted(it.name for it in announced) == [
            "threadchat on box", "threadchat on box (2)", "threadchat on box (3)",
        ]  # fmt: skip
        assert [SHORT_NAME in it.hosts for it in announced].count(True) == 1

    play(network, scene)


def test_two_on_one_machine_that_start_at_once_go_by_their_ports(network: Network) -> None:
    async def scene(start: Start) -> None:
        network.to_wait_for = 2
        low, high = await start((ONE,), (ONE, "box", 8001))
        assert (low.name, high.name) == ("threadchat on box (2)", "threadchat on box")

    play(network, scene)


def test_of_servers_with_different_names_one_has_the_short_one(network: Network) -> None:
    async def scene(start: Start) -> None:
        network.to_wait_for = 2
        announced = await start((ONE, "apple"), (TWO, "pear"))
        assert [it.name for it in announced] == ["threadchat on apple", "threadchat on pear"]
        assert [SHORT_NAME in it.hosts for it in announced] == [False, True]

    play(network, scene)


@pytest.mark.parametrize("silent", [ONE, TWO])
def test_a_packet_that_is_lost_costs_nobody_a_name(network: Network, silent: str) -> None:
    async def scene(start: Start) -> None:
        await start((ONE,))
        lost: list[bytes] = []

        def is_lost(address: str, packet: bytes) -> bool:
            if address == silent and not lost:
                lost.append(packet)
                return True
            return False

        network.is_lost = is_lost
        (second,) = await start((TWO,))
        assert second.name == "threadchat on box (2)"
        assert lost

    play(network, scene)


def test_nothing_is_announced_after_the_goodbye(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "_UNREGISTER_TIME", 20)  # time for what is not to come

    async def scene(_start: Start) -> None:
        one = Responder(LanSide((ONE,), (ONE,)), SERVICES, "box")
        has_spoken = asyncio.Event()
        lives: list[bool] = []

        def note(_address: str, packet: bytes) -> bool:
            answers = DNSIncoming(packet).answers() if packet[2] & 0x80 else []
            lives.extend(it.ttl > 0 for it in answers[:1])
            if answers:
                has_spoken.set()
            return False

        network.is_lost = note
        work = asyncio.create_task(one.announce())
        await has_spoken.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await one.close()
        goodbye = lives.index(False)
        assert goodbye > 0
        assert not any(lives[goodbye:])

    play(network, scene)


class Side:
    """A server as `_Conflicts` sees it, and whether it gives way or defends its names."""

    def __init__(self, *addresses: str, port: int = 8000) -> None:
        offered = services(port, 8080, None, "1.2")
        made = Responder.__new__(Responder)
        made._side, made._services, made._machine = LanSide(addresses), offered, "box"
        self.infos = made._infos(1, has_short=True)
        self.did: list[str] = []
        self._conflicts = _Conflicts(self.infos, self._give_way, lambda: self.did.append("defend"))

    def _give_way(self, *, shares_a_name: bool) -> None:
        self.did.append("give way" if shares_a_name else "give the short name up")

    def hear(self, other: "Side", service: int = 0) -> None:
        """Hear what another server announces of one of its services."""
        info = other.infos[service]
        told = [info.dns_service(), info.dns_text(), *info.dns_addresses()]
        updates = [RecordUpdate(it, None) for it in told]
        nowhere: Any = None
        self._conflicts.async_update_records(nowhere, current_time_millis(), updates)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (Side(ONE), Side(TWO)),
        (Side(ONE, "fd00::9"), Side(TWO, "fd00::8")),
        (Side(TWO), Side("fd00::8")),  # of one family each
        (Side(ONE, "fd00::8"), Side("fd00::7")),
        (Side("fd00::7"), Side("fd00::8")),
        (Side(ONE, THREE), Side(TWO)),
        (Side(ONE, port=8000), Side(ONE, port=8001)),
    ],
)
def test_exactly_one_of_two_gives_way(first: Side, last: Side) -> None:
    first.did, last.did = [], []
    first.hear(last)
    last.hear(first)
    assert (first.did, last.did) == (["give way"], ["defend"])


def test_a_short_name_is_given_up_alone() -> None:
    first, last = Side(ONE), Side(TWO)
    first.hear(last, 1)
    last.hear(first, 1)
    assert (first.did, last.did) == (["give the short name up"], ["defend"])


def test_nobody_gives_way_to_its_own_words() -> None:
    one = Side(ONE, "fd00::7")
    one.hear(one)
    one.hear(one, 1)
    part = Side("fd00::7")
    one.hear(part)  # a long answer may come in parts
    assert one.did == []
