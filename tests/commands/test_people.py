"""The commands about people."""

import pytest

from tests.support.chats import Lobby, Somebody, make_chat
from tests.support.observer import Recorder
from threadchat.commands import people
from threadchat.commands.builtin import make_registry
from threadchat.commands.registry import Call
from threadchat.net.disconnect import Reason
from threadchat.storage.records import Records


class TestWho:
    def test_it_lists_who_is_here_in_the_order_of_coming(self, lobby: Lobby) -> None:
        _, _, al = lobby.enter("cy", "bo", "al")
        lobby.types(al, "/who")
        assert al.lines() == ["=== 3 people are here: cy, bo, al."]

    def test_nobody_else_is_told(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/who")
        assert bo.lines() == []

    def test_it_leaves_out_who_has_left(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.chat.leave(bo, Reason.CLOSED)
        al.lines()
        lobby.types(al, "/who")
        assert al.lines() == ["=== 1 person is here: al."]

    def test_with_nobody_here(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/join games")
        al.lines()
        lobby.types(al, "/who lobby")
        assert al.lines() == ["=== Nobody is in lobby yet."]

    def test_of_too_many_the_others_are_counted(
        self, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(people, "MAX_NAMES_IN_WHO", 2)
        al, *_ = lobby.enter("al", "bo", "cy", "di")
        lobby.types(al, "/who")
        assert al.lines() == ["=== 4 people are here: al, bo and 2 others."]

    def test_as_many_as_it_takes_are_all_named(
        self, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(people, "MAX_NAMES_IN_WHO", 2)
        al, _ = lobby.enter("al", "bo")
        lobby.types(al, "/who")
        assert al.lines() == ["=== 2 people are here: al, bo."]


class TestNick:
    def test_who_asked_is_told(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/nick cy")
        assert al.name == "cy"
        assert al.lines() == ["=== You are now cy."]

    def test_the_others_are_shown_it(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick cy")
        assert bo.lines() == ["--- al is now cy"]

    def test_the_old_name_is_free_again(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick cy")
        lobby.types(bo, "/nick al")
        assert (al.name, bo.name) == ("cy", "al")

    def test_the_name_is_shown_as_it_was_cleaned(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/nick \uff43\uff59")
        assert al.lines() == ["=== You are now cy."]

    @pytest.mark.parametrize("name", ["bo", "BO", "\uff42o"])
    def test_a_name_in_use_is_refused(self, lobby: Lobby, name: str) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, f"/nick {name}")
        (line,) = al.lines()
        assert line.startswith("!!! ")
        assert line.endswith("is taken. You are still al.")
        assert al.name == "al"
        assert bo.lines() == []

    @pytest.mark.parametrize("name", ["b0b", "B0", "\u0392\u039f"])
    def test_a_look_alike_is_refused(self, lobby: Lobby, name: str) -> None:
        al, _, _ = lobby.enter("al", "bob", "BO")
        lobby.types(al, f"/nick {name}")
        (line,) = al.lines()
        assert "looks too much like" in line
        assert line.endswith("who is here already. You are still al.")

    def test_a_bad_name_is_refused_with_its_reason(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick you")
        assert al.lines() == [
            "!!! you has a meaning of its own here and cannot be a name. You are still al."
        ]
        assert bo.lines() == []

    def test_a_refusal_leaves_the_old_name_taken(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick bo")
        al.lines()
        lobby.types(bo, "/nick al")
        assert bo.lines() == ["!!! al is taken. You are still bo."]

    def test_a_refused_name_stays_free(self, lobby: Lobby) -> None:
        al, bo, _ = lobby.enter("al", "bo", "c0y")
        lobby.types(al, "/nick coy")
        bo.lines()
        lobby.chat.leave(lobby.people["c0y"], Reason.CLOSED)
        lobby.types(bo, "/nick coy")
        assert bo.name == "coy"

    def test_the_own_name_changes_nothing(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick al")
        assert al.lines() == ["=== You are al already."]
        assert bo.lines() == []

    @pytest.mark.parametrize("name", ["AL", "a1", "Al"])
    def test_the_own_name_may_be_written_otherwise(self, lobby: Lobby, name: str) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, f"/nick {name}")
        assert al.name == name
        assert bo.lines() == [f"--- al is now {name}"]

    def test_written_otherwise_it_is_still_taken(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/nick AL")
        bo.lines()
        lobby.types(bo, "/nick al")
        assert bo.lines() == ["!!! al is taken. You are still bo."]


class TestQuit:
    @pytest.mark.parametrize(
        ("line", "why"),
        [("/quit", "quit"), ("/quit so long", "quit: so long"), ("/QUIT  bye ", "quit: bye")],
    )
    def test_a_person_leaves_with_their_words(self, lobby: Lobby, line: str, why: str) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, line)
        assert al.leaving == why

    def test_nobody_leaves_unasked(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.types(al, "/who")
        assert al.leaving is None

    def test_the_others_are_shown_the_words(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/quit so long")
        assert al.leaving is not None
        lobby.chat.leave(al, al.leaving)
        assert bo.lines() == ["<-- al left after 0 s (quit: so long)"]


class TestAbsence:
    def test_it_is_announced_shown_and_ended_by_speaking(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/away lunch")
        assert al.lines() == ["=== You are away. When you speak, you are back."]
        lobby.types(bo, "/who")
        lobby.types(bo, "/msg al hi")
        assert bo.lines() == [
            "--- al is away (lunch)",
            "=== 2 people are here: al (away: lunch), bo.",
            "[you -> al] hi",
            "=== al (away: lunch) will see it when back.",
        ]
        lobby.says(al, "hello")
        lobby.says(al, "again")
        assert bo.lines() == ["--- al is back", "al: hello", "al: again"]
        assert al.away is None

    def test_silence_is_shown_from_a_minute_on(self, unkept: Records) -> None:
        now = 1000.0
        chat = make_chat(unkept, Recorder(), clock=lambda: now)
        al = Somebody(1)
        chat.names.claim(al, "al")
        chat.enter(al)
        al.lines()
        now = 1059.0
        make_registry().dispatch(chat, al, Call("who", ""))
        now = 1200.0
        make_registry().dispatch(chat, al, Call("who", ""))
        make_registry().dispatch(chat, al, Call("whois", "AL"))
        assert al.lines() == [
            "=== 1 person is here: al.",
            "=== 1 person is here: al (idle 3 min).",
            "=== al (idle 3 min) is in lobby, here for 3 min, number 1.",
        ]
        chat.close()


class TestIgnoring:
    def test_nothing_of_the_ignored_is_shown(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/ignore BO")
        assert al.lines() == ["=== You are shown nothing more of bo. /unignore undoes it."]
        lobby.says(bo, "hi al")
        lobby.types(bo, "/me waves")
        lobby.types(bo, "/msg al psst")
        lobby.types(bo, "/nick ed")
        lobby.says(bo, "still me")
        lobby.says(cy, "hello")
        assert al.lines() == ["--- bo is now ed", "cy: hello"]
        assert "bo: hi al" in cy.lines()
        lobby.types(al, "/unignore ed")
        lobby.says(bo, "back")
        assert al.lines() == ["=== You are shown what ed says again.", "ed: back"]

    @pytest.mark.parametrize(
        ("typed", "answer"),
        [
            ("/ignore", "!!! Use it like this: /ignore NAME"),
            ("/ignore al", "!!! That is you."),
            ("/ignore x", "!!! Nobody here is called x."),
            ("/unignore bo", "!!! You do not ignore bo."),
        ],
    )
    def test_a_wrong_use_gets_one_line(self, lobby: Lobby, typed: str, answer: str) -> None:
        al, _ = lobby.enter("al", "bo")
        lobby.types(al, typed)
        (line,) = al.lines()
        assert line.startswith(answer)
