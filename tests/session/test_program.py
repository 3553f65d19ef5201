"""A member that is a program: what it is called with, what it does, and that it costs only itself.

The members are in a room with clients at terminals, over real connections.
"""

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import ClassVar, TypeVar

import pytest

from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import Section, enter_one_by_one, run_concurrently, wait_until
from threadchat import ChatServer, OperatorError, ProgramMember
from threadchat.chat.interfaces import Portion
from threadchat.commands import rooms, talk
from threadchat.commands.registry import Call
from threadchat.messages.datalines import DATA_LINES
from threadchat.messages.format import render
from threadchat.messages.kinds import (
    Emote,
    Joined,
    Left,
    Message,
    Notice,
    Private,
    Problem,
    Renamed,
    Say,
    Welcome,
)
from threadchat.monitoring.events import Connected, Event, Named
from threadchat.server import members as members_module
from threadchat.session import program as program_module
from threadchat.session.program import ADDRESS, MAX_WAITING, ProgramConnection
from threadchat.testing import DEADLINE, UNLIMITED
from threadchat.text.clean import MAX_LINE
from threadchat.text.names import BadName

Kind = TypeVar("Kind")


class Heard:
    """A function of a program, that keeps what it is called with."""

    def __init__(self) -> None:
        self._messages: queue.Queue[Message] = queue.Queue()

    def __call__(self, member: ProgramMember, message: Message) -> None:
        self._messages.put(message)

    def next(self, kind: type[Kind]) -> Kind:
        """Wait for the next message, which is of that kind."""
        message = self._messages.get(timeout=DEADLINE)
        assert isinstance(message, kind)
        return message

    def until(self, kind: type[Kind]) -> Kind:
        """Wait for the next message of that kind."""
        while not isinstance(message := self._messages.get(timeout=DEADLINE), kind):
            pass
        return message

    def until_said(self, text: str) -> list[Message]:
        """Wait until `text` is said; return the messages before that."""
        before = []
        while not (
            isinstance(message := self._messages.get(timeout=DEADLINE), Say)
            and message.text == text
        ):
            before.append(message)
        return before


class Stuck:
    """A function of a program, that does not return until it is let go."""

    def __init__(self) -> None:
        self.is_held = threading.Event()
        self.gate = threading.Event()
        self.calls = 0

    def __call__(self, member: ProgramMember, message: Message) -> None:
        self.calls += 1
        self.is_held.set()
        assert self.gate.wait(DEADLINE)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    stuck = Stuck()
    yield stuck
    stuck.gate.set()


@pytest.fixture
def heard() -> Heard:
    return Heard()


def echo(member: ProgramMember, message: Message) -> None:
    if isinstance(message, Say):
        member.say(f"{message.name} said {message.text}")


