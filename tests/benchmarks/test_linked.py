"""Run the benchmark of linked servers in its smallest size; what it finds is not judged here."""

import dataclasses
import sys

import pytest

from tests.benchmarks.linked import CONTESTANTS, Contestant, Result, _row, measure
from tests.benchmarks.peers import Missing
from tests.support.redisserver import running_broker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processor times stand in /proc"),
]


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda it: it.title)
@pytest.mark.parametrize("pairs", [1, 3])
def test_partners_hear_each_other(contestant: Contestant, pairs: int) -> None:
    with running_broker() as broker:
        try:
            result = measure(contestant, broker, pairs, 0.5)
        except Missing as why:
            pytest.skip(str(why))
    assert result.round_trips
    assert result.deliveries > 0
    assert result.generator > 0


def test_what_was_measured_is_a_row() -> None:
    turns = [Result([0.001, 0.002, 0.003], 1500.0, (40.0, 3.0), 20.0, 17.0)] * 2
    assert _row(2, "x", turns) == "| 2 | x | 2.00 ms, 3.00 ms | 1,500 | 40 %, 3 % | 17 % |"
    assert _row(100, "x", turns) == "| 100 | x |  | 1,500 | 40 %, 3 % | 17 % |"


@pytest.mark.parametrize(("busiest", "generator"), [(20.0, 18.0), (99.0, 86.0)])
def test_a_run_marks_its_row_if_the_clients_were_as_busy(busiest: float, generator: float) -> None:
    usual = Result([0.1], 1.0, (99.0, 3.0), 99.0, 20.0)
    limited = dataclasses.replace(usual, busiest=busiest, generator=generator)

    assert _row(100, "x", [usual, usual]).endswith("| 20 % |")
    assert _row(100, "x", [usual, limited, usual]).endswith("| 20 % * |")
