"""What a client sends that is no line: each kind is paid for, and none of it is lost."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.support.clients import Client
from tests.support.servers import run_server, terminals
from tests.support.waiting import wait_until
from tests.terminal.support import PUTTY
from threadchat import ChatServer
from threadchat.access.flood import ANSWER_COST, CHUNK_COST
from threadchat.handlers.connection import TerminalConnection
from threadchat.handlers.intake import PIECE, Intake
from threadchat.session import floodcontrol
from threadchat.session.floodcontrol import FloodControl
from threadchat.terminal import costs
from threadchat.testing import UNLIMITED
from threadchat.text.clean import MAX_LINE

GENEROUS = replace(UNLIMITED, flood=(1e9, 1e9))
NAWS = b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0"

Paid = Callable[[], float]


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> Paid:
    """Return what returns the cost of all input that was no line, so far."""
    asked: list[float] = []
    wait_for_input = FloodControl.wait_for_input

    def wait(control: FloodControl, cost: float) -> bool:
        asked.append(cost)
        return wait_for_input(control, cost)

    monkeypatch.setattr(FloodControl, "wait_for_input", wait)
    return lambda: sum(asked)


@pytest.mark.parametrize(
    ("begin", "data", "least"),
    [
        (PUTTY, b"x", CHUNK_COST + costs.DRAWING),
        (PUTTY, b"a\t", CHUNK_COST + costs.DRAWING + costs.COMPLETION),
        (PUTTY, b"\x10\x0e" * 200, 400 * (costs.KEY + CHUNK_COST / PIECE)),
        (PUTTY, b"\x1b[A\x1b[B" * 100, 200 * (costs.KEY + CHUNK_COST / PIECE)),
        (PUTTY, NAWS * 100, 100 * costs.SUBNEGOTIATION),
        (PUTTY, b"\xff\xfe\x01\xff\xfd\x01" * 20, 40 * costs.COMMAND),
        (PUTTY, b"\xff\xf6", ANSWER_COST),
        (PUTTY, b"x" * (MAX_LINE + 1), ANSWER_COST),
        (b"", b"x", CHUNK_COST),
        (b"", b"\xff\xf6", ANSWER_COST),
        (b"", b"\xff\xf1" * 100, 100 * costs.COMMAND),
        (b"", b"\xff\xfd\x06" * 100, 100 * costs.COMMAND),
        (b"\xff\xf1", b"\xff\xf1" * 200, 200 * (costs.COMMAND + CHUNK_COST / PIECE)),
        (b"", b"x" * (MAX_LINE + 1), ANSWER_COST),
    ],
)
@pytest.mark.parametrize("name", ["al", ""])
def test_each_kind_of_input_is_paid_for(
    begin: bytes, data: bytes, least: float, name: str, paid: Paid
) -> None:
    with run_server(limits=GENEROUS) as (server, _), Client(server) as al:
        al.expect("Your name: ")
        al.send(begin + b"\r\n" * bool(begin))
        if begin:
            al.expect("Your name: ")
        if name:
            al.send(name.encode() + b"\r\n")
            al.expect("Welcome, al.")
            al.expect("more.")
        before = paid()
        al.send(data)
        wait_until(lambda: paid() >= before + 0.99 * least, f"{data[:20]!r} is paid for")


def test_lines_alone_cost_nothing_besides(paid: Paid) -> None:
    with run_server(limits=GENEROUS) as (server, _), Client(server, "al") as al:
        al.sync()
        before = paid()
        al.type("hi\nthere")
        al.sync()
        assert paid() == before


def test_a_byte_at_a_time_costs_a_chunk_each(paid: Paid) -> None:
    with run_server(limits=GENEROUS) as (server, _), Client(server) as al:
        al.expect("Your name: ")
        for number in range(1, 11):
            al.send(b"x")
            wait_until(lambda: paid() >= 0.99 * number * CHUNK_COST, "the byte is paid for")  # noqa: B023


@pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\r\0"])
def test_a_paste_of_keys_is_all_said(end: bytes) -> None:
    lines = [f"{number}: \tnaïve 漢字 x{'x' * number}" for number in range(40)]
    limits = replace(UNLIMITED, flood=(1000.0, 1000.0))
    with run_server(limits=limits) as (server, _), Client(server, "bo") as bo, Client(server) as al:
        al.send(PUTTY + NAWS + b"al" + end)
        bo.expect("--> al joined")
        al.send(b"".join(line.encode() + end for line in lines))
        heard = bo.expect(f"al: {lines[-1]}\r\n".replace("\t", " "))
        assert [f"al: {line}".replace("\t", " ") for line in lines] == heard.splitlines()[-40:]


def test_a_line_of_the_greatest_length_may_be_pasted() -> None:
    with (
        run_server(limits=GENEROUS) as (server, _),
        Client(server, "bo") as bo,
        Client(server) as al,
    ):
        al.send(PUTTY + b"al\r")
        bo.expect("--> al joined")
        words = ("漢" * MAX_LINE).encode()
        al.send(words + b"\r")
        assert len(bo.expect("漢\r\n").rpartition("al: ")[2]) == MAX_LINE + 2


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell a client at once that it was too fast."""
    monkeypatch.setattr(floodcontrol, "TOLD_SECONDS", 0.0)


