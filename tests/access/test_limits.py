from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import run_concurrently
from threadchat.access.flood import BYTES_A_LINE, FloodGuard, parse_flood
from threadchat.access.limiter import (
    FORGET_TRIES_AFTER,
    LONGEST_PAUSE,
    MAX_ADDRESSES,
    ConnectionLimiter,
    Tries,
)
from threadchat.access.limits import parse_allowed


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


HOMES = ["192.168.1.7", "10.0.0.1", "fd00::1", "fe80::1%eth0", "2001:db8::1", "203.0.113.9"]


class TestAllowed:
    @pytest.mark.parametrize(
        "host",
        [
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.7",
            "127.0.0.1",
            "169.254.3.4",
            "::1",
            "fe80::1%eth0",
            "fd00::7",
            "fc00::1",
            "::ffff:192.168.1.7",
            "::ffff:127.0.0.1",
        ],
    )
    def test_the_lan_is_served(self, host: str) -> None:
        assert parse_allowed(["lan"]).admits(host)

    @pytest.mark.parametrize(
        "host",
        [
            "8.8.8.8",
            "172.15.255.255",
            "172.32.0.0",
            "192.169.0.1",
            "100.64.0.1",  # shared out by carriers: a stranger's
            "192.0.2.1",  # `ipaddress` calls this and the next three private
            "198.18.0.1",
            "0.0.0.0",
            "2001:db8::1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "fec0::1",
        ],
    )
    def test_strangers_are_not(self, host: str) -> None:
        assert not parse_allowed(["lan"]).admits(host)
        assert parse_allowed(["any"]).admits(host)

    @pytest.mark.parametrize(
        "values",
        [
            ["192.168.1.0/24", "2001:db8::/32", "100.64.0.1"],
            ["192.168.1.0/24,2001:db8::/32", " 100.64.0.1 "],
            ["192.168.1.77/24, 2001:DB8::1/32", "::ffff:100.64.0.1"],
            ["192.168.1.0/255.255.255.0", "::ffff:100.64.0.0/127", "2001:db8::/32"],
        ],
    )
    def test_networks_can_be_named_in_many_ways(self, values: Sequence[str]) -> None:
        allowed = parse_allowed(values)
        for host in ("192.168.1.7", "::ffff:192.168.1.7", "2001:db8:5::1", "100.64.0.1"):
            assert allowed.admits(host)
        for host in ("192.168.2.7", "10.0.0.1", "127.0.0.1", "::1", "2001:db9::1", "100.64.0.2"):
            assert not allowed.admits(host)

    def test_one_more_network_comes_on_top_of_the_lan(self) -> None:
        allowed = parse_allowed(["LAN", "100.64.0.0/10"])
        assert allowed.admits("192.168.1.7")
        assert allowed.admits("100.100.1.1")

    @pytest.mark.parametrize(
        "values", [["wan"], [""], [], ["lan,"], ["192.168.1.0/33"], ["300.1.1.1"], ["lan", "a b"]]
    )
    def test_what_is_no_network_gets_a_line(self, values: Sequence[str]) -> None:
        with pytest.raises(
            ValueError, match="is neither lan, any, nor a network such as"
        ) as caught:
            parse_allowed(values)
        assert "\n" not in str(caught.value)


