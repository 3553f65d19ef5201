"""A connection that one thread receives from while another one sends, plain and over TLS."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.waiting import run_concurrently
from threadchat.net.duplex import Duplex, open_duplex
from threadchat.testing import DEADLINE

DATA = Path(__file__).parents[1] / "data" / "tls"


@pytest.fixture(params=["plain", "TLS"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Duplex, socket.socket]]:
    """One of either kind, and the other end of its connection."""
    ours, theirs = socket.socketpair()
    for it in (ours, theirs):
        it.settimeout(DEADLINE)
    if request.param == "TLS":
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(DATA / "certificate.pem", DATA / "key.pem")
        asking = ssl.create_default_context(cafile=str(DATA / "certificate.pem"))
        found: list[socket.socket] = []
        run_concurrently(
            [
                lambda: found.append(serving.wrap_socket(theirs, server_side=True)),
                lambda: found.insert(0, asking.wrap_socket(ours, server_hostname="localhost")),
            ]
        )
        found.sort(key=lambda it: isinstance(it, ssl.SSLSocket) and it.server_side)
        ours, theirs = found
    with theirs:
        duplex = open_duplex(ours)
        try:
            yield duplex, theirs
        finally:
            duplex.close()


def test_what_arrives_is_received(pair: tuple[Duplex, socket.socket]) -> None:
    duplex, other = pair
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(duplex.receive(100)))
    thread.start()
    # A thread that waits to receive holds up nobody that sends.
    assert duplex.send(b"first") == 5
    assert other.recv(100) == b"first"
    other.sendall(b"hi")
    thread.join(DEADLINE)
    assert got == [b"hi"]


def test_sending_never_waits_and_loses_nothing(pair: tuple[Duplex, socket.socket]) -> None:
    duplex, other = pair
    sent, to_send = bytearray(), bytearray()

    def send_some() -> None:
        taken = duplex.send(to_send)
        sent.extend(to_send[:taken])
        del to_send[:taken]

    with suppress(BlockingIOError):
        for number in range(10_000):
            to_send += b"%07d\n" % number * 1000
            send_some()
    with pytest.raises(BlockingIOError):
        send_some()
    got = bytearray()

    def read() -> None:
        while not got.endswith(b"end"):
            got.extend(other.recv(1 << 20))

    reader = threading.Thread(target=read)
    reader.start()
    to_send += b"end"
    while to_send:
        assert duplex.wait_for_room(DEADLINE)
        with suppress(BlockingIOError):
            send_some()
    reader.join(DEADLINE)
    assert got == sent


def test_much_goes_both_ways_at_once(pair: tuple[Duplex, socket.socket]) -> None:
    duplex, other = pair
    data = bytes(range(256)) * 4000
    got: dict[str, bytes] = {"here": b"", "there": b""}

    def send() -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[duplex.send(bytes(left[:50_000])) :]
            except BlockingIOError:
                assert duplex.wait_for_room(DEADLINE)

    def receive() -> None:
        while len(got["here"]) < len(data):
            got["here"] += duplex.receive(65536)

    def echo() -> None:
        while len(got["there"]) < len(data):
            piece = other.recv(65536)
            got["there"] += piece
            other.sendall(piece)

    run_concurrently([send, receive, echo])
    assert got == {"here": data, "there": data}


def test_a_thread_that_waits_is_let_go(pair: tuple[Duplex, socket.socket]) -> None:
    duplex, _ = pair
    ends: list[bytes | str] = []

    def wait() -> None:
        try:
            ends.append(duplex.receive(100))
        except OSError as error:
            ends.append(str(error))

    thread = threading.Thread(target=wait)
    thread.start()
    duplex.wake()
    thread.join(DEADLINE)
    wait()
    assert len(ends) == 2


def test_the_end_of_the_other_side_is_received(pair: tuple[Duplex, socket.socket]) -> None:
    duplex, other = pair
    if isinstance(other, ssl.SSLSocket):
        other.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            other.unwrap()
    else:
        other.shutdown(socket.SHUT_WR)
    assert duplex.receive(100) == b""