def test_a_client_whose_keys_wait_holds_up_no_stop(soon: None) -> None:
    limits = replace(UNLIMITED, flood=(1.0, 0.01))
    with run_server(limits=limits) as (server, console), Client(server) as al:
        al.send(PUTTY + b"al\r")
        al.expect("Welcome")
        al.send(b"\x1b[A" * 30_000)
        al.expect("=== That was fast")
        server.stop()
        assert console.next_disconnect().why == "server stopping"


def test_nor_outlives_its_connection(soon: None) -> None:
    limits = replace(UNLIMITED, flood=(1.0, 0.01))
    with run_server(limits=limits) as (server, console), Client(server) as al:
        al.send(PUTTY + b"al\r")
        al.expect("Welcome")
        al.send(b"\x1b[A" * 30_000)
        al.expect("=== That was fast")
        al.reset()
        assert console.next_disconnect().name == "al"


def test_what_is_written_is_sent_as_it_is(server: ChatServer) -> None:
    with Client(server, "al") as al:
        (handler,) = terminals(server)
        handler.client.write("--- words\r\nmore: ")
        assert al.expect("more: ") == "--- words\r\nmore: "


class TestWaitingEvents:
    """What has come in and is not served yet is bounded: it is served before more is received."""

    @pytest.fixture
    def connection(self, server: ChatServer) -> Iterator[tuple[Client, TerminalConnection]]:
        with Client(server, "al") as al:
            al.sync()
            (handler,) = terminals(server)
            yield al, handler.client

    def test_lines_that_come_with_something_else_are_taken_like_others(
        self, connection: tuple[Client, TerminalConnection], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, client = connection
        monkeypatch.setattr(Intake, "receive_now", lambda _: b"\xff\xf1one\r\ntwo\r\n")  # IAC NOP
        assert client.take_lines(9, receives=True) == ["one", "two"]

    def test_no_more_is_received_while_something_waits(
        self, connection: tuple[Client, TerminalConnection], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, client = connection
        received: list[bytes] = []

        def receive(intake: Intake) -> bytes:
            received.append(b"one\r\ntwo\r\nthree\r\n")
            return received[-1]

        monkeypatch.setattr(Intake, "receive_now", receive)
        assert client.take_lines(2, receives=True) == ["one", "two"]
        assert client.take_lines(2, receives=True) == ["three"]
        assert len(received) == 1
        assert client.take_lines(2, receives=False) == []
        assert len(received) == 1
        assert client.take_lines(3, receives=True) == ["one", "two", "three"]
        assert len(received) == 2
        client.put_back(["two", "three"])
        assert client.take_lines(3, receives=True) == ["two", "three"]
        assert len(received) == 2
