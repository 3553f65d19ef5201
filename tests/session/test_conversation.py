"""What a person says, and what a room asks for in their place while several speak at once."""

import threading
from collections.abc import Sequence

import pytest

from tests.support.chats import Lobby, Somebody
from tests.support.clients import Client
from tests.support.observer import Recorder
from tests.support.scripted import Scripted
from tests.support.servers import TRANSPORTS, WatchingConsole, run_server, terminals
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.chat.entries import More
from threadchat.chat.interfaces import Member
from threadchat.chat.room import Room
from threadchat.handlers import handler as handler_module
from threadchat.handlers.connection import TerminalConnection
from threadchat.handlers.handler import ClientHandler
from threadchat.messages.kinds import Spoken
from threadchat.monitoring.events import Named
from threadchat.net.transport import PlainTransport
from threadchat.server.config import ServerConfig
from threadchat.session.conversation import CATCH_UP_SECONDS, Conversation
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.testing import DEADLINE, UNLIMITED


class Overheard:
    """A lobby in which each speaker is asked for more, once `al` has sent it all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[int] = []
        """How much more there was, each time somebody was asked."""
        self.may_ask = threading.Event()
        post = Room.post

        def ask(
            room: Room, said: Sequence[Spoken], sender: Member, more: More | None = None
        ) -> None:
            post(room, said, sender)
            if more is not None and sender.name == "al":
                assert self.may_ask.wait(DEADLINE)
                while said := more():
                    self.asked.append(len(said))
                    post(room, said, sender)

        monkeypatch.setattr(Room, "post", ask)


@pytest.fixture
def overheard(monkeypatch: pytest.MonkeyPatch) -> Overheard:
    return Overheard(monkeypatch)


class TestCatchingUp:
    """A command waits until its client has taken what was sent before; words do not."""

    def test_only_a_command_waits_and_is_not_run_for_a_client_that_is_gone(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []
        is_there = [True, False, True]

        def catch_up(connection: TerminalConnection, seconds: float) -> bool:
            waits.append(seconds)
            return is_there.pop()

        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.expect("bo joined")
            monkeypatch.setattr(TerminalConnection, "is_behind", property(lambda _: True))
            monkeypatch.setattr(TerminalConnection, "catch_up", catch_up)
            al.type("hi")
            bo.expect("al: hi\r\n")
            assert waits == []
            al.type("/who")
            al.expect("2 people are here: al, bo.\r\n")
            al.type("/nick eve")
            al.type("/who")
            al.expect("2 people are here: al, bo.\r\n")
            assert waits == [CATCH_UP_SECONDS] * 3


class TestMissedCalls:
    @pytest.mark.parametrize(
        ("typed", "name"),
        [
            (" /msg bo secret", "msg"),
            ("\t/msg bo secret", "msg"),
            ("\u200b \u3000/PM bo secret", "pm"),
            ("\uff0fmsg bo secret", "msg"),
        ],
    )
    def test_a_line_that_was_to_be_a_command_is_not_said(
        self, server: ChatServer, typed: str, name: str
    ) -> None:
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.expect("bo joined")
            al.type(typed)
            line = al.expect("to say it.\r\n")
            assert f"Begin with /{name} to run it, with //{name} to say it." in line
            al.type(" /usr/bin is full")
            assert bo.expect("full\r\n") == "al:  /usr/bin is full\r\n"
            assert all("secret" not in it.text for it in server.chat.recent(server.chat.lobby, 9))

    def test_nor_is_it_said_with_others_at_once(self, overheard: Overheard) -> None:
        with run_server() as (server, _), Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("one")
            bo.expect("al: one\r\n")
            al.send(b"two\r\n /msg bo secret\r\nthree\r\n")
            overheard.may_ask.set()
            assert bo.expect("al: three\r\n") == "al: two\r\nal: three\r\n"


def handler_of(server: ChatServer, name: str) -> ClientHandler:
    """Return what serves the client called `name`."""
    return next(it for it in terminals(server) if it.person.name == name)


class TestBeingAskedForMore:
    """What a client sends while its room asks for it: see `Room.post`."""

    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_words_go_to_the_room_and_the_rest_is_served_as_ever(
        self, transport: type[PlainTransport], overheard: Overheard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(handler_module, "open_transport", transport)
        with run_server() as (server, _), Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("one")
            bo.expect("al: one\r\n")
            al.send(b"two\r\n\r\nthree\r\n/me waves\r\nfour\r\nfi")
            overheard.may_ask.set()
            bo.expect("al: two\r\nal: three\r\n* al waves\r\nal: four\r\n")
            al.type("ve")
            assert bo.expect("\r\n") == "al: five\r\n"
        assert overheard.asked[0] == 2  # and then, perhaps, of what is said later

    def test_keys_are_left_to_the_clients_own_thread(
        self, overheard: Overheard, server: ChatServer
    ) -> None:
        with Client(server) as al, Client(server, "bo") as bo:
            al.send(b"\xff\xfd\x01\xff\xfd\x03al\r")
            al.expect("lobby> ")
            al.send(b"one\r")
            bo.expect("al: one\r\n")
            al.send(b"two\rhalf")
            overheard.may_ask.set()
            bo.expect("al: two\r\n")
            al.expect(": two\r\nlobby> half")
        assert overheard.asked == []

    def test_who_is_muted_is_told_so(self, overheard: Overheard, server: ChatServer) -> None:
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("one")
            bo.expect("al: one\r\n")
            server.chat.moderation.mute("al", 60.0)
            al.type("two")
            overheard.may_ask.set()
            al.expect("!!! You are muted")
            server.chat.moderation.unmute("al")
            assert bo.read_to_fence(al) == ""
        assert overheard.asked == []

    def test_who_is_kicked_is_heard_no_more(
        self, overheard: Overheard, watched: tuple[ChatServer, WatchingConsole]
    ) -> None:
        server, console = watched
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("one")
            bo.expect("al: one\r\n")
            al.type("two")
            handler = handler_of(server, "al")
            handler.client.end("kicked", "Out.")
            overheard.may_ask.set()
            assert bo.expect("\r\n").startswith("<-- al left")
            assert console.next_disconnect().why == "kicked"
        assert overheard.asked == []

    def test_a_connection_that_breaks_ends_as_ever(
        self, overheard: Overheard, watched: tuple[ChatServer, WatchingConsole]
    ) -> None:
        server, console = watched
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("one")
            bo.expect("al: one\r\n")
            al.reset()
            handler = handler_of(server, "al")
            wait_until(handler.transport.has_input, "the reset has arrived")
            overheard.may_ask.set()
            assert bo.expect("\r\n").startswith("<-- al left")
            assert console.next_disconnect().why == "reset"

    def test_what_goes_wrong_then_ends_that_client(
        self, overheard: Overheard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain_lines = ClientTerminal.plain_lines

        def fail(terminal: ClientTerminal, data: bytes) -> list[str] | None:
            assert data != b"two\n"
            return plain_lines(terminal, data)

        monkeypatch.setattr(ClientTerminal, "plain_lines", fail)
        console = WatchingConsole()
        with ChatServer(
            ("127.0.0.1", 0), ServerConfig(limits=UNLIMITED), watchers=[console]
        ) as server:
            server.start()
            with Client(server, "al") as al, Client(server, "bo") as bo:
                al.type("one")
                bo.expect("al: one\r\n")
                al.type("two")
                overheard.may_ask.set()
                bo.expect("<-- al left")
                al.expect_end()
                assert console.next_disconnect().why == "server error"
        console.close()


NOTHING = ["\u3164", "\u2800 \u2800", "\u115f", "\u0301\u0301", "\ufe0f", "\U000e0041", " \u200c"]


class TestWhatShowsNothing:
    """Characters that a screen shows nothing of are no words, wherever words can stand."""

    def test_it_is_not_said_to_anybody(self, server: ChatServer) -> None:
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.read_to_fence(bo)
            for way in ("%s", "/me %s", "/msg bo %s", "/r %s", "/topic %s", "/say %s"):
                al.type("\n".join(way % nothing for nothing in NOTHING))
            al.sync()
            assert bo.read_to_fence(al) == ""
            assert server.chat.lobby.topic == ""

    def test_it_is_left_out_where_words_may_be_left_out(self, server: ChatServer) -> None:
        with Client(server, "al") as al, Client(server, "bo") as bo:
            bo.read_to_fence(al)
            al.type("/away \u3164\u3164")
            bo.expect("--- al is away\r\n")
            al.type("/quit \u2800")
            bo.expect("(quit)\r\n")

    def test_it_is_no_name(self, server: ChatServer) -> None:
        with Client(server) as client:
            client.type("\n".join(NOTHING[:4]))
            for _ in NOTHING[:4]:
                client.expect("!!! A name needs at least one letter or digit.\r\n")


def test_a_rename_is_told_to_those_who_watch() -> None:
    recorder = Recorder()
    with run_server(watchers=[recorder]) as (server, _), Client(server, "al") as al:
        for line in ("/nick ed", "/nick ed", "/nick Ed", "/nick no way", "hi"):
            al.type(line)
        al.sync()
    told = [(it.name, it.before) for it in recorder.events if isinstance(it, Named)]
    assert told == [("al", ""), ("ed", "al"), ("Ed", "ed")]


class TestOneClient:
    """The conversation alone, with a client that types what a test says."""

    @pytest.fixture
    def client(self, lobby: Lobby) -> Scripted:
        al = Somebody(1)
        lobby.chat.names.claim(al, "al")
        return Scripted(al)

    @pytest.fixture
    def conversation(self, client: Scripted, lobby: Lobby) -> Conversation:
        conversation = Conversation(lobby.chat, lobby.commands, client.it, None)
        conversation.enter()
        client.person.lines()
        return conversation

    def test_commands_stay_on_the_screen_and_words_are_shown_as_they_are_said(
        self, client: Scripted, conversation: Conversation
    ) -> None:
        client.typed += ["hi", "/who", "/me waves", "/nosuch", " /msg bo psst"]
        conversation.go_on()
        assert client.kept == ["lobby> /who", "lobby> /nosuch", "lobby>  /msg bo psst"]

    def test_the_prompt_names_the_room(self, client: Scripted, conversation: Conversation) -> None:
        client.typed += ["/who", "/join den", "/who", "/join no room", "/quit", "/who"]
        conversation.go_on()
        assert client.prompts == ["lobby> ", "den> "]
        assert client.kept[-1] == "den> /quit"
        assert client.typed == ["/who"]

    def test_without_flood_control_all_is_in_time(self, conversation: Conversation) -> None:
        for _ in range(100):
            assert conversation.is_time_for("/who")
            assert conversation.is_time_for_input(100.0)

    def test_what_comes_right_behind_is_said_with_it(
        self, client: Scripted, conversation: Conversation, lobby: Lobby
    ) -> None:
        client.typed.append("one")
        client.behind = ["two", " ", "three", "/who"]
        conversation.go_on()
        assert [it.text for it in lobby.chat.recent(lobby.chat.lobby, 9)] == ["one", "two", "three"]
        assert client.behind == ["/who"]

    def test_somebody_that_is_asked_for_more_is_not_silent(
        self, client: Scripted, conversation: Conversation, lobby: Lobby
    ) -> None:
        lobby.now[0] += 600
        client.behind = ["more"]
        (said,) = conversation._more()
        assert said.text == "more"
        assert client.person.last_heard_at == lobby.now[0]
        assert client.person.last_said is said
        lobby.now[0] += 600
        assert not conversation._more()
        assert client.person.last_heard_at == lobby.now[0] - 600

    def test_a_mute_ends_in_time(
        self, client: Scripted, conversation: Conversation, lobby: Lobby
    ) -> None:
        lobby.chat.moderation.mute("al", 60.0)
        lobby.now[0] += 59
        client.behind = ["more"]
        assert not conversation._more()
        lobby.now[0] += 1
        assert [it.text for it in conversation._more()] == ["more"]
