"""Find, build and run the servers that are compared.

Each peer is one short file in `servers`; what a peer needs and the machine lacks is said in one
line by `Missing`, and the benchmark goes on without it.
"""

import contextlib
import importlib.util
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

from tests.benchmarks.protocol import BROADCAST, IRC, PLAIN, Kind

HERE = Path(__file__).parent
SERVERS = HERE / "servers"
ROOT = HERE.parent.parent

_LISTENS = r"127\.0\.0\.1:(\d+)"
_SERVES_BROWSERS = r"http://127\.0\.0\.1:(\d+)/"

_PORT_BEFORE = r'port="|listen 127\.0\.0\.1:|Ports = '
"""What stands before the port in the configurations."""

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
    queue: int | None = None
    """How many clients may wait to be let in, if fewer than the load generator lets wait."""
    serves_browsers: bool = False
    """Whether it takes part where the clients are browsers."""


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
    """Where its standard error goes, and its output if its port is not read there."""
    port: int
    web_port: int = 0
    """Where it serves browsers; 0 if at the other port, or not at all."""

    def last_words(self) -> str:
        """Return the last line of its complaints, if any."""
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
            "--web-port": "0" if _serves_browsers(start[0]) else "off",
        }
        known = set(re.findall(r"--[a-z-]+", shown.stdout))
        guards = [word for name in wanted if name in known for word in (name, wanted[name])]
        return [*start, "--host", "127.0.0.1", "--port", "0", "--quiet", *guards]

    return prepare


HOW_TO_SERVE_BROWSERS = "its packages are not installed: pip install h11 wsproto"


def has_browsers_off(command: Sequence[str]) -> bool:
    """Return whether threadchat is run so by `command`, for want of packages."""
    return "--web-port" in command and command[command.index("--web-port") + 1] == "off"


def _serves_browsers(python: str) -> bool:
    """Return whether that interpreter has the packages of the extra `web`."""
    return not subprocess.run([python, "-c", "import h11, wsproto"], capture_output=True).returncode


def _python(name: str) -> Callable[[Path], Sequence[str]]:
    return lambda folder: [sys.executable, str(SERVERS / name)]


def _node(folder: Path) -> Sequence[str]:
    return [find("node"), str(SERVERS / "chat.js")]


def _go(folder: Path) -> Sequence[str]:
    _build([find("go"), "build", "-o", str(folder / "chat-go"), str(SERVERS / "chat.go")])
    return [str(folder / "chat-go")]


def _c(folder: Path) -> Sequence[str]:
    return [compile_c([SERVERS / "limit.c"], folder)]


def _ws(folder: Path) -> Sequence[str]:
    node = find("node")
    tried = subprocess.run([node, "-e", "require('ws')"], cwd=ROOT, capture_output=True)
    if tried.returncode:
        raise Missing("its package is not installed: npm install --no-save ws")
    return [node, str(SERVERS / "broadcast.js")]


def _websockets(folder: Path) -> Sequence[str]:
    if importlib.util.find_spec("websockets") is None:
        raise Missing("its package is not installed: pip install websockets")
    return [sys.executable, str(SERVERS / "broadcast.py")]


def _nchan(folder: Path) -> Sequence[str]:
    program = find("nginx")
    module = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
    if not module.exists():
        raise Missing("the module of nginx is not installed: apt-get install libnginx-mod-nchan")
    config = _configuration("nchan.conf", folder)
    config.write_text(config.read_text().replace("MODULE", str(module)))
    return [program, "-p", str(folder), "-e", "stderr", "-c", str(config)]


def _inspircd(folder: Path) -> Sequence[str]:
    program = find("inspircd")
    config = _configuration("inspircd.conf", folder)
    config.chmod(0o600)  # it refuses a file that others could read
    allow_root = ["--runasroot"] if os.getuid() == 0 else []
    return [program, "--nofork", *allow_root, "--config", str(config)]


