"""Clients that keep their place for nothing: nameless, silent or stuck."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from tests.support.chats import Somebody
from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.scripted import Scripted
from tests.support.servers import run_server
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.net.disconnect import Reason
from threadchat.server import periodic
from threadchat.session.supervision import STUCK_SECONDS, Supervision
from threadchat.testing import UNLIMITED


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


def test_who_has_just_been_given_a_name_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    enter = Chat.enter

    def enter_after_the_round(chat: Chat, person: Person) -> None:
        server._look_after_all()
        enter(chat, person)

    monkeypatch.setattr(Chat, "enter", enter_after_the_round)
    limits = replace(UNLIMITED, idle_timeout=600)
    with run_server(limits=limits, clock=Clock()) as (server, _), Client(server, "al") as al:
        al.sync()


@pytest.mark.parametrize("line", [b"", b"   ", b"\t", b"\x07", "\u200b\u2060".encode(), b"\x1b[A"])
def test_a_line_with_nothing_in_it_is_no_sign_of_a_person(
    line: bytes, look: Callable[[], None]
) -> None:
    clock = Clock()
    with (
        run_server(limits=replace(UNLIMITED, idle_timeout=600), clock=clock) as (server, _),
        Client(server, "al") as al,
    ):
        clock.now += 545
        al.expect("Are you still here?")
        al.send(line + b"\r\n\xff\xf6")
        al.expect("Yes, threadchat is here.")  # so the line was served
        clock.now += 56
        assert "You have said nothing for 10 min. Goodbye." in al.expect_end()


@pytest.mark.parametrize("line", ["hello", "/who", "/nosuch"])
def test_words_and_commands_are(line: str, look: Callable[[], None]) -> None:
    clock = Clock()
    with (
        run_server(limits=replace(UNLIMITED, idle_timeout=600), clock=clock) as (server, _),
        Client(server, "al") as al,
    ):
        clock.now += 545
        al.expect("Are you still here?")
        al.type(line)
        al.sync()
        clock.now += 56
        look()
        al.sync()


def test_a_warning_comes_once(look: Callable[[], None]) -> None:
    clock = Clock()
    with (
        run_server(limits=replace(UNLIMITED, idle_timeout=600), clock=clock) as (server, _),
        Client(server, "al") as al,
    ):
        clock.now += 540  # no sooner than a minute before, and then at once
        al.expect("=== Are you still here? Say something within 1 min, or be let go.\r\n")
        for _ in range(3):
            clock.now += 10
            look()
        al.sync()
        assert al.received.count(b"still here") == 1


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
            al.type("x" * 4000)
            al.sync()
        look()
        clock.now += 29
        look()
        assert console.disconnects.empty()
        clock.now += 2
        wait_until(lambda: not console.disconnects.empty(), "it is ended")
        assert console.next_disconnect().why == "too slow"
        assert stuck.name


class TestOneClient:
    """The limits alone, at the moment when each is reached."""

    @pytest.fixture
    def client(self) -> Scripted:
        return Scripted(Somebody(1))

    def test_without_a_limit_nobody_is_let_go(self, client: Scripted) -> None:
        supervision = Supervision(client.it, replace(UNLIMITED, name_timeout=0.0))
        supervision.look(1e9)
        client.person.name = "al"
        supervision.look(1e9)
        assert client.ended == []
        assert client.person.lines() == []

    def test_a_name_must_be_given_in_time(self, client: Scripted) -> None:
        supervision = Supervision(client.it, replace(UNLIMITED, name_timeout=60.0))
        supervision.look(59.9)
        assert client.ended == []
        supervision.look(60.0)
        assert client.ended == [f"{Reason.NO_NAME} | You have given no name. Come again!"]

    def test_silence_ends_at_its_limit(self, client: Scripted) -> None:
        client.person.name = "al"
        supervision = Supervision(client.it, replace(UNLIMITED, idle_timeout=600.0))
        supervision.look(539.5)
        assert client.person.lines() == []
        supervision.look(540.0)
        (warning,) = client.person.lines()
        assert "within 1 min" in warning
        supervision.look(599.5)
        assert client.ended == []
        supervision.look(600.0)
        assert client.ended == [f"{Reason.IDLE} | You have said nothing for 10 min. Goodbye."]

    def test_who_was_heard_again_is_warned_again(self, client: Scripted) -> None:
        client.person.name = "al"
        supervision = Supervision(client.it, replace(UNLIMITED, idle_timeout=600.0))
        supervision.look(550.0)
        client.person.last_heard_at = 560.0
        supervision.look(1109.0)
        assert len(client.person.lines()) == 2

    def test_only_a_client_that_takes_nothing_is_stuck(self, client: Scripted) -> None:
        supervision = Supervision(client.it, replace(UNLIMITED, name_timeout=0.0))
        client.person.name = "al"
        client.is_behind = True
        for now in range(0, 100, 20):
            client.bytes_sent += 1
            supervision.look(now)
        supervision.look(79.9 + STUCK_SECONDS)
        assert client.ended == []
        supervision.look(80 + STUCK_SECONDS)
        assert client.ended == [Reason.TOO_SLOW]
