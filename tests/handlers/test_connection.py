"""What a client sends, lines and all else: each kind is paid for, and none of it is lost."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from threading import Event
from typing import cast

import pytest

from tests.handlers.support import Sent
from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.servers import run_server, terminals
from tests.support.waiting import wait_until
from tests.terminal.support import PUTTY
from threadchat import ChatServer
from threadchat.access.flood import ANSWER_COST, CHUNK_COST
from threadchat.chat.interfaces import Portion
from threadchat.chat.person import Person
from threadchat.handlers.connection import TerminalConnection
from threadchat.handlers.intake import PIECE, Intake
from threadchat.messages.kinds import Notice
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import SendQueue
from threadchat.net.transport import Transport
from threadchat.session import floodcontrol
from threadchat.session.floodcontrol import FloodControl
from threadchat.terminal import costs
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.view import PLAIN_VIEW
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


class Arriving:
    """A transport on which `chunks` arrive; then the other side has closed."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.pauses = 0

    def receive(self, size: int) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""

    receive_now = receive

    def has_input(self) -> bool:
        return False

    def is_at_end(self) -> bool:
        return not self.chunks

    def wait_for_input(self, seconds: float) -> bool:
        return True

    def pause(self, seconds: float) -> bool:
        self.pauses += 1
        return False  # the connection has broken


