"""Run the benchmark of linked servers in its smallest size; what it finds is not judged here."""

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


def test_what_was_measured_is_a_row() -> None:
    turns = [Result([0.001, 0.002, 0.003], 1500.0, (40.0, 3.0))] * 2
    assert _row(2, "x", turns) == "| 2 | x | 2.00 ms, 3.00 ms | 1,500 | 40 %, 3 % |"
    assert _row(100, "x", turns) == "| 100 | x |  | 1,500 | 40 %, 3 % |"
