"""Who may come in, as clients of a running server see it."""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import count

import pytest

from tests.support import DEADLINE, UNLIMITED, Client, run_server, wait_until
from threadchat import ChatServer
from threadchat.access.limits import Limits, parse_allowed
from threadchat.server import periodic
from threadchat.server.admission import Admission
from threadchat.storage.records import Records


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have the round come all the time; return what waits until it has come."""
    monkeypatch.setattr(periodic, "INTERVAL", 0.01)
    rounds = count()
    done = [0]
    look_after_all = ChatServer._look_after_all

    def look_and_count(server: ChatServer) -> None:
        look_after_all(server)
        done[0] = next(rounds)

    monkeypatch.setattr(ChatServer, "_look_after_all", look_and_count)

    def wait() -> None:
        before = done[0]
        # The first of them may have begun before what is to be seen.
        wait_until(lambda: done[0] >= before + 2, "the round has come")

    return wait


def test_who_is_not_served_is_closed_without_a_byte_and_counted() -> None:
    limits = replace(UNLIMITED, allowed=parse_allowed(["192.0.2.0/24"]))
    with run_server(limits=limits) as (server, console):
        for _ in range(3):
            with Client(server) as stranger:
                assert stranger.expect_end() == ""
        wait_until(lambda: server.stats().strangers == 3, "all are counted")
        (trouble,) = console.troubles
        assert trouble.startswith("127.0.0.1 was not let in, as it is not on the LAN")
        console.troubles.clear()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.168.1.7", "fe80::1", "fd00::7"])
def test_by_default_the_lan_is_served(host: str) -> None:
    with closing(Records(None)) as records:
        gate = Admission(Limits(), records, Clock(), lambda words: None)
        assert not gate.is_stranger(host)
        assert gate.is_stranger("203.0.113.7")
        assert gate.strangers == 1


def test_one_address_has_so_many_connections_at_once() -> None:
    limits = replace(UNLIMITED, max_per_address=2)
    with (
        run_server(limits=limits) as (server, console),
        Client(server, "al"),
        Client(server, "bo") as bo,
    ):
        with Client(server) as third:
            assert third.expect_end() == (
                "!!! Too many connections from your address: at most 2 at once."
                " Close one first.\r\n"
            )
        bo.type("/quit")
        bo.expect_end()
        # The place is free as soon as the goodbye is all that is left to say.
        with Client(server, "cy"):
            pass
    assert console.file.getvalue().count("client refused") == 1


def test_one_address_connects_so_often_in_a_minute() -> None:
    clock = Clock()
    with run_server(limits=replace(UNLIMITED, max_connects=2), clock=clock) as (server, _):
        for _ in range(2):
            with Client(server) as client:
                client.expect("Your name: ")
        with Client(server) as third:
            assert third.expect_end().startswith("!!! Too many new connections from your address")
        clock.now += 61
        with Client(server) as client:
            client.expect("Your name: ")


def test_who_gives_no_name_is_let_go(look: Callable[[], None]) -> None:
    clock = Clock()
    with (
        run_server(limits=replace(UNLIMITED, name_timeout=60), clock=clock) as (server, console),
        Client(server, "al") as al,
        Client(server) as silent,
    ):
        silent.expect("Your name: ")
        clock.now += 59
        look()
        assert console.disconnects.empty()
        clock.now += 2
        assert silent.expect_end() == "=== You have given no name. Come again!\r\n"
        assert console.next_disconnect().why == "gave no name"
        al.sync()


def test_who_says_nothing_is_warned_and_then_let_go(look: Callable[[], None]) -> None:
    clock = Clock()
    with (
        run_server(limits=replace(UNLIMITED, idle_timeout=600), clock=clock) as (server, console),
        Client(server, "al") as al,
    ):
        clock.now += 545
        al.expect("=== Are you still here? Say something within 55 s, or be let go.\r\n")
        al.type("yes")
        al.sync()
        clock.now += 545
        al.expect("=== Are you still here? Say something within 55 s, or be let go.\r\n")
        clock.now += 56
        assert al.expect_end() == "=== You have said nothing for 10 min. Goodbye.\r\n"
        assert console.next_disconnect().why == "idle"


def test_nobody_is_warned_before_half_of_the_time_is_over(look: Callable[[], None]) -> None:
    clock = Clock()
    with (
        run_server(limits=replace(UNLIMITED, idle_timeout=60), clock=clock) as (server, _),
        Client(server, "al") as al,
    ):
        look()
        al.sync()
        assert b"still here" not in al.received
        clock.now += 31
        al.expect("=== Are you still here? Say something within 29 s, or be let go.\r\n")


def test_who_takes_nothing_is_let_go_though_little_is_queued(look: Callable[[], None]) -> None:
    clock = Clock()
    with (
        run_server(clock=clock) as (server, console),
        Client(server, "stuck", receive_buffer=2048) as stuck,
        Client(server, "al") as al,
    ):
        while not server.stats().queued:
            al.type("x" * 1000)
            al.sync()
        look()
        clock.now += 29
        look()
        assert console.disconnects.empty()
        clock.now += 2
        wait_until(lambda: not console.disconnects.empty(), "it is ended")
        assert console.next_disconnect().why == "too slow"
        assert stuck.name


class TestFlood:
    def test_what_comes_too_fast_is_all_served_but_slowly(self) -> None:
        limits = replace(UNLIMITED, flood=(3.0, 50.0))
        lines = [f"line {number}" for number in range(12)]
        with (
            run_server(limits=limits) as (server, _),
            Client(server, "bo") as bo,
            Client(server, "al") as al,
        ):
            al.type("\n".join(lines))
            al.expect("=== That was fast: what you send is served line by line")
            heard = bo.expect(f"al: {lines[-1]}\r\n")
            assert [f"al: {line}" for line in lines] == heard.splitlines()[-12:]
            al.type("/quit")
            assert "That was fast" not in al.expect_end()

    def test_a_paste_into_a_connection_that_then_closes_is_not_lost(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 50.0))
        with run_server(limits=limits) as (server, _), Client(server, "bo") as bo:
            al = Client(server)
            al.send(b"al\n" + b"".join(b"line %d\n" % number for number in range(10)))
            al.expect("Welcome")
            al.socket.shutdown(1)
            bo.expect("al: line 9\r\n")
            al.close()

    def test_a_stop_does_not_wait_for_them(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 0.01))
        with run_server(limits=limits) as (server, console), Client(server) as al:
            al.type("al\nhi\nthere")
            al.expect("=== That was fast")
            stopper = threading.Thread(target=server.stop)
            stopper.start()
            stopper.join(DEADLINE)
            assert not stopper.is_alive()
            assert console.next_disconnect().why == "server stopping"

    def test_nor_does_a_connection_that_breaks(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 0.01))
        with run_server(limits=limits) as (server, console), Client(server) as al:
            al.type("al\nhi\nthere")
            al.expect("=== That was fast")
            al.reset()
            assert console.next_disconnect().name == "al"
