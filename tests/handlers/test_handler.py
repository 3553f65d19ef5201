"""One client at a terminal, from its first byte to the line in the log."""

import threading
import weakref

import pytest

from tests.support.clients import Client, said_by
from tests.support.clock import Clock
from tests.support.servers import WatchingConsole, run_server, terminals
from tests.support.waiting import wait_until
from tests.terminal.support import PUTTY
from threadchat import ChatServer
from threadchat.chat.chat import Chat
from threadchat.chat.person import Person
from threadchat.commands.registry import Command
from threadchat.handlers.connection import TerminalConnection
from threadchat.handlers.intake import WAITING_SIZE
from threadchat.monitoring.events import Disconnected
from threadchat.net import transport as transport_module
from threadchat.testing import DEADLINE


def test_people_hear_each_other_and_not_themselves(server: ChatServer) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.expect("--> bo joined (2 here)\r\n")
        al.type("hi")
        bo.expect("al: hi\r\n")
        bo.type("hello")
        assert al.expect("bo: hello\r\n") == "bo: hello\r\n"
        assert "bo:" not in bo.received.decode()


def test_a_newcomer_is_shown_what_was_said(server: ChatServer) -> None:
    with Client(server, "al") as al:
        al.type("first")
        al.type("/me waves")
        al.sync()
        with Client(server, "watch") as watch:
            watch.expect("al: first\r\n* al waves\r\n")


def test_the_replay_is_as_long_as_the_server_says() -> None:
    with run_server(replay=2) as (server, _), Client(server, "al") as al:
        for word in ("one", "two", "three"):
            al.type(word)
        al.sync()
        with Client(server, "bo") as bo:
            replay = bo.expect("live.\r\n")
            assert "al: one" not in replay
            assert "al: two\r\nal: three\r\n" in replay


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/me waves", "* al waves"),
        ("//help", "al: /help"),
        ("  indented  ", "al:   indented"),
        ("ünïcödé 漢字 😀", "al: ünïcödé 漢字 😀"),
        ("a\tb", "al: a b"),
        ("\x1b[31mred\x1b[0m \x07bell\x9b2J", "al: red bell"),
        ("hellp\bo", "al: hello"),
    ],
)
def test_what_others_see_of_a_line(server: ChatServer, typed: str, said: str) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.type(typed)
        assert bo.expect("\r\n") == f"{said}\r\n"


@pytest.mark.parametrize("line", ["", "   ", "\x1b[A", "\x07"])
def test_a_line_with_nothing_in_it_is_not_said(server: ChatServer, line: str) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.type(line)
        assert bo.read_to_fence(al) == ""


def test_quit_words_are_shown(server: ChatServer, console: WatchingConsole) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        bo.type("/quit so long")
        assert bo.expect_end() == "=== Goodbye.\r\n"
        al.expect("<-- bo left after 0 s (quit): so long\r\n")
        assert console.next_disconnect().why == "quit: so long"


def test_a_name_is_free_again_when_its_owner_has_left(server: ChatServer) -> None:
    with Client(server, "al") as al:
        al.type("/quit")
        al.expect_end()
        with Client(server, "al"):
            pass


def test_a_rename_is_announced_and_frees_the_old_name(server: ChatServer) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        bo.type("/nick ed")
        assert bo.expect("\r\n") == "=== You are now ed.\r\n"
        al.expect("--- bo is now ed\r\n")
        bo.type("hi")
        al.expect("ed: hi\r\n")
        with Client(server, "bo"):
            al.expect("--> bo joined (3 here)\r\n")


def test_a_rename_to_a_taken_name_changes_nothing(server: ChatServer) -> None:
    with Client(server, "al"), Client(server, "bo") as bo:
        bo.type("/nick AL")
        bo.expect("!!! AL is taken, from your own address, since ")
        bo.expect(" leave there. You are still bo.\r\n")


