"""The figures of a server: by door, by reason, of the history and the log, and that none falls."""

import sqlite3
import string
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.net.test_tls import DATA, Files, client_context
from tests.server.test_tls_server import Port, TlsClient
from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.pages import Page
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from threadchat import ChatServer, EventLog
from threadchat.access.bans import parse_target
from threadchat.access.limits import parse_allowed
from threadchat.messages.kinds import Spoken
from threadchat.monitoring.stats import Keeping
from threadchat.monitoring.tally import BOUNDS
from threadchat.net.certificate import Certificate
from threadchat.net.disconnect import Reason
from threadchat.server.figures import Figures
from threadchat.storage.history import History
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import UNLIMITED


def counted(numbers: Mapping[str, int]) -> dict[str, int]:
    """Return those that are not 0."""
    return {what: number for what, number in numbers.items() if number}


class TestDoors:
    def test_each_person_and_connection_counts_at_its_own(self) -> None:
        files = Files(str(DATA / "certificate.pem"), str(DATA / "key.pem"))
        tls, anywhere = Certificate(*files), ("127.0.0.1", 0)
        with (
            run_server(web_address=anywhere, tls=tls, tls_address=anywhere) as (server, _),
            Client(server, "al"),
            Client(server) as nameless,
            Page(server, "cy"),
            ExitStack() as rest,
        ):
            assert server.tls_listener is not None
            port = Port(server.tls_listener.server_address)
            rest.enter_context(TlsClient(port, client_context(files), "bo"))
            nameless.expect("Your name: ")
            server.add_member("bot", lambda member, message: None)
            now = server.stats()
            assert now.people_by_door == {
                "terminal": 1,
                "TLS": 1,
                "browser": 1,
                "browser TLS": 0,
                "program": 1,
            }
            assert counted(now.connections_by_door) == {"terminal": 2, "TLS": 1, "browser": 1}
            assert (now.people, now.connections, now.browsers) == (4, 4, 1)

    def test_a_seat_that_is_kept_counts_at_the_door_of_its_page(self) -> None:
        with (
            run_server(web_address=("127.0.0.1", 0)) as (server, console),
            Page(server, "al") as al,
        ):
            al.cut()
            wait_until(lambda: "connection lost" in console.file.getvalue(), "it is noticed")
            now = server.stats()
            assert counted(now.people_by_door) == {"browser": 1}
            assert counted(now.connections_by_door) == {"browser": 1}

    def test_somebody_that_has_come_a_moment_ago_counts_at_theirs(self) -> None:
        # The clients were listed before this one was among them, the rooms after it had joined.
        figures = Figures(lambda: 0.0, [])

        class Somebody:
            def __init__(self, door: str) -> None:
                self.connection = SimpleNamespace(door=door) if door else None

        people = [Somebody("TLS"), Somebody(""), object()]
        room = SimpleNamespace(members=people, pending=0)
        nobody: Any = SimpleNamespace(handlers=list, count_bytes=lambda: (0, 0), strangers=0)
        chat: Any = SimpleNamespace(rooms=lambda: [room], history_state=None)
        now = figures.snapshot(chat, nobody, nobody, None)
        assert counted(now.people_by_door) == {"TLS": 1, "program": 2}


