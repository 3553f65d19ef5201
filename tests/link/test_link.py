"""Rooms of several servers with one order, by a real broker that dies, loses data and hangs."""

import random
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import count

import pytest

from tests.support.cuttingproxy import CuttingProxy, Direction
from tests.support.members import FakeMember
from tests.support.observer import Recorder
from tests.support.redisserver import RedisServer, cut_all, running_broker
from tests.support.waiting import run_concurrently, wait_until
from threadchat.chat import linkedroom
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.linkedroom import LinkedRoom
from threadchat.chat.room import Room
from threadchat.link.core import LinkCore, LinkLimits
from threadchat.link.deliveries import Applied, Delivery, Provisional
from threadchat.link.link import Link
from threadchat.link.linkedorder import LinkedOrder
from threadchat.link.scripts import Keys
from threadchat.messages.kinds import Left, Say, TopicSet
from threadchat.storage.history import History
from threadchat.storage.linkedhistory import LinkedHistory
from threadchat.storage.stretches import RememberedStretches
from threadchat.testing import DEADLINE
from threadchat.text.names import fold_name

RUNS = count(1)
"""No two runs of a server are the same node."""


class Server:
    """A server with one room, and its link."""

    def __init__(self, url: str, node: str, limits: LinkLimits) -> None:
        self.history = LinkedHistory(History(), RememberedStretches())
        self.observer, self.told = Recorder(), list[Delivery]()
        self.link = Link(url, "test", LinkCore(node, limits), self._take)
        self._deliverer = Deliverer()
        self.order = LinkedOrder(node, self.link, self.history, self)
        self.room = self.open("r")
        self.rooms = {"r": self.room}
        self.listener = FakeMember(f"listener{node}")
        self.link.start()

    def open(self, name: str) -> LinkedRoom:
        return LinkedRoom(name, self.history, self.observer, self._deliverer, order=self.order)

    def find_author(self, node: str, name: str) -> None:
        return None

    def keep_open(self, name: str) -> LinkedRoom:
        return self.rooms.setdefault(fold_name(name), self.open(name))

    def give_up(self, room: Room) -> None:
        pass

    def saw_topic(self, room: str, message: TopicSet) -> None:
        pass

    def _take(self, delivery: Delivery) -> None:
        self.told.append(delivery)
        if isinstance(delivery, Applied | Provisional):
            self.order.take(delivery)

    def say(self, *words: str, name: str = "al") -> None:
        member = FakeMember(name)
        for word in words:
            self.room.post([Say(name, word, 1.0)], member)

    @property
    def said(self) -> list[str]:
        return [it.text for it in self.observer.messages if isinstance(it, Say)]

    def close(self) -> None:
        self.room.hush()  # so that nobody waits for the link any more
        self.link.close()
        self._deliverer.close()


@pytest.fixture(scope="module")
def broker() -> Iterator[RedisServer]:
    with running_broker() as broker:
        yield broker


@contextmanager
def linked(
    broker: RedisServer,
    number: int = 2,
    limits: LinkLimits | None = None,
    urls: Sequence[str] = (),
) -> Iterator[list[Server]]:
    """Run servers that share one order; each has one listener in its room."""
    servers: list[Server] = []
    try:
        for node in range(1, number + 1):
            url = urls[node - 1] if urls else broker.url
            servers.append(Server(url, f"{next(RUNS)}.{node}", limits or LinkLimits()))
        wait_until(lambda: all(it.link.is_linked for it in servers), "all are linked")
        for server in servers:
            server.room.join(server.listener)
        yield servers
    finally:
        for server in servers:
            server.close()


def wait_for(servers: list[Server], number: int) -> None:
    wait_until(lambda: all(len(it.said) >= number for it in servers), f"all have read {number}")


def check(servers: list[Server], *words: str) -> None:
    """Check that each server has shown and kept all of the words, each of them once."""
    for server in servers:
        assert sorted(server.said) == sorted(words)
        assert sorted(it.text for it in server.history.recent("r", 1000)) == sorted(words)
        assert server.observer.failures == []