def _ngircd(folder: Path) -> Sequence[str]:
    return [find("ngircd"), "--nodaemon", "--config", str(_configuration("ngircd.conf", folder))]


def _configuration(name: str, folder: Path) -> Path:
    """Copy a configuration to `folder`, and name that in it."""
    config = folder / name
    config.write_text((SERVERS / name).read_text().replace("FOLDER", str(folder)))
    return config


TERMINALS = Peer("terminals", "its terminals", threadchat(), has_rooms=True, is_threadchat=True)
"""threadchat again, for people at terminals where the others are at browsers."""

PEERS = (
    Peer(
        "threadchat",
        "threadchat",
        threadchat(),
        has_rooms=True,
        is_threadchat=True,
        serves_browsers=True,
    ),
    Peer("c", "C, epoll, batches", _c, has_rooms=True),
    Peer("inspircd", "InspIRCd", _inspircd, kind=IRC, has_rooms=True),
    Peer("ngircd", "ngIRCd", _ngircd, kind=IRC, has_rooms=True, queue=10),
    Peer("go", "Go, goroutines", _go),
    Peer("node", "Node, net", _node),
    Peer("asyncio", "asyncio streams", _python("streams.py")),
    Peer("threads", "thread per client", _python("threads.py")),
    TERMINALS,
    Peer("ws", "Node, ws", _ws, kind=BROADCAST, serves_browsers=True),
    Peer("websockets", "Python, websockets", _websockets, kind=BROADCAST, serves_browsers=True),
    Peer("nchan", "nginx, Nchan", _nchan, kind=BROADCAST, serves_browsers=True),
)

LIMIT = "c"
"""The peer that the others are held against."""


def find(program: str) -> str:
    """Return where a program is, or raise `Missing`."""
    path = shutil.which(program)
    if path is None:
        raise Missing(f"{program} is not installed")
    return path


def compile_c(sources: Sequence[Path], folder: Path, libraries: Sequence[str] = ()) -> str:
    """Return a program made of `sources` and named for the first; needs Linux, for its epoll."""
    if sys.platform != "linux":
        raise Missing("needs Linux")
    program = folder / sources[0].stem
    linked = [f"-l{name}" for name in libraries]
    _build([find("gcc"), "-O2", "-o", str(program), *map(str, sources), *linked])
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
        # A pipe that nobody reads would stop a server that logs to it, as ngIRCd does.
        output = file if fixed_port else subprocess.PIPE
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environment(), stdout=output, stderr=file, text=True
        )
    try:
        ports = (fixed_port,) if fixed_port else _ports_said_by(process, command)
        running = Running(process, complaints, *ports)
        if not running.port or (fixed_port and not _listens(running)):
            raise Missing(f"it did not start: {running.last_words() or 'no reason given'}")
        yield running
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _ports_said_by(process: subprocess.Popen[str], command: Sequence[str]) -> tuple[int, ...]:
    """Wait for the lines in which the server says where it listens; (0,) if it ends before."""
    has_two = "--web-port" in command and not has_browsers_off(command)
    wanted = (_LISTENS, _SERVES_BROWSERS) if has_two else (_LISTENS,)
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    assert process.stdout is not None
    try:
        ports: list[int] = []
        for line in process.stdout:
            if said := re.search(wanted[len(ports)], line):
                ports.append(int(said[1]))
                if len(ports) == len(wanted):
                    return tuple(ports)
    finally:
        watchdog.cancel()
    return (0,)


def _fill_in_port(command: Sequence[str]) -> int:
    """Give a server that cannot choose a port, and has a configuration, one that is free."""
    config = Path(command[-1])
    if config.suffix != ".conf":
        return 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    config.write_text(re.sub(rf"({_PORT_BEFORE})\w+", rf"\g<1>{port}", config.read_text()))
    return port


def _listens(running: Running) -> bool:
    """Wait until a server that does not say so listens; return False if it never does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", running.port)):
            return True
        time.sleep(0.02)
    return False
