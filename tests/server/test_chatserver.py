"""The server as a whole: starting and stopping."""

import contextlib
import errno
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.clients import Client
from tests.support.observer import Recorder
from tests.support.pages import Page
from tests.support.ports import free_port
from tests.support.servers import WatchingConsole, run_server, terminals
from tests.support.waiting import WatchedLock, run_concurrently, wait_until
from threadchat import ChatServer, Command, OperatorError, ProgramMember
from threadchat.chat.midnight import Midnight
from threadchat.chat.rules import RulesFiles
from threadchat.handlers import connection as connection_module
from threadchat.handlers.handler import ClientHandler
from threadchat.messages.kinds import Message, RoomMessage
from threadchat.monitoring.events import Acted, Connected, Event
from threadchat.net.sendqueue import DRAIN_SECONDS
from threadchat.net.transport import LINGER_SECONDS
from threadchat.server import chatserver, members
from threadchat.server.config import ServerConfig
from threadchat.server.listener import CannotListenForTls
from threadchat.storage.history import History
from threadchat.storage.records import Records
from threadchat.testing import DEADLINE, UNLIMITED


def test_port_zero_is_a_free_port_and_the_address_says_which() -> None:
    with ChatServer(("127.0.0.1", 0)) as server:
        host, port = server.server_address[:2]
        assert host == "127.0.0.1"
        assert port > 0


def test_two_commands_with_one_name_are_an_error_before_anything_is_open() -> None:
    who = Command("who", "", "say who you are", lambda *_: None)
    with pytest.raises(ValueError, match="there is a command /who already"):
        ChatServer(("127.0.0.1", 0), commands=[who])


def test_nobody_is_answered_before_the_start() -> None:
    with ChatServer(("127.0.0.1", 0)) as server, Client(server) as client:
        client.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)
        client.socket.settimeout(20)
        server.start()
        client.expect("Your name: ")


def test_a_server_that_was_never_started_can_be_stopped() -> None:
    server = ChatServer(("127.0.0.1", 0))
    server.stop()
    assert server.socket.fileno() == -1


