"""Two machines on a LAN, in network namespaces of Linux, and avahi on them as a judge.

A third namespace is a container on the first machine, behind a bridge such as Docker's.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from tests.support.waiting import wait_until
from threadchat.testing import DEADLINE

HERE, THERE, CONTAINER = "here", "there", "container"
"""The machine with the server, another one on its LAN, and a container on the first one."""

ADDRESS = {HERE: "10.77.0.1", THERE: "10.77.0.2", CONTAINER: "172.17.0.2"}

BRIDGE = "172.17.0.1"
"""The address of the first machine that only its container reaches."""

_BUS = """<busconfig><type>session</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/></policy></busconfig>"""

_AVAHI = """[server]
host-name={}
[publish]
publish-workstation=no
"""


_SETTINGS = "/proc/sys/net/ipv6/conf"


def why_not(*tools: str) -> str:
    """Return why these machines cannot be had here; "" if they can."""
    if sys.platform != "linux":
        return "only Linux has network namespaces"
    missing = [it for it in ("ip", "unshare", "hostname", *tools) if shutil.which(it) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    name = f"threadchat-{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode == 0:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        tried = subprocess.run(["unshare", "--uts", "-m", "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return ""
    return "network namespaces need the rights of root"


class Program:
    """A program that runs on one of the machines, and the lines that it prints."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        self.lines: list[str] = []
        self._new: SimpleQueue[str] = SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._new.put(line.rstrip("\n"))

    def read_until(self, words: str) -> str:
        """Return the next line that has these words."""
        while True:
            try:
                self.lines.append(self._new.get(timeout=DEADLINE))
            except Exception:
                raise AssertionError(f"{words!r} did not come, but {self.lines}") from None
            if words in self.lines[-1]:
                return self.lines[-1]

    def stop(self) -> int:
        """Stop it as Ctrl-C does; return its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Machines:
    """The three machines, each called `name` on this system, and what runs on them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = contextlib.ExitStack()
        self._names = {it: f"threadchat-{os.getpid()}-{it}" for it in ADDRESS}
        for name in self._names.values():
            _ip("netns", "add", name)
            # Otherwise each address of IPv6 waits for seconds whether another machine has it.
            for which in ("all", "default"):
                _ip("netns", "exec", name, "sh", "-c", f"echo 0 >{_SETTINGS}/{which}/accept_dad")
        self._connect(HERE, "eth0", THERE)
        self._connect(HERE, "veth7", CONTAINER)
        self.ip(HERE, "link", "add", "docker0", "type", "bridge")
        self.ip(HERE, "link", "set", "veth7", "master", "docker0")
        for machine, device, address in (
            (HERE, "eth0", f"{ADDRESS[HERE]}/24"),
            (HERE, "eth0", "fd77::1/64"),
            (HERE, "docker0", f"{BRIDGE}/16"),
            (THERE, "eth0", f"{ADDRESS[THERE]}/24"),
            (THERE, "eth0", "fd77::2/64"),
            (CONTAINER, "eth0", f"{ADDRESS[CONTAINER]}/16"),
        ):
            self.add_address(machine, device, address)
        for machine, device in (
            *((it, "lo") for it in self._names),
            *((it, "eth0") for it in self._names),
            (HERE, "docker0"),
            (HERE, "veth7"),
        ):
            self.ip(machine, "link", "set", device, "up")
        for machine in self._names:
            wait_until(partial(self._is_ready, machine), "the addresses can be used")

    def _connect(self, machine: str, device: str, other: str) -> None:
        self.ip(
            machine, "link", "add", device, "type", "veth",
            "peer", "name", "eth0", "netns", self._names[other],
        )  # fmt: skip

    def ip(self, machine: str, *arguments: str) -> str:
        """Run `ip` for a machine; return what it prints."""
        return _ip("-n", self._names[machine], *arguments)

    def add_address(self, machine: str, device: str, address: str) -> None:
        waits = ["nodad"] if ":" in address else []
        self.ip(machine, "addr", "add", address, "dev", device, *waits)

    def _is_ready(self, machine: str) -> bool:
        shown = self.ip(machine, "addr")
        return "tentative" not in shown and "inet6 fe80" in shown

    def command(self, machine: str, *command: str, host_name: str = "box") -> list[str]:
        """Return the command line that runs `command` on a machine that is called so."""
        script = f'hostname {host_name} && exec "$@"'
        inside = ("ip", "netns", "exec", self._names[machine], "unshare", "--uts", "-m")
        return [*inside, "sh", "-c", script, "sh", *command]

    def start(self, machine: str, *command: str, host_name: str = "box", **more: str) -> Program:
        """Start a program on a machine; it ends with the machines at the latest."""
        environment = {
            **{key: value for key, value in os.environ.items() if "THREADCHAT_" not in key},
            "PYTHONIOENCODING": "utf-8",
            **more,
        }
        program = Program(self.command(machine, *command, host_name=host_name), environment)
        self._programs.callback(program.close)
        return program

    def serve(self, machine: str, *options: str, host_name: str = "box") -> Program:
        """Start a server on any ports of a machine."""
        command = (sys.executable, "-m", "threadchat", "--port", "0", "--web-port", "0", *options)
        return self.start(machine, *command, host_name=host_name)

    def run(
        self, machine: str, *command: str, typed: str = "", **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program on a machine to its end, and return what came of it."""
        return subprocess.run(
            self.command(machine, *command),
            input=typed,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=3 * DEADLINE,
            check=False,
            env={**os.environ, **more},
        )

    def find(self, machine: str, *options: str) -> "subprocess.CompletedProcess[str]":
        """Run `threadchat find` on a machine."""
        return self.run(machine, sys.executable, "-m", "threadchat", "find", *options)

    def avahi(self, machine: str, host_name: str) -> dict[str, str]:
        """Run avahi on a machine; return the environment of the programs that ask it."""
        folder = self._folder / machine
        folder.mkdir(exist_ok=True)
        bus = folder / "bus"
        (folder / "bus.conf").write_text(_BUS.format(bus))
        (folder / "avahi.conf").write_text(_AVAHI.format(host_name))
        found = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
        self.start(machine, "dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork")
        wait_until(bus.exists, "the bus of messages is there")
        # Its file for the process id has one name on each system, so each gets a /run of its own.
        script = "mount -t tmpfs none /run && mkdir /run/avahi-daemon && exec avahi-daemon"
        arguments = f"--no-drop-root --no-chroot --no-rlimits -f {folder / 'avahi.conf'}"
        daemon = self.start(machine, "sh", "-c", f"{script} {arguments}", **found)
        daemon.read_until("Server startup complete")
        return found

    def end_programs(self) -> None:
        """End what still runs on the machines."""
        self._programs.close()

    def close(self) -> None:
        self.end_programs()
        for name in self._names.values():
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", name)


def _ip(*arguments: str) -> str:
    return subprocess.run(
        ["ip", *arguments], capture_output=True, text=True, timeout=DEADLINE, check=True
    ).stdout


@contextlib.contextmanager
def machines(folder: Path) -> Iterator[Machines]:
    """Yield the machines; at the end, end what runs on them, and remove them."""
    made = Machines(folder)
    try:
        yield made
    finally:
        made.close()
