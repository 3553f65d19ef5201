"""What answers of the LAN become: servers of threadchat alone, bounded, and safe to show."""

import asyncio
import ipaddress
import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

pytest.importorskip("zeroconf")

from zeroconf._protocol.incoming import DNSIncoming

from threadchat.lan import finding
from threadchat.lan.finding import (
    MOST,
    MOST_ADDRESSES,
    MOST_TRIED,
    FoundServer,
    servers_of,
    those_that_answer,
)
from threadchat.lan.hearing import Answer, Heard
from threadchat.lan.names import HTTP, TELNET

NEAR = [ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("fd00::/64")]
THERE = "192.168.1.66"
TOLD = {"server": "threadchat", "version": "1.2"}


def telnet(name: str = "threadchat on box", **other: object) -> Answer:
    told = {**TOLD, **other.pop("told", {})}  # type: ignore[dict-item]
    values = {"addresses": ("192.168.1.7",), "port": 8000, **other}
    return Answer(TELNET, name, told=told, **values)  # type: ignore[arg-type]


def http(name: str = "threadchat on box", **other: object) -> Answer:
    values = {"addresses": ("192.168.1.7",), "port": 8080, **other}
    return Answer(HTTP, name, told={"path": "/", **TOLD}, **values)  # type: ignore[arg-type]


def only(*answers: Answer) -> FoundServer:
    (found,) = servers_of(answers, NEAR)
    return found


class TestServers:
    def test_the_services_of_one_server_are_one(self) -> None:
        found = only(http(), telnet(told={"tls": "8992"}))
        assert found == FoundServer("threadchat on box", ("192.168.1.7",), 8000, 8080, 8992, "1.2")

    def test_one_service_is_enough(self) -> None:
        assert only(telnet()).web_port is None
        assert only(http()).chat_port is None

    def test_others_with_the_same_services_are_left_out(self) -> None:
        printer = Answer(HTTP, "threadchat on box", ("192.168.1.9",), 80, {"path": "/"})
        assert servers_of([printer], NEAR) == []
        other = Answer(HTTP, "x", ("192.168.1.9",), 80, {"server": "apache"})
        assert servers_of([other], NEAR) == []

    def test_they_come_by_name(self) -> None:
        names = ["threadchat on b", "threadchat on a (2)", "threadchat on a"]
        given = [telnet(name, port=port) for port, name in enumerate(names, 8000)]
        assert [it.name for it in servers_of(given, NEAR)] == sorted(names)

    def test_one_server_that_has_had_two_names_has_the_newest(self) -> None:
        assert only(telnet(), telnet("threadchat on box (2)")).name == "threadchat on box (2)"
        # Of another machine's word that is not known.
        others = [telnet(), telnet("threadchat on fake", source=THERE)]
        assert len(servers_of(others, NEAR)) == 2

    def test_what_comes_from_two_addresses_of_a_machine_is_one(self) -> None:
        both = ("192.168.1.7", "fd00::7")
        all_of_it = [telnet(addresses=both), http(addresses=both)]
        for rest in ([], [telnet(addresses=both[1:], source="fe80::7")]):
            assert only(*all_of_it, *rest).web_port == 8080
            assert only(*rest, *all_of_it).web_port == 8080
        other = telnet(port=8001, addresses=both, source="fe80::7")
        assert len(servers_of([*all_of_it, other], NEAR)) == 2

    def test_less_is_part_of_it_and_anything_else_is_not(self) -> None:
        whole = telnet(told={"tls": "8992"})
        for part, number in (
            (telnet(source=THERE), 1),
            (telnet(source=THERE, addresses=("192.168.1.8",)), 2),
            (telnet(source=THERE, addresses=("192.168.1.7", "192.168.1.8")), 2),
            (telnet(source=THERE, told={"tls": "8993"}), 2),
        ):
            for answers in ([whole, part], [part, whole]):
                assert len(servers_of(answers, NEAR)) == number

    def test_those_of_each_machine_come_in_turns_where_there_are_too_many(self) -> None:
        def many(last: int, number: int) -> list[Answer]:
            host = f"192.168.1.{last}"
            return [
                telnet(f"threadchat on {last}-{it:03}", addresses=(host,), source=host, port=1 + it)
                for it in range(number)
            ]

        found = servers_of([*many(10, MOST), *many(11, 3)], NEAR)
        assert [it.name for it in found[:6]] == [
            f"threadchat on {last}-{at:03}" for at in range(3) for last in (10, 11)
        ]
        # Exactly as many as are shown come by name.
        found = servers_of([*many(10, MOST - 1), *many(11, 1)], NEAR)
        assert [it.name for it in found] == sorted(it.name for it in found)

    def test_one_machine_with_thousands_crowds_out_no_other(self) -> None:
        many = [telnet(f"threadchat on {it:05}", port=it) for it in range(1, 10_000)]
        others = [
            telnet(f"threadchat on z{it}", addresses=(f"192.168.1.{it}",), source=f"192.168.1.{it}")
            for it in (8, 9)
        ]
        found = servers_of([*many, *others], NEAR)
        assert [it.name for it in found[:3]] == [
            "threadchat on 00001", "threadchat on z8", "threadchat on z9",
        ]  # fmt: skip