class TestStartingOnce:
    def test_a_second_start_is_an_error_and_costs_nothing(self, server: ChatServer) -> None:
        threads = threading.active_count()
        with pytest.raises(OperatorError, match="the server has been started already"):
            server.start()
        assert threading.active_count() == threads
        with Client(server, "al"):
            pass

    @pytest.mark.parametrize("is_started_before", [False, True])
    def test_a_start_after_a_stop_is_an_error_and_costs_nothing(
        self, is_started_before: bool
    ) -> None:
        threads = threading.active_count()
        server = ChatServer(("127.0.0.1", 0))
        if is_started_before:
            server.start()
        server.stop()
        with pytest.raises(OperatorError, match="has been stopped: make a new one"):
            server.start()
        assert threading.active_count() == threads

    def test_of_several_starts_at_once_one_counts(self) -> None:
        with ChatServer(("127.0.0.1", 0)) as server:
            failed: list[OperatorError] = []

            def start() -> None:
                try:
                    server.start()
                except OperatorError as error:
                    failed.append(error)

            run_concurrently([start] * 5)
            assert len(failed) == 4
            with Client(server, "al"):
                pass

    def test_a_stop_at_once_with_a_start_leaves_nothing(self) -> None:
        for _ in range(20):
            server = ChatServer(("127.0.0.1", 0))

            def start(server: ChatServer = server) -> None:
                with contextlib.suppress(OperatorError):
                    server.start()

            run_concurrently([start, server.stop])  # and the check for leaks looks

    def test_a_stop_on_another_thread_waits_until_everything_runs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server, lock = ChatServer(("127.0.0.1", 0)), WatchedLock()
        stopper = threading.Thread(target=server.stop)
        monkeypatch.setattr(server, "_lock", lock)
        start = server._start

        def start_slowly() -> None:
            stopper.start()
            wait_until(lambda: lock.is_waited_for or server.stopping.is_set(), "the stop comes")
            assert not server.stopping.is_set()
            start()

        monkeypatch.setattr(server, "_start", start_slowly)
        server.start()
        stopper.join(DEADLINE)
        assert not stopper.is_alive()

    def test_a_stop_in_a_signal_handler_during_the_start_leaves_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = ChatServer(("127.0.0.1", 0))
        monkeypatch.setattr(server.chat, "start", server.stop)  # on the same thread, in the middle
        threads = threading.active_count()
        server.start()
        assert threading.active_count() == threads
        with pytest.raises(OSError, match="refused"):
            Client(server)

    @pytest.mark.parametrize("name", ["flusher", "periodic", "acceptor"])
    @pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
    def test_out_of_threads_it_is_stopped_and_says_so(
        self, name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start = threading.Thread.start

        def start_unless(thread: threading.Thread) -> None:
            if name in thread.name:
                raise error
            start(thread)

        threads = threading.active_count()
        monkeypatch.setattr(threading.Thread, "start", start_unless)
        server = ChatServer(("127.0.0.1", 0))
        with pytest.raises(OperatorError, match="out of threads or memory") as caught:
            server.start()
        assert "\n" not in str(caught.value)
        assert threading.active_count() == threads
        assert server.socket.fileno() == -1

    def test_out_of_memory_it_is_stopped_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> None:
            raise MemoryError

        server = ChatServer(("127.0.0.1", 0))
        monkeypatch.setattr(server.chat, "start", fail)
        with pytest.raises(OperatorError, match="out of threads or memory"):
            server.start()


def test_a_watcher_that_raises_costs_nobody_anything() -> None:
    class Broken:
        def note(self, event: Event) -> None:
            raise ValueError("no ears")

        def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
            raise ValueError("no ears")

    with (
        run_server(watchers=[Broken()]) as (server, console),
        Client(server, "al") as al,
        Client(server, "bo") as bo,
    ):
        al.type("hi")
        bo.expect("al: hi\r\n")
        bo.type("/quit")
        al.expect("<-- bo left")
        bo.expect_end()
        assert console.next_disconnect().why == "quit"
        (trouble,) = console.troubles
        assert trouble.startswith("the watcher Broken has failed (ValueError: no ears)")
        console.troubles.clear()


def test_a_program_that_fails_to_stop_for_an_operator_is_the_operators_to_read() -> None:
    def fail() -> None:
        raise ValueError("not now")

    with run_server(finish=fail) as (server, console), Client(server, "al") as al:
        server.chat.names.find("al").is_operator = True
        al.type("/stop")
        wait_until(lambda: bool(console.troubles), "the operator is told")
        assert console.troubles.pop() == "stopping for an operator: ValueError: not now"
        al.sync()


def test_a_shutdown_as_socketserver_has_it_is_a_stop(server: ChatServer) -> None:
    with Client(server, "al") as al:
        server.shutdown()
        al.expect("The server is stopping.")
    ChatServer(("127.0.0.1", 0)).shutdown()  # before the start, too


def test_stopping_twice_is_as_good_as_once(server: ChatServer) -> None:
    server.stop()
    server.stop()
    assert server.socket.fileno() == -1


def test_a_stop_right_after_the_start() -> None:
    with ChatServer(("127.0.0.1", 0)) as server:
        server.start()
        server.stop()
    assert server.socket.fileno() == -1


def test_a_stop_says_goodbye_and_closes_every_connection(
    watched: tuple[ChatServer, WatchingConsole],
) -> None:
    # Promise 9.
    server, console = watched
    with Client(server, "al") as al, Client(server) as nameless:
        nameless.expect("Your name: ")
        server.stop()
        assert al.expect_end() == "=== The server is stopping. Goodbye.\r\n"
        assert nameless.expect_end() == "=== The server is stopping. Goodbye.\r\n"
        assert {console.next_disconnect().why for _ in range(2)} == {"server stopping"}


def test_a_stop_does_not_wait_for_a_client_that_reads_nothing(
    watched: tuple[ChatServer, WatchingConsole],
) -> None:
    server, console = watched
    with Client(server, "stuck", receive_buffer=2048) as stuck, Client(server, "al") as al:
        _fill(server, stuck, al)
        server.stop(timeout=0.5)
        assert {console.next_disconnect().name for _ in range(2)} == {"stuck", "al"}
        wait_until(lambda: threading.active_count() <= 3, "all threads but the console's ended")


@pytest.mark.usefixtures("small_buffers")
def test_a_reader_that_never_reads_holds_up_nobody(
    watched: tuple[ChatServer, WatchingConsole],
) -> None:
    # Promise 3.
    server, console = watched
    with (
        Client(server, "stuck", receive_buffer=2048),
        Client(server, "al") as al,
        Client(server, "bo") as bo,
    ):
        line = "x" * 4000
        rounds = 0
        while console.disconnects.empty():
            al.type(line)
            bo.expect(line)
            rounds += 1
            assert rounds < 10_000
        assert console.next_disconnect().why == "too slow"
        bo.type("still here")
        al.expect("bo: still here")
        assert b"<-- stuck left after" in al.received


def _fill(server: ChatServer, stuck: Client, talker: Client) -> None:
    """Let `talker` talk until something is queued for `stuck`, a client that does not read."""
    handler = next(each for each in terminals(server) if each.person.name == stuck.name)
    line = "x" * 4000
    while not handler.send_queue._queue:
        talker.type(line)
        talker.sync()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this system has no dual stack")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_no_host_serves_ipv4_and_ipv6_alike(host: str) -> None:
    with run_server(("", 0)) as (server, console):
        port = server.server_address[1]
        with socket.create_connection((host, port)) as sock:
            assert sock.recv(5) == b"Hello"
        address = console.next_disconnect().address
        assert address.startswith("127.0.0.1:" if host == "127.0.0.1" else "[::1]:")


def test_ipv4_alone_where_there_is_no_dual_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with run_server(("", 0)) as (server, _), Client(server, "al"):
        assert server.address_family is socket.AF_INET


def test_a_port_in_use_is_an_error_that_leaves_nothing_open(server: ChatServer) -> None:
    # What Windows says of it depends on its language.
    with pytest.raises(OSError, match=r"in use|WinError 10048") as caught:
        ChatServer(("127.0.0.1", server.server_address[1]))
    assert caught.value.errno == errno.EADDRINUSE


def test_keepalive_is_on_for_every_client(server: ChatServer) -> None:
    with Client(server, "al"):
        (handler,) = terminals(server)
        assert handler.connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert handler.connection.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE)
        assert handler.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_urgent_telnet_bytes_stay_in_line(server: ChatServer) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.socket.send(b"oops")
        al.socket.send(b"\xff", socket.MSG_OOB)
        al.socket.send(b"\xf2hi\n")
        assert bo.expect("\r\n") == "al: oopshi\r\n"


