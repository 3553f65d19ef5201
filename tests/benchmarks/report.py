"""Write down what was measured: a table, the numbers behind it, and a plot."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from tests.benchmarks.measure import Outcome, judge
from tests.benchmarks.peers import LIMIT, Peer


def write_report(
    options: argparse.Namespace,
    outcomes: Sequence[Outcome],
    peers: Sequence[Peer],
    loadgen: Sequence[str],
    left_out: Sequence[str],
) -> str:
    text = "\n".join(goals(outcomes))
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "table.md").write_text(text + "\n")
    raw = [
        {
            "letter": outcome.workload.letter,
            "title": outcome.workload.title,
            "runs": {name: list(map(asdict, runs)) for name, runs in outcome.runs.items()},
            "failures": outcome.failures,
        }
        for outcome in outcomes
    ]
    (options.output / "results.json").write_text(json.dumps(raw, indent=1))
    return text


def goals(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [
        "| workload | figure | threadchat | C | ratio | goal |",
        "|---|---|---:|---:|---:|---|",
    ]
    for outcome in outcomes:
        workload = outcome.workload
        for figure in workload.figures:
            its, limit = (outcome.median(name, figure) for name in ("threadchat", LIMIT))
            ratio = outcome.ratio(figure, "threadchat")
            goal = workload.goals.get(figure)
            cells = (
                f"({workload.letter}) {workload.title}",
                figure.title,
                show(its, figure.decimals),
                show(limit, figure.decimals),
                show(ratio, 2),
                judge(goal, figure, its, ratio) if goal else "",
            )
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def show(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"
