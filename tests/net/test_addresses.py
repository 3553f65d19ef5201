"""Addresses as people write them, and those of this machine."""

import ipaddress
import socket
import struct

import pytest

from threadchat.net import addresses
from threadchat.net.addresses import lan_addresses, plain_host, show_address, ways_in


class TestShowAddress:
    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            (("192.168.1.7", 8000), "192.168.1.7:8000"),
            (("fd00::1", 8000, 0, 0), "[fd00::1]:8000"),
            (("::", 0, 0, 0), "[::]:0"),
            (("::1", 8000, 0, 0), "[::1]:8000"),
            (("fe80::1%eth0", 8000, 0, 2), "[fe80::1%eth0]:8000"),
            (("::ffff:192.168.1.7", 8000, 0, 0), "192.168.1.7:8000"),
        ],
    )
    def test_it_is_written_as_people_do(self, address: tuple[object, ...], shown: str) -> None:
        assert show_address(address) == shown

    @pytest.mark.parametrize(
        ("host", "plain"),
        [
            ("192.168.1.7", "192.168.1.7"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:0:1", "::ffff:0:1"),
            ("fd00::1", "fd00::1"),
        ],
    )
    def test_a_mapped_ipv4_address_is_plain(self, host: str, plain: str) -> None:
        assert plain_host(host) == plain


class TestWaysIn:
    @pytest.fixture(autouse=True)
    def on_two_networks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = [ipaddress.ip_address(text) for text in ("192.168.1.7", "10.0.0.7", "fd00::7")]
        monkeypatch.setattr(addresses, "lan_addresses", lambda: found)

    def test_a_server_for_all_of_ipv4(self) -> None:
        assert ways_in(("0.0.0.0", 8000)) == [
            "telnet 192.168.1.7 8000",
            "nc 192.168.1.7 8000",
            "telnet 10.0.0.7 8000",
            "nc 10.0.0.7 8000",
        ]

    def test_a_server_for_all(self) -> None:
        assert ways_in(("::", 4000, 0, 0)) == [
            "telnet 192.168.1.7 4000",
            "nc 192.168.1.7 4000",
            "telnet 10.0.0.7 4000",
            "nc 10.0.0.7 4000",
            "telnet fd00::7 4000",
            "nc fd00::7 4000",
        ]

    @pytest.mark.parametrize(
        ("bound_to", "host"),
        [
            (("127.0.0.1", 8000), "127.0.0.1"),
            (("192.168.1.9", 8000), "192.168.1.9"),
            (("::1", 8000, 0, 0), "::1"),
            (("fe80::1%eth0", 8000, 0, 2), "fe80::1%eth0"),
            (("::ffff:127.0.0.1", 8000, 0, 0), "127.0.0.1"),
        ],
    )
    def test_a_server_for_one_address(self, bound_to: tuple[object, ...], host: str) -> None:
        assert ways_in(bound_to) == [f"telnet {host} 8000", f"nc {host} 8000"]

    @pytest.mark.parametrize("bound_to", [("0.0.0.0", 8000), ("::", 8000, 0, 0)])
    def test_without_a_network_there_is_this_machine(
        self, bound_to: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(addresses, "lan_addresses", list)
        assert ways_in(bound_to) == ["telnet localhost 8000", "nc localhost 8000"]


class TestLanAddresses:
    @pytest.fixture(autouse=True)
    def nothing_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for way in ("_by_route", "_by_interface", "_by_name"):
            monkeypatch.setattr(addresses, way, lambda: iter(()))

    def find(self, monkeypatch: pytest.MonkeyPatch, way: str, *texts: str) -> None:
        monkeypatch.setattr(addresses, way, lambda: iter(texts))

    def found(self) -> list[str]:
        return list(map(str, lan_addresses()))

    def test_there_may_be_none(self) -> None:
        assert lan_addresses() == []

    @pytest.mark.parametrize("way", ["_by_route", "_by_interface", "_by_name"])
    def test_each_way_is_asked(self, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.find(monkeypatch, way, "192.168.1.7")
        assert self.found() == ["192.168.1.7"]

    def test_each_address_is_named_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for way in ("_by_route", "_by_interface", "_by_name"):
            self.find(monkeypatch, way, "192.168.1.7", "192.168.1.7")
        assert self.found() == ["192.168.1.7"]

    def test_the_likeliest_ipv4_address_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.find(monkeypatch, "_by_route", "192.168.1.7", "fd00::7")
        self.find(monkeypatch, "_by_interface", "10.0.0.7")
        assert self.found() == ["192.168.1.7", "10.0.0.7", "fd00::7"]

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "127.0.1.1",
            "::1",
            "169.254.3.4",
            "fe80::1",
            "fe80::1%eth0",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
        ],
    )
    def test_what_others_cannot_reach_is_left_out(
        self, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.find(monkeypatch, "_by_name", address)
        assert lan_addresses() == []


class TestWaysToAsk:
    def test_asking_this_machine_finds_only_what_others_can_reach(self) -> None:
        assert not [one for one in lan_addresses() if one.is_loopback or one.is_link_local]

    def test_a_machine_without_a_name_is_no_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        assert list(addresses._by_name()) == []

    def test_a_machine_without_a_route_is_no_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Unreachable(socket.socket):
            def connect(self, address: object) -> None:
                raise OSError(101, "Network is unreachable")

        monkeypatch.setattr(socket, "socket", Unreachable)
        assert list(addresses._by_route()) == []

    def test_bridges_inside_this_machine_are_left_out(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fcntl = pytest.importorskip(
            "fcntl", reason="interfaces are asked for by ioctl, not on Windows"
        )
        address_of = {
            "lo": "127.0.0.1",
            "eth0": "192.168.1.7",
            "docker0": "172.17.0.1",
            "br-1a2b": "172.18.0.1",
            "virbr0": "192.168.122.1",
            "lxcbr0": "10.0.3.1",
            "lxdbr0": "10.0.4.1",
            "podman0": "10.88.0.1",
            "cni0": "10.85.0.1",
            "wlan0": "192.168.1.8",
        }

        def ioctl(_descriptor: int, _request: int, name: bytes) -> bytes:
            interface = name.rstrip(b"\0").decode()
            if interface == "wlan0":
                raise OSError(99, "Cannot assign requested address")
            return struct.pack("20s4s232x", name, socket.inet_aton(address_of[interface]))

        monkeypatch.setattr(fcntl, "ioctl", ioctl)
        monkeypatch.setattr(socket, "if_nameindex", lambda: list(enumerate(address_of, 1)))
        assert list(addresses._by_interface()) == ["127.0.0.1", "192.168.1.7"]
