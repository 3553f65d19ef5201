"""A short run of the fuzzer of whole conversations."""

import io
import sys

import pytest
from rich.console import Console

from tests.fuzz import FULL_AFTER, Plan, run


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses stands in /proc")
def test_nonsense_harms_nobody_and_leaves_nothing() -> None:
    rounds = FULL_AFTER + 1
    fuzzer = run(Plan(seed=1, rounds=rounds, a_round=75), Console(file=io.StringIO()))
    assert fuzzer.problems == []
    assert fuzzer.ends.total() == rounds * (75 + 2)  # everybody's end was logged, once
