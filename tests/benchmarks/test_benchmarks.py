"""Run the pieces of the benchmark in their smallest size; what it finds is not judged here."""

import contextlib
import dataclasses
import json
import socketserver
import subprocess
import sys
import threading
import xml.etree.ElementTree
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.benchmarks import generator, loadgen, peers, plot, table
from tests.benchmarks.generator import Failed, Result
from tests.benchmarks.measure import Outcome, judge, run_once, take_turns, what_is_lacking
from tests.benchmarks.peers import PEERS, ROOT, TERMINALS, Contestant, Missing, Peer, Running
from tests.benchmarks.protocol import BROADCAST, BROWSER, IN_ROOMS, MIXED, PLAIN
from tests.benchmarks.table import Session
from tests.benchmarks.workloads import (
    CPU,
    MEMORY,
    RATE,
    SCALE,
    WORKLOADS,
    Goal,
    Workload,
)

pytestmark = pytest.mark.slow

BRIEF = {"seconds": 0.4, "warmup": 0, "deadline": 20}

BY_NAME = {peer.name: peer for peer in PEERS}

TALK = Workload("a", "a few talk", {"clients": 6, "window": 2, "watchers": 3}, for_all=True)

AT_BROWSERS = dataclasses.replace(TALK, letter="h", kinds=(BROWSER,), at_terminals=(PLAIN,))

