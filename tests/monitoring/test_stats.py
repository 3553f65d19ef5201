"""Test what is measured of a server, to the figure, and how it is shown."""

import io
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import rich.console

from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.servers import run_server
from tests.support.waiting import run_concurrently, wait_until
from threadchat.monitoring.linkstate import LinkState
from threadchat.monitoring.stats import (
    Keeping,
    Memory,
    Snapshot,
    line,
    lines,
    resident_memory,
    table,
)
from threadchat.monitoring.tally import WINDOW, BatchTimes
from threadchat.server.chatserver import ChatServer


class TestMemory:
    @pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells that")
    def test_linux_tells_what_it_is_now(self) -> None:
        before = resident_memory()
        ballast = os.urandom(64 << 20)
        after = resident_memory()
        assert before is not None
        assert after is not None
        assert not after.is_peak
        assert after.size - before.size > len(ballast) // 2

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
    def test_elsewhere_it_is_the_peak(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = resident_memory()

        def no_such_file(path: Path) -> bytes:
            raise FileNotFoundError(path)

        monkeypatch.setattr(Path, "read_bytes", no_such_file)
        peak = resident_memory()
        assert now is not None
        assert peak is not None
        assert peak.is_peak
        assert now.size // 2 < peak.size < 1000 * now.size
        if sys.platform == "linux":  # which tells it in KiB
            assert peak.size % 1024 == 0

    def test_windows_does_not_tell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "platform", "win32")
            memory = resident_memory()
        assert memory is None


class TestOfAServer:
    def test_what_people_did_is_counted_to_the_figure(self) -> None:
        clock = Clock(1000.0)
        begin = time.time()
        with run_server(clock=clock) as (server, _), Client(server, "al") as al:
            al.sync()  # otherwise al's own joining might be counted later
            clock.now = 1001.0
            with Client(server, "bo") as bo, Client(server) as nameless:
                nameless.expect("Your name: ")
                al.expect("--> bo joined (2 here)\r\n")
                for number in range(8):
                    al.type(f"line {number}")
                bo.expect("line 7\r\n")
                bo.type("/join games")
                al.expect("<-- bo left")
                bo.sync()
                al.sync()
                # A batch is counted once it has been handed to all, which may be a moment later.
                wait_until(lambda: server.stats().messages >= 12, "all has been counted")
                clock.now = 1011.0
                now = server.stats()
                assert begin <= now.since <= time.time()
                assert now.seconds == 11.0
                assert (now.people, now.connections, now.rooms) == (2, 3, 2)
                # Two joins, eight lines, one leave, and one join of another room.
                assert (now.messages, now.messages_per_second) == (12, 11 / WINDOW)
                # A person that came first into a room, here or there, had nobody to be shown to.
                assert (now.deliveries, now.deliveries_per_second) == (10, 10 / WINDOW)
                commands = "al\n/sync\nbo\n/join games\n/sync\n/sync\n"
                assert now.received == len(commands) + 8 * len("line 0\n")
                assert now.sent == sum(len(each.received) for each in (al, bo, nameless))
                assert (now.queued, now.longest_queue, now.pending) == (0, 0, 0)

    def test_the_bytes_of_those_who_are_gone_still_count(self, server: ChatServer) -> None:
        received = b""
        for name in ("al", "bo"):
            with Client(server, name) as client:
                client.type("/quit")
                client.expect_end()
                received += client.received
        wait_until(lambda: server.stats().connections == 0, "both are gone")
        now = server.stats()
        assert now.received == len("al\n/quit\nbo\n/quit\n")
        assert now.sent == len(received)
        assert (now.people, now.rooms) == (0, 1)

    def test_what_somebody_does_not_take_is_queued(self, server: ChatServer) -> None:
        with Client(server, "stuck", receive_buffer=2048), Client(server, "al") as al:
            while not server.stats().queued:
                al.type("x" * 4000)
                al.sync()
            now = server.stats()
            assert 0 < now.queued == now.longest_queue

    def test_any_thread_may_ask_while_people_come_and_go(self, server: ChatServer) -> None:
        typed = [0] * 4

        def come_and_go(number: int) -> None:
            for _ in range(10):
                with Client(server, f"n{number}") as client:
                    client.type("/quit")
                    client.expect_end()
                typed[number] += len(f"n{number}\n/quit\n")

        def look() -> None:
            before = 0
            for _ in range(50):
                received = server.stats().received
                # A client that leaves is counted exactly once, at every moment.
                assert before <= received <= 4 * 10 * len("n0\n/quit\n")
                before = received

        actions: list[Callable[[], None]] = [partial(come_and_go, number) for number in range(4)]
        run_concurrently([*actions, look, look])
        wait_until(lambda: server.stats().connections == 0, "all are gone")
        assert server.stats().received == sum(typed)

    def test_it_may_be_asked_before_the_start_and_after_the_stop(self) -> None:
        with ChatServer(("127.0.0.1", 0)) as server:
            assert server.stats().connections == 0
        assert server.stats().rooms == 1


