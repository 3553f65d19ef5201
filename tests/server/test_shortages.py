"""Let the system run out of what a server needs, and see that nobody inside notices (promise 8)."""

import contextlib
import errno
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.test_program import _ENVIRONMENT, Program, running
from tests.support.clients import Client
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.cli import export
from threadchat.net import sendqueue
from threadchat.net.sendqueue import Flusher
from threadchat.server import listener
from threadchat.session.supervision import Supervision
from threadchat.testing import DEADLINE

resource = pytest.importorskip("resource", reason="there are no limits to set here")
needs_prlimit = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="no limit of another process can be set here"
)


def chat_goes_on(one: Client, other: Client) -> None:
    """Have two people speak and act, with letters that the server has not seen before."""
    for line in ("hi", "/me waves", "na\u00efve \u6f22\u5b57 \U0001f600"):
        one.type(line)
        other.expect(line.removeprefix("/me ") + "\r\n")
    one.type(f"/msg {other.name} psst")
    other.expect(f"[{one.name} -> you] psst\r\n")
    one.type("/join games\n/last\n/search waves\n/who\n/leave")
    one.expect("=== You are in lobby.\r\n")
    other.expect(f"--> {one.name} joined")
    for charset in ("cp850", "cp437", "cp1251", "utf-8"):
        one.type(f"/charset {charset}")
        one.expect(f"=== Your charset is {charset} now.")
    other.sync()
    one.sync()


