"""Who gets a seat and a thread, and how all others are turned away."""

import contextlib
import re
import socket
import threading
from dataclasses import replace

import pytest

from tests.net.test_tls import DATA
from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.pages import Page
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.access.bans import parse_target
from threadchat.access.limiter import RefusedFor
from threadchat.access.limits import parse_allowed
from threadchat.net.certificate import Certificate
from threadchat.testing import DEADLINE, UNLIMITED


@pytest.mark.parametrize("limit", [1, 3])
def test_one_more_than_the_room_holds_is_told_so(limit: int) -> None:
    with (
        run_server(limits=replace(UNLIMITED, max_clients=limit)) as (server, _),
        contextlib.ExitStack() as stack,
    ):
        for number in range(limit):
            stack.enter_context(Client(server, f"n{number}"))
        with Client(server) as late:
            assert late.expect_end() == (
                f"!!! The room is full: it holds {limit}. Please try again later.\r\n"
            )


def test_a_place_is_free_as_soon_as_somebody_has_quit() -> None:
    with run_server(limits=replace(UNLIMITED, max_clients=1)) as (server, _):
        for _ in range(5):
            with Client(server, "al") as al:
                al.type("/quit")
                al.expect_end()


def test_a_crowd_before_a_full_room_is_turned_away_without_a_thread_each() -> None:
    with (
        run_server(limits=replace(UNLIMITED, max_clients=1)) as (server, console),
        Client(server, "al"),
        contextlib.ExitStack() as stack,
    ):
        late = [stack.enter_context(Client(server)) for _ in range(60)]
        threads = threading.active_count()
        assert all(client.expect_end().startswith("!!! The room is full") for client in late)
        assert threads < 50
        server.stop()
        console.close()
        assert "(the room is full), 59 times in the last minute" in console.file.getvalue()


def test_ids_are_given_once(watched: tuple[ChatServer, WatchingConsole]) -> None:
    server, console = watched
    for _ in range(3):
        with Client(server, "al") as al:
            al.type("/quit")
            al.expect_end()
    # The order in which the clients' threads log their ends is not fixed.
    assert sorted(console.next_disconnect().id for _ in range(3)) == [1, 2, 3]


def test_refusals_that_repeat_are_told_once_a_minute(clock: Clock) -> None:
    limits = replace(UNLIMITED, max_clients=1)
    with run_server(limits=limits, clock=clock) as (server, console), Client(server, "al"):
        for _ in range(3):
            with Client(server) as late:
                late.expect_end()
        clock.now += 61
        told = "(the room is full), 2 times in the last minute"
        wait_until(lambda: told in console.file.getvalue(), "the round has told of it")


def test_a_client_that_is_banned_and_comes_again_and_again_fills_no_log(
    server: ChatServer, console: WatchingConsole
) -> None:
    server.chat.records.ban(parse_target("127.0.0.1"), "operator")
    for _ in range(30):
        with Client(server) as banned:
            assert banned.expect_end().startswith("!!! You are banned here: ")
    server.stop()
    console.close()
    first, second = [line for line in console.file.getvalue().splitlines() if "refused" in line]
    assert re.search(r"client refused      127\.0\.0\.1:\d+ \(banned\)$", first)
    assert second.endswith("client refused      127.0.0.1 (banned), 29 times in the last minute")


def test_who_finds_the_room_full_does_not_count_for_their_address() -> None:
    limits = replace(UNLIMITED, max_clients=1, max_per_address=2)
    with run_server(limits=limits) as (server, _):
        with Client(server, "bo"):
            for _ in range(3):
                with Client(server) as client:
                    assert "The room is full: it holds 1." in client.expect_end()
        wait_until(lambda: not server.clients.threads(), "there is room")
        with Client(server, "al"), Client(server) as one_more:
            assert "The room is full" in one_more.expect_end()


def test_who_gets_no_thread_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def cannot_start(thread: threading.Thread) -> None:
        if thread.name.startswith("threadchat client"):
            raise RuntimeError("can't start new thread")
        start(thread)

    limits = replace(UNLIMITED, max_clients=1, max_per_address=1)
    with run_server(limits=limits) as (server, console):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", cannot_start)
            for _ in range(2):
                with Client(server) as unlucky:
                    assert "The server is out of threads." in unlucky.expect_end()
        with Client(server, "al"):
            # The thread that accepts tells that, while that of the client goes on.
            wait_until(lambda: len(console.troubles) > 1, "it is told")
            assert console.troubles == [
                "cannot serve another client for now: out of threads",
                "clients are served again: there are threads for them",
            ]
        console.troubles.clear()


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        ("127.0.0.0/8", "The server is out of connections."),
        ("192.0.2.0/24", "does not serve you"),
    ],
)
def test_who_gets_no_descriptor_is_told_so_in_a_line(allowed: str, words: str) -> None:
    with (
        run_server(limits=replace(UNLIMITED, allowed=parse_allowed([allowed]))) as running,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), DEADLINE) as client,
    ):
        server, console = running
        server.turn_away(*listener.accept())
        with client.makefile("rb") as file:
            assert words in file.read().decode()
        console.troubles.clear()  # the operator is told of strangers


def test_who_is_served_goes_by_their_address_and_not_by_ours() -> None:
    limits = replace(UNLIMITED, allowed=parse_allowed(["192.0.2.0/24"]))
    with run_server(limits=limits) as (server, console):
        assert server.is_served("192.0.2.1", "198.51.100.1")
        assert not server.is_served("198.51.100.1", "192.0.2.1")
        console.troubles.clear()


def test_a_page_that_is_gone_leaves_its_place() -> None:
    limits = replace(UNLIMITED, max_clients=1)
    with run_server(limits=limits, web_address=("127.0.0.1", 0)) as (server, _):
        for _ in range(2):
            with Page(server, "al") as al:
                al.send("leave")
                al.code()
            wait_until(lambda: not server.clients.threads(), "it is forgotten")


def test_no_thread_of_a_client_keeps_the_program_from_ending(server: ChatServer) -> None:
    with Client(server, "al"):
        assert [thread.daemon for thread in server.clients.threads()] == [True]


def test_who_gets_no_thread_at_the_port_for_tls_is_sent_no_plain_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cannot_start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    tls = Certificate(str(DATA / "certificate.pem"), str(DATA / "key.pem"))
    with run_server(tls=tls, tls_address=("127.0.0.1", 0)) as (server, console):
        assert server.tls_listener is not None
        monkeypatch.setattr(threading.Thread, "start", cannot_start)
        with Client(server.tls_listener) as unlucky:
            assert unlucky.expect_end() == ""
        monkeypatch.undo()
        assert server.stats().refusals[RefusedFor.NO_THREADS] == 1
        console.troubles.clear()