SNAPSHOT = Snapshot(
    since=time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, -1)),
    seconds=7500.0,
    people_by_door={"terminal": 11, "browser": 1},
    connections_by_door={"terminal": 11, "browser": 1, "browser TLS": 1},
    rooms=3,
    messages=10_234,
    messages_per_second=4.25,
    deliveries=510_234,
    deliveries_per_second=1050.04,
    posts=6,
    received=1023,
    sent=5 * 1024**2 // 2,
    queued=3 * 1024,
    longest_queue=2048,
    behind=2,
    pending=1,
    batches=BatchTimes(),
    refusals={"address not served": 3, "banned": 5},
    ends={},
    history=None,
    left_out=0,
    threads=17,
    memory=Memory(3 * 1024**3),
)


class TestShowing:
    LINES = (
        "up since    2026-11-23 12:00:00 (2 h 5 min)",
        "people      12 (13 connections, 2 browsers)",
        "rooms       3",
        "messages    10,234 (4.2 a second)",
        "deliveries  510,234 (1,050.0 a second)",
        "bytes       1023 B in, 2.5 MiB out",
        "queues      3.0 KiB to be taken (the longest: 2.0 KiB), 1 message to be delivered",
        "strangers   3 not let in",
        "threads     17",
        "memory      3.0 GiB",
    )

    def test_in_lines(self) -> None:
        assert lines(SNAPSHOT) == list(self.LINES)

    def test_a_peak_is_called_one_and_what_is_unknown_is_left_out(self) -> None:
        peak = lines(replace(SNAPSHOT, memory=Memory(5 * 1024, is_peak=True)))
        assert peak[-1] == "peak memory 5.0 KiB"
        assert lines(replace(SNAPSHOT, memory=None)) == list(self.LINES[:-1])

    @pytest.mark.parametrize(
        ("history", "words"),
        [
            (Keeping(True, 0, 0), "written"),
            (Keeping(False, 1, 0), "not written, 1 message in memory until it can be"),
            (
                Keeping(False, 9, 3),
                "not written, 9 messages in memory until it can be; 3 messages lost",
            ),
            (Keeping(True, 0, 1), "written; 1 message lost"),
        ],
    )
    def test_a_history_file_and_what_the_log_file_lacks(self, history: Keeping, words: str) -> None:
        shown = lines(replace(SNAPSHOT, history=history, left_out=2))
        assert shown[:8] == list(self.LINES[:8])
        assert shown[8:10] == [f"history     {words}", "log file    lacks 2 lines"]
        assert shown[10:] == list(self.LINES[8:])

    @pytest.mark.parametrize(
        ("link", "words"),
        [
            (
                LinkState("office", [("b:1", 2), ("c:1", 1_000)], True, "", 0.0012, 0),
                "linked to 2 servers as office: b:1 (2), c:1 (1,000); 0 B to be put in order;"
                " lines take 1.2 ms",
            ),
            (
                LinkState("office", [], False, "refused", None, 2048),
                "no link as office: refused; 2.0 KiB to be put in order",
            ),
            (
                LinkState("office", [], True, "", None, 0),
                "linked to 0 servers as office; 0 B to be put in order",
            ),
        ],
    )
    def test_a_link_with_other_servers(self, link: LinkState, words: str) -> None:
        linked = replace(SNAPSHOT, link=link)
        assert lines(linked)[8] == f"link        {words}"
        assert f" | {words.partition(':')[0].partition(';')[0]} | " in line(linked)

    def test_in_a_table(self) -> None:
        file = io.StringIO()
        rich.console.Console(file=file, width=120).print(table(SNAPSHOT))
        title, *rows = file.getvalue().splitlines()
        assert title.strip() == "threadchat"
        shown = [" ".join(row.strip("│ ").replace("│", "").split()) for row in rows[1:-1]]
        assert shown == [" ".join(each.split()) for each in self.LINES]

    def test_a_narrow_table_cuts_nothing_off(self) -> None:
        file = io.StringIO()
        rich.console.Console(file=file, width=20).print(table(SNAPSHOT))
        assert "…" not in file.getvalue()
        assert len(table(SNAPSHOT).columns) == 2

    @pytest.mark.parametrize(
        ("number", "words"),
        [
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1024**2 - 1, "1,024.0 KiB"),
            (1024**2, "1.0 MiB"),
            (1024**3, "1.0 GiB"),
            (1024**4, "1,024.0 GiB"),
        ],
    )
    def test_bytes_have_the_largest_unit_that_is_not_larger(self, number: int, words: str) -> None:
        assert f" | {words} in | " in line(replace(SNAPSHOT, received=number))

    def test_nobody_refused_is_no_stranger(self) -> None:
        assert replace(SNAPSHOT, refusals={}).strangers == 0

    def test_in_one_line(self) -> None:
        assert line(SNAPSHOT) == (
            "12 people in 3 rooms | 4.2 messages/s | 1,050.0 deliveries/s | 3.0 KiB queued"
            " | 1023 B in | 2.5 MiB out | 17 threads | 3.0 GiB | up 2 h 5 min"
        )

    def test_one_is_one(self) -> None:
        one = replace(SNAPSHOT, people_by_door={"TLS": 1}, rooms=1, threads=1, memory=None)
        assert line(one).startswith("1 person in 1 room | ")
        assert line(one).endswith(" | 1 thread | up 2 h 5 min")
