"""People on other servers: who they are, and in which rooms."""

import math
import threading
import time
from functools import partial
from typing import Any

import pytest

from tests.support.chats import Lobby, Somebody
from tests.support.farpeople import Others, forget, know
from tests.support.waiting import run_concurrently, wait_until
from threadchat.chat import names as chat_names
from threadchat.chat.farperson import FarPerson
from threadchat.chat.hooks import ADDRESS
from threadchat.chat.person import Person
from threadchat.commands.completion import complete
from threadchat.testing import DEADLINE
from threadchat.text.names import BadName


@pytest.fixture
def others() -> Others:
    return Others()


def test_they_are_found_listed_and_counted_as_all_others_are(lobby: Lobby, others: Others) -> None:
    (al,) = lobby.enter("al")
    bo = know(lobby, others, "bo")
    assert lobby.chat.names.find("BO") is bo
    assert [it.name for it in lobby.chat.people()] == ["al", "bo"]
    lobby.types(al, "/who")
    assert al.lines() == ["=== 2 people are here: al, bo."]
    know(lobby, others, "bo", room="games", away="lunch")
    lobby.types(al, "/who Games")
    assert al.lines() == [
        "=== 1 person is in games: bo (away).",
        "=== bo is away: lunch",
    ]
    lobby.types(al, "/rooms")
    assert al.lines() == [
        "=== 2 rooms are open. You are in lobby.",
        "=== lobby    1",
        "=== games    1",
    ]
    lobby.types(al, "/join games")
    assert al.lines() == ["=== You are in games."]
    lobby.types(al, "/who")
    assert al.lines() == ["=== 2 people are here: al, bo (away).", "=== bo is away: lunch"]
    forget(lobby, "bo")
    assert not lobby.chat.names.is_here("bo")
    assert lobby.chat.far.everybody() == []
    assert [it.name for it in lobby.chat.people()] == ["al"]


def test_tab_and_the_greeting_know_them(lobby: Lobby, others: Others) -> None:
    (al,) = lobby.enter("al")
    know(lobby, others, "bob")
    know(lobby, others, "bot", "8", is_hook=True, room="")
    know(lobby, others, "cy", "9", room="games")
    assert complete(lobby.commands, lobby.chat, al, "bo") == (0, ["bob: ", "bot: "])
    assert complete(lobby.commands, lobby.chat, al, "/msg c") == (5, ["cy "])
    assert complete(lobby.commands, lobby.chat, al, "/join g") == (6, ["games "])
    assert [it.name for it in lobby.chat.people()] == ["al", "bob", "cy"]
    assert lobby.chat.far.count_by_node() == {"n": 2}


def test_the_lines_of_those_that_come_and_go_count_people_elsewhere(
    lobby: Lobby, others: Others
) -> None:
    (al,) = lobby.enter("al")
    know(lobby, others, "bo")
    know(lobby, others, "cy", "8", room="games")
    dy = Somebody(9)
    lobby.chat.names.claim(dy, "dy")
    lobby.chat.enter(dy)
    assert al.lines() == ["--> dy joined (3 here)"]


def test_idle_and_time_here_go_by_what_their_server_says(lobby: Lobby, others: Others) -> None:
    (al,) = lobby.enter("al")
    now = lobby.records.now()
    know(lobby, others, "bo", came_at=now - 600, heard_at=now - 120)
    lobby.types(al, "/whois bo")
    assert al.lines() == [
        "=== bo (idle 2 min) is in lobby on box:8000, here for 10 min.",
    ]
    # Clocks of machines differ.
    know(lobby, others, "bo", came_at=now + 600)
    lobby.types(al, "/whois bo")
    assert al.lines() == ["=== bo is in lobby on box:8000, here for 0 s."]


