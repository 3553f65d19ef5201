"""A link whose connections fail where a test says so, by a model of the broker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.brokermodel import BrokerModel
from tests.support.waiting import run_concurrently, wait_until
from threadchat.link import link as link_module
from threadchat.link.absence import ReadUpTo
from threadchat.link.core import LinkCore, LinkLimits
from threadchat.link.deliveries import (
    Applied,
    Claimed,
    Delivery,
    LinkChanged,
    Noticed,
    Provisional,
    WentApart,
)
from threadchat.link.failures import BrokerFailed
from threadchat.link.link import Link
from threadchat.link.live import Answered, Arrival, Fetched
from threadchat.link.ownentries import Item
from threadchat.link.records import batch_text, notice_of, notice_text
from threadchat.link.wire import Answer, Claim, Enter, LogEntry, Release, Request, Update
from threadchat.messages.kinds import Say
from threadchat.net.threads import join
from threadchat.testing import DEADLINE

ANOTHER = "2"
"""The node of another server, which only a test speaks for."""


def batch(text: str) -> Item:
    return Item("r", batch_text("r", [Say("al", text, 1.0)]), 1, 1.0)


def notice(kind: str) -> Item:
    text = notice_text(kind, {})
    return Item(text=text, notice=notice_of(text))


class Connection:
    """Stands for a `BrokerConnection`, and for the `LiveConnection` that it becomes."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.is_closed = False
        self.is_behind = False
        self.fetched_after: list[int] = []
        self._to_do: list[Request | int] = []
        self._arrivals: list[Arrival] = []

    def do(self, what: str) -> None:
        self.world.did.append(what)
        self.world.harm(what, self)
        if self.is_closed:
            raise BrokerFailed("the connection is gone")

    def check(self) -> None:
        self.do("check")

    def load(self) -> None:
        self.do("load")

    def between(self, after: int, up_to: int | None) -> list[LogEntry]:
        self.do("between")
        entries = self.world.broker.entries(after, 9)
        return [it for it in entries if up_to is None or it.position <= up_to]

    def close(self) -> None:
        if self not in self.world.live:
            self.wake()

    def go_live(self) -> "Live":
        self.world.live.append(self)
        return Live(self)

    # As a live one

    def put(self, request: Request) -> None:
        self._to_do.append(request)

    def put_fetch(self, after: int) -> None:
        self._to_do.append(after)

    def flush(self) -> None:
        while self._to_do:
            it = self._to_do.pop(0)
            if isinstance(it, int):
                self.fetched_after.append(it)
                self.bring(Fetched(self.world.broker.entries(it, 9), is_end=True))
                self.do("fetch")
            else:
                answer = self.world.serve(it)
                self.bring(Answered(it, answer))
                self.do(type(it).__name__)

    def receive(self) -> list[Arrival]:
        self.do("receive")
        with self.world.changed:
            self.world.changed.wait_for(lambda: self.is_closed or bool(self._arrivals), DEADLINE)
            arrivals, self._arrivals = self._arrivals, []
        if self.is_closed:
            raise BrokerFailed("the connection is gone")
        return arrivals

    def bring(self, arrival: Arrival) -> None:
        with self.world.changed:
            self._arrivals.append(arrival)
            self.world.changed.notify_all()

    def wake(self) -> None:
        with self.world.changed:
            self.is_closed = True
            self.world.changed.notify_all()


