"""Stops that any thread asks for, and that several threads ask for at once (promise 9)."""

import threading
from collections.abc import Callable, Sequence

import pytest

from tests.support.clients import Client
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import Section, enter_one_by_one, run_concurrently, wait_until
from threadchat import ChatServer
from threadchat.access.limits import Limits
from threadchat.messages.kinds import RoomMessage, Say
from threadchat.monitoring.events import Connected, Disconnected, Event, Named, Refused, Trouble
from threadchat.net.transport import PlainTransport
from threadchat.session.supervision import Supervision
from threadchat.testing import DEADLINE

ONE_CLIENT = Limits(max_clients=1, max_per_address=0, max_connects=0, flood=None)


class Stopper:
    """A watcher that stops the server at the first thing wanted, on the thread that tells of it."""

    def __init__(self, is_wanted: Callable[[object], bool]) -> None:
        self.server: ChatServer | None = None
        self.has_stopped = threading.Event()
        self.stopped_on = ""
        self._is_wanted = is_wanted
        self._first = threading.Lock()

    def note(self, event: Event) -> None:
        self._look(event)

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        for message in messages:
            self._look(message)

    def _look(self, happened: object) -> None:
        if self.server and self._is_wanted(happened) and self._first.acquire(blocking=False):
            self.stopped_on = threading.current_thread().name
            self.server.stop(DEADLINE)
            self.has_stopped.set()


