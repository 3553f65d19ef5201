"""What holds at a terminal holds at a page: names, characters, bans, mutes, limits, TLS."""

import contextlib
import json
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.net.test_tls import DATA
from tests.support.clock import Clock
from tests.support.pages import Page
from tests.support.servers import run_server
from threadchat import ChatServer, Limits
from threadchat.chat.rules import RulesFiles
from threadchat.net.certificate import Certificate
from threadchat.net.disconnect import Reason
from threadchat.testing import DEADLINE, Client

WEB = ("127.0.0.1", 0)


def make_operator(server: ChatServer, name: str) -> None:
    person = server.chat.names.find(name)
    assert person is not None
    person.is_operator = True


@contextlib.contextmanager
def two(**options: Any) -> Iterator[tuple[ChatServer, Page, Client]]:
    """Run a server with al at a page, and boss, an operator, at a terminal."""
    with (
        run_server(web_address=WEB, **options) as (server, _),
        Page(server, "al") as al,
        Client(server, "boss") as boss,
    ):
        make_operator(server, "boss")
        al.expect("join", names=["boss"])
        yield server, al, boss


class TestNames:
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("boss", "taken"),
            ("B0SS", "mistaken"),
            ("operator", "runs"),
            ("x" * 21, "too long"),
            ("a b", "without spaces"),
            ("аl", "one alphabet"),
            ("\u001b[31mred", "letters"),
            ("a\nb", "letters"),
            ("\u202eevil", ""),
            ("", ""),
            ("-x", ""),
        ],
    )
    def test_the_rules_are_the_same(self, name: str, why: str) -> None:
        with two() as (server, _, _), Page(server) as page:
            page.expect("ask")
            page.send("name", text=name)
            if name:
                page.expect("problem")
            page.expect("ask", what="name")
            page.send("name", text="bo")
            page.expect("session", name="bo")

    def test_a_name_is_changed_by_the_same_rules(self) -> None:
        with two() as (_, al, boss):
            al.type("/nick boss")
            al.expect("problem")
            al.type("/nick ed")
            al.expect("you", name="ed")
            boss.expect("al is now ed")


class TestCharacters:
    @pytest.mark.parametrize(
        ("typed", "shown"),
        [
            ("a\u001b[31mb", "ab"),
            ("a\u0007b\u0000c", "abc"),
            ("a\u202eb\u200bc", "abc"),
            ("one\ntwo", "one two"),
            ("e" + "\u0301" * 40, "e" + "\u0301" * 4),
            ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ],
    )
    def test_nothing_unsafe_reaches_a_screen(self, typed: str, shown: str) -> None:
        with two() as (_, al, boss):
            al.type(typed)
            said = al.expect("say")["text"]
            boss.expect("al: ")
            boss.type("/last")
            boss.expect(said)
            assert not any(ord(it) < 32 or it in "\u202e\u200b" for it in said)
            assert said == shown


class TestModeration:
    def test_a_kick_says_why_and_is_final(self) -> None:
        with two() as (_, al, boss):
            boss.type("/kick al too loud")
            assert "too loud" in al.expect("goodbye")["text"]
            assert al.code() == 1000

    def test_a_ban_ends_the_page_and_keeps_it_out(self) -> None:
        with two() as (server, al, boss):
            boss.type("/ban al 10m")
            al.expect("goodbye")
            assert al.code() == 1000
            with Page(server) as again:
                again.expect("ask")
                again.send("name", text="a1")
                assert "ban" in str(again.expect("problem")["text"])
            with Page(server, resumes=True) as again:
                again.send("resume", key=al.session["key"], room="lobby", position="", private=0)
                again.expect("no_session")

    def test_one_that_is_muted_reads_but_does_not_speak(self) -> None:
        with two() as (_, al, boss):
            boss.type("/mute al 10m")
            al.expect("muted")
            al.type("hi")
            assert "muted" in al.expect("problem")["text"]
            al.type("/me waves")
            al.expect("problem")
            boss.type("you may read")
            al.expect("say", text="you may read")
            boss.type("/unmute al")
            al.expect("unmuted")
            al.type("thanks")
            boss.expect("al: thanks")

    def test_a_page_may_be_an_operators(self, tmp_path: Path) -> None:
        file = tmp_path / "op"
        file.write_text("correct horse battery\n")
        with two(files=RulesFiles(op_password=file)) as (_, al, boss):
            al.type("/op")
            al.expect("ask", what="secret")
            al.send("secret", text="correct horse battery")
            al.expect("you", is_operator=True)
            al.type("/kick boss")
            boss.expect("kicked")

    @pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.9")
    def test_a_banned_address_is_turned_away(self) -> None:
        with two() as (server, _, boss):
            boss.type("/ban 127.0.0.9 10m")
            boss.expect("=== ")
            with Page(server, source="127.0.0.9") as page:
                assert "banned" in page.expect("goodbye")["text"]
                assert page.code() == 1013


