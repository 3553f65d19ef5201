"""Where a link goes, as an operator writes it."""

from typing import Any

import pytest
from redis import connection

from threadchat.link.address import EXAMPLE, BadLink, LinkAddress, parse_link

parse_url: Any = connection.parse_url


def test_the_example_is_one() -> None:
    url = "redis://127.0.0.1:6379/0"
    assert parse_link(EXAMPLE) == LinkAddress(url, "office", EXAMPLE)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("redis://host#Office", "redis://host"),
        ("rediss://host:7000/3#office", "rediss://host:7000/3"),
        ("redis://[fd00::1]:6379/0#office", "redis://[fd00::1]:6379/0"),
        ("unix:///run/redis.sock#office", "unix:///run/redis.sock"),
    ],
)
def test_what_the_client_is_given(text: str, url: str) -> None:
    address = parse_link(text)
    assert (address.url, address.cluster) == (url, "office")
    parse_url(address.url)


def test_a_password_is_not_shown() -> None:
    address = parse_link("redis://al:s%40crt@host:1/0#x")
    assert address.shown == "redis://host:1/0#x"
    assert parse_url(address.url)["password"] == "s@crt"


def test_a_password_may_come_from_elsewhere() -> None:
    address = parse_link("redis://al@host:1/0#x", "s@:/#crt")
    found = parse_url(address.url)
    assert (found["username"], found["password"], found["host"]) == ("al", "s@:/#crt", "host")
    assert "crt" not in address.shown
    found = parse_url(parse_link("redis://host#x", "secret").url)
    assert (found["password"], found.get("username")) == ("secret", None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it begins with redis://"),
        ("office", "it begins with redis://"),
        ("http://host#x", "it begins with redis://"),
        ("redis://#x", "it needs the name or the address"),
        ("redis://host", "it needs a name behind a #"),
        ("redis://host/0#", "it needs a name behind a #"),
        ("redis://host/zero#x", "the database behind the port is a number"),
        ("redis://host:0/0#x", "the port is a number from 1"),
        ("redis://host:99999/0#x", "the machine or the port behind it cannot be read"),
        ("redis://host:secret/0#x", "the machine or the port behind it cannot be read"),
        ("redis://[host/0#x", "the machine or the port behind it cannot be read"),
        ("redis://host/0?db=1#x", "it takes no options"),
        ("unix://#x", "unix:// needs the path"),
        ("redis://host/0#a b", "the servers cannot be called that"),
        ("redis://host/0#{x}", "the servers cannot be called that"),
    ],
)
def test_what_is_no_link_is_told_in_one_line(text: str, why: str) -> None:
    with pytest.raises(BadLink) as found:
        parse_link(text)
    assert str(found.value).startswith(f"that is no link: {why}")
    assert str(found.value).endswith(EXAMPLE)
    assert "\n" not in str(found.value)
    assert "secret" not in str(found.value)


def test_one_password_is_enough() -> None:
    with pytest.raises(BadLink, match="leave out one of them"):
        parse_link("redis://:one@host/0#x", "two")