class TestInputDuringAStop:
    """Whatever clients still send then, it is not served, and holds nothing up."""

    def test_what_comes_in_is_not_served(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        has_begun, is_waiting, go_on = threading.Event(), threading.Event(), threading.Event()

        def begin(_deadline: float) -> None:
            has_begun.set()
            assert go_on.wait(DEADLINE)

        def pause(self: PlainTransport, _seconds: float) -> bool:
            is_waiting.set()
            return go_on.wait(DEADLINE)

        monkeypatch.setattr(server, "stop_accepting", begin)
        with Client(server, "al") as al, Client(server, "bo") as bo:
            stopper = threading.Thread(target=server.stop, args=(DEADLINE,))
            stopper.start()
            assert has_begun.wait(DEADLINE)
            monkeypatch.setattr(PlainTransport, "pause", pause)
            al.type("too late")
            assert is_waiting.wait(DEADLINE)  # and so al costs nothing until the goodbye
            go_on.set()
            stopper.join()
            monkeypatch.undo()
            server.stop_accepting(0.0)
            al.expect("=== The server is stopping. Goodbye.\r\n")
            assert "too late" not in bo.expect_end()

    def test_its_reason_is_that_the_server_stops(
        self, server: ChatServer, console: WatchingConsole
    ) -> None:
        with Client(server, "al") as al, Client(server, "bo") as bo:
            for client in (al, bo):
                client.socket.sendall(b"hello\r\n" * 1000)
            server.stop(DEADLINE)
            assert "left" not in al.expect_end() + bo.expect_end()
        reasons = {console.next_disconnect().why for _ in range(2)}
        assert reasons == {"server stopping"}


class TestOnOneOfTheServersOwnThreads:
    @pytest.mark.parametrize(
        "is_wanted",
        [
            lambda happened: isinstance(happened, Named),
            lambda happened: isinstance(happened, Connected) and happened.id == 2,
            lambda happened: isinstance(happened, Say),
            lambda happened: isinstance(happened, Disconnected),
        ],
        ids=["named", "connected", "said", "disconnected"],
    )
    def test_a_clients(self, is_wanted: Callable[[object], bool]) -> None:
        stopper = Stopper(is_wanted)
        with run_server(watchers=[stopper]) as (server, _):
            stopper.server = server
            with Client(server) as al, Client(server) as bo:
                al.type("al\nhi\n/quit")
                assert stopper.has_stopped.wait(DEADLINE)
                assert "client" in stopper.stopped_on
                al.expect_end()
                bo.expect_end()
                with pytest.raises(OSError, match="refused"):
                    Client(server)

    def test_the_acceptors(self) -> None:
        stopper = Stopper(lambda happened: isinstance(happened, Refused))
        with run_server(watchers=[stopper], limits=ONE_CLIENT) as (server, _):
            stopper.server = server
            with Client(server, "al") as al, Client(server) as bo:
                assert stopper.has_stopped.wait(DEADLINE)
                assert "acceptor" in stopper.stopped_on
                al.expect("The server is stopping.")
                al.expect_end()
                bo.expect_end()

    def test_that_of_the_periodic_round(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(supervision: Supervision, now: float) -> None:
            raise RuntimeError("a bug")

        stopper = Stopper(lambda happened: isinstance(happened, Trouble))
        with run_server(watchers=[stopper]) as (server, console), Client(server, "al") as al:
            stopper.server = server
            monkeypatch.setattr(Supervision, "look", fail)
            assert stopper.has_stopped.wait(DEADLINE)
            assert "client" not in stopper.stopped_on
            al.expect("The server is stopping.")
            assert console.troubles.pop() == "looking after client #1: RuntimeError: a bug"

    def test_that_which_delivers(self) -> None:
        has_stopped = threading.Event()
        with run_server() as (server, _), Client(server, "al") as al:

            def stop() -> bool:
                server.stop(DEADLINE)
                has_stopped.set()
                return False

            assert server.chat._deliverer.take_over(stop)
            assert has_stopped.wait(DEADLINE)
            al.expect("The server is stopping.")

    def test_that_which_sends_to_slow_clients(self) -> None:
        has_stopped = threading.Event()
        with run_server() as (server, _), Client(server, "al") as al:

            def stop() -> None:
                server.stop(DEADLINE)
                has_stopped.set()

            server.flusher._requests.append(stop)
            server.flusher._alarm.wake()
            assert has_stopped.wait(DEADLINE)
            al.expect("The server is stopping.")

    def test_several_at_once_do_not_wait_for_each_other(self) -> None:
        # Each client's thread asks for a stop, and none ends before its stop has returned.
        meeting = threading.Barrier(4)
        returned = threading.Semaphore(0)

        class All:
            server: ChatServer

            def note(self, event: Event) -> None:
                if isinstance(event, Named):
                    meeting.wait(DEADLINE)
                    self.server.stop(10 * DEADLINE)
                    returned.release()

            def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
                pass

        everybody = All()
        with run_server(watchers=[everybody]) as (server, _):
            everybody.server = server
            clients = [Client(server) for _ in range(4)]
            for number, client in enumerate(clients):
                client.type(f"n{number}")
            for _ in clients:
                assert returned.acquire(timeout=DEADLINE)
            for client in clients:
                client.expect_end()
                client.close()

    def test_a_countdown_for_which_there_is_no_thread(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start = threading.Thread.start

        def start_unless_countdown(thread: threading.Thread) -> None:
            if "countdown" in thread.name:
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", start_unless_countdown)
        with run_server() as (server, console), Client(server, "al") as al:
            server.chat.names.find("al").is_operator = True
            al.type("/stop 60")
            al.expect("The server is stopping.")
            assert console.next_disconnect().why == "server stopping"
            al.expect_end()
            wait_until(lambda: not server.clients.threads(), "the client's thread has ended")


class Held:
    """Holds up the work of a stop until it is let go of."""

    def __init__(self, server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_at_work = threading.Event()
        self.may_go_on = threading.Event()
        hush = server.chat.hush

        def wait() -> None:
            self.is_at_work.set()
            assert self.may_go_on.wait(DEADLINE)
            hush()

        monkeypatch.setattr(server.chat, "hush", wait)


class TestTwice:
    def test_the_second_returns_once_the_server_has_stopped(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with run_server() as (server, _), Client(server, "al"):
            held = Held(server, monkeypatch)

            def stop_second() -> None:
                assert held.is_at_work.wait(DEADLINE)
                threading.Timer(0.0, held.may_go_on.set).start()
                server.stop(DEADLINE)
                assert held.may_go_on.is_set()
                assert not server.clients.threads()

            run_concurrently([server.stop, stop_second])

    def test_it_waits_no_longer_than_its_own_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with run_server() as (server, _), Client(server, "al"):
            held = Held(server, monkeypatch)

            def stop_impatiently() -> None:
                assert held.is_at_work.wait(DEADLINE)
                server.stop(0.01)
                assert not held.may_go_on.is_set()
                held.may_go_on.set()

            run_concurrently([server.stop, stop_impatiently])
            assert not server.clients.threads()

    def test_one_that_fails_leaves_none_waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> None:
            raise RuntimeError("a bug")

        with run_server() as (server, console), Client(server, "al") as al:
            monkeypatch.setattr(server.chat, "hush", fail)
            with pytest.raises(RuntimeError, match="a bug"):
                server.stop()
            server.stop(DEADLINE)
            al.expect("The server is stopping.")
            assert console.next_disconnect().why == "server stopping"

    def test_of_two_at_once_one_is_the_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        section = Section()
        stops: list[float] = []

        class Slow(threading.Event):
            def is_set(self) -> bool:
                was_set = super().is_set()
                section.visit()
                return was_set

        def note(timeout: float) -> None:
            stops.append(timeout)
            stop(timeout)

        server = ChatServer(("127.0.0.1", 0))
        stop = server._stop
        monkeypatch.setattr(server, "stopping", Slow())
        monkeypatch.setattr(server, "_lock", section)
        monkeypatch.setattr(server, "_stop", note)
        enter_one_by_one(section, [server.stop, server.stop])
        assert len(stops) == 1
