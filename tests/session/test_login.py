"""How a client is greeted, and asked for a name."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody
from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.scripted import Scripted
from tests.support.servers import WatchingConsole, run_server
from threadchat import ChatServer
from threadchat.access import passphrase
from threadchat.access.passphrase import Busy
from threadchat.chat.rules import RulesFiles
from threadchat.net.disconnect import Reason
from threadchat.session.login import Login
from threadchat.storage.records import Records


def test_the_first_client_is_greeted_and_asked(server: ChatServer) -> None:
    with Client(server) as client:
        assert client.expect("Your name: ") == (
            "Hello from threadchat! Nobody is here yet.\r\nYour name: "
        )


def test_the_greeting_says_who_is_here(server: ChatServer) -> None:
    with Client(server, "al"), Client(server) as one:
        one.expect("Hello from threadchat! 1 person is here: al.\r\n")
        with Client(server, "bo"), Client(server) as two:
            two.expect("Hello from threadchat! 2 people are here: al, bo.\r\n")


def test_a_name_is_welcomed_with_a_line_of_help(server: ChatServer) -> None:
    with Client(server) as client:
        client.type("al")
        client.expect("Welcome, al. ")
        assert "/help" in client.expect("\r\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("al", "al is taken, from "),
        ("AL", "AL is taken, from "),
        ("a1", "a1 looks too much like al, who is here already."),
        ("", "A name needs at least one letter or digit."),
        ("x" * 21, "That name is too long"),
        ("a b", "A name is made of letters, digits"),
        ("\x1b[31mred", "A name is made of letters, digits"),
        ("-->", "A name is made of letters, digits"),
        ("--x", "A name begins with a letter or a digit."),
        ("you", "you has a meaning of its own here"),
    ],
)
def test_a_name_that_cannot_be_had_gets_a_reason_and_another_try(
    server: ChatServer, name: str, reason: str
) -> None:
    with Client(server, "al"), Client(server) as client:
        client.expect("Your name: ")
        client.type(name)
        client.expect(f"!!! {reason}")
        client.expect("\r\nYour name: ")
        client.type("bo")
        client.expect("Welcome, bo.")


def test_five_bad_names_are_enough(server: ChatServer, console: WatchingConsole) -> None:
    with Client(server) as client:
        for _ in range(5):
            client.expect("Your name: ")
            client.type("not a name")
        assert "!!! That was try 5 of 5." in client.expect_end()
        assert console.next_disconnect().why == "gave no name"


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("who", "=== 1 person is here: al."),
        ("WHO", "=== 1 person is here: al."),
        ("/who", "=== 1 person is here: al."),
        ("help", "=== Choose a name"),
    ],
)
def test_questions_at_the_name_prompt_are_answered(
    server: ChatServer, word: str, answer: str
) -> None:
    with Client(server, "al"), Client(server) as client:
        client.expect("Your name: ")
        for _ in range(6):  # asking is no try
            client.type(word)
            client.expect(answer)
            client.expect("Your name: ")


def test_one_can_quit_at_the_name_prompt(server: ChatServer, console: WatchingConsole) -> None:
    with Client(server) as client:
        client.type("quit")
        assert client.expect_end().endswith("=== Goodbye.\r\n")
        disconnect = console.next_disconnect()
        assert (disconnect.name, disconnect.why) == ("", "quit")


class TestRoomPassword:
    @pytest.fixture
    def password(self, tmp_path: Path) -> RulesFiles:
        (tmp_path / "door").write_text("door are open\n")
        return RulesFiles(password=tmp_path / "door")

    @pytest.mark.parametrize("first", ["wrong", ""])
    def test_three_wrong_ones_end_the_connection(self, password: RulesFiles, first: str) -> None:
        with run_server(files=password, clock=Clock()) as (server, console):
            with Client(server) as client:
                for typed in (first, "sesame"):
                    client.expect("Password: ")
                    client.type(typed)
                    client.expect("!!! That is not it. Try again.\r\n")
                    server.chat.passwords._tries.succeeded("127.0.0.1")  # nobody waits
                client.expect("Password: ")
                client.type("door is open")
                assert client.expect_end() == "!!! That was the wrong one, try 3. Goodbye.\r\n"
            assert console.next_disconnect().why == "wrong password"

    def test_two_wrong_ones_do_not(self, password: RulesFiles) -> None:
        with run_server(files=password, clock=Clock()) as (server, _), Client(server) as client:
            for typed in ("wrong", "sesame", "door are open"):
                client.expect("Password: ")
                client.type(typed)
                server.chat.passwords._tries.succeeded("127.0.0.1")
            client.expect("Your name: ")

    @pytest.mark.parametrize("typed", ["/quit", " /quit "])
    def test_leaving_there(self, password: RulesFiles, typed: str) -> None:
        with run_server(files=password) as (server, console):
            with Client(server) as client:
                client.expect("Password: ")
                client.type(typed)
                assert client.expect_end() == "=== Goodbye.\r\n"
            assert console.next_disconnect().why == "quit"

    def test_who_is_here_is_told_only_behind_it(self, password: RulesFiles) -> None:
        with run_server(files=password) as (server, _), Client(server) as client:
            shown = client.expect("Password: ")
            assert shown.startswith("Hello from threadchat!\r\n")
            assert "here" not in shown
            client.type("door are open")
            assert client.expect("name: ") == "Nobody is here yet.\r\nYour name: "

    def test_closing_there(self, password: RulesFiles) -> None:
        with run_server(files=password) as (server, console):
            with Client(server) as client:
                client.expect("Password: ")
            assert console.next_disconnect().why == "closed"


def test_where_too_many_prove_at_once_the_name_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def busy(given: str, kept: bytes) -> bool:
        raise Busy("Too many passphrases are being checked just now.")

    monkeypatch.setattr(passphrase, "is_right", busy)
    with closing(Records(None)) as records:
        records.protect("al", b"kept")
        with run_server(records=records) as (server, _), Client(server) as client:
            client.type("al")
            client.expect("Passphrase of al")
            client.type("correct horse")
            client.expect("!!! Too many passphrases are being checked just now.\r\nYour name: ")
            client.type("bo")
            client.expect("Welcome, bo.")


class TestOneAtAPrompt:
    """The conversation alone, with a client that types what a test says."""

    @pytest.fixture
    def client(self) -> Scripted:
        return Scripted(Somebody(1))

    @pytest.fixture
    def login(self, client: Scripted, lobby: Lobby) -> Login:
        return Login(lobby.chat, client.it)

    def test_what_is_typed_stays_on_the_screen(self, client: Scripted, login: Login) -> None:
        client.typed += ["who", "no \x1b[2Jname", "al", "hi"]
        assert login.is_passed()
        assert client.kept == ["Your name: who", "Your name: no name", "Your name: al"]
        assert client.typed == ["hi"]

    def test_who_is_gone_has_no_name(self, client: Scripted, login: Login) -> None:
        client.typed += ["who", "no name"]
        assert not login.is_passed()
        assert client.person.name == ""
        assert client.person.leaving is None

    def test_a_protected_name_is_had_by_its_passphrase(
        self, client: Scripted, login: Login, lobby: Lobby
    ) -> None:
        lobby.records.protect("al", passphrase.make(RIGHT))
        client.typed.append("AL")
        client.person.secrets.append(RIGHT)
        assert login.is_passed()
        assert client.person.name == "AL"
        assert lobby.chat.names.find("al") is client.person

    def test_who_leaves_at_the_last_try_has_left(
        self, client: Scripted, login: Login, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def quit(person: Somebody, question: str) -> None:
            person.quit()

        monkeypatch.setattr(Somebody, "ask_secret", quit)
        lobby.records.protect("al", passphrase.make(RIGHT))
        client.typed += ["no name"] * 4 + ["al"]
        assert not login.is_passed()
        assert client.person.leaving == Reason.QUIT
        assert not any("try 5" in line for line in client.person.lines())
