"""The scripts on a real broker, compared with the model that the simulation uses."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.brokermodel import BrokerModel
from tests.support.redisserver import RedisServer, running_broker
from threadchat.link.lua import SCRIPTS
from threadchat.link.scripts import Keys, answer_of, arguments, entry_from, told_entry
from threadchat.link.wire import (
    Answer,
    Claim,
    Enter,
    Entered,
    Holding,
    Leave,
    LogEntry,
    MustEnter,
    NeedsTable,
    OtherFormat,
    Post,
    Posted,
    Release,
    Renew,
    Request,
    State,
    Sync,
    Update,
)
from threadchat.testing import DEADLINE


class Real:
    """The real broker, asked one thing at a time."""

    def __init__(self, server: RedisServer) -> None:
        self.client: Any = server.client()
        self.keys = Keys("t")
        self._scripts = {name: self.client.register_script(it) for name, it in SCRIPTS.items()}
        self._told: Any = self.client.pubsub()  # type: ignore[no-untyped-call]
        self._told.subscribe("told")
        assert self._told.get_message(timeout=DEADLINE)["type"] == "subscribe"

    def serve(self, request: Request) -> Answer:
        """Return the answer; each entry was told as it stands in the log."""
        top = self.client.xrevrange(self.keys.log, count=1)
        before = int(top[0][0].partition("-")[0]) if top else 0
        name, args = arguments(request, self.keys, "told", most_entries=1000)
        answer = answer_of(self._scripts[name](keys=self.keys.all, args=args))
        assert self._told_entries() == self.entries(before)
        return answer

    def _told_entries(self) -> list[LogEntry]:
        self.client.publish("told", "fence")
        found = []
        while (text := self._told.get_message(timeout=DEADLINE)["data"]) != "fence":
            found.append(told_entry(text))
        return found

    def close(self) -> None:
        self._told.close()
        self.client.close()

    def entries(self, after: int) -> list[LogEntry]:
        return [entry_from(*it) for it in self.client.xrange(self.keys.log, f"({after}-0")]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_broker() as server:
        yield server


@pytest.fixture
def real(server: RedisServer) -> Iterator[Real]:
    real = Real(server)
    real.client.flushall()
    with closing(real):
        yield real


def sorted_state(answer: Answer) -> Answer:
    """Return the answer with what it tells of the names in one order: a hash has none."""
    if isinstance(answer, Entered) and (state := answer.state) is not None:
        told = State(
            tuple(sorted(state.holdings, key=str)),
            tuple(sorted(state.linked)),
            tuple(sorted(state.known, key=str)),
        )
        return Entered(answer.epoch, answer.start, answer.head, answer.last, answer.is_new, told)
    return answer


NODES = st.sampled_from(["n1", "n2"])
FOLDS = st.sampled_from(["al", "a1", "bø", "\U0001f600"])
LOOKS = {"al": "al", "a1": "al", "bø": "bo", "\U0001f600": "x"}
PEOPLE = st.sampled_from(["p1", "p2"])
CLAIMS = st.builds(lambda fold, person: Claim(fold, LOOKS[fold], person, '{"a": 1}'), FOLDS, PEOPLE)
STEPS = st.one_of(
    CLAIMS,
    st.builds(Update, FOLDS, PEOPLE, st.sampled_from(["", "away / there"])),
    st.builds(Release, FOLDS, PEOPLE),
    st.builds(Sync, st.lists(CLAIMS, max_size=3).map(tuple)),
)


class Node:
    """What a node would know by now, as far as the model needs it for its next request."""

    def __init__(self) -> None:
        self.epoch, self.position, self.tail, self.number = "", 0, "", 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_the_scripts_do_what_the_model_does(real: Real, data: st.DataObject) -> None:
    real.client.flushall()
    model = BrokerModel()
    nodes = {"n1": Node(), "n2": Node()}
    epochs = count(1)
    for _ in range(data.draw(st.integers(1, 25))):
        name = data.draw(NODES)
        node = nodes[name]
        what = data.draw(
            st.sampled_from(["enter", "post", "post", "post", "read", "renew", "leave", "lose"])
        )
        request: Request
        match what:
            case "enter":
                table = data.draw(
                    st.sampled_from([None, (), (Holding("al", "al", "n1", "p1", "d"),)])
                )
                request = Enter(
                    name,
                    node.epoch,
                    node.position,
                    node.tail,
                    data.draw(st.integers(0, node.number)),
                    f"e{next(epochs)}",
                    data.draw(st.sampled_from([(), ("n1",), ("n2", "n9")])),
                    table,
                    data.draw(st.integers(0, 9)) == 0,
                )
            case "post":
                node.number += data.draw(st.sampled_from([0, 1, 1, 1, 2]))
                counts = data.draw(st.sampled_from([(), (("lobby", 2),), (("r", 1), ("r", 3))]))
                steps = tuple(data.draw(st.lists(STEPS, max_size=3)))
                request = Post(name, node.epoch, node.number, "{}", counts, steps, node.number * 2)
            case "read":
                entries = real.entries(node.position)
                assert entries == model.entries(node.position, 1000)
                if entries:
                    last = entries[-1]
                    node.epoch, node.position, node.tail = last.epoch, last.position, last.tail
                continue
            case "renew":
                request = Renew(name, node.epoch, node.position)
            case "leave":
                request = Leave(name, node.epoch)
            case _:
                if data.draw(st.booleans()):
                    real.client.flushall()
                    model.flush()
                else:
                    real.client.delete(real.keys.log)
                    model.lose_log()
                continue
        answer = real.serve(request)
        assert sorted_state(answer) == sorted_state(model.serve(request, 0.0))
        if isinstance(answer, Entered):
            node.number = max(node.number, answer.last)
            if answer.start != node.position or not node.epoch:
                node.epoch, node.position, node.tail = answer.epoch, answer.start, ""
    assert real.entries(0) == model.entries(0, 1000)
    assert set(real.client.hkeys("tc:{t}:names")) == set(model.data.names)
    assert real.client.hgetall("tc:{t}:looks") == model.data.looks


def begun(real: Real, *nodes: str) -> str:
    """Enter with each of `nodes`; return the epoch."""
    epoch = ""
    for node in nodes:
        answer = real.serve(Enter(node, "", 0, "", 0, "e1", (), ()))
        assert isinstance(answer, Entered)
        epoch = answer.epoch
    return epoch


def test_a_server_whose_lease_ends_is_gone(real: Real) -> None:
    epoch = begun(real, "n1", "n2")
    real.serve(Post("n2", epoch, 1, "{}", (), (Claim("al", "al", "p1", ""),)))
    assert 10_000 < real.client.pttl("tc:{t}:lease:n2") <= 15_000
    real.client.delete("tc:{t}:lease:n2")  # as the broker does when its time has come
    real.serve(Renew("n1", epoch, 2))
    assert [it.kind for it in real.entries(0)] == ["epoch", "post", "gone"]
    assert real.client.hgetall("tc:{t}:names") == {}
    assert isinstance(real.serve(Post("n2", epoch, 2, "{}")), MustEnter)
    assert isinstance(real.serve(Renew("n2", epoch, 2)), MustEnter)


def test_a_broker_that_was_started_again_begins_a_new_epoch(real: Real) -> None:
    begun(real, "n1")
    same = real.serve(Enter("n1", "e1", 1, "e1:epoch::0", 0, "e2", (), ()))
    assert isinstance(same, Entered)
    assert same.epoch == "e1"
    real.client.hset("tc:{t}:meta", "run", "that of another run")
    other = real.serve(Enter("n1", "e1", 1, "e1:epoch::0", 0, "e2", (), ()))
    assert isinstance(other, Entered)
    assert (other.epoch, other.start, other.head) == ("e2", 1, 2)


def test_a_broker_that_has_lost_how_many_lines_were_said_begins_a_new_epoch(real: Real) -> None:
    epoch = begun(real, "n1")
    real.serve(Post("n1", epoch, 1, "{}", (("lobby", 2),)))
    real.client.delete("tc:{t}:said")
    assert isinstance(real.serve(Post("n1", epoch, 2, "{}", (("lobby", 1),))), MustEnter)
    enter = Enter("n1", epoch, 1, f"{epoch}:epoch::0", 0, "e2", (), None)
    assert real.serve(enter) == NeedsTable()
    assert isinstance(entered := real.serve(replace(enter, table=())), Entered)
    assert entered.epoch == "e2"
    real.serve(Post("n1", "e2", 1, "{}", (("lobby", 2),)))
    real.serve(Post("n1", "e2", 2, "{}", (("lobby", 1), ("side", 1))))
    assert [it.firsts for it in real.entries(2)] == [(), (1,), (3, 1)]


def test_an_epoch_of_an_older_version_does_not_tell_that_it_is_lost(real: Real) -> None:
    epoch = begun(real, "n1")
    real.client.hdel("tc:{t}:meta", "counted")
    real.client.delete("tc:{t}:said")
    assert real.serve(Post("n1", epoch, 1, "{}", (("lobby", 2),))) == Posted()
    again = real.serve(Enter("n1", epoch, 1, f"{epoch}:epoch::0", 0, "e2", (), ()))
    assert isinstance(again, Entered)
    assert again.epoch == epoch


def test_what_another_program_put_right_behind_an_entry_is_taken_out(real: Real) -> None:
    epoch = begun(real, "n1")
    real.client.xadd(real.keys.log, {"some": "thing"}, id="1-7")
    again = real.serve(Enter("n1", epoch, 1, f"{epoch}:epoch::0", 0, "e2", (), ()))
    assert isinstance(again, Entered)
    assert again.epoch == epoch
    assert [it.kind for it in real.entries(0)] == ["epoch"]


def test_another_format_is_told(real: Real) -> None:
    begun(real, "n1")
    real.client.hset("tc:{t}:meta", "format", "9")
    assert real.serve(Enter("n2", "", 0, "", 0, "e2", (), ())) == OtherFormat("9")


def test_the_log_is_trimmed(real: Real) -> None:
    epoch = begun(real, "n1")
    for number in range(1, 1301):
        real.serve(Post("n1", epoch, number, "{}"))
    real.serve(Renew("n1", epoch, 1))
    assert 1000 <= real.client.xlen(real.keys.log) < 1200
