"""Which addresses are served."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from threadchat.access.limits import LAN, Allowed, Limits, parse_allowed

HOMES = ["192.168.1.7", "10.0.0.1", "fd00::1", "fe80::1%eth0", "2001:db8::1", "203.0.113.9"]


class TestNeighbours:
    @pytest.mark.parametrize(
        ("host", "reached"),
        [
            ("2001:db8:1:2::9", "2001:db8:1:2::7"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::7"),
            ("2001:db8:1:2::7", "2001:db8:1:2::7"),  # this very machine, by its name
            ("2606:4700:1:2::9%eth0", "2606:4700:1:2::7"),
            ("2002:cb00:7107:1::9", "2002:cb00:7107:1::7"),  # 6to4: a network of one site
        ],
    )
    def test_a_neighbour_with_a_global_ipv6_address_is_on_the_lan(
        self, host: str, reached: str
    ) -> None:
        assert LAN.admits(host, reached)
        assert parse_allowed(["lan"]).admits(host, reached)
        assert (parse_allowed(["10.0.0.0/8"]) + LAN).admits(host, reached)
        assert not parse_allowed(["10.0.0.0/8"]).admits(host, reached)
        assert not LAN.admits(host)

    @pytest.mark.parametrize(
        ("host", "reached"),
        [
            ("2001:db8:1:3::9", "2001:db8:1:2::7"),
            ("2001:db8:1:2::9", "fd00::7"),
            ("2001:db8:1:2::9", "fe80::7%eth0"),
            ("2001:db8:1:2::9", "192.168.1.7"),
            # No public IPv4 ever is, not even this machine's own, however a socket writes it.
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.8", "203.0.113.7"),
            ("::ffff:203.0.113.8", "::ffff:203.0.113.7"),
            ("::203.0.113.8", "::203.0.113.7"),
            ("64:ff9b::203.0.113.8", "64:ff9b::203.0.113.7"),  # all of IPv4, translated (RFC 6052)
            ("2001:0:cb00:7107::8", "2001:0:cb00:7107::7"),  # one Teredo server's clients
            ("fec0::8", "fec0::7"),
        ],
    )
    def test_others_are_not(self, host: str, reached: str) -> None:
        assert not LAN.admits(host, reached)

    def test_a_server_with_a_global_ipv6_address_has_neighbours(self) -> None:
        assert LAN.admits_near("2001:db8:1:2::7")
        assert LAN.admits_near("192.168.1.7")
        assert not LAN.admits_near("203.0.113.7")
        assert not parse_allowed(["192.168.1.0/24"]).admits_near("2001:db8:1:2::7")


class TestAllowed:
    @pytest.mark.parametrize(
        "host",
        [
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.7",
            "127.0.0.1",
            "169.254.3.4",
            "::1",
            "fe80::1%eth0",
            "fd00::7",
            "fc00::1",
            "::ffff:192.168.1.7",
            "::ffff:127.0.0.1",
        ],
    )
    def test_the_lan_is_served(self, host: str) -> None:
        assert parse_allowed(["lan"]).admits(host)

    @pytest.mark.parametrize(
        "host",
        [
            "8.8.8.8",
            "172.15.255.255",
            "172.32.0.0",
            "192.169.0.1",
            "100.64.0.1",  # shared out by carriers: a stranger's
            "192.0.2.1",  # `ipaddress` calls this and the next three private
            "198.18.0.1",
            "0.0.0.0",
            "2001:db8::1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "fec0::1",
        ],
    )
    def test_strangers_are_not(self, host: str) -> None:
        assert not parse_allowed(["lan"]).admits(host)
        assert parse_allowed(["any"]).admits(host)

    @pytest.mark.parametrize(
        "values",
        [
            ["192.168.1.0/24", "2001:db8::/32", "100.64.0.1"],
            ["192.168.1.0/24,2001:db8::/32", " 100.64.0.1 "],
            ["192.168.1.77/24, 2001:DB8::1/32", "::ffff:100.64.0.1"],
            ["192.168.1.0/255.255.255.0", "::ffff:100.64.0.0/127", "2001:db8::/32"],
        ],
    )
    def test_networks_can_be_named_in_many_ways(self, values: Sequence[str]) -> None:
        allowed = parse_allowed(values)
        for host in ("192.168.1.7", "::ffff:192.168.1.7", "2001:db8:5::1", "100.64.0.1"):
            assert allowed.admits(host)
        for host in ("192.168.2.7", "10.0.0.1", "127.0.0.1", "::1", "2001:db9::1", "100.64.0.2"):
            assert not allowed.admits(host)

    def test_one_more_network_comes_on_top_of_the_lan(self) -> None:
        allowed = parse_allowed(["LAN", "100.64.0.0/10"])
        assert allowed.admits("192.168.1.7")
        assert allowed.admits("100.100.1.1")

    @pytest.mark.parametrize(
        "values", [["wan"], [""], [], ["lan,"], ["192.168.1.0/33"], ["300.1.1.1"], ["lan", "a b"]]
    )
    def test_what_is_no_network_gets_a_line(self, values: Sequence[str]) -> None:
        with pytest.raises(
            ValueError, match="is neither lan, any, nor a network such as"
        ) as caught:
            parse_allowed(values)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_clients": 0},
        {"max_per_address": -1},
        {"max_connects": -1},
        {"name_timeout": -1.0},
        {"idle_timeout": math.nan},
        {"flood": (0.0, 2.0)},
        {"flood": (10.0, 0.0)},
        {"flood": (math.nan, 2.0)},
    ],
)
def test_a_number_that_can_be_no_limit_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^[a-z_ ]+ is .*, and must be [0-9.]+ at least$"):
        Limits(**wrong)


def test_the_least_numbers_are_limits() -> None:
    least = Limits(Allowed(()), 1, 0, 0, 0.0, 0.0, (1.0, 0.01))
    assert least.flood == (1.0, 0.01)
    assert Limits(flood=None).flood is None
