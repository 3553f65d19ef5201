"""Names that are kept for their owners, and the messages that wait for them."""

from pathlib import Path

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody, protect
from tests.support.clients import Client
from tests.support.clock import Clock
from tests.support.servers import run_server
from threadchat.access import passphrase
from threadchat.access.limiter import LONGEST_PAUSE, Tries
from threadchat.access.passphrase import Busy, make
from threadchat.chat.names import NameProtected
from threadchat.chat.passwords import MAX_WRONG_PASSWORDS
from threadchat.chat.rules import RulesFiles
from threadchat.monitoring.events import Trouble
from threadchat.storage.records import Records
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.text.names import BadName


class TestProtect:
    def test_a_passphrase_is_asked_for_twice(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        assert protect(kept, al, RIGHT, RIGHT) == [
            "New passphrase for al: ",
            "The same again: ",
            "=== al is yours: from now on it asks for that passphrase.",
        ]
        kept.chat.leave(al, "quit")
        with pytest.raises(NameProtected):
            kept.chat.names.claim(Somebody(2), "AL")
        with pytest.raises(BadName, match="looks too much like al, which is protected"):
            kept.chat.names.claim(Somebody(2), "a1")

    def test_two_different_ones_change_nothing(self, kept: Lobby, records: Records) -> None:
        (al,) = kept.enter("al")
        assert protect(kept, al, RIGHT, "correct house")[-1] == (
            "!!! Those were two different ones. al is as it was."
        )
        assert records.protected("al") is None

    def test_a_short_one_is_refused(self, kept: Lobby, records: Records) -> None:
        (al,) = kept.enter("al")
        assert protect(kept, al, "short")[-1].startswith("!!! That passphrase is too short")
        assert records.protected("al") is None

    def test_who_goes_away_meanwhile_has_changed_nothing(
        self, kept: Lobby, records: Records
    ) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, RIGHT)
        assert records.protected("al") is None

    def test_it_is_not_typed_behind_the_command(self, kept: Lobby, records: Records) -> None:
        (al,) = kept.enter("al")
        kept.types(al, f"/protect {RIGHT}")
        assert al.lines() == ["!!! Type /protect alone: the passphrase is asked for, unseen."]
        assert records.protected("al") is None

    def test_without_a_history_file_it_says_so(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        for command in ("/protect", "/unprotect"):
            lobby.types(al, command)
            assert al.lines() == [
                "!!! This server keeps no names: it was started without --history FILE."
            ]

    @pytest.mark.parametrize("line", ["/unprotect", "/msg cy hi", "/unban cy"])
    def test_a_file_that_fails_is_told_of_to_both(
        self, kept: Lobby, records: Records, line: str
    ) -> None:
        (al,) = kept.enter("al")
        al.is_operator = True
        for name in ("al", "cy"):
            records.protect(name, b"kept")
        records.close()
        kept.types(al, line)
        (told,) = al.lines()
        assert told.startswith("!!! ")
        assert any(isinstance(event, Trouble) for event in kept.events)

    def test_letters_that_cannot_be_read_are_told_of(self, kept: Lobby, records: Records) -> None:
        (al,) = kept.enter("al")
        records.protect("al", b"kept")
        records.close()
        kept.chat.mail.hand_over(al)
        (told,) = al.lines()
        assert told.startswith("!!! What waits for you cannot be read just now.")

    def test_a_file_that_cannot_be_written_is_told_of_to_both(
        self, kept: Lobby, records: Records
    ) -> None:
        (al,) = kept.enter("al")
        records.close()
        assert protect(kept, al, RIGHT, RIGHT)[-1].startswith("!!! That cannot be kept just now")
        assert any(isinstance(event, Trouble) for event in kept.events)


class TestUnprotect:
    def test_anybody_may_have_it_again(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, RIGHT, RIGHT)
        kept.types(al, "/unprotect")
        assert al.lines() == ["=== al is no longer protected: anybody may have it."]
        kept.chat.leave(al, "quit")
        kept.chat.names.claim(Somebody(2), "al")

    def test_what_is_not_protected(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        kept.types(al, "/unprotect")
        assert al.lines() == ["!!! al is not protected. /protect does that."]


class TestNick:
    @pytest.fixture
    def bo(self, kept: Lobby, records: Records) -> Somebody:
        records.protect("al", make(RIGHT))
        (bo,) = kept.enter("bo")
        return bo

    def test_the_passphrase_gives_the_name(self, kept: Lobby, bo: Somebody) -> None:
        bo.secrets.append(RIGHT)
        kept.types(bo, "/nick al")
        assert bo.lines() == [
            "Passphrase of al (Enter alone gives up): ",
            "=== You are now al.",
        ]

    def test_another_case_of_ones_own_name_asks_for_nothing(
        self, kept: Lobby, bo: Somebody
    ) -> None:
        bo.secrets.append(RIGHT)
        kept.types(bo, "/nick al")
        kept.types(bo, "/nick AL")
        assert bo.name == "AL"

    @pytest.mark.parametrize(
        "disguise", [" al", "al ", "\N{NO-BREAK SPACE}al", "\N{FULLWIDTH LATIN SMALL LETTER A}l"]
    )
    def test_it_is_asked_for_however_the_name_is_written(
        self, kept: Lobby, bo: Somebody, disguise: str
    ) -> None:
        bo.secrets += ["wrong one", ""]
        kept.types(bo, f"/nick {disguise}")
        assert bo.lines()[:2] == [
            "Passphrase of al (Enter alone gives up): ",
            "!!! That is not it. Try again.",
        ]
        assert bo.name == "bo"

    def test_a_passphrase_that_was_changed_meanwhile_gives_nothing(
        self, kept: Lobby, bo: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def answer(question: str) -> str:
            records.protect("al", make("battery staple"))
            return RIGHT

        monkeypatch.setattr(Somebody, "ask_secret", lambda person, question: answer(question))
        kept.types(bo, "/nick al")
        assert bo.lines() == [
            "!!! al is protected: its passphrase is needed. You are still bo.",
        ]

    def test_a_name_that_was_freed_meanwhile_is_anybodys(
        self, kept: Lobby, bo: Somebody, records: Records, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def answer(question: str) -> str:
            records.unprotect("al")
            return RIGHT

        monkeypatch.setattr(Somebody, "ask_secret", lambda person, question: answer(question))
        kept.types(bo, "/nick al")
        assert bo.lines() == ["=== You are now al."]

    def test_enter_alone_gives_up(self, kept: Lobby, bo: Somebody) -> None:
        bo.secrets.append("")
        kept.types(bo, "/nick al")
        assert bo.lines()[-1] == "=== Given up."
        assert (bo.name, bo.leaving) == ("bo", None)

    def test_three_wrong_ones_end_the_connection(self, kept: Lobby, bo: Somebody) -> None:
        bo.secrets += ["wrong one", "wrong two", "wrong three", RIGHT]
        kept.types(bo, "/nick al")
        assert bo.lines()[-1] == "!!! That was the wrong one, try 3. Goodbye."
        assert (bo.name, bo.leaving, bo.secrets) == ("bo", "wrong password", [RIGHT])

    def test_giving_up_in_between_is_no_way_round(self, kept: Lobby, bo: Somebody) -> None:
        for number in range(MAX_WRONG_PASSWORDS):
            assert bo.leaving is None
            bo.secrets += [f"wrong {number}", ""]
            kept.types(bo, "/nick al")
        assert bo.leaving == "wrong password"

    def test_who_waits_for_long_is_told_why(self, kept: Lobby, bo: Somebody) -> None:
        bo.secrets += ["wrong one", "wrong two", RIGHT]
        kept.types(bo, "/nick al")
        assert [round(pause) for pause in bo.pauses] == [1, 2]
        assert bo.lines()[-2:] == [
            "=== Wrong ones came from your address. Wait 2 s.",
            "=== You are now al.",
        ]

    def test_where_too_many_prove_at_once_it_says_so(
        self, kept: Lobby, bo: Somebody, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(given: str, kept: bytes) -> bool:
            raise Busy

        bo.secrets.append(RIGHT)
        with monkeypatch.context() as patch:
            patch.setattr(passphrase, "is_right", busy)
            kept.types(bo, "/nick al")
        first, told, *rest = bo.lines()
        assert first == "Passphrase of al (Enter alone gives up): "
        assert told == f"!!! {Busy()}"
        assert (bo.name, bo.leaving, bo.wrong_passwords) == ("bo", None, 0)
        assert len(rest) <= 1

    def test_tries_are_slowed_for_all_at_the_address(self, kept: Lobby, records: Records) -> None:
        records.protect("al", make(RIGHT))
        bo, cy = kept.enter("bo", "cy")
        cy.address = bo.address
        bo.secrets += ["wrong one", ""]
        kept.types(bo, "/nick al")
        cy.secrets.append(RIGHT)
        kept.types(cy, "/nick al")
        assert (bo.pauses, cy.pauses, cy.name) == ([], [1.0], "al")


@pytest.fixture
def password(tmp_path: Path) -> RulesFiles:
    for name in ("door", "operators"):
        (tmp_path / name).write_text(f"{name} are open\n")
    return RulesFiles(password=tmp_path / "door", op_password=tmp_path / "operators")


class TestOverAConnection:
    def test_a_protected_name_asks_on_arrival(self, tmp_path: Path) -> None:
        path = tmp_path / "chat.db"
        with (
            run_server(history=StoredHistory(path, print), records=Records(path)) as (server, _),
            Client(server, "al") as al,
        ):
            al.type("/protect")
            al.expect("(Your client will show what you type.) New passphrase for al: ")
            al.type(RIGHT)
            al.expect("The same again: ")
            al.type(RIGHT)
            al.expect("=== al is yours")
            al.type("/quit")
            al.expect_end()
            with Client(server, "bo") as bo, Client(server) as again:
                bo.type("/msg al are you there?")
                bo.expect("will be handed it on coming back.")
                again.expect("Your name: ")
                again.type("al")
                again.expect("Passphrase of al (Enter alone gives up): ")
                again.type("")
                again.expect("=== Given up.\r\nYour name: ")
                again.type("al")
                again.type(RIGHT)
                again.expect("Welcome, al.")
                again.expect("[bo -> you] are you there?")
                again.type("/r yes")
                bo.expect("[al -> you] yes")

    def test_a_passphrase_pasted_with_the_command_does_not_come_back(self, tmp_path: Path) -> None:
        path = tmp_path / "chat.db"
        with (
            run_server(history=StoredHistory(path, print), records=Records(path)) as (server, _),
            Client(server) as al,
        ):
            al.send(b"\xff\xfd\x01\xff\xfd\x03al\r")
            al.expect("Welcome, al.")
            al.send(f"/protect\r{RIGHT}\r{RIGHT}\r".encode())
            al.expect("=== al is yours")
            al.send(b"\x1b[A once more\r")
            al.expect("!!! Type /protect alone")
            assert RIGHT.encode() not in al.received

    @pytest.mark.parametrize("disguise", [" al", "al ", "\t\N{FULLWIDTH LATIN SMALL LETTER A}L"])
    def test_spaces_around_a_name_are_no_way_round(self, disguise: str) -> None:
        records = Records(None)
        with run_server(records=records) as (server, _), Client(server) as guesser:
            records.protect("al", make(RIGHT))
            guesser.type(disguise)
            guesser.expect("Passphrase of al (Enter alone gives up): ")

    def test_three_wrong_passphrases_end_the_connection(self, tmp_path: Path) -> None:
        path = tmp_path / "chat.db"
        records = Records(None)
        with (
            run_server(history=StoredHistory(path, print), records=records) as (server, console),
            Client(server) as guesser,
        ):
            records.protect("al", make(RIGHT))
            guesser.type("al\nwrong one")
            guesser.expect("!!! That is not it. Try again.")
            guesser.type("/quit")
            assert guesser.expect_end().endswith("Goodbye.\r\n")
            assert console.next_disconnect().why == "quit"

    def test_its_owner_need_not_wait_for_an_earlier_connection_to_end(self, tmp_path: Path) -> None:
        path = tmp_path / "chat.db"
        with (
            run_server(history=StoredHistory(path, print), records=Records(path)) as (server, _),
            Client(server, "bo") as bo,
            Client(server, "al") as al,
            Client(server) as again,
        ):
            al.type(f"/protect\n{RIGHT}\n{RIGHT}")
            al.expect("=== al is yours")
            again.type(f"AL\n{RIGHT}")
            again.expect("Welcome, AL.")
            assert al.expect_end().endswith(
                "=== al has come in again, from 127.0.0.1. Goodbye.\r\n"
            )
            bo.expect("(came in again)\r\n--> AL joined")
            again.type("here I am")
            bo.expect("AL: here I am")

    def test_where_the_file_cannot_be_read_people_come_in_and_names_are_kept(self) -> None:
        records = Records(None)
        with run_server(records=records) as (server, console), Client(server, "bo") as bo:
            records.protect("al", make(RIGHT))
            records.protect("dee", b"kept")
            bo.sync()
            records.close()
            with Client(server, "cy"), Client(server) as al:
                al.type("al")
                al.expect("Passphrase of al")
                al.type(RIGHT)
                al.expect("Welcome, al.")
                al.expect("!!! What waits for you cannot be read just now. Try again in a while.")
            assert console.troubles.pop().startswith("names, mail and bans cannot be kept or read")
            bo.type("/msg dee are you there?")
            bo.expect("!!! That cannot be kept just now, and nothing has changed.")
            assert len(console.troubles) == 1
            console.troubles.clear()

    def test_the_room_password_comes_before_everything(
        self, password: RulesFiles, clock: Clock
    ) -> None:
        with run_server(files=password, clock=clock) as (server, _), Client(server) as al:
            assert al.expect("Password: ") == (
                "Hello from threadchat!\r\n(Your client will show what you type.) Password: "
            )
            al.type("wrong one")
            al.expect("!!! That is not it. Try again.\r\n")
            clock.now += LONGEST_PAUSE
            al.type("door are open")
            al.expect("Nobody is here yet.\r\nYour name: ")
            al.type("al")
            al.expect("Welcome, al.")

    def test_the_passphrase_of_the_operators(self, password: RulesFiles) -> None:
        with run_server(files=password) as (server, console), Client(server) as al:
            al.type("door are open\nal\n/op\noperators are open")
            al.expect("=== You are an operator until you leave.")
            al.type("/say hello")
            al.expect("--- Announcement by al: hello")
        console.close()
        assert "operator            al became an operator" in console.file.getvalue()


class TestWaiting:
    """How long somebody waits who gave a wrong password, and how often that is told."""

    def test_a_right_one_ends_the_waits_of_the_address(self, kept: Lobby) -> None:
        (bo,) = kept.enter("bo")
        accept = kept.chat.passwords.is_accepted
        assert not accept(bo, "wrong", lambda given: False)
        assert accept(bo, "right", lambda given: given == "right")
        assert len(bo.pauses) == 1
        assert not accept(bo, "wrong", lambda given: False)
        assert len(bo.pauses) == 1

    @pytest.mark.parametrize(("waits", "told"), [([1.4], 0), ([1.5], 1), ([3.0, 3.0], 1)])
    def test_a_long_one_is_told_once(
        self, kept: Lobby, monkeypatch: pytest.MonkeyPatch, waits: list[float], told: int
    ) -> None:
        (bo,) = kept.enter("bo")
        left = list(waits)
        monkeypatch.setattr(Tries, "delay_for", lambda *_: left.pop(0) if left else 0.0)
        assert kept.chat.passwords.is_accepted(bo, "right", lambda given: True)
        assert bo.pauses == waits
        assert len(bo.lines()) == told

    def test_somebody_that_is_gone_meanwhile_has_proven_nothing(
        self, kept: Lobby, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (bo,) = kept.enter("bo")
        monkeypatch.setattr(Tries, "delay_for", lambda *_: 1.0)
        monkeypatch.setattr(Somebody, "pause", lambda *_: False)
        assert not kept.chat.passwords.is_accepted(bo, "right", lambda given: True)
