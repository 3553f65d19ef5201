"""Break connections off in every way and at every moment, and see each end's reason (promise 7)."""

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.support.clients import Client
from tests.support.servers import TRANSPORTS, WatchingConsole, accepted, run_server, terminals
from tests.support.waiting import run_concurrently, wait_until
from threadchat import ChatServer
from threadchat.chat.rules import RulesFiles
from threadchat.handlers import connection as connection_module
from threadchat.handlers import handler as handler_module
from threadchat.net import transport as transport_module
from threadchat.session import conversation
from threadchat.testing import UNLIMITED

# Seconds; on a real server it takes a minute and a half.
_SOON = {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 2, "TCP_USER_TIMEOUT": 2500}


@pytest.mark.slow
class TestDeadLinks:
    def test_idle_or_not_a_peer_behind_one_is_found_out(
        self, link: "Link", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport_module, "_OPTIONS", transport_module._options(_SOON))
        with (
            run_server((link.here, 0)) as (server, console),
            Client(server, "al") as al,
            link.client(server, b"idle\n/join alone\n"),
            link.client(server, b"busy\n"),
        ):
            al.expect("<-- idle left after")
            wait_until(lambda: server.chat.names.is_here("busy"), "both are in")
            al.sync()
            link.take_down()
            al.type("Are you still there?")
            ends = [console.next_disconnect() for _ in range(2)]
            assert {(end.name, end.why) for end in ends} == {
                ("idle", "timed out"),
                ("busy", "timed out"),
            }
            al.expect("<-- busy left after")
            al.expect("(timed out)\r\n")

    def test_in_earnest_it_takes_less_than_90_seconds(self) -> None:
        figures = transport_module._KEEPALIVE
        probing = figures["TCP_KEEPINTVL"] * figures["TCP_KEEPCNT"]
        assert max(figures["TCP_KEEPIDLE"], figures["TCP_KEEPALIVE"]) + probing < 90
        assert figures["TCP_USER_TIMEOUT"] < 90_000

    def test_each_socket_is_told_to_find_out(self, server: ChatServer) -> None:
        with Client(server, "al"):
            (handler,) = terminals(server)
            known = {
                name: value
                for name, value in transport_module._KEEPALIVE.items()
                if hasattr(socket, name)
            }
            assert {
                name: handler.connection.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in known
            } == known
            assert handler.connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    @pytest.mark.parametrize("number", [errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH])
    def test_what_the_system_finds_out_ends_a_client_as_timed_out(
        self,
        number: int,
        watched: tuple[ChatServer, WatchingConsole],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # In place of a link that dies, for systems where none can be taken down.
        server, console = watched

        def fail(size: int, timeout: float | None = None) -> bytes:
            raise OSError(number, os.strerror(number))

        with Client(server, "al") as al, Client(server, "bo") as bo:
            transport = next(it for it in terminals(server) if it.person.name == "al").transport
            monkeypatch.setattr(transport, "receive", fail)
            al.type("my last words")  # wakes it from the receiving that it is in
            bo.expect("al: my last words\r\n<-- al left after")
            bo.expect("(timed out)\r\n")
            assert console.next_disconnect().why == "timed out"

    def test_what_broke_a_connection_counts_and_not_that_it_is_broken(
        self, watched: tuple[ChatServer, WatchingConsole], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The system names the cause only once. Here the thread that receives is told the cause; the
        # thread that sends finds only a broken pipe.
        server, console = watched

        def fail_to_send(data: bytes | bytearray) -> int:
            raise BrokenPipeError(errno.EPIPE, "")

        def fail_to_receive(size: int, timeout: float | None = None) -> bytes:
            raise TimeoutError(errno.ETIMEDOUT, "")

        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.expect("--> bo joined (2 here)\r\n")
            transport = next(it for it in terminals(server) if it.person.name == "al").transport
            monkeypatch.setattr(transport, "send", fail_to_send)
            monkeypatch.setattr(transport, "receive", fail_to_receive)
            bo.type("Are you there?")
            bo.sync()
            al.type("my last words")
            bo.expect("(timed out)\r\n")
            assert console.next_disconnect().why == "timed out"


class Link:
    """A transport between this machine and one that exists only in its kernel (Linux, for root)."""

    def __init__(self) -> None:
        self.name = f"tc{os.getpid()}"
        self.here = f"10.231.{os.getpid() % 250}.1"
        there = self.here[:-1] + "2"
        self.ip("netns", "add", self.name)
        self.ip(
            "link", "add", self.name, "type", "veth", "peer", "name", "eth9", "netns", self.name
        )
        self.ip("addr", "add", f"{self.here}/30", "dev", self.name)
        self.ip("link", "set", self.name, "up")
        self.ip("-n", self.name, "addr", "add", f"{there}/30", "dev", "eth9")
        self.ip("-n", self.name, "link", "set", "eth9", "up")

    @staticmethod
    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    @contextlib.contextmanager
    def client(self, server: ChatServer, says: bytes) -> Iterator[None]:
        """Connect from the other machine, say something, and stay."""
        program = (
            "import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2])));"
            " s.sendall(sys.argv[3].encode()); sys.stdin.read()"
        )
        host, port = server.server_address[:2]
        with subprocess.Popen(
            [
                *("ip", "netns", "exec", self.name),
                *(sys.executable, "-c", program, str(host), str(port), says.decode()),
            ],
            stdin=subprocess.PIPE,
        ):
            yield

    def take_down(self) -> None:
        self.ip("-n", self.name, "link", "set", "eth9", "down")

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.ip("netns", "del", self.name)


@pytest.fixture
def link() -> Iterator[Link]:
    if not sys.platform.startswith("linux") or not shutil.which("ip"):
        pytest.skip("needs the network namespaces of Linux, and iproute2")
    try:
        link = Link()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made: {error.stderr.decode().strip()}")
    yield link
    link.remove()


Maker = Callable[[ChatServer, str], Client]
"""Connects a client and brings it to a stage; a client that gives a name gives this one."""


def after(sent: str, expected: str = "") -> Maker:
    """Return what sends this, where NAME stands for the name, and waits for that."""

    def make(server: ChatServer, name: str) -> Client:
        client = Client(server)
        client.expect("Your name: ")
        client.send(sent.replace("NAME", name).encode("latin-1"))
        client.expect(expected.replace("NAME", name))
        return client

    return make


def behind(server: ChatServer, name: str) -> Client:
    """Return a client for which something is queued, as it reads nothing."""
    client = Client(server, name, receive_buffer=2048)
    send_queue = next(it for it in terminals(server) if it.person.name == name).send_queue
    while not send_queue.bytes_queued:
        send_queue.send(b"x" * 4000 + b"\r\n")
    return client


STAGES: dict[str, Maker] = {
    "just connected": lambda server, name: accepted(server, lambda: Client(server)),
    "greeted": after(""),
    "half a name typed": after("e"),
    "half a letter typed": after("\xc3"),
    "half a telnet command sent": after("\xff"),
    "inside a subnegotiation": after("\xff\xfa\x1f\0"),
    "a name refused": after("who?\n", "!!! "),
    "named": after("NAME\n", "Welcome, NAME."),
    "half a line typed": after("NAME\nhi, I", "Welcome, NAME."),
    "in character mode": after("NAME\n\xff\xfd\x01hi, I", "lobby> "),
    "in another room": after("NAME\n/join games\n", "=== You are in games."),
    "asked for a passphrase": after("NAME\n/op\n", "Passphrase of the operators: "),
    "sending too fast": after("NAME\n" + "hi\n" * 30, "=== That was fast"),
    "behind": behind,
    "quitting": after("NAME\n/quit bye\n"),
    "quitting, with more behind that": after("NAME\n/quit bye\n" + "more\n" * 5000),
    "having quit": after("NAME\n/quit bye\n", "=== Goodbye."),
}


@pytest.fixture(params=TRANSPORTS)
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ChatServer, WatchingConsole]]:
    """A server on either kind of transport; a client can be brought to each stage on it."""
    monkeypatch.setattr(handler_module, "open_transport", request.param)
    (tmp_path / "passphrase").write_text("open sesame\n")
    files = RulesFiles(op_password=tmp_path / "passphrase")
    with run_server(limits=replace(UNLIMITED, flood=(20.0, 10.0)), files=files) as both:
        yield both


