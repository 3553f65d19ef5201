"""Let the peers take turns at each workload, and keep what comes out."""

import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import generator, peers
from tests.benchmarks.generator import Failed, Phase, Result
from tests.benchmarks.peers import Contestant, Missing
from tests.benchmarks.workloads import Figure, Goal, Workload


@dataclass
class Outcome:
    """All runs of one workload, by peer."""

    workload: Workload
    runs: dict[str, list[Result]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """Why a peer has fewer runs than the others, by peer."""

    def median(self, peer: str, figure: Figure) -> float | None:
        """Return the median of a figure, or None if the peer has no run or it is unknown."""
        values = [figure.read(run) for run in self.runs.get(peer, ())]
        known = [value for value in values if value is not None]
        return statistics.median(known) if known else None

    def ratio(self, figure: Figure, peer: str, to: str = "") -> float | None:
        """Return the median of `peer` divided by that of `to`, or None if there is none.

        `to` is, if not given, the peer that threadchat is held against.
        """
        its, others = self.median(peer, figure), self.median(to or self.workload.limit, figure)
        return its / others if its is not None and others else None

    def is_one_order(self, peer: str) -> bool:
        """Return whether all clients that were watched saw one order, in every run."""
        return all(run.one_order for run in self.runs.get(peer, ()))

    def phases(self) -> list[Phase]:
        """Return those in which this workload's figures are measured."""
        return [phase for phase in Phase if any(it.phase is phase for it in self.workload.figures)]

    def generator_share(self, peer: str, phase: Phase) -> float:
        """Return how many processors the load generator used with `peer`, as a median."""
        return statistics.median(run.generator_share(phase) for run in self.runs[peer])

    def server_share(self, peer: str, phase: Phase) -> float | None:
        """Return how many processors `peer` used, as a median; None if unknown."""
        shares = [run.server_share(phase) for run in self.runs[peer]]
        known = [share for share in shares if share is not None]
        return statistics.median(known) if known else None

    def was_generator_busy(self, phase: Phase | None, *peers: str) -> bool:
        """Return whether the load generator may have limited a run of one of `peers`.

        One run is enough, because it can move the median.
        """
        runs = [run for peer in peers for run in self.runs.get(peer, ())]
        return phase is not None and any(run.was_generator_busy(phase) for run in runs)


def judge(goal: Goal, more_is_better: bool, value: float | None, ratio: float | None) -> str:
    """Say whether a goal is met, or how far it is."""
    reached = ratio if goal.is_ratio else value
    wanted = f"{'>=' if more_is_better else '<='} {goal.bound:g}"
    if reached is None:
        return f"{wanted}: not measured"
    off = reached / goal.bound - 1
    if off >= 0 if more_is_better else off <= 0:
        return f"{wanted}: met"
    return f"{wanted}: {abs(off):.0%} {'short' if more_is_better else 'over'}"


def take_turns(
    workload: Workload,
    contestants: Sequence[Contestant],
    loadgen: Sequence[str],
    options: Mapping[str, float],
    turns: int,
    begins: Callable[[str], None],
) -> Outcome:
    """Measure every contestant once, then again, as many times as there are turns.

    What fails is not tried again.
    """
    outcome = Outcome(workload)
    for _ in range(turns):
        for contestant in contestants:
            name = contestant.peer.name
            if name in outcome.failures:
                continue
            begins(f"({workload.letter}) {workload.title}: {contestant.peer.title}")
            try:
                result = run_once(workload, contestant, loadgen, options)
            except (Failed, Missing) as failure:
                outcome.failures[name] = str(failure)
            else:
                outcome.runs.setdefault(name, []).append(result)
    return outcome


def run_once(
    workload: Workload,
    contestant: Contestant,
    loadgen: Sequence[str],
    options: Mapping[str, float],
) -> Result:
    """Start a server for this run, put the load on it, and end it."""
    with tempfile.TemporaryDirectory() as folder:
        history = workload.has_history and contestant.peer.is_threadchat
        extra = ["--history", str(Path(folder) / "history.db")] if history else []
        with peers.run(contestant, Path(folder), extra) as server:
            queue = contestant.peer.queue
            waiting = {"waiting": queue} if queue else {}
            return generator.measure(
                loadgen,
                server,
                workload.kinds_for(contestant.peer),
                {**options, **workload.options, **waiting},
            )


def what_is_lacking(workload: Workload) -> str:
    """Say which limit of this machine does not allow `workload`; "" if none does."""
    if sys.platform == "win32" and workload.clients > 400:
        return "needs more sockets than Windows can watch at once"
    if sys.platform != "linux":
        return ""
    import resource

    needed = workload.clients + 100
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files < needed:
        return f"needs {needed:,} open files, and ulimit -Hn is {files:,}"
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if last - first < needed:
        return f"needs {needed:,} ports, and net.ipv4.ip_local_port_range has {last - first:,}"
    threads = int(Path("/proc/sys/kernel/threads-max").read_text())
    if threads < needed:
        return f"needs {needed:,} threads, and kernel.threads-max is {threads:,}"
    return ""