class TestHearing:
    def test_it_is_called_with_what_others_cause_and_with_what_it_is_told(
        self, server: ChatServer, heard: Heard
    ) -> None:
        member = server.add_member("bot", heard)
        assert heard.next(Welcome) == Welcome("bot")
        with Client(server, "al") as al:
            assert heard.next(Joined) == Joined(["al"], 2)
            al.type("hi")
            al.type("/me waves")
            al.type("/msg bot psst")
            al.type("/nick ed")
            al.type("/quit")
            said = heard.next(Say)
            assert (said.name, said.text) == ("al", "hi")
            assert (heard.next(Emote)).text == "waves"
            assert heard.next(Private) == Private("al", "bot", "psst")
            assert heard.next(Renamed) == Renamed("al", "ed")
            left = heard.next(Left)
            assert (left.name, left.why) == ("ed", "quit")
        member.leave()

    def test_it_is_not_called_with_its_own_words_nor_with_what_was_said_before_it_came(
        self, server: ChatServer, heard: Heard
    ) -> None:
        with Client(server, "al") as al:
            al.type("long ago")
            al.sync()
            member = server.add_member("bot", heard)
            al.expect("bot joined")
            member.say("mine")
            member.emote("waves")
            member.whisper("al", "mine, too")
            al.expect("[bot -> you] mine, too\r\n")
            al.type("end")
            assert heard.until_said("end") == [Welcome("bot")]

    def test_in_another_room_it_hears_that_room(self, server: ChatServer, heard: Heard) -> None:
        member = server.add_member("bot", heard)
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("/join den")
            al.expect("=== You are in den.")
            al.type("before")
            al.sync()
            member.join("#den")
            al.expect("--> bot joined (2 here)")
            bo.type("in the lobby")
            bo.sync()
            al.type("in the den")
            before = heard.until_said("in the den")
            assert Notice("You are in den.") in before
            assert not [message for message in before if isinstance(message, Say)]
            with pytest.raises(BadName, match="You are in den already"):
                member.join("den")
            with pytest.raises(BadName, match="No room can be called that"):
                member.join("two words")
            member.join("lobby")
            bo.expect("--> bot joined")

    def test_it_hears_all_in_the_order_in_which_people_see_it(
        self, server: ChatServer, heard: Heard
    ) -> None:
        # Promise 1.
        server.add_member("bot", heard)
        with (
            Client(server, "al") as al,
            Client(server, "bo") as bo,
            Client(server, "cy") as cy,
        ):

            def talk(client: Client) -> None:
                for number in range(100):
                    client.type(f"line {number}")

            run_concurrently([partial(talk, al), partial(talk, bo)])
            for client in (al, bo):
                client.sync()
            al.type("end")
            seen = cy.expect("al: end\r\n").splitlines()
            before = [message.line for message in heard.until_said("end")]
            assert before[-200:] == seen[-201:-1]


class TestSpeaking:
    def test_what_it_says_is_safe_and_each_line_is_one(self, server: ChatServer) -> None:
        # Promise 4.
        member = server.add_member("bot", echo)
        with Client(server, "al") as al:
            member.say("one\n\n\x1b[2Jtwo\r\nal: three" + "x" * MAX_LINE)
            al.expect("bot: one\r\nbot: two\r\nbot: al: three")
            rest = al.expect("\r\n").rstrip("\r\n")
            assert len("al: three" + rest) == MAX_LINE
            member.emote("\x07waves")
            al.expect("* bot waves\r\n")
            member.say("/quit")
            al.expect("bot: /quit\r\n")

    def test_flood_control_does_not_apply(self) -> None:
        limits = replace(UNLIMITED, flood=(1.0, 0.01))
        with run_server(limits=limits) as (server, _), Client(server, "al") as al:
            member = server.add_member("bot", echo)
            member.say("\n".join(map(str, range(500))))
            heard = al.expect("bot: 499\r\n")
            assert heard.splitlines()[-500:] == [f"bot: {number}" for number in range(500)]

    def test_it_whispers_as_people_do(self, server: ChatServer, heard: Heard) -> None:
        member = server.add_member("bot", heard)
        heard.next(Welcome)
        member.whisper("al", "hello")
        assert heard.next(Problem) == Problem("Nobody here is called al. /who lists everyone.")
        with Client(server, "al") as al:
            heard.next(Joined)
            member.whisper("AL", "hello")
            al.expect("[bot -> you] hello\r\n")
            al.type("/reply hi")
            al.expect("[you -> bot] hi\r\n")
            assert heard.next(Private).text == "hi"

    @pytest.mark.parametrize(
        ("line", "kind"), [("hi", Say), ("/me waves", Emote), ("/msg bot psst", Private)]
    )
    def test_it_answers_the_person_and_not_the_name(
        self, server: ChatServer, heard: Heard, line: str, kind: type[Say | Emote | Private]
    ) -> None:
        member = server.add_member("bot", heard)
        with (
            Client(server, "al") as al,
            Client(server, "cy") as cy,
            Client(server, "eve") as eve,
        ):
            al.type(line)
            wrote = heard.until(kind)
            member.whisper(wrote, "one")
            al.expect("[bot -> you] one\r\n")
            al.type("/nick alan")
            al.sync()
            eve.type("/nick al")
            eve.sync()
            member.whisper(wrote, "two\nthree")
            al.expect("[bot -> you] two\r\n[bot -> you] three\r\n")
            al.type("/quit")
            al.expect_end()
            heard.until(Left)
            member.whisper(wrote, "four")
            assert heard.next(Problem).text == (
                "The al that wrote to you is gone, and somebody else is called that now."
                " /msg al WORDS writes to that one."
            )
            assert "[bot -> you]" not in eve.read_to_fence(cy)
            eve.type("/quit")
            eve.expect_end()
            heard.until(Left)
            member.whisper(wrote, "five")
            assert heard.next(Problem).text == (
                "al, who wrote to you, is not here any more. /who lists everyone."
            )

    def test_it_answers_nobody_where_it_is_not_known_who_wrote(
        self, server: ChatServer, heard: Heard
    ) -> None:
        member = server.add_member("bot", heard)
        with Client(server, "al") as al, Client(server, "bo") as bo:
            member.whisper(Say("al", "hi", 1.0), "words")
            assert "is gone" in heard.until(Problem).text
            assert "[bot -> you]" not in al.read_to_fence(bo)

    def test_only_what_somebody_wrote_can_be_answered(
        self, server: ChatServer, heard: Heard
    ) -> None:
        member = server.add_member("bot", heard)
        with pytest.raises(TypeError, match="Joined"):
            member.whisper(Joined(["al"], 2), "hi")  # type: ignore[arg-type]

    def test_a_person_that_ignores_it_is_shown_nothing_of_it(self, server: ChatServer) -> None:
        member = server.add_member("bot", echo)
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("/ignore bot")
            al.expect("=== You are shown nothing more of bot.")
            member.say("hi")
            member.whisper("al", "hi")
            bo.expect("bot: hi\r\n")
            assert "bot: hi" not in al.read_to_fence(bo)

    def test_muted_it_is_told_so(self, server: ChatServer, heard: Heard) -> None:
        member = server.add_member("bot", heard)
        with Client(server, "al") as al:
            server.chat.moderation.mute("bot", 600.0)
            member.say("hi")
            assert heard.next(Welcome)
            assert heard.next(Joined)
            assert heard.next(Problem).text.startswith("You are muted for")
            member.leave("rude words")
            al.expect("<-- bot left after 0 s (quit)\r\n")


