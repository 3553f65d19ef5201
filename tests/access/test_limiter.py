"""What is counted of each address: connections, and wrong passwords."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.access.test_limits import HOMES
from tests.support.clock import Clock
from tests.support.waiting import run_concurrently
from threadchat.access.limiter import (
    CONNECTION_COST,
    FORGET_TRIES_AFTER,
    LONGEST_PAUSE,
    LONGEST_QUEUE,
    MAX_ADDRESSES,
    ConnectionLimiter,
    RequestLimiter,
    Tries,
)


class TestConnectionsAtOnce:
    def test_an_address_has_so_many_and_no_more(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(2, 0, clock)
        assert limiter.admit("10.0.0.1") is None
        assert limiter.admit("10.0.0.1") is None
        refusal = limiter.admit("10.0.0.1")
        assert refusal
        assert refusal.words == (
            "Too many connections from your address: at most 2 at once. Close one first."
        )
        assert limiter.admit("10.0.0.2") is None

    def test_who_closes_one_gets_in_again(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(1, 0, clock)
        for _ in range(3):
            assert limiter.admit("fd00::1") is None
            assert limiter.admit("fd00::1")
            limiter.release("fd00::1")

    def test_an_ipv4_address_is_the_same_on_either_kind_of_socket(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(1, 0, clock)
        assert limiter.admit("10.0.0.1") is None
        assert limiter.admit("::ffff:10.0.0.1")

    def test_out_in_the_world_each_ipv4_address_counts_by_itself(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(1, 0, clock)
        assert limiter.admit("203.0.113.5", "10.0.0.1") is None
        assert limiter.admit("203.0.113.6", "10.0.0.1") is None
        assert limiter.admit("203.0.113.5", "10.0.0.1")

    def test_out_in_the_world_a_64_counts_as_one(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(1, 0, clock)
        assert limiter.admit("2001:db8:0:1::1") is None
        assert limiter.admit("2001:db8:0:1:ffff::9")
        assert limiter.admit("2001:db8:0:2::1") is None
        limiter.release("2001:db8:0:1:77::")
        assert limiter.admit("2001:db8:0:1::2") is None

    def test_neighbours_with_global_addresses_count_by_themselves(self, clock: Clock) -> None:
        ours, one, other = (f"2001:db8:0:1::{number}" for number in "789")
        limiter = ConnectionLimiter(1, 0, clock)
        assert limiter.admit(one, ours) is None
        assert limiter.admit(one, ours)
        assert limiter.admit(other, ours) is None
        limiter.release(one, ours)
        assert limiter.admit(one, ours) is None

    @pytest.mark.parametrize(
        ("one", "other"), [("fe80::1%eth0", "fe80::2%eth0"), ("fd00::1", "fd00::2")]
    )
    def test_on_a_lan_each_address_counts_by_itself(
        self, one: str, other: str, clock: Clock
    ) -> None:
        limiter = ConnectionLimiter(1, 0, clock)
        assert limiter.admit(one) is None
        assert limiter.admit(other) is None
        assert limiter.admit(one)

    def test_without_limits_everybody_comes(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(0, 0, clock)
        assert not any(limiter.admit("10.0.0.1") for _ in range(5000))

    def test_many_threads_share_the_places(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(10, 0, clock)
        admitted: list[str] = []

        def come_and_go() -> None:
            for _ in range(500):
                if limiter.admit("10.0.0.1") is None:
                    limiter.release("10.0.0.1")
            if limiter.admit("10.0.0.1") is None:
                admitted.append("10.0.0.1")

        run_concurrently([come_and_go] * 16)
        assert 0 < len(admitted) <= 10
        for host in admitted:
            limiter.release(host)
        assert not limiter._open


class TestNewConnections:
    def connect(self, limiter: ConnectionLimiter, host: str = "10.0.0.1") -> bool:
        if limiter.admit(host):
            return False
        limiter.release(host)
        return True

    def test_a_minute_sees_so_many_and_no_more(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(0, 60, clock)
        for _ in range(60):
            assert self.connect(limiter)
            clock.now += 0.9
        refusal = limiter.admit("10.0.0.1")
        assert refusal
        assert refusal.words == (
            "Too many new connections from your address: at most 60 a minute."
            " Wait a minute, then try again."
        )
        assert self.connect(limiter, "10.0.0.2")

    def test_who_waits_a_minute_gets_in(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(0, 3, clock)
        for _ in range(1000):
            self.connect(limiter)
        for _ in range(5):
            clock.now += 60
            assert self.connect(limiter)

    def test_who_comes_slowly_enough_gets_in_again_without_waiting(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(0, 3, clock)
        for _ in range(100):
            self.connect(limiter)
        entered = []
        for _ in range(10):
            clock.now += 25
            entered.append(self.connect(limiter))
        assert entered == [False, False] + [True] * 8

    def test_who_hammers_stays_out(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(0, 3, clock)
        entered = 0
        for _ in range(600):
            entered += self.connect(limiter)
            clock.now += 1
        assert entered == 3

    def test_turned_away_for_one_reason_still_counts_for_the_other(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(1, 3, clock)
        refusals = [limiter.admit("10.0.0.1") for _ in range(4)]
        assert [refusal and refusal.why for refusal in refusals] == [
            None,
            "too many connections from there",
            "too many connections from there",
            "too many new connections from there",
        ]

    def test_addresses_are_forgotten_after_a_minute(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(0, 3, clock)
        for number in range(100):
            self.connect(limiter, f"10.0.0.{number}")
        clock.now += 60
        self.connect(limiter, "10.0.1.1")
        assert len(limiter._recent) == 1

    def test_addresses_without_number_take_bounded_room(self, clock: Clock) -> None:
        limiter = ConnectionLimiter(0, 1, clock)
        for number in range(MAX_ADDRESSES + 500):
            assert self.connect(limiter, f"10.1.{number // 250}.{number % 250}")
        assert len(limiter._recent) == MAX_ADDRESSES
        assert not limiter._open
        assert not self.connect(limiter, "10.1.18.1")  # the server still knows one of the last

    @given(
        st.lists(st.tuples(st.sampled_from(HOMES), st.floats(0, 40)), max_size=60),
        st.integers(1, 4),
    )
    def test_no_minute_sees_more(self, arrivals: list[tuple[str, float]], limit: int) -> None:
        clock = Clock()
        limiter = ConnectionLimiter(0, limit, clock)
        entered: list[tuple[str, float]] = []
        for host, pause in arrivals:
            clock.now += pause
            if self.connect(limiter, host):
                entered.append((host, clock.now))
        for _, begin in entered:
            minute = Counter(host for host, at in entered if begin <= at < begin + 60)
            assert max(minute.values()) <= limit


class TestRequests:
    """With 60 clients a minute: 60 requests at once, then 20 a second."""

    def test_a_page_never_waits(self, clock: Clock) -> None:
        limiter = RequestLimiter(60, clock)
        for _ in range(6):
            assert limiter.admit("192.0.2.1")
        assert [limiter.delay_after("192.0.2.1") for _ in range(20)] == [0.0] * 20

    def test_many_connections_share_what_one_may_ask(self, clock: Clock) -> None:
        limiter = RequestLimiter(60, clock)
        assert limiter.delay_after("192.0.2.1", cost=60.0) == 0
        for waiting in range(1, 65):
            assert limiter.delay_after("192.0.2.1") == pytest.approx(waiting / 20)
        clock.now += 1.2
        assert limiter.delay_after("192.0.2.1", cost=0.0) == pytest.approx(2.0)
        clock.now += 100
        assert limiter.delay_after("192.0.2.1", cost=61.0) == pytest.approx(1 / 20)

    def test_no_more_connections_wait_than_can_be_served_soon(self, clock: Clock) -> None:
        limiter, number = RequestLimiter(60, clock), 0
        while limiter.admit("192.0.2.1"):
            number += 1
        assert number == (60 + 20 * LONGEST_QUEUE) / CONNECTION_COST
        assert limiter.admit("192.0.2.2")
        clock.now += 1  # who hammers meanwhile makes it no later
        assert [limiter.admit("192.0.2.1") for _ in range(11)] == [True] * 10 + [False]

    def test_without_a_limit_nobody_waits(self, clock: Clock) -> None:
        limiter = RequestLimiter(0, clock)
        assert limiter.delay_after("192.0.2.1", cost=1e9) == 0
        assert limiter.admit("192.0.2.1")

    def test_addresses_without_number_take_bounded_room(self, clock: Clock) -> None:
        limiter = RequestLimiter(60, clock)
        for number in range(MAX_ADDRESSES + 5):
            limiter.delay_after(f"10.0.{number // 256}.{number % 256}")
        assert len(limiter._recent) == MAX_ADDRESSES


class TestTries:
    def guess(self, tries: Tries, clock: Clock, host: str = "10.0.0.1") -> float:
        """Try as soon as it is allowed; return how long that took."""
        begin = clock.now
        while delay := tries.delay_for(host):
            clock.now += delay
        return clock.now - begin

    def test_each_wrong_one_makes_the_next_wait_twice_as_long(self, clock: Clock) -> None:
        tries = Tries(clock)
        waits = [self.guess(tries, clock) for _ in range(9)]
        assert waits == [0, 1, 2, 4, 8, 16, 30, 30, 30]

    def test_any_number_of_wrong_ones_wait_no_longer(self, clock: Clock) -> None:
        tries = Tries(clock)
        assert max(self.guess(tries, clock) for _ in range(3000)) == LONGEST_PAUSE

    def test_another_address_waits_for_nobody(self, clock: Clock) -> None:
        tries = Tries(clock)
        for _ in range(5):
            self.guess(tries, clock)
        assert tries.delay_for("10.0.0.2") == 0

    def test_a_right_one_costs_nobody_anything(self, clock: Clock) -> None:
        tries = Tries(clock)
        for _ in range(30):
            assert tries.delay_for("10.0.0.1") == 0
            tries.succeeded("10.0.0.1")
        assert [self.guess(tries, clock) for _ in range(3)] == [0, 1, 2]

    def test_a_right_one_does_not_wipe_out_the_wrong_ones(self, clock: Clock) -> None:
        tries = Tries(clock)
        waits = []
        for _ in range(5):
            self.guess(tries, clock)
            tries.succeeded("10.0.0.1")
            waits.append(self.guess(tries, clock))
            clock.now += LONGEST_PAUSE
        assert self.guess(tries, clock) == 0
        assert tries.delay_for("10.0.0.1") == LONGEST_PAUSE

    def test_ten_quiet_minutes_make_all_good(self, clock: Clock) -> None:
        tries = Tries(clock)
        for _ in range(6):
            self.guess(tries, clock)
        clock.now += FORGET_TRIES_AFTER
        assert [self.guess(tries, clock) for _ in range(2)] == [0, 1]

    def test_many_connections_are_as_slow_as_one(self, clock: Clock) -> None:
        tries = Tries(clock)
        for seconds in (0, 1, 2, 4, 8, 16, 30, 30):
            clock.now += seconds
            granted: list[float] = []

            def ask(granted: list[float] = granted) -> None:
                granted.append(tries.delay_for("10.0.0.1"))

            run_concurrently([ask] * 20)
            assert sorted(delay == 0 for delay in granted) == [False] * 19 + [True]

    def test_asking_too_early_makes_it_no_later(self, clock: Clock) -> None:
        tries = Tries(clock)
        for _ in range(4):
            self.guess(tries, clock)
        for left in (8, 7, 6, 5, 4, 3, 2, 1, 0):
            assert tries.delay_for("10.0.0.1") == left
            clock.now += 1

    def test_addresses_without_number_take_bounded_room(self, clock: Clock) -> None:
        tries = Tries(clock)
        for number in range(MAX_ADDRESSES + 500):
            tries.delay_for(f"10.1.{number // 250}.{number % 250}")
        assert len(tries._tries) == MAX_ADDRESSES

    def test_success_after_being_forgotten_is_no_error(self, clock: Clock) -> None:
        tries = Tries(clock)
        tries.succeeded("10.0.0.1")
        assert [self.guess(tries, clock) for _ in range(3)] == [0, 1, 2]