class TestLimits:
    def test_the_chat_may_be_full(self) -> None:
        limits = Limits(max_clients=1, max_per_address=0, max_connects=0)
        with (
            run_server(web_address=WEB, limits=limits) as (server, _),
            Client(server, "cy"),
            Page(server) as page,
        ):
            assert "full" in page.expect("goodbye")["text"]
            assert page.code() == 1013

    @pytest.mark.parametrize(
        "limits",
        [Limits(max_per_address=2, max_connects=0), Limits(max_per_address=0, max_connects=2)],
    )
    def test_one_address_has_few(self, limits: Limits) -> None:
        with two(limits=limits) as (server, al, boss), Page(server) as page:
            page.expect("goodbye")
            assert page.code() == 1013
            al.type("hi")
            boss.expect("al: hi")

    @pytest.mark.slow
    def test_lines_wait_as_at_a_terminal(self) -> None:
        limits = Limits(max_per_address=0, max_connects=0, flood=(3.0, 1000.0))
        with two(limits=limits) as (_, al, boss):
            for number in range(60):
                al.type(f"line {number}")
            boss.expect("al: line 59")
            texts = [it["text"] for it in al.kinds("say")]
            assert texts == [f"line {number}" for number in range(len(texts))]

    def test_one_that_gives_no_name_is_let_go(self) -> None:
        clock = Clock()
        limits = Limits(max_per_address=0, max_connects=0, name_timeout=60.0, flood=None)
        with (
            run_server(web_address=WEB, limits=limits, clock=clock) as (server, _),
            Page(server) as page,
        ):
            page.expect("ask")
            clock.now += 61
            server._look_after_all()
            assert page.expect("goodbye")["reason"] == Reason.NO_NAME
            assert page.code() == 1000

    def test_one_that_says_nothing_is_warned_and_let_go(self) -> None:
        clock = Clock()
        limits = Limits(max_per_address=0, max_connects=0, idle_timeout=100.0, flood=None)
        with (
            run_server(web_address=WEB, limits=limits, clock=clock) as (server, _),
            Page(server, "al") as al,
        ):
            for _ in range(2):
                al.send("ping")  # a page that is there is no person that speaks
                al.expect("pong")
                clock.now += 30
                server._look_after_all()
            assert "still here" in al.expect("info")["text"]
            al.send("ping")
            al.expect("pong")  # so all has come that it sends by itself
            clock.now += 41
            server._look_after_all()
            assert al.expect("goodbye")["reason"] == Reason.IDLE
            assert al.code() == 1000


def test_a_page_over_tls_is_in_the_same_room() -> None:
    certificate = DATA / "certificate.pem"
    tls = Certificate(str(certificate), str(DATA / "key.pem"))
    with (
        run_server(web_address=WEB, tls=tls, tls_address=WEB) as (server, _),
        Client(server, "cy") as cy,
    ):
        assert server.web_listener is not None
        port = server.web_listener.server_address[1]
        context = ssl.create_default_context(cafile=str(certificate))
        with connect(
            f"wss://localhost:{port}/ws",
            ssl=context,
            proxy=None,
            origin=Origin(f"https://localhost:{port}"),
        ) as page:
            while "ask" not in str(page.recv(timeout=DEADLINE)):
                pass
            page.send(json.dumps({"kind": "name", "text": "al"}))
            page.send(json.dumps({"kind": "line", "n": 1, "text": "hi"}))
            cy.expect("al: hi")
            assert {it.client.door for it in server.clients.handlers()} == {
                "terminal",
                "browser TLS",
            }
