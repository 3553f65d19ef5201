"""A client that sends too fast is slowed down, and nothing it said is lost."""

import threading
from dataclasses import replace
from typing import cast

import pytest

from tests.support.chats import Somebody
from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.servers import run_server
from threadchat.access.flood import INPUT_BURST, FloodGuard
from threadchat.session.floodcontrol import LAST_LINES_SECONDS, TOLD_SECONDS, FloodControl
from threadchat.session.interfaces import ClientConnection
from threadchat.testing import DEADLINE, UNLIMITED


class TestFlood:
    def test_what_comes_too_fast_is_all_served_but_slowly(self) -> None:
        limits = replace(UNLIMITED, flood=(3.0, 5.0))
        lines = [f"line {number}" for number in range(8)]
        with (
            run_server(limits=limits) as (server, _),
            Client(server, "bo") as bo,
            Client(server, "al") as al,
        ):
            al.type("\n".join(lines))
            al.expect("=== That was fast: what you send is served line by line")
            heard = bo.expect(f"al: {lines[-1]}\r\n")
            assert [f"al: {line}" for line in lines] == heard.splitlines()[-8:]
            al.type("/quit")
            assert "That was fast" not in al.expect_end()

    def test_a_paste_into_a_connection_that_then_closes_is_not_lost(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 50.0))
        with run_server(limits=limits) as (server, _), Client(server, "bo") as bo:
            al = Client(server)
            al.send(b"al\n" + b"".join(b"line %d\n" % number for number in range(10)))
            al.expect("Welcome")
            al.socket.shutdown(1)
            bo.expect("al: line 9\r\n")
            al.close()

    def test_a_stop_does_not_wait_for_them(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 0.01))
        with run_server(limits=limits) as (server, console), Client(server) as al:
            al.type("al\nhi\nthere")
            al.expect("=== That was fast")
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            stopper.join(DEADLINE)
            assert not stopper.is_alive()
            assert console.next_disconnect().why == "server stopping"

    def test_nor_does_a_connection_that_breaks(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 0.01))
        with run_server(limits=limits) as (server, console), Client(server) as al:
            al.type("al\nhi\nthere")
            al.expect("=== That was fast")
            al.reset()
            assert console.next_disconnect().name == "al"


class Waiting:
    """A client's connection that only waits, on the clock of the test."""

    def __init__(self, clock: Clock) -> None:
        self.person = Somebody(1)
        self.pauses: list[float] = []
        self.has_ended = False
        self.is_gone = False
        self._clock = clock

    def is_at_end(self) -> bool:
        return self.has_ended

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self._clock.now += seconds
        return not self.is_gone


class TestInputThatIsNoLine:
    @pytest.fixture
    def waiting(self, clock: Clock) -> Waiting:
        return Waiting(clock)

    @pytest.fixture
    def control(self, clock: Clock, waiting: Waiting) -> FloodControl:
        return FloodControl(10.0, 2.0, clock, cast(ClientConnection, waiting))

    def test_it_waits_for_its_cost(self, control: FloodControl, waiting: Waiting) -> None:
        assert control.wait_for_input(INPUT_BURST)
        assert waiting.pauses == []
        for _ in range(40):
            assert control.wait_for_input(1.0)
        # Ten lines and a half were free, but for the time that they took.
        assert sum(waiting.pauses) == pytest.approx((40.5 - 10) / 2)

    def test_lines_pay_for_it_and_it_pays_for_lines(
        self, control: FloodControl, waiting: Waiting
    ) -> None:
        for number in range(10):
            assert control.wait_for(f"line {number}")
        assert control.wait_for_input(INPUT_BURST)
        assert waiting.pauses == [pytest.approx(INPUT_BURST / 2)]
        assert control.wait_for("one more")
        assert waiting.pauses[1:] == [pytest.approx(0.5)]

    def test_the_client_is_told_once_and_not_of_what_it_hardly_sees(
        self, control: FloodControl, waiting: Waiting
    ) -> None:
        assert control.wait_for_input(INPUT_BURST + 5.0)
        assert 0 < waiting.pauses[-1] < TOLD_SECONDS
        assert waiting.person.lines() == []
        for _ in range(3):
            assert control.wait_for_input(10.0)
        assert [line[:20] for line in waiting.person.lines()] == ["=== That was fast: w"]

    def test_a_client_that_is_gone_is_not_waited_for(
        self, control: FloodControl, waiting: Waiting
    ) -> None:
        waiting.is_gone = True
        assert control.wait_for_input(INPUT_BURST)
        assert not control.wait_for_input(1.0)

    def test_after_the_end_of_its_input_the_waits_are_bounded(
        self, control: FloodControl, waiting: Waiting
    ) -> None:
        waiting.has_ended = True
        while control.wait_for_input(10.0):
            pass
        assert LAST_LINES_SECONDS - 10 < sum(waiting.pauses) <= LAST_LINES_SECONDS


class TestBounds:
    """What happens just when so many seconds have been waited."""

    @pytest.fixture
    def waiting(self, clock: Clock) -> Waiting:
        return Waiting(clock)

    @pytest.fixture
    def control(
        self, clock: Clock, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
    ) -> FloodControl:
        """Flood control that has all wait for a quarter of the bound."""
        delay = TOLD_SECONDS / 4
        monkeypatch.setattr(FloodGuard, "delay_for_input", lambda *_: delay)
        monkeypatch.setattr(FloodGuard, "delay_for", lambda *_: LAST_LINES_SECONDS / 4)
        return FloodControl(10.0, 2.0, clock, cast(ClientConnection, waiting))

    def test_a_client_is_told_only_after_more_than_that(
        self, control: FloodControl, waiting: Waiting
    ) -> None:
        for _ in range(4):
            assert control.wait_for_input(1.0)
        assert waiting.person.lines() == []
        assert control.wait_for_input(1.0)
        assert len(waiting.person.lines()) == 1

    def test_one_that_has_ended_is_served_for_just_that_long(
        self, control: FloodControl, waiting: Waiting
    ) -> None:
        waiting.has_ended = True
        assert [control.wait_for(f"{number}") for number in range(5)] == [True] * 4 + [False]
        assert sum(waiting.pauses) == LAST_LINES_SECONDS
        waiting.has_ended = False
        assert control.wait_for("more")