def test_names_and_look_alikes_are_taken_until_the_person_has_another_one(
    lobby: Lobby, others: Others
) -> None:
    (al,) = lobby.enter("al")
    know(lobby, others, "bob")
    with pytest.raises(BadName, match=r"bob is taken, from 10\.0\.0\.7, since"):
        lobby.chat.names.claim(al, "bob")
    with pytest.raises(BadName, match="b0b looks too much like bob"):
        lobby.chat.names.claim(al, "b0b")
    know(lobby, others, "cy")  # a rename: both names are theirs until everybody was told
    assert lobby.chat.names.find("cy").name == "cy"
    with pytest.raises(BadName, match="bob is taken"):
        lobby.chat.names.claim(al, "bob")
    forget(lobby, "bob")
    lobby.chat.names.claim(al, "bob")
    assert [it.name for it in lobby.chat.far.everybody()] == ["cy"]


def test_they_are_found_by_the_name_that_they_have_on_their_server(
    lobby: Lobby, others: Others
) -> None:
    bo = know(lobby, others, "bo")
    assert lobby.chat.far.called("n", "bo") is bo
    assert lobby.chat.far.called("m", "bo") is None
    know(lobby, others, "BO")
    assert lobby.chat.far.called("n", "BO") is bo
    assert lobby.chat.far.called("n", "bo") is None
    know(lobby, others, "cy")
    assert lobby.chat.far.called("n", "BO") is lobby.chat.far.called("n", "cy") is bo
    forget(lobby, "BO")
    assert lobby.chat.far.called("n", "BO") is None
    forget(lobby, "cy")
    assert lobby.chat.far.called("n", "cy") is None


def test_somebody_is_the_same_person_here_as_there(lobby: Lobby, others: Others) -> None:
    (al,) = lobby.enter("al")
    know(lobby, others, "bo", uid="u1")
    lobby.types(al, "/ignore bo")
    know(lobby, others, "cy", uid="u1")
    forget(lobby, "bo")
    al.lines()
    lobby.types(al, "/ignore")
    assert al.lines() == ["=== You ignore cy. /unignore NAME undoes it."]
    # They leave, and come back by this server, with the same name and address.
    forget(lobby, "cy")
    back = Somebody(9)
    back.address = "10.0.0.7:6000"
    lobby.chat.names.claim(back, "cy")
    assert back.identity in al.ignores
    assert lobby.chat.names.uid_of(back.identity) == "u1"


def test_what_somebody_ignores_comes_with_them(lobby: Lobby, others: Others) -> None:
    (al,) = lobby.enter("al")
    uid = lobby.chat.names.uid_of(al.identity)
    know(lobby, others, "bo", ignores=(uid,))
    forget(lobby, "bo")
    back = Somebody(9)
    back.address = "10.0.0.7:6000"
    lobby.chat.names.claim(back, "bo")
    assert al.identity in back.ignores


def test_the_owner_of_a_protected_name_is_one_person_on_all_servers(
    kept: Lobby, others: Others
) -> None:
    (al,) = kept.enter("al")
    kept.records.protect("al", b"kept")
    kept.chat.names.protected(al)
    protected = kept.records.protected("al")
    assert protected is not None
    away = know(kept, others, "elsewhere", records=(("al", protected.since),))
    assert away.identity is al.identity
    assert kept.chat.names.uid_of(al.identity) == kept.chat.names.uid_of(away.identity)


def test_a_private_message_goes_to_their_server(lobby: Lobby, others: Others) -> None:
    (al,) = lobby.enter("al")
    know(lobby, others, "bo")
    lobby.types(al, "/msg bo hi")
    assert others.told == ["al -> bo at n: hi"]
    assert al.lines() == ["[you -> bo] hi"]
    others.is_out_of_reach = True
    lobby.types(al, "/msg bo hi")
    assert al.lines() == [
        "[you -> bo] hi",
        "=== There is no link to the server of bo now. That is handed over when there is one.",
    ]
    lobby.types(al, "/who")
    assert al.lines() == ["=== 2 people are here: al, bo (out of reach)."]
    know(lobby, others, "ci", "8", is_hook=True, room="")
    lobby.types(al, "/msg ci hi")
    assert al.lines() == ["!!! ci is a hook: programs speak by it, nobody listens."]


def test_lists_for_operators_have_everybody_that_is_a_client_somewhere(
    lobby: Lobby, others: Others
) -> None:
    (al,) = lobby.enter("al")
    lobby.chat.hooks.add("ci", "lobby")
    bo = know(lobby, others, "bo")
    know(lobby, others, "bot", key="8", id=0, is_hook=True)
    assert lobby.chat.names.everywhere() == [al, bo]
    assert [it.name for it in lobby.chat.names.all_here()] == ["al", "ci"]


