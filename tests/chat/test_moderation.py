"""Find whom a mute or a ban is of: people, their look-alikes, the owners of protected names."""

import math
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network
from typing import cast

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody, protect
from tests.support.facts import NOTHING
from threadchat.access.bans import Ban
from threadchat.chat.farperson import Elsewhere, FarPerson
from threadchat.chat.moderation import make_operator, unmake_operator
from threadchat.net.disconnect import Reason
from threadchat.storage.records import Records
from threadchat.text.names import BadName, fold_name, skeleton


class TestOthers:
    def test_they_look_like_it_and_are_here_or_protected(self, kept: Lobby) -> None:
        al, bo, _ = kept.enter("al", "bo", "b.o")
        protect(kept, al, RIGHT, RIGHT)
        kept.chat.leave(al, Reason.QUIT)
        assert kept.chat.moderation.others_like("b.o") == {"bo"}
        assert kept.chat.moderation.others_like("a.l") == {"al"}
        assert kept.chat.moderation.others_like("bo") == {"b.o"}
        kept.types(bo, "/nick robert")
        assert kept.chat.moderation.others_like("b.o") == set()

    def test_another_name_of_the_same_person_is_none(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, RIGHT, RIGHT)
        kept.types(al, "/nick a.l")
        assert kept.chat.moderation.others_like("a.l") == set()


def test_who_gave_up_a_name_last(lobby: Lobby) -> None:
    al, bo = lobby.enter("al", "bo")
    assert lobby.chat.moderation.formerly_called("al") is None
    for person, name in ((al, "ed"), (bo, "al"), (bo, "bo"), (al, "al"), (al, "ed")):
        lobby.chat.rename(person, name)
    assert lobby.chat.moderation.formerly_called("al") is al
    assert lobby.chat.moderation.formerly_called("ed") is None


class TestBannedOwners:
    """A ban goes by the person, and so by their protected names, over a restart, too."""

    def test_their_other_names_are_banned_as_well(self, kept: Lobby, records: Records) -> None:
        al, bo = kept.enter("al", "bo")
        al.is_operator = True
        protect(kept, bo, RIGHT, RIGHT)
        kept.types(bo, "/nick robert")
        al.lines()
        kept.types(al, "/ban robert 2h flooding")
        first, second, *_ = al.lines()
        assert first.startswith("=== Banned robert for 2 h")
        assert second.startswith("=== Banned bo for 2 h")
        kept.chat.leave(bo, "banned")
        later = Lobby(records)
        for name in ("bo", "robert", "r.obert"):
            with pytest.raises(BadName, match="That is banned here"):
                later.enter(name)
        later.chat.close()

    def test_names_of_others_are_left_alone_over_a_restart(
        self, kept: Lobby, records: Records
    ) -> None:
        al, bo = kept.enter("al", "bo")
        al.is_operator = True
        protect(kept, bo, RIGHT, RIGHT)
        kept.chat.leave(bo, Reason.QUIT)
        kept.enter("b.o")
        kept.types(al, "/ban b.o")
        with closing(Records(records._path)) as again:
            assert again.ban_of("bo_", "") is not None
            assert again.ban_of("bo", "") is None


class TestMutedOwners:
    def test_a_passphrase_is_no_way_round(self, kept: Lobby) -> None:
        al, bo = kept.enter("al", "bo")
        protect(kept, bo, RIGHT, RIGHT)
        kept.types(bo, "/nick robert")
        kept.chat.moderation.mute("robert", math.inf)
        kept.chat.leave(bo, Reason.QUIT)
        kept.now[0] += 1000
        (again,) = kept.enter("guest")
        again.secrets.append(RIGHT)
        kept.types(again, "/nick bo")
        al.lines()
        kept.says(again, "hi")
        assert again.lines()[-1] == "!!! You are muted: nobody was shown that."
        assert al.lines() == []


class TestMutes:
    """Who is muted, and until when: a name, its look-alikes, its person, or addresses."""

    def test_a_name_mutes_its_person_and_its_end_frees_them(self, lobby: Lobby) -> None:
        bo, cy = lobby.enter("bo", "cy")
        moderation = lobby.chat.moderation
        assert moderation.mute("bo", 60.0, "al") == [bo]
        assert bo.mute_left(lobby.now[0]) == 60.0
        assert cy.mute_left(lobby.now[0]) == 0.0
        assert moderation.unmute("cy") is None
        assert moderation.unmute("bo") == [bo]
        assert bo.mute_left(lobby.now[0]) == 0.0
        assert moderation.unmute("bo") is None

    def test_a_second_mute_holds_when_the_first_is_ended(self, lobby: Lobby) -> None:
        (bo,) = lobby.enter("bo")
        moderation = lobby.chat.moderation
        moderation.mute("bo", 60.0)
        moderation.mute(ip_network("192.0.2.0/24"), 30.0)
        assert moderation.unmute("bo") == []
        assert bo.mute_left(lobby.now[0]) == 30.0
        lobby.now[0] += 30
        assert moderation.unmute(ip_network("192.0.2.0/24")) is None

    def test_the_end_of_a_mute_frees_nobody_that_was_not_muted(self, lobby: Lobby) -> None:
        bo, cy, di = lobby.enter("bo", "cy", "di")
        di.address = "198.51.100.1:1000"
        lobby.chat.moderation.mute("bo", 60.0)
        lobby.chat.moderation.mute(ip_network("192.0.2.0/24"), 90.0)
        assert bo.mute_left(lobby.now[0]) == 90.0
        assert lobby.chat.moderation.unmute(ip_network("192.0.2.0/24")) == [cy]
        assert bo.mute_left(lobby.now[0]) == 60.0