class Live:
    """Stands for a `LiveConnection`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.close = connection.wake

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


class World:
    """A link, and all that it does with a broker."""

    def __init__(self, limits: LinkLimits, before: ReadUpTo | None) -> None:
        self.broker = BrokerModel()
        self.changed = threading.Condition()
        self.connections: list[Connection] = []
        self.live: list[Connection] = []
        self.did: list[str] = []
        self.told: list[Delivery] = []
        self.harms: dict[str, list[Callable[[Connection], object]]] = {}
        self.core = LinkCore("1", limits)
        self.link = Link("redis://broker", "c", self.core, self.told.append, before)

    def connect(self, url: str, keys: object) -> Connection:
        connection = Connection(self)
        self.connections.append(connection)
        connection.do("connect")
        return connection

    def serve(self, request: Request) -> Answer:
        """Have the broker serve something; all are told what it puts into the log by that."""
        with self.changed:
            before = len(self.broker.data.log)
            answer = self.broker.serve(request, 0.0)
            for entry in self.broker.data.log[before:]:
                for connection in self.live:
                    connection.bring(entry)
        return answer

    def on(self, what: str, *harms: Callable[[Connection], object]) -> None:
        """Have these done, one at a time, the next times that something is asked of the broker."""
        self.harms.setdefault(what, []).extend(harms)

    def harm(self, what: str, connection: Connection) -> None:
        if harms := self.harms.get(what):
            harms.pop(0)(connection)

    def say_elsewhere(self, text: str) -> None:
        """Let another server say something."""
        data = self.broker.data
        if ANOTHER not in data.read:
            enter = Enter(ANOTHER, "", 0, "", 0, "e0" * 8, (), ())
            self.serve(enter)
        core = LinkCore(ANOTHER)
        number = data.nodes[ANOTHER] + 1
        core._own.last = core._own._sent = core._own._read = number - 1
        core._epoch_now = data.epoch
        core.submit(batch(text))
        entry = core._own.take(0.0)
        assert entry is not None
        self.serve(core._post(entry))

    def wait_until_linked(self) -> None:
        wait_until(lambda: self.link.is_linked, "it is linked")

    def wait_for(self, *kinds: type) -> None:
        wait_until(lambda: any(isinstance(it, kinds) for it in self.told), f"{kinds} is told")

    @property
    def failures(self) -> list[str]:
        changes = [it for it in self.told if isinstance(it, LinkChanged)]
        return [it.failure for it in changes if it.failure]


def fail(_: object) -> None:
    raise BrokerFailed("harmed")


@contextmanager
def running(
    monkeypatch: pytest.MonkeyPatch,
    *,
    limits: LinkLimits | None = None,
    before: ReadUpTo | None = None,
    prepare: Callable[[World], object] = lambda world: None,
) -> Iterator[World]:
    world = World(limits or LinkLimits(patience=DEADLINE), before)
    monkeypatch.setattr(link_module, "BrokerConnection", world.connect)
    monkeypatch.setattr(link_module, "AGAIN_SECONDS", 0.001)
    prepare(world)
    world.link.start()
    try:
        yield world
    finally:
        world.link.close()


class TestApart:
    """What a link does at once where there is none, on the thread that asks for it."""

    @pytest.fixture
    def world(self) -> World:
        world = World(LinkLimits(), None)
        world.core.closed(0.0)
        world.core.tick(9.0)
        return world

    def test_what_is_said_is_shown_before_anything_else_is_done(self, world: World) -> None:
        item = batch("hi")
        world.link.submit(item)
        assert [it for it in world.told if not isinstance(it, LinkChanged)] == [
            WentApart(),
            Provisional(item),
        ]
        world.link.claim("al", "al", "p1", "")
        assert world.told[-1] == Claimed("p1", "al", True)
        assert world.link.is_apart

    def test_what_comes_later_is_left_to_a_thread_of_the_link(self, world: World) -> None:
        world.link.submit_later(notice("kick"))
        assert world.told == []
        world.link.submit(batch("hi"))
        kinds = [type(it) for it in world.told if not isinstance(it, LinkChanged)]
        assert kinds == [WentApart, Noticed, Provisional]

    def test_whoever_is_told_may_tell_more(self, world: World) -> None:
        told: list[Delivery] = []

        def take(delivery: Delivery) -> None:
            told.append(delivery)
            if isinstance(delivery, WentApart):
                world.link.submit(batch("more"))

        world.link._take = take
        run_concurrently([lambda: world.link.submit(batch("hi"))])
        texts = [it.item.text for it in told if isinstance(it, Provisional)]
        assert texts == [batch("hi").text, batch("more").text]

    def test_how_it_is_doing(self, world: World) -> None:
        world.link.submit(batch("hi"))
        state = world.link.state("c", {"a:1/00": 3})
        assert (state.cluster, state.servers, state.is_linked) == ("c", [], False)
        assert state.why == "the broker has not answered yet"
        assert state.lag is None
        assert state.waiting == world.core.waiting_bytes > 0


def test_a_stop_before_the_link_counts_as_gone_tells_what_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    item = batch("hi")
    with running(monkeypatch, prepare=lambda it: it.on("connect", *[fail] * 100_000)) as world:
        world.link.submit(item)
        assert not world.link.is_apart
    assert world.told.count(Provisional(item)) == 1


def test_its_state_names_the_servers_with_their_people(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch) as world:
        world.wait_until_linked()
        monkeypatch.setattr(LinkCore, "linked_nodes", frozenset({"b:1/00", "a:2/00"}))
        state = world.link.state("c", {"b:1/00": 3})
        assert state.servers == [("a:2", 0), ("b:1", 3)]
        assert state.is_linked
        assert state.why == ""


def test_what_there_is_to_send_is_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "TICK_SECONDS", 10 * DEADLINE)
    with running(monkeypatch) as world:
        link, log = world.link, world.broker.data.log

        def is_idle() -> bool:
            return bool(link._changed._waiters)  # type: ignore[attr-defined]

        world.wait_until_linked()
        actions: list[tuple[Callable[[], None], str | type]] = [
            (lambda: link.submit(batch("hello")), "hello"),
            (lambda: link.submit_later(notice("kick")), "kick"),
            (lambda: link.claim("al", "al", "p1", ""), Claim),
            (lambda: link.update("al", "p1", "away"), Update),
            (lambda: link.release("al", "p1"), Release),
        ]
        for action, sign in actions:
            wait_until(is_idle, "the sender waits")
            before = len(log)
            action()
            wait_until(lambda: len(log) > before, f"{sign} is sent")  # noqa: B023
            entry = log[-1]
            assert (
                sign in entry.payload if isinstance(sign, str) else isinstance(entry.steps[0], sign)
            )
            wait_until(lambda: link.read_up_to.position >= entry.position, "it is read")  # noqa: B023
        wait_until(is_idle, "the sender waits")
        link.close()
        assert "1" not in world.broker.data.read


def test_the_log_is_read_on_from_where_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(monkeypatch) as world:
        world.wait_until_linked()
        for text in ("one", "two"):
            world.link.submit(batch(text))
        wait_until(lambda: len(applied(world)) == 2, "both are read")
        # What is told in a row is not fetched.
        (after,) = world.connections[0].fetched_after
        assert after > 0


def applied(world: World) -> list[Applied]:
    return [it for it in list(world.told) if isinstance(it, Applied)]


@pytest.mark.parametrize("what", ["check", "load", "Enter", "receive", "fetch"])
def test_after_a_failure_the_connection_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    with running(monkeypatch, prepare=lambda it: it.on(what, fail)) as world:
        wait_until(lambda: len(world.connections) == 2, "a new one is made")
        world.wait_until_linked()
        assert [it.is_closed for it in world.connections] == [True, False]
        world.link.submit(batch("hi"))
        wait_until(lambda: len(applied(world)) == 1, "it is linked")
        assert "harmed" in world.failures
        last = next(it for it in reversed(world.told) if isinstance(it, LinkChanged))
        assert last == LinkChanged(True, frozenset(), "")


@pytest.mark.parametrize("what", ["connect", "Enter"])
def test_a_server_whose_connections_fail_always_goes_on_by_itself(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    limits = LinkLimits(patience=0.01)
    with running(
        monkeypatch, limits=limits, prepare=lambda it: it.on(what, *[fail] * 100_000)
    ) as world:
        world.wait_for(WentApart)
        assert world.link.is_apart


def test_a_broker_from_which_nothing_comes_back_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hold(connection: Connection) -> None:
        wait_until(lambda: connection.is_closed, "it is noticed")

    limits = LinkLimits(patience=0.05)
    with running(monkeypatch, limits=limits, prepare=lambda it: it.on("receive", hold)) as world:
        wait_until(lambda: len(world.connections) > 1, "a new connection is made")
        assert "the broker does not answer" in world.failures


def test_it_counts_from_the_start_how_long_there_is_no_link(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(link_module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def be_slow(_: object) -> None:
        now[0] += 3
        raise BrokerFailed("slow")

    prepare = lambda it: it.on("connect", be_slow, *[fail] * 100_000)  # noqa: E731
    with running(monkeypatch, limits=LinkLimits(patience=2.0), prepare=prepare) as world:
        world.wait_for(WentApart)


def test_what_a_dropped_connection_was_answered_is_not_taken() -> None:
    world = World(LinkLimits(), None)
    link, connection = world.link, Connection(world)
    with link._changed:
        link._core.closed(0.0)
        link._live = connection  # type: ignore[assignment]
        link._core.opened(0.0)
    link._send()

    def drop(_: object) -> None:
        with link._changed:
            link._fail(connection, "gone")  # type: ignore[arg-type]
        connection.is_closed = False

    world.on("receive", drop)
    link._receive_from(connection)  # type: ignore[arg-type]
    assert not link.is_linked
    assert link.read_up_to.epoch == ""


def test_a_connection_is_closed_that_was_dropped_before_it_was_received_from() -> None:
    world = World(LinkLimits(), None)
    link, live = world.link, [Live(Connection(world)) for _ in range(2)]
    with link._changed:
        link._made.extend(live)  # type: ignore[arg-type]
        link._is_closing = True
    link._receive_on()
    assert all(it.connection.is_closed for it in live)


def test_the_end_waits_for_both_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[tuple[str, float]] = []

    def note(thread: threading.Thread, timeout: float) -> None:
        joined.append((thread.name, timeout))
        join(thread, timeout)

    with running(monkeypatch) as world:
        world.wait_until_linked()
        monkeypatch.setattr(link_module, "join", note)
        world.link.close()
        monkeypatch.setattr(link_module, "join", join)
        assert [name for name, _ in joined] == ["threadchat link sender", "threadchat link reader"]
        assert all(0.0 < timeout <= 2.0 for _, timeout in joined)
        assert all(it.is_closed for it in world.connections)


def test_a_connection_that_is_made_at_the_end_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    is_loading = threading.Event()

    def prepare(world: World) -> None:
        def hold(_: object) -> None:
            is_loading.set()
            wait_until(lambda: world.link._is_closing, "the link is closed")

        world.on("load", hold)

    with running(monkeypatch, prepare=prepare) as world:
        assert is_loading.wait(DEADLINE)
        world.link.close()
        assert [it.is_closed for it in world.connections] == [True]
        assert not world.link.is_linked


class TestAbsence:
    """What an earlier run of the server has missed."""

    BEFORE = ReadUpTo("e0" * 8, 0, "", {ANOTHER: 0})

    @staticmethod
    def prepare(world: World) -> None:
        for text in ("one", "two"):
            world.say_elsewhere(text)

    def test_most_of_it_is_read_before_the_server_enters(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with running(monkeypatch, before=self.BEFORE, prepare=self.prepare) as world:
            world.wait_until_linked()
            world.say_elsewhere("three")
            wait_until(lambda: len(applied(world)) == 3, "all is read")
            assert [it.is_shown for it in applied(world)] == [True, True, False]
            did = [it for it in world.did if it in ("between", "Enter", "fetch")]
            assert did.index("between") < did.index("Enter")
            # All of it is read before what is said now.
            assert "between" in did[did.index("Enter") : did.index("fetch")]

    def test_it_is_told_as_it_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        known: list[int] = []

        def prepare(world: World) -> None:
            self.prepare(world)
            note = lambda _: known.append(len(applied(world)))  # noqa: E731
            world.on("Enter", note)

        with running(monkeypatch, before=self.BEFORE, prepare=prepare) as world:
            world.wait_until_linked()
            assert known == [2]

    def test_a_connection_that_fails_meanwhile_costs_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def prepare(world: World) -> None:
            self.prepare(world)

            def fail_next(_: object) -> None:
                world.on("between", fail)

            world.on("Enter", fail_next)

        with running(monkeypatch, before=self.BEFORE, prepare=prepare) as world:
            # What was missed at last is read by one of its own.
            wait_until(lambda: len(world.connections) == 4, "new connections are made")
            world.wait_until_linked()
            world.say_elsewhere("three")
            wait_until(lambda: len(applied(world)) == 3, "all is read")
            assert [it.is_closed for it in world.connections] == [True, True, False, True]
            assert "harmed" in world.failures