def test_a_change_of_case_is_a_rename_like_others(server: ChatServer) -> None:
    with Client(server, "al") as al, Client(server) as client:
        al.type("/nick Al")
        al.expect("=== You are now Al.\r\n")
        client.type("al")
        client.expect("!!! al is taken, from your own address, since ")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/hepl", "!!! There is no /hepl. Did you mean /help? /help lists all."),
        ("/quiet", "!!! There is no /quiet. Did you mean /quit? /help lists all."),
        ("/me", "!!! Use it like this: /me TEXT"),
        ("/nick", "!!! Use it like this: /nick NAME"),
        ("/WHO", "=== 1 person is here: al."),
    ],
)
def test_a_command_is_answered_in_a_line(server: ChatServer, typed: str, answer: str) -> None:
    with Client(server, "al") as al:
        al.type(typed)
        assert al.expect("\r\n").startswith(answer)


def test_a_line_that_is_too_long_is_refused_once_and_the_next_one_counts(
    server: ChatServer,
) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.send(b"x" * 300_000)
        al.expect("!!! A line has at most 4096 characters; yours was not sent.")
        al.send(b"x" * 300_000 + b"\nhi\n")
        assert bo.expect("\r\n") == "al: hi\r\n"
        assert al.received.count(b"!!!") == 1


def test_a_line_of_exactly_the_limit_is_said(server: ChatServer) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.type("x" * 4096)
        bo.expect("al: " + "x" * 4096 + "\r\n")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\0", b"\r"])
def test_every_line_end_counts(server: ChatServer, end: bytes) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        for byte in b"hi" + end + b"there" + end:
            al.send(bytes((byte,)))
        bo.expect("al: hi\r\nal: there\r\n")


def test_bytes_that_are_no_utf8_are_shown_and_answered_in_the_fallback(
    server: ChatServer,
) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.send(b"caf\xe9\n")
        bo.expect("al: café\r\n")
        al.expect("=== What you typed is not UTF-8: your charset is cp1252 now. /charset NAME")
        al.expect("\r\n")
        bo.type("olé 漢")
        al.expect("\r\n")
        assert al.received.endswith(b"bo: ol\xe9 ?\r\n")


@pytest.mark.parametrize("greeted", [True, False])
def test_an_irc_client_is_told_once_in_its_own_words(
    server: ChatServer, console: WatchingConsole, greeted: bool
) -> None:
    with Client(server, "bo") as bo, Client(server, "cy") as cy, Client(server) as client:
        if greeted:
            client.expect("Your name: ")
        client.send(b"CAP LS 302\r\nNICK al\r\nUSER al 0 * :Al\r\nPING x\r\n")
        client.expect_end()
        lines = client.received.decode().split("\r\n")
        assert [line.partition(" :")[0] for line in lines if "IRC" in line] == ["ERROR"]
        assert console.next_disconnect().why == "not a chat client: IRC"
        bo.expect("--> cy joined (2 here)\r\n")
        assert bo.read_to_fence(cy) == ""


def test_a_paste_may_be_cut_behind_a_tab(server: ChatServer) -> None:
    with Client(server, "alice") as alice, Client(server) as bo:
        bo.send(PUTTY + b"bo\r\n")
        alice.expect("--> bo joined")
        before = b"x" * (WAITING_SIZE - 4)
        bo.send(before + b" al\t" + b"and so on\r\n")
        alice.expect(f"bo: {before.decode()} al and so on\r\n")


def test_a_key_that_is_late_is_not_the_rest_of_a_sequence(clock: Clock) -> None:
    with run_server(clock=clock) as (server, _), Client(server, "al") as al, Client(server) as bo:
        bo.send(PUTTY + b"bo\r\n")
        al.expect("--> bo joined")
        bo.send(b"a\x1b\xff\xf6")
        bo.expect("=== Yes, threadchat is here.")
        clock.now += 1.0
        bo.send(b"hello\r\n")
        al.expect("bo: ahello\r\n")


def test_a_change_of_the_charset_is_told_once(server: ChatServer) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.expect("--> bo joined (2 here)\r\n")
        al.send(b"caf\xe9\n\xe9\n")
        al.expect("=== What you typed is not UTF-8: your charset is cp1252 now.")
        bo.expect("al: café\r\nal: é\r\n")
        assert "charset is" not in al.read_to_fence(bo)
        al.send("привет\n".encode())
        al.expect("=== Your client writes UTF-8 after all.")
        bo.expect("al: привет\r\n")


