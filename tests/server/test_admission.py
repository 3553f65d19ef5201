"""Which clients may come in, as clients of a running server see it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from threadchat.access.limits import LAN, Limits, parse_allowed
from threadchat.chat.rules import RulesFiles
from threadchat.handlers.handler import ClientHandler
from threadchat.server.admission import Admission
from threadchat.server.chatserver import ChatServer
from threadchat.storage.records import Records
from threadchat.testing import UNLIMITED

NOT_SERVED = (
    "!!! This server does not serve your address, {}. Ask the person who runs it to allow that.\r\n"
)


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that has clients come from another address, to an address of ours."""

    def come(host: str, reached: str) -> None:
        def process(self: ChatServer, request: Any, _address: Any) -> None:
            self.admit(request, (host, 50123, 0, 0), ClientHandler, (host, reached))

        monkeypatch.setattr(ChatServer, "process_request", process)

    return come


def test_a_client_that_is_not_served_reads_why_and_is_counted() -> None:
    limits = replace(UNLIMITED, allowed=parse_allowed(["192.0.2.0/24"]))
    with run_server(limits=limits) as (server, console):
        for _ in range(3):
            with Client(server) as stranger:
                assert stranger.expect_end() == NOT_SERVED.format("127.0.0.1")
        wait_until(lambda: server.stats().strangers == 3, "all are counted")
        (trouble,) = console.troubles
        assert trouble.startswith("127.0.0.1 was not let in, as it is not on the LAN")
        console.troubles.clear()


def test_a_neighbour_with_a_global_ipv6_address_is_served(
    far_away: Callable[[str, str], None],
) -> None:
    limits = replace(UNLIMITED, allowed=LAN, max_per_address=1)
    far_away("2001:db8:1:2::8", "2001:db8:1:2::7")
    with run_server(limits=limits) as (server, _), Client(server, "al"):
        far_away("2001:db8:1:2::9", "2001:db8:1:2::7")
        with Client(server, "bo") as bo:
            bo.type("/quit")
            bo.expect_end()
        with Client(server, "bo"):  # the place of its own is free again
            pass


@pytest.mark.parametrize(
    ("host", "reached"),
    [("2001:db8:1:3::8", "2001:db8:1:2::7"), ("203.0.113.7", "203.0.113.7")],
)
def test_a_client_from_another_network_is_not(
    far_away: Callable[[str, str], None], host: str, reached: str
) -> None:
    far_away(host, reached)
    with (
        run_server(limits=replace(UNLIMITED, allowed=LAN)) as (server, console),
        Client(server) as stranger,
    ):
        assert stranger.expect_end() == NOT_SERVED.format(host)
        assert len(console.troubles) == 1
        console.troubles.clear()


def test_a_wrong_password_does_not_slow_down_a_neighbour(
    far_away: Callable[[str, str], None], tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    far_away("2001:db8:1:2::8", "2001:db8:1:2::7")
    files = RulesFiles(password=file)
    with run_server(files=files, clock=Clock()) as (server, _), Client(server) as guesser:
        guesser.expect("Password: ")
        guesser.type("wrong")
        guesser.expect("That is not it.")
        far_away("2001:db8:1:2::9", "2001:db8:1:2::7")
        with Client(server) as neighbour:
            neighbour.expect("Password: ")
            neighbour.type("open sesame")
            neighbour.expect("Your name: ")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.168.1.7", "fe80::1", "fd00::7"])
def test_by_default_the_lan_is_served(host: str) -> None:
    with closing(Records(None)) as records:
        gate = Admission(Limits(), records, Clock(), lambda words: None)
        assert gate.refuse_stranger(host, "::") is None
        assert gate.refuse_stranger("203.0.113.7", "::")
        assert gate.strangers == 1


def test_one_address_has_so_many_connections_at_once() -> None:
    limits = replace(UNLIMITED, max_per_address=2)
    with (
        run_server(limits=limits) as (server, console),
        Client(server, "al"),
        Client(server, "bo") as bo,
    ):
        with Client(server) as third:
            assert third.expect_end() == (
                "!!! Too many connections from your address: at most 2 at once."
                " Close one first.\r\n"
            )
        bo.type("/quit")
        bo.expect_end()
        # The place is free as soon as the goodbye is all that is left to say.
        with Client(server, "cy"):
            pass
    assert console.file.getvalue().count("client refused") == 1


def test_one_address_connects_so_often_in_a_minute() -> None:
    clock = Clock()
    with run_server(limits=replace(UNLIMITED, max_connects=2), clock=clock) as (server, _):
        for _ in range(2):
            with Client(server) as client:
                client.expect("Your name: ")
        with Client(server) as third:
            assert third.expect_end().startswith("!!! Too many new connections from your address")
        clock.now += 61
        with Client(server) as client:
            client.expect("Your name: ")
