"""The server as a service: what the README says of it, word for word."""

import contextlib
import re
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.test_program import running
from tests.support.clients import Client
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
