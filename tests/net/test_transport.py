"""Sending and receiving on a socket: receiving waits, sending does not."""

import contextlib
import select
import socket
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.support.clients import reset
from tests.support.servers import TRANSPORTS
from tests.support.waiting import run_concurrently, wait_until
from threadchat.net import transport as transport_module
from threadchat.net.transport import PlainTransport, PortableTransport, open_transport
from threadchat.testing import DEADLINE


@pytest.fixture(params=TRANSPORTS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[PlainTransport, socket.socket]]:
    """A transport of either kind, and the other end of its connection."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(DEADLINE)
    with ours, theirs:
        yield request.param(ours), theirs


def test_receive_returns_what_arrives(pair: tuple[PlainTransport, socket.socket]) -> None:
    transport, other = pair
    other.sendall(b"hi")
    assert transport.receive(100) == b"hi"


def test_receive_waits(pair: tuple[PlainTransport, socket.socket]) -> None:
    transport, other = pair
    run_concurrently([lambda: other.sendall(b"hi"), lambda: _assert_received(transport, b"hi")])


def test_receive_returns_nothing_at_the_end(pair: tuple[PlainTransport, socket.socket]) -> None:
    transport, other = pair
    other.close()
    assert transport.receive(100) == b""


@pytest.fixture(params=TRANSPORTS)
def tcp_pair(request: pytest.FixtureRequest) -> Iterator[tuple[PlainTransport, socket.socket]]:
    """The same over TCP, which alone can be reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname(), DEADLINE)
        ours, _ = listener.accept()
    with ours, theirs:
        yield request.param(ours), theirs


def test_a_reset_is_an_error_when_waiting(
    tcp_pair: tuple[PlainTransport, socket.socket],
) -> None:
    transport, other = tcp_pair
    reset(other)
    with pytest.raises(ConnectionResetError):
        transport.receive(100)


def test_a_reset_is_an_error_without_waiting(
    tcp_pair: tuple[PlainTransport, socket.socket],
) -> None:
    transport, other = tcp_pair
    reset(other)
    wait_until(transport.has_input, "the reset has arrived")
    with pytest.raises(ConnectionResetError):
        transport.receive_now(100)


