"""What is decided on one server holds on all that are linked, as people at them see it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.linkedservers import LinkedServer, link_to, linked_server, linked_servers
from tests.support.redisserver import RedisServer, running_broker
from tests.support.waiting import wait_until
from threadchat.link import linkedchat
from threadchat.link.core import LinkLimits
from threadchat.storage.history import History
from threadchat.testing import Client


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    with running_broker() as broker:
        yield broker


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers go on by themselves soon after the link is gone."""
    monkeypatch.setattr(linkedchat, "LIMITS", LinkLimits(patience=0.2))


@contextmanager
def talking(
    broker: RedisServer, cluster: str = "office"
) -> Iterator[tuple[LinkedServer, LinkedServer, Client, Client]]:
    """Run two servers, and let al be at the first, and bo at the second."""
    with (
        linked_servers(broker, cluster=cluster) as (one, two),
        Client(one.server, "al") as al,
        Client(two.server, "bo") as bo,
    ):
        al.expect("bo joined")
        yield one, two, al, bo


def make_operator(server: LinkedServer, client: Client) -> None:
    server.server.chat.names.find(client.name).is_operator = True


def topic_of(server: LinkedServer, room: str = "lobby") -> str:
    return server.server.chat._history.topic(room)


def wait_for_topic(server: LinkedServer, topic: str, room: str = "lobby") -> None:
    wait_until(lambda: topic_of(server, room) == topic, f"the topic is {topic}")


class TestTopics:
    def test_a_topic_is_that_of_the_room_on_all_servers(self, broker: RedisServer) -> None:
        with talking(broker, "topic") as (_, two, al, bo):
            al.type("/topic lunch")
            al.expect("=== Topic: lunch")
            bo.expect("--- al set the topic: lunch")
            bo.type("/topic")
            bo.expect("=== Topic: lunch")
            bo.type("/topic -")
            al.expect("--- bo cleared the topic")
            al.type("/topic")
            al.expect("=== This room has no topic.")
            al.type("/join tea")
            al.type("/topic green")
            al.expect("=== Topic: green")
            wait_for_topic(two, "green", "tea")
            bo.type("/join tea")
            bo.expect("=== Topic: green")

    def test_one_set_before_a_server_came_is_told_to_it(self, broker: RedisServer) -> None:
        with linked_servers(broker, 1, "early") as (one,):
            with Client(one.server, "al") as al:
                al.type("/topic lunch")
                al.expect("=== Topic: lunch")
            old = History()
            old.set_topic("tea", "green")
            with linked_server(link_to(broker, "early"), history=old) as two:
                wait_for_topic(two, "lunch")
                wait_for_topic(one, "green", "tea")
                with Client(two.server, "bo") as bo:
                    bo.expect("=== Topic: lunch")

    @pytest.mark.usefixtures("impatient")
    def test_after_an_island_the_one_set_last_counts_and_is_shown(self) -> None:
        with running_broker() as broker, talking(broker) as (one, two, al, bo):
            broker.kill()
            for server in (one, two):
                server.wait_until_apart()
            al.type("/topic by al")
            al.expect("=== Topic: by al")
            bo.type("/topic by bo")
            bo.expect("=== Topic: by bo")
            broker.start()
            for server in (one, two):
                server.wait_for_servers(1)
                wait_for_topic(server, "by bo")
            for client in (al, bo):
                client.type("/topic")
                client.expect("=== Topic: by bo")


class TestAnnouncements:
    def test_everybody_reads_them_once_in_whatever_room(self, broker: RedisServer) -> None:
        with linked_servers(broker, 3, "announce") as servers:
            one, two, three = servers
            with (
                Client(one.server, "al") as al,
                Client(two.server, "bo") as bo,
                Client(three.server, "cy") as cy,
                Client(two.server, "ed") as ed,
            ):
                for client in (bo, cy):  # a room that is not open where it is announced
                    client.type("/join tea")
                    client.expect("You are in tea.")
                make_operator(one, al)
                al.type("/say lunch is ready")
                for client in (al, bo, cy, ed):
                    client.expect("--- Announcement by al: lunch is ready\r\n")
                cy.type("thanks")
                bo.expect("cy: thanks")
                al.type("thank you")
                ed.expect("al: thank you")
                for client in (al, bo, cy, ed):
                    assert client.received.count(b"Announcement") == 1

    @pytest.mark.usefixtures("impatient")
    def test_of_an_island_they_are_read_there_at_once_and_elsewhere_later(self) -> None:
        with running_broker() as broker, talking(broker) as (one, _, al, bo):
            make_operator(one, al)
            broker.kill()
            one.wait_until_apart()
            al.type("/say alone")
            al.expect("--- Announcement by al: alone")
            assert b"Announcement" not in bo.received
            broker.start()
            bo.expect("--- Announcement by al: alone")
            bo.type("read")
            al.expect("bo: read")
            assert al.received.count(b"Announcement") == 1

    def test_those_of_long_ago_have_their_time(self, broker: RedisServer) -> None:
        with linked_servers(broker, cluster="late") as (one, two), Client(two.server, "bo") as bo:
            one.linked.tell("announcement", {"by": "al", "text": "hi", "at": 86400.0})
            bo.expect("--- Announcement by al: (at 1970-01-0")
            bo.expect(") hi\r\n")


def test_a_stop_is_told_to_the_people_of_its_own_server_alone(broker: RedisServer) -> None:
    with talking(broker, "stop") as (one, _, al, bo):
        make_operator(one, al)
        al.type("/stop 1h")
        al.expect("--- The server stops in 1 h")
        al.type("/stop off")
        al.expect("--- The server does not stop after all")
        al.type("hi")
        bo.expect("al: hi")
        assert b"stop" not in bo.received
