"""Run the load generator, and read what it has measured."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path

from tests.benchmarks.peers import HERE, ROOT, Missing, Running, compile_c
from tests.benchmarks.protocol import Kind


class Failed(Exception):
    """Say in one line why a run has no result."""


BUSY = 0.85
"""The share of a processor above which a program with one thread may have no more to give."""

AS_BUSY = 0.9
"""The share of the server's processor time at which the load generator counts as busy as it."""


class Phase(Enum):
    """The part of a run in which something is measured."""

    ENTRY = "coming in"
    TALK = "talking"


@dataclass(frozen=True)
class Result:
    """What one run has shown. Times in seconds, but for those in microseconds (`_us`)."""

    clients: int
    entry_seconds: float
    """From the first connection until all clients were in."""
    entry_bytes: int
    """How many bytes all clients together had been sent when all were in."""
    kilobytes_before: int
    kilobytes_after: int
    """Of the server's memory, without clients and with all of them; -1 if unknown."""
    entry_server_cpu: float = -1.0
    entry_generator_cpu: float = 0.0
    """Seconds of processor time, until all clients were in; -1 if unknown."""
    seconds: float = 0.0
    said: int = 0
    delivered: int = 0
    frames: int = 0
    """Frames of WebSocket that all clients received in the time measured."""
    bytes: int = 0
    """How many bytes all clients received in the time measured."""
    server_cpu: float = -1.0
    generator_cpu: float = 0.0
    """Seconds of processor time, in the time measured; -1 if unknown."""
    samples: int = 0
    p50_us: int = 0
    p99_us: int = 0
    slowest_us: int = 0
    """How long messages were under way, or, with ping and pong, there and back."""
    missing: int = 0
    """Messages that did not come, or, below 0, that came too often."""
    wrong: int = 0
    """Clients that did not receive as many messages as the others said."""
    one_order: bool = True
    """Whether all who were watched saw the messages in one order, and each sender's in theirs."""

    @property
    def rate(self) -> float:
        """Deliveries a second."""
        return self.delivered / self.seconds

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds

    @property
    def cpu_us(self) -> float | None:
        """The server's processor time for a delivery, in microseconds; None if unknown."""
        return self.server_cpu * 1e6 / self.delivered if self.server_cpu >= 0 else None

    @property
    def kilobytes_each(self) -> float | None:
        """The server's memory for each client, in units of 1,000 bytes; None if unknown."""
        if self.kilobytes_before < 0 or self.kilobytes_after < 0:
            return None
        return (self.kilobytes_after - self.kilobytes_before) * 1.024 / self.clients

    @property
    def bytes_each(self) -> float:
        """What a client had been sent when all were in."""
        return self.entry_bytes / self.clients

    def generator_share(self, phase: Phase) -> float:
        """Return how many processors the load generator used in that phase."""
        if phase is Phase.ENTRY:
            return self.entry_generator_cpu / self.entry_seconds
        return self.generator_cpu / self.seconds

    def server_share(self, phase: Phase) -> float | None:
        """Return how many processors the server used in that phase; None if unknown."""
        if phase is Phase.ENTRY:
            used, seconds = self.entry_server_cpu, self.entry_seconds
        else:
            used, seconds = self.server_cpu, self.seconds
        return used / seconds if used >= 0 else None

    def was_generator_busy(self, phase: Phase) -> bool:
        """Return whether the load generator may have limited what was measured in that phase.

        It may have if it was about as busy as the server, or had hardly any processor time left;
        and so it may if the server's processor time is unknown.
        """
        share, server = self.generator_share(phase), self.server_share(phase)
        return share > BUSY or server is None or share >= AS_BUSY * server


SOURCE_NAMES = ("loadgen.c", "plan.c", "meter.c", "frames.c", "inflate.c")
SOURCES = [HERE / "load" / name for name in SOURCE_NAMES]

IN_PYTHON = [sys.executable, "-m", "tests.benchmarks.loadgen"]


def build(folder: Path, left_out: list[str]) -> list[str]:
    """Return the command of the load generator: Python's where that in C cannot be had."""
    try:
        return [build_in_c(folder)]
    except Missing as why:
        left_out.append(f"the load generator in C, for which a slower one steps in: {why}")
        return IN_PYTHON


def build_in_c(folder: Path) -> str:
    """Return the load generator in C, or raise `Missing`; it needs zlib with its headers."""
    return compile_c(SOURCES, folder, ["z"])


def measure(
    generator: Sequence[str],
    server: Running,
    kinds: Sequence[Kind],
    options: Mapping[str, float],
) -> Result:
    """Run the clients that `options` ask for against `server`; raise `Failed` if that fails."""
    command = [*generator, "--port", str(server.port), "--pid", str(server.process.pid)]
    if server.web_port:
        command += ["--web-port", str(server.web_port)]
    for name, value in options.items():
        command += [f"--{name}", f"{value:g}"]
    for kind in kinds:
        command += kind.arguments()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise Failed(_reason(done.stderr, server))
    known = {field.name for field in fields(Result)}
    result = Result(**{name: it for name, it in json.loads(done.stdout).items() if name in known})
    if result.missing or result.wrong:
        raise Failed(
            f"{result.missing} messages missing, {result.wrong} clients with a wrong count"
        )
    if result.seconds and not result.delivered:
        raise Failed("nothing was delivered in the time measured")
    return result


def _reason(complaints: str, server: Running) -> str:
    reason = (complaints.strip().splitlines() or ["the load generator died"])[-1]
    words = server.last_words()
    return f"{reason}; the server said: {words}" if words else reason