@pytest.mark.parametrize("stage", STAGES)
class TestEveryStage:
    def test_a_reset_costs_nobody_else_anything(
        self, stage: str, place: tuple[ChatServer, WatchingConsole]
    ) -> None:
        server, console = place
        with Client(server, "al") as al:
            STAGES[stage](server, "ed").reset()
            end = console.next_disconnect()
            assert end.why in {"reset", "closed"} or end.why.startswith("quit")
            al.sync()
            assert saw_only_others_come_and_go(al)
            assert b"hi, I" not in al.received  # which its author may not have meant so
            with Client(server, "ed"):  # the name is free again
                pass
            assert console.next_disconnect().name == "ed"
            assert console.disconnects.empty()

    def test_an_end_behind_unread_output_leaves_nothing_unread(
        self, stage: str, place: tuple[ChatServer, WatchingConsole]
    ) -> None:
        server, console = place
        with Client(server, "al") as al, STAGES[stage](server, "ed") as client:
            client.socket.shutdown(socket.SHUT_WR)
            while data := client.socket.recv(65536):  # no reset, which could take lines with it
                client._received += data
            if stage == "behind":
                assert client.received.endswith(b"x\r\n")  # and not in the middle of a line
            elif "quit" in stage:
                assert client.received.endswith(b"=== Goodbye.\r\n")
            assert console.next_disconnect().why.startswith(("closed", "quit"))
            al.sync()
            assert saw_only_others_come_and_go(al)