def test_many_connections_at_once_are_all_served(server: ChatServer) -> None:
    clients: list[Client] = []
    lock = threading.Lock()

    def connect(number: int) -> None:
        client = Client(server, f"n{number}")
        with lock:
            clients.append(client)

    run_concurrently([partial(connect, number) for number in range(50)])
    wait_until(lambda: len(server.chat.people()) == 50, "all are in the room")
    for client in clients:
        client.close()


def test_a_stop_during_arrivals_leaves_nobody_behind() -> None:
    for _ in range(5):
        with run_server() as (server, _):
            stopping = threading.Event()

            def arrive(server: ChatServer = server, stopping: threading.Event = stopping) -> None:
                while not stopping.is_set():
                    with contextlib.suppress(OSError, AssertionError), Client(server) as client:
                        client.type("al")
                        client.expect("!!!")

            def stop(server: ChatServer = server, stopping: threading.Event = stopping) -> None:
                server.stop()
                stopping.set()

            run_concurrently([arrive] * 4 + [stop])
            assert not server.clients.threads()


class Bouncer:
    """Holds each client up right after it has connected, until told to let it go on."""

    def __init__(self) -> None:
        self.has_one = threading.Event()
        self.may_pass = threading.Event()

    def note(self, event: Event) -> None:
        if isinstance(event, Connected):
            self.has_one.set()
            assert self.may_pass.wait(DEADLINE)

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        pass


def test_who_is_at_the_threshold_when_a_stop_begins_is_told_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bouncer = Bouncer()
    with run_server(watchers=[bouncer]) as (server, console), Client(server) as client:
        assert bouncer.has_one.wait(DEADLINE)
        # At that time the stop has looked at the table of clients already.
        monkeypatch.setattr(server.chat, "hush", bouncer.may_pass.set)
        server.stop()
        assert client.expect_end() == "=== The server is stopping. Goodbye.\r\n"
        assert console.next_disconnect().why == "server stopping"


def test_drain_and_linger_fit_into_a_stop() -> None:
    assert DRAIN_SECONDS + LINGER_SECONDS < 4.5


def test_a_round_looks_for_midnight_and_tells_pages_of_the_rooms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = threading.Event()
    monkeypatch.setattr(Midnight, "look", lambda _: looked.set())
    with run_server(web_address=("127.0.0.1", 0)) as (server, _), Page(server, "al") as al:
        assert looked.wait(DEADLINE)
        al.expect("rooms_now")


class TestFiguresOfBytes:
    def test_those_of_clients_that_have_left_count(self) -> None:
        with run_server() as (server, console):
            with Client(server, "al") as al:
                al.type("/quit")
                al.expect_end()
            disconnect = console.next_disconnect()
            wait_until(lambda: not server.clients.threads(), "it is forgotten")
            stats = server.stats()
            assert (stats.received, stats.sent) == (disconnect.received, disconnect.sent)
            assert disconnect.sent > 0