@pytest.fixture
def door() -> Iterator[int]:
    """Return a port of this machine that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


class TestThoseThatAnswer:
    @staticmethod
    def tried(*servers: FoundServer) -> list[FoundServer]:
        return asyncio.run(those_that_answer(servers))

    @staticmethod
    def server(chat_port: int | None, web_port: int | None = None) -> FoundServer:
        return FoundServer("x", ("127.0.0.1",), chat_port, web_port, None, "")

    def test_those_that_accept_no_connection_are_left_out(self, door: int) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            shut = closed.getsockname()[1]
            real = [self.server(door), self.server(None, door), self.server(shut, door)]
            assert self.tried(self.server(shut), *real, self.server(None, shut)) == real

    def test_one_that_does_not_answer_in_time_is_left_out(
        self, door: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def hang(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(finding, "TRY_SECONDS", 0)
        monkeypatch.setattr(asyncio, "open_connection", hang)
        assert self.tried(self.server(door)) == []

    def test_there_are_bounds(self, door: int, monkeypatch: pytest.MonkeyPatch) -> None:
        tried: list[int] = []

        async def accept(_host: str, port: int) -> tuple[None, SimpleNamespace]:
            tried.append(port)
            return None, SimpleNamespace(close=lambda: None)

        monkeypatch.setattr(asyncio, "open_connection", accept)
        found = self.tried(*(self.server(it) for it in range(1, 10_000)))
        assert [it.chat_port for it in found] == list(range(1, MOST + 1))
        assert len(tried) == MOST_TRIED


class TestAddresses:
    def test_those_near_come_first(self) -> None:
        given = ("10.0.0.7", "fd99::7", "fd00::7", "192.168.1.7")
        assert only(telnet(addresses=given)).addresses == (
            "192.168.1.7", "fd00::7", "10.0.0.7", "fd99::7",
        )  # fmt: skip

    def test_each_is_there_once_of_both_services(self) -> None:
        found = only(telnet(), http(addresses=("192.168.1.7", "192.168.1.8")))
        assert found.addresses == ("192.168.1.7", "192.168.1.8")

    def test_there_is_a_bound(self) -> None:
        given = tuple(f"10.0.{a}.{b}" for a in range(10) for b in range(1, 250))
        found = only(telnet(addresses=(*given, "192.168.1.7"))).addresses
        assert len(found) == MOST_ADDRESSES
        assert found[0] == "192.168.1.7"

    @pytest.mark.parametrize(
        "address", ["127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.251", "ff02::fb", "fe80::1"]
    )
    def test_nobody_is_sent_where_no_other_machine_is(self, address: str) -> None:
        assert servers_of([telnet(addresses=(address,))], NEAR) == []
        assert only(telnet(addresses=(address, "192.168.1.7"))).addresses == ("192.168.1.7",)

    def test_without_any_it_is_left_out(self) -> None:
        assert servers_of([telnet(addresses=())], NEAR) == []


class TestStrangeAnswers:
    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("threadchat on \x1b[2J\x1b[31mred", "threadchat on red"),
            ("threadchat on x\r\nthreadchat on y", "threadchat on xthreadchat on y"),
            ("threadchat on \u202egnorw", "threadchat on gnorw"),
            ("threadchat on [bold]x[/bold]", "threadchat on [bold]x[/bold]"),
            ("threadchat on \ufffd", "threadchat on \ufffd"),
            ("threadchat on x" + " " * 60 + "y", "threadchat on x" + " " * 16 + "y"),
        ],
    )
    def test_names_are_cleaned(self, name: str, shown: str) -> None:
        assert only(telnet(name)).name == shown

    @pytest.mark.parametrize("version", ["\x1b[31m", "1" * 21, "one", "1 2", "", None])
    def test_what_is_no_version_is_none(self, version: str | None) -> None:
        assert only(telnet(told={"version": version})).version == ""

    @pytest.mark.parametrize("port", ["0", "65536", "-1", "8992 ", "1e3", "\u0661", "9" * 99, None])
    def test_what_is_no_port_is_none(self, port: str | None) -> None:
        assert only(telnet(told={"tls": port})).tls_port is None

    @pytest.mark.parametrize("port", [0, None, 65536])
    def test_without_any_port_it_is_left_out(self, port: int | None) -> None:
        assert servers_of([telnet(port=port)], NEAR) == []
        assert only(telnet(port=port), http()).chat_port is None


class TestEars:
    """What hands on what comes on a socket."""

    @pytest.fixture
    def ends(self) -> Iterator[tuple[socket.socket, socket.socket]]:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
        ):
            ear.bind(("127.0.0.1", 0))
            mouth.bind(("127.0.0.1", 0))
            yield ear, mouth

    @pytest.mark.skipif(sys.platform == "win32", reason="each packet comes by itself there")
    def test_all_that_has_come_is_heard_at_once(
        self, ends: tuple[socket.socket, socket.socket]
    ) -> None:
        ear, mouth = ends
        heard: list[tuple[object, ...]] = []
        given: list[object] = []
        transport = SimpleNamespace(get_extra_info=lambda what: ear, set_protocol=given.append)
        it = finding._Ear(
            cast(Heard, SimpleNamespace(hear=lambda *it: heard.append(it))), transport
        )
        assert given == [it]
        port = mouth.getsockname()[1]
        for data in (b"two", b"three"):
            mouth.sendto(data, ear.getsockname())
        it.datagram_received(b"one", ("127.0.0.2", 7))
        assert heard == [
            (b"one", "127.0.0.2", 7),
            (b"two", "127.0.0.1", port),
            (b"three", "127.0.0.1", port),
        ]
        it.close()
        it.datagram_received(b"four", ("127.0.0.2", 7))  # it is no error
        assert heard[-1] == (b"four", "127.0.0.2", 7)

    def test_a_question_has_all_names(self) -> None:
        (packet,) = finding._question({"a.local.": 1, "b.local.": 28}).packets()
        asked = DNSIncoming(packet)
        assert not asked.is_response()
        assert [(it.name, it.type, it.class_) for it in asked.questions] == [
            ("a.local.", 1, 1),
            ("b.local.", 28, 1),
        ]
