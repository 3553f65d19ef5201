"""What the operator is told of a link."""

from threadchat.link.deliveries import CameTogether, LinkChanged, WentApart
from threadchat.link.nodes import make_node
from threadchat.link.report import MAX_CAUSES, LinkReport
from threadchat.monitoring.events import Event, Linked, Unlinked, Watch

A, B = make_node("a:1"), make_node("b:2")


def told(*deliveries: WentApart | CameTogether | LinkChanged) -> list[Event]:
    events: list[Event] = []

    class Watcher:
        def note(self, event: Event) -> None:
            events.append(event)

        def shown(self, *_: object) -> None:
            pass

    report = LinkReport("office", Watch(Watcher()))
    for delivery in deliveries:
        report.take(delivery)
    return events


def linked(*nodes: str) -> LinkChanged:
    return LinkChanged(True, frozenset(nodes), "")


def broken(why: str, *nodes: str) -> LinkChanged:
    return LinkChanged(False, frozenset(nodes), why)


def test_servers_that_come_and_go() -> None:
    assert told(linked(), linked(B), linked(A, B), linked(A)) == [
        Linked("office", []),
        Linked("office", ["b:2"]),
        Linked("office", ["a:1", "b:2"]),
        Linked("office", ["a:1"]),
    ]


def test_a_link_that_is_gone_for_a_moment_is_not_told() -> None:
    assert told(linked(A), broken("gone", A), linked(A)) == [Linked("office", ["a:1"])]


def test_no_servers_are_told_before_there_is_a_link() -> None:
    assert told(WentApart(), CameTogether()) == []
    assert told(WentApart(), linked(B)) == []
    assert told(WentApart(), linked(B), CameTogether()) == [Linked("office", ["b:2"])]


def test_each_cause_is_told_once_while_there_is_no_link() -> None:
    apart: list[WentApart | LinkChanged] = [broken("gone"), WentApart()]
    apart += [broken("refused"), broken("gone"), broken("refused")]
    assert told(linked(A), *apart, linked(A), CameTogether(), *apart) == [
        Linked("office", ["a:1"]),
        Unlinked("office", "gone"),
        Unlinked("office", "refused"),
        Linked("office", ["a:1"]),
        Unlinked("office", "gone"),
        Unlinked("office", "refused"),
    ]


def test_causes_without_end_are_bounded() -> None:
    causes = [broken(str(number)) for number in range(100)]
    assert len(told(WentApart(), *causes)) == MAX_CAUSES