class TestConnectionsAtOnce:
    def test_an_address_has_so_many_and_no_more(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(2, 0, clock)
        assert limiter.admit("10.0.0.1") is None
        assert limiter.admit("10.0.0.1") is None
        refusal = limiter.admit("10.0.0.1")
        assert refusal
        assert refusal.words == (
            "Too many connections from your address: at most 2 at once. Close one first."
        )
        assert limiter.admit("10.0.0.2") is None

    def test_who_closes_one_gets_in_again(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(1, 0, clock)
        for _ in range(3):
            assert limiter.admit("fd00::1") is None
            assert limiter.admit("fd00::1")
            limiter.release("fd00::1")

    def test_an_ipv4_address_is_the_same_on_either_kind_of_socket(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(1, 0, clock)
        assert limiter.admit("10.0.0.1") is None
        assert limiter.admit("::ffff:10.0.0.1")

    def test_out_in_the_world_a_64_counts_as_one(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(1, 0, clock)
        assert limiter.admit("2001:db8:0:1::1") is None
        assert limiter.admit("2001:db8:0:1:ffff::9")
        assert limiter.admit("2001:db8:0:2::1") is None
        limiter.release("2001:db8:0:1:77::")
        assert limiter.admit("2001:db8:0:1::2") is None

    @pytest.mark.parametrize(
        ("one", "other"), [("fe80::1%eth0", "fe80::2%eth0"), ("fd00::1", "fd00::2")]
    )
    def test_on_a_lan_each_address_counts_by_itself(
        self, one: str, other: str, clock: FakeClock
    ) -> None:
        limiter = ConnectionLimiter(1, 0, clock)
        assert limiter.admit(one) is None
        assert limiter.admit(other) is None
        assert limiter.admit(one)

    def test_without_limits_everybody_comes(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(0, 0, clock)
        assert not any(limiter.admit("10.0.0.1") for _ in range(5000))

    def test_many_threads_share_the_places(self, clock: FakeClock) -> None:
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

    def test_a_minute_sees_so_many_and_no_more(self, clock: FakeClock) -> None:
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

    def test_who_waits_a_minute_gets_in(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(0, 3, clock)
        for _ in range(1000):
            self.connect(limiter)
        for _ in range(5):
            clock.now += 60
            assert self.connect(limiter)

    def test_who_comes_slowly_enough_gets_in_again_without_waiting(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(0, 3, clock)
        for _ in range(100):
            self.connect(limiter)
        entered = []
        for _ in range(10):
            clock.now += 25
            entered.append(self.connect(limiter))
        assert entered == [False, False] + [True] * 8

    def test_who_hammers_stays_out(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(0, 3, clock)
        entered = 0
        for _ in range(600):
            entered += self.connect(limiter)
            clock.now += 1
        assert entered == 3

    def test_turned_away_for_one_reason_still_counts_for_the_other(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(1, 3, clock)
        refusals = [limiter.admit("10.0.0.1") for _ in range(4)]
        assert [refusal and refusal.why for refusal in refusals] == [
            None,
            "too many connections from there",
            "too many connections from there",
            "too many new connections from there",
        ]

    def test_addresses_are_forgotten_after_a_minute(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(0, 3, clock)
        for number in range(100):
            self.connect(limiter, f"10.0.0.{number}")
        clock.now += 60
        self.connect(limiter, "10.0.1.1")
        assert len(limiter._recent) == 1

    def test_addresses_without_number_take_bounded_room(self, clock: FakeClock) -> None:
        limiter = ConnectionLimiter(0, 1, clock)
        for number in range(MAX_ADDRESSES + 500):
            assert self.connect(limiter, f"10.1.{number // 250}.{number % 250}")
        assert len(limiter._recent) == MAX_ADDRESSES
        assert not limiter._open
        assert not self.connect(limiter, "10.1.18.1")  # one of the last is known still

    @given(
        st.lists(st.tuples(st.sampled_from(HOMES), st.floats(0, 40)), max_size=60),
        st.integers(1, 4),
    )
    def test_no_minute_sees_more(self, arrivals: list[tuple[str, float]], limit: int) -> None:
        clock = FakeClock()
        limiter = ConnectionLimiter(0, limit, clock)
        entered: list[tuple[str, float]] = []
        for host, pause in arrivals:
            clock.now += pause
            if self.connect(limiter, host):
                entered.append((host, clock.now))
        for _, begin in entered:
            minute = Counter(host for host, at in entered if begin <= at < begin + 60)
            assert max(minute.values()) <= limit


class TestFloodGuard:
    def test_a_burst_passes_and_then_two_a_second(self, clock: FakeClock) -> None:
        guard = FloodGuard(10, 2, clock)
        delays = []
        for number in range(30):
            delays.append(guard.delay_for(f"line {number}"))
            clock.now += delays[-1]
        assert delays == [0.0] * 10 + [0.5] * 20

    def test_a_pause_brings_the_burst_back(self, clock: FakeClock) -> None:
        guard = FloodGuard(3, 1, clock)
        for _ in range(2):
            assert [guard.delay_for(word) for word in ("a", "b", "c", "d")] == [0, 0, 0, 1]
            clock.now += 4

    def test_no_pause_brings_more_than_the_burst(self, clock: FakeClock) -> None:
        guard = FloodGuard(2, 1, clock)
        clock.now += 3600
        assert [guard.delay_for(word) for word in ("a", "b", "c")] == [0, 0, 1]

    def test_a_long_line_counts_by_its_bytes(self, clock: FakeClock) -> None:
        guard = FloodGuard(1, 1, clock)
        assert guard.delay_for("x" * BYTES_A_LINE) == 0
        assert guard.delay_for("y" * BYTES_A_LINE) == 1
        assert guard.delay_for("z" * BYTES_A_LINE * 3) == 4
        assert guard.delay_for("\u20ac" * BYTES_A_LINE) == 7

    def test_the_same_line_again_and_again_counts_twice(self, clock: FakeClock) -> None:
        guard = FloodGuard(1, 1, clock)
        assert [guard.delay_for("spam") for _ in range(5)] == [0, 1, 3, 5, 7]
        assert [guard.delay_for(word) for word in ("eggs", "spam", "spam")] == [8, 9, 10]
        assert guard.delay_for("spam") == 12

    def test_what_costs_counts_by_its_weight(self, clock: FakeClock) -> None:
        guard = FloodGuard(10, 2, clock)
        assert guard.delay_for("/search a", weight=5) == 0
        assert guard.delay_for("/search b", weight=5) == 0
        assert guard.delay_for("/search c", weight=5) == 2.5

    def test_half_a_character_is_no_error(self, clock: FakeClock) -> None:
        assert FloodGuard(1, 1, clock).delay_for("\ud800") == 0

    @given(
        st.lists(
            st.tuples(
                st.floats(0, 3),
                st.one_of(st.sampled_from(["a", "b"]), st.text(max_size=1000)),
                st.sampled_from([1.0, 3.0]),
            ),
            max_size=40,
        ),
        st.integers(1, 12),
        st.floats(0.01, 50),
    )
    def test_no_window_sees_more_than_the_burst_and_the_rate(
        self, lines: list[tuple[float, str, float]], burst: int, rate: float
    ) -> None:
        clock = FakeClock()
        guard = FloodGuard(burst, rate, clock)
        served: list[tuple[float, float]] = []
        for pause, line, weight in lines:
            clock.now += pause
            delay = guard.delay_for(line, weight)
            assert delay >= 0
            clock.now += delay
            served.append((clock.now, weight * max(1, len(line.encode()) / BYTES_A_LINE)))
        for first, (begin, least) in enumerate(served):
            cost = 0.0
            for at, one in served[first:]:
                cost += one
                # A single line may count for more than the burst.
                assert cost <= max(burst, least) + rate * (at - begin) + 1e-6 * (1 + rate)

    @pytest.mark.parametrize(
        ("text", "flood"),
        [
            ("10/2", (10, 2)),
            ("1/0.5", (1, 0.5)),
            (" 100 / 50 ", (100, 50)),
            ("off", None),
            ("OFF", None),
        ],
    )
    def test_it_is_set_as_burst_and_rate(
        self, text: str, flood: tuple[float, float] | None
    ) -> None:
        assert parse_flood(text) == flood

    @pytest.mark.parametrize("text", ["", "10", "10/", "/2", "ten/two", "10/2/3", "on", "10 2"])
    def test_what_is_no_flood_gets_a_line(self, text: str) -> None:
        with pytest.raises(ValueError, match="is neither off nor BURST/RATE; 10/2 is ten lines"):
            parse_flood(text)

    @pytest.mark.parametrize("text", ["0/2", "-1/2", "10/0", "10/-2", "nan/2", "10/nan", "inf/inf"])
    def test_nonsense_gets_a_line(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"is out of bounds: 1/0\.01 is the least"):
            parse_flood(text)


class TestTries:
    def guess(self, tries: Tries, clock: FakeClock, host: str = "10.0.0.1") -> float:
        """Try as soon as it is allowed; return how long that took."""
        begin = clock.now
        while delay := tries.delay_for(host):
            clock.now += delay
        return clock.now - begin

    def test_each_wrong_one_makes_the_next_wait_twice_as_long(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        waits = [self.guess(tries, clock) for _ in range(9)]
        assert waits == [0, 1, 2, 4, 8, 16, 30, 30, 30]

    def test_any_number_of_wrong_ones_wait_no_longer(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        assert max(self.guess(tries, clock) for _ in range(3000)) == LONGEST_PAUSE

    def test_another_address_waits_for_nobody(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        for _ in range(5):
            self.guess(tries, clock)
        assert tries.delay_for("10.0.0.2") == 0

    def test_a_right_one_costs_nobody_anything(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        for _ in range(30):
            assert tries.delay_for("10.0.0.1") == 0
            tries.succeeded("10.0.0.1")

    def test_a_right_one_does_not_wipe_out_the_wrong_ones(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        waits = []
        for _ in range(5):
            self.guess(tries, clock)
            tries.succeeded("10.0.0.1")
            waits.append(self.guess(tries, clock))
            clock.now += LONGEST_PAUSE
        assert self.guess(tries, clock) == 0
        assert tries.delay_for("10.0.0.1") == LONGEST_PAUSE

    def test_ten_quiet_minutes_make_all_good(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        for _ in range(6):
            self.guess(tries, clock)
        clock.now += FORGET_TRIES_AFTER
        assert [self.guess(tries, clock) for _ in range(2)] == [0, 1]

    def test_many_connections_are_as_slow_as_one(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        for seconds in (0, 1, 2, 4, 8, 16, 30, 30):
            clock.now += seconds
            granted: list[float] = []

            def ask(granted: list[float] = granted) -> None:
                granted.append(tries.delay_for("10.0.0.1"))

            run_concurrently([ask] * 20)
            assert sorted(delay == 0 for delay in granted) == [False] * 19 + [True]

    def test_asking_too_early_makes_it_no_later(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        for _ in range(4):
            self.guess(tries, clock)
        for left in (8, 7, 6, 5, 4, 3, 2, 1, 0):
            assert tries.delay_for("10.0.0.1") == left
            clock.now += 1

    def test_addresses_without_number_take_bounded_room(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        for number in range(MAX_ADDRESSES + 500):
            tries.delay_for(f"10.1.{number // 250}.{number % 250}")
        assert len(tries._tries) == MAX_ADDRESSES

    def test_success_after_being_forgotten_is_no_error(self, clock: FakeClock) -> None:
        tries = Tries(clock)
        tries.succeeded("10.0.0.1")
        assert [self.guess(tries, clock) for _ in range(3)] == [0, 1, 2]
