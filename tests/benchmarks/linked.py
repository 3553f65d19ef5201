"""Measure two servers that are one by a Redis server: threadchat, and socket.io beside it.

    python -m tests.benchmarks.linked

Each client is on one of two servers, and has a partner on the other one. With *ping and pong*, one
client says something when its partner has answered. When all *talk*, each begins with some lines,
and says another for each of its partner's that comes, so that as many are on the way. `socket.io`
needs `npm install --no-save socket.io @socket.io/redis-streams-adapter redis`.
"""

import argparse
import base64
import contextlib
import os
import re
import selectors
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.generator import AS_BUSY, BUSY
from tests.benchmarks.peers import ROOT, SERVERS, Missing, find, threadchat
from tests.benchmarks.table import MARK
from tests.support.redisserver import RedisServer, running_broker


def _window(clients: int) -> int:
    """Return how many lines of each client are on the way when all talk."""
    return 1 if clients >= 1000 else 4


_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Client:
    """A client of threadchat, as netcat is one. It knows its partner's lines by their beginning."""

    mark = b"\n"
    """What each line that comes has once."""

    def __init__(self, port: int, number: int, partner: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.name, self.awaited = f"c{number}x", f"c{partner}x ".encode()
        self.received = 0
        self._cut = b""
        self.enter()
        self.socket.setblocking(False)

    def enter(self) -> None:
        self.read_until(b"name: ")
        self.socket.sendall(self.name.encode() + b"\n")
        self.read_until(b"Welcome")

    def read_until(self, wanted: bytes) -> None:
        data = b""
        while wanted not in data:
            data += self.socket.recv(65536)

    def say(self) -> None:
        self.send(f"{self.name} {'x' * 40}")

    def send(self, line: str) -> None:
        self.socket.sendall(f"{line}\n".encode())

    def take(self) -> int:
        """Read what has come; return how many lines of the partner were there."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return 0
        if not data:
            raise Missing("a connection has ended")
        self.received += data.count(self.mark)
        data = self._cut + data
        # What was cut in two is counted when the rest of it has come.
        self._cut = data[1 - len(self.awaited) :]
        return data.count(self.awaited)


class SocketIoClient(Client):
    """A client of socket.io, by a WebSocket (RFC 6455) and nothing else."""

    mark = b'42["say"'

    def enter(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self.read_until(b"pingTimeout")
        self._frame("40")
        self.read_until(b'40{"sid"')

    def send(self, line: str) -> None:
        self._frame(f'42["say","{line}"]')

    def _frame(self, text: str) -> None:
        data = text.encode()
        assert len(data) < 126
        # The mask may be any, also one that changes nothing.
        self.socket.sendall(struct.pack("!BB4x", 0x81, 0x80 | len(data)) + data)


@dataclass(frozen=True)
class Contestant:
    """What is measured: `start` returns the command of one server, `servers` is how many run."""

    title: str
    servers: int
    command: Callable[[str, Path], Sequence[str]]
    client: type[Client]


def _threadchat(url: str, folder: Path) -> Sequence[str]:
    return [*threadchat()(folder), "--web-port", "off", "--link", f"{url}#benchmark"]


def _alone(url: str, folder: Path) -> Sequence[str]:
    return [*threadchat()(folder), "--web-port", "off"]


def _socket_io(url: str, folder: Path) -> Sequence[str]:
    node = find("node")
    tried = "require('socket.io'); require('@socket.io/redis-streams-adapter'); require('redis')"
    if subprocess.run([node, "-e", tried], cwd=ROOT, capture_output=True).returncode:
        packages = "socket.io @socket.io/redis-streams-adapter redis"
        raise Missing(f"its packages are not installed: npm install --no-save {packages}")
    return [node, str(SERVERS / "cluster.js"), url]


CONTESTANTS = (
    Contestant("threadchat, one server alone", 1, _alone, Client),
    Contestant("threadchat, two linked", 2, _threadchat, Client),
    Contestant("socket.io, two linked", 2, _socket_io, SocketIoClient),
)


@dataclass(frozen=True)
class Result:
    """What one run has shown. Times are in seconds, shares in hundredths of a processor."""

    round_trips: Sequence[float]
    deliveries: float
    cpu: tuple[float, float]
    """Of the servers together, and of the broker."""
    busiest: float
    """The share of the busiest server, or of the broker if that is busier."""
    generator: float
    """The share of this process, which is all the clients."""

    def was_generator_busy(self) -> bool:
        """Return whether the clients, and not the servers, may have been what was measured."""
        return self.generator > 100 * BUSY or self.generator >= AS_BUSY * self.busiest


@contextlib.contextmanager
def _running(contestant: Contestant, broker: RedisServer) -> Iterator[tuple[list[int], list[int]]]:
    """Run the servers; yield their ports and the ids of their processes."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
        ports, ids = [], []
        for _ in range(contestant.servers):
            process = subprocess.Popen(
                contestant.command(broker.url, Path(folder)),
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            opened.enter_context(process)
            opened.callback(process.kill)
            ids.append(process.pid)
            assert process.stdout is not None
            for line in process.stdout:
                if said := re.search(r"127\.0\.0\.1:(\d+)", line):
                    ports.append(int(said[1]))
                    break
        yield ports, ids


def _cpu_of(id: int) -> float:
    fields = Path(f"/proc/{id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def measure(contestant: Contestant, broker: RedisServer, pairs: int, seconds: float) -> Result:
    """Let `pairs` of partners talk; one pair plays ping and pong."""
    with _running(contestant, broker) as (ports, ids), contextlib.ExitStack() as opened:
        clients = []
        for number in range(2 * pairs):
            one = contestant.client(ports[number % len(ports)], number, number ^ 1)
            opened.callback(one.socket.close)
            clients.append(one)
        selector = opened.enter_context(selectors.DefaultSelector())
        for one in clients:
            selector.register(one.socket, selectors.EVENT_READ, one)
        _settle(selector, clients)
        for one in clients:
            one.received = 0
        assert broker._process is not None
        processes = [*ids, broker._process.pid]
        before, own = [_cpu_of(id) for id in processes], time.process_time()
        round_trips = _play(selector, clients, seconds)
        after, generator = [_cpu_of(id) for id in processes], time.process_time() - own
        used = [100 * (b - a) / seconds for a, b in zip(before, after, strict=True)]
        deliveries = sum(one.received for one in clients) / seconds
        cpu = (sum(used[:-1]), used[-1])
        return Result(round_trips, deliveries, cpu, max(used), 100 * generator / seconds)


def _settle(selector: selectors.BaseSelector, clients: Sequence[Client]) -> None:
    """Wait until each client gets what its partner says."""
    waiting = {id(one) for one in clients}
    deadline = time.monotonic() + 30
    while waiting:
        if time.monotonic() > deadline:
            raise Missing(f"{len(waiting)} clients do not get what their partners say")
        for one in clients:
            if id(one) in waiting:
                # The partner repeats itself until it was heard.
                clients[clients.index(one) ^ 1].say()
        until = time.monotonic() + 0.5
        while time.monotonic() < until and waiting:
            for key, _ in selector.select(0.1):
                if key.data.take():
                    waiting.discard(id(key.data))
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        for key, _ in selector.select(0.1):
            key.data.take()


def _play(
    selector: selectors.BaseSelector, clients: Sequence[Client], seconds: float
) -> Sequence[float]:
    """Let all talk for so long; return how long the first waited for each answer."""
    first = clients[0]
    round_trips = []
    begin = said_at = time.monotonic()
    if len(clients) == 2:
        first.say()
    else:
        for one in [*clients] * _window(len(clients)):
            one.say()
    while (now := time.monotonic()) < begin + seconds:
        for key, _ in selector.select(0.1):
            one = key.data
            lines = one.take()
            if lines and one is first:
                now = time.monotonic()
                round_trips.append(now - said_at)
                said_at = now
            for _ in range(lines):
                one.say()
    return round_trips


def main() -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.linked", description=__doc__)
    parser.add_argument("--turns", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured in each (default: 3)")
    parser.add_argument("--pairs", default="1,50,500", help="how many pairs (default: 1,50,500)")
    options = parser.parse_args()
    print(
        f"Behind a row,{MARK} says that in a run of it the load generator was about as busy as the"
        " busiest server or the broker, or had no more to give: it may have limited the figures.\n"
    )
    print(
        "| people | servers | round trip: p50, p99 | deliveries a second | CPU: servers, broker"
        " | load generator |"
    )
    print("|---|---|---|---|---|---|")
    for pairs in map(int, options.pairs.split(",")):
        results: dict[str, list[Result]] = {}
        for _ in range(options.turns):
            for contestant in CONTESTANTS:
                with running_broker() as broker:
                    try:
                        found = measure(contestant, broker, pairs, options.seconds)
                        results.setdefault(contestant.title, []).append(found)
                    except (Missing, OSError) as why:
                        print(f"{contestant.title}, {pairs}: {why}", file=sys.stderr)
        for title, turns in results.items():
            print(_row(2 * pairs, title, turns), flush=True)
    return 0


def _row(people: int, title: str, turns: Sequence[Result]) -> str:
    times = ""
    if people == 2:
        trips = sorted(it for turn in turns for it in turn.round_trips)
        p50, p99 = (1000 * trips[int(part * len(trips))] for part in (0.5, 0.99))
        times = f"{p50:,.2f} ms, {p99:,.2f} ms"
    deliveries = statistics.median(it.deliveries for it in turns)
    servers, broker = (statistics.median(it.cpu[n] for it in turns) for n in (0, 1))
    generator = statistics.median(it.generator for it in turns)
    mark = MARK if any(it.was_generator_busy() for it in turns) else ""
    return (
        f"| {people:,} | {title} | {times} | {deliveries:,.0f}"
        f" | {servers:.0f} %, {broker:.0f} % | {generator:.0f} %{mark} |"
    )


if __name__ == "__main__":
    sys.exit(main())
