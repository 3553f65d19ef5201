"""What servers tell each other besides what is said in rooms: each hears it once, in order."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.brokermodel import BrokerModel, exchange
from threadchat.link.core import LinkCore, LinkLimits
from threadchat.link.deliveries import CameTogether, Delivery, EntriesMissed, Noticed, WentApart
from threadchat.link.notices import Notices


class Node:
    """A server that tells things, and writes down what it hears."""

    def __init__(self, broker: BrokerModel, node: str) -> None:
        self.broker = broker
        self.core = LinkCore(node, LinkLimits(), lambda: f"{node}{self.now:.0f}")
        self.now = 100.0
        self.heard: list[tuple[Mapping[str, Any], str, bool]] = []
        self.told: list[Delivery] = []
        self.failures: list[tuple[str, BaseException]] = []
        self.notices = Notices(
            self.core.submit, lambda *it: self.failures.append(it), lambda: self.now
        )
        self.notices.on("kick", lambda *it: self.heard.append(it))
        self.core.closed(self.now)
        self.core.opened(self.now)
        self.exchange()

    def exchange(self) -> None:
        """Send, be answered and read, until nothing is left to do."""
        exchange(self.core, self.broker, self.now, self.take)

    def take(self) -> None:
        for it in self.core.deliveries():
            self.told.append(it)
            if isinstance(it, Noticed):
                self.notices.take(it)

    def cut(self) -> None:
        """Have no link for so long that the server goes on by itself."""
        self.core.closed(self.now)
        self.now += 5
        self.core.tick(self.now)
        self.take()

    def mend(self) -> None:
        self.core.opened(self.now)
        self.exchange()


@pytest.fixture
def broker() -> BrokerModel:
    return BrokerModel()


def pair(broker: BrokerModel) -> tuple[Node, Node]:
    one, two = Node(broker, "1"), Node(broker, "2")
    one.exchange()
    one.told.clear()
    two.told.clear()
    return one, two


def test_all_servers_hear_it_in_the_order_of_the_log(broker: BrokerModel) -> None:
    one, two = pair(broker)
    two.notices.tell("kick", {"name": "bo"})
    two.exchange()
    one.notices.tell("kick", {"name": "al", "why": None})
    assert one.heard == []
    one.exchange()
    two.exchange()
    assert one.heard == [({"name": "bo"}, "2", False), ({"name": "al", "why": None}, "1", True)]
    assert two.heard == [({"name": "bo"}, "2", True), ({"name": "al", "why": None}, "1", False)]


def test_all_hear_the_very_same(broker: BrokerModel) -> None:
    one, two = pair(broker)
    one.notices.tell("kick", {"names": ("al", "bo")})
    one.exchange()
    two.exchange()
    assert one.heard[0][0] == two.heard[0][0] == {"names": ["al", "bo"]}


def test_a_kind_that_nobody_listens_to_is_ignored(broker: BrokerModel) -> None:
    one, two = pair(broker)
    one.notices.tell("newer", {})
    one.exchange()
    two.exchange()
    assert two.heard == []
    assert two.failures == []


def test_the_error_of_a_listener_costs_nobody_else_anything(broker: BrokerModel) -> None:
    one, two = pair(broker)
    two.notices.on("ban", lambda data, node, is_own: data["target"])
    two.notices.on("ban", lambda *it: two.heard.append(it))
    one.notices.tell("ban", {})
    one.exchange()
    two.exchange()
    assert two.heard == [({}, "1", False)]
    ((doing, error),) = two.failures
    assert doing == "taking a notice of another server (ban)"
    assert isinstance(error, KeyError)


def test_without_a_link_its_own_server_hears_it_at_once_and_the_others_later(
    broker: BrokerModel,
) -> None:
    one, two = pair(broker)
    one.cut()
    one.notices.tell("kick", {"name": "al"})
    one.take()
    assert one.heard == [({"name": "al"}, "1", True)]
    one.mend()
    two.exchange()
    assert one.heard == [({"name": "al"}, "1", True)]
    assert two.heard == [({"name": "al"}, "1", False)]
    (noticed,) = (it for it in two.told if isinstance(it, Noticed))
    assert noticed.apart == (105.0, 105.0)


def test_what_waited_when_the_link_went_is_heard_by_its_own_server_then(
    broker: BrokerModel,
) -> None:
    one, two = pair(broker)
    one.core.closed(one.now)
    one.notices.tell("kick", {"name": "al"})
    assert one.heard == []
    one.cut()
    assert one.heard == [({"name": "al"}, "1", True)]
    one.mend()
    two.exchange()
    assert len(one.heard) == len(two.heard) == 1


def test_it_is_heard_once_though_the_broker_loses_all(broker: BrokerModel) -> None:
    one, two = pair(broker)
    one.notices.tell("kick", {"name": "al"})
    one.exchange()
    two.exchange()
    broker.flush()
    for node in (one, two, one, two):
        node.core.closed(node.now)
        node.mend()
    assert len(one.heard) == len(two.heard) == 1


def test_a_server_that_missed_some_is_told_that(broker: BrokerModel) -> None:
    one, two = pair(broker)
    two.core.closed(two.now)
    broker.data.leases.clear()
    for number in range(3):
        one.notices.tell("kick", {"name": f"n{number}"})
        one.exchange()
    broker.trim(1)
    two.cut()
    two.mend()
    assert [it for it in two.told if not isinstance(it, Noticed)] == [
        WentApart(),
        EntriesMissed("1"),
        CameTogether(),
    ]
    assert [it[0] for it in two.heard] == [{"name": "n2"}]
