"""Write down what was measured: tables in Markdown, and every run's numbers in JSON."""

import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from tests.benchmarks.measure import Outcome, judge
from tests.benchmarks.peers import Peer
from tests.benchmarks.workloads import CPU, Figure, Goal


@dataclass(frozen=True)
class Session:
    """All that one call of the benchmark has measured, and how."""

    turns: int
    seconds: float
    peers: Sequence[Peer]
    """Those that took part."""
    loadgen: str
    """Which load generator."""
    left_out: Sequence[str]
    """What was not measured, and why, a line each."""
    outcomes: Sequence[Outcome]


def markdown(session: Session) -> str:
    """Return the session as text for people."""
    sections = (
        ("# threadchat beside other chat servers", _about(session)),
        ("## Against the goals", _goals(session)),
        ("## Against each peer", _peers(session)),
        ("## On another Python", _other_python(session)),
        ("## How busy the load generator was", _generator(session)),
        ("## Left out", [f"- {line}" for line in (*session.left_out, *_failures(session))]),
    )
    shown = ((title, list(lines)) for title, lines in sections)
    return "\n\n".join("\n".join((title, "", *lines)) for title, lines in shown if lines) + "\n"


def as_json(session: Session) -> str:
    """Return every run's numbers, for programs."""
    return json.dumps(
        {
            "machine": _machine(),
            "turns": session.turns,
            "seconds": session.seconds,
            "loadgen": session.loadgen,
            "left_out": list(session.left_out),
            "workloads": [
                {
                    "letter": outcome.workload.letter,
                    "title": outcome.workload.title,
                    "options": dict(outcome.workload.options),
                    "runs": {name: list(map(asdict, runs)) for name, runs in outcome.runs.items()},
                    "failures": outcome.failures,
                }
                for outcome in session.outcomes
            ],
        },
        indent=1,
    )


def _machine() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} processors, {platform.system()} {platform.release()}, {python}"


def _about(session: Session) -> Iterator[str]:
    yield f"On {_machine()}; load by {session.loadgen}."
    yield (
        f"Medians of {session.turns} runs of {session.seconds:g} s each, in turns."
        " A ratio is threadchat's figure divided by the other's. p50, p99 and slowest are of the"
        " time from a message's sending to its arrival; with ping and pong, there and back."
    )


def _goals(session: Session) -> Iterator[str]:
    yield "Held against the server in C, and with browsers against threadchat's own terminals."
    yield ""
    yield from _head(("workload", "figure", "threadchat", "other", "ratio", "goal"), left=(0, 1, 5))
    for outcome in session.outcomes:
        for figure in outcome.workload.figures:
            its, limit = (
                outcome.median(name, figure) for name in ("threadchat", outcome.workload.limit)
            )
            ratio = outcome.ratio(figure, "threadchat")
            goal = outcome.workload.goals.get(figure)
            yield _row(
                _name(outcome),
                figure.title,
                show(its, figure.decimals),
                show(limit, figure.decimals),
                show(ratio, 2),
                judge(goal, figure.more_is_better, its, ratio) if goal else "",
            )


def _peers(session: Session) -> Iterator[str]:
    """Compare the first figure of those workloads in which all take part; with browsers, each."""
    others = [peer for peer in session.peers if not peer.is_threadchat]
    compared = [
        outcome
        for outcome in session.outcomes
        if outcome.workload.for_all and any(peer.name in outcome.runs for peer in others)
    ]
    if not compared:
        return
    yield from _head(("workload", "figure", "peer", "its", "ratio", "goal"), left=(0, 1, 2, 5))
    for outcome in compared:
        figures = outcome.workload.figures
        for figure in figures if outcome.workload.is_for_browsers else figures[:1]:
            for peer in others:
                if peer.name in outcome.runs:
                    yield _peer_row(outcome, figure, peer)


def _peer_row(outcome: Outcome, figure: Figure, peer: Peer) -> str:
    is_first = figure is outcome.workload.figures[0]
    bound = outcome.workload.against.get(peer.name) if is_first else None
    value = outcome.median("threadchat", figure)
    ratio = outcome.ratio(figure, "threadchat", to=peer.name)
    return _row(
        _name(outcome),
        figure.title,
        peer.title if outcome.is_one_order(peer.name) else f"{peer.title} (not in one order)",
        show(outcome.median(peer.name, figure), figure.decimals),
        show(ratio, 2),
        judge(Goal(bound), figure.more_is_better, value, ratio) if bound else "",
    )


def _other_python(session: Session) -> Iterator[str]:
    other = next((peer for peer in session.peers if peer.name == "python"), None)
    if other is None:
        return
    yield from _head(("workload", "figure", "threadchat", other.title, "ratio"), left=(0, 1))
    for outcome in session.outcomes:
        for figure in outcome.workload.figures:
            yield _row(
                _name(outcome),
                figure.title,
                show(outcome.median("threadchat", figure), figure.decimals),
                show(outcome.median("python", figure), figure.decimals),
                show(outcome.ratio(figure, "python", to="threadchat"), 2),
            )


def _generator(session: Session) -> Iterator[str]:
    """Show this for what is compared, but not for each step of how it scales."""
    talks = [it for it in session.outcomes if CPU in it.workload.figures and not it.workload.x]
    if not talks:
        return
    yield (
        "In processors, beside the server's own. The load generator has one thread: near 1, with a"
        " server that is less busy, it would be what was measured."
    )
    yield ""
    yield from _head(("workload", "peer", "load generator", "server"), left=(0, 1))
    for outcome in talks:
        for peer in session.peers:
            if peer.name in outcome.runs:
                shares = (outcome.generator_share(peer.name), outcome.server_share(peer.name))
                yield _row(_name(outcome), peer.title, *(show(share, 2) for share in shares))


def _failures(session: Session) -> Iterator[str]:
    for outcome in session.outcomes:
        for name, why in outcome.failures.items():
            yield f"{_name(outcome)}, {name} failed: {why}"


def _name(outcome: Outcome) -> str:
    return f"({outcome.workload.letter}) {outcome.workload.title}"


def _head(titles: Sequence[str], left: Iterable[int]) -> Iterator[str]:
    """Yield the head of a table, whose columns are numbers but for those in `left`."""
    yield _row(*titles)
    yield _row(*("---" if place in left else "---:" for place in range(len(titles))))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def show(value: float | None, decimals: int) -> str:
    """Return a number as it stands in a table."""
    return "-" if value is None else f"{value:,.{decimals}f}"
