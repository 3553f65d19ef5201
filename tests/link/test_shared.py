"""What all servers are to know: the later value counts, everywhere, whatever befalls the link."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.brokermodel import BrokerModel, exchange
from threadchat.link import shared
from threadchat.link.core import LinkCore, LinkLimits
from threadchat.link.deliveries import CameTogether, EntriesMissed, Noticed
from threadchat.link.notices import Notices
from threadchat.link.records import NoticeRecord, entry_of
from threadchat.link.shared import Change, SharedState, Value


class Values:
    """A kind that keeps what it is given."""

    def __init__(self, values: dict[str, Value], at: float = 10.0) -> None:
        self.values = values
        self.at = at
        self.changes: list[Change] = []
        self.upheld: list[str] = []

    def items(self) -> Iterable[tuple[str, float]]:
        return [(key, self.at) for key in self.values]

    def value(self, key: str) -> Value | None:
        return self.values.get(key)

    def put(self, key: str, change: Change) -> None:
        self.changes.append(change)
        if change.value is None:
            self.values.pop(key, None)
        elif change.value == {"is": "bad"}:
            raise ValueError("bad")
        else:
            self.values[key] = change.value

    def keeps(self, own: Value, other: Value) -> bool:
        return bool(own.get("first", 9) < other.get("first", 9))

    def stays(self, key: str) -> None:
        self.upheld.append(key)


class Server:
    """A server that shares, by a core and a model of the broker."""

    def __init__(
        self, broker: BrokerModel, node: str, values: dict[str, Value] | None = None
    ) -> None:
        self.broker, self.now, self.clock_is_off = broker, 100.0, 0.0
        self.core = LinkCore(node, LinkLimits(), lambda: f"{node}{self.now:.0f}")
        self.failures: list[str] = []
        self.notices = Notices(self.core.submit, self._fail, lambda: self.now)
        self.kind = Values(dict(values or {}))
        self.state = SharedState(
            node,
            self.notices,
            {"ban": self.kind},
            lambda: self.core.linked_nodes,
            self._fail,
            lambda: self.now + self.clock_is_off,
        )
        self.core.closed(self.now)

    def _fail(self, doing: str, error: BaseException) -> None:
        self.failures.append(f"{doing}: {error}")

    def set(self, key: str, value: Any, by: str = "op") -> None:
        if value is None:
            self.kind.values.pop(key, None)
        else:
            self.kind.values[key] = {"is": value}
        self.state.changed("ban", key, by)

    def exchange(self) -> None:
        exchange(self.core, self.broker, self.now, self.take)

    def take(self) -> None:
        for it in self.core.deliveries():
            match it:
                case Noticed():
                    self.notices.take(it)
                case CameTogether() | EntriesMissed():
                    self.state.ask()

    def link(self) -> None:
        self.core.opened(self.now)
        self.exchange()

    def cut(self) -> None:
        self.core.closed(self.now)
        self.now += 5
        self.core.tick(self.now)
        self.take()

    @property
    def values(self) -> dict[str, Any]:
        return {key: it["is"] for key, it in self.kind.values.items()}


def settle(*servers: Server) -> None:
    for _ in range(8):
        for server in servers:
            server.exchange()


def start(broker: BrokerModel, *values: dict[str, Value]) -> list[Server]:
    servers = [Server(broker, str(number), it) for number, it in enumerate(values, 1)]
    for server in servers:
        server.link()
        server.state.ask()
        settle(*servers)
    return servers


@pytest.fixture
def broker() -> BrokerModel:
    return BrokerModel()


def test_what_one_server_sets_all_have(broker: BrokerModel) -> None:
    one, two, three = start(broker, {}, {}, {})
    one.set("bo", 1)
    settle(one, two, three)
    assert two.values == three.values == {"bo": 1}
    assert two.kind.changes == [Change({"is": 1}, "op", node="1")]
    assert one.kind.changes == []
    two.set("bo", None, by="al")
    settle(one, two, three)
    assert one.values == three.values == {}
    assert one.kind.changes == [Change(None, "al", node="2")]


def test_whoever_changes_what_they_know_comes_later_however_the_clocks_go(
    broker: BrokerModel,
) -> None:
    one, two = start(broker, {}, {})
    one.clock_is_off = 3600.0
    one.set("bo", 1)
    settle(one, two)
    two.set("bo", 2)
    settle(one, two)
    assert one.values == two.values == {"bo": 2}


def test_a_server_that_comes_is_told_and_tells(broker: BrokerModel) -> None:
    one, two, three = start(broker, {"a": {"is": 1}}, {"b": {"is": 2}}, {"c": {"is": 3}})
    assert one.values == two.values == three.values == {"a": 1, "b": 2, "c": 3}
    assert all(it.is_late for it in one.kind.changes)


def test_servers_that_have_the_same_tell_each_other_nothing(broker: BrokerModel) -> None:
    values: dict[str, Value] = {"a": {"is": 1}, "b": {"is": 2}}
    start(broker, values, values)
    assert not any('"state"' in it.payload for it in broker.data.log)
    assert any('"is_same":true' in it.payload for it in broker.data.log)


def test_what_is_gone_does_not_come_back_with_a_server_that_was_away(broker: BrokerModel) -> None:
    one, two = start(broker, {"bo": {"is": 1}}, {"bo": {"is": 1}})
    two.cut()
    one.set("bo", None)
    two.link()
    settle(one, two)
    assert one.values == two.values == {}
    # Nor with one that starts with an old file.
    three = Server(broker, "3", {"bo": {"is": 1}})
    three.link()
    three.state.ask()
    settle(one, two, three)
    assert one.values == two.values == three.values == {}


def test_after_an_island_the_later_change_counts(broker: BrokerModel) -> None:
    one, two = start(broker, {}, {})
    one.cut()
    one.set("bo", "alone")
    two.now = one.now + 10
    two.set("bo", "later")
    two.set("cy", "there")
    one.set("ed", "here")
    settle(two)
    one.link()
    settle(one, two)
    assert one.values == two.values == {"bo": "later", "cy": "there", "ed": "here"}
    assert two.kind.upheld == ["bo", "cy", "bo"]


def test_what_was_missed_is_asked_for(broker: BrokerModel) -> None:
    one, two = start(broker, {}, {})
    two.core.closed(two.now)
    for number in range(5):
        one.set(f"n{number}", number)
        one.exchange()
    broker.data.leases.clear()
    broker.trim(1)
    two.cut()
    two.link()
    settle(one, two)
    assert two.values == one.values
    assert len(two.values) == 5


def test_much_is_told_in_portions(broker: BrokerModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "PORTION_BYTES", 200)
    values: dict[str, Value] = {f"n{number}": {"is": number} for number in range(50)}
    one, two = start(broker, values, {})
    assert two.values == one.values
    assert len(two.values) == 50


def test_a_question_that_nobody_answers_is_asked_again(broker: BrokerModel) -> None:
    one, two = start(broker, {"a": {"is": 1}}, {})
    three = Server(broker, "3")
    three.link()
    three.state.ask()
    three.exchange()
    one.core.closed(one.now)  # the one that would answer
    two.exchange()
    three.exchange()
    assert three.values == {}
    three.state.look()
    three.now += 5.0
    del broker.data.leases["1"]
    settle(two, three)
    three.state.look()
    settle(two, three)
    assert three.values == {"a": 1}
    assert three.state._asked_at is None


def test_a_rule_of_the_kind_may_say_which_value_counts(broker: BrokerModel) -> None:
    one, two = start(broker, {}, {})
    one.kind.values["bo"] = {"is": "first", "first": 1}
    one.state.changed("ban", "bo")
    two.now += 50
    two.kind.values["bo"] = {"is": "second", "first": 2}
    two.state.changed("ban", "bo")
    settle(one, two)
    assert one.values == two.values == {"bo": "first"}


def test_a_value_that_cannot_be_taken_is_told(broker: BrokerModel) -> None:
    one, two = start(broker, {}, {})
    one.set("bo", "bad")
    one.set("cy", 1)
    settle(one, two)
    assert two.failures == ["taking a ban of another server: bad"]
    assert two.values == {"cy": 1}


def test_a_kind_that_is_not_known_is_left_out(broker: BrokerModel) -> None:
    one, two = start(broker, {}, {})
    value = {"kind": "newer", "key": "x", "at": 1.0, "value": {}, "by": ""}
    one.notices.tell("set", value)
    one.notices.tell("state", {"values": [["newer", "x", 1.0, "1", {}]]})
    settle(one, two)
    assert two.failures == []


def test_only_so_much_that_is_gone_is_remembered(
    broker: BrokerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "MAX_GONE", 3)
    one, _ = start(broker, {}, {})
    one.set("kept", 1)
    for number in range(10):
        one.now += 1
        one.set(f"n{number}", None)
    one.state.ask()
    assert [key for _, key in one.state._stamps] == ["kept", "n7", "n8", "n9"]


def test_what_is_gone_is_known_over_a_restart(broker: BrokerModel) -> None:
    one, two = start(broker, {"bo": {"is": 1}, "cy": {"is": 1}}, {"bo": {"is": 1}, "cy": {"is": 1}})
    assert one.state.gone() == ""
    two.cut()
    one.set("bo", None)
    one.set("cy", None)
    gone = one.state.gone()
    assert one.state.gone() == ""
    one.core.leave()
    one.exchange()
    again = Server(broker, "4", {"cy": {"is": 2}})  # which was set again while it was not linked
    again.state.know_gone(gone)
    for text in ("", "nonsense", "[1]", '[["newer", "x", 1, ""]]'):
        again.state.know_gone(text)
    again.link()
    again.state.ask()
    two.link()
    settle(again, two)
    assert "bo" not in again.values
    assert again.values == two.values


def test_a_change_from_elsewhere_that_meets_one_from_here_does_not_stay(
    broker: BrokerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = start(broker, {}, {})
    put = two.kind.put

    def put_late(key: str, change: Change) -> None:
        monkeypatch.setattr(two.kind, "put", put)
        two.set(key, "two")  # on another thread, before the change from elsewhere is made
        put(key, change)

    monkeypatch.setattr(two.kind, "put", put_late)
    one.set("bo", "one")
    settle(one, two)
    assert one.values == two.values == {"bo": "two"}


def told(broker: BrokerModel, kind: str) -> list[dict[str, Any]]:
    """Return what was told in notices of a kind."""
    records = [entry_of(it.payload) for it in broker.data.log if it.payload]
    items = [it for record in records for it in record.items]
    return [dict(it.data) for it in items if isinstance(it, NoticeRecord) and it.kind == kind]


def test_a_value_that_cannot_be_told_is_told_to_the_operator(broker: BrokerModel) -> None:
    (one,) = start(broker, {})
    one.set("bo", object())
    assert one.failures == [
        "telling the other servers of a ban: Object of type object is not JSON serializable"
    ]


def test_nobody_asks_again_too_soon_or_alone(broker: BrokerModel) -> None:
    (one,) = start(broker, {})
    one.now += 100.0
    one.state.look()
    one.exchange()
    assert len(told(broker, "ask state")) == 1
    two = Server(broker, "2")
    two.link()
    two.state.ask()
    two.exchange()  # the other one has not read of it
    for later, asked in ((0.0, 2), (shared.PATIENCE_SECONDS - 0.1, 2), (0.1, 3), (-9.0, 4)):
        two.now += later
        two.state.look()
        two.exchange()
        assert len(told(broker, "ask state")) == asked


def test_only_one_answers_and_each_value_is_told_once(broker: BrokerModel) -> None:
    one, two = start(broker, {"a": {"is": 1}}, {})
    before = len(told(broker, "told state")), len(told(broker, "state"))
    three = Server(broker, "3", {"b": {"is": 2}, "c": {"is": 3}})
    three.link()
    three.state.ask()
    settle(one, two, three)
    ends, states = told(broker, "told state")[before[0] :], told(broker, "state")[before[1] :]
    assert [it["to"] for it in ends] == ["3"]
    assert [[value[1] for value in it["values"]] for it in states] == [["a"], ["b", "c"]]


def test_what_was_heard_before_is_told_again_if_it_is_newer_here(broker: BrokerModel) -> None:
    one, two = start(broker, {"a": {"is": 1}}, {"a": {"is": 1}})
    two.cut()
    two.set("a", "newer")
    two.link()
    settle(one, two)
    assert one.values == two.values == {"a": "newer"}


@pytest.mark.parametrize("values", [(1, 2), (2, 1)])
def test_of_values_of_the_same_time_all_take_the_same(
    broker: BrokerModel, values: tuple[int, int]
) -> None:
    known: list[dict[str, Value]] = [{"a": {"is": it}} for it in values]
    servers = start(broker, *known)
    for _ in range(2):
        for server in servers:
            server.state.ask()
            settle(*servers)
    assert [it.values for it in servers] == [{"a": 2}, {"a": 2}]


def test_the_order_within_a_value_makes_no_difference(broker: BrokerModel) -> None:
    start(broker, {"a": {"is": 1, "by": 2}}, {"a": {"by": 2, "is": 1}})
    assert told(broker, "state") == []


def test_what_is_set_again_is_not_gone(broker: BrokerModel) -> None:
    one, two = start(broker, {}, {})
    for value in (1, None, 2):
        one.set("bo", value)
    one.set("cy", None)
    settle(one, two)
    for server in (one, two):
        assert '"cy"' in (gone := server.state.gone())
        assert '"bo"' not in gone


def test_what_is_forgotten_of_what_is_gone_is_gone_for_good(
    broker: BrokerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "MAX_GONE", 1)
    one, two = start(broker, {}, {})
    for name in ("al", "bo"):
        one.now += 1
        one.set(name, None)
    for _ in range(2):
        one.state.ask()
        settle(one, two)
    assert '"bo"' in (gone := one.state.gone())
    assert '"al"' not in gone


def test_only_the_last_change_is_said_to_stay(broker: BrokerModel) -> None:
    one, two = start(broker, {}, {})
    one.set("bo", 1)
    one.set("bo", 2)
    settle(one, two)
    assert one.kind.upheld == ["bo"]
    assert one.kind.changes == []
    assert two.kind.upheld == []


def test_one_that_met_another_is_put_once(
    broker: BrokerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = start(broker, {}, {})
    put = two.kind.put

    def put_late(key: str, change: Change) -> None:
        monkeypatch.setattr(two.kind, "put", put)
        two.set(key, "two")
        put(key, change)

    monkeypatch.setattr(two.kind, "put", put_late)
    one.set("bo", "one")
    settle(one, two)
    two.kind.changes.clear()
    two.set("bo", "again")
    settle(one, two)
    assert two.kind.changes == []
    assert one.values == two.values == {"bo": "again"}


def test_a_portion_is_as_long_as_it_may_be() -> None:
    values = [["v", at] for at in range(5)]  # eight bytes each
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "PORTION_BYTES", 16)
        assert [len(it) for it in shared._in_portions(values)] == [2, 2, 1]
        patch.setattr(shared, "PORTION_BYTES", 17)
        assert [len(it) for it in shared._in_portions(values)] == [3, 2]
    assert list(shared._in_portions([])) == []


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["set", "set", "drop", "cut", "link", "exchange", "wait", "flush"]),
        st.sampled_from("ab"),
    ),
    max_size=30,
)


@given(STEPS)
def test_in_the_end_all_have_the_same(steps: list[tuple[int, str, str]]) -> None:
    broker = BrokerModel()
    servers = start(broker, {"a": {"is": -1}}, {}, {"b": {"is": -2}})
    for number, (at, what, key) in enumerate(steps):
        server = servers[at]
        match what:
            case "set":
                server.set(key, number)
            case "drop":
                server.set(key, None)
            case "cut":
                server.cut()
            case "link":
                server.link()
            case "exchange":
                server.exchange()
            case "wait":
                server.now += 1.0
            case "flush":
                broker.flush()
    for _ in range(3):
        for server in servers:
            server.core.closed(server.now)
            server.core.opened(server.now)
        settle(*servers)
        for server in servers:
            server.now += 20.0
            server.state.look()
        settle(*servers)
    assert servers[0].values == servers[1].values == servers[2].values
    assert [it.failures for it in servers] == [[], [], []]
