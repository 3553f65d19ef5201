"""What answers of the LAN become: servers of threadchat alone, bounded, and safe to show."""

import ipaddress

import pytest

pytest.importorskip("zeroconf")

from threadchat.lan.finding import MOST, MOST_ADDRESSES, Answer, FoundServer, servers_of
from threadchat.lan.names import HTTP, TELNET

NEAR = [ipaddress.ip_network("192.168.1.0/24"), ipaddress.ip_network("fd00::/64")]
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
        assert [it.name for it in servers_of(map(telnet, names), NEAR)] == sorted(names)

    def test_there_is_a_bound(self) -> None:
        many = (telnet(f"threadchat on {number}") for number in range(10_000))
        assert len(servers_of(many, NEAR)) == MOST


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
