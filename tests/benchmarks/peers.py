"""Find, build and run the servers that are compared.

Each peer is one short file in `servers`; what a peer needs and the machine lacks is said in one
line by `Missing`, and the benchmark goes on without it.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.protocol import IRC, PLAIN, Kind

HERE = Path(__file__).parent
SERVERS = HERE / "servers"
ROOT = HERE.parent.parent

START_SECONDS = 30.0
"""How long a server may take until it says its port."""

MAX_CLIENTS = 20_000
"""More than any workload has."""


class Missing(Exception):
    """Say in one line why a peer cannot take part."""


@dataclass(frozen=True)
class Peer:
    """A server to be measured."""

    name: str
    title: str
    prepare: Callable[[Path], Sequence[str]]
    """Return the command that runs it, having built in that folder what there is to build."""
    kind: Kind = PLAIN
    has_rooms: bool = False
    is_threadchat: bool = False


@dataclass(frozen=True)
class Contestant:
    """A peer that can take part."""

    peer: Peer
    command: Sequence[str]


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    process: subprocess.Popen[str]
    complaints: Path
    """Where its standard error goes."""
    port: int

    def last_words(self) -> str:
        """Return the last line it wrote to standard error, if any."""
        lines = self.complaints.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def threadchat(python: str = sys.executable) -> Callable[[Path], Sequence[str]]:
    """Return how this tree's own server is run by that interpreter, with its guards off."""

    def prepare(folder: Path) -> Sequence[str]:
        start = [find(python), "-m", "threadchat"]
        shown = subprocess.run(
            [*start, "--help"], cwd=ROOT, env=_environment(), capture_output=True, text=True
        )
        if shown.returncode:
            raise Missing(f"{python} cannot run it: {(shown.stderr.splitlines() or ['?'])[-1]}")
        wanted = {
            "--max-clients": str(MAX_CLIENTS),
            "--max-per-address": "0",
            "--max-connects": "0",
            "--flood": "off",
            "--web-port": "off",
        }
        known = set(re.findall(r"--[a-z-]+", shown.stdout))
        guards = [word for name in wanted if name in known for word in (name, wanted[name])]
        return [*start, "--host", "127.0.0.1", "--port", "0", "--quiet", *guards]

    return prepare


def _python(name: str) -> Callable[[Path], Sequence[str]]:
    return lambda folder: [sys.executable, str(SERVERS / name)]


def _node(folder: Path) -> Sequence[str]:
    return [find("node"), str(SERVERS / "chat.js")]


def _go(folder: Path) -> Sequence[str]:
    _build([find("go"), "build", "-o", str(folder / "chat-go"), str(SERVERS / "chat.go")])
    return [str(folder / "chat-go")]


def _c(folder: Path) -> Sequence[str]:
    return [compile_c([SERVERS / "limit.c"], folder)]


def _inspircd(folder: Path) -> Sequence[str]:
    program = find("inspircd")
    config = folder / "inspircd.conf"
    config.write_text((SERVERS / config.name).read_text().replace("FOLDER", str(folder)))
    config.chmod(0o600)  # it refuses a file that others could read
    allow_root = ["--runasroot"] if os.getuid() == 0 else []
    return [program, "--nofork", *allow_root, "--config", str(config)]


PEERS = (
    Peer("threadchat", "threadchat", threadchat(), has_rooms=True, is_threadchat=True),
    Peer("c", "C, epoll, batches", _c, has_rooms=True),
    Peer("inspircd", "InspIRCd", _inspircd, kind=IRC, has_rooms=True),
    Peer("go", "Go, goroutines", _go),
    Peer("node", "Node, net", _node),
    Peer("asyncio", "asyncio streams", _python("streams.py")),
    Peer("threads", "thread per client", _python("threads.py")),
)

LIMIT = "c"
"""The peer that the others are held against."""


def find(program: str) -> str:
    """Return where a program is, or raise `Missing`."""
    path = shutil.which(program)
    if path is None:
        raise Missing(f"{program} is not installed")
    return path


def compile_c(sources: Sequence[Path], folder: Path) -> str:
    """Return a program made of `sources` and named for the first; needs Linux, for its epoll."""
    if sys.platform != "linux":
        raise Missing("needs Linux")
    program = folder / sources[0].stem
    _build([find("gcc"), "-O2", "-o", str(program), *map(str, sources)])
    return str(program)


def _build(command: Sequence[str]) -> None:
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        complaint = (built.stderr.strip().splitlines() or ["?"])[-1]
        raise Missing(f"{Path(command[0]).name} cannot build it: {complaint}")


def _environment() -> dict[str, str]:
    """Return the environment without what would change how a server runs."""
    unwanted = ("THREADCHAT_", "PYTHONUNBUFFERED", "PYTHONDEVMODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


@contextlib.contextmanager
def run(contestant: Contestant, folder: Path, options: Sequence[str] = ()) -> Iterator[Running]:
    """Run a server on loopback, on a port of its own; end it whatever happens."""
    command = [*contestant.command, *options]
    fixed_port = _fill_in_port(command)
    complaints = folder / "complaints"
    with complaints.open("w") as file:
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, stderr=file, text=True
        )
    try:
        running = Running(process, complaints, fixed_port or _port_said_by(process))
        if not running.port or (fixed_port and not _listens(running)):
            raise Missing(f"it did not start: {running.last_words() or 'no reason given'}")
        yield running
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _port_said_by(process: subprocess.Popen[str]) -> int:
    """Wait for the line in which the server says where it listens; 0 if it ends before."""
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if said := re.search(r"127\.0\.0\.1:(\d+)", line):
                return int(said[1])
    finally:
        watchdog.cancel()
    return 0


def _fill_in_port(command: Sequence[str]) -> int:
    """Give a server that cannot choose a port, and has a configuration, one that is free."""
    config = Path(command[-1])
    if config.suffix != ".conf":
        return 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    config.write_text(re.sub(r'port="\w+"', f'port="{port}"', config.read_text()))
    return port


def _listens(running: Running) -> bool:
    """Wait until a server that does not say so listens; return False if it never does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", running.port)):
            return True
        time.sleep(0.02)
    return False
