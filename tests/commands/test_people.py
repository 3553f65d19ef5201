"""The commands about people."""

import pytest

from tests.support.chats import Lobby, Somebody, make_chat
from tests.support.observer import Recorder
from threadchat.chat import ignoring
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
        assert " is taken, from 192.0.2.2, since " in line
        assert line.endswith(" (0 s). You are still al.")
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
        (line,) = bo.lines()
        assert line.startswith("!!! al is taken, from 192.0.2.1, since ")

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
        (line,) = bo.lines()
        assert line.startswith("!!! al is taken, from 192.0.2.1, since ")


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
        assert bo.lines() == ["<-- al left after 0 s (quit): so long"]


class TestAbsence:
    def test_it_is_announced_shown_and_ended_by_speaking(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/away lunch")
        assert al.lines() == ["=== You are away. When you speak, you are back."]
        lobby.types(bo, "/who")
        lobby.types(bo, "/msg al hi")
        assert bo.lines() == [
            "--- al is away: lunch",
            "=== 2 people are here: al (away), bo.",
            "=== al is away: lunch",
            "[you -> al] hi",
            "=== al (away) will see it when back: lunch",
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


FOR_BOTH = (
    "=== It holds under any name, and when they come back within 2 min by the same name and"
    " address; for you likewise."
)


class TestIgnoring:
    def test_nothing_of_the_ignored_is_shown(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/ignore BO")
        assert al.lines() == [
            "=== You are shown nothing more of bo. /unignore undoes it.",
            FOR_BOTH,
        ]
        lobby.says(bo, "hi al")
        lobby.types(bo, "/me waves")
        lobby.types(bo, "/msg al psst")
        lobby.types(bo, "/nick ed")
        lobby.says(bo, "still me")
        lobby.types(bo, "/away rude")
        lobby.says(bo, "back again")
        lobby.types(bo, "/topic rude")
        lobby.types(bo, "/join games")
        lobby.types(bo, "/leave")
        lobby.says(cy, "hello")
        assert al.lines() == ["cy: hello"]
        assert {"bo: hi al", "* bo waves", "--- bo is now ed"} < set(cy.lines())
        lobby.types(al, "/unignore ed")
        lobby.says(bo, "back")
        assert al.lines() == ["=== You are shown what ed says again.", "ed: back"]

    def test_it_goes_on_when_they_come_back(self, lobby: Lobby) -> None:
        al, bo, _ = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/ignore bo")
        lobby.chat.leave(bo, Reason.QUIT)
        again = come(lobby, "bo", bo.address)
        lobby.says(again, "it is me")
        lobby.chat.leave(again, Reason.RESET)
        al.lines()
        # Neither the name nor the address alone is the person.
        other = come(lobby, "bo2", bo.address)
        assert al.lines() == ["--> bo2 joined (3 here)"]
        lobby.now[0] += 120
        stranger = come(lobby, "bo", "203.0.113.9:1000")
        lobby.says(stranger, "hi")
        lobby.says(other, "hi")
        assert al.lines() == ["--> bo joined (4 here)", "bo: hi", "bo2: hi"]

    def test_it_goes_on_when_oneself_comes_back(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.says(bo, "before")
        lobby.types(al, "/ignore bo")
        lobby.chat.leave(al, Reason.RESET)
        lobby.says(bo, "meanwhile")
        again = come(lobby, "al", al.address)
        lobby.says(bo, "now")
        assert again.lines() == [
            "Welcome, al. Type and press Enter to talk; /help shows more.",
        ]

    def test_operators_announcements_are_shown(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        lobby.types(al, "/ignore bo")
        al.lines()
        bo.is_operator = True
        lobby.types(bo, "/say the server moves")
        assert al.lines() == ["--- Announcement by bo: the server moves"]

    def test_alone_it_lists_them(self, lobby: Lobby) -> None:
        al, bo, cy, _ = lobby.enter("al", "bo", "cy", "di")
        lobby.types(al, "/ignore")
        assert al.lines() == [
            "=== You ignore nobody. /ignore NAME hides somebody and what they say."
        ]
        for name in ("cy", "bo"):
            lobby.types(al, f"/ignore {name}")
        lobby.types(bo, "/nick zed")
        lobby.chat.leave(cy, Reason.QUIT)
        al.lines()
        lobby.types(al, "/ignore")
        assert al.lines() == ["=== You ignore cy (not here), zed. /unignore NAME undoes it."]
        lobby.types(al, "/ignore zed")
        assert al.lines() == ["!!! You ignore zed already. /unignore zed undoes it."]

    def test_it_ends_for_those_that_are_gone_or_have_another_name(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/ignore bo")
        lobby.types(al, "/ignore cy")
        lobby.types(bo, "/nick zed")
        lobby.chat.leave(cy, Reason.QUIT)
        (other,) = lobby.enter("bo")
        other.lines()
        al.lines()
        for name in ("bo", "cy"):
            lobby.types(al, f"/unignore {name}")
        assert al.lines() == [
            "=== You are shown what zed says again.",
            "=== You are shown what cy says again.",
        ]
        lobby.types(al, "/unignore bo")
        assert al.lines() == ["!!! You do not ignore bo. /ignore lists those you do."]

    def test_so_many_can_be_ignored(self, lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ignoring, "MAX_IGNORED", 1)
        al, *_ = lobby.enter("al", "bo", "cy")
        lobby.types(al, "/ignore bo")
        al.lines()
        lobby.types(al, "/ignore cy")
        assert al.lines() == ["!!! You ignore 1 people already. /unignore NAME makes room."]

    @pytest.mark.parametrize(
        ("typed", "answer"),
        [
            ("/ignore al", "!!! That is you."),
            ("/ignore x", "!!! Nobody here is called x."),
            ("/ignore bo x", "!!! Use it like this: /ignore [NAME]"),
            ("/unignore bo", "!!! You do not ignore bo."),
            ("/unignore x", "!!! Nobody here is called x."),
        ],
    )
    def test_a_wrong_use_gets_one_line(self, lobby: Lobby, typed: str, answer: str) -> None:
        al, _ = lobby.enter("al", "bo")
        lobby.types(al, typed)
        (line,) = al.lines()
        assert line.startswith(answer)


def come(lobby: Lobby, name: str, address: str) -> Somebody:
    """Let somebody come in from `address`, and return them."""
    person = Somebody(len(lobby.people) + 50)
    person.address = address
    lobby.chat.names.claim(person, name)
    lobby.chat.enter(person)
    return person