def test_a_byte_that_is_no_utf8_changes_no_client_that_writes_utf8(server: ChatServer) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        for line in ("привет\n".encode(), b"\xd0x\r\n", "привет\n".encode()):
            al.send(line)
        bo.expect("al: привет\r\nal: Ðx\r\nal: привет\r\n")
        bo.type("и тебе")
        al.expect("bo: и тебе\r\n")
        assert b"charset" not in al.received


def test_with_utf8_as_the_fallback_a_bad_byte_is_replaced() -> None:
    with (
        run_server(fallback_encoding="utf-8") as (server, _),
        Client(server, "al") as al,
        Client(server, "bo") as bo,
    ):
        al.send(b"caf\xe9 " + b"\xfe" * 300 + b"\n" + "привет\n".encode())
        bo.expect("al: caf\ufffd " + "\ufffd" * 300 + "\r\n")
        bo.expect("al: привет\r\n")
        bo.type("и тебе")
        al.expect("bo: и тебе\r\n")


@pytest.mark.parametrize("line", ["привет", "漢", "hi"])
def test_a_byte_order_mark_before_the_name_is_dropped(server: ChatServer, line: str) -> None:
    with Client(server) as al, Client(server, "bo") as bo:
        al.send(b"\xef\xbb\xbfal\r\n" + line.encode() + b"\r\n")
        bo.expect(f"al: {line}\r\n")


def test_telnet_negotiation_is_answered_and_never_text(server: ChatServer) -> None:
    with Client(server) as client, Client(server, "bo") as bo:
        client.expect("Your name: ")
        client.send(bytes.fromhex("fffb1ffffb20fffb18fffb27fffd01fffb03fffd03"))
        client.send(b"a\xff\xfb\x22l\r\0h\xff\xfb\x1fi\xff\xf6\r\n")
        bo.expect("al: hi\r\n")
        client.type("/quit")
        client.expect_end()
        assert b"=== Yes, threadchat is here.\r\n" in client.received
        answers = {
            bytes.fromhex(each)
            for each in "fffd1f fffe20 fffd18 fffe27 fffb01 fffd03 fffb03 fffe22".split()
        }
        assert all(client.received.count(answer) == 1 for answer in answers)


def test_an_interrupt_clears_the_line_and_is_answered_first(server: ChatServer) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.send(b"oops\xff\xf4\xff\xfd\x06hi\n")
        bo.expect("al: hi\r\n")
        al.type("/quit")
        al.expect_end()
        assert al.received.index(b"\xff\xfc\x06") < al.received.index(b"=== Goodbye.")


def test_a_plain_client_never_receives_telnet_or_escapes(server: ChatServer) -> None:
    # Promise 5.
    with Client(server, "al") as al, Client(server, "bo") as bo:
        for typed in ("hi", "/help", "/who", "é漢😀\x1b[31m", "/wrong", "/nick b", "/nick cy"):
            al.type(typed)
            bo.type(typed)
        al.type("/quit")
        bo.expect("left after")
        al.expect_end()
        for client in (al, bo):
            assert not {0xFF, 0x1B} & set(client.received)


@pytest.mark.parametrize(
    ("opening", "answer", "protocol"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 ", "HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b"This is threadchat", "SSH"),
    ],
)
def test_other_protocols_are_turned_away_in_their_manner(
    watched: tuple[ChatServer, WatchingConsole], opening: bytes, answer: bytes, protocol: str
) -> None:
    server, console = watched
    with Client(server, "al") as al, Client(server) as stranger:
        stranger.expect("Your name: ")
        stranger.send(opening)
        stranger.socket.shutdown(1)
        stranger.expect_end()
        assert stranger.received.partition(b"Your name: ")[2].startswith(answer)
        assert b"Welcome" not in stranger.received
        assert console.next_disconnect().why == f"not a chat client: {protocol}"
        al.type("/who")
        al.expect("1 person is here: al.")


