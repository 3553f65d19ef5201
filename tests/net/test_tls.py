"""Sending and receiving through TLS."""

import contextlib
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sending import Sending
from tests.support.servers import TRANSPORTS
from tests.support.waiting import run_concurrently, wait_until
from threadchat.net import tls
from threadchat.net.certificate import Certificate
from threadchat.net.disconnect import Reason, reason_of
from threadchat.net.sendqueue import Flusher, SendQueue
from threadchat.net.tls import HandshakeFailed, TlsTransport
from threadchat.net.transport import PlainTransport
from threadchat.testing import DEADLINE

BOUND = 200_000

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

Result = TypeVar("Result")

# Made once, for a hundred years: openssl is not everywhere. The passphrase of the key that has one
# is "secret", and nothing but these tests trusts any of them.
DATA = Path(__file__).parents[1] / "data" / "tls"


class Files(NamedTuple):
    """A certificate for localhost and its key."""

    certificate: str
    key: str


@pytest.fixture(scope="session")
def files() -> Files:
    return Files(str(DATA / "certificate.pem"), str(DATA / "key.pem"))


@pytest.fixture(scope="session")
def context(files: Files) -> ssl.SSLContext:
    return Certificate(*files).context


def client_context(
    files: Files, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.certificate)
    context.minimum_version = context.maximum_version = version
    return context


class TlsClient:
    """The other end of a connection, in control of each byte."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self.socket = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def handshake(self, piece: int = 65536) -> None:
        """Shake hands, sending `piece` bytes at a time."""
        self._until_done(self.tls.do_handshake, piece)

    def receive(self, size: int) -> bytes:
        """Wait for `size` bytes, or fewer before an end."""
        data = bytearray()
        while len(data) < size:
            missing = size - len(data)
            more = self._until_done(partial(self.tls.read, missing))
            if not more:
                break
            data += more
        return bytes(data)

    def send(self, data: bytes) -> None:
        self.tls.write(data)
        self.socket.sendall(self.outgoing.read())

    def announce_end(self) -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self.socket.sendall(self.outgoing.read())

    def exchange(self, data: bytes, expected: int) -> bytes:
        """Send `data` and receive as many bytes as are expected, both at once."""
        self.socket.setblocking(False)
        received, unsent = bytearray(), bytearray()
        while data or unsent or len(received) < expected:
            if data and not unsent:
                self.tls.write(data[:5000])
                data = data[5000:]
                unsent += self.outgoing.read()
            to_read, to_write, _ = select.select(
                [self.socket], [self.socket] if unsent else [], [], DEADLINE
            )
            assert to_read or to_write
            if to_write:
                del unsent[: self.socket.send(unsent)]
            if to_read:
                self.incoming.write(self.socket.recv(3000))
                with contextlib.suppress(ssl.SSLWantReadError):
                    while more := self.tls.read(65536):
                        received += more
        return bytes(received)

    def _until_done(self, act: Callable[[], Result], piece: int = 65536) -> Result:
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                pass
            finally:
                while data := self.outgoing.read(piece):
                    self.socket.sendall(data)
            data = self.socket.recv(4096)
            if data:
                self.incoming.write(data)
            else:
                self.incoming.write_eof()


class Connection(Sending):
    """A TLS transport over a plain one of either kind, its queue, and the client's end."""

    def __init__(
        self,
        kind: type[PlainTransport],
        context: ssl.SSLContext,
        flusher: Flusher,
        client: ssl.SSLContext,
    ) -> None:
        ours, self.socket = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.socket.settimeout(DEADLINE)
        self.transport = TlsTransport(kind(ours), context)
        self.send_queue = SendQueue(self.transport, flusher, bound=BOUND)
        self.client = TlsClient(self.socket, client)

    def handshake(self) -> None:
        run_concurrently([lambda: self.transport.handshake(DEADLINE), self.client.handshake])


