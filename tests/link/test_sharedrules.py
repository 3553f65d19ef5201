"""Bans and mutes as other servers have set them."""

from ipaddress import ip_network

import pytest

from tests.support.chats import Lobby, deeds
from threadchat.link.shared import Change
from threadchat.link.sharedrules import SharedBans, SharedMutes

BAN: dict[str, object] = {
    "target": "bo",
    "by": "op",
    "why": "w",
    "at": 5.0,
    "until": None,
    "spared": [],
    "who": [],
}
MUTE: dict[str, object] = {"target": "bo", "by": "op", "until": None, "spared": [], "who": ""}


class TestBans:
    def test_a_ban_is_told_and_taken_as_it_is(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.chat.moderation.ban(al.identity, "al")
        lobby.chat.records.ban("al", "op", "why", 60.0, {"a1"})
        lobby.chat.records.ban(ip_network("10.0.0.0/8"), "op")
        bans = SharedBans(lobby.chat)
        assert [key for key, _ in bans.items()] == ["al", "10.0.0.0/8"]
        value = bans.value("al")
        assert value is not None
        assert value["who"] == [lobby.chat.names.uid_of(al.identity)]
        before = lobby.chat.records.bans()
        for key in ("al", "10.0.0.0/8"):
            told = bans.value(key)
            bans.put(key, Change(None))
            assert bans.value(key) is None
            bans.put(key, Change(told))
            assert bans.value(key) == told
        assert lobby.chat.records.bans() == before

    def test_the_people_that_it_is_of_are_ended(self, lobby: Lobby) -> None:
        al, bo, cy = lobby.enter("al", "bo", "cy")
        who = [lobby.chat.names.uid_of(cy.identity)]
        SharedBans(lobby.chat).put("bo", Change({**BAN, "who": who}))
        assert al.ended == []
        assert bo.ended == cy.ended == ["banned by op: w | You were banned by op: w"]

    def test_it_is_logged_if_it_is_done_just_now(self, lobby: Lobby) -> None:
        bans = SharedBans(lobby.chat)
        bans.put("bo", Change(BAN, is_late=True))
        assert deeds(lobby) == []
        bans.put("bo", Change(BAN, node="box:8000/ab"))
        bans.put("bo", Change(None, node="box:8000/ab"))
        assert deeds(lobby) == [
            "op banned bo: w, on box:8000",
            "an operator unbanned bo, on box:8000",
        ]

    @pytest.mark.parametrize(
        "wrong", [{"target": "cy"}, {"target": "10.0.0.0/99"}, {"target": "\x1b[2J"}]
    )
    def test_what_is_none_is_refused(self, lobby: Lobby, wrong: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="ban"):
            SharedBans(lobby.chat).put("bo", Change({**BAN, **wrong}))
        assert lobby.chat.records.bans() == []


class TestMutes:
    def test_a_mute_is_told_and_taken_as_it_is(self, lobby: Lobby) -> None:
        lobby.enter("bo")
        lobby.chat.moderation.mute("bo", 600.0, "op")
        mutes = SharedMutes(lobby.chat, lambda: 1000.0)
        told = mutes.value("bo")
        assert told is not None
        assert told["until"] == 1600.0
        assert told == mutes.value("bo")
        mutes.put("bo", Change(None))
        assert mutes.value("bo") is None
        mutes.put("bo", Change(told))
        assert mutes.value("bo") == told

    def test_the_end_stays_the_same_however_the_clocks_go(self, lobby: Lobby) -> None:
        now = [1000.0]
        mutes = SharedMutes(lobby.chat, lambda: now[0])
        lobby.enter("bo", "cy")
        lobby.chat.moderation.mute("bo", 600.0, "op")
        mutes.put("cy", Change({**MUTE, "target": "cy", "until": 1600.4}))

        def end(key: str) -> object:
            value = mutes.value(key)
            assert value is not None
            return value["until"]

        assert (end("bo"), end("cy")) == (1600.0, 1600.4)
        now[0] = 1003.0  # somebody has set the clock
        assert (end("bo"), end("cy")) == (1600.0, 1600.4)
        # Another mute of the same person has another end.
        lobby.chat.moderation.mute("bo", 60.0, "op")
        assert end("bo") == 1063.0

    def test_one_without_an_end_has_none(self, lobby: Lobby) -> None:
        mutes = SharedMutes(lobby.chat, lambda: 1000.0)
        mutes.put("bo", Change(MUTE))
        assert mutes.value("bo") == MUTE

    def test_it_is_logged_if_it_is_done_just_now(self, lobby: Lobby) -> None:
        mutes = SharedMutes(lobby.chat, lambda: 1000.0)
        mutes.put("bo", Change(MUTE, is_late=True))
        assert deeds(lobby) == []
        mutes.put("bo", Change(MUTE, node="box:8000/ab"))
        mutes.put("bo", Change(None, node="box:8000/ab"))
        mutes.put("bo", Change(MUTE, is_late=True))
        mutes.put("bo", Change(None, "ed", node="box:8000/ab"))
        assert deeds(lobby) == [
            "op muted bo, on box:8000",
            "an operator unmuted bo, on box:8000",
            "ed unmuted bo, on box:8000",
        ]

    def test_those_concerned_are_told(self, lobby: Lobby) -> None:
        bo, cy = lobby.enter("bo", "cy")
        bo.lines()
        mutes = SharedMutes(lobby.chat, lambda: 1000.0)
        who = lobby.chat.names.uid_of(cy.identity)
        mutes.put("bo", Change({**MUTE, "who": who, "until": 1059.5}))
        for person in (bo, cy):
            (line,) = person.lines()
            assert line.startswith("=== op muted you for 1 min, until ")
            lobby.says(person, "hi")
            assert person.lines()[0].startswith("!!! You are muted for ")
        mutes.put("bo", Change(None, "ed"))
        assert bo.lines() == cy.lines() == ["=== ed lets you speak again."]

    def test_one_that_is_over_is_none(self, lobby: Lobby) -> None:
        mutes = SharedMutes(lobby.chat, lambda: 1000.0)
        mutes.put("bo", Change({**MUTE, "until": 900.0}))
        assert mutes.value("bo") is None
        assert list(mutes.items()) == []