def test_all_servers_show_and_keep_the_same_lines_in_one_order(broker: RedisServer) -> None:
    broker.client().flushall()
    with linked(broker, 3) as servers:

        def talk(server: Server, name: str) -> None:
            member = FakeMember(name)
            server.room.join(member)
            for number in range(50):
                server.room.post([Say(name, str(number), 1.0)], member)
            server.room.leave(member, Left(name, 1.0, "quit"))

        run_concurrently(
            [
                partial(talk, server, f"n{node}{speaker}")
                for node, server in enumerate(servers)
                for speaker in range(3)
            ]
        )
        wait_for(servers, 450)
        orders = [[it for it in s.observer.messages if isinstance(it, Say)] for s in servers]
        assert orders[0] == orders[1] == orders[2]
        for server, order in zip(servers, orders, strict=True):
            assert server.history.recent("r", 1000) == order
            assert server.observer.failures == []
        for name in {it.name for it in orders[0]}:
            assert [it.text for it in orders[0] if it.name == name] == [str(n) for n in range(50)]
        # Those that come while a batch is on the way come together.
        assert re.search("^--> .*n00.* joined", servers[1].listener.screen, re.MULTILINE)


@pytest.mark.parametrize("keeps", [True, False])
def test_the_death_of_the_broker_costs_no_line(keeps: bool) -> None:
    with running_broker(keeps=keeps) as broker, linked(broker) as servers:
        servers[0].say("before")
        wait_for(servers, 1)
        broker.kill()
        servers[0].say("late")
        broker.start()
        wait_for(servers, 2)
        servers[1].say("after")
        wait_for(servers, 3)
        check(servers, "before", "late", "after")


def test_without_a_broker_each_goes_on_by_itself_until_it_is_back() -> None:
    limits = LinkLimits(patience=0.3)
    with running_broker() as broker, linked(broker, limits=limits) as servers:
        broker.kill()
        for server in servers:
            server.say(f"alone {server.listener.name}")
        # Each is shown to its own people while there is no broker.
        wait_until(lambda: all(len(it.said) == 1 for it in servers), "both have shown their own")
        assert not servers[0].link.is_linked
        assert "onnect" in servers[0].link.failure
        assert "\n" not in servers[0].link.failure
        broker.start()
        wait_for(servers, 2)
        check(servers, *(f"alone {it.listener.name}" for it in servers))
        assert servers[0].link.failure == ""


def test_a_broker_that_loses_its_data_costs_no_line(broker: RedisServer) -> None:
    limits = LinkLimits(renew_every=0.1)
    client = broker.client()
    with closing(client), linked(broker, limits=limits) as servers:
        for round in range(5):
            servers[0].say(f"{round} one")
            client.flushall()
            servers[1].say(f"{round} two")
            cut_all(client)
            servers[0].say(f"{round} three")
        wait_for(servers, 15)
        check(servers, *(f"{n} {word}" for n in range(5) for word in ("one", "two", "three")))


def test_lines_are_late_while_the_broker_is_slow(broker: RedisServer) -> None:
    client = broker.client()
    client.flushall()
    with closing(client), linked(broker) as servers:
        client.client_pause(300, all=False)
        servers[0].say("one")
        servers[1].say("two")
        wait_for(servers, 2)
        check(servers, "one", "two")


def test_a_killed_connection_is_made_anew(broker: RedisServer) -> None:
    client = broker.client()
    client.flushall()
    with closing(client), linked(broker) as servers:
        for number in range(10):
            servers[number % 2].say(str(number))
            cut_all(client)
        wait_for(servers, 10)
        check(servers, *map(str, range(10)))


def cut_and_talk(broker: RedisServer, direction: Direction, bytes: Sequence[int]) -> None:
    """Let two servers talk through a proxy that cuts after each of these numbers of bytes."""
    with closing(broker.client()) as client:
        client.flushall()
    with closing(CuttingProxy(broker.port)) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        with linked(broker, urls=[url, broker.url]) as servers:
            words = []
            for number in bytes:
                proxy.cut_after(number, direction)
                for server, word in zip(servers, (f"{number} one", f"{number} two"), strict=True):
                    server.say(word)
                    words.append(word)
                wait_for(servers, len(words))
            check(servers, *words)
            assert proxy.cuts > len(bytes) / 2


