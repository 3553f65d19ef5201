"""How long a client that sends too fast has to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import Clock
from threadchat.access.flood import (
    BYTES_A_LINE,
    CHUNK_COST,
    INPUT_BURST,
    INPUT_SPEED,
    LEAST_DELAY,
    USUAL_RATE,
    FloodGuard,
    parse_flood,
)


class TestFloodGuard:
    def test_a_burst_passes_and_then_two_a_second(self, clock: Clock) -> None:
        guard = FloodGuard(10, 2, clock)
        delays = []
        for number in range(30):
            delays.append(guard.delay_for(f"line {number}"))
            clock.now += delays[-1]
        assert delays == [0.0] * 10 + [0.5] * 20

    def test_a_pause_brings_the_burst_back(self, clock: Clock) -> None:
        guard = FloodGuard(3, 1, clock)
        for _ in range(2):
            assert [guard.delay_for(word) for word in ("a", "b", "c", "d")] == [0, 0, 0, 1]
            clock.now += 4

    def test_no_pause_brings_more_than_the_burst(self, clock: Clock) -> None:
        guard = FloodGuard(2, 1, clock)
        clock.now += 3600
        assert [guard.delay_for(word) for word in ("a", "b", "c")] == [0, 0, 1]

    def test_a_long_line_counts_by_its_bytes(self, clock: Clock) -> None:
        guard = FloodGuard(1, 1, clock)
        assert guard.delay_for("x" * BYTES_A_LINE) == 0
        assert guard.delay_for("y" * BYTES_A_LINE) == 1
        assert guard.delay_for("z" * BYTES_A_LINE * 3) == 4
        assert guard.delay_for("\u20ac" * BYTES_A_LINE) == 7

    def test_the_same_line_again_and_again_counts_twice(self, clock: Clock) -> None:
        guard = FloodGuard(1, 1, clock)
        assert [guard.delay_for("spam") for _ in range(5)] == [0, 1, 3, 5, 7]
        assert [guard.delay_for(word) for word in ("eggs", "spam", "spam")] == [8, 9, 10]
        assert guard.delay_for("spam") == 12

    def test_an_empty_line_first_is_no_repeat(self, clock: Clock) -> None:
        guard = FloodGuard(1, 1, clock)
        assert [guard.delay_for("") for _ in range(3)] == [0, 1, 3]

    def test_a_wait_of_just_so_long_is_no_short_one(self, clock: Clock) -> None:
        guard = FloodGuard(1, 1, clock)
        guard._tokens = guard._input_tokens = 0.0
        assert guard.delay_for_input(2 * LEAST_DELAY) == LEAST_DELAY

    def test_what_costs_counts_by_its_cost(self, clock: Clock) -> None:
        guard = FloodGuard(10, 2, clock)
        assert guard.delay_for("/search a", cost=5) == 0
        assert guard.delay_for("/search b", cost=5) == 0
        assert guard.delay_for("/search c", cost=5) == 2.5

    def test_input_that_is_no_line_counts_in_the_same_bucket(self, clock: Clock) -> None:
        guard = FloodGuard(10, USUAL_RATE, clock)
        for _ in range(20):
            assert guard.delay_for_input(INPUT_BURST) == pytest.approx(0)
            clock.now += INPUT_BURST / (INPUT_SPEED * USUAL_RATE)
        refilled = 20 * INPUT_BURST / INPUT_SPEED
        assert guard.delay_for("hi", cost=refilled + 1) == pytest.approx(1 / USUAL_RATE)

    def test_it_is_spread_out_before_the_burst_is_used_up(self, clock: Clock) -> None:
        guard = FloodGuard(10, USUAL_RATE, clock)
        speed = INPUT_SPEED * USUAL_RATE
        assert guard.delay_for_input(INPUT_BURST + 1) == pytest.approx(1 / speed)
        assert guard.delay_for("hi") == 0

    def test_short_waits_are_put_together(self, clock: Clock) -> None:
        guard = FloodGuard(10, USUAL_RATE, clock)
        cost = LEAST_DELAY * INPUT_SPEED * USUAL_RATE
        guard.delay_for_input(INPUT_BURST)
        assert guard.delay_for_input(0.6 * cost) == 0
        assert guard.delay_for_input(0.6 * cost) == pytest.approx(1.2 * LEAST_DELAY)

    @pytest.mark.parametrize(("burst", "rate"), [(1, 0.01), (10, 2), (1000, 500)])
    def test_no_rate_makes_a_person_wait_who_types(
        self, clock: Clock, burst: float, rate: float
    ) -> None:
        guard = FloodGuard(burst, rate, clock)
        for _ in range(1000):
            clock.now += 1 / 30
            assert guard.delay_for_input(2 * CHUNK_COST) == 0

    def test_half_a_character_is_no_error(self, clock: Clock) -> None:
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
        clock = Clock()
        guard = FloodGuard(burst, rate, clock)
        served: list[tuple[float, float]] = []
        for pause, line, cost in lines:
            clock.now += pause
            delay = guard.delay_for(line, cost)
            assert delay >= 0
            clock.now += delay
            served.append((clock.now, cost * max(1, len(line.encode()) / BYTES_A_LINE)))
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
