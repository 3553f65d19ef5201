"""Chats of several servers that are one, as people at them see it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.linkedservers import LinkedServer, link_to, linked_server, linked_servers
from tests.support.redisserver import RedisServer, running_broker
from tests.support.waiting import wait_until
from threadchat import Linked, Unlinked
from threadchat.link.deliveries import Delivery, Unreadable
from threadchat.link.scripts import Keys
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import Client


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    with running_broker() as broker:
        yield broker


def test_people_on_two_servers_talk_in_one_room(broker: RedisServer) -> None:
    with linked_servers(broker, cluster="talk") as (one, two):
        with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
            al.expect("--> bo joined")
            al.type("hi bo")
            bo.expect("al: hi bo")
            bo.type("hi al")
            al.expect("bo: hi al")
        assert [type(it) for it in one.told + two.told] == [Linked] * len(one.told + two.told)


@pytest.mark.parametrize("id", ["*", "2000-1", "18446744073709551614-3"])
def test_what_another_program_put_into_the_log_costs_nothing_that_is_said(
    broker: RedisServer, id: str
) -> None:
    cluster = f"junk{id[:4].strip('*')}"
    with (
        linked_servers(broker, cluster=cluster) as (one, two),
        Client(one.server, "al") as al,
        Client(two.server, "bo") as bo,
        closing(broker.client()) as client,
    ):
        al.expect("--> bo joined")
        al.type("before")
        bo.expect("al: before")
        client.xadd(Keys(cluster).log, {"some": "thing"}, id=id)
        for text in ("behind it", "and more"):
            al.type(text)
            bo.expect(f"al: {text}")
        bo.type("as ever")
        al.expect("bo: as ever")
        for server in (one, two):
            wait_for_lines(server, 4)
        assert lines_of(one) == lines_of(two)


def test_operators_are_told_which_servers_come_and_go(broker: RedisServer) -> None:
    with linked_servers(broker, 1, "come") as (one,):
        with linked_servers(broker, 2, "come") as others:
            one.wait_for_servers(2)
            ports = sorted(it.server.server_address[1] for it in others)
            told = one.told[-1]
            assert isinstance(told, Linked)
            assert told.cluster == "come"
            assert sorted(int(it.rpartition(":")[2]) for it in told.servers) == ports
        one.wait_for_servers(0)


def test_without_a_broker_at_the_start_people_are_served_and_linked_later() -> None:
    with running_broker() as broker:
        broker.kill()
        link = link_to(broker)
        with (
            linked_server(link) as one,
            linked_server(link) as two,
            Client(one.server, "al") as al,
            Client(two.server, "bo") as bo,
        ):
            for server in (one, two):
                server.go_apart()
                told = server.told[-1]
                assert isinstance(told, Unlinked)
                assert "\n" not in told.why
                assert str(broker.port) in told.why
            al.type("here alone")
            al.type("/who")
            al.expect("=== 1 person is here")
            broker.start()
            one.wait_for_servers(1)
            two.wait_for_servers(1)
            al.type("now together")
            bo.expect("al: now together")


def test_a_stop_is_in_time_without_a_broker() -> None:
    with (
        running_broker() as broker,
        linked_servers(broker, 1) as (one,),
        Client(one.server, "al") as al,
    ):
        broker.kill()
        one.server.stop()
        al.expect("The server is stopping.")


def test_what_cannot_be_taken_costs_the_link_nothing(
    broker: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with linked_servers(broker, 1, "odd") as (one,):
        one.linked.take(Unreadable(7, "it is odd"))

        def fail(delivery: Delivery) -> None:
            raise OSError("no disk")

        with monkeypatch.context() as patched, Client(one.server, "al") as al:
            patched.setattr(one.linked._report, "take", fail)
            one.linked.take(one.linked.link._told)
            al.type("/who")
            al.expect("=== 1 person")
        told = ["entry 7 of the link is left out: it is odd"]
        told.append("taking what the link has brought: OSError: no disk")
        assert one.console.troubles == told
        one.console.troubles.clear()


def lines_of(server: LinkedServer, room: str = "lobby") -> list[str]:
    """Return what a server has in its history."""
    return [it.text for it in server.server.chat._history.recent(room, 100)]


def wait_for_lines(server: LinkedServer, number: int) -> None:
    wait_until(lambda: len(lines_of(server)) == number, f"{number} lines are there")


def test_an_island_goes_on_and_is_read_by_the_others_later() -> None:
    with running_broker() as broker, linked_servers(broker) as (one, two):
        with Client(one.server, "al") as al, Client(two.server, "bo") as bo:
            al.expect("--> bo joined")
            al.type("together")
            bo.expect("al: together")
            broker.kill()
            for server in (one, two):
                server.go_apart()
            for client in (al, bo):
                client.expect("--- There is no link to the other servers for now")
            al.type("al alone")
            bo.type("bo alone")
            for server in (one, two):
                wait_for_lines(server, 2)
            broker.start()
            # The others' lines come before it or behind it, as one server is back before the other.
            for client, theirs in ((al, "bo: bo alone"), (bo, "al: al alone")):
                client.expect(theirs)
                text = client.received.decode()
                assert "on a server that had no link, and shown here only now:\r\n" in text
            al.type("together again")
            bo.expect("al: together again")
            bo.type("at last")
            al.expect("bo: at last")
            for client in (al, bo):
                assert client.received.count(b"The link to the other servers is back") == 1
        for server in (one, two):  # a server may read its own line later than the other one
            wait_for_lines(server, 5)
        assert lines_of(one) == lines_of(two)


def test_a_server_that_did_not_run_reads_what_it_missed(
    broker: RedisServer, tmp_path: Path
) -> None:
    link = link_to(broker, "away")
    path = tmp_path / "chat.db"
    with linked_server(link) as one, Client(one.server, "al") as al:
        with linked_server(link, history=StoredHistory(path, print)) as two:
            two.wait_for_servers(1)
            al.type("while both run")
            wait_for_lines(two, 1)
        al.type("while it is away")
        al.type("/me waves")
        wait_for_lines(one, 3)
        with linked_server(link, history=StoredHistory(path, print)) as two:
            two.wait_for_servers(1)
            wait_for_lines(two, 3)
            assert lines_of(two) == lines_of(one)
            with Client(two.server, "bo") as bo:
                bo.expect("al: while it is away")
                al.type("live")
                bo.expect("al: live")
            assert [it.seq for it in two.server.chat._history.recent("lobby", 9)] == [1, 2, 3, 4]


def test_what_was_said_apart_is_marked_wherever_it_is_shown() -> None:
    with (
        running_broker() as broker,
        linked_servers(broker, cluster="apart") as (one, two),
        Client(one.server, "al") as al,
        Client(two.server, "bo") as bo,
    ):
        al.expect("--> bo joined")
        broker.kill()
        one.go_apart()
        two.go_apart()
        al.type("by myself")
        al.type("/who")
        al.expect("=== 2 people are here")
        broker.start()
        one.wait_for_servers(1)
        two.wait_for_servers(1)
        bo.expect("al: by myself")
        bo.type("both read that")
        al.expect("bo: both read that")
        wait_for_lines(two, 2)  # its own line may come to it later
        for person in (al, bo):
            person.type("/last")
            for shown in ("=== The last 2", "--- Said from ", "al: by myself", "--- From here on"):
                person.expect(shown)
            person.type("/search myself")
            person.expect("lobby (apart) al: by myself")