def test_somebody_whose_session_turns_out_to_be_another_is_one_person(
    lobby: Lobby, others: Others
) -> None:
    (al,) = lobby.enter("al")
    bo = know(lobby, others, "bo", uid="u1")
    lobby.types(al, "/ignore bo")
    before = bo.identity
    know(lobby, others, "bo", uid="u2")
    assert bo.identity is lobby.chat.names.with_uid("u2").current
    assert before.current is bo.identity.current
    assert bo.identity.current in {it.current for it in al.ignores}


def test_each_name_that_somebody_has_there_begins_once(lobby: Lobby, others: Others) -> None:
    bo = know(lobby, others, "bo", named_at=5.0)
    know(lobby, others, "bo", named_at=6.0, away="lunch")
    assert [(it.fold, it.begin) for it in bo.identity.periods] == [("bo", 5.0)]
    know(lobby, others, "cy", named_at=7.0)
    forget(lobby, "bo")
    know(lobby, others, "bo", named_at=9.0)
    assert [(it.fold, it.begin) for it in bo.identity.periods] == [
        ("bo", 5.0),
        ("cy", 7.0),
        ("bo", 9.0),
    ]
    assert [it.end < math.inf for it in bo.identity.periods] == [True, False, False]
    assert bo.identity.name == "bo"


def test_whoever_is_muted_there_by_a_name_that_is_theirs_is_muted_here(
    kept: Lobby, others: Others
) -> None:
    al, cy = kept.enter("al", "cy")
    kept.records.protect("al", b"kept")
    protected = kept.records.protected("al")
    assert protected is not None
    kept.chat.names.protected(al)
    far = know(kept, others, "elsewhere")
    kept.chat.moderation.mute("elsewhere", 60.0, "op")
    assert al.mute_left(kept.now[0]) == 0.0
    know(kept, others, "elsewhere", records=(("al", protected.since),))
    assert far.identity.current is al.identity.current
    assert al.mute_left(kept.now[0]) == 60.0
    assert cy.mute_left(kept.now[0]) == 0.0


def test_what_somebody_ignores_elsewhere_holds_for_each_of_their_sessions(
    lobby: Lobby, others: Others
) -> None:
    al, cy = lobby.enter("al", "cy")
    uid = lobby.chat.names.uid_of(cy.identity)
    one = know(lobby, others, "bo", uid="u1")
    two = know(lobby, others, "ed", key="8", uid="u1")
    know(lobby, others, "bo", uid="u1", ignores=(uid,))
    assert one.ignores == two.ignores == {cy.identity}
    assert not al.ignores
    assert not cy.ignores


def test_a_name_that_was_lost_with_its_connection_there_is_kept(
    lobby: Lobby, others: Others
) -> None:
    bo = know(lobby, others, "bo", counted_as="10.0.0.7", lost_after=50.0)
    know(lobby, others, "cy", key="8")
    assert not bo.has_left
    for name, key in (("bo", "7"), ("cy", "8")):
        forget(lobby, name, key)
    assert bo.has_left
    with pytest.raises(BadName, match="bo is kept for"):
        lobby.chat.names.claim(Somebody(5), "bo")
    lobby.chat.names.claim(Somebody(5), "cy")


def test_a_look_alike_of_a_name_is_free_with_the_last_one(lobby: Lobby, others: Others) -> None:
    know(lobby, others, "al")
    know(lobby, others, "a1")
    forget(lobby, "al")
    with pytest.raises(BadName, match="looks too much like a1"):
        lobby.chat.names.claim(Somebody(5), "al")
    know(lobby, others, "bo")
    forget(lobby, "a1")
    lobby.chat.names.claim(Somebody(5), "al")
    forget(lobby, "bo")
    lobby.chat.names.claim(Somebody(6), "b0")


