"""The server as a service: what the README says of it, word for word."""

import contextlib
import os
import plistlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.end_to_end.test_program import Program, running
from tests.support.clients import Client
from threadchat.cli.sources import parse_options
from threadchat.testing import DEADLINE

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block_of(name: str) -> str:
    """Return the text in the README's block that is marked with `name`."""
    found = re.search(rf"^<!-- {re.escape(name)} -->\n```\w+\n(.*?)^```$", README, re.M | re.S)
    assert found, f"the README has no block for {name}"
    return found[1]


def test_the_file_with_options_in_the_readme(tmp_path: Path) -> None:
    file = tmp_path / "chat.toml"
    file.write_text(block_of("chat.toml"))
    (tmp_path / "motd.txt").write_text("Tea at four.\n")
    with running("--config", str(file), "--port", "0") as program:
        with Client(program, "al") as al:
            al.expect("Tea at four.")
            al.type("hi")
            al.type("/quit")
            al.expect_end()
        assert program.stop() == 0
        assert not any("client" in line for line in program.output), "it is quiet"
    assert (tmp_path / "chat.db").exists()


class Manager:
    """A service manager of ours: what the server tells it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)

    def expect(self, line: str) -> None:
        """Wait until it is told `line`."""
        self._socket.settimeout(DEADLINE)
        while line not in self.told:
            self.told += self._socket.recv(4096).decode().split("\n")

    def look(self) -> None:
        """Read what it has been told already."""
        self._socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.told += self._socket.recv(4096).decode().split("\n")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
        pytest.skip("there are no such sockets")
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        contextlib.closing(Manager(f"{folder}/notify")) as manager,
    ):
        yield manager


@pytest.mark.slow
def test_a_service_manager_is_told_when_it_is_ready_and_when_it_stops(manager: Manager) -> None:
    with running("--port", "0", NOTIFY_SOCKET=manager.address) as program:
        manager.expect("READY=1")
        port = program.server_address[1]
        assert f"STATUS=Nobody is here yet, at port {port}" in manager.told
        with Client(program, "al") as al:
            manager.expect(f"STATUS=1 person is here, at port {port}")
            manager.told.clear()
            program.process.send_signal(signal.SIGHUP)
            manager.expect("READY=1")
            assert manager.told[0] == "RELOADING=1"
            assert program.read_until("had the files read again")
            program.process.send_signal(signal.SIGTERM)
            assert "The server is stopping. Goodbye." in al.expect_end()
            manager.look()
            assert manager.told[-2:] == ["STOPPING=1", "STATUS=stopping"]
        assert program.process.wait(DEADLINE) == 0


@pytest.mark.slow
def test_the_watchdog_hears_of_it_for_as_long_as_it_works(manager: Manager) -> None:
    # Only this process may tell it. The variable with its number is not known beforehand.
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}
    with running("--port", "0", **environment) as program:
        for _ in range(3):
            manager.expect("WATCHDOG=1")
            manager.told.clear()
        assert program.stop() == 0


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="then there is no manager")
def test_a_socket_that_is_wrong_does_not_hinder_it() -> None:
    with running("--port", "0", NOTIFY_SOCKET="/no/such/socket") as program:
        program.read_until("problem .* the service manager cannot be told how the server is doing")
        with Client(program, "al"):
            pass
        assert program.stop() == 0


ETC, STATE = "/etc/threadchat", "/var/lib/threadchat"
CONFIG = f"{ETC}/threadchat.toml"
UNIT = "/etc/systemd/system/threadchat.service"


def test_the_file_with_options_of_the_service(tmp_path: Path) -> None:
    file = tmp_path / "threadchat.toml"
    file.write_text(block_of(CONFIG))
    options = parse_options(["--config", str(file)], {})
    assert options.op_password_file == str(tmp_path / "op-password")
    assert Path(options.history).parent.as_posix().endswith(STATE)
    assert "StateDirectory=threadchat\n" in block_of(UNIT)
    assert f"ExecStart=/opt/threadchat/bin/threadchat --config {CONFIG}\n" in block_of(UNIT)
    assert f"install -d -m 750 -g threadchat {ETC}\n" in block_of("install the service")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return the file of the README's unit; what it starts is a program that is there."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("there is no systemd")
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.split()[1]
    if not version.isdigit() or int(version) < 250:
        pytest.skip("this systemd is too old")
    file = tmp_path / "threadchat.service"
    file.write_text(block_of(UNIT).replace("=/opt/threadchat/bin/threadchat ", "=/bin/sh "))
    return file


def analyze(*arguments: str) -> tuple[int, str]:
    """Return the exit status of `systemd-analyze`, and what it says of the service."""
    done = subprocess.run(
        ["systemd-analyze", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "SYSTEMD_COLORS": "0"},
    )
    return done.returncode, "".join(
        line for line in done.stdout.splitlines(keepends=True) if "threadchat" in line
    )


def test_systemd_finds_no_fault_with_the_unit(unit: Path) -> None:
    assert analyze("verify", "--man=no", str(unit)) == (0, "")
    unit.write_text(unit.read_text().replace("ProtectHome", "ProtectHom"))
    assert "Unknown key" in analyze("verify", "--man=no", str(unit))[1]


def test_the_unit_leaves_little_open(unit: Path) -> None:
    status, words = analyze("security", "--offline=yes", "--no-pager", "--threshold=30", str(unit))
    assert status == 0, words
    assert re.search(r"exposure level for threadchat\.service: [0-2]\.", words)


def test_the_property_list_for_launchd() -> None:
    agent = plistlib.loads(block_of("threadchat.plist").encode())
    assert set(agent) == {  # see launchd.plist(5)
        *("Label", "ProgramArguments", "UserName", "WorkingDirectory", "RunAtLoad", "KeepAlive"),
        *("ProcessType", "StandardOutPath", "StandardErrorPath", "SoftResourceLimits"),
    }
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["RunAtLoad"] is True
    program, *arguments = agent["ProgramArguments"]
    assert program == "/opt/threadchat/bin/threadchat"
    assert arguments == ["--config", f"{agent['WorkingDirectory']}/threadchat.toml"]


def test_the_task_for_windows() -> None:
    task = ElementTree.fromstring(block_of("threadchat.xml"))
    names = {"task": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert task.tag == f"{{{names['task']}}}Task"

    def text_of(path: str) -> str | None:
        return task.findtext("/".join(f"task:{name}" for name in path.split("/")), "", names)

    assert text_of("Triggers/BootTrigger/Repetition/Interval") == "PT1M"
    assert text_of("Principals/Principal/UserId") == "S-1-5-19"
    assert text_of("Settings/MultipleInstancesPolicy") == "IgnoreNew"
    assert text_of("Settings/ExecutionTimeLimit") == "PT0S", "not the three days of the default"
    assert text_of("Actions/Exec/Command") == r"C:\threadchat\Scripts\python.exe"
    arguments = text_of("Actions/Exec/Arguments")
    assert arguments == r"-m threadchat --config C:\ProgramData\threadchat\threadchat.toml"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no services of this kind")
def test_as_systemd_starts_it(tmp_path: Path, manager: Manager) -> None:
    """It has no standard input and no terminal, writes to the journal, and stands in `/`."""
    (tmp_path / "op-password").write_text("open sesame, please\n")
    config = block_of("/etc/threadchat/threadchat.toml").replace(
        "/var/lib/threadchat", str(tmp_path)
    )
    (tmp_path / "threadchat.toml").write_text(config)
    journal, end = socket.socketpair()
    stat = os.fstat(end.fileno())
    with journal, journal.makefile(encoding="utf-8") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "threadchat", "--config", f"{tmp_path}/threadchat.toml"],
            stdin=subprocess.DEVNULL,
            stdout=end.fileno(),
            stderr=end.fileno(),
            cwd="/",
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "THREADCHAT_PORT": "0",
                "THREADCHAT_WEB_PORT": "off",
                "NOTIFY_SOCKET": manager.address,
                "JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}",
            },
            start_new_session=True,
            text=True,
        )
        end.close()
        with process:
            try:
                manager.expect("READY=1")
                bound = re.fullmatch(r"server bound        .*:(\d+)\n", lines.readline())
                assert bound
                program = Program(process)
                program.server_address = ("127.0.0.1", int(bound[1]))
                with Client(program, "al") as al:
                    al.type("/op")
                    al.type("open sesame, please")
                    al.expect("You are an operator")
                    process.terminate()
                    al.expect_end()
                assert process.wait(DEADLINE) == 0
                assert lines.read().endswith("server stopped      \n")
            finally:
                process.kill()
    assert (tmp_path / "chat.db").exists()


@pytest.mark.skipif(shutil.which("unshare") is None, reason="there are no containers")
def test_as_the_first_process_of_a_container() -> None:
    """Such a process is spared the signals that it does not handle itself."""
    enter = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*enter, "true"], capture_output=True).returncode:
        pytest.skip("we may make no container")
    with subprocess.Popen(
        [*enter, sys.executable, "-m", "threadchat", "--port", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            program = Program(process)
            port = program.read_until(r"server bound .*:(\d+)")[1]
            program.server_address = ("127.0.0.1", int(port))
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            with Client(program, "al") as al:
                os.kill(int(children), signal.SIGTERM)
                assert "The server is stopping. Goodbye." in al.expect_end()
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="a port is kept for a while there")
def test_people_are_back_at_once_after_it_was_killed(tmp_path: Path) -> None:
    history = ["--history", str(tmp_path / "chat.db")]
    with running("--port", "0", *history) as program, Client(program, "al") as al:
        al.type("hi")
        al.sync()
        program.process.kill()
        program.process.wait(DEADLINE)
        al.expect_end()
        port = str(program.server_address[1])
        with running("--port", port, *history) as program, Client(program, "al") as al:
            al.expect("al: hi")
            assert program.stop() == 0