class TestReasons:
    def test_each_end_counts_by_its_reason(self) -> None:
        with run_server() as (server, console):
            with Client(server, "al") as al:
                al.type("/quit see you, bo")
                al.expect_end()
            with Client(server, "bo") as bo:
                bo.reset()
            with Client(server) as foreign:
                foreign.send(b"GET / HTTP/1.1\r\n\r\n")
                foreign.expect_end()
            server.add_member("bot", lambda member, message: None).leave("bye al")
            for _ in range(4):
                console.next_disconnect()
            ends = counted(server.stats().ends)
            assert ends.pop(Reason.QUIT) == 2
            assert ends == {Reason.RESET: 1, Reason.NOT_A_CHAT_CLIENT: 1}

    @pytest.mark.parametrize(
        ("command", "reason"),
        [
            ("/kick bo", Reason.KICKED),
            ("/kick bo by me: too loud", Reason.KICKED),
            ("/ban bo", Reason.BANNED),
            ("/ban bo 2h flooding", Reason.BANNED),
        ],
    )
    def test_an_end_by_an_operator_counts_by_its_reason(self, command: str, reason: Reason) -> None:
        with run_server() as (server, console), Client(server, "al") as al:
            server.chat.names.find("al").is_operator = True
            with Client(server, "bo") as bo:
                al.type(command)
                bo.expect_end()
                console.next_disconnect()
                assert counted(server.stats().ends) == {reason: 1}

    def test_an_end_by_a_program_with_words_of_its_own_names_nobody(self) -> None:
        with run_server() as (server, console), Client(server, "al") as al:
            (handler,) = server.clients.handlers()
            handler.client.end("al is out", "Out!")
            al.expect_end()
            console.next_disconnect()
            assert counted(server.stats().ends) == {"other": 1}

    @contextmanager
    def refusing(self, **limits: Any) -> Iterator[ChatServer]:
        with run_server(limits=replace(UNLIMITED, **limits), web_address=("127.0.0.1", 0)) as (
            server,
            console,
        ):
            yield server
            console.troubles.clear()

    @pytest.mark.parametrize(
        ("limits", "why"),
        [
            ({"max_clients": 1}, "the room is full"),
            ({"max_per_address": 1}, "too many connections from there"),
            ({"max_connects": 1}, "too many new connections from there"),
        ],
    )
    def test_each_refusal_counts_by_its_reason_at_each_door(
        self, limits: dict[str, int], why: str
    ) -> None:
        with self.refusing(**limits) as server, Client(server, "al"):
            for _ in range(3):
                with Client(server) as unlucky:
                    unlucky.expect_end()
            with Page(server) as page:
                page.code()
            assert counted(server.stats().refusals) == {why: 4}
            assert counted(server.stats().ends) == {}

    def test_so_do_those_that_are_banned(self) -> None:
        with self.refusing() as server:
            server.chat.records.ban(parse_target("127.0.0.0/8"), "cy", "flooding")
            with Client(server) as unlucky:
                unlucky.expect_end()
            assert counted(server.stats().refusals) == {"banned": 1}

    def test_and_those_that_are_not_served(self) -> None:
        with self.refusing(allowed=parse_allowed(["192.0.2.0/24"])) as server:
            with Client(server) as stranger:
                stranger.expect_end()
            assert counted(server.stats().refusals) == {"address not served": 1}
            assert server.stats().strangers == 1

    def test_and_those_for_which_there_is_no_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def cannot_start(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with self.refusing() as server:
            assert server.web_listener is not None
            with monkeypatch.context() as patch, ExitStack() as clients:
                patch.setattr(threading.Thread, "start", cannot_start)
                for door in (server, server.web_listener):
                    clients.enter_context(Client(cast(ChatServer, door))).expect_end()
            assert counted(server.stats().refusals) == {"out of threads": 2}

    def test_and_those_for_which_there_is_no_descriptor(self) -> None:
        with self.refusing() as server:
            assert server.web_listener is not None
            for door in (server, server.web_listener):
                with Client(cast(ChatServer, door)) as client:
                    request = client.socket.dup()
                    door.turn_away(request, ("127.0.0.1", 1))
            wait_until(lambda: server.stats().connections == 0, "they are gone")
            assert counted(server.stats().refusals) == {"out of connections": 2}


class TestHistoryAndLog:
    def test_a_history_that_cannot_be_written_shows(self, tmp_path: Path) -> None:
        path = tmp_path / "chat.db"
        history = StoredHistory(path, lambda words: None, retry_seconds=0.01)
        with run_server(history=history) as (server, _), Client(server, "al") as al:
            assert server.stats().history == Keeping(True, 0, 0)
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                al.type("hi")
                al.sync()
                assert server.stats().history == Keeping(False, 1, 0)
                other.execute("ROLLBACK")
            wait_until(lambda: server.stats().history == Keeping(True, 0, 0), "it is written")

    def test_without_a_file_there_is_nothing_of_that(self) -> None:
        with run_server() as (server, _):
            assert server.stats().history is None

    def test_lines_that_the_log_lacks_are_counted(self, tmp_path: Path) -> None:
        log = EventLog(tmp_path / "log.jsonl", lambda words: None, messages=True, limit=0)
        with run_server(watchers=[log]) as (server, _), Client(server, "al") as al:
            al.type("hi")
            al.sync()
            wait_until(lambda: server.stats().left_out > 0, "something is left out")
        log.close()


def test_the_time_of_a_batch_has_the_commit_in_it() -> None:
    clock = Clock(5000.0)

    class Slow(History):
        def append(self, room: str, batch: Sequence[Spoken]) -> None:
            clock.now += 0.5
            super().append(room, batch)

    with run_server(clock=clock, history=Slow()) as (server, _), Client(server, "al") as al:
        for _ in range(2):
            al.type("hi")
            al.sync()
        wait_until(lambda: sum(server.stats().batches.counts) == 3, "all are counted")
        batches = server.stats().batches
        assert batches.seconds == 1.0
        # The join took no time, on a clock that stands still.
        assert dict(zip((*BOUNDS, None), batches.counts, strict=True)) == {
            **dict.fromkeys((*BOUNDS, None), 0),
            BOUNDS[0]: 1,
            1.0: 2,
        }


class TestBytes:
    def test_they_never_become_fewer(self) -> None:
        figures = Figures(lambda: 0.0, [])
        totals = iter([(5, 50), (3, 60), (9, 40)])
        clients: Any = SimpleNamespace(count_bytes=lambda: next(totals))
        assert [figures._bytes(clients) for _ in range(3)] == [(5, 50), (5, 60), (9, 60)]

    def test_a_page_that_comes_back_loses_none(self) -> None:
        with run_server(web_address=("127.0.0.1", 0)) as (server, _), Page(server, "al") as al:
            # Of random letters, as a page may compress what it sends.
            al.type("".join(Random(1).choices(string.ascii_letters, k=3000)))
            at = al.expect("say")["position"]
            before = server.stats()
            with Page(server, resumes=True) as again:
                key = al.session["key"]
                again.send("resume", key=key, room="lobby", position=at, private=0)
                again.expect("session", name="al")
                after = server.stats()
                assert after.received > before.received > 2000
                assert after.sent > before.sent > 2000