def test_of_somebody_with_two_names_the_one_that_is_left_stays_theirs(
    lobby: Lobby, others: Others
) -> None:
    bo = know(lobby, others, "bo")
    know(lobby, others, "cy")
    now = lobby.records.now()
    forget(lobby, "bo")
    assert lobby.chat.names.find("cy") is bo
    assert not lobby.chat.names.is_here("bo")
    ended = {it.fold: it.end for it in bo.identity.periods}
    assert ended["cy"] == math.inf
    assert now <= ended["bo"] <= lobby.records.now()


def test_a_room_elsewhere_is_there_as_long_as_somebody_is_in_it(
    lobby: Lobby, others: Others
) -> None:
    know(lobby, others, "bo", room="Den")
    know(lobby, others, "cy", key="8", room="den")
    assert lobby.chat.has_room("den")
    know(lobby, others, "bo", room="lobby")
    assert lobby.chat.far.rooms() == {"den": "Den", "lobby": "lobby"}
    forget(lobby, "cy", "8")
    assert not lobby.chat.has_room("den")
    assert lobby.chat.far.rooms() == {"lobby": "lobby"}
    forget(lobby, "nobody", "9")  # whoever is not known is not forgotten
    forget(lobby, "bo")
    assert lobby.chat.far.rooms() == {}


