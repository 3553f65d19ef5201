"""By which names and from which pages browsers may use the server."""

import pytest

from threadchat.web.guards import Guard, is_from_a_page
from threadchat.web.http import Request

GUARD = Guard(["Desk", "chat.example.org"])


def request(*headers: tuple[str, str]) -> Request:
    return Request("GET", "/ws", "", headers)


@pytest.mark.parametrize(
    "host",
    [
        "192.168.1.7:8080",
        "192.168.1.7",
        "localhost:8080",
        "LOCALHOST",
        "desk",
        "DESK:8080",
        "desk.local:8080",
        "desk.local.",
        "chat.example.org:8080",
    ],
)
def test_a_name_or_address_of_its_own_is_right(host: str) -> None:
    assert GUARD.is_own_host(request(("host", host)), "192.168.1.7")


def test_a_name_that_was_found_later_is_right_from_then_on() -> None:
    guard = Guard(["desk"])
    named = request(("host", "Threadchat.LOCAL:8080"))
    assert not guard.is_own_host(named, "192.168.1.7")
    guard.found_names = frozenset(["threadchat.local"])
    assert guard.is_own_host(named, "192.168.1.7")
    assert guard.is_own_host(request(("host", "desk")), "192.168.1.7")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "192.168.1.8:8080",
        "127.0.0.1:8080",
        "desk.evil.example",
        "chat.example.org.local",
        "desk.local@evil.example",
        "evil.example/desk",
        "desk:80:80",
        "desk:123456",
        "desk:65536",
        "desk..",
        "desk:",
        "al@desk",
        "desk,evil.example",
        "desk evil.example",
        "evil.desk",
        ".desk",
        "[192.168.1.7]",
        "192.168.1.7.evil.example",
        "0xc0.168.1.7",
        "192.168.263",
        "[::192.168.1.7]",
        "[fe80::1%25eth0]",
        "１９２.168.1.7",
        "[::1]",
        "3232235783",
        " desk",
    ],
)
def test_another_is_not(host: str) -> None:
    assert not GUARD.is_own_host(request(("host", host)), "192.168.1.7")


def test_two_hosts_are_none() -> None:
    assert not GUARD.is_own_host(request(("host", "desk"), ("host", "desk")), "192.168.1.7")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("[fd00::7]:8080", "fd00::7"),
        ("[FD00:0:0::7]", "fd00::7"),
        ("[::ffff:192.168.1.7]:1", "192.168.1.7"),
        ("[fe80::1]", "fe80::1%eth0"),
    ],
)
def test_ipv6_addresses_may_be_written_in_any_way(host: str, address: str) -> None:
    assert GUARD.is_own_host(request(("host", host)), address)


def test_an_address_that_the_operator_gave_is_right_too() -> None:
    # That of the machine around a container, say.
    guard = Guard(["192.168.1.7"])
    assert guard.is_own_host(request(("host", "192.168.1.7:8080")), "172.17.0.2")
    assert not guard.is_own_host(request(("host", "192.168.1.8:8080")), "172.17.0.2")


HOST = ("host", "desk:8080")


def test_a_page_of_its_own_may_upgrade() -> None:
    assert GUARD.is_own_origin(request(HOST, ("origin", "http://desk:8080")), "http")
    assert GUARD.is_own_origin(request(HOST, ("origin", "https://desk:8080")), "https")


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "https://desk:8080",
        "http://desk",
        "http://desk:8080/",
        "http://desk:8081",
        "HTTP://desk:8080",
        "http://desk.:8080",
        "http://al@desk:8080",
        "http://desk:8080 http://evil.example",
        "file://",
        "chrome-extension://desk:8080",
    ],
)
def test_another_page_may_not(origin: str) -> None:
    assert not GUARD.is_own_origin(request(HOST, ("origin", origin)), "http")


def test_without_an_origin_only_a_program_may() -> None:
    assert GUARD.is_own_origin(request(HOST), "http")
    assert not GUARD.is_own_origin(request(HOST, ("sec-fetch-mode", "websocket")), "http")


NODE = [("sec-fetch-mode", "cors"), ("user-agent", "node")]


@pytest.mark.parametrize(
    ("headers", "is_page"),
    [
        ([], False),
        ([("user-agent", "curl/8.5.0"), ("accept", "*/*")], False),
        (NODE, False),
        ([*NODE, ("sec-fetch-site", "cross-site")], True),
        ([*NODE, ("origin", "http://desk:8080")], True),
        ([("origin", "http://desk:8080")], True),
        ([("origin", "null")], True),
        ([("sec-fetch-site", "same-origin")], True),
        ([("sec-fetch-mode", "no-cors"), ("user-agent", "Mozilla/5.0")], True),
    ],
)
def test_a_page_is_known_by_what_browsers_say(
    headers: list[tuple[str, str]], is_page: bool
) -> None:
    assert is_from_a_page(request(HOST, *headers)) == is_page


def test_a_program_in_node_may_too_though_it_says_a_little_of_what_browsers_say() -> None:
    mode, node = ("sec-fetch-mode", "websocket"), ("user-agent", "node")
    assert GUARD.is_own_origin(request(HOST, mode, node), "http")
    site = ("sec-fetch-site", "cross-site")
    assert not GUARD.is_own_origin(request(HOST, mode, site, node), "http")
    assert not GUARD.is_own_origin(request(HOST, mode, ("user-agent", "Mozilla/5.0")), "http")
    evil = ("origin", "http://evil.example")
    assert not GUARD.is_own_origin(request(HOST, mode, node, evil), "http")


def test_two_origins_are_none() -> None:
    right = ("origin", "http://desk:8080")
    assert not GUARD.is_own_origin(request(HOST, right, right), "http")
