"""What is known of somebody on another server, and what others are told of somebody here."""

import math
from dataclasses import replace
from typing import cast

from tests.support.chats import Lobby
from tests.support.facts import NOTHING
from threadchat.chat.farperson import FAR_IDLE, Elsewhere, Facts, FarPerson, is_idle

FACTS = replace(
    NOTHING,
    name="bo",
    address="192.0.2.7:1000",
    counted_as="192.0.2.7",
    came_at=900.0,
    named_at=950.0,
)


def known(facts: Facts) -> FarPerson:
    """Return a person of whom `facts` were told at 1000 of their clock, which is 50 of ours."""
    person = FarPerson("n", "k", facts, cast(Elsewhere, None))
    person.take(facts, "bo", 50.0, 1000.0)
    return person


def test_times_are_told_on_our_own_clock() -> None:
    person = known(replace(FACTS, heard_at=980.0))
    assert (person.joined_at, person.named_at, person.last_heard_at) == (-50.0, 0.0, 30.0)


def test_nothing_began_later_than_now() -> None:
    person = known(replace(FACTS, came_at=1500.0, named_at=1600.0, heard_at=1700.0))
    assert (person.joined_at, person.named_at, person.last_heard_at) == (50.0, 50.0, 50.0)


def test_of_somebody_that_was_heard_lately_no_time_is_told() -> None:
    assert known(FACTS).last_heard_at == math.inf


def test_what_is_told_later_counts() -> None:
    person = known(FACTS)
    later = replace(
        FACTS,
        name="cy",
        address="192.0.2.9:2000",
        counted_as="192.0.2.9",
        came_at=910.0,
        away="lunch",
        is_operator=True,
    )
    person.take(later, "cy", 50.0, 1000.0)
    assert (person.name, person.folded_name) == ("cy", "cy")
    assert (person.address, person.host) == ("192.0.2.9:2000", "192.0.2.9")
    assert person.counted_as == "192.0.2.9"
    assert (person.came_at, person.joined_at) == (910.0, -40.0)
    assert person.away == "lunch"
    assert person.is_operator


class TestTold:
    """What other servers are told of somebody on this one."""

    def test_all_that_they_need_is(self, lobby: Lobby) -> None:
        al, bo = lobby.enter("al", "bo")
        before = lobby.records.now()
        lobby.types(al, "/ignore bo")
        al.away, al.is_operator = "lunch", True
        facts = lobby.chat.names.facts_of(al)
        assert facts == Facts(
            name="al",
            id=al.id,
            address=al.address,
            counted_as=al.counted_as,
            room="lobby",
            came_at=al.came_at,
            named_at=al.identity.periods[-1].begin,
            heard_at=0.0,
            away="lunch",
            is_operator=True,
            is_hook=False,
            uid=lobby.chat.names.uid_of(al.identity),
            records=(),
            ignores=(lobby.chat.names.uid_of(bo.identity),),
            lost_after=0.0,
        )
        assert 0.0 < facts.named_at <= before

    def test_of_a_name_that_is_claimed_it_is_told_that_it_begins_now(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        before = lobby.records.now()
        facts = lobby.chat.names.facts_of(al, name="bo", lost_after=40.0)
        assert (facts.name, facts.lost_after) == ("bo", 40.0)
        assert before <= facts.named_at <= lobby.records.now()

    def test_the_last_time_that_they_took_the_name_counts(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        lobby.chat.rename(al, "bo")
        lobby.chat.rename(al, "al")
        first, *_, last = (it for it in al.identity.periods if it.fold == "al")
        assert first.begin <= last.begin == lobby.chat.names.facts_of(al).named_at

    def test_of_somebody_in_no_room_it_is_told_that_they_come_now(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        al.room, al.came_at = None, 0.0
        before = lobby.records.now()
        facts = lobby.chat.names.facts_of(al)
        assert facts.room == ""
        assert before <= facts.came_at <= lobby.records.now()

    def test_for_how_long_they_were_silent(self, lobby: Lobby) -> None:
        (al,) = lobby.enter("al")
        assert not is_idle(al, al.last_heard_at + FAR_IDLE - 1)
        assert is_idle(al, al.last_heard_at + FAR_IDLE)
        before = lobby.records.now()
        lobby.now[0] += FAR_IDLE
        silent_since = lobby.chat.names.facts_of(al).heard_at
        assert before - FAR_IDLE <= silent_since <= lobby.records.now() - FAR_IDLE