class TestBeingAPerson:
    @pytest.mark.parametrize("name", ["al", "AL", "a1", "operator", "two words", ""])
    def test_its_name_is_on_the_same_terms(
        self, server: ChatServer, heard: Heard, name: str
    ) -> None:
        with Client(server, "al") as al:
            with pytest.raises(BadName):
                server.add_member(name, heard)
            al.type("/who")
            al.expect("=== 1 person is here: al.\r\n")

    def test_its_name_is_taken(self, server: ChatServer, heard: Heard) -> None:
        member = server.add_member("bot", heard)
        assert member.name == "bot"
        with Client(server) as al:
            al.type("b0t")
            al.expect("!!! b0t looks too much like bot, who is here already.")
            al.type("bot")
            al.expect("!!! bot is taken, from a program here, since ")

    def test_it_is_listed_and_counted(self, server: ChatServer, heard: Heard) -> None:
        server.add_member("bot", heard)
        with Client(server) as al:
            al.expect("1 person is here: bot.")
            al.type("al")
            al.type("/who")
            al.expect("=== 2 people are here: bot, al.\r\n")
            al.type("/whois bot")
            al.expect("=== bot is in lobby, here for 0 s, number 1.\r\n")
            assert server.stats().people == 2
            assert server.chat.names.find("bot").address == ADDRESS

    @pytest.mark.parametrize(
        "command", ["charset cp850", "charmode on", "color on", "time on", "bell on"]
    )
    def test_what_needs_a_terminal_is_answered_in_one_line(
        self, server: ChatServer, heard: Heard, command: str
    ) -> None:
        server.add_member("bot", heard)
        heard.next(Welcome)
        name, _, argument = command.partition(" ")
        person = server.chat.names.find("bot")
        server.commands.dispatch(server.chat, person, Call(name, argument))
        assert heard.next(Problem) == Problem(
            "That is for people at a terminal, and you have come by another way."
        )

    @pytest.mark.parametrize("command", ["op", "protect"])
    def test_it_knows_no_passphrase(self, server: ChatServer, heard: Heard, command: str) -> None:
        server.add_member("bot", heard)
        heard.next(Welcome)
        person = server.chat.names.find("bot")
        server.commands.dispatch(server.chat, person, Call(command, ""))
        assert heard.next(Problem)
        assert not person.is_operator

    def test_it_is_idle_since_it_last_spoke(self, heard: Heard) -> None:
        clock = Clock()
        with run_server(clock=clock) as (server, console):
            member = server.add_member("bot", heard)
            clock.now += 600
            member.say("hi")
            assert server.chat.names.find("bot").last_heard_at == clock.now
            member.leave()
            disconnect = console.next_disconnect()
            assert (disconnect.seconds, disconnect.received, disconnect.sent) == (600, 0, 0)

    def test_its_coming_and_going_are_logged(self, heard: Heard) -> None:
        # Promise 7.
        class Keeping(WatchingConsole):
            def note(self, event: Event) -> None:
                super().note(event)
                events.append(event)

        events: list[Event] = []
        keeping = Keeping()
        with run_server(watchers=[keeping]) as (server, console):
            member = server.add_member("bot", heard)
            member.leave("so\x1b[2J\nlong")
            member.leave()
            disconnect = console.next_disconnect()
            assert (disconnect.name, disconnect.why) == ("bot", "quit: so long")
            assert member.reason == "quit: so long"
            assert events == [Connected(1, ADDRESS, "program"), Named(1, "bot"), disconnect]
        keeping.close()