class TestOneConnection:
    """A connection alone, with what arrives on it and what is sent."""

    @pytest.fixture
    def arriving(self) -> Arriving:
        return Arriving()

    @pytest.fixture
    def sent(self) -> Sent:
        return Sent()

    @pytest.fixture
    def stopping(self) -> Event:
        return Event()

    @pytest.fixture
    def client(
        self, arriving: Arriving, sent: Sent, stopping: Event, clock: Clock
    ) -> TerminalConnection:
        person = Person(1, "192.0.2.1:1000", sent.send, PLAIN_VIEW)
        client = TerminalConnection(
            person,
            cast(Transport, arriving),
            cast(SendQueue, sent),
            ClientTerminal(),
            clock,
            stopping,
        )
        person.connection = client
        return client

    def test_the_last_words_need_no_end(
        self, client: TerminalConnection, arriving: Arriving
    ) -> None:
        arriving.chunks = [b"one\r\nlast wo", b"rds"]
        client.begin(lambda: None)
        assert list(client.lines()) == ["one", "last words"]

    def test_but_flood_control_counts_them(
        self, client: TerminalConnection, arriving: Arriving
    ) -> None:
        asked: list[str] = []

        def is_time_for(line: str) -> bool:
            asked.append(line)
            return len(asked) < 2

        arriving.chunks = [b"one\r\nlast words"]
        client.begin(lambda: None, is_time_for, lambda cost: True)
        assert list(client.lines()) == ["one"]
        assert asked == ["one", "last words"]

    def test_the_beginning_of_another_protocol_is_no_line(
        self, client: TerminalConnection, arriving: Arriving, sent: Sent
    ) -> None:
        arriving.chunks = [b"GE", b"T / HTTP/1.1\r\nHost: chat\r\n"]
        client.begin(lambda: None)
        assert list(client.lines()) == []
        assert client.reason == "not a chat client: HTTP"
        assert sent.data.startswith(b"HTTP/1.1 400")

    def test_an_end_of_file_leaves(self, client: TerminalConnection, arriving: Arriving) -> None:
        arriving.chunks = [b"al\r\nbye\xff\xec", b"more\r\n"]  # IAC EOF
        client.begin(lambda: None)
        assert list(client.lines()) == ["al", "bye"]
        assert client.person.leaving == Reason.QUIT

    def test_a_secret_that_quits(self, client: TerminalConnection, arriving: Arriving) -> None:
        arriving.chunks = [b"one\r\n /quit \r\n"]
        client.begin(lambda: None)
        assert client.ask_secret("Password: ") == "one"
        assert client.person.leaving is None
        assert client.ask_secret("Password: ") is None
        assert client.person.leaving == Reason.QUIT

    def test_the_prompt_is_there_again_behind_a_secret(
        self, client: TerminalConnection, arriving: Arriving, sent: Sent
    ) -> None:
        arriving.chunks = [PUTTY, b"open\r"]
        client.begin(lambda: None)
        client.set_prompt("lobby> ")
        client.begin_secret("Password: ")
        assert client.next_secret() == "open"
        assert sent.data.endswith(b"lobby> ")

    def test_what_is_put_back_comes_first(
        self, client: TerminalConnection, arriving: Arriving
    ) -> None:
        arriving.chunks = [b"one\r\ntwo\r\nthree\r\n"]
        taken = client.take_lines(2, receives=True)
        client.put_back(taken)
        assert client.take_lines(9, receives=False) == ["one", "two", "three"]

    def test_mail_is_handed_over_and_then_whatever_comes_next(
        self, client: TerminalConnection, arriving: Arriving, sent: Sent
    ) -> None:
        def portions(words: str) -> Generator[Portion, None, None]:
            yield Portion([Notice(words)], lambda: taken.append(words))

        taken: list[str] = []
        client.hand_over(portions("first"))
        assert (sent.data, taken) == (b"=== first\r\n", [])
        client.hand_over(portions("second"))
        assert (sent.data, taken) == (b"=== first\r\n=== second\r\n", [])
        sent.bytes_acknowledged = sent.position
        client.begin(lambda: None)
        assert client.next_line() is None
        assert taken == ["first", "second"]

    def test_a_stop_waits_for_no_connection_that_is_broken(
        self, client: TerminalConnection, arriving: Arriving, stopping: Event, sent: Sent
    ) -> None:
        client.wait_for_goodbye()
        assert arriving.pauses == 0  # the server does not stop
        stopping.set()
        client.wait_for_goodbye()
        assert arriving.pauses == 1
        sent.reason = Reason.SERVER_STOPPING
        client.wait_for_goodbye()
        assert arriving.pauses == 1

    def test_what_is_no_line_is_not_passed_by(
        self, client: TerminalConnection, arriving: Arriving, sent: Sent
    ) -> None:
        arriving.chunks = [b"one\r\n\xff\xf6two\r\n"]  # IAC AYT
        assert client.take_lines(9, receives=True) == ["one"]
        client.begin(lambda: None)
        arriving.chunks = [b"three\r\n"]
        assert client.next_line() == "two"
        assert sent.data.count(b"Yes, threadchat is here.") == 1

    def test_several_that_ask_at_once_are_answered_once_but_other_things_are(
        self, client: TerminalConnection, arriving: Arriving, sent: Sent
    ) -> None:
        arriving.chunks = [b"\xff\xf6\xff\xf6" + b"x" * (MAX_LINE + 1) + b"\r\none\r\n"]
        client.begin(lambda: None)
        assert client.next_line() == "one"
        assert sent.data.count(b"Yes, threadchat is here.") == 1
        assert sent.data.count(b"A line has at most") == 1

    def test_a_secret_that_came_before_its_question_is_not_among_the_earlier_lines(
        self, client: TerminalConnection, arriving: Arriving
    ) -> None:
        up = b"\x1b[A"
        arriving.chunks = [PUTTY, b"first\ropen\rhi\r", up + up + b"\r"]
        client.begin(lambda: None)
        assert client.next_line() == "first"
        assert client.ask_secret("Password: ") == "open"
        assert [client.next_line(), client.next_line()] == ["hi", "first"]

    @pytest.mark.parametrize(
        ("ended", "why", "reason"),
        [
            (None, Reason.CLOSED, Reason.CLOSED),
            (Reason.KICKED, Reason.TIMED_OUT, Reason.KICKED),
            (Reason.RESET, Reason.CLOSED, Reason.RESET),
            (Reason.RESET, Reason.TIMED_OUT, Reason.TIMED_OUT),
        ],
    )
    def test_the_reason_of_the_end(
        self,
        client: TerminalConnection,
        sent: Sent,
        ended: Reason | None,
        why: Reason,
        reason: Reason,
    ) -> None:
        sent.reason, client.why = ended, why
        assert client.reason == reason

    def test_the_last_words_say_why(self, client: TerminalConnection, sent: Sent) -> None:
        client.end(Reason.KICKED, "Out you go.")
        assert sent.data == b"=== Out you go.\r\n"
        assert client.reason == Reason.KICKED

    def test_character_mode_is_asked_for(
        self, client: TerminalConnection, arriving: Arriving, sent: Sent
    ) -> None:
        arriving.chunks = [b"\xff\xf1x\r\n"]
        client.begin(lambda: None)
        assert client.next_line() == "x"
        assert client.speaks_telnet_in_line_mode
        client.terminal.set_character_mode(True)
        assert b"\xff\xfb\x01" in sent.data  # IAC WILL ECHO
