"""A short run of the fuzzer of whole conversations."""

import io
import sys

import pytest
from rich.console import Console

from tests.fuzz import Plan, run


@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses stands in /proc")
def test_nonsense_harms_nobody_and_leaves_nothing() -> None:
    fuzzer = run(Plan(seed=1, rounds=2, a_round=150), Console(file=io.StringIO()))
    assert fuzzer.problems == []
    assert fuzzer.ends.total() == 2 * (150 + 2)  # everybody's end was logged, once
