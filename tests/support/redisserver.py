"""A real Redis or Valkey server on a free port of this machine, for one test or more."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as NoConnection

from tests.support.ports import free_port
from tests.support.waiting import wait_until

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """A broker that a test starts, stops and kills. Without `keeps`, it has nothing on the disk."""

    def __init__(self, folder: Path, *options: str, keeps: bool = False) -> None:
        if PROGRAM is None:
            pytest.skip("no redis-server and no valkey-server is installed")
        self._folder = folder
        self._options = ("--appendonly", "yes" if keeps else "no", *options)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert PROGRAM is not None
        fixed = ("--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder))
        self._process = subprocess.Popen(
            [PROGRAM, "--port", str(self.port), *fixed, *self._options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.closing(self.client()) as client:

            def answers() -> bool:
                try:
                    return bool(client.ping())
                except AuthenticationError:
                    return True
                except NoConnection:
                    return False

            wait_until(answers, "the broker answers")

    def client(self) -> Redis:
        """Return a client that asks it for what a test wants to know."""
        return Redis(port=self.port, decode_responses=True, protocol=2)

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def cut_all(client: Redis) -> None:
    """Cut all connections to the broker but that of `client`."""
    for kind in ("normal", "pubsub"):
        client.client_kill_filter(_type=kind, skipme=True)


@contextlib.contextmanager
def running_broker(*options: str, keeps: bool = False) -> Iterator[RedisServer]:
    """Run a broker; skip the test where none is installed."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), *options, keeps=keeps)
        try:
            server.start()
            yield server
        finally:
            server.kill()
