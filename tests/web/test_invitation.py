"""The picture by which people bring in others: its address, and its code."""

import re
import sys
from xml.etree import ElementTree

import pytest

from threadchat.text.qrcode import qr_modules
from threadchat.web.invitation import address_for_others, invitation

LAN = ["http://192.168.1.7:8080/", "http://10.0.0.5:8080/"]


@pytest.mark.parametrize(
    ("host", "scheme", "reached", "wanted"),
    [
        ("192.168.1.7:8080", "http", "192.168.1.7", "http://192.168.1.7:8080/"),
        ("desk.local:8080", "https", "192.168.1.7", "https://desk.local:8080/"),
        ("[fe80::1]:8080", "http", "fe80::1%eth0", "http://[fe80::1]:8080/"),
        ("localhost:8080", "http", "127.0.0.1", LAN[0]),
        ("[::1]:8080", "http", "::1", LAN[0]),
    ],
)
def test_others_open_the_same_page_unless_only_this_machine_can(
    host: str, scheme: str, reached: str, wanted: str
) -> None:
    assert address_for_others(host, scheme, reached, lambda: LAN) == wanted


def test_without_a_network_the_address_is_that_of_this_machine() -> None:
    assert address_for_others("localhost:80", "http", "::1", list) == "http://localhost:80/"


@pytest.mark.parametrize("url", [LAN[0], "https://a-rather-long-name.example.org:8080/"])
def test_the_picture_has_the_dark_modules_and_the_address(url: str) -> None:
    response = invitation(url)
    assert dict(response.headers)["Content-Type"] == "image/svg+xml"
    path, text = response.body.decode().split("<path d=")[1].split("<text")
    dark = set()
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path):
        dark |= {(int(x) + step, int(y)) for step in range(int(length))}
    rows = qr_modules(url)
    assert rows is not None
    assert dark == {(x, y) for y, row in enumerate(rows) for x, it in enumerate(row) if it}
    assert f">{url}</text>" in text


def test_an_address_cannot_mark_up_the_picture() -> None:
    root = ElementTree.fromstring(invitation("http://a<b>&\"'/").body)
    assert root[-1].text == "http://a<b>&\"'/"


def test_without_the_package_the_address_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    assert ElementTree.fromstring(invitation(LAN[0]).body)[-1].text == LAN[0]