def saw_only_others_come_and_go(al: Client) -> bool:
    lines = al.received.decode().split("\r\n")
    beginnings = ("Hello ", "Your name: ", "--> ", "<-- ", "ed: h", "!!! There is no /sync")
    return all(line.startswith(beginnings) or not line for line in lines)


def test_a_last_line_is_heard_whatever_is_unread(server: ChatServer) -> None:
    with Client(server, "al") as al, behind(server, "ed") as client:
        client.send(b"my last words")
        client.socket.shutdown(socket.SHUT_WR)
        al.expect("ed: my last words\r\n<-- ed left after")


def test_who_never_reads_the_end_is_not_waited_for(
    watched: tuple[ChatServer, WatchingConsole], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, console = watched
    monkeypatch.setattr(connection_module, "DRAIN_SECONDS", 0.05)
    monkeypatch.setattr(conversation, "CATCH_UP_SECONDS", 0.05)
    with Client(server, "al") as al, behind(server, "ed") as client:
        client.type("/quit")
        al.expect("<-- ed left after")
        end = console.next_disconnect()
        assert (end.name, end.why) == ("ed", "quit")


def test_a_stop_during_all_of_it(
    place: tuple[ChatServer, WatchingConsole],
) -> None:
    server, console = place
    staying, going = (
        [make(server, f"{kind}{number}") for number, make in enumerate(STAGES.values())]
        for kind in ("stays", "goes")
    )

    def arrive() -> None:
        with contextlib.suppress(OSError):
            while True:
                with Client(server) as late:
                    late.send(b"late\n")

    run_concurrently(
        [
            *(server.stop, arrive, arrive),
            *(client.reset for client in going),
            *(partial(read_to_the_end, client) for client in staying),
        ]
    )
    assert not server.clients.threads()
    assert not server.clients.handlers()
    reasons = {console.next_disconnect().why for _ in (*staying, *going)}
    assert "server stopping" in reasons
    assert reasons <= {"server stopping", "reset", "closed", "quit: bye"}


def read_to_the_end(client: Client) -> None:
    with client:
        client.expect_end()
