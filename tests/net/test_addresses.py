"""Addresses as people write them, and those of this machine."""

import ipaddress
import socket
import sys

import pytest

from threadchat.net import addresses, interfaces
from threadchat.net.addresses import (
    address_of,
    hosts_to_announce,
    is_for_this_machine_only,
    is_neighbour,
    lan_addresses,
    network_of,
    only_address,
    plain_host,
    reached_address,
    show_address,
    urls,
    ways_by_name,
    ways_in,
)
from threadchat.net.interfaces import InterfaceAddress


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


class Asked:
    """What the ways of asking find, for a machine that a test makes up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.route: list[str] = []
        self.interfaces: list[InterfaceAddress] = []
        self.names: list[str] = []
        monkeypatch.setattr(addresses, "_by_route", lambda: iter(self.route))
        monkeypatch.setattr(addresses, "_by_name", lambda: iter(self.names))
        monkeypatch.setattr(interfaces, "interface_addresses", lambda: self.interfaces)

    def on(self, interface: str, *texts: str) -> None:
        self.interfaces += [InterfaceAddress(interface, text) for text in texts]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def found() -> list[str]:
    return list(map(str, lan_addresses()))


def found_by_name() -> list[str]:
    lines = ways_by_name(("::", 1, 0, 0))
    return [line.split()[1] for line in lines if line.startswith("nc ")]


class TestLanAddresses:
    def test_there_may_be_none(self, asked: Asked) -> None:
        assert found() == []

    def test_routes_and_interfaces_are_asked(self, asked: Asked) -> None:
        asked.route = ["192.168.1.7"]
        asked.on("eth1", "10.0.0.7", "fd00::7")
        assert found() == ["192.168.1.7", "10.0.0.7", "fd00::7"]

    def test_no_name_is_looked_up(self, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise AssertionError("a name is looked up")

        for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "getfqdn", "getnameinfo"):
            monkeypatch.setattr(socket, name, fail)
        asked.on("eth0", "192.168.1.7")
        assert ways_in(("::", 1, 0, 0)) == ["telnet 192.168.1.7 1", "nc 192.168.1.7 1"]

    def test_each_address_is_named_once(self, asked: Asked) -> None:
        asked.route = ["192.168.1.7"]
        asked.on("eth0", "192.168.1.7", "192.168.1.7")
        assert found() == ["192.168.1.7"]

    def test_the_likeliest_ipv4_address_comes_first(self, asked: Asked) -> None:
        asked.route = ["192.168.1.7", "fd00::7"]
        asked.on("eth0", "10.0.0.7")
        assert found() == ["192.168.1.7", "10.0.0.7", "fd00::7"]

    def test_one_ipv6_address_of_each_network_is_enough(self, asked: Asked) -> None:
        asked.route = ["2001:db8:1:2::7"]
        asked.on("eth0", "2001:db8:1:2::8", "fd00::7", "2001:db8:1:2:a:b:c:d", "fd00::8")
        assert found() == ["2001:db8:1:2::7", "fd00::7"]

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "127.0.1.1",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
        ],
    )
    def test_what_others_cannot_reach_is_left_out(self, address: str, asked: Asked) -> None:
        asked.on("eth0", address)
        asked.names = [address]
        assert found() == found_by_name() == []

    def test_a_link_local_address_is_better_than_none(self, asked: Asked) -> None:
        asked.on("lo", "127.0.0.1", "::1")
        asked.on("eth0", "169.254.3.4", "fe80::1")
        assert ways_in(("::", 1, 0, 0)) == ["telnet 169.254.3.4 1", "nc 169.254.3.4 1"]
        asked.on("eth0", "fd00::7")
        assert found() == ["169.254.3.4", "fd00::7"]

    def test_a_link_local_address_beside_another_is_left_out(self, asked: Asked) -> None:
        asked.on("eth0", "169.254.3.4", "192.168.1.7")
        asked.names = ["169.254.3.4", "169.254.3.5"]
        assert found() == ["192.168.1.7"]
        assert found_by_name() == []

    def test_bridges_inside_this_machine_are_left_out(self, asked: Asked) -> None:
        asked.on("eth0", "192.168.1.7")
        asked.on("docker0", "172.17.0.1", "fd17::1", "169.254.1.1")
        assert found() == ["192.168.1.7"]

    def test_a_python_without_ctypes_asks_the_routes(
        self, asked: Asked, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "threadchat.net.interfaces", None)
        asked.route = ["192.168.1.7"]
        assert found() == ["192.168.1.7"]


class TestWaysByName:
    def test_they_are_those_that_nothing_else_tells(self, asked: Asked) -> None:
        asked.route = ["192.168.1.7"]
        asked.names = ["127.0.1.1", "192.168.1.7", "192.168.1.8", "fd00::8", "fd00::9"]
        assert ways_by_name(("::", 4000, 0, 0)) == [
            "telnet 192.168.1.8 4000",
            "nc 192.168.1.8 4000",
            "telnet fd00::8 4000",
            "nc fd00::8 4000",
        ]

    def test_a_bridge_does_not_come_back_by_name(self, asked: Asked) -> None:
        asked.on("docker0", "172.17.0.1", "fd17::1")
        asked.names = ["172.17.0.1", "fd17::1", "192.168.1.7"]
        assert found_by_name() == ["192.168.1.7"]

    def test_those_are_left_out_near_which_nobody_is_served(self, asked: Asked) -> None:
        asked.names = ["192.168.1.7", "203.0.113.7"]
        lines = ways_by_name(("::", 1, 0, 0), lambda host: host != "203.0.113.7")
        assert lines == ["telnet 192.168.1.7 1", "nc 192.168.1.7 1"]

    def test_a_server_for_ipv4_has_no_ipv6_address(self, asked: Asked) -> None:
        asked.names = ["192.168.1.7", "fd00::7"]
        assert ways_by_name(("0.0.0.0", 1)) == ["telnet 192.168.1.7 1", "nc 192.168.1.7 1"]

    def test_a_server_for_one_address_has_no_other(self, asked: Asked) -> None:
        asked.names = ["192.168.1.7"]
        assert ways_by_name(("192.168.1.9", 1)) == []


class TestWaysToAsk:
    def test_asking_this_machine_finds_only_what_others_can_reach(self) -> None:
        assert not [one for one in lan_addresses() if one.is_loopback]

    def test_the_name_of_this_machine_is_looked_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def look_up(name: str, _port: None) -> list[tuple[object, ...]]:
            assert name == socket.gethostname()
            return [(0, 0, 0, "", ("192.168.1.7", 0)), (0, 0, 0, "", ("fd00::7", 0, 0, 0))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        assert list(addresses._by_name()) == ["192.168.1.7", "fd00::7"]

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


class TestNetworks:
    @pytest.mark.parametrize(
        ("text", "network"),
        [
            ("10.0.0.7/8", "10.0.0.0/8"),
            ("10.0.0.7", "10.0.0.7/32"),
            ("::ffff:10.0.0.7/104", "10.0.0.0/8"),
            ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
            ("::/80", "::/80"),
            ("fd00::1/64", "fd00::/64"),
        ],
    )
    def test_one_is_written_with_any_of_its_addresses(self, text: str, network: str) -> None:
        assert str(network_of(text)) == network

    @pytest.mark.parametrize(
        ("host", "address"),
        [
            ("[fe80::1%eth0]:8000", "fe80::1"),
            ("192.0.2.1:8000", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::1]", "::1"),
        ],
    )
    def test_an_address_is_read_from_the_form_of_the_log(self, host: str, address: str) -> None:
        assert str(address_of(host)) == address

    @pytest.mark.parametrize("text", ["", "somebody", "10.0.0.1.2", "10.0.0.1/33"])
    def test_what_is_none_is_an_error(self, text: str) -> None:
        for read in (network_of, address_of):
            with pytest.raises(ValueError, match=r"does not appear to be"):
                read(text)


@pytest.mark.parametrize(
    ("host", "reached", "is_so"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::2", False),
        ("2001:db8:0:0:ffff::1", "2001:db8::2", True),
        ("fd00::1", "fd00::2", False),  # such addresses are let in as private ones
        ("2001:0:1::1", "2001:0:1::2", False),  # of a tunnel
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "2001:db8::2", False),
        ("2001:db8::1", "192.0.2.2", False),
    ],
)
def test_who_is_a_neighbour(host: str, reached: str, is_so: bool) -> None:
    assert is_neighbour(host, reached) is is_so


@pytest.mark.parametrize(
    ("bound_to", "address"),
    [
        (("127.0.0.1", 8000), "127.0.0.1"),
        (("fd00::1", 8000, 0, 0), "fd00::1"),
        (("fe80::1%eth0", 8000, 0, 2), "fe80::1%eth0"),
        (("::ffff:192.0.2.1", 8000, 0, 0), "192.0.2.1"),
        (("0.0.0.0", 8000), ""),
        (("::", 8000, 0, 0), ""),
        (("::ffff:0.0.0.0", 8000, 0, 0), ""),
    ],
)
def test_where_a_server_is_reached_at_one_address_only(
    bound_to: tuple[object, ...], address: str
) -> None:
    assert only_address(bound_to) == address


def test_the_address_that_was_reached_is_one_object_for_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as one:
            first = reached_address(one)
            assert (first, reached_address(one)) == ("127.0.0.1", first)
            assert reached_address(one) is first
        assert reached_address(one) == "::"


@pytest.mark.parametrize(
    ("host", "is_it"), [("127.0.0.1", True), ("::1", True), ("::", False), ("192.168.1.7", False)]
)
def test_who_can_reach_it(host: str, is_it: bool) -> None:
    assert is_for_this_machine_only((host, 8000)) is is_it


def test_of_many_addresses_people_are_told_the_first_of_each_family(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = [f"10.0.{it}.7" for it in range(50)] + [f"fd00:{it}::7" for it in range(1, 50)]
    monkeypatch.setattr(addresses, "lan_addresses", lambda: list(map(ipaddress.ip_address, ours)))
    first = [*ours[:8], *ours[50:58]]
    assert hosts_to_announce(("::", 1), lambda host: True, ours) == first
    assert [it.split()[1] for it in ways_in(("::", 1))[::2]] == first
    assert len(urls(("::", 1))) == len(first)
    # Those at which nobody is served do not count.
    assert ways_in(("0.0.0.0", 1), lambda host: host == ours[40])[:1] == [f"telnet {ours[40]} 1"]


def test_what_is_announced_of_our_addresses() -> None:
    ours = ["192.168.1.7", "169.254.1.1", "fe80::7", "fd00::7", "fd00::8", "127.0.0.1"]
    assert hosts_to_announce(("::", 1), lambda host: True, ours) == ["192.168.1.7", "fd00::7"]
    assert hosts_to_announce(("0.0.0.0", 1), lambda host: True, ours) == ["192.168.1.7"]
    assert hosts_to_announce(("fd00::8", 1), lambda host: True, ours) == ["fd00::8"]
    assert hosts_to_announce(("127.0.0.1", 1), lambda host: True, ours) == []
    # Two machines with no more than these reach each other by them.
    assert hosts_to_announce(("::", 1), lambda host: True, ours[1:3]) == ["169.254.1.1"]
