"""Write down what was measured: tables in Markdown, and every run's numbers in JSON."""

import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from tests.benchmarks.generator import AS_BUSY, BUSY
from tests.benchmarks.measure import Outcome, judge
from tests.benchmarks.peers import Peer
from tests.benchmarks.workloads import Figure, Goal

MARK = " *"
"""Stands behind what the load generator may have limited."""

BUSY_MEANS = (
    "the load generator may have limited it: in a run of that server, or of one of the two, the"
    f" generator used more than {BUSY:g} of a processor, or at least {AS_BUSY:g} of the server's"
    " time, or the server's time is unknown"
)


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
                    "figures": [_summary(outcome, it) for it in outcome.workload.figures],
                    "failures": outcome.failures,
                }
                for outcome in session.outcomes
            ],
        },
        indent=1,
    )


def _summary(outcome: Outcome, figure: Figure) -> dict[str, object]:
    """Return the medians of a figure and threadchat's ratios, and which are not the servers' alone.

    The last two name the peers whose figure, or to whom the ratio, the generator may have limited.
    """
    peers = list(outcome.runs)
    others = [peer for peer in peers if peer != "threadchat"]
    return {
        "title": figure.title,
        "medians": {peer: outcome.median(peer, figure) for peer in peers},
        "ratios": {peer: outcome.ratio(figure, "threadchat", to=peer) for peer in others},
        "generator_was_busy": [
            peer for peer in peers if outcome.was_generator_busy(figure.phase, peer)
        ],
        "ratio_maybe_limited": [
            peer for peer in others if outcome.was_generator_busy(figure.phase, "threadchat", peer)
        ],
    }


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
    yield f"Behind a figure or a ratio,{MARK} says that {BUSY_MEANS}."


def _goals(session: Session) -> Iterator[str]:
    yield "Held against the server in C, and with browsers against threadchat's own terminals."
    yield ""
    yield from _head(("workload", "figure", "threadchat", "other", "ratio", "goal"), left=(0, 1, 5))
    for outcome in session.outcomes:
        for figure in outcome.workload.figures:
            limit = outcome.workload.limit
            goal = outcome.workload.goals.get(figure)
            value, ratio = outcome.median("threadchat", figure), outcome.ratio(figure, "threadchat")
            yield _row(
                _name(outcome),
                figure.title,
                _value(outcome, figure, "threadchat"),
                _value(outcome, figure, limit),
                _ratio(outcome, figure, "threadchat", limit),
                judge(goal, figure.more_is_better, value, ratio) if goal else "",
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
        _value(outcome, figure, peer.name),
        _ratio(outcome, figure, "threadchat", peer.name),
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
                _value(outcome, figure, "threadchat"),
                _value(outcome, figure, "python"),
                _ratio(outcome, figure, "python", "threadchat"),
            )


def _generator(session: Session) -> Iterator[str]:
    """Show this for what is compared, but not for each step of how it scales."""
    compared = [it for it in session.outcomes if not it.workload.x]
    if not compared:
        return
    yield "In processors, beside the server's own, as medians. The load generator has one thread."
    yield ""
    yield from _head(("workload", "while", "peer", "load generator", "server"), left=(0, 1, 2))
    for outcome in compared:
        for phase in outcome.phases():
            for peer in session.peers:
                if peer.name in outcome.runs:
                    mark = MARK if outcome.was_generator_busy(phase, peer.name) else ""
                    yield _row(
                        _name(outcome),
                        phase.value,
                        peer.title,
                        show(outcome.generator_share(peer.name, phase), 2) + mark,
                        show(outcome.server_share(peer.name, phase), 2),
                    )


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


def _value(outcome: Outcome, figure: Figure, peer: str) -> str:
    return _marked(outcome, figure, outcome.median(peer, figure), figure.decimals, peer)


def _ratio(outcome: Outcome, figure: Figure, peer: str, to: str) -> str:
    return _marked(outcome, figure, outcome.ratio(figure, peer, to), 2, peer, to)


def _marked(
    outcome: Outcome, figure: Figure, value: float | None, decimals: int, *peers: str
) -> str:
    """Return a number, marked if the load generator may have limited a run of one of `peers`."""
    is_marked = value is not None and outcome.was_generator_busy(figure.phase, *peers)
    return show(value, decimals) + (MARK if is_marked else "")


def show(value: float | None, decimals: int) -> str:
    """Return a number as it stands in a table."""
    return "-" if value is None else f"{value:,.{decimals}f}"
