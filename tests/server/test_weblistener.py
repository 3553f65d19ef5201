"""Many connections to the web port on which nothing is said: bounded, and nobody is kept out."""

import contextlib
import errno
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata

import pytest

from tests.net.test_tls import DATA
from tests.support.clock import Clock
from tests.support.pages import Page, web_address
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from threadchat import ChatServer, Limits
from threadchat.access.limiter import RefusedFor
from threadchat.access.limits import parse_allowed
from threadchat.net.certificate import Certificate
from threadchat.server import weblistener
from threadchat.server.listener import CannotListenForBrowsers
from threadchat.server.weblistener import _Connection as Connection
from threadchat.testing import DEADLINE, UNLIMITED, Client


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with run_server(web_address=("127.0.0.1", 0)) as (running, _):
        yield running


def test_the_program_need_not_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with run_server(web_address=("127.0.0.1", 0)) as (server, _):
        assert server.web_listener is not None


# What somebody sends that opens many connections, and then says nothing more.
SILENCES = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: loc",
    "a request": b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "an upgrade": b"GET /ws?resume HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "the beginning of TLS": b"\x16\x03\x01\x02\x00\x01",
}


def is_open(raw: socket.socket) -> bool:
    """Return whether the server has not ended this connection."""
    try:
        while data := raw.recv(65536, socket.MSG_DONTWAIT):
            assert data
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@pytest.mark.skipif(not hasattr(socket, "MSG_DONTWAIT"), reason="needs MSG_DONTWAIT")
class TestSilentConnections:
    """Whoever opens many connections gets a bounded number of them, and keeps nobody out."""

    @pytest.mark.parametrize("silence", SILENCES)
    @pytest.mark.parametrize("bound", ["MAX_PER_ADDRESS", "MAX_CONNECTIONS"])
    def test_a_further_one_ends_the_oldest(
        self, monkeypatch: pytest.MonkeyPatch, silence: str, bound: str
    ) -> None:
        monkeypatch.setattr(weblistener, bound, 8)
        most = 4 if bound == "MAX_PER_ADDRESS" else 0
        limits = Limits(max_per_address=most, max_connects=0)
        tls = Certificate(str(DATA / "certificate.pem"), str(DATA / "key.pem"))
        with (
            run_server(
                web_address=("127.0.0.1", 0), limits=limits, tls=tls, tls_address=("127.0.0.1", 0)
            ) as (server, _),
            contextlib.ExitStack() as rest,
        ):
            opened = []
            for _ in range(40):
                raw = rest.enter_context(socket.create_connection(web_address(server), DEADLINE))
                raw.sendall(SILENCES[silence])
                opened.append(raw)
            listener = server.web_listener
            assert listener is not None
            wait_until(lambda: not any(map(is_open, opened[:32])), "the oldest are ended")

            def has_settled() -> bool:
                with listener._lock:
                    return not listener._ending and len(listener._open) <= 8

            wait_until(has_settled, "their threads are over")
            with Page(server, "al") as al, Client(server, "cy") as cy:
                al.type("hi")
                cy.expect("al: hi")
                assert len(server.clients.threads()) <= 2 + 8

    def test_not_more_end_at_once_than_a_bound(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listener = server.web_listener
        assert listener is not None
        monkeypatch.setattr(weblistener, "MAX_ENDING", 0)
        with socket.create_connection(web_address(server), DEADLINE) as raw:
            wait_until(lambda: not is_open(raw), "it is closed")

    def test_they_are_no_clients(self, server: ChatServer) -> None:
        address = web_address(server)
        silent = [socket.create_connection(address, DEADLINE) for _ in range(20)]
        try:
            with Page(server, "al"):
                assert server.stats().connections == 1
        finally:
            for each in silent:
                each.close()


def test_a_page_that_finds_the_room_full_does_not_count_for_its_address() -> None:
    limits = Limits(max_clients=1, max_per_address=2, max_connects=0, flood=None)
    with run_server(web_address=("127.0.0.1", 0), limits=limits) as (server, _):
        with Client(server, "bo") as bo:
            for _ in range(3):
                with Page(server) as page:
                    assert page.expect("goodbye")["text"].startswith("The room is full")
                    assert page.code() == 1013
            bo.type("/quit")
            bo.expect_end()
        wait_until(lambda: not server.clients.threads(), "there is room")
        with Page(server, "al") as al:
            assert al.session["name"] == "al"


def test_a_stranger_is_not_served() -> None:
    limits = replace(UNLIMITED, allowed=parse_allowed(["192.0.2.0/24"]))
    with (
        run_server(web_address=("127.0.0.1", 0), limits=limits) as (server, console),
        socket.create_connection(web_address(server), DEADLINE) as raw,
    ):
        with contextlib.suppress(ConnectionError):
            raw.sendall(SILENCES["a request"])
            assert raw.recv(1) == b""
        console.troubles.clear()  # the operator is told of strangers


class TestTable:
    """Which connection is ended when there are too many, without any connection."""

    @pytest.mark.parametrize(("most", "is_full"), [(2, True), (3, True), (4, False), (0, False)])
    def test_of_one_address_the_oldest_goes_where_that_has_a_limit(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch, most: int, is_full: bool
    ) -> None:
        monkeypatch.setattr(weblistener, "MAX_PER_ADDRESS", 3)
        listener = server.web_listener
        assert listener is not None
        server.limits = replace(UNLIMITED, max_per_address=most)
        threads = [threading.Thread() for _ in range(4)]
        with contextlib.ExitStack() as rest:
            for thread, host in zip(threads, ["far", "near", "near", "near"], strict=True):
                ours, theirs = socket.socketpair()
                rest.enter_context(ours)
                rest.enter_context(theirs)
                listener._open[thread] = Connection((host, ""), ours)
            with listener._lock:
                listener._make_room_for("near")
                gone = [thread for thread in threads if thread not in listener._open]
                assert gone == ([threads[1]] if is_full else [])
                assert listener._ending == set(gone)
                listener._open.clear()
                listener._ending.clear()

    def test_in_all_the_oldest_goes(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(weblistener, "MAX_CONNECTIONS", 2)
        listener = server.web_listener
        assert listener is not None
        threads = [threading.Thread() for _ in range(2)]
        with contextlib.ExitStack() as rest:
            pairs = [socket.socketpair() for _ in threads]
            for thread, (ours, theirs) in zip(threads, pairs, strict=True):
                rest.enter_context(ours)
                rest.enter_context(theirs)
                listener._open[thread] = Connection(("far", ""), ours)
            with listener._lock:
                listener._make_room_for("near")
                assert list(listener._open) == [threads[1]]
                assert pairs[0][1].recv(1) == b""
                listener._open.clear()
                listener._ending.clear()


def test_a_stop_ends_connections_on_which_there_is_nobody() -> None:
    with run_server(web_address=("127.0.0.1", 0)) as (server, _):
        listener = server.web_listener
        assert listener is not None
        with socket.create_connection(web_address(server), DEADLINE) as raw:
            wait_until(lambda: bool(listener._open), "it is served")
            ((thread, _),) = listener._open.items()
            listener.stop_accepting(time.monotonic() + DEADLINE)
            assert raw.recv(1) == b""
            assert not thread.is_alive()


class TestOneConnection:
    """What becomes of a connection, without a browser."""

    @pytest.fixture
    def served(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """The addresses of those that are served; serving them fails."""
        addresses: list[object] = []

        def serve(request: socket.socket, address: object, listener: object) -> None:
            addresses.append(address)
            raise RuntimeError("a bug")

        monkeypatch.setattr(weblistener, "WebHandler", serve)
        return addresses

    def test_an_error_ends_it_alone_and_is_told(self, served: list[object]) -> None:
        # Promise 8.
        with run_server(web_address=("127.0.0.1", 0)) as (server, console):
            with socket.create_connection(web_address(server), DEADLINE) as raw:
                assert raw.recv(1) == b""
            wait_until(lambda: bool(console.troubles), "the operator is told")
            (trouble,) = console.troubles
            assert trouble.startswith("serving 127.0.0.1:")
            assert trouble.endswith("RuntimeError: a bug")
            console.troubles.clear()

    def test_with_too_many_that_end_it_is_not_served(
        self, server: ChatServer, served: list[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        listener = server.web_listener
        assert listener is not None
        monkeypatch.setattr(weblistener, "MAX_ENDING", 1)
        ending = threading.Thread()
        with listener._lock:
            listener._ending.add(ending)
        with socket.create_connection(web_address(server), DEADLINE) as raw:
            assert raw.recv(1) == b""
        assert served == []
        with listener._lock:
            listener._ending.clear()

    def test_a_stop_waits_for_each_until_its_deadline(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[tuple[object, float]] = []
        listener = server.web_listener
        assert listener is not None
        listener.stop_accepting(time.monotonic() + DEADLINE)
        monkeypatch.setattr(weblistener, "join_by", lambda *joined: waited.append(joined))
        ending = threading.Thread()
        with listener._lock:
            listener._ending.add(ending)
        listener.stop_accepting(103.0)
        assert waited == [(ending, 103.0)]
        with listener._lock:
            listener._ending.clear()


class Requests:
    """A limiter that lets each of `admitted` in, and has everybody wait long after a request."""

    def __init__(self, *admitted: bool) -> None:
        self.admitted = list(admitted)
        self.counted: list[tuple[str, str, float]] = []

    def admit(self, host: str, reached: str) -> bool:
        return self.admitted.pop(0)

    def delay_after(self, host: str, reached: str, cost: float) -> float:
        self.counted.append((host, reached, cost))
        return 10 * DEADLINE if cost else 0.0


class TestTooManyRequests:
    REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def test_the_next_one_waits_for_its_turn_and_a_stop_for_none(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Promise 3: who asks for much costs the others nothing.
        listener, requests = server.web_listener, Requests(True)
        assert listener is not None
        monkeypatch.setattr(listener, "_requests", requests)
        with socket.create_connection(web_address(server), DEADLINE) as raw:
            raw.sendall(2 * self.REQUEST)
            answer = b""
            while not answer.endswith(b"ok\n"):
                answer += raw.recv(65536)
            wait_until(lambda: len(requests.counted) == 2, "the next one waits")
            listener.stop_accepting(time.monotonic() + DEADLINE)
            assert raw.recv(1) == b""
        assert answer.count(b"HTTP/1.1 200 ") == 1
        ours = "127.0.0.1", "127.0.0.1"
        assert requests.counted == [(*ours, 0.0), (*ours, 1.0)]

    def test_one_connection_too_many_is_closed_and_told(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server.web_listener, "_requests", Requests(False, True))
        with socket.create_connection(web_address(server), DEADLINE) as raw:
            assert raw.recv(1) == b""
        assert server.stats().refusals[RefusedFor.TOO_FAST] == 1
        with socket.create_connection(web_address(server), DEADLINE) as raw:
            raw.sendall(self.REQUEST)
            assert raw.recv(8) == b"HTTP/1.1"

    def test_one_address_costs_another_nothing(self) -> None:
        limits = replace(UNLIMITED, max_connects=4)
        with run_server(web_address=("127.0.0.1", 0), limits=limits, clock=Clock()) as (server, _):
            listener = server.web_listener
            assert listener is not None
            while listener._requests.admit("127.0.0.2", "127.0.0.1"):
                pass
            with socket.socket() as far:
                far.settimeout(DEADLINE)
                far.bind(("127.0.0.2", 0))
                far.connect(web_address(server))
                assert far.recv(1) == b""
            with socket.create_connection(web_address(server), DEADLINE) as raw:
                raw.sendall(self.REQUEST)
                assert raw.recv(8) == b"HTTP/1.1"


def test_where_no_port_is_free_the_error_is_that_of_the_last(server: ChatServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server.config = replace(server.config, web_address=taken.getsockname(), web_ports=())
        with pytest.raises(CannotListenForBrowsers) as caught:
            weblistener.open_web_listener(server)
    assert caught.value.errno == errno.EADDRINUSE
    assert caught.value.strerror


class TestThePort:
    """Where the page is, for those that ask for it at the port for terminals."""

    def test_http_at_the_port_for_terminals_is_led_to_the_page(self, server: ChatServer) -> None:
        host, port = web_address(server)
        with Client(server) as stranger:
            stranger.expect("Your name: ")
            stranger.send(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            stranger.expect(f"Location: http://{host}:{port}/\r\n")
            stranger.expect(f"The page is at http://{host}:{port}/\r\n")
            stranger.expect_end()

    def test_it_is_on_the_address_that_they_have_reached(self) -> None:
        with run_server(web_address=("0.0.0.0", 0)) as (server, _):
            listener = server.web_listener
            assert listener is not None
            port = listener.server_address[1]
            assert listener.url_at("192.168.1.7") == f"http://192.168.1.7:{port}/"
            assert listener.url_at("fe80::1%eth0") == ""  # browsers take no such address


class TestBrowsersAtThePortForTerminals:
    def test_one_is_told_where_the_page_is_though_it_takes_a_moment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(weblistener, "PATIENCE_SECONDS", DEADLINE)
        with run_server(web_address=("127.0.0.1", 0)) as (server, _):
            assert server.web_listener is not None
            port = server.server_address[1]
            with socket.create_connection(("127.0.0.1", port), DEADLINE) as browser:
                listener = server.web_listener
                wait_until(lambda: listener._last_came_at > 0, "it is served")
                with Client(server, "cy"):
                    pass  # nobody else waits
                browser.sendall(b"GET / HTTP/1.1\r\nHost: box:8000\r\n\r\n")
                answer = b"".join(iter(lambda: browser.recv(4096), b""))
            page = listener.url_at("127.0.0.1")
        assert answer.startswith(b"HTTP/1.1 303 ")
        assert f"Location: {page}\r\n".encode() in answer

    def test_all_but_the_first_of_a_crowd_are_greeted_at_once(self) -> None:
        clock = Clock()
        with run_server(web_address=("127.0.0.1", 0)) as (server, _):
            server.clock = clock
            listener = server.web_listener
            assert listener is not None
            waits = []
            for seconds in (0.0, 0.0, 0.9, 0.9, 1.0, 0.5):
                clock.now += seconds
                waits.append(listener.patience() > 0.0)
        assert waits == [True, False, False, False, True, False]
