"""A short run of the fuzzer of whole conversations."""

import io
import sys

import pytest
from rich.console import Console

from tests.fuzz import FULL_AFTER, Plan, growth, run
from tests.support.process import InUse


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses stands in /proc")
def test_nonsense_harms_nobody_and_leaves_nothing() -> None:
    rounds = FULL_AFTER + 1
    fuzzer = run(Plan(seed=1, rounds=rounds, a_round=75), Console(file=io.StringIO()))
    assert fuzzer.problems == []
    assert fuzzer.ends.total() == rounds * (75 + 2)  # everybody's end was logged, once


@pytest.mark.parametrize("a_stranger", [1, 2, 10])
def test_a_leak_of_an_object_a_stranger_is_found_in_time(a_stranger: int) -> None:
    in_use = [InUse(100_000 + 1500 * a_stranger * rounds, 7_000_000) for rounds in range(6)]
    (found,) = growth(in_use, a_round=1500)
    assert found == f"there are {7500 * a_stranger} more references after 7500 more strangers"


def test_so_is_one_of_large_pieces() -> None:
    in_use = [InUse(100_000, 7_000_000 + 1500 * 600 * rounds) for rounds in range(6)]
    (found,) = growth(in_use, a_round=1500)
    assert found == "4500000 more bytes of the C library's are in use after 7500 more"


def test_what_goes_up_and_down_is_no_leak() -> None:
    in_use = [InUse(100_000 + 900 * (rounds % 2), 7_000_000 + 10**6 * (rounds % 3))
              for rounds in range(20)]  # fmt: skip
    for rounds in range(20):
        assert growth(in_use[:rounds], a_round=1500) == []