def test_a_last_line_without_its_end_counts_and_gets_its_replies(server: ChatServer) -> None:
    with Client(server, "bo") as bo, Client(server) as al:
        al.send(b"al\n/who\nlast words")
        al.socket.shutdown(1)
        assert "=== 2 people are here: bo, al." in al.expect_end()
        bo.expect("al: last words\r\n<-- al left after 0 s (closed)\r\n")


@pytest.mark.parametrize("typed", [b"", b"a", b"al\n", b"al\nhalf a li"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_client_that_breaks_off_is_taken_out_and_logged_once(
    watched: tuple[ChatServer, WatchingConsole], typed: bytes, how: str
) -> None:
    server, console = watched
    with Client(server, "bo") as bo:
        client = Client(server)
        client.expect("Your name: ")
        client.send(typed)
        if b"\n" in typed:
            client.expect("Welcome, al.")
            bo.expect("--> al joined (2 here)")
        getattr(client, how)()
        disconnect = console.next_disconnect()
        assert disconnect.why in ("closed", "reset")
        assert disconnect.id == 2
        if b"\n" in typed:
            bo.expect("<-- al left after 0 s (")
        bo.type("/who")
        bo.expect("=== 1 person is here: bo.")
        assert console.disconnects.empty()


def test_a_disconnect_is_logged_with_all_there_is_to_know(
    watched: tuple[ChatServer, WatchingConsole],
) -> None:
    # Promise 7.
    server, console = watched
    with Client(server, "al") as al:
        port = al.socket.getsockname()[1]
        al.type("/quit")
        al.expect_end()
        received = len(al.received)
    disconnect = console.next_disconnect()
    assert 0 <= disconnect.seconds < 60
    assert disconnect == Disconnected(
        1,
        "al",
        f"127.0.0.1:{port}",
        seconds=disconnect.seconds,
        received=len("al\n/quit\n"),
        sent=received,
        why="quit",
    )


def test_an_error_while_serving_ends_that_client_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # Promise 8.
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Chat, "say", broken)
    with run_server() as (server, console), Client(server, "al") as al, Client(server, "bo") as bo:
        al.type("hi")
        al.expect_end()
        bo.expect("<-- al left after 0 s (server error)\r\n")
        bo.type("/who")
        bo.expect("=== 1 person is here: bo.\r\n")
        assert console.next_disconnect().why == "server error"
        assert console.troubles == ["serving client #1: RuntimeError: a bug"]
        console.troubles.clear()


def test_an_error_in_a_command_ends_nobody() -> None:
    # Promise 8.
    def broken(chat: Chat, person: Person, argument: str) -> None:
        raise RuntimeError("a bug")

    commands = [Command("break", "", "fail", broken)]
    with (
        run_server(commands=commands) as (server, console),
        Client(server, "al") as al,
        Client(server, "bo") as bo,
    ):
        al.type("/break")
        assert al.expect("Something went wrong with /break").endswith(
            "!!! Something went wrong with /break"
        )
        assert console.troubles == ["running /break for al: RuntimeError: a bug"]
        console.troubles.clear()
        al.type("still here")
        assert bo.read_to_fence(al) == "al: still here\r\n"
        assert console.disconnects.empty()


def test_the_portable_wire_serves_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "_NOT_WAITING", 0)
    with run_server() as (server, _), Client(server, "al") as al, Client(server, "bo") as bo:
        al.type("hi")
        bo.expect("al: hi\r\n")
        bo.type("/quit")
        al.expect("<-- bo left")


def test_what_arrived_before_the_connection_broke_is_said(
    watched: tuple[ChatServer, WatchingConsole],
) -> None:
    server, console = watched
    with Client(server, "bo") as bo:
        for number in range(10):
            with Client(server) as brief:
                brief.send(f"n{number}\nhello\nbye\n".encode())
            # Closed on unread input: our next send to it fails.
            bo.expect(f"n{number}: hello\r\nn{number}: bye\r\n")
        assert {console.next_disconnect().why for _ in range(10)} <= {"reset", "closed"}