class TestDescriptors:
    @needs_prlimit
    def test_who_comes_is_told_and_nobody_inside_notices(self, tmp_path: Path) -> None:
        files = ("--history", str(tmp_path / "chat.db"), "--log-file", str(tmp_path / "log"))
        with (
            running("--port", "0", *files) as program,
            Client(program, "al") as al,
            Client(program, "bo") as bo,
            contextlib.ExitStack() as crowd,
        ):
            resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE, (64, 4096))
            inside = 0
            while is_greeted(crowd.enter_context(Client(program))):
                inside += 1
                assert inside < 64
            assert not any(is_greeted(crowd.enter_context(Client(program))) for _ in range(20))
            chat_goes_on(al, bo)
            al.type("/charset gb18030")  # Python would have to open a file for it
            al.expect("!!! gb18030 is not known here.")
            crowd.close()
            bo.sync()
            # Their descriptors are free again as soon as their threads have seen that they went.
            wait_until(lambda: can_enter(program, "cy"), "there is room for one more")
            assert program.signal_and_wait(signal.SIGTERM) == 0
            program.read_until("server stopped")
        assert count_of("cannot accept anybody for now: Too many open files", program) == 1
        assert count_of("clients are accepted again", program) == 1
        assert count_of("problem ", program) == 2

    def test_without_any_at_all_accepting_rests_in_between(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries = []
        accept = socket.socket.accept

        def accept_or_fail(sock: socket.socket) -> Any:
            tries.append(sock)
            if shortage:
                raise OSError(errno.ENFILE, "Too many open files in system")
            return accept(sock)

        shortage: list[bool] = []
        monkeypatch.setattr(socket.socket, "accept", accept_or_fail)
        # Longer than any test: only the stop, or the test, ends the pause.
        monkeypatch.setattr(listener, "_PAUSE_IN_SHORTAGE", 10 * DEADLINE)
        with (
            run_server() as (server, console),
            Client(server, "al") as al,
            Client(server, "bo") as bo,
        ):
            del tries[:]
            shortage.append(True)
            with Client(server) as late:
                wait_until(lambda: bool(console.troubles), "the operator is told")
                chat_goes_on(al, bo)
                assert len(tries) == 2  # and one with the reserve
                shortage.clear()
                server._shortage_ends.set()
                late.expect("Your name: ")
            server._shortage_ends.clear()
            assert console.troubles == [
                "cannot accept anybody for now: Too many open files in system",
                "clients are accepted again",
            ]
            console.troubles.clear()

    def test_a_stop_ends_the_rest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(sock: socket.socket) -> Any:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(socket.socket, "accept", fail)
        monkeypatch.setattr(listener, "_PAUSE_IN_SHORTAGE", 10 * DEADLINE)
        with run_server() as (server, console), Client(server):
            wait_until(lambda: bool(console.troubles), "the operator is told")
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            stopper.join(DEADLINE)
            assert not stopper.is_alive()
            console.troubles.clear()


def is_greeted(client: Client) -> bool:
    """Return whether a client got in; if not, it was told so, or closed."""
    while data := client.socket.recv(4096):
        client._received += data
        if b"Your name: " in client.received:
            return True
    assert client.received in (
        b"",
        b"!!! The server is out of connections. Please try again later.\r\n",
    )
    return False


def can_enter(program: Program, name: str) -> bool:
    with Client(program) as client:
        if not is_greeted(client):
            return False
        client.type(name)
        client.sync()
        return True


def count_of(words: str, program: Program) -> int:
    return sum(words in line for line in program.output)


class TestThreads:
    def test_who_comes_is_told_and_nobody_inside_notices(
        self, watched: tuple[ChatServer, WatchingConsole], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server, console = watched
        with Client(server, "al") as al, Client(server, "bo") as bo:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", fail_to_start)
                for _ in range(3):
                    with Client(server) as unlucky:
                        assert unlucky.expect_end() == (
                            "!!! The server is out of threads. Please try again later.\r\n"
                        )
                chat_goes_on(al, bo)
                assert console.troubles == ["cannot serve another client for now: out of threads"]
            for name in ("cy", "dan"):
                with Client(server, name) as lucky:
                    lucky.type("hi")
                    al.expect(f"{name}: hi")
        assert console.troubles[1:] == ["clients are served again: there are threads for them"]
        console.troubles.clear()


def fail_to_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


class TestMemory:
    def test_a_queue_for_which_there_is_none_ends_its_client_alone(
        self, watched: tuple[ChatServer, WatchingConsole], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class NoRoom(bytearray):
            def __iadd__(self, data: object) -> Any:
                raise MemoryError

        server, console = watched
        monkeypatch.setattr(sendqueue, "bytearray", NoRoom, raising=False)
        with (
            Client(server, "stuck", receive_buffer=2048),
            Client(server, "al") as al,
            Client(server, "bo") as bo,
        ):
            while console.disconnects.empty():
                al.type("x" * 4000)
                bo.expect("x" * 4000)
            disconnect = console.next_disconnect()
            assert (disconnect.name, disconnect.why) == ("stuck", "no memory for its queue")
            chat_goes_on(al, bo)

    def test_accepting_goes_on_after_it(
        self, watched: tuple[ChatServer, WatchingConsole], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server, console = watched
        fails_once = iter([True])

        def act(server: ChatServer) -> None:
            if next(fails_once, False):
                raise MemoryError
            service_actions(server)

        service_actions = ChatServer.service_actions
        monkeypatch.setattr(ChatServer, "service_actions", act)
        wait_until(lambda: bool(console.troubles), "the operator is told")
        with Client(server, "al"):
            pass
        assert console.troubles == [
            "cannot accept anybody for now: out of memory",
            "clients are accepted again",
        ]
        console.troubles.clear()

    @pytest.mark.usefixtures("small_buffers")
    def test_so_does_sending_to_those_who_are_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fails_once = iter([True])
        go_round = Flusher._go_round

        def act(flusher: Flusher) -> None:
            if next(fails_once, False):
                raise MemoryError
            go_round(flusher)

        monkeypatch.setattr(Flusher, "_go_round", act)
        with (
            run_server() as (server, console),
            Client(server, "slow", receive_buffer=2048) as slow,
            Client(server, "al") as al,
        ):
            while not server.stats().queued:
                al.type("x" * 4000)
                al.sync()
            al.type("That was all.")
            slow.expect("That was all.")
            assert console.troubles == ["sending to slow clients: MemoryError: "]
            console.troubles.clear()

    def test_one_who_cannot_be_looked_after_does_not_keep_the_others_from_it(
        self, watched: tuple[ChatServer, WatchingConsole], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server, console = watched
        looked_after = []

        def look(supervision: Supervision, now: float) -> None:
            name = supervision._connection.person.name
            if name == "al":
                raise MemoryError
            looked_after.append(name)

        with Client(server, "al"), Client(server, "bo"):
            monkeypatch.setattr(Supervision, "look", look)
            server._look_after_all()
            assert "bo" in looked_after
            monkeypatch.undo()
        assert set(console.troubles) == {"looking after client #1: MemoryError: "}
        console.troubles.clear()


@needs_prlimit
def test_a_full_disk_costs_nothing_but_memory(tmp_path: Path) -> None:
    history, log, shown = tmp_path / "chat.db", tmp_path / "log.jsonl", tmp_path / "shown"
    options = ("--history", str(history), "--log-file", str(log), "--log-messages")
    with running_into(shown, "--port", "0", *options) as program:
        with Client(program, "al") as al, Client(program, "bo") as bo:
            al.type("before")
            bo.expect("al: before\r\n")
            set_disk(program, 1)
            al.type("meanwhile")
            bo.expect("al: meanwhile\r\n")
            chat_goes_on(al, bo)
            with Client(program, "cy") as cy:
                cy.sync()
            bo.expect("<-- cy left")
            set_disk(program, resource.RLIM_INFINITY)
            wait_until(
                lambda: (
                    " the disk was full" in shown.read_text()
                    and "history is written again; nothing is lost" in shown.read_text()
                    and "log file is written again" in shown.read_text()
                ),
                "all of it is written again",
            )
            al.type("afterwards")
            bo.expect("al: afterwards\r\n")
        assert program.signal_and_wait(signal.SIGTERM) == 0
    lines = shown.read_text()
    assert lines.count("the history cannot be written") == 1
    assert lines.count("log.jsonl cannot be written") == 1
    assert len(re.findall(r"client named +#\d cy\n", lines)) == 1
    assert len(re.findall(r"client disconnected +#\d cy ", lines)) == 1
    assert "server stopped" in lines
    events = [json.loads(line) for line in log.read_text().splitlines()]
    said = [event["text"] for event in events if event["event"] == "say"]
    assert [said[0], said[1], said[-1]] == ["before", "meanwhile", "afterwards"]
    assert [event["name"] for event in events if event["event"] == "named"] == ["al", "bo", "cy"]
    assert export.main([str(history)]) == 0


@contextlib.contextmanager
def running_into(file: Path, *arguments: str) -> Iterator[Program]:
    """Run `python -m threadchat` with `file` as its standard output."""
    with file.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "threadchat", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            text=True,
        )
    with process:
        program = Program(process)
        bound = re.compile(r"server bound .*:(\d+)")
        try:
            wait_until(lambda: bool(bound.search(file.read_text())), "it listens")
            found = bound.search(file.read_text())
            assert found
            program.server_address = ("127.0.0.1", int(found[1]))
            yield program
        finally:
            process.kill()


def set_disk(program: Program, room: int) -> None:
    """Let no file of `program` grow past so many bytes."""
    resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