def test_the_rules_are_read_again_and_that_is_logged(tmp_path: Path) -> None:
    recorder = Recorder()
    motd = tmp_path / "motd"
    motd.write_text("old\n")
    with run_server(files=RulesFiles(motd=motd), watchers=[recorder]) as (server, console):
        motd.write_text("new\n")
        server.reread()
        assert server.rules.motd == ["new"]
        motd.unlink()
        server.reread()
        assert server.rules.motd == ["new"]
        (trouble,) = console.troubles
        assert trouble.endswith("What it said before still counts.")
        console.troubles.clear()
    acts = [it for it in recorder.events if isinstance(it, Acted)]
    assert acts == [Acted("operator", "had the files read again")] * 2


@pytest.mark.parametrize("keep", [0.0, 86400.0])
def test_the_history_forgets_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, keep: float
) -> None:
    done: list[object] = []

    class Forgetting:
        def __init__(self, history: History, keep: float, warn: object) -> None:
            done.append(keep)

        def start(self) -> None:
            done.append("start")

        def close(self) -> None:
            done.append("close")

    monkeypatch.setattr(chatserver, "Forgetter", Forgetting)
    with run_server(keep=keep):
        pass
    assert done == ([keep, "start", "close"] if keep else [])


class TestPrograms:
    def test_one_that_is_kicked_is_out_though_its_function_goes_on(
        self, watched: tuple[ChatServer, WatchingConsole]
    ) -> None:
        held, go_on = threading.Event(), threading.Event()

        def hold(member: ProgramMember, message: Message) -> None:
            held.set()
            assert go_on.wait(DEADLINE)

        server, console = watched
        server.add_member("bot", hold)
        assert held.wait(DEADLINE)
        connection = server.chat.names.find("bot").connection
        assert connection is not None
        connection.end("kicked", "Out.")
        assert console.next_disconnect().why == "kicked"  # by the round
        assert server.chat.people() == ()
        go_on.set()

    def test_a_stop_waits_for_what_one_does_at_the_moment(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited_for: list[tuple[threading.Thread, float]] = []
        monkeypatch.setattr(
            members, "join_by", lambda thread, deadline: waited_for.append((thread, deadline))
        )
        member = server.add_member("bot", lambda member, message: None)
        thread = member.thread
        assert thread is not None
        begin = time.monotonic()
        server.stop(timeout=1000.0)
        assert [it for it, _ in waited_for] == [thread]
        assert 890.0 < waited_for[0][1] - begin < 990.0, "some of the time is for clients"
        thread.join(DEADLINE)

    def test_one_is_a_member_until_the_server_stops(self) -> None:
        with run_server() as (server, console):
            member = server.add_member("bot", lambda member, message: None)
            assert [it.name for it in server.chat.people()] == ["bot"]
            server.stop()
            assert console.next_disconnect().why == "server stopping"
            assert member.reason == "server stopping"
            with pytest.raises(OperatorError, match="the server is stopping"):
                server.add_member("late", lambda member, message: None)


class TestALoginThatFails:
    """The set-up of a handler raises: that client alone is closed (promise 8)."""

    def test_its_place_is_free_again_and_the_operator_is_told(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(handler: ClientHandler) -> None:
            raise RuntimeError("a bug")

        limits = replace(UNLIMITED, max_clients=1, max_per_address=1)
        with run_server(limits=limits) as (server, console):
            with monkeypatch.context() as patch:
                patch.setattr(ClientHandler, "setup", fail)
                with Client(server) as unlucky:
                    assert unlucky.expect_end() == ""
                    wait_until(lambda: not server.clients.threads(), "it is forgotten")
            (trouble,) = console.troubles
            assert re.fullmatch(r"serving 127\.0\.0\.1:\d+: RuntimeError: a bug", trouble)
            console.troubles.clear()
            Client(server, "al").close()


Kept = TypeVar("Kept", History, Records)


class Closes:
    """Counts how often a history, or records, were closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.history, self.records = History(), Records(None)
        self.closed: list[str] = []
        monkeypatch.setattr(History, "close", self._noting("History", History.close))
        monkeypatch.setattr(Records, "close", self._noting("Records", Records.close))

    def _noting(self, name: str, close: Callable[[Kept], None]) -> Callable[[Kept], None]:
        def note(it: Kept) -> None:
            self.closed.append(name)
            close(it)

        return note


def test_a_history_that_fails_at_the_start_leaves_no_port_open() -> None:
    class Failing(History):
        def topic(self, room: str) -> str:
            raise OSError("disk gone")

    with ChatServer(("127.0.0.1", 0)) as server:
        address = "127.0.0.1", server.server_address[1]
    with pytest.raises(OSError, match="disk gone") as failure:
        ChatServer(address, history=Failing())
    with ChatServer(address):
        assert failure.traceback  # which still holds what was made of the first one


class TestAPortThatIsTaken:
    @pytest.fixture
    def taken(self) -> Iterator[tuple[str, int]]:
        with socket.create_server(("127.0.0.1", 0)) as other:
            yield other.getsockname()

    def test_history_and_records_stay_their_owners(
        self, taken: tuple[str, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closes = Closes(monkeypatch)
        with pytest.raises(OSError, match="in use"):
            ChatServer(taken, history=closes.history, records=closes.records)
        assert closes.closed == []
        closes.records.close()

    @pytest.mark.parametrize("are_given", [False, True])
    def test_for_tls_all_that_was_open_is_closed(
        self,
        taken: tuple[str, int],
        context: ssl.SSLContext,
        are_given: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        closes = Closes(monkeypatch)
        config = ServerConfig(tls=context, tls_address=taken)
        address = ("127.0.0.1", free_port())
        given: dict[str, Any] = (
            {"history": closes.history, "records": closes.records} if are_given else {}
        )
        with pytest.raises(CannotListenForTls) as raised:
            ChatServer(address, config, **given)
        assert raised.value.errno == errno.EADDRINUSE
        assert sorted(closes.closed) == ["History", "Records"]
        with ChatServer(address):  # the first port is free again
            pass
        closes.records.close()

    def test_any_other_error_there_closes_all_too(
        self, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(chatserver, "TlsListener", fail)
        closes = Closes(monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            ChatServer(("127.0.0.1", 0), ServerConfig(tls=context))
        assert sorted(closes.closed) == ["History", "Records"]
        closes.records.close()


def test_a_stop_cuts_off_who_still_takes_nothing_when_its_time_is_nearly_over(
    watched: tuple[ChatServer, WatchingConsole], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Promise 9. The client is waited for as long as that helps, and its thread ends.
    monkeypatch.setattr(connection_module, "DRAIN_SECONDS", DEADLINE)
    server, console = watched
    with Client(server, "stuck", receive_buffer=2048) as stuck, Client(server, "al") as al:
        _fill(server, stuck, al)
        (handler,) = [it for it in terminals(server) if it.person.name == "stuck"]
        server.stop(0.5)
        assert not server.clients.threads()
        assert handler.send_queue.reason == "server stopping"
        assert not handler.send_queue.is_behind
        assert {console.next_disconnect().why for _ in range(2)} == {"server stopping"}


def test_a_stop_keeps_some_of_its_time_for_cutting_off(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(chatserver, "join_by", lambda thread, deadline: waits.append(deadline))
    with Client(server, "al"):
        begin = time.monotonic()
        server.stop(1000.0)
        assert 890.0 < waits[0] - begin < 990.0
    wait_until(lambda: not server.clients.threads(), "the client has gone")


def test_what_is_given_is_used_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closes = Closes(monkeypatch)
    closes.records.ban("dan", "op")
    with run_server(history=closes.history, records=closes.records) as (server, _):
        with Client(server, "al") as al:
            al.type("hi")
            al.sync()
        with Client(server) as dan:
            dan.type("dan")
            dan.expect("!!! That is banned here")
        assert [it.text for it in closes.history.recent("lobby", 9)] == ["hi"]
        assert closes.closed == []
    assert sorted(closes.closed) == ["History", "Records"]


class TestAnOperatorsStop:
    def test_without_a_finish_it_stops_the_server(self, server: ChatServer) -> None:
        with Client(server, "al") as al:
            server.chat.control.finish()
            assert al.expect_end().endswith("=== The server is stopping. Goodbye.\r\n")
        assert server.socket.fileno() == -1

    def test_with_one_that_is_called_instead(self) -> None:
        finished: list[bool] = []
        with run_server(finish=lambda: finished.append(True)) as (server, _):
            server.chat.control.finish()
            assert finished == [True]
            Client(server, "al").close()


def test_a_stop_waits_for_each_client_until_its_deadline(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[tuple[object, float]] = []
    thread = threading.Thread()
    with monkeypatch.context() as patch:
        patch.setattr(server.clients, "threads", lambda: [thread])
        patch.setattr(chatserver, "join_by", lambda *joined: waited.append(joined))
        server._join_all(103.0)
    assert waited == [(thread, 103.0)]