@pytest.mark.parametrize("has_poll", [True, False])
@pytest.mark.parametrize("unread", [b"", b"hello"])
def test_a_reset_ends_a_pause(
    tcp_pair: tuple[PlainTransport, socket.socket],
    unread: bytes,
    has_poll: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transport, other = tcp_pair
    if not has_poll:
        monkeypatch.delattr(select, "poll", raising=False)
        transport = PortableTransport(transport._socket)
    other.sendall(unread)
    run_concurrently([lambda: _assert_cut_short(transport), lambda: reset(other)])


@pytest.mark.parametrize("has_poll", [True, False])
def test_an_end_ends_no_pause(
    tcp_pair: tuple[PlainTransport, socket.socket], has_poll: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, other = tcp_pair
    if not has_poll:
        monkeypatch.delattr(select, "poll", raising=False)
        transport = PortableTransport(transport._socket)
    other.shutdown(socket.SHUT_WR)
    wait_until(transport.has_input, "the end has arrived")
    assert transport.pause(0.01)
    assert transport.receive(100) == b""


def test_receive_gives_up_after_its_timeout(pair: tuple[PlainTransport, socket.socket]) -> None:
    transport, _ = pair
    with pytest.raises(TimeoutError):
        transport.receive(100, timeout=0.01)


def test_what_has_arrived_is_taken_without_waiting(
    pair: tuple[PlainTransport, socket.socket],
) -> None:
    transport, other = pair
    assert transport.receive_now(100) == b""
    other.sendall(b"hello")
    assert transport.receive_now(4) == b"hell"
    other.close()
    assert transport.receive_now(100) == b"o"
    assert transport.receive_now(100) == b""


def test_input_is_seen_without_taking_it(pair: tuple[PlainTransport, socket.socket]) -> None:
    transport, other = pair
    assert not transport.has_input()
    other.sendall(b"hi")
    assert transport.has_input()
    assert transport.receive(100) == b"hi"


def test_a_wake_ends_a_receive_that_waits(pair: tuple[PlainTransport, socket.socket]) -> None:
    transport, _ = pair
    waiting = threading.Timer(0.05, transport.wake)
    waiting.start()
    assert transport.receive(100) == b""
    assert transport.receive(100) == b""
    waiting.join()


def test_send_does_not_wait_for_a_reader(pair: tuple[PlainTransport, socket.socket]) -> None:
    transport, _ = pair
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < 10**9:
            sent += transport.send(b"x" * 65536)
    assert 0 < sent < 10**9


def test_room_is_waited_for(pair: tuple[PlainTransport, socket.socket]) -> None:
    transport, other = pair
    assert transport.wait_for_room(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            transport.send(b"x" * 65536)
    assert not transport.wait_for_room(0.01)

    def read() -> None:
        while other.recv(65536) and not transport.wait_for_room(0):
            pass

    run_concurrently([read, lambda: _assert_room(transport)])


def test_both_are_waited_for_where_there_is_no_poll(
    pair: tuple[PlainTransport, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(select, "poll", raising=False)
    transport, other = pair
    assert not transport.has_input()
    other.sendall(b"hi")
    assert transport.has_input()
    with contextlib.suppress(BlockingIOError):
        while transport.wait_for_room(0):
            transport.send(b"x" * 65536)
    assert not transport.wait_for_room(0)


def test_lingering_says_the_end_and_drops_what_still_comes(
    pair: tuple[PlainTransport, socket.socket],
) -> None:
    transport, other = pair
    transport.send(b"bye")
    other.sendall(b"late words")

    def read_and_close() -> None:
        assert other.recv(100) == b"bye"
        assert other.recv(100) == b""
        other.close()

    run_concurrently([read_and_close, lambda: transport.linger(DEADLINE)])


def test_lingering_ends_with_a_peer_that_does_not(
    pair: tuple[PlainTransport, socket.socket],
) -> None:
    transport, other = pair
    transport.linger(0.01)
    assert other.recv(100) == b""


def test_the_portable_wire_is_taken_where_the_flag_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport_module, "_NOT_WAITING", 0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert isinstance(open_transport(ours), PortableTransport)


def _assert_cut_short(transport: PlainTransport) -> None:
    assert not transport.pause(DEADLINE)


def _assert_received(transport: PlainTransport, data: bytes) -> None:
    assert transport.receive(100) == data


def _assert_room(transport: PlainTransport) -> None:
    assert transport.wait_for_room(DEADLINE)


TELLS = pytest.mark.skipif(
    sys.platform not in ("linux", "darwin"), reason="this system does not tell what was taken"
)


@TELLS
def test_what_the_peers_system_has_taken_is_known(
    tcp_pair: tuple[PlainTransport, socket.socket],
) -> None:
    transport, other = tcp_pair
    assert transport.unacknowledged() == 0
    transport.send(b"hi")
    wait_until(lambda: transport.unacknowledged() == 0, "it has arrived")
    with contextlib.suppress(BlockingIOError):
        while True:
            transport.send(b"x" * 65536)  # until nothing more fits into both systems
    left = transport.unacknowledged()
    assert left is not None
    assert left > 0
    reset(other)
    assert transport.wait_for_input(DEADLINE)
    with pytest.raises(ConnectionResetError):
        transport.receive(1)
    left = transport.unacknowledged()
    assert left is None or left > 0  # a broken connection has not taken it


def test_input_can_be_waited_for(pair: tuple[PlainTransport, socket.socket]) -> None:
    transport, other = pair
    assert not transport.wait_for_input(0.0)
    other.sendall(b"hi")
    assert transport.wait_for_input(DEADLINE)
    assert transport.receive(9) == b"hi"
    transport.wake()
    assert transport.wait_for_input(DEADLINE) or isinstance(transport, PortableTransport)


def test_a_socket_with_a_timeout_waits_all_the_same() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.001)
        transport = PlainTransport(ours)
        assert ours.gettimeout() is None
        theirs.sendall(b"hi")
        assert transport.receive(9) == b"hi"


def test_a_pause_looks_in_slices_and_is_no_longer_than_asked_for(
    pair: tuple[PlainTransport, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, _ = pair
    waited: list[float] = []
    now = [5.0]

    def wait(sock: socket.socket, timeout: float) -> bool:
        waited.append(timeout)
        now[0] += timeout
        return False

    monkeypatch.setattr(transport_module, "_wait_until_broken", wait)
    monkeypatch.setattr(transport_module, "_PAUSE_SLICE", 2.0)
    monkeypatch.setattr(transport_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    assert transport.pause(5.0)
    assert waited == [2.0, 2.0, 1.0]
    transport.wake()
    assert not transport.pause(5.0)
    assert len(waited) == 3