IN_TWO_ROOMS = Workload("g", "two rooms", {"clients": 6, "rooms": 2}, kinds=(IN_ROOMS,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("built")


@pytest.fixture(scope="module")
def quickest(folder: Path) -> list[str]:
    """The load generator that would be used here."""
    return generator.build(folder, [])


@pytest.fixture(scope="module", params=["in C", "in Python"])
def either(request: pytest.FixtureRequest, folder: Path) -> list[str]:
    """Each load generator."""
    if request.param == "in Python":
        return generator.IN_PYTHON
    try:
        return [generator.build_in_c(folder)]
    except Missing as why:
        pytest.skip(str(why))


def take_part(name: str, folder: Path) -> Contestant:
    try:
        return Contestant(BY_NAME[name], BY_NAME[name].prepare(folder))
    except Missing as why:
        pytest.skip(str(why))


def result(**figures: float) -> Result:
    """Return the result of a run in which ten clients talked for two seconds."""
    usual = {"clients": 10, "entry_seconds": 0.5, "entry_bytes": 1000, "kilobytes_before": 1000}
    talk = {"kilobytes_after": 1100, "seconds": 2.0, "server_cpu": 1.0, "generator_cpu": 0.5}
    return Result(**{**usual, **talk, "delivered": 2000, **figures})  # type: ignore[arg-type]


# The servers, and the load


@pytest.mark.parametrize("name", BY_NAME)
def test_each_peer_delivers_everything_to_everybody(
    name: str, folder: Path, quickest: list[str]
) -> None:
    workload = AT_BROWSERS if AT_BROWSERS.suits(BY_NAME[name]) else TALK

    run = run_once(workload, take_part(name, folder), quickest, BRIEF)

    assert run.delivered > 0
    assert (run.missing, run.wrong) == (0, 0)
    assert (run.frames > 0) == (AT_BROWSERS.suits(BY_NAME[name]) and name != "terminals")


@pytest.mark.parametrize("name", [it.name for it in PEERS if it.has_rooms and it is not TERMINALS])
def test_peers_with_rooms_keep_them_apart(name: str, folder: Path, quickest: list[str]) -> None:
    run = run_once(IN_TWO_ROOMS, take_part(name, folder), quickest, BRIEF)

    assert run.delivered > 0
    assert (run.missing, run.wrong) == (0, 0)


@pytest.mark.parametrize(
    "workload",
    [
        IN_TWO_ROOMS,
        Workload("b", "one talks", {"clients": 6, "talkers": 1, "rate": 200, "watchers": 6}),
        Workload("c", "two people", {"clients": 2, "pingpong": 1, "watchers": 2}),
        Workload("e", "terminals", {"clients": 20, "window": 4, "watchers": 12}, kinds=MIXED),
        Workload("f", "history", {"clients": 4}, has_history=True),
        AT_BROWSERS,
        Workload("i", "with guests", {"clients": 8, "guests": 4}, kinds=(PLAIN, BROWSER)),
    ],
    ids=lambda workload: workload.title,
)
def test_threadchat_shows_all_of_it_in_one_order(
    workload: Workload, folder: Path, either: list[str]
) -> None:
    run = run_once(workload, take_part("threadchat", folder), either, BRIEF)

    assert (run.missing, run.wrong, run.one_order) == (0, 0, True)
    assert 0 < run.p50_us <= run.p99_us <= run.slowest_us
    assert run.samples > 0


def test_guests_only_listen_and_are_not_measured(folder: Path, either: list[str]) -> None:
    alone = Workload("i", "guests", {"clients": 3, "guests": 1}, kinds=(PLAIN, BROWSER))

    run = run_once(alone, take_part("threadchat", folder), either, BRIEF)

    assert run.frames > 0
    assert run.delivered == pytest.approx(run.said, abs=4)  # each of the two hears the other


def test_browsers_are_compared_with_terminals_and_with_servers_of_websocket() -> None:
    suited = [peer.name for peer in PEERS if AT_BROWSERS.suits(peer)]

    assert suited == ["threadchat", "terminals", "ws", "websockets", "nchan"]
    assert not any(TALK.suits(BY_NAME[name]) for name in suited if name != "threadchat")
    assert AT_BROWSERS.limit == "terminals"
    assert AT_BROWSERS.kinds_for(BY_NAME["ws"]) == (BROADCAST,)
    assert AT_BROWSERS.kinds_for(TERMINALS) == (PLAIN,)


def test_a_crowd_that_only_arrives_says_nothing(folder: Path, either: list[str]) -> None:
    crowd = Workload("d", "crowd", {"clients": 20, "seconds": 0})

    run = run_once(crowd, take_part("threadchat", folder), either, BRIEF)

    assert run.said == run.delivered == 0
    assert run.entry_seconds > 0
    assert run.bytes_each > len("Hello from threadchat! ")


class UnreliableHandler(socketserver.StreamRequestHandler):
    """A server for two that does with what the first one says as its class says."""

    def handle(self) -> None:
        assert isinstance(self.server, UnreliableServer)
        self.wfile.write(b"Your name: ")
        self.rfile.readline()
        self.wfile.write(b"Welcome.\r\n")
        self.server.files.append(self)
        for line in self.rfile:
            for other in self.server.files:
                if other is not self:
                    for _ in range(self.server.copies):
                        other.wfile.write(line)


class UnreliableServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, copies: int) -> None:
        super().__init__(("127.0.0.1", 0), UnreliableHandler)
        self.copies = copies
        self.files: list[UnreliableHandler] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is no news here."""


@contextlib.contextmanager
def unreliable_server(copies: int, folder: Path) -> Iterator[Running]:
    process = subprocess.Popen([sys.executable, "-c", ""], text=True)
    process.wait()
    (folder / "complaints").touch()
    with UnreliableServer(copies) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Running(process, folder / "complaints", server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("copies", "complaint"), [(0, "not done after 0.5 s"), (2, "missing")])
def test_what_is_lost_or_doubled_is_noticed(
    copies: int, complaint: str, folder: Path, either: list[str]
) -> None:
    deadline = 9 if copies else 0.5
    options = {**BRIEF, "clients": 2, "talkers": 1, "rate": 100, "deadline": deadline}

    with unreliable_server(copies, folder) as server, pytest.raises(Failed, match=complaint):
        generator.measure(either, server, [PLAIN], options)


def test_a_run_in_which_nothing_was_delivered_is_no_result(folder: Path) -> None:
    shown = {"clients": 2, "entry_seconds": 0.1, "entry_bytes": 99, "seconds": 1.0}
    memory = {"kilobytes_before": 1, "kilobytes_after": 2}
    stalled = [sys.executable, "-c", f"print({json.dumps({**shown, **memory})!r})"]

    with (
        unreliable_server(1, folder) as server,
        pytest.raises(Failed, match="nothing was delivered in the time measured"),
    ):
        generator.measure(stalled, server, [PLAIN], BRIEF)


def test_a_peer_that_fails_is_not_tried_again(folder: Path, quickest: list[str]) -> None:
    broken = Peer("broken", "broken", lambda _: [sys.executable, "-c", "raise SystemExit('no')"])
    begun: list[str] = []

    outcome = take_turns(
        TALK, [Contestant(broken, broken.prepare(folder))], quickest, BRIEF, 3, begun.append
    )

    assert outcome.failures == {"broken": "it did not start: no"}
    assert outcome.runs == {}
    assert len(begun) == 1


# The arithmetic


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
    assert (outcome.generator_share("c"), outcome.server_share("c")) == (0.25, 0.5)


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


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, 0),
        ([7], 50, 7),
        ([7], 99, 7),
        (range(1, 101), 50, 50),
        (range(1, 101), 99, 99),
        (range(1, 101), 100, 100),
        (range(1, 11), 99, 10),
        (range(1, 11), 50, 5),
    ],
)
def test_percentiles_are_of_the_nearest_rank(
    values: Sequence[int], percent: float, expected: int
) -> None:
    assert loadgen.percentile(values, percent) == expected


def test_what_the_machine_does_not_allow_is_said() -> None:
    too_many = Workload("b", "too many", {"clients": 10**9})

    assert what_is_lacking(TALK) == ""
    if sys.platform in ("linux", "win32"):
        assert what_is_lacking(too_many).startswith("needs ")


# What is written


@pytest.fixture
def session() -> Session:
    outcomes = [
        Outcome(
            workload,
            {
                "threadchat": [result(clients=workload.clients)],
                "c": [result(clients=workload.clients, delivered=4000)],
                "node": [result(clients=workload.clients, delivered=20, one_order=False)],
            },
        )
        for workload in WORKLOADS
    ]
    outcomes[0].failures["go"] = "it <broke>"
    three = [BY_NAME[name] for name in ("threadchat", "c", "node")]
    return Session(3, 2.0, three, "loadgen", ["InspIRCd: inspircd is not installed"], outcomes)


def test_the_table_shows_figures_ratios_and_goals(session: Session) -> None:
    text = table.markdown(session)

    assert (
        "| (a) everybody talks: 100 | deliveries a second | 1,000 | 2,000 | 0.50"
        " | >= 0.9: 44% short |" in text
    )
    assert "| (b) one talks, 1,000 listen | p99, us | 0 | 0 | - | <= 1.3: not measured |" in text
    assert (
        "| (a) everybody talks: 100 | deliveries a second | Node, net (not in one order) | 10"
        " | 100.00 | >= 20: met |" in text
    )
    assert "- InspIRCd: inspircd is not installed" in text
    assert "- (a) everybody talks: 20, go failed: it <broke>" in text


def test_the_rows_of_a_table_are_as_wide_as_its_head(session: Session) -> None:
    cells = 0
    for line in table.markdown(session).splitlines():
        if line.startswith("|"):
            cells = cells or line.count("|")
            assert line.count("|") == cells
        else:
            cells = 0


def test_another_python_is_shown_beside_the_ordinary_one(session: Session) -> None:
    other = Peer("python", "threadchat on 3.14t", peers.threadchat(), is_threadchat=True)
    session.outcomes[0].runs["python"] = [result(delivered=3000)]

    text = table.markdown(dataclasses.replace(session, peers=[*session.peers, other]))

    assert "| (a) everybody talks: 20 | deliveries a second | 1,000 | 1,500 | 1.50 |" in text


def test_the_numbers_of_every_run_are_kept(session: Session) -> None:
    kept = json.loads(table.as_json(session))

    assert kept["workloads"][0]["runs"]["c"][0]["delivered"] == 4000
    assert kept["left_out"] == ["InspIRCd: inspircd is not installed"]


def test_the_plot_has_a_chart_for_all_that_grows(session: Session) -> None:
    svg = plot.draw(session)

    root = xml.etree.ElementTree.fromstring(svg)
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for title in ("people", "rooms, 1,000 people", "messages a second, 100 people"):
        assert title in words
    assert words.count("threadchat") == words.count("C, epoll, batches") == 7
    assert "NaN" not in svg
    assert "prefers-color-scheme: dark" in svg


def test_a_plot_of_nothing_is_one(session: Session) -> None:
    nothing = dataclasses.replace(session, outcomes=[])

    root = xml.etree.ElementTree.fromstring(plot.draw(nothing))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not root.findall(".//{http://www.w3.org/2000/svg}polyline")


def test_what_grows_is_measured_in_processor_time_and_deliveries() -> None:
    assert {workload.x[0] for workload in SCALE if workload.x} == {
        "people",
        "rooms",
        "messages a second",
    }
    assert all(set(workload.figures) == {RATE, CPU} for workload in SCALE)
    assert any(workload.goals.get(MEMORY) == Goal(25.0, is_ratio=False) for workload in WORKLOADS)


# The command


def run_benchmark(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


def test_one_command_measures_and_writes(tmp_path: Path) -> None:
    arguments = ("--quick", "--workloads", "c", "--seconds", "0.4", "--peers", "threadchat,c")

    done = run_benchmark(*arguments, "--output", str(tmp_path / "out"))

    assert done.returncode == 0, done.stderr
    assert "(c) two people, ping and pong" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "table.md",
        "results.json",
        "plot.svg",
    }


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--workloads", "a,z"), "'z' is none of a, b, c, d, e, f, g, h, i, scale"),
        (("--peers", "irc"), "'irc' is none of threadchat, c,"),
        (("--turns", "0"), "'0' is not a whole number from 1 to 999"),
        (("--seconds", "-1"), "'-1' is not a number between 0 and 1000"),
        (("--output", f"{__file__}/x"), "cannot write to"),
    ],
)
def test_a_wrong_option_gets_one_line(arguments: Sequence[str], complaint: str) -> None:
    done = run_benchmark(*arguments)

    assert done.returncode != 0
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
