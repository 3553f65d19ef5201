"""What of this machine faces the LAN."""

import ipaddress
import socket
import sys
from types import SimpleNamespace

import pytest

from threadchat.lan import network
from threadchat.lan.network import (
    LanSide,
    lan_interfaces,
    lan_networks,
    lan_side,
    own_addresses,
)
from threadchat.net.interfaces import InterfaceAddress

DUAL, IPV4 = ("::", 8000, 0, 0), ("0.0.0.0", 8000)

INDEXES = {"lo": 1, "eth0": 2, "wlan0": 3, "docker0": 4, "wg0": 5, "tun0": 6}

LISTED = [
    InterfaceAddress("lo", "127.0.0.1", 8, is_lan=False),
    InterfaceAddress("lo", "::1", 128, is_lan=False),
    InterfaceAddress("eth0", "192.168.1.7", 24),
    InterfaceAddress("eth0", "fd00::7", 64),
    InterfaceAddress("eth0", "fe80::7", 64),
    InterfaceAddress("wlan0", "10.0.0.7", 8),
    InterfaceAddress("docker0", "172.17.0.1", 16),
    InterfaceAddress("docker0", "fe80::d", 64),
    InterfaceAddress("wg0", "10.9.0.1", 24, is_lan=False),
    InterfaceAddress("tun0", "10.8.0.1", 24),
    InterfaceAddress("gone0", "192.168.9.9", 24),
]


def all_are_let_in(host: str) -> bool:
    return True


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> list[InterfaceAddress]:
    """The addresses that the system lists; all of IPv6 are ready."""
    found = list(LISTED)

    def index_of(name: str) -> int:
        if name not in INDEXES:
            raise OSError("no interface with this name")
        return INDEXES[name]

    monkeypatch.setattr(network, "interface_addresses", lambda: list(found))
    monkeypatch.setattr(network, "_is_ready", lambda address, index: True)
    monkeypatch.setattr(socket, "if_nametoindex", index_of)
    return found


class TestTheSide:
    def test_neither_bridges_nor_tunnels_nor_loopback(self) -> None:
        assert lan_side(DUAL, all_are_let_in) == LanSide(
            ("192.168.1.7", "10.0.0.7", "fd00::7"), ("192.168.1.7", 2, "10.0.0.7")
        )
        assert lan_interfaces() == ("192.168.1.7", 2, "10.0.0.7")

    def test_a_server_for_ipv4_has_no_other_addresses(self) -> None:
        assert lan_side(IPV4, all_are_let_in).addresses == ("192.168.1.7", "10.0.0.7")

    def test_a_server_at_one_address_is_announced_there_alone(self) -> None:
        side = lan_side(("192.168.1.7", 8000), all_are_let_in)
        assert side == LanSide(("192.168.1.7",), ("192.168.1.7", 2))

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "172.17.0.1", "10.9.0.1", "10.8.0.1"])
    def test_one_that_the_lan_cannot_reach_is_not(self, host: str) -> None:
        assert lan_side((host, 8000), all_are_let_in) == LanSide()

    def test_an_address_near_which_nobody_is_served_is_not(self) -> None:
        side = lan_side(DUAL, lambda host: host != "10.0.0.7")
        assert side == LanSide(("192.168.1.7", "fd00::7"), ("192.168.1.7", 2))

    def test_a_machine_without_a_network_has_none(self, listed: list[InterfaceAddress]) -> None:
        del listed[2:]
        assert lan_side(DUAL, all_are_let_in) == LanSide()

    def test_an_address_that_is_not_ready_comes_later(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(network, "_is_ready", lambda address, index: ":" not in address)
        side = lan_side(DUAL, all_are_let_in)
        assert side == LanSide(("192.168.1.7", "10.0.0.7"), ("192.168.1.7", "10.0.0.7"))


def test_the_networks_that_are_near(listed: list[InterfaceAddress]) -> None:
    listed.append(InterfaceAddress("eth0", "192.168.2.7"))  # whose network is not known
    assert [str(it) for it in lan_networks()] == [
        "192.168.1.0/24",
        "fd00::/64",
        "fe80::/64",
        "10.0.0.0/8",
    ]


def test_all_addresses_are_our_own() -> None:
    assert {"127.0.0.1", "172.17.0.1", "10.8.0.1", "192.168.1.7"} <= own_addresses()


def test_the_real_ones_are_read() -> None:
    # Whatever this machine has, that is no error, and nothing of it is loopback.
    for address in network.lan_side(DUAL, all_are_let_in).addresses:
        assert not ipaddress.ip_address(address).is_loopback


def test_an_address_of_ipv6_that_is_not_ours_is_not_ready() -> None:
    assert network.__dict__["_is_ready"]("192.0.2.1", 1)


class TestWindows:
    """There the system lists nothing, and a package does that comes with the library."""

    ADAPTERS = (
        ("Intel(R) Wi-Fi 6", 7, [("192.168.1.7", 24), (("fd00::7", 0, 0), 64)]),
        ("Software Loopback Interface 1", 1, [("127.0.0.1", 8)]),
        ("Hyper-V Virtual Ethernet Adapter", 9, [("172.28.0.1", 20)]),
        ("TAP-Windows Adapter V9", 10, [("10.8.0.1", 24)]),
        ("WireGuard Tunnel", 11, [("10.9.0.1", 24)]),
    )

    def adapters(self) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(
                nice_name=name,
                index=index,
                ips=[SimpleNamespace(ip=ip, network_prefix=prefix) for ip, prefix in ips],
            )
            for name, index, ips in self.ADAPTERS
        ]

    def test_bridges_and_tunnels_are_known_by_their_names(
        self, listed: list[InterfaceAddress], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed.clear()
        monkeypatch.setitem(sys.modules, "ifaddr", SimpleNamespace(get_adapters=self.adapters))
        side = lan_side(DUAL, all_are_let_in)
        assert side == LanSide(("192.168.1.7", "fd00::7"), ("192.168.1.7", 7))

    def test_without_the_package_there_is_no_lan(
        self, listed: list[InterfaceAddress], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listed.clear()
        monkeypatch.setitem(sys.modules, "ifaddr", None)
        assert lan_side(DUAL, all_are_let_in) == LanSide()