CUTS: list[tuple[Direction, int]] = [("to the server", 450), ("from the server", 450)]


@pytest.mark.parametrize(("direction", "most"), CUTS)
def test_no_line_is_lost_or_doubled_wherever_a_connection_is_cut(
    broker: RedisServer, direction: Direction, most: int
) -> None:
    cut_and_talk(broker, direction, range(0, most, most // 8))


@pytest.mark.slow
@pytest.mark.parametrize(("direction", "most"), CUTS)
@pytest.mark.parametrize("first", range(5))
def test_the_same_at_every_byte(
    broker: RedisServer, direction: Direction, most: int, first: int
) -> None:
    cut_and_talk(broker, direction, range(first, most, 5))


def do_harm(broker: RedisServer, chance: random.Random) -> None:
    """Do one of the things that befall brokers."""
    with closing(broker.client()) as client:
        match chance.choice(["kill", "kill", "flush", "cut", "pause", "forget", "lose log"]):
            case "kill":
                broker.kill()
                broker.start()
            case "flush":
                client.flushall()
            case "cut":
                cut_all(client)
            case "pause":
                client.client_pause(chance.choice([50, 600]))
            case "forget":
                client.script_flush()
            case _:
                client.delete(Keys("test").log)


@pytest.mark.slow
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.slow
def test_three_servers_talk_through_all_that_befalls_a_broker(seed: int, keeps: bool) -> None:
    chance = random.Random(seed)
    limits = LinkLimits(patience=0.4, renew_every=0.2)
    with running_broker(keeps=keeps) as broker, linked(broker, 3, limits) as servers:
        words = []
        for round in range(20):
            for node, server in enumerate(servers):
                for word in (f"{round}.{node} a", f"{round}.{node} b"):
                    server.say(word, name=f"n{node}")
                    words.append(word)
            do_harm(broker, chance)
        wait_for(servers, len(words))
        check(servers, *words)
        for server in servers:
            for node in range(3):
                own = [it for it in server.said if it.split(".")[1][0] == str(node)]
                assert own == [it for it in words if it.split(".")[1][0] == str(node)]


def test_too_much_that_waits_holds_those_who_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linkedroom, "MOST_HELD", 1)  # else a room may keep that much itself
    limits = LinkLimits(waiting_bytes=1000)
    with running_broker() as broker, linked(broker, 1, limits) as (server,):
        broker.kill()
        has_said_all = threading.Event()

        def talk() -> None:
            server.say(*["x" * 100] * 50)
            has_said_all.set()

        thread = threading.Thread(target=talk)
        thread.start()
        wait_until(lambda: server.link.is_full, "too much waits")
        assert not server.link.wait_for_room(0)
        assert not has_said_all.is_set()
        broker.start()
        thread.join(DEADLINE)
        assert has_said_all.is_set()
        wait_for([server], 50)


def test_a_room_that_is_not_open_is_remembered(broker: RedisServer) -> None:
    broker.client().flushall()
    with linked(broker) as servers:
        servers[0].open("other").post([Say("al", "hi", 1.0)], FakeMember("al"))
        wait_until(lambda: bool(servers[1].history.recent("other", 9)), "it is remembered")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--maxmemory-policy", "allkeys-lru"), "set maxmemory-policy to noeviction"),
        (("--requirepass", "secret"), "the broker's password is missing or wrong"),
    ],
)
@pytest.mark.slow
def test_why_there_is_no_link_is_told_in_one_line(options: Sequence[str], why: str) -> None:
    with (
        running_broker(*options) as broker,
        closing(Server(broker.url, f"{next(RUNS)}", LinkLimits())) as server,
    ):
        wait_until(lambda: why in server.link.failure, "it is told why")
        assert "\n" not in server.link.failure
        assert not server.link.is_linked


def test_a_broker_with_data_of_another_format_is_told() -> None:
    with running_broker() as broker:
        with closing(broker.client()) as client:
            client.hset(Keys("test").all[0], "format", "7")
        with closing(Server(broker.url, f"{next(RUNS)}", LinkLimits())) as server:
            wait_until(lambda: "another format: 7" in server.link.failure, "it is told why")