class TestClaiming:
    @pytest.fixture(autouse=True)
    def link(self, lobby: Lobby, others: Others) -> None:
        lobby.chat.names.elsewhere = others

    def test_all_servers_are_asked_and_told(self, lobby: Lobby, others: Others) -> None:
        (al,) = lobby.enter("al")
        assert others.told == ["claim al", "al in nowhere", "al in lobby"]
        others.told.clear()
        lobby.types(al, "/nick bo")
        assert others.told == ["claim bo", "bo in lobby", "release al"]
        others.told.clear()
        lobby.types(al, "/nick BO")  # only another form of the same name
        assert others.told == ["BO in lobby"]
        others.told.clear()
        lobby.chat.leave(al, "quit")
        assert others.told == ["BO in nowhere", "release BO"]

    def test_whoever_may_not_have_it_keeps_the_old_one(self, lobby: Lobby, others: Others) -> None:
        (al,) = lobby.enter("al")
        others.may_claim = False
        lobby.types(al, "/nick bo")
        assert al.lines() == ["!!! bo was taken just now, on another server. You are still al."]
        assert al.name == "al"

    def test_where_it_is_known_that_it_is_taken_nobody_is_asked(
        self, lobby: Lobby, others: Others
    ) -> None:
        _, bo = lobby.enter("al", "bo")
        others.told.clear()
        lobby.types(bo, "/nick al")
        assert bo.lines()[0].startswith("!!! al is taken, from 192.0.2.1")
        assert others.told == []

    def test_whoever_has_it_is_told_if_that_is_known_by_then(
        self, lobby: Lobby, others: Others, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (al,) = lobby.enter("al")

        def claim(person: Person, name: str) -> bool:
            know(lobby, others, "bo")
            return False

        monkeypatch.setattr(others, "claim", claim)
        lobby.types(al, "/nick bo")
        assert al.lines()[0].startswith("!!! bo is taken, from 10.0.0.7")

    def test_what_speaks_against_it_meanwhile_frees_it_again(
        self, lobby: Lobby, others: Others, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (al,) = lobby.enter("al")

        def claim(person: Person, name: str) -> bool:
            know(lobby, others, "bo")
            return True

        monkeypatch.setattr(others, "claim", claim)
        others.told.clear()
        lobby.types(al, "/nick bo")
        assert al.lines()[0].startswith("!!! bo is taken, from 10.0.0.7")
        assert others.told == ["release bo"]

    def test_a_connection_from_the_same_address_is_asked_to_make_way(
        self, lobby: Lobby, others: Others
    ) -> None:
        know(lobby, others, "bo", address="192.0.2.5:1")
        others.told.clear()
        with pytest.raises(BadName, match="from your own address by another server"):
            lobby.chat.names.claim(Somebody(5), "bo")
        assert others.told == ["make way bo False"]
        others.told.clear()
        with pytest.raises(BadName, match=r"from 192\.0\.2\.5"):
            lobby.chat.names.claim(Somebody(6), "bo")
        assert others.told == []

    def test_a_server_that_does_not_answer_may_be_gone_soon(
        self, lobby: Lobby, others: Others, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        know(lobby, others, "bo", address="192.0.2.5:1")
        others.answer = None
        person = Somebody(5)
        # Its names are free as soon as that is known.
        monkeypatch.setattr(person, "deliver_privately", lambda data: forget(lobby, "bo"))
        lobby.chat.names.claim(person, "bo")
        assert person.name == "bo"

    def test_it_is_had_as_soon_as_that_is_known(
        self, lobby: Lobby, others: Others, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        know(lobby, others, "bo", address="192.0.2.5:1")
        others.answer = None
        person, names = Somebody(5), lobby.chat.names
        monkeypatch.setattr(chat_names, "GONE_SECONDS", DEADLINE)

        def free() -> None:
            wait_until(lambda: bool(names._freed._waiters), "it is waited for")  # type: ignore[attr-defined]
            forget(lobby, "bo")

        began_at = time.monotonic()
        run_concurrently([partial(names.claim, person, "bo"), free])
        assert person.name == "bo"
        assert time.monotonic() - began_at < DEADLINE

    def test_a_person_that_makes_way_leaves_the_name(
        self, lobby: Lobby, others: Others, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        know(lobby, others, "bo", address="192.0.2.5:1")
        person, names = Somebody(5), lobby.chat.names

        def make_way(holder: FarPerson, person: Person, *, is_proven: bool) -> bool:
            thread.start()
            return True

        def free() -> None:
            wait_until(lambda: bool(names._freed._waiters), "it is waited for")  # type: ignore[attr-defined]
            forget(lobby, "bo")

        thread = threading.Thread(target=free)
        monkeypatch.setattr(others, "make_way", make_way)
        names.claim(person, "bo")
        thread.join(DEADLINE)
        assert person.name == "bo"

    def test_whose_server_is_known_to_be_gone_is_not_waited_for(
        self, lobby: Lobby, others: Others
    ) -> None:
        know(lobby, others, "bo", address="192.0.2.5:1")
        others.answer, others.is_out_of_reach = None, True
        person = Somebody(5)
        with pytest.raises(BadName, match="is taken"):
            lobby.chat.names.claim(person, "bo")
        assert person.lines() == []

    def test_no_hook_makes_way_for_another_one(self, lobby: Lobby, others: Others) -> None:
        know(lobby, others, "ci", id=0, is_hook=True, address=ADDRESS)
        with pytest.raises(BadName, match="ci is taken, from a hook"):
            lobby.chat.hooks.add("ci", "lobby")
        assert not [it for it in others.told if it.startswith("make way")]

    def test_others_know_that_somebody_is_away(self, lobby: Lobby, others: Others) -> None:
        (al,) = lobby.enter("al")
        others.told.clear()
        lobby.chat.set_away(al, "lunch")
        assert others.told == ["al in lobby"]

    def test_at_the_stop_nobody_waits(self, lobby: Lobby, others: Others) -> None:
        know(lobby, others, "bo", address="192.0.2.5:1")
        others.answer = None
        lobby.chat.hush()
        person = Somebody(5)
        with pytest.raises(BadName, match="is taken"):
            lobby.chat.names.claim(person, "bo")
        assert person.lines() == [
            "=== The server where bo is does not answer. One moment, please: if it is gone, the"
            " name is free within 20 s."
        ]
        assert "hush" in others.told


def test_whoever_is_here_and_there_ignores_the_same_people(kept: Lobby, others: Others) -> None:
    al, cy = kept.enter("al", "cy")
    kept.records.protect("al", b"kept")
    kept.chat.names.protected(al)
    protected = kept.records.protected("al")
    assert protected is not None
    mine: dict[str, Any] = {
        "records": (("al", protected.since),),
        "uid": kept.chat.names.uid_of(al.identity),
    }
    uid = kept.chat.names.uid_of(cy.identity)
    know(kept, others, "elsewhere", **mine)
    know(kept, others, "elsewhere", ignores=(uid,), **mine)
    assert al.ignores == {cy.identity}
    kept.types(al, "/unignore cy")
    assert not al.ignores
    know(kept, others, "elsewhere", ignores=(uid,), away="", **mine)  # nothing new
    assert not al.ignores
