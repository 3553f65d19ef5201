"""Run the pieces of the benchmark in their smallest size; what it finds is not judged here."""

import argparse
import contextlib
import dataclasses
import json
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.benchmarks import generator, loadgen, peers
from tests.benchmarks.__main__ import _choose as choose
from tests.benchmarks.__main__ import _find as find_peers
from tests.benchmarks.generator import Failed, Phase
from tests.benchmarks.measure import run_once, take_turns
from tests.benchmarks.peers import PEERS, ROOT, TERMINALS, Contestant, Missing, Peer, Running
from tests.benchmarks.protocol import BROADCAST, BROWSER, IN_ROOMS, MIXED, PLAIN
from tests.benchmarks.workloads import LETTERS, Workload

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


def test_browsers_are_left_out_where_threadchat_cannot_serve_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "_serves_browsers", lambda python: False)
    both = [BY_NAME["threadchat"], TERMINALS]
    left_out: list[str] = []

    found = find_peers(both, folder, left_out)
    chosen = choose(argparse.Namespace(quick=True, workloads=LETTERS), found, left_out)

    assert left_out == [
        "threadchat with browsers: its packages are not installed: pip install h11 wsproto"
    ]
    assert [it.peer.name for it in found] == ["threadchat", "terminals"]
    assert [it.letter for it in chosen] == list("aabcdefg")
    assert not AT_BROWSERS.suits(found[0].peer)
    assert TALK.suits(found[0].peer)


def test_a_crowd_that_only_arrives_says_nothing(folder: Path, either: list[str]) -> None:
    crowd = Workload("d", "crowd", {"clients": 20, "seconds": 0})

    run = run_once(crowd, take_part("threadchat", folder), either, BRIEF)

    assert run.said == run.delivered == 0
    assert run.entry_seconds > 0
    assert run.bytes_each > len("Hello from threadchat! ")
    assert run.generator_share(Phase.ENTRY) > 0
    assert (run.server_share(Phase.ENTRY) is not None) == (sys.platform == "linux")


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


def ended_process(folder: Path) -> "subprocess.Popen[str]":
    """Stand in for the process of a server that is none, with nothing to complain about."""
    (folder / "complaints").touch()
    process = subprocess.Popen([sys.executable, "-c", ""], text=True)
    process.wait()
    return process


@contextlib.contextmanager
def unreliable_server(copies: int, folder: Path) -> Iterator[Running]:
    process = ended_process(folder)
    with UnreliableServer(copies) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Running(process, folder / "complaints", server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def test_no_more_clients_wait_than_the_queue_of_a_server_holds(
    folder: Path, either: list[str]
) -> None:
    options = {**BRIEF, "clients": 9, "waiting": 2, "deadline": 0.5}
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        server = Running(ended_process(folder), folder / "complaints", deaf.getsockname()[1])

        with pytest.raises(Failed, match=r"not done after 0\.5 s"):
            generator.measure(either, server, [PLAIN], options)

        deaf.setblocking(False)
        waited = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                deaf.accept()[0].close()
                waited += 1
    assert waited == 2


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
