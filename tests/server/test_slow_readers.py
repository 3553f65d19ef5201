"""Have clients read nothing while others talk: it costs them their place, and nobody anything."""

import contextlib
import time
from collections import Counter

import pytest

from tests.server import slow_reader_figures
from tests.support.clients import Client
from tests.support.servers import WatchingConsole
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.messages.kinds import Say
from threadchat.monitoring.stats import resident_memory
from threadchat.net.sendqueue import MAX_QUEUED

MANY = 200
LINE = "x" * 4000


@pytest.mark.usefixtures("small_buffers")
def test_many_who_read_nothing_are_ended_in_bounded_memory(
    watched: tuple[ChatServer, WatchingConsole],
) -> None:
    # Promise 3.
    server, console = watched
    with (
        Client(server, "al") as al,
        Client(server, "bo") as bo,
        contextlib.ExitStack() as stack,
    ):
        for number in range(MANY):
            stack.enter_context(Client(server, f"stuck{number}", receive_buffer=2048))
        before = resident_memory()
        rounds = longest = most = 0
        while console.disconnects.qsize() < MANY:
            al.type(f"{rounds} {LINE}")
            bo.expect(f"al: {rounds} {LINE}\r\n")  # each line, in its order
            stats = server.stats()
            longest, most = max(longest, stats.longest_queue), max(most, stats.queued)
            rounds += 1
            assert rounds < 10 * MAX_QUEUED / len(LINE)
        reasons = Counter(console.next_disconnect().why for _ in range(MANY))
        assert reasons == {"too slow": MANY}
        one_batch = 2 * len(LINE) + 100 * MANY  # of lines, and of people who left together
        assert MAX_QUEUED <= longest < MAX_QUEUED + one_batch
        assert most < MANY * (MAX_QUEUED + one_batch)
        if before is not None:
            after = resident_memory()
            assert after is not None
            assert after.size - before.size < 2 * MANY * MAX_QUEUED
        bo.type("Still here.")
        al.expect("bo: Still here.\r\n")


@pytest.mark.usefixtures("small_buffers")
def test_who_asks_for_much_and_reads_all_the_time_is_not_ended(
    watched: tuple[ChatServer, WatchingConsole],
) -> None:
    server, _ = watched
    server._history.append("lobby", [Say("bo", LINE, time.time()) for _ in range(100)])
    with Client(server, "al", receive_buffer=2048) as al:
        al.expect("=== From here on it is live.\r\n")
        al.forget()
        for _ in range(12):
            al.type("/last 200")
        wait_until(lambda: server.stats().queued > 0, "more is sent than the client takes at once")
        for _ in range(12):
            al.expect("=== That was it. From here on it is live.\r\n")
            al.forget()
        al.type("/who")
        al.expect("=== 1 person is here: al.\r\n")


@pytest.mark.slow
def test_the_figures_can_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--people 10 --rate 800 --seconds 0.5 --rounds 1".split()
    slow_reader_figures.main(options)
    shown = capsys.readouterr().out
    assert "ratio" in shown.splitlines()[-1]
    assert shown.count("p99") == 3
