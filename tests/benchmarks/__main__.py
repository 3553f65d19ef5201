"""Measure threadchat beside other chat servers, on loopback, and hold it against its goals.

    python -m tests.benchmarks                       all of it; takes half an hour
    python -m tests.benchmarks --quick               a short version, under a minute
    python -m tests.benchmarks --workloads a,c --peers threadchat,c --turns 7

Writes table.md, results.json and plot.svg. What a peer needs and is not installed, and what the
machine's limits do not allow, is left out and named.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.benchmarks import generator, peers, plot, table
from tests.benchmarks.measure import Outcome, take_turns, what_is_lacking
from tests.benchmarks.peers import PEERS, Contestant, Missing, Peer
from tests.benchmarks.table import Session
from tests.benchmarks.workloads import LETTERS, QUICK, WORKLOADS, Workload
from threadchat.cli.arguments import Parser

RUN_SECONDS = 90
"""After so long a run counts as failed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what is asked for and write it down; return the exit status.

    1 if a run has failed. Whether the goals are met is for the reader to see.
    """
    options = _parse(argv)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        folder = options.output
        why = f"cannot write to {folder}: {error.strerror}. Choose another --output."
        print(f"tests.benchmarks: {why}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended
    _raise_file_limit()
    console = Console(stderr=True)
    left_out: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        loadgen = generator.build(Path(folder), left_out)
        contestants = _find(options.peers, Path(folder), left_out)
        workloads = _choose(options, contestants, left_out)
        outcomes = _measure(options, workloads, contestants, loadgen, console)
    session = Session(
        options.turns,
        options.seconds,
        [contestant.peer for contestant in contestants],
        Path(loadgen[-1]).name,
        left_out,
        outcomes,
    )
    _write(session, options.output)
    print(table.markdown(session))
    console.print(f"Written to {options.output}: table.md, results.json, plot.svg")
    return int(any(outcome.failures for outcome in outcomes))


def _write(session: Session, folder: Path) -> None:
    (folder / "results.json").write_text(table.as_json(session), encoding="utf-8")
    (folder / "table.md").write_text(table.markdown(session), encoding="utf-8")
    (folder / "plot.svg").write_text(plot.draw(session), encoding="utf-8")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--quick", action="store_true", help="a short version, under a minute")
    parser.add_argument(
        "--workloads",
        type=lambda text: _subset(text, LETTERS),
        default=LETTERS,
        metavar="LETTERS",
        help=f"of {','.join(LETTERS)}",
    )
    names = tuple(peer.name for peer in PEERS)
    parser.add_argument(
        "--peers",
        type=lambda text: _subset(text, names),
        metavar="NAMES",
        help=f"of {','.join(names)}",
    )
    parser.add_argument("--turns", type=_count, help="runs of each (default: 5; quick: 1)")
    parser.add_argument("--seconds", type=_positive, help="measured in each (default: 2)")
    parser.add_argument(
        "--python", metavar="PATH", help="run threadchat under this interpreter, too"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("build/benchmark"),
        metavar="FOLDER",
        help="where to write (default: build/benchmark)",
    )
    return _settle(parser.parse_args(argv))


def _settle(options: argparse.Namespace) -> argparse.Namespace:
    """Give what was not asked for its value."""
    quick = options.quick
    options.turns = options.turns or (1 if quick else 5)
    options.seconds = options.seconds or (0.5 if quick else 2.0)
    options.peers = [it for it in PEERS if not options.peers or it.name in options.peers]
    if options.python:
        options.peers.insert(
            1,
            Peer(
                "python",
                f"threadchat on {options.python}",
                peers.threadchat(options.python),
                has_rooms=True,
                is_threadchat=True,
                serves_browsers=True,
            ),
        )
    return options


def _subset(text: str, known: Sequence[str]) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    for word in chosen:
        if word not in known:
            raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(known)}")
    return chosen


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 999")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1000")
    return number


def _raise_file_limit() -> None:
    """Let this process and those it starts open as many files as the system allows."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _find(wanted: Sequence[Peer], folder: Path, left_out: list[str]) -> list[Contestant]:
    """Build the peers that can be had; name the others."""
    contestants = []
    for peer in wanted:
        try:
            command = peer.prepare(folder)
        except Missing as why:
            left_out.append(f"{peer.title}: {why}")
            continue
        if peer.serves_browsers and peers.has_browsers_off(command):
            left_out.append(f"{peer.title} with browsers: {peers.HOW_TO_SERVE_BROWSERS}")
            peer = replace(peer, serves_browsers=False)
        contestants.append(Contestant(peer, command))
    return contestants


def _choose(
    options: argparse.Namespace, contestants: Sequence[Contestant], left_out: list[str]
) -> list[Workload]:
    """Return the workloads asked for that this machine allows; name the others.

    Those for browsers are not for terminals alone. Why no server is there is named already.
    """
    serving = [it.peer for it in contestants if it.peer.serves_browsers]
    chosen = []
    for workload in QUICK if options.quick else WORKLOADS:
        if workload.letter not in options.workloads:
            continue
        if workload.is_for_browsers and not any(map(workload.suits, serving)):
            continue
        if why := what_is_lacking(workload):
            left_out.append(f"({workload.letter}) {workload.title}: {why}")
        else:
            chosen.append(workload)
    return chosen


def _measure(
    options: argparse.Namespace,
    workloads: Sequence[Workload],
    contestants: Sequence[Contestant],
    loadgen: Sequence[str],
    console: Console,
) -> list[Outcome]:
    suited = [[it for it in contestants if workload.suits(it.peer)] for workload in workloads]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    outcomes = []
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("", total=options.turns * sum(map(len, suited)))

        for workload, those in zip(workloads, suited, strict=True):
            outcomes.append(
                take_turns(
                    workload,
                    those,
                    loadgen,
                    {
                        "warmup": 0.2 if options.quick else 0.5,
                        "seconds": options.seconds,
                        "deadline": RUN_SECONDS,
                    },
                    options.turns,
                    lambda words: progress.update(task, description=words, advance=1),
                )
            )
    return outcomes


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