class TestBeingTrouble:
    def test_an_exception_is_told_to_the_operator_and_the_member_goes_on(self) -> None:
        # Promise 8.
        def fail(member: ProgramMember, message: Message) -> None:
            if isinstance(message, Say):
                member.say("I try")
                if message.text == "two":
                    sys.exit(2)  # which ends programs, and costs this one no more
                raise LookupError(message.text)

        with run_server() as (server, console), Client(server, "al") as al:
            server.add_member("bot", fail)
            for word in ("one", "two", "three"):
                al.type(word)
                al.expect("bot: I try\r\n")
            wait_until(lambda: len(console.troubles) == 3, "all errors are told")
            assert console.troubles == [
                "the member bot: LookupError: one",
                "the member bot: SystemExit: 2",
                "the member bot: LookupError: three",
            ]
            console.troubles.clear()

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_an_exit_of_its_thread_takes_it_out(
        self, watched: tuple[ChatServer, WatchingConsole]
    ) -> None:
        def leave(member: ProgramMember, message: Message) -> None:
            raise GeneratorExit

        server, console = watched
        member = server.add_member("bot", leave)
        assert console.next_disconnect().why == "server error"
        assert server.chat.people() == ()
        assert member.reason == "server error"

    def test_a_slow_one_holds_up_nobody_and_what_it_misses_is_counted_and_told_once(
        self, stuck: Stuck
    ) -> None:
        # Promise 3.
        with run_server() as (server, console), Client(server, "al") as al:
            member = server.add_member("bot", stuck)
            assert stuck.is_held.wait(DEADLINE)
            line = "x" * 4000
            with Client(server, "bo") as bo:
                for _ in range(MAX_WAITING // 4000 + 50):
                    al.type(line)
                    bo.expect(f"al: {line}\r\n")
            assert member.dropped > 40
            assert console.troubles == [
                "the member bot takes too long: messages to it are dropped, and counted"
            ]
            console.troubles.clear()
            stuck.gate.set()
            wait_until(lambda: stuck.calls > 40, "it goes on with what has waited")

    def test_a_kick_takes_it_out(
        self, watched: tuple[ChatServer, WatchingConsole], heard: Heard
    ) -> None:
        server, console = watched
        member = server.add_member("bot", heard)
        with Client(server, "al") as al:
            server.chat.names.find("al").is_operator = True
            al.type("/kick bot enough")
            al.expect("<-- bot left after 0 s (kicked by al): enough\r\n")
            assert console.next_disconnect().why == "kicked by al: enough"
            assert member.reason == "kicked by al: enough"
            member.say("hi")
            member.emote("waves")
            member.whisper("al", "hi")
            member.join("den")
            with Client(server, "bot") as successor:
                successor.type("new")
                assert al.expect("bot: ") == "--> bot joined (2 here)\r\nbot: "

    def test_a_kick_takes_out_one_that_is_stuck(
        self, watched: tuple[ChatServer, WatchingConsole], stuck: Stuck
    ) -> None:
        server, console = watched
        member = server.add_member("bot", stuck)
        assert stuck.is_held.wait(DEADLINE)
        with Client(server, "al") as al:
            server.chat.names.find("al").is_operator = True
            al.type("/kick bot")
            al.expect("=== bot is kicked.")
            member.say("one more word")
            if b"<-- bot left after" not in al.received:  # al may have read it before the answer
                al.expect("<-- bot left after")
            assert console.next_disconnect().why == "kicked by al"
            al.type("not for it")
            al.sync()
            assert b"one more word" not in al.received
            stuck.gate.set()
            assert stuck.calls == 1

    def test_a_ban_of_its_name_says_nothing_of_an_address(
        self, server: ChatServer, heard: Heard
    ) -> None:
        server.add_member("bot", heard)
        with Client(server, "al") as al:
            server.chat.names.find("al").is_operator = True
            al.type("/ban bot 1h")
            al.expect("<-- bot left")
            al.sync()
            assert b"would keep" not in al.received

    def test_out_of_threads_it_does_not_come_in(
        self, server: ChatServer, heard: Heard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(program_module, "start_thread", lambda *_: None)
        with pytest.raises(OperatorError, match="there is no thread left for the member bot"):
            server.add_member("bot", heard)
        monkeypatch.undo()
        server.add_member("bot", heard)

    def test_out_of_threads_it_is_forgotten(
        self, server: ChatServer, heard: Heard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(program_module, "start_thread", lambda *_: None)
        members = members_module.ProgramMembers(server.watch)
        member = ProgramMember(server.next_id(), "bot", heard, server.chat)
        with pytest.raises(OperatorError, match="no thread left"):
            members.add(member)
        assert member.reason == "server error"
        members.look_after()
        assert members._all() == []

    def test_one_that_leaves_is_out_at_once_though_its_function_goes_on(
        self, server: ChatServer, stuck: Stuck
    ) -> None:
        member = server.add_member("bot", stuck)
        assert stuck.is_held.wait(DEADLINE)
        member.leave()
        assert server.chat.people() == ()

    def test_one_that_is_ended_takes_itself_out(self, server: ChatServer, heard: Heard) -> None:
        member = ProgramMember(server.next_id(), "bot", heard, server.chat)
        member.start()
        member.enter()
        heard.next(Welcome)
        member.end("kicked")
        assert member.thread is not None
        member.thread.join(DEADLINE)
        assert server.chat.people() == ()


class TestConnection:
    """What a program is sent, without a server."""

    @pytest.fixture
    def connection(self) -> ProgramConnection:
        return ProgramConnection(lambda: None)

    def test_once_it_has_ended_nothing_more_comes(self, connection: ProgramConnection) -> None:
        connection.deliver(render(Notice("one"), DATA_LINES) + render(Notice("two"), DATA_LINES))
        messages = connection.messages()
        assert next(messages) == Notice("one")
        connection.end("quit")
        assert list(messages) == []
        connection.deliver(render(Notice("three"), DATA_LINES))
        assert list(connection.messages()) == []
        assert connection.reason == "quit"

    def test_nobody_waits_for_one_that_has_ended(self, connection: ProgramConnection) -> None:
        assert connection.pause(0.0)
        assert connection.catch_up(DEADLINE)
        connection.end("quit")
        assert not connection.pause(DEADLINE)
        assert not connection.catch_up(DEADLINE)

    def test_what_it_is_handed_over_is_taken_at_once(self, connection: ProgramConnection) -> None:
        taken: list[int] = []
        portions = [
            Portion([Notice(f"{number}"), Notice("and more")], partial(taken.append, number))
            for number in range(2)
        ]
        connection.hand_over(portion for portion in portions)
        assert taken == [0, 1]
        messages = connection.messages()
        assert [next(messages).line for _ in range(4)] == [
            "=== 0", "=== and more", "=== 1", "=== and more"
        ]  # fmt: skip


class TestStarting:
    def test_it_may_be_there_before_the_start(self) -> None:
        with ChatServer(("127.0.0.1", 0)) as server:
            server.add_member("bot", echo)
            server.start()
            with Client(server, "al") as al:
                al.type("hi")
                al.expect("bot: al said hi\r\n")

    def test_it_ends_with_a_server_that_was_never_started(self, heard: Heard) -> None:
        with ChatServer(("127.0.0.1", 0)) as server:
            member = server.add_member("bot", heard)
        assert member.reason == "server stopping"

    def test_its_thread_has_ended_when_the_server_has_stopped(self, heard: Heard) -> None:
        # Promise 9.
        with run_server() as (server, console):
            member = server.add_member("bot", heard)
            server.stop()
            assert member.thread is not None
            assert not member.thread.is_alive()
            assert console.next_disconnect().why == "server stopping"

    def test_a_stop_does_not_wait_longer_than_it_may_for_one_that_is_stuck(
        self, stuck: Stuck
    ) -> None:
        with run_server() as (server, console):
            member = server.add_member("bot", stuck)
            assert stuck.is_held.wait(DEADLINE)
            server.stop(timeout=0.5)
            assert console.next_disconnect().why == "server stopping"
            assert member.reason == "server stopping"
            stuck.gate.set()
            assert member.thread is not None
            member.thread.join(DEADLINE)
            assert console.disconnects.empty()

    def test_it_may_stop_the_server_itself(self) -> None:
        def stop(member: ProgramMember, message: Message) -> None:
            if isinstance(message, Say):
                server.stop()

        with run_server() as (server, _), Client(server, "al") as al:
            server.add_member("bot", stop)
            al.type("stop")
            assert al.expect_end().endswith("=== The server is stopping. Goodbye.\r\n")

    def test_none_comes_in_once_the_server_stops(self, heard: Heard) -> None:
        with ChatServer(("127.0.0.1", 0)) as server:
            server.stop()
            with pytest.raises(OperatorError, match="the server is stopping"):
                server.add_member("bot", heard)

    def test_one_that_comes_while_the_server_stops_is_ended(
        self, server: ChatServer, heard: Heard
    ) -> None:
        members = members_module.ProgramMembers(server.watch)
        members.end()
        member = ProgramMember(server.next_id(), "bot", heard, server.chat)
        members.add(member)
        members.join(float("inf"))
        assert member.reason == "server stopping"
        assert server.chat.people() == ()

    def test_those_that_are_gone_are_forgotten(self, server: ChatServer, heard: Heard) -> None:
        members = members_module.ProgramMembers(server.watch)
        member = ProgramMember(server.next_id(), "bot", heard, server.chat)
        members.add(member)
        member.leave()
        assert member.thread is not None
        member.thread.join(DEADLINE)
        members.look_after()
        assert members._all() == []


class TestOneAtATime:
    """Whatever two threads have a member do, one thing is done after the other."""

    ACTIONS: ClassVar[dict[str, Callable[[ProgramMember], None]]] = {
        "say": lambda member: member.say("hi"),
        "emote": lambda member: member.emote("waves"),
        "whisper": lambda member: member.whisper("al", "hi"),
        "answer": lambda member: member.whisper(Say("al", "ho", 1.0), "hi"),
        "join": lambda member: member.join("games"),
        "enter": lambda member: member.enter(),
        "take out": lambda member: member.take_out(),
    }

    @pytest.mark.parametrize("second", ACTIONS)
    @pytest.mark.parametrize("first", ["say", "take out"])
    def test_two_threads(
        self, server: ChatServer, first: str, second: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        member = server.add_member("bot", Heard())
        section = Section()
        with monkeypatch.context() as patch:
            patch.setattr(member, "_acting", section)
            for module, name in [
                (server.chat, "say"),
                (server.chat, "enter"),
                (server.chat, "leave"),
                (talk, "whisper"),
                (talk, "answer"),
                (rooms, "join"),
            ]:
                patch.setattr(module, name, section.visit)
            actions = [partial(self.ACTIONS[name], member) for name in (first, second)]
            enter_one_by_one(section, actions)
            member._is_out = False
        member.leave()