class TestElsewhere:
    """People on other servers, and what these are told."""

    @pytest.fixture
    def told(self, lobby: Lobby) -> list[tuple[str, str, str]]:
        told: list[tuple[str, str, str]] = []
        lobby.chat.moderation.follower = lambda *it: told.append(it)
        return told

    def know(self, lobby: Lobby, name: str, address: str = "10.0.0.9:1") -> FarPerson:
        facts = replace(NOTHING, name=name, address=address, uid=f"u{name}")
        elsewhere = cast(Elsewhere, None)
        lobby.chat.far.know("n", name, fold_name(name), skeleton(name), facts, elsewhere)
        person = lobby.chat.far.find("n", name)
        assert person is not None
        return person

    def test_mutes_and_their_ends_are_told(
        self, lobby: Lobby, told: list[tuple[str, str, str]]
    ) -> None:
        (bo,) = lobby.enter("bo")
        far, _ = self.know(lobby, "far"), self.know(lobby, "other")
        moderation = lobby.chat.moderation
        assert moderation.mute("Far", 60.0, "op") == [far]
        assert moderation.mute("bo", 60.0, "op") == [bo]
        assert moderation.mute(ip_network("10.0.0.9/32"), 60.0, "op")[0] is far
        moderation.unmute("bo", "ed")
        assert told == [
            ("mute", "far", "op"),
            ("mute", "bo", "op"),
            ("mute", "10.0.0.9/32", "op"),
            ("mute", "bo", "ed"),
        ]

    def test_one_that_was_ended_there_is_ended_here(self, lobby: Lobby) -> None:
        bo, cy = lobby.enter("bo", "cy")
        moderation = lobby.chat.moderation
        for name in ("bo", "cy"):
            moderation.mute(name, 60.0, "op")
        assert moderation.end_mute("bo") == [bo]
        assert bo.mute_left(lobby.now[0]) == 0.0
        assert cy.mute_left(lobby.now[0]) == 60.0
        assert moderation.end_mute("bo") == []


class TestEnforcing:
    def test_everybody_that_a_ban_is_of_is_ended_and_told_why(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        bo.address = "10.0.0.7:1000"
        lobby.chat.moderation.ban(cy.identity, "10.0.0.7/32")
        ban = Ban(ip_network("10.0.0.7/32"), "op", "noise", lobby.records.now())
        assert lobby.chat.moderation.enforce(ban) == [bo, cy]
        assert al.ended == []
        words = "banned by op: noise"
        assert bo.ended == cy.ended == [f"{words} | You were {words}"]

    def test_those_whose_connection_is_elsewhere_or_gone_are_found(self, lobby: Lobby) -> None:
        far = TestElsewhere().know(lobby, "bo")
        ban = Ban("bo", "op", "", lobby.records.now())
        assert lobby.chat.moderation.enforce(ban) == [far]

    @pytest.mark.parametrize(
        ("ago", "left"), [(0.0, "for 10 min"), (300.0, "for 5 min"), (0.9, "for 10 min")]
    )
    def test_it_is_told_how_much_of_it_is_left(self, lobby: Lobby, ago: float, left: str) -> None:
        (bo,) = lobby.enter("bo")
        now = lobby.records.now()
        lobby.records.now = lambda: now
        lobby.chat.moderation.enforce(Ban("bo", "op", "", now - ago, now - ago + 600.0))
        (words,) = bo.ended
        assert f"banned by op {left}, until " in words


def test_rights_of_operators_are_given_and_taken_with_a_word(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    make_operator(al, "op")
    assert al.is_operator
    assert al.lines() == ["=== op made you an operator. /help lists what you can do."]
    unmake_operator(al, "op")
    assert not al.is_operator
    assert al.lines() == ["=== op made you an operator no longer."]


class TestMoving:
    """What holds for somebody that goes on from another address."""

    def test_a_mute_of_that_address(self, lobby: Lobby) -> None:
        (bo,) = lobby.enter("bo")
        lobby.chat.moderation.mute(ip_network("198.51.100.0/24"), 60.0)
        assert bo.mute_left(lobby.now[0]) == 0.0
        bo.address = "198.51.100.7:1000"
        lobby.chat.moderation.moved(bo)
        assert bo.mute_left(lobby.now[0]) == 60.0
        bo.address = "192.0.2.1:1000"
        lobby.chat.moderation.moved(bo)
        assert bo.mute_left(lobby.now[0]) == 60.0  # that is no way round

    def test_a_ban_of_that_address(self, kept: Lobby) -> None:
        (al, bo) = kept.enter("al", "bo")
        al.is_operator = True
        kept.types(al, "/ban 198.51.100.0/24")
        kept.chat.moderation.moved(bo)
        assert bo.ended == []
        bo.address = "198.51.100.7:1000"
        kept.chat.moderation.moved(bo)
        (ended,) = bo.ended
        assert ended.startswith("banned | You are banned here: 198.51.100.0/24 by al")
        bo.connection = None
        kept.chat.moderation.moved(bo)
        assert len(bo.ended) == 1


def test_a_name_that_somebody_had_before_they_came_is_not_one_they_gave_up(lobby: Lobby) -> None:
    (al,) = lobby.enter("al")
    lobby.chat.rename(al, "ed")
    lobby.chat.leave(al, Reason.QUIT)
    again = Somebody(1)  # at the same address
    lobby.chat.names.claim(again, "ed")
    assert again.identity is al.identity
    again.came_at += 9.0
    assert lobby.chat.moderation.formerly_called("al") is None
