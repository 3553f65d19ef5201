"""People on several servers that are one: names, lists, private messages, ignoring."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from tests.support.linkedservers import LinkedServer, linked_servers
from tests.support.redisserver import RedisServer, running_broker
from tests.support.waiting import wait_until
from threadchat.testing import Client

CLUSTERS = count(1)
"""Each test has servers of its own, and they have a name of their own."""


def wait_for_name(server: LinkedServer, name: str) -> None:
    """Wait until `server` knows somebody called `name`."""
    wait_until(lambda: server.server.chat.names.is_here(name), f"{name} is known")


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    with running_broker() as broker:
        yield broker


@pytest.fixture
def pair(broker: RedisServer) -> Iterator[list[LinkedServer]]:
    with linked_servers(broker, cluster=f"c{next(CLUSTERS)}") as servers:
        yield servers


def test_nobody_gets_a_name_that_somebody_has_on_another_server(pair: list[LinkedServer]) -> None:
    one, two = pair
    with ExitStack() as opened:
        opened.enter_context(Client(one.server, "al"))
        wait_for_name(two, "al")
        bo = opened.enter_context(Client(two.server))
        bo.expect("1 person is here: al.")
        bo.type("AL")
        bo.expect("!!! AL is taken, from your own address by another server, since ")
        bo.type("a1")
        bo.expect("!!! a1 looks too much like al, who is here already.")
        bo.type("bo")
        bo.expect("Welcome, bo.")
        bo.type("/nick al")
        bo.expect("You are still bo.")


def test_a_name_is_free_on_all_servers_when_its_owner_has_another_or_is_gone(
    pair: list[LinkedServer],
) -> None:
    one, two = pair
    with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
        al.expect("--> bo joined (2 here)")
        al.type("/nick cy")
        bo.expect("--- al is now cy")
        bo.type("/nick al")
        al.expect("--- bo is now al")
        al.type("/quit")
        bo.expect("<-- cy left")
        bo.type("/nick cy")
        bo.expect("You are now cy.")


def test_lists_tell_of_people_on_all_servers(pair: list[LinkedServer]) -> None:
    one = pair[0]
    with ExitStack() as opened:
        al, bo = (
            opened.enter_context(Client(it.server, name))
            for it, name in zip(pair, ("al", "bo"), strict=True)
        )
        al.expect("--> bo joined (2 here)")
        bo.type("/join games")
        al.expect("<-- bo left")
        wait_until(lambda: one.server.chat.has_room("games"), "the room is known")
        al.type("/rooms")
        al.expect("=== 2 rooms are open. You are in lobby.")
        al.expect("=== games    1")
        al.type("/who games")
        al.expect("=== 1 person is in games: bo.")
        bo.type("/away lunch")
        bo.expect("You are away")
        al.type("/who games")
        al.expect("=== 1 person is in games: bo (away).")
        al.expect("=== bo is away: lunch")
        al.type("/whois bo")
        al.expect("=== bo (away) is in games, on another server, here for")
        al.type("/join games")
        bo.expect("--> al joined (2 here)")
        cy = opened.enter_context(Client(one.server))
        cy.expect("2 people are here: ")
        al.type("/who")
        al.expect("=== 2 people are here: al, bo (away).")


def test_private_messages_and_replies_go_to_people_on_other_servers(
    pair: list[LinkedServer],
) -> None:
    one, two = pair
    with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
        al.expect("--> bo joined")
        al.type("/msg bo hi there")
        al.expect("[you -> bo] hi there")
        bo.expect("[al -> you] hi there")
        al.type("/nick cy")
        bo.expect("--- al is now cy")
        bo.type("/reply hi cy")
        bo.expect("[you -> cy] hi cy")
        al.expect("[bo -> you] hi cy")
        al.type("/quit")
        bo.expect("<-- cy left")
        wait_until(lambda: not two.server.chat.names.is_here("cy"), "cy is gone")
        bo.type("/reply bye")
        bo.expect("!!! al, who wrote to you, is not here any more.")


def test_what_does_not_reach_somebody_on_another_server_any_more_is_told_to_the_sender(
    pair: list[LinkedServer],
) -> None:
    one, two = pair
    with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
        al.expect("--> bo joined")
        recipient = one.server.chat.names.find("bo")
        sender = one.server.chat.names.find("al")
        bo.type("/quit")
        al.expect("<-- bo left")
        one.server.chat.whisper(sender, recipient, "too late")
        al.expect("!!! bo left before that came, and was not shown it: too late")


def test_whoever_is_ignored_is_so_on_all_servers_and_under_any_name(
    pair: list[LinkedServer],
) -> None:
    one, two = pair
    with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
        al.expect("--> bo joined")
        al.type("/ignore bo")
        al.expect("You are shown nothing more of bo.")
        bo.type("hi")
        bo.type("/away")
        bo.type("/msg al psst")
        bo.expect("[you -> al] psst")
        bo.type("/nick cy")
        bo.type("hi again")
        bo.type("/quit")
        bo.expect("Goodbye")
        with Client(one.server, "dy") as dy:
            al.expect("--> dy joined")
            dy.type("fence")
            before = al.expect("dy: fence")
            assert "bo" not in before
            assert "cy" not in before
            dy.expect("cy: hi again")
        # The same person by the other door, within two minutes.
        with Client(one.server, "cy") as cy, Client(two.server, "ed") as ed:
            cy.expect("--> ed joined")
            cy.type("here I am")
            ed.expect("cy: here I am")
            ed.type("fence")
            assert "cy" not in al.expect("ed: fence")
