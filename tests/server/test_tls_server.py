"""Test the port for TLS clients: the same promises hold, also with real clients."""

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest

from tests.end_to_end.test_program import running
from tests.net.test_tls import DATA, Files, client_context
from tests.support.clients import Client
from tests.support.servers import WatchingConsole, accepted, run_server
from tests.support.waiting import run_concurrently, wait_until
from threadchat import ChatServer
from threadchat.access.bans import parse_target
from threadchat.access.limits import Limits
from threadchat.handlers.handler import ClientHandler
from threadchat.net.certificate import Certificate
from threadchat.net.tls import TlsTransport
from threadchat.testing import DEADLINE, UNLIMITED


@dataclass
class Port:
    """Where a server listens, one of its two ports."""

    server_address: Any
    address_family: int = socket.AF_INET


class TlsClient(Client):
    """A client that speaks TLS."""

    def __init__(
        self, port: Port, context: ssl.SSLContext, name: str = "", receive_buffer: int = 0
    ) -> None:
        super().__init__(port, receive_buffer=receive_buffer)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        if name:
            self.name = name
            self.type(name)
            self.expect(f"Welcome, {name}.")
            self.expect("\r\n")


@dataclass
class Place:
    """A server with both ports, and what is needed to reach the second."""

    server: ChatServer
    console: WatchingConsole
    port: Port
    context: ssl.SSLContext

    def enter(self, name: str = "", receive_buffer: int = 0) -> TlsClient:
        return TlsClient(self.port, self.context, name, receive_buffer)


@contextlib.contextmanager
def serving(
    files: Files, tls: Certificate | ssl.SSLContext, limits: Limits = UNLIMITED
) -> Iterator[Place]:
    with run_server(limits=limits, tls=tls, tls_address=("127.0.0.1", 0)) as (server, console):
        assert server.tls_listener is not None
        port = Port(server.tls_listener.server_address)
        yield Place(server, console, port, client_context(files))


@pytest.fixture
def place(files: Files, context: ssl.SSLContext) -> Iterator[Place]:
    with serving(files, context) as place:
        yield place


PROGRAMS: dict[str, Callable[[str], list[str]]] = {
    "openssl": lambda port: ["s_client", "-quiet", "-connect", f"127.0.0.1:{port}"],
    "ncat": lambda port: ["--ssl", "127.0.0.1", port],
    "socat": lambda port: ["-", f"OPENSSL:127.0.0.1:{port},verify=0"],
}


