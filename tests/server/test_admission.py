"""Which clients may come in, as clients of a running server see it."""

from contextlib import closing
from dataclasses import replace

import pytest

from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from threadchat.access.limits import Limits, parse_allowed
from threadchat.server.admission import Admission
from threadchat.storage.records import Records
from threadchat.testing import UNLIMITED


def test_who_is_not_served_is_closed_without_a_byte_and_counted() -> None:
    limits = replace(UNLIMITED, allowed=parse_allowed(["192.0.2.0/24"]))
    with run_server(limits=limits) as (server, console):
        for _ in range(3):
            with Client(server) as stranger:
                assert stranger.expect_end() == ""
        wait_until(lambda: server.stats().strangers == 3, "all are counted")
        (trouble,) = console.troubles
        assert trouble.startswith("127.0.0.1 was not let in, as it is not on the LAN")
        console.troubles.clear()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.168.1.7", "fe80::1", "fd00::7"])
def test_by_default_the_lan_is_served(host: str) -> None:
    with closing(Records(None)) as records:
        gate = Admission(Limits(), records, Clock(), lambda words: None)
        assert not gate.is_stranger(host)
        assert gate.is_stranger("203.0.113.7")
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
