"""Test what is made of the runs: figures, medians, ratios, and how they are judged."""

import sys

import pytest

from tests.benchmarks.generator import Phase
from tests.benchmarks.measure import Outcome, judge, what_is_lacking
from tests.benchmarks.samples import result
from tests.benchmarks.workloads import CPU, MEMORY, RATE, Goal, Workload

TALK = Workload("a", "a few talk", {"clients": 6})


def test_a_result_is_turned_into_figures() -> None:
    run = result()

    assert run.rate == 1000
    assert run.cpu_us == 500
    assert run.bytes_each == 100
    assert run.kilobytes_each == pytest.approx(10.24)


def test_medians_and_ratios() -> None:
    outcome = Outcome(
        TALK,
        {
            "threadchat": [result(delivered=count) for count in (600, 100, 800)],
            "c": [result(delivered=count) for count in (1000, 2000)],
        },
    )

    assert outcome.median("threadchat", RATE) == 300
    assert outcome.median("c", RATE) == 750
    assert outcome.ratio(RATE, "threadchat") == 0.4
    assert outcome.ratio(RATE, "c", to="threadchat") == 2.5
    assert outcome.ratio(RATE, "threadchat", to="go") is None
    assert outcome.median("go", RATE) is None
    shares = (outcome.generator_share("c", Phase.TALK), outcome.server_share("c", Phase.TALK))
    assert shares == (0.25, 0.5)
    assert outcome.generator_share("c", Phase.ENTRY) == 0.2


@pytest.mark.parametrize(
    ("generator_cpu", "server_cpu", "is_busy"),
    [
        (0.8, 1.0, False),
        (0.9, 1.0, True),  # as busy as the server
        (1.2, 1.0, True),
        (1.6, 3.9, False),
        (1.8, 3.9, True),  # nothing more to give, whatever the server uses
        (0.02, 0.02, True),  # both had little to do, and what one waited for was the other
        (0.02, -1.0, True),  # nobody knows
    ],
)
@pytest.mark.parametrize("phase", Phase)
def test_a_load_generator_that_is_as_busy_as_the_server_may_limit_it(
    phase: Phase, generator_cpu: float, server_cpu: float, is_busy: bool
) -> None:
    talk = {"generator_cpu": generator_cpu, "server_cpu": server_cpu}
    entry = {f"entry_{name}": value for name, value in talk.items()}

    run = result(**talk) if phase is Phase.TALK else result(entry_seconds=2.0, **entry)

    assert run.was_generator_busy(phase) is is_busy
    assert not any(run.was_generator_busy(other) for other in Phase if other is not phase)


def test_what_this_system_does_not_say_is_no_figure() -> None:
    run = result(server_cpu=-1.0, kilobytes_before=-1, kilobytes_after=-1)
    outcome = Outcome(TALK, {"threadchat": [run], "c": [run]})

    assert outcome.median("threadchat", CPU) is None
    assert outcome.ratio(MEMORY, "threadchat") is None
    assert outcome.server_share("threadchat", Phase.TALK) is None


@pytest.mark.parametrize("busy", ["threadchat", "c"])
def test_one_run_of_either_server_marks_their_ratio(busy: str) -> None:
    usual, limited = result(), result(generator_cpu=1.9)
    runs = {"threadchat": [usual, usual], "c": [usual, usual], "node": [usual]}
    outcome = Outcome(TALK, {**runs, busy: [usual, limited]})

    assert outcome.was_generator_busy(Phase.TALK, "threadchat", "c")
    assert outcome.was_generator_busy(Phase.TALK, "threadchat", "node") is (busy == "threadchat")
    assert not outcome.was_generator_busy(Phase.ENTRY, "threadchat", "c")
    assert not outcome.was_generator_busy(None, "threadchat", "c")


@pytest.mark.parametrize(
    ("goal", "more", "value", "ratio", "verdict"),
    [
        (Goal(0.9), True, 1.0, 0.9, ">= 0.9: met"),
        (Goal(0.9), True, 1.0, 0.45, ">= 0.9: 50% short"),
        (Goal(2.0), False, 1.0, 2.0, "<= 2: met"),
        (Goal(2.0), False, 1.0, 3.0, "<= 2: 50% over"),
        (Goal(25.0, is_ratio=False), False, 20.0, 99.0, "<= 25: met"),
        (Goal(25.0, is_ratio=False), False, 50.0, None, "<= 25: 100% over"),
        (Goal(0.9), True, 1.0, None, ">= 0.9: not measured"),
    ],
)
def test_goals_are_judged(
    goal: Goal, more: bool, value: float, ratio: float | None, verdict: str
) -> None:
    assert judge(goal, more, value, ratio) == verdict


def test_what_the_machine_does_not_allow_is_said() -> None:
    too_many = Workload("b", "too many", {"clients": 10**9})

    assert what_is_lacking(TALK) == ""
    if sys.platform in ("linux", "win32"):
        assert what_is_lacking(too_many).startswith("needs ")