def test_many_who_ask_in_one_breath_get_one_sign_of_life(server: ChatServer) -> None:
    with Client(server, "al") as al:
        al.send(b"\xff\xf6" * 500 + b"\n")
        al.sync()
        assert 1 <= al.received.count(b"=== Yes, threadchat is here.") <= 3


def test_a_gap_that_would_forge_a_line_shrinks(server: ChatServer) -> None:
    with Client(server, "al") as al, Client(server, "bo") as bo:
        al.type("hi" + " " * 72 + "bo: I quit")
        assert bo.expect("\r\n") == "al: hi" + " " * 16 + "bo: I quit\r\n"


def test_a_telnet_in_line_mode_is_told_of_character_mode_once(server: ChatServer) -> None:
    with Client(server) as client, Client(server, "plain") as plain:
        client.send(b"\xff\xf1al\r\n")
        client.expect("Welcome, al.")
        client.expect("=== Type /charmode on to have the line you type kept whole")
        client.sync()
        assert client.received.count(b"/charmode") == 1
        assert b"/charmode" not in plain.received


@pytest.mark.parametrize("keys", [b"", b"\xff\xfd\x01\xff\xfd\x03"])
@pytest.mark.parametrize("last_words", [b"", b"/quit\r\n", b"half a line"])
@pytest.mark.usefixtures("no_search_for_cycles")
def test_what_served_a_client_is_freed_at_its_end(
    keys: bytes, last_words: bytes, server: ChatServer
) -> None:
    with Client(server) as al:
        al.send(keys + b"al\r\nhi\r\n/me waves\r\n/away\r\n")
        al.expect("away")
        (handler,) = terminals(server)
        there = [weakref.ref(it) for it in (handler, handler.transport)]
        del handler
        al.send(last_words)
    wait_until(lambda: not any(it() for it in there), "nothing is left of it")


@pytest.mark.parametrize(
    "behind", [b"behind\r\n/me is here\r\nand behind that", b"half a line", b""]
)
def test_lines_behind_a_kick_are_not_said(behind: bytes) -> None:
    def kick(chat: Chat, person: Person, argument: str) -> None:
        assert person.connection is not None
        person.connection.end("kicked by the test", "Out you go.")

    with (
        run_server(commands=[Command("out", "", "end yourself", kick)]) as (server, _),
        Client(server, "al") as al,
        Client(server, "bo") as bo,
    ):
        al.expect("bo joined")
        bo.send(b"before\r\n/out\r\n" + behind)
        bo.expect_end()
        al.expect("<-- bo left")
        assert said_by("bo", al.received.decode()) == ["before"]
        assert b"* bo" not in al.received


def test_tab_completes_a_name_but_not_before_there_is_one(server: ChatServer) -> None:
    with Client(server, "zed"), Client(server, "bob") as bob, Client(server) as al:
        al.send(PUTTY)
        al.expect("Your name: ")
        al.send(b"ze\t")
        al.expect("Your name: ze")
        al.send(b"n\r")
        al.expect("Welcome, zen.")
        al.send(b"bo\t")
        al.expect("lobby> bob")
        al.send(b"hi\r")
        bob.expect("zen: bob")
        bob.expect("hi\r\n")


def test_who_sends_at_the_beginning_of_a_stop_waits_for_its_goodbye(
    watched: tuple[ChatServer, WatchingConsole], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, console = watched
    waits = threading.Event()
    pause = TerminalConnection.pause

    def watched_pause(client: TerminalConnection, seconds: float) -> bool:
        waits.set()
        return pause(client, seconds)

    monkeypatch.setattr(TerminalConnection, "pause", watched_pause)
    with Client(server, "al") as al:

        def hush() -> None:  # the last thing before the goodbyes
            al.type("hi")
            assert waits.wait(DEADLINE)

        monkeypatch.setattr(server.chat, "hush", hush)
        server.stop()
        assert al.expect_end() == "=== The server is stopping. Goodbye.\r\n"
        assert console.next_disconnect().why == "server stopping"
