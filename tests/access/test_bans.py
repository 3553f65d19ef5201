"""Test which clients a ban keeps out, how long it lasts, and how it is shown."""

import re
import time
from ipaddress import ip_address, ip_network

import pytest

from threadchat.access.bans import (
    BadBan,
    Ban,
    Target,
    key_of,
    parse_ban,
    parse_target,
    show_target,
)
from threadchat.net.addresses import address_of

NOW = time.mktime((2026, 11, 23, 14, 2, 0, 0, 0, -1))


class TestTarget:
    @pytest.mark.parametrize(
        ("text", "network"),
        [
            ("192.168.1.7", "192.168.1.7/32"),
            (" 192.168.1.7 ", "192.168.1.7/32"),
            ("192.168.1.7/24", "192.168.1.0/24"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("FD00::1", "fd00::1/128"),
            ("fd00::1/8", "fd00::/8"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("::ffff:a00:1", "10.0.0.1/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
            ("::/0", "::/0"),
            ("fe80::1%eth0", "fe80::1/128"),
            ("fe80::1%eth0/64", "fe80::/64"),
            # As the log shows them.
            ("192.168.1.7:51234", "192.168.1.7/32"),
            ("[fd00::1]:51234", "fd00::1/128"),
            ("[fe80::1%eth0]:51234", "fe80::1/128"),
            ("[fd00::1]", "fd00::1/128"),
        ],
    )
    def test_an_address_or_a_network(self, text: str, network: str) -> None:
        assert parse_target(text) == ip_network(network)

    @pytest.mark.parametrize(("text", "name"), [("Al", "Al"), (" al ", "al"), ("ﬁn", "fin")])
    def test_a_name(self, text: str, name: str) -> None:
        assert parse_target(text) == name

    @pytest.mark.parametrize(
        "text",
        [
            *(
                "300.1.1.1",
                "10.0.0",
                "1.2.3.4.",
                "010.1.1.1",
                "1.2.3.4/" + "9" * 5000,
                "1.2.3.4/-1",
            ),
            *(
                "127.77",
                "10.",
                "1.2.3.4.5",
                "10.1.*",
                "192.168.1.x",
                "10.0.0.1-9",
                "10.0.0.1-10.0.0.9",
            ),
            *("0x7f.1", "0x7f000001", "１２７.７７", "10..1", "2130706433"),
            *("10-0-0-1", "10_0_0_1", "localhost", "fe80", "FD00"),
            *("10.0.0.0/33", "10/8", "al/8", "fd00:::1", "[al]:1", "al%eth0", ":", "/"),
        ],
    )
    def test_what_is_meant_for_an_address_is_no_name(self, text: str) -> None:
        with pytest.raises(BadBan, match="is no address or network") as caught:
            parse_target(text)
        assert len(str(caught.value)) < 250

    @pytest.mark.parametrize(
        ("text", "network"),
        [
            ("127.77", "127.77.0.0/16"),
            ("10.", "10.0.0.0/8"),
            ("10.*", "10.0.0.0/8"),
            ("10.*.*.*", "10.0.0.0/8"),
            ("192.168.1.x", "192.168.1.0/24"),
            ("192.168.1", "192.168.1.0/24"),
        ],
    )
    def test_a_part_of_an_address_is_asked_about(self, text: str, network: str) -> None:
        with pytest.raises(BadBan, match=re.escape(f"Did you mean {network}?")):
            parse_target(text)

    @pytest.mark.parametrize("text", ["300.1", "10.0.0.1-9", "0x7f.1", "1.2.3.4.5", "al/8"])
    def test_nothing_is_guessed(self, text: str) -> None:
        with pytest.raises(BadBan) as caught:
            parse_target(text)
        assert "Did you mean" not in str(caught.value)

    def test_a_name_that_looks_like_an_address_is_in_quotes(self) -> None:
        with pytest.raises(BadBan, match=r'For the name, write "127\.77" in quotes\.$'):
            parse_target("127.77")
        for name in ("127.77", "10.0.0.1", "10.x"):
            assert parse_target(f'"{name}"') == name
            assert show_target(name) == f'"{name}"'
            assert parse_target(show_target(name)) == name
        assert parse_target('"al"') == "al"

    @pytest.mark.parametrize(
        "name",
        [
            "10",
            "007",
            "1234",
            "2026-11-24",
            "fd",
            "fdab",
            "1st.floor",
            "v1.2",
            "0x7f",
            "a.b-c",
            "1.abe",
        ],
    )
    def test_other_names_with_numbers_are_names(self, name: str) -> None:
        assert parse_target(name) == show_target(name) == name

    def test_a_name_in_quotes_may_be_bad(self) -> None:
        with pytest.raises(BadBan, match="Nobody can be called that"):
            parse_target('""')

    @pytest.mark.parametrize("text", ["", "a b", "-al", "who", "x" * 21])
    def test_what_nobody_can_be_called(self, text: str) -> None:
        with pytest.raises(BadBan, match="Nobody can be called that"):
            parse_target(text)

    def test_it_is_shown_as_people_write_it(self) -> None:
        for text in ("al", "10.0.0.1", "10.0.0.0/8", "fd00::1", "fd00::/8"):
            assert show_target(parse_target(text)) == text

    def test_names_in_any_case_have_one_key_and_others_another(self) -> None:
        assert key_of("Straße") == key_of("STRASSE")
        assert len({*map(key_of, map(parse_target, ["al", "bo", "10.0.0.1", "10.0.0.1/31"]))}) == 4


class TestAddress:
    @pytest.mark.parametrize(
        ("host", "address"),
        [
            ("10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fd00::1]", "fd00::1"),
            ("10.0.0.1:4000", "10.0.0.1"),
        ],
    )
    def test_of_a_connection(self, host: str, address: str) -> None:
        assert address_of(host) == ip_address(address)

    @pytest.mark.parametrize("host", ["", "[]", "localhost", "10.0.0.0/8"])
    def test_of_something_else(self, host: str) -> None:
        with pytest.raises(ValueError, match="does not appear to be"):
            address_of(host)


@pytest.mark.parametrize(
    ("words", "ban"),
    [
        ("al", ("al", None, "")),
        ("al 2h", ("al", 7200, "")),
        (" al  2h  flooding, again ", ("al", 7200, "flooding, again")),
        ("al flooding 2h", ("al", None, "flooding 2h")),
        ("al 5 minutes be nice", ("al", 300, "be nice")),
        ("al for 2 hours", ("al", 7200, "")),
        ("10.0.0.0/8 1d", (ip_network("10.0.0.0/8"), 86400, "")),
    ],
)
def test_an_order_is_understood(words: str, ban: tuple[Target, float | None, str]) -> None:
    assert parse_ban(words) == ban


@pytest.mark.parametrize(
    "words", ["al 2 many words", "al 5", "al half an hour", "al 5 m. 3rd time"]
)
def test_what_begins_like_a_time_and_is_none_is_no_reason(words: str) -> None:
    with pytest.raises(BadBan, match=r"is no TIME\. .*A reason begins with another word\.$"):
        parse_ban(words)


class TestBan:
    @pytest.mark.parametrize(
        ("ban", "line"),
        [
            (
                Ban(ip_network("10.0.0.0/8"), "operator", "flooding", NOW, NOW + 9000),
                "10.0.0.0/8 by operator since 2026-11-23 14:02 until 16:32 (2 h 30 min more)"
                ": flooding",
            ),
            (Ban(ip_network("10.0.0.1"), "al", "", NOW), "10.0.0.1 by al since 2026-11-23 14:02"),
            (Ban("bo", "al", "rude", NOW), "bo by al since 2026-11-23 14:02: rude"),
        ],
    )
    def test_its_line(self, ban: Ban, line: str) -> None:
        assert ban.line(NOW) == line

    def test_it_ends(self) -> None:
        assert not Ban("al", "op", "", NOW).is_over(NOW + 1e12)
        assert not Ban("al", "op", "", NOW, NOW + 60).is_over(NOW + 59.9)
        assert Ban("al", "op", "", NOW, NOW + 60).is_over(NOW + 60)

    def test_its_network(self) -> None:
        network = ip_network("10.0.0.0/8")
        assert Ban(network, "op", "", NOW).network == network
        assert Ban("al", "op", "", NOW).network is None


class TestWhoIsKeptOut:
    NETWORK = Ban(ip_network("10.0.0.0/8"), "op", "", NOW)
    NAME = Ban("bo", "op", "", NOW, spared=frozenset({"b-o"}))

    @pytest.mark.parametrize(
        ("name", "host", "by_network", "by_name"),
        [
            ("al", "10.1.2.3", True, False),
            ("bo", "192.168.1.7", False, True),
            ("Bo", "192.168.1.7", False, True),
            ("bo.", "192.168.1.7", False, True),
            ("b_o", "192.168.1.7", False, True),
            ("b0", "192.168.1.7", False, True),
            ("b-o", "192.168.1.7", False, False),
            ("bob", "192.168.1.7", False, False),
            ("al", "no address", False, False),
        ],
    )
    def test_it_goes_by_the_name_or_the_address(
        self, name: str, host: str, by_network: bool, by_name: bool
    ) -> None:
        assert self.NETWORK.keeps_out(name, host) is by_network
        assert self.NAME.keeps_out(name, host) is by_name
        assert self.NAME.is_of_name(name) is by_name
        assert not self.NETWORK.is_of_name(name)

    def test_a_network_keeps_out_its_addresses(self) -> None:
        for address, is_in in (("10.0.0.1", True), ("11.0.0.1", False), ("fd00::1", False)):
            assert self.NETWORK.is_of_address(ip_address(address)) is is_in
            assert not self.NAME.is_of_address(ip_address(address))
