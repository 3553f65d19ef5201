"""People at pages and at terminals in one chat: joining, talking, breaking off, and coming back."""

import json
import socket
import sys
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from tests.net.test_tls import DATA
from tests.support.clock import Clock
from tests.support.observer import Recorder
from tests.support.pages import Page, web_address
from tests.support.servers import WatchingConsole, run_server
from tests.support.waiting import WatchedLock, wait_until
from threadchat import ChatServer, Limits
from threadchat.access.bans import parse_target
from threadchat.access.limiter import LONGEST_PAUSE
from threadchat.access.passphrase import make
from threadchat.chat.rules import RulesFiles
from threadchat.net.certificate import Certificate
from threadchat.session.conversation import Conversation
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.testing import DEADLINE, Client
from threadchat.text.clean import MAX_LINE
from threadchat.text.names import MAX_NAME_CELLS
from threadchat.web import links
from threadchat.web.connection import SILENT_SECONDS
from threadchat.web.selfview import SelfView

Served = tuple[ChatServer, WatchingConsole]


def said(page: Page) -> list[str]:
    return [it["text"] for it in page.kinds("say", "do")]


class TestTalking:
    def test_pages_and_terminals_see_the_same_order(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Page(server, "bo") as bo, Client(server, "cy") as cy:
            al.expect("join", names=["cy"])
            al.type("one é")
            cy.expect("al: one é")
            cy.type("two 漢字")
            bo.expect("say", text="two 漢字")
            bo.type("/me waves")
            cy.expect("* bo waves")
            al.expect("do", text="waves")
            bo.expect("do", text="waves")
            assert said(al) == said(bo) == ["one é", "two 漢字", "waves"]
            places = [(it["epoch"], it["seq"]) for it in al.kinds("say", "do")]
            assert places == [(it["epoch"], it["seq"]) for it in bo.kinds("say", "do")]
            assert [seq for _, seq in places] == [1, 2, 3]

    def test_a_page_is_told_who_is_here_and_which_commands_there_are(
        self, server: ChatServer
    ) -> None:
        with Client(server, "cy") as cy:
            cy.type("/away lunch")
            cy.expect("away")
            with Page(server, "al") as al:
                (room,) = al.kinds("room")
                assert room["people"] == [
                    {"name": "cy", "is_away": True},
                    {"name": "al", "is_away": False},
                ]
                (commands,) = al.kinds("commands")
                assert "join" in [it["name"] for it in commands["commands"]]
                assert "kick" not in [it["name"] for it in commands["commands"]]
                # Those that are for terminals are not offered to a page.
                assert "charset" not in [it["name"] for it in commands["commands"]]

    def test_a_page_is_told_first_what_it_speaks_with(self, server: ChatServer) -> None:
        with Page(server) as page:
            hello = page.expect("hello")
        assert page.objects[0] is hello
        assert (hello["version"], hello["asks"]) == (1, "name")
        assert hello["server"].startswith("threadchat ")
        assert hello["limits"] == {"line": MAX_LINE, "name": MAX_NAME_CELLS}
        assert hello["resumes"] == links.SEAT_SECONDS

    def test_each_line_is_taken_once(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Client(server, "cy") as cy:
            for number in (1, 1, 2, 1, 3, 3):
                al.send("line", n=number, text=f"line {number}")
            for number in (1, 2, 3):
                cy.expect(f"al: line {number}\r\n")
            al.expect("say", text="line 3")
            al.send("ping")
            al.expect("pong")
            assert al.kinds("taken")[-1]["n"] == 3
            assert said(al) == ["line 1", "line 2", "line 3"]

    def test_another_room_is_told_with_its_people(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Client(server, "cy") as cy:
            cy.type("/join games")
            cy.expect("You are in games.")
            al.type("/join games")
            room = al.expect("room", room="games")
            assert [it["name"] for it in room["people"]] == ["cy", "al"]

    def test_private_words_have_numbers(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Client(server, "cy") as cy:
            cy.type("/msg al one")
            first = al.expect("private", text="one", sender="cy", is_own=False)
            al.type("/msg cy two")
            second = al.expect("private", text="two", is_own=True)
            assert second["p"] > first["p"] > 0

    def test_a_page_is_told_of_the_rooms(self, server: ChatServer) -> None:
        with Page(server, "al") as al:
            while True:
                (lobby,) = al.expect("rooms_now")["rooms"]
                if lobby["people"] == 1:
                    break
            assert (lobby["room"], lobby["seq"]) == ("lobby", 0)


class TestJoining:
    def test_a_name_that_is_taken_is_asked_for_again(self, server: ChatServer) -> None:
        with Client(server, "cy"), Page(server) as al:
            al.expect("ask", what="name")
            al.send("name", text="cy")
            al.expect("problem")
            al.expect("ask", what="name")
            al.send("name", text="al")
            al.expect("session", name="al")

    def test_lines_before_a_name_are_nothing(self, server: ChatServer) -> None:
        with Page(server) as al, Client(server, "cy") as cy:
            al.expect("ask")
            al.send("line", n=1, text="al")
            al.send("ping")
            al.expect("pong")
            al.send("name", text="al")
            cy.expect("--> al joined")
            al.expect("session", name="al")
            al.send("line", n=1, text="hi")
            assert "al: al" not in cy.expect("al: hi\r\n")

    def test_nothing_more_is_received_while_something_waits(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        received: list[str] = []

        class Receiving:
            def receive_now(self, now: float) -> list[str]:
                received.append('{"kind": "line", "n": 2, "text": "two"}')
                return received[-1:]

            def send(self, data: bytes) -> None:
                """Nobody reads it."""

        assert server.web_listener is not None
        with Page(server, "al"):
            (connection,) = server.web_listener.door.seats.connections()
            with monkeypatch.context() as patch:
                patch.setattr(connection.links, "current", Receiving())
                connection.put_back(["one"])
                assert connection.take_lines(9, receives=True) == ["one"]
                assert received == []
                assert connection.take_lines(9, receives=True) == ["two"]

    def test_what_waits_for_the_page_is_caught_up_with(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []

        class Queue:
            def catch_up(self, seconds: float) -> bool:
                waits.append(seconds)
                return True

        assert server.web_listener is not None
        with Page(server, "al"):
            (connection,) = server.web_listener.door.seats.connections()
            with monkeypatch.context() as patch:
                patch.setattr(connection.links, "current", SimpleNamespace(send_queue=Queue()))
                assert connection.catch_up(5.0)
                patch.setattr(connection.links, "current", None)
                assert connection.catch_up(5.0)
        assert waits == [5.0]

    def test_the_password_is_asked_first(self, tmp_path: Path, clock: Clock) -> None:
        file = tmp_path / "password"
        file.write_text("open sesame\n")
        with (
            run_server(
                web_address=("127.0.0.1", 0), files=RulesFiles(password=file), clock=clock
            ) as (server, _),
            Page(server) as al,
        ):
            assert al.expect("hello")["asks"] == "password"
            al.expect("ask", what="password")
            al.send("password", text="wrong")
            al.expect("problem")
            clock.now += LONGEST_PAUSE
            al.expect("ask", what="password")
            al.send("password", text="open sesame")
            al.expect("ask", what="name")
            al.send("name", text="al")
            al.expect("session", name="al")

    def test_a_secret_is_asked_for_and_not_shown(self, tmp_path: Path) -> None:
        history = StoredHistory(tmp_path / "chat.db", print)
        records = Records(tmp_path / "chat.db")
        with (
            run_server(web_address=("127.0.0.1", 0), history=history, records=records) as (
                server,
                _,
            ),
            Page(server, "al") as al,
        ):
            al.type("/protect")
            al.expect("ask", what="secret")
            al.send("secret", text="correct horse")
            al.expect("ask", what="secret")
            al.send("secret", text="correct horse")
            al.expect("info")
            assert "correct horse" not in json.dumps(al.objects)

    def test_the_limits_hold(self) -> None:
        limits = Limits(max_clients=1, max_per_address=0, max_connects=0, flood=None)
        with (
            run_server(web_address=("127.0.0.1", 0), limits=limits) as (server, _),
            Page(server, "al"),
            Page(server) as late,
        ):
            assert late.code() == 1013
            assert "full" in late.kinds("goodbye")[0]["text"]


class TestBreakingOff:
    def test_nothing_is_missing_and_nobody_sees_a_thing(self, served: Served) -> None:
        server, console = served
        with Page(server, "al") as al, Client(server, "cy") as cy:
            cy.type("seen")
            seen = al.expect("say", text="seen")
            cy.type("/msg al seen, too")
            private = al.expect("private")
            cy.type("/whois nobody")
            cy.expect("!!! ")  # by then it was looked whether al reads that
            al.cut()
            wait_until(lambda: "connection lost" in console.file.getvalue(), "it is noticed")
            cy.type("missed")
            cy.type("/msg al missed, too")
            cy.expect(
                "[you -> al] missed, too\r\n=== The connection of al is lost. That is read only"
            )
            with Page(server, resumes=True) as again:
                again.send(
                    "resume",
                    key=al.session["key"],
                    room="lobby",
                    position=seen["position"],
                    private=private["p"],
                )
                again.expect("session", name="al", is_resumed=True)
                again.expect("private", text="missed, too")
                again.expect("room", room="lobby")
                again.expect("say", text="missed")
                cy.type("live")
                again.expect("say", text="live")
                cy.type("/msg al live, too")
                again.expect("private", text="live, too")
                cy.type("/whois nobody")
                cy.expect("!!! ")
                assert said(again) == ["missed", "live"]
                assert len(again.kinds("private")) == 2
                assert cy.received.decode().count("lost") == 1
                again.send("line", n=1, text="mine")
                cy.expect("al: mine")
            assert "left" not in cy.received.decode()
            assert cy.received.decode().count("joined") == 0

    def test_the_seat_of_a_page_that_gives_no_sign_is_kept_from_then_on(
        self, served: tuple[ChatServer, WatchingConsole]
    ) -> None:
        server, console = served
        with Page(server, "al"):
            assert server.web_listener is not None
            (connection,) = server.web_listener.door.seats.connections()
            connection.look(server.chat.clock() + SILENT_SECONDS)
            kept = "seat kept (timed out)"
            wait_until(lambda: kept in console.file.getvalue(), "its thread knows")

    def test_where_nothing_was_missed_no_message_is_empty(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Client(server, "cy") as cy:
            cy.type("seen")
            seen = al.expect("say", text="seen")
            al.cut()
            with Page(server, resumes=True) as again:
                place = {"room": "lobby", "position": seen["position"], "private": 0}
                again.send("resume", key=al.session["key"], **place)
                again.expect("session", is_resumed=True)
                cy.type("live")
                again.expect("say", text="live")

    def test_lines_that_were_taken_are_not_said_again(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Client(server, "cy") as cy:
            al.type("one")
            cy.expect("al: one")
            al.cut()
            with Page(server, resumes=True) as again:
                again.send("resume", key=al.session["key"], room="lobby", position="", private=0)
                assert again.expect("session")["taken"] == 1
                again.send("line", n=1, text="one")
                again.send("line", n=2, text="two")
                cy.expect("al: two")
                assert cy.received.decode().count("al: one") == 1

    def test_one_that_is_still_there_is_replaced(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Page(server, resumes=True) as again:
            again.send("resume", key=al.session["key"], room="lobby", position="", private=0)
            again.expect("session", name="al")
            assert al.code() == 4000
            again.type("/whois al")
            again.expect("whois")

    def test_nothing_private_comes_before_what_was_missed(
        self, server: ChatServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tell_session, lock = SelfView.tell_session, WatchedLock()
        waited: list[bool] = []

        def tell_while_another_sends(view: SelfView, *told: Any, is_resumed: bool) -> None:
            tell_session(view, *told, is_resumed=is_resumed)
            if is_resumed:
                (connection,) = seats.connections()
                sender = Thread(target=connection._private.send, args=(b'{"kind": "late"}\n',))
                sender.start()
                wait_until(lambda: lock.is_waited_for or not sender.is_alive(), "it is sent")
                waited.append(lock.is_waited_for)

        assert server.web_listener is not None
        seats = server.web_listener.door.seats
        with Page(server, "al") as al, Page(server, resumes=True) as again:
            (connection,) = seats.connections()
            monkeypatch.setattr(connection._private, "lock", lock)
            monkeypatch.setattr(SelfView, "tell_session", tell_while_another_sends)
            again.send("resume", key=al.session["key"], room="lobby", position="", private=0)
            again.expect("session", name="al", is_resumed=True)
            again.expect("late")
        assert waited == [True]

    def test_a_banned_address_does_not_go_on_with_a_seat(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Client(server, "cy") as cy:
            server.chat.records.ban(parse_target("127.0.0.0/8"), "cy", "flooding")
            with Page(server, resumes=True) as again:
                again.send("resume", key=al.session["key"], room="lobby", position="", private=0)
                assert "You are banned here: " in again.expect("goodbye")["text"]
            al.type("hi")
            cy.expect("al: hi")

    @pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.2")
    def test_bans_and_mutes_of_addresses_go_by_the_one_of_now(self, served: Served) -> None:
        server, _ = served
        with (
            Page(server, "al", source="127.0.0.2") as al,
            Page(server, resumes=True, source="127.0.0.3") as again,
        ):
            server.chat.moderation.mute(parse_target("127.0.0.3"), 600.0, "cy")
            again.send("resume", key=al.session["key"], room="lobby", position="", private=0)
            again.expect("session", name="al", is_resumed=True)
            again.type("hi")
            assert "You are muted" in again.expect("problem")["text"]
            with Client(server, "boss") as boss:
                server.chat.names.find("boss").is_operator = True
                boss.type("/ban 127.0.0.3")
                boss.expect("<-- al left")
            assert again.expect("goodbye")

    def test_a_seat_is_kept_for_a_while_only(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server, console = served
        monkeypatch.setattr(links, "SEAT_SECONDS", 0.05)
        with Page(server, "al") as al, Client(server, "cy") as cy:
            al.cut()
            cy.expect("<-- al left")
            assert server.web_listener is not None
            assert server.web_listener.door.seats.connections() == []
            end = console.next_disconnect()
            assert end.name == "al"
            assert end.why in ("closed", "reset")  # it depends on what had not been read
            with Page(server, resumes=True) as again:
                again.send("resume", key=al.session["key"], room="lobby", position="", private=0)
                again.expect("no_session")
                again.expect("ask", what="name")
                again.send("name", text="bo")
                again.expect("session", name="bo")

    def test_a_page_that_never_reads_costs_itself_alone_and_is_told_what_it_misses(
        self, served: Served
    ) -> None:
        server, console = served
        with Page(server, "al") as al, Client(server, "cy") as cy:
            cy.type("first")
            first = al.expect("say", text="first")
            said = 0
            # How much the page's side takes, unread, depends on how much goes in one frame.
            while "too slow" not in console.file.getvalue():
                assert said < 5000
                for number in range(said, said + 50):
                    cy.type(f"{number} " + "\u6f22" * 3900)
                said += 50
                cy.type("/whois cy")  # cy waits for nobody
                cy.expect("cy is in lobby")
            al.cut()
            with Page(server, resumes=True) as again:
                again.send(
                    "resume",
                    key=al.session["key"],
                    room="lobby",
                    position=first["position"],
                    private=0,
                )
                again.expect("session", is_resumed=True)
                missing = again.expect("gap")["missing"]  # more than fits into one answer
                for number in range(missing, said):
                    assert again.expect("say")["text"].startswith(f"{number} ")

    def test_a_key_that_nobody_has_is_no_session(self, server: ChatServer) -> None:
        with Page(server, resumes=True) as page:
            page.send("resume", key="nobody's", room="", position="x", private=0)
            page.expect("no_session")

    @pytest.mark.parametrize("how", ["leave", "/quit"])
    def test_who_leaves_leaves_for_good(self, served: Served, how: str) -> None:
        server, console = served
        with Page(server, "al") as al, Client(server, "cy") as cy:
            if how == "leave":
                al.send("leave")
            else:
                al.type(how)
            cy.expect("<-- al left")
            assert al.code() == 1000
            assert console.next_disconnect().why == "quit"

    def test_a_kick_is_final(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Client(server, "cy") as cy:
            person = server.chat.names.find("al")
            assert person is not None
            assert person.connection is not None
            person.connection.end("kicked", "You were kicked.")
            cy.expect("<-- al left")
            assert al.code() == 1000
            assert al.kinds("goodbye")[0]["text"] == "You were kicked."

    def test_a_stop_says_goodbye_with_its_code(self, server: ChatServer) -> None:
        with Page(server, "al") as al:
            server.stop()
            assert al.code() == 1001
            assert al.kinds("goodbye")[0]["reason"] == "server stopping"


PASSPHRASE = "correct horse battery"


def come_in_as_owner(server: ChatServer, *, tells: bool) -> Page:
    page = Page(server)
    page.tells_what_is_seen = tells
    page.expect("ask", what="name")
    page.send("name", text="al")
    page.expect("ask")
    page.send("secret", text=PASSPHRASE)
    page.expect("session", name="al")
    return page


class TestMail:
    """What waits for the owner of a name is deleted once the page has said that it is there."""

    def test_it_comes_again_until_then(self, tmp_path: Path) -> None:
        file = tmp_path / "chat.db"
        history, records = StoredHistory(file, print), Records(file)
        records.protect("al", make(PASSPHRASE))
        with (
            run_server(web_address=("127.0.0.1", 0), history=history, records=records) as (
                server,
                console,
            ),
            Client(server, "cy") as cy,
        ):
            cy.type("/msg al remember the milk")
            cy.expect("al")
            with come_in_as_owner(server, tells=False) as al:
                al.expect("room")
                assert any("the milk" in str(it.get("text")) for it in al.kinds("info"))
                al.send("leave")
            console.next_disconnect()
            assert len(records.waiting("al")) == 1
            with come_in_as_owner(server, tells=True) as al:
                al.expect("room")
                assert any("again: " in str(it.get("text")) for it in al.kinds("info"))
                al.type("/who")
                al.expect("who")
                wait_until(lambda: not records.waiting("al"), "it is deleted")


class TestBadInput:
    @pytest.mark.parametrize("text", ["", "hi", "[]", '{"kind": "line", "n": 0, "text": ""}'])
    def test_what_is_no_object_ends_its_sender_alone(self, served: Served, text: str) -> None:
        server, console = served
        with Page(server, "al") as al, Client(server, "cy") as cy:
            al.socket.send(text)
            assert al.code() == 1008
            cy.expect("<-- al left")
            assert console.next_disconnect().why.startswith("broke the protocol")

    def test_so_does_a_binary_frame(self, server: ChatServer) -> None:
        with Page(server, "al") as al, Client(server, "cy") as cy:
            al.socket.send(b"bytes")
            assert al.code() == 1003
            cy.expect("<-- al left")

    def test_a_flood_of_pings_waits_as_lines_do(self, clock: Clock) -> None:
        limits = Limits(max_per_address=0, max_connects=0, flood=(10.0, 2.0))
        with (
            run_server(web_address=("127.0.0.1", 0), limits=limits, clock=clock) as (server, _),
            Page(server, "al") as al,
        ):
            for _ in range(200):
                al.send("ping")
            assert al.expect("info")["text"].startswith("That was fast")
            al.cut()  # the server answers a close only after the wait

    def test_a_line_that_is_too_long_is_told(self, server: ChatServer) -> None:
        with Page(server, "al") as al:
            al.type("x" * 5000)
            al.expect("problem")
            al.type("/who")
            al.expect("who")


def test_an_error_in_serving_a_page_ends_that_one_and_is_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Promise 8.
    def fail(conversation: Conversation) -> None:
        if conversation._person.name == "al":
            raise RuntimeError("a bug")
        go_on(conversation)

    go_on = Conversation.go_on
    monkeypatch.setattr(Conversation, "go_on", fail)
    server, console = served
    with Page(server, "bo") as bo, Page(server) as al:
        al.expect("ask")
        al.send("name", text="al")
        goodbye = al.expect("goodbye")
        assert goodbye["text"] == "Something went wrong. Come again!"
        assert al.code() == 1011
        assert bo.expect("left", name="al")["why"] == "server error"
        assert console.next_disconnect().why == "server error"
        (trouble,) = console.troubles
        assert trouble.startswith("serving client #")
        console.troubles.clear()


def test_a_broken_disk_in_serving_a_page_is_no_broken_connection(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk gone")

    server, console = served
    with Page(server, "al") as al:
        monkeypatch.setattr(server.chat.names, "remember", fail)
        al.send("leave")
        al.code()
        assert console.next_disconnect().name == "al"
        wait_until(lambda: bool(console.troubles), "the operator is told")
        (trouble,) = console.troubles
        assert "disk gone" in trouble
        console.troubles.clear()


def test_a_client_with_which_no_keys_can_be_agreed_on_is_told_why() -> None:
    tls = Certificate(str(DATA / "certificate.pem"), str(DATA / "key.pem"))
    web = ("127.0.0.1", 0)
    with (
        run_server(web_address=web, tls=tls, tls_address=web) as (server, _),
        socket.create_connection(web_address(server), DEADLINE) as raw,
    ):
        raw.sendall(b"\x16\x03\x01\x00\x04nope")
        assert raw.recv(100)[0] == 21  # an alert (RFC 8446, section 5.1)


def test_coming_and_going_are_logged_once_with_the_name() -> None:
    # Promise 7.
    recorder = Recorder()
    options: dict[str, Any] = {"web_address": ("127.0.0.1", 0), "watchers": [recorder]}
    with run_server(**options) as (server, console):
        with Page(server, "al") as al:
            al.send("leave")
            assert al.code() == 1000
        disconnect = console.next_disconnect()
        assert (disconnect.name, disconnect.why) == ("al", "quit")
        assert disconnect.received > 0
        assert disconnect.sent > 0
        with Page(server) as nobody:
            nobody.expect("ask")
            nobody.send("leave")
            nobody.code()
        assert console.next_disconnect().name == ""
    kinds = [type(it).__name__ for it in recorder.events]
    assert kinds == ["Connected", "Named", "Disconnected", "Connected", "Disconnected"]