@pytest.fixture
def flusher() -> Iterator[Flusher]:
    def fail_test(doing: str, error: Exception) -> None:
        raise AssertionError(f"{doing}: {error!r}")

    flusher = Flusher(fail_test)
    flusher.start()
    yield flusher
    flusher.stop(DEADLINE)


@pytest.fixture(params=TRANSPORTS)
def stranger(
    request: pytest.FixtureRequest, files: Files, context: ssl.SSLContext, flusher: Flusher
) -> Iterator[Connection]:
    """A connection on which nothing has been said yet."""
    connection = Connection(request.param, context, flusher, client_context(files))
    yield connection
    connection.send_queue.close()
    connection.socket.close()


@pytest.fixture
def connection(stranger: Connection) -> Connection:
    """A connection after the handshake."""
    stranger.handshake()
    return stranger


class TestHandshake:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("kind", TRANSPORTS)
    @pytest.mark.parametrize("piece", [1, 65536])
    def test_both_sides_understand_each_other(
        self,
        kind: type[PlainTransport],
        version: ssl.TLSVersion,
        piece: int,
        files: Files,
        context: ssl.SSLContext,
        flusher: Flusher,
    ) -> None:
        connection = Connection(kind, context, flusher, client_context(files, version))
        with connection.socket:
            transport, client = connection.transport, connection.client
            run_concurrently(
                [lambda: transport.handshake(DEADLINE), lambda: client.handshake(piece)]
            )
            client.send(b"hello")
            assert transport.receive(100) == b"hello"
            assert transport.send(b"hello yourself") == 14
            assert client.receive(14) == b"hello yourself"
            connection.send_queue.close()

    def test_one_who_speaks_something_else_is_found_out(self, stranger: Connection) -> None:
        stranger.socket.sendall(b"hello, is anybody there?\r\n")
        with pytest.raises(HandshakeFailed, match="not TLS") as caught:
            stranger.transport.handshake(DEADLINE)
        assert not caught.value.spoke_tls
        # Nothing was said that a person would see as garbage, and we can answer.
        stranger.transport.plain.send(b"!!! This port speaks TLS.\r\n")
        assert stranger.socket.recv(100) == b"!!! This port speaks TLS.\r\n"

    def test_one_who_says_nothing_is_not_waited_for(self, stranger: Connection) -> None:
        with pytest.raises(HandshakeFailed, match="no TLS within 0 s") as caught:
            stranger.transport.handshake(0.05)
        assert not caught.value.spoke_tls

    def test_one_who_stops_half_way_is_not_waited_for(self, stranger: Connection) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            stranger.client.tls.do_handshake()
        hello = stranger.client.outgoing.read()
        stranger.socket.sendall(hello[: len(hello) // 2])
        with pytest.raises(HandshakeFailed, match="no TLS within 0 s") as caught:
            stranger.transport.handshake(0.05)
        assert caught.value.spoke_tls

    def test_a_byte_now_and_then_gains_no_time(self, stranger: Connection) -> None:
        over = threading.Event()

        def trickle() -> None:
            # A record as long as can be, so that it never comes to its end.
            stranger.socket.sendall(b"\x16\x03\x01\x40\x00\x01")
            while not over.wait(0.01):
                stranger.socket.sendall(b"x")

        def shake() -> None:
            with pytest.raises(HandshakeFailed, match="no TLS within 0 s"):
                stranger.transport.handshake(0.2)
            over.set()

        run_concurrently([trickle, shake])

    def test_an_answer_that_is_not_read_is_not_waited_for(self, stranger: Connection) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            stranger.client.tls.do_handshake()
        stranger.socket.sendall(stranger.client.outgoing.read())
        with contextlib.suppress(BlockingIOError):
            while True:
                stranger.transport.plain.send(b"x" * 4096)
        with pytest.raises(HandshakeFailed, match="no TLS within 0 s"):
            stranger.transport.handshake(0.05)

    def test_one_who_speaks_tls_badly_is_told(self, stranger: Connection) -> None:
        stranger.socket.sendall(b"\x16\x03\x01\x00\x04nope")
        with pytest.raises(HandshakeFailed) as caught:
            stranger.transport.handshake(DEADLINE)
        assert caught.value.spoke_tls
        stranger.transport.linger(0.01)
        alert = stranger.socket.recv(100)
        assert alert[0] == 21  # RFC 8446, section 5.1
        assert stranger.socket.recv(100) == b""

    def test_one_who_goes_meanwhile_is_let_go(self, stranger: Connection) -> None:
        stranger.socket.sendall(b"\x16\x03")
        stranger.socket.shutdown(socket.SHUT_WR)
        with pytest.raises(HandshakeFailed, match="closed before TLS was agreed on"):
            stranger.transport.handshake(DEADLINE)

    def test_one_who_does_not_trust_us_says_so(self, stranger: Connection) -> None:
        stranger.client = TlsClient(stranger.socket, ssl.create_default_context())

        def distrust() -> None:
            with pytest.raises(ssl.SSLCertVerificationError):
                stranger.client.handshake()

        def shake() -> None:
            with pytest.raises(HandshakeFailed, match="alert unknown ca"):
                stranger.transport.handshake(DEADLINE)

        run_concurrently([distrust, shake])

    def test_an_end_interrupts_it_and_keeps_its_reason(self, stranger: Connection) -> None:
        def shake() -> None:
            with pytest.raises(HandshakeFailed):
                stranger.transport.handshake(DEADLINE)

        run_concurrently(
            [shake, lambda: stranger.send_queue.end(Reason.SERVER_STOPPING, b"Goodbye.\r\n")]
        )
        assert stranger.send_queue.reason is Reason.SERVER_STOPPING
        assert stranger.send_queue.drain(0)
        stranger.send_queue.close()
        assert b"Goodbye" not in stranger.socket.recv(100)

    @given(st.binary(max_size=400), st.booleans())
    def test_no_garbage_does_more_than_fail(
        self, context: ssl.SSLContext, garbage: bytes, like_a_record: bool
    ) -> None:
        if like_a_record:
            garbage = b"\x16\x03\x01" + len(garbage).to_bytes(2, "big") + garbage
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(garbage)
            theirs.shutdown(socket.SHUT_WR)
            with pytest.raises(HandshakeFailed):
                TlsTransport(TRANSPORTS[0](ours), context).handshake(DEADLINE)


class TestReceiving:
    def test_it_waits(self, connection: Connection) -> None:
        received: list[bytes] = []
        run_concurrently(
            [
                lambda: connection.client.send(b"hi"),
                lambda: received.append(connection.transport.receive(100)),
            ]
        )
        assert received == [b"hi"]

    def test_an_end_interrupts_it(self, connection: Connection) -> None:
        received: list[bytes] = []
        run_concurrently(
            [
                lambda: connection.send_queue.end(Reason.SERVER_STOPPING),
                lambda: received.append(connection.transport.receive(100)),
            ]
        )
        assert received == [b""]

    def test_an_end_interrupts_a_pause(self, connection: Connection) -> None:
        assert connection.transport.pause(0.01)
        connection.send_queue.end(Reason.SERVER_STOPPING)
        assert not connection.transport.pause(DEADLINE)

    def test_it_returns_no_more_than_asked_for(self, connection: Connection) -> None:
        connection.client.send(b"abcdef")
        assert [connection.transport.receive(4) for _ in range(2)] == [b"abcd", b"ef"]

    def test_a_record_may_come_in_pieces(self, connection: Connection) -> None:
        connection.client.tls.write(b"hello" * 1000)
        record = connection.client.outgoing.read()
        connection.socket.sendall(record[:3000])
        with pytest.raises(TimeoutError):
            connection.transport.receive(5, timeout=0.01)
        connection.socket.sendall(record[3000:])
        assert connection.transport.receive(5000) == b"hello" * 1000

    def test_a_record_that_comes_byte_by_byte_is_waited_for_in_pauses(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = connection.client
        client.tls.write(b"hello")
        record = client.outgoing.read()
        arrivals = [record[at : at + 1] for at in range(len(record))]
        plain = connection.transport.plain
        pauses: list[float] = []
        monkeypatch.setattr(plain, "receive", lambda size, timeout: arrivals.pop(0))
        monkeypatch.setattr(plain, "pause", pauses.append)
        assert connection.transport.receive(100) == b"hello"
        assert len(pauses) == len(record) - tls.MAX_ARRIVALS
        assert pauses == sorted(pauses)
        assert pauses[0] == pytest.approx(1 / 30)
        assert pauses[-1] == 0.25

    def test_input_is_waited_for(self, connection: Connection) -> None:
        assert not connection.transport.wait_for_input(0.0)
        connection.client.send(b"hi")
        assert connection.transport.wait_for_input(DEADLINE)
        assert connection.transport.receive(1) == b"h"
        assert connection.transport.wait_for_input(0.0)  # the rest of the record

    def test_input_is_seen_without_taking_it(self, connection: Connection) -> None:
        assert not connection.transport.has_input()
        connection.client.send(b"one")
        connection.client.send(b"two")
        wait_until(connection.transport.has_input, "something has arrived")
        assert connection.transport.receive(1) == b"o"
        assert connection.transport.has_input()
        assert connection.transport.receive(2) == b"ne"
        assert connection.transport.has_input()
        assert connection.transport.receive(3) == b"two"
        assert not connection.transport.has_input()

    def test_what_has_arrived_is_taken_without_waiting(self, connection: Connection) -> None:
        transport = connection.transport
        assert transport.receive_now(100) == b""
        connection.client.tls.write(b"hello" * 1000)
        record = connection.client.outgoing.read()
        connection.socket.sendall(record[:3000])
        wait_until(transport.plain.has_input, "a piece has arrived")
        assert transport.receive_now(100) == b""
        connection.socket.sendall(record[3000:])
        wait_until(transport.has_input, "the rest has arrived")
        assert transport.receive_now(5000) == b"hello" * 1000
        assert transport.receive_now(100) == b""

    def test_an_announced_end_is_an_end(self, connection: Connection) -> None:
        connection.client.send(b"bye")
        connection.client.announce_end()
        assert connection.transport.receive(100) == b"bye"
        assert [connection.transport.receive(100) for _ in range(2)] == [b"", b""]

    @pytest.mark.parametrize("announced", [True, False])
    def test_who_has_said_all_can_still_be_told_something(
        self, announced: bool, connection: Connection
    ) -> None:
        if announced:
            connection.client.announce_end()
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.transport.receive(100) == b""
        connection.send_queue.send(b"one more thing")
        assert connection.client.receive(14) == b"one more thing"

    def test_a_broken_record_is_the_end(self, connection: Connection) -> None:
        connection.client.tls.write(b"hello")
        record = connection.client.outgoing.read()
        connection.socket.sendall(record[:-1] + bytes([record[-1] ^ 1]))
        with pytest.raises(OSError, match=r"(?i)bad.record.mac") as caught:
            connection.transport.receive(100)
        assert reason_of(caught.value) is Reason.RESET
        connection.send_queue.send(b"are you there?")
        assert connection.send_queue.reason is Reason.RESET
        connection.transport.linger(0)
        with pytest.raises(ssl.SSLError, match="alert bad record mac"):
            connection.client.receive(1)

    def test_what_was_said_before_the_connection_broke_is_heard(
        self, connection: Connection
    ) -> None:
        connection.fill()
        connection.client.send(b"bye")
        connection.socket.close()
        wait_until(lambda: connection.send_queue.reason is not None, "the flusher has found out")
        assert connection.send_queue.reason is Reason.RESET
        assert connection.transport.receive(100) == b"bye"

    def test_who_reads_no_answers_of_tls_is_ended(self, connection: Connection) -> None:
        connection.fill()
        connection.transport._outgoing.write(b"x" * 100_000)  # a hundred thousand refusals, say
        connection.client.tls.write(b"hello")
        connection.socket.sendall(connection.client.outgoing.read()[:10])
        with pytest.raises(OSError, match="reads none of TLS's own answers"):
            connection.transport.receive(100, DEADLINE)


class TestSending:
    def test_it_does_not_wait_for_a_reader(self, connection: Connection) -> None:
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 10**9:
                sent += connection.transport.send(b"x" * 65536)
        assert 0 < sent < 10**9
        with pytest.raises(BlockingIOError):
            connection.transport.send(b"")

    def test_all_arrives_in_order_at_a_slow_reader(self, connection: Connection) -> None:
        # Promise 3.
        sent = b"".join(b"%d " % number * number for number in range(100, 400, 7))
        for begin in range(0, len(sent), 3777):
            connection.send_queue.send(sent[begin : begin + 3777])
        assert len(connection.transport._ciphertext) < 2 * tls._RECORD
        assert connection.client.receive(len(sent)) == sent
        assert connection.send_queue.drain(DEADLINE)
        assert connection.send_queue.bytes_sent == len(sent)

    @pytest.mark.parametrize("size", [1, 1000, 16383, 16384, 16385, 40_000, 2 * BOUND])
    def test_a_batch_of_any_size_arrives(self, size: int, connection: Connection) -> None:
        batch = os.urandom(size)
        for _ in range(3):
            connection.send_queue.send(batch)
            assert len(connection.transport._ciphertext) < 2 * tls._RECORD
            assert connection.client.receive(size) == batch
            assert connection.send_queue.drain(DEADLINE)
        assert connection.send_queue.reason is None

    def test_drained_means_that_the_system_has_it_all(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The system does not take all of one record: nothing is queued, and yet it waits.
        send = connection.transport.plain.send
        may_take = threading.Event()

        def take_little(data: bytes | bytearray) -> int:
            if not may_take.is_set():
                raise BlockingIOError
            return send(data[:4096])

        monkeypatch.setattr(connection.transport.plain, "send", take_little)
        connection.send_queue.send(b"x" * tls._RECORD)
        assert connection.send_queue.bytes_sent == tls._RECORD
        assert connection.transport.pending
        assert not connection.send_queue.drain(0)
        acknowledged = connection.send_queue.bytes_acknowledged
        assert acknowledged is None or acknowledged <= 0  # all of it is still here
        may_take.set()
        assert connection.client.receive(tls._RECORD) == b"x" * tls._RECORD
        assert connection.send_queue.drain(DEADLINE)
        assert not connection.transport.pending
        assert connection.transport.unacknowledged() in (0, None)

    def test_one_who_reads_nothing_is_too_slow_and_takes_bounded_room(
        self, connection: Connection
    ) -> None:
        connection.fill()
        chunks = 0
        while connection.send_queue.reason is None:
            connection.send_queue.send(b"x" * 1000)
            chunks += 1
            assert chunks < 2 * BOUND / 1000
        assert connection.send_queue.reason is Reason.TOO_SLOW
        assert len(connection.transport._ciphertext) < 2 * tls._RECORD
        assert connection.transport.receive(10) == b""

    def test_after_the_end_what_is_queued_goes_out_and_nothing_more(
        self, connection: Connection
    ) -> None:
        sent = connection.fill()
        connection.send_queue.end(Reason.SERVER_STOPPING, b"Goodbye.")
        connection.send_queue.send(b"too late")
        assert connection.transport.receive(100) == b""
        assert connection.client.receive(len(sent) + 8) == sent + b"Goodbye."
        assert connection.send_queue.drain(DEADLINE)

        def see_off() -> None:
            connection.transport.linger(DEADLINE)
            connection.send_queue.close()

        def read_to_the_end() -> None:
            assert connection.client.receive(1) == b""  # announced, or this would raise
            connection.socket.close()

        run_concurrently([see_off, read_to_the_end])

    def test_lingering_has_the_time_that_is_left(
        self, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seconds: list[float] = []
        monkeypatch.setattr(PlainTransport, "linger", lambda _, timeout: seconds.append(timeout))
        connection.transport.linger(1000.0)
        assert 0 < 1000.0 - seconds[0] < DEADLINE

    def test_lingering_ends_with_a_peer_that_reads_nothing(self, connection: Connection) -> None:
        connection.fill()
        connection.transport.linger(0.01)
        if sys.platform != "win32":  # there, over TCP, the flusher may find our side shut
            assert connection.send_queue.reason is None

    def test_both_directions_at_once(self, connection: Connection) -> None:
        upwards = os.urandom(300_000)
        lines, senders = 400, 3
        total = sum(len(_line(sender, n)) for sender in range(senders) for n in range(lines))
        heard, downwards = bytearray(), b""

        def listen() -> None:
            while len(heard) < len(upwards):
                heard.extend(connection.transport.receive(4096, DEADLINE))

        def talk(sender: int) -> None:
            for number in range(lines):
                wait_until(lambda: connection.send_queue.bytes_queued < BOUND / 2, "there is room")
                connection.send_queue.send(_line(sender, number))

        def converse() -> None:
            nonlocal downwards
            downwards = connection.client.exchange(upwards, total)

        run_concurrently(
            [listen, converse, *(lambda sender=sender: talk(sender) for sender in range(senders))]
        )
        assert heard == upwards
        received = downwards.splitlines(keepends=True)
        for sender in range(senders):
            own = [line for line in received if line.startswith(b"%d:" % sender)]
            assert own == [_line(sender, number) for number in range(lines)]


def _line(sender: int, number: int) -> bytes:
    return b"%d:%d %s\n" % (sender, number, b"z" * (number % 700))


@pytest.fixture
def echo(context: ssl.SSLContext, flusher: Flusher) -> Iterator[str]:
    """The address of a server that says once to one client what it hears, up to `quit`."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(DEADLINE)

    def serve() -> None:
        with listener, listener.accept()[0] as sock:
            transport = TlsTransport(TRANSPORTS[0](sock), context)
            transport.handshake(DEADLINE)
            send_queue = SendQueue(transport, flusher)
            heard = b""
            while b"quit" not in heard and (data := transport.receive(4096, DEADLINE)):
                heard += data
                send_queue.send(data.upper())
            assert send_queue.drain(DEADLINE)
            transport.linger(DEADLINE)
            send_queue.close()

    server = threading.Thread(target=serve)
    server.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.join(DEADLINE)
    assert not server.is_alive()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            command,
            marks=pytest.mark.skipif(
                not shutil.which(command.split()[0]),
                reason=f"{command.split()[0]} is not installed",
            ),
        )
        for command in (
            "openssl s_client -quiet -connect {address}",
            "openssl s_client -quiet -tls1_2 -connect {address}",
            "ncat --ssl {host} {port}",
            "socat - openssl:{address},cafile={cafile},commonname=localhost",
        )
    ],
)
def test_real_clients_are_understood(command: str, echo: str, files: Files) -> None:
    host, _, port = echo.partition(":")
    words = command.format(address=echo, host=host, port=port, cafile=files.certificate).split()
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as client:
        assert client.stdin
        assert client.stdout
        client.stdin.write(b"hello\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"HELLO\n"
        client.stdin.write(b"quit\n")
        client.stdin.flush()
        assert client.stdout.read() == b"QUIT\n"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_keys_may_be_changed_meanwhile(echo: str) -> None:
    words = f"openssl s_client -tls1_3 -connect {echo}".split()
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as client:
        assert client.stdin
        assert client.stdout
        for typed, answer in ((b"hello", b"HELLO"), (b"K", b"KEYUPDATE"), (b"quit", b"QUIT")):
            client.stdin.write(typed + b"\n")
            client.stdin.flush()
            assert answer + b"\n" in iter(client.stdout.readline, b"")
