"""Run a threadchat server as a process of its own; read its log, and what it uses of the system.

This is for the soak and the fuzzer. They check from outside that nothing is lost, stays open, or
grows. The figures come from `/proc`, so this works on Linux only.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import threadchat
from tests.support.waiting import wait_until
from threadchat.testing import DEADLINE

OPEN_DOORS = ("--max-per-address", "0", "--max-connects", "0", "--max-clients", "10000")
"""Options for a server whose clients all come from one address."""

_SOURCES = str(Path(threadchat.__file__).parent.parent)

_OWN_LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d |    ((telnet|nc|openssl|putty|plink) |http)"
)
"""How each line of the console begins; any other line, such as a traceback, is a problem."""

Record = dict[str, Any]
"""A line of the log file."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a process uses of the system; `memory` is its resident memory, in KiB."""

    memory: int
    threads: int
    descriptors: int

    def is_within(self, before: "Figures") -> bool:
        """Return whether nothing has grown since `before`, memory by a tenth at most."""
        return self.has_no_more_open(before) and self.memory <= 1.1 * before.memory

    def has_no_more_open(self, before: "Figures") -> bool:
        """Return whether there are no more threads and descriptors than `before`."""
        return self.threads <= before.threads and self.descriptors <= before.descriptors

    def __str__(self) -> str:
        return f"{self.memory / 1024:.1f} MiB, {self.threads} threads, {self.descriptors} fds"


class InUse(NamedTuple):
    """What a process has in use, without caches and what its allocators keep for later."""

    references: int
    """How many references objects have to objects, without messages that rooms remember."""
    c_bytes: int
    """How many bytes the C library has given out, for large pieces; 0 if it does not say."""


class ServerProcess:
    """`python -m threadchat` on a free port of 127.0.0.1, with its files in `folder`.

    `problems` has the lines it prints that are not log lines, and the log lines that report a
    problem. Leaving the block kills the process if `stop` has not ended it.
    """

    address_family: int = socket.AF_INET

    def __init__(self, folder: Path, *options: str) -> None:
        self.problems: list[str] = []
        log = folder / "log.jsonl"
        self._in_use = folder / "in_use"
        environment = {
            name: value for name, value in os.environ.items() if "THREADCHAT" not in name
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.measuredserver", "--host", "127.0.0.1",
             "--port", "0", *OPEN_DOORS, "--log-file", log.name, "--log-messages", *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env={
                **environment,
                "PYTHONIOENCODING": "utf-8",
                "PYTHONPATH": _SOURCES,
                "THREADCHAT_WEB_PORT": "off",
                # All memory is in one place, so that the C library counts it.
                "MALLOC_ARENA_MAX": "1",
                "THREADCHAT_TESTS_IN_USE": str(self._in_use),
            },
        )  # fmt: skip
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        bound = re.search(r"server bound .*:(\d+)$", first)
        assert bound, f"the server did not start, but said {first!r}"
        self.server_address: Any = ("127.0.0.1", int(bound.group(1)))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.log = LogFile(log)

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._reader.join()
        self._process.__exit__(None, None, None)
        self.log.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not _OWN_LINE.match(line) or " problem " in line[:35] or "lines left out" in line:
                self.problems.append(line.rstrip())

    def figures(self) -> Figures:
        """Return what the process uses at this moment."""
        root = Path("/proc") / str(self._process.pid)
        status = dict(re.findall(r"^(\w+):\s*(\d+)", (root / "status").read_text(), re.MULTILINE))
        return Figures(int(status["VmRSS"]), int(status["Threads"]), len(os.listdir(root / "fd")))

    def in_use(self) -> InUse:
        """Have the process drop its caches, garbage and who has left, and count what is in use."""
        self._in_use.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR2)
        wait_until(self._in_use.exists, "the server has counted what is in use")
        return InUse(*json.loads(self._in_use.read_text()))

    def is_running(self) -> bool:
        """Return whether the process has not ended."""
        return self._process.poll() is None

    def stop(self) -> int:
        """Stop the server as Ctrl-C does; return its exit status."""
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait(DEADLINE)
        self._reader.join()
        return status


class LogFile:
    """Reads the log of a server while it grows, across its rotations."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open(path, "rb")  # noqa: SIM115 - it stays open until it is put aside

    def close(self) -> None:
        self._file.close()

    def new_records(self) -> Iterator[Record]:
        """Yield the records of whole lines that have been logged since the last call."""
        while True:
            is_put_aside = self._is_put_aside()
            yield from self._rest()
            if not is_put_aside:
                return
            self._file.close()
            self._file = open(self._path, "rb")  # noqa: SIM115

    def _is_put_aside(self) -> bool:
        """Return whether another file has the log's name now; False while no file has it."""
        with contextlib.suppress(FileNotFoundError):
            return os.stat(self._path).st_ino != os.fstat(self._file.fileno()).st_ino
        return False

    def _rest(self) -> Iterator[Record]:
        while (line := self._file.readline()).endswith(b"\n"):
            yield json.loads(line)
        self._file.seek(-len(line), os.SEEK_CUR)