class Program:
    """A client program, at pipes."""

    def __init__(self, name: str, port: int) -> None:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed")
        self.process = subprocess.Popen(
            [path, *PROGRAMS[name](str(port))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._input: IO[bytes] = self.process.stdin
        self._output: IO[bytes] = self.process.stdout

    def type(self, line: str) -> None:
        self._input.write(line.encode() + b"\n")
        self._input.flush()

    def expect(self, wanted: str) -> None:
        """Read lines until one has `wanted` in it."""
        lines = []
        for line in self._output:
            lines.append(line.decode())
            if wanted in lines[-1]:
                return
        raise AssertionError(f"{wanted!r} did not come, but {lines!r}")

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)
        self._output.close()
        with contextlib.suppress(OSError):
            self._input.close()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_conversation_with_a_real_client(name: str, files: Files) -> None:
    options = ("--tls-cert", files.certificate, "--tls-key", files.key, "--tls-port", "0")
    with running("--host", "127.0.0.1", "--port", "0", *options) as program:
        tls_port = int(program.read_until(r"server bound .*:(\d+) \(TLS\)")[1])
        with Client(program, "bo") as bo, Program(name, tls_port) as client:
            client.type("al")
            client.expect("Welcome, al.")
            bo.expect("--> al joined (2 here)\r\n")
            client.type("hi é 漢字 😀")
            bo.expect("al: hi é 漢字 😀\r\n")
            bo.type("hello é 漢字 😀")
            client.expect("bo: hello é 漢字 😀")
            for number in range(100):
                client.type(f"{number} {'x' * 1000}")
            for number in range(100):
                bo.expect(f"al: {number} {'x' * 1000}\r\n")
            client.type("/quit so long")
            client.expect("=== Goodbye.")
            bo.expect("(quit): so long\r\n")
        with Client(program, "cy") as cy, Program(name, tls_port) as client:
            client.type("al")
            client.expect("Welcome, al.")
            cy.expect("--> al joined")
            client.process.kill()
            cy.expect("<-- al left after")


def test_a_new_certificate_is_for_new_clients(files: Files, tmp_path: Path) -> None:
    file = tmp_path / "certificate.pem"
    shutil.copy(files.certificate, file)
    unchecked = ssl._create_unverified_context()

    def shown(place: Place) -> str:
        with TlsClient(place.port, unchecked) as client:
            assert isinstance(client.socket, ssl.SSLSocket)
            return ssl.DER_cert_to_PEM_cert(client.socket.getpeercert(binary_form=True) or b"")

    old, new = (Path(name).read_text() for name in (files.certificate, DATA / "chain.pem"))
    with serving(files, Certificate(str(file), files.key)) as place, place.enter("al") as al:
        assert shown(place) == old
        file.write_text(new)
        place.server.reread()
        assert new.startswith(shown(place))
        file.write_text(new.replace("CERTIFICATE", "NOTHING"))
        place.server.reread()
        assert new.startswith(shown(place))
        (trouble,) = place.console.troubles
        assert "certificate.pem has no certificate in it" in trouble
        assert trouble.endswith("New clients get the certificate that was read before.")
        place.console.troubles.clear()
        al.sync()


def test_the_operator_is_warned_at_the_start_and_again_in_the_round(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Certificate, "warning", lambda *_: "it ends soon")
    with serving(files, Certificate(files.certificate, files.key)) as place:
        assert place.console.troubles == ["it ends soon"]
        place.server._look_after_all()
        assert len(place.console.troubles) == 1  # once a day
        place.server.reread()
        place.server._look_after_all()
        assert place.console.troubles == ["it ends soon"] * 2
        place.console.troubles.clear()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_stop_is_said_to_a_real_client(name: str, place: Place) -> None:
    with Program(name, place.port.server_address[1]) as client:
        client.type("al")
        client.expect("Welcome, al.")
        place.server.stop()
        client.expect("=== The server is stopping. Goodbye.")
        assert place.console.next_disconnect().why == "server stopping"


def test_who_speaks_no_tls_is_told_in_a_line(place: Place) -> None:
    with Client(place.port) as lost:
        lost.type("hello?")
        assert lost.expect_end() == (
            "!!! This port speaks TLS, as openssl s_client and ncat --ssl do."
            " Try the other port.\r\n"
        )
        assert place.console.next_disconnect().why == "no TLS: not TLS"


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_who_is_silent_is_let_go(
    begun: bytes, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    handshake = TlsTransport.handshake
    with place.enter() as al:
        # Only now, as a machine that pauses may take longer for the handshake of al.
        monkeypatch.setattr(TlsTransport, "handshake", lambda transport: handshake(transport, 0.1))
        with Client(place.port) as silent:
            silent.send(begun)
            silent.expect_end()
        al.type("al")
        al.expect("Welcome, al.")
        assert place.console.next_disconnect().why == "no TLS: no TLS within 0 s"


def test_silence_is_not_waited_for_longer_than_ten_seconds() -> None:
    assert TlsTransport.handshake.__defaults__ == (10.0,)


def test_who_is_banned_or_from_elsewhere_is_closed(place: Place) -> None:
    place.server.chat.records.ban(parse_target("127.0.0.1"), "operator")
    with Client(place.port) as banned:
        assert banned.expect_end() == ""
    place.console.close()
    assert "(banned)" in place.console.file.getvalue()


def test_both_ports_count_together(files: Files, context: ssl.SSLContext) -> None:
    for limits in (
        replace(UNLIMITED, max_per_address=2),
        replace(UNLIMITED, max_connects=2),
        replace(UNLIMITED, max_clients=2),
    ):
        with (
            serving(files, context, limits) as place,
            Client(place.server, "al") as al,
            place.enter("bo") as bo,
        ):
            al.type("hi")
            bo.expect("al: hi\r\n")
            with Client(place.port) as third:
                assert third.expect_end() == ""
            with Client(place.server) as third:
                assert third.expect_end().startswith("!!! ")


def test_one_that_reads_nothing_is_ended_alone(place: Place) -> None:
    with (
        place.enter("stuck", receive_buffer=2048),
        place.enter("al") as al,
        Client(place.server, "bo") as bo,
    ):
        (stuck,) = [it for it in place.server.clients.handlers() if it.person.name == "stuck"]
        assert isinstance(stuck, ClientHandler)
        rounds = 0
        while stuck.send_queue.reason is None:
            al.type("x" * 4000)
            bo.expect("x" * 4000)
            rounds += 1
            assert rounds < 2000  # 8 MB, more than systems take by themselves
        assert place.console.next_disconnect().why == "too slow"
        bo.type("still here")
        al.expect("bo: still here")


def test_what_comes_too_fast_is_all_served_but_slowly(
    files: Files, context: ssl.SSLContext
) -> None:
    limits = replace(UNLIMITED, flood=(3.0, 5.0))
    with (
        serving(files, context, limits) as place,
        Client(place.server, "bo") as bo,
        place.enter("al") as al,
    ):
        al.type("\n".join(f"line {number}" for number in range(8)))
        al.expect("=== That was fast: what you send is served line by line")
        bo.expect("al: line 7\r\n")


def shaken_hands(place: Place, sent: bytes, expected: str) -> Client:
    client = place.enter()
    client.send(sent)
    client.expect(expected)
    return client


def half_shaken(place: Place, sent: bytes) -> Client:
    client = accepted(place.server, lambda: Client(place.port))
    client.send(sent)
    return client


STAGES: dict[str, Callable[[Place], Client]] = {
    "just connected": partial(half_shaken, sent=b""),
    "half a hello sent": partial(half_shaken, sent=b"\x16\x03\x01\x02\x00\x01\0"),
    "greeted": partial(shaken_hands, sent=b"", expected="Your name: "),
    "named": partial(shaken_hands, sent=b"ed\n", expected="Welcome, ed."),
    "half a line typed": partial(shaken_hands, sent=b"ed\nhi", expected="Welcome, ed."),
    "having quit": partial(shaken_hands, sent=b"ed\n/quit\n", expected="=== Goodbye."),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("is_reset", [False, True])
def test_an_end_at_any_stage_costs_nobody_else_anything(
    stage: str, is_reset: bool, place: Place
) -> None:
    with place.enter("al") as al:
        client = STAGES[stage](place)
        if is_reset:
            client.reset()
        else:
            client.close()
        place.console.next_disconnect()
        al.sync()
        with place.enter("ed") as ed:
            ed.type("hi")
            al.expect("ed: hi\r\n")


def test_a_stop_during_all_of_it(place: Place) -> None:
    clients = [make(place) for make in STAGES.values() if make is not STAGES["half a line typed"]]

    def read_to_the_end(client: Client) -> None:
        with client, contextlib.suppress(ssl.SSLError):
            client.expect_end()

    run_concurrently([place.server.stop, *(partial(read_to_the_end, client) for client in clients)])
    reasons = [place.console.next_disconnect().why for _ in clients]
    assert sorted(reasons) == ["quit"] + ["server stopping"] * (len(clients) - 1)
    wait_until(lambda: not place.server.clients.threads(), "all are gone")


@pytest.mark.parametrize("is_tls", [False, True])
def test_an_error_in_admitting_a_client_is_the_operators_to_read(
    place: Place,
    is_tls: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # Promise 8. At either port: neither may print a traceback.
    def fail(server: ChatServer, host: str, reached: str) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(place.server._admission), "admit", fail)
    with Client(place.port if is_tls else place.server) as client:
        client.expect_end()
    wait_until(lambda: bool(place.console.troubles), "the operator is told")
    (trouble,) = place.console.troubles
    assert re.fullmatch(r"admitting 127\.0\.0\.1:\d+: RuntimeError: a bug", trouble)
    assert capfd.readouterr() == ("", "")
    place.console.troubles.clear()
    monkeypatch.undo()
    place.enter("al").close()
