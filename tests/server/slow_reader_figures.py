"""Measure what one client that reads nothing costs 1,000 others.

Run it with `python -m tests.slow_reader_figures`.

The others talk in turns, at a steady rate, and how long each line takes to reach a sample of them
is timed, with such a client in the room and without, by turns. The client is behind from the start
and is ended as too slow while the others are being timed.
"""

import argparse
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from tests.support.clients import Client
from tests.support.servers import terminals
from threadchat import ChatServer
from threadchat.server.config import ServerConfig
from threadchat.testing import UNLIMITED

_SAMPLE_EVERY = 10
"""Of so many listeners, one is timed."""

_LINE = 1000
"""Characters of a line: so long that the client falls 256 KiB behind in seconds."""


def main(argv: Sequence[str]) -> None:
    """Print the latencies with and without the client, and their ratio."""
    parser = argparse.ArgumentParser(prog="tests.server.slow_reader_figures")
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=30.0, help="lines a second, of all together")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--talk-to", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.talk_to:
        print(*talk(options.talk_to, options.people, options.rate, options.seconds))
        return
    figures: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for number in range(options.rounds):
        for has_slow_reader in (False, True) if number % 2 else (True, False):
            median, p99 = measure(options, has_slow_reader)
            figures[has_slow_reader].append((median, p99))
            with_ = "with" if has_slow_reader else "without"
            print(f"{with_:>8}: median {median:.2f} ms, p99 {p99:.2f} ms", flush=True)
    medians = {key: statistics.median(p99 for _, p99 in each) for key, each in figures.items()}
    print(
        f"p99, median of {options.rounds} rounds: {medians[True]:.2f} ms with,"
        f" {medians[False]:.2f} ms without, ratio {medians[True] / medians[False]:.2f}"
    )


def measure(options: argparse.Namespace, has_slow_reader: bool) -> tuple[float, float]:
    """Return the median and the 99th percentile of the latencies, in milliseconds."""
    limits = replace(UNLIMITED, max_clients=options.people + 10)
    with ChatServer(("127.0.0.1", 0), ServerConfig(limits=limits)) as server:
        server.start()
        if has_slow_reader:
            slow = Client(server, "slow", receive_buffer=2048)
            (handler,) = terminals(server)
            while not handler.send_queue.bytes_queued:
                handler.send_queue.send(b"x" * 1000)
        port = server.server_address[1]
        arguments = ("--people", "--rate", "--seconds")
        values = (options.people, options.rate, options.seconds)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.server.slow_reader_figures", "--talk-to", str(port)),
                *(str(it) for pair in zip(arguments, values, strict=True) for it in pair),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        if has_slow_reader:
            assert handler.send_queue.reason == "too slow", handler.send_queue.reason
            slow.close()
    median, p99 = map(float, done.stdout.split())
    return median, p99


def talk(port: int, people: int, rate: float, seconds: float) -> tuple[float, float]:
    """Have `people` enter and talk for so long; return the median and p99 in milliseconds."""
    with selectors.DefaultSelector() as selector:
        sockets = []
        for number in range(people):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.sendall(b"n%d\n" % number)
            sock.setblocking(False)
            is_timed = number % _SAMPLE_EVERY == 0
            selector.register(sock, selectors.EVENT_READ, bytearray() if is_timed else None)
            sockets.append(sock)
            _listen(selector, 0.0)
        latencies: list[float] = []
        settling = people / 300  # seconds, until all have come in and everybody knows
        _listen_until(selector, time.perf_counter() + settling)
        begin = time.perf_counter()
        for number in range(int(rate * seconds)):
            latencies += _listen_until(selector, begin + number / rate)
            line = f"@{time.perf_counter():.6f} ".encode().ljust(_LINE, b"x") + b"\n"
            sockets[number % people].sendall(line)
        latencies += _listen_until(selector, time.perf_counter() + settling)
        for sock in sockets:
            sock.close()
    quantiles = statistics.quantiles(latencies, n=100)
    return quantiles[49], quantiles[98]


def _listen_until(selector: selectors.BaseSelector, deadline: float) -> list[float]:
    latencies: list[float] = []
    while (left := deadline - time.perf_counter()) > 0:
        latencies += _listen(selector, left)
    return latencies


def _listen(selector: selectors.BaseSelector, timeout: float) -> list[float]:
    """Read what has come; return how old, in milliseconds, the lines are that are timed."""
    latencies = []
    for key, _ in selector.select(timeout):
        assert isinstance(key.fileobj, socket.socket)
        data = key.fileobj.recv(65536)
        now = time.perf_counter()
        if key.data is not None:
            key.data.extend(data)
            *lines, rest = bytes(key.data).split(b"\n")
            key.data[:] = rest
            for line in lines:
                _, mark, said = line.partition(b": @")
                if mark:
                    latencies.append(1000 * (now - float(said.split()[0])))
    return latencies


if __name__ == "__main__":
    main(sys.argv[1:])
