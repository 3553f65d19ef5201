"""Mutes of a name and its person, or of addresses; and the people that bans follow."""

import math
from ipaddress import ip_network

from threadchat.chat.identity import NOBODY, Identity
from threadchat.chat.restrictions import Restrictions

HOST = "10.0.0.1"


class TestUntil:
    def test_the_longest_of_several_counts(self) -> None:
        mutes, bo = Restrictions(), Identity()
        assert mutes.muted_until("bo", HOST, bo) == -math.inf
        mutes.mute("bo", "op", 50.0, bo)
        mutes.mute(ip_network("10.0.0.0/8"), "op", 90.0)
        assert mutes.muted_until("bo", HOST, bo) == 90.0
        assert mutes.muted_until("b.o", "192.0.2.1", NOBODY) == 50.0
        assert mutes.muted_until("cy", "192.0.2.1", bo) == 50.0
        assert mutes.muted_until("cy", "192.0.2.1", NOBODY) == -math.inf
        assert mutes.muted_until("cy", "a program here", NOBODY) == -math.inf

    def test_another_mute_of_the_same_takes_its_place(self) -> None:
        mutes, bo = Restrictions(), Identity()
        mutes.mute("bo", "op", 50.0, bo)
        mutes.mute("BO", "op", 20.0, bo)
        assert mutes.muted_until("bo", HOST, bo) == 20.0

    def test_names_that_are_spared(self) -> None:
        mutes = Restrictions()
        mutes.mute("b.o", "op", 50.0, Identity(), {"bo"})
        assert mutes.muted_until("bo", HOST, NOBODY) == -math.inf
        assert mutes.muted_until("bo.", HOST, NOBODY) == 50.0


class TestEnd:
    def test_it_is_ended_by_any_name_of_the_person(self) -> None:
        for name in ("bo", "b.o", "robert"):
            mutes, bo = Restrictions(), Identity()
            bo.begin("bo", "bo", 1.0)
            bo.begin("robert", "robert", 2.0)
            mutes.mute("bo", "op", 50.0, bo)
            assert not mutes.unmute("cy", NOBODY, 10.0)
            assert mutes.unmute(name, NOBODY, 10.0)
            assert mutes.muted_until("bo", HOST, bo) == -math.inf

    def test_one_that_is_over_is_none(self) -> None:
        mutes, bo = Restrictions(), Identity()
        mutes.mute("bo", "op", 50.0, bo)
        assert not mutes.unmute("bo", bo, 50.0)

    def test_that_of_addresses_is_ended_by_them_alone(self) -> None:
        mutes, bo = Restrictions(), Identity()
        mutes.mute(ip_network("10.0.0.1"), "op", 50.0)
        assert not mutes.unmute("bo", bo, 1.0)
        assert mutes.unmute(ip_network("10.0.0.1"), NOBODY, 1.0)


class TestBans:
    def test_they_follow_a_person_until_they_are_undone(self) -> None:
        restrictions, bo, al = Restrictions(), Identity(), Identity()
        restrictions.ban(bo, "Bo")
        restrictions.ban(bo, "robert")
        assert restrictions.bans_of(bo) == {"bo", "robert"}
        assert restrictions.bans_of(al) == set()
        restrictions.unban("BO")
        assert restrictions.bans_of(bo) == {"robert"}

    def test_they_are_listed_until_they_are_over(self) -> None:
        mutes = Restrictions()
        mutes.mute("bo", "op", 50.0, Identity())
        mutes.mute(ip_network("10.0.0.0/8"), "op", 90.0)
        assert len(mutes.mute_lines(49.9)) == 2
        (line,) = mutes.mute_lines(50.0)
        assert line.startswith("10.0.0.0/8")


def test_who_has_the_name_now_is_the_one_that_is_muted() -> None:
    mutes, bo = Restrictions(), Identity()
    mutes.mute("bo", "op", 50.0, bo)
    assert mutes.unmute("cy", bo, 10.0)  # that is what bo is called by now


def test_a_mute_is_listed_with_whom_it_is_of_and_how_long() -> None:
    mutes, bo = Restrictions(), Identity()
    bo.begin("bo", "bo", 1.0)
    mutes.mute("bo", "al", math.inf, bo)
    assert mutes.mute_lines(10.0) == ["bo by al"]
    bo.begin("robert", "robert", 2.0)
    mutes.mute(ip_network("10.0.0.0/8"), "al", 50.0)
    assert mutes.mute_lines(10.0) == ["bo (now robert) by al", "10.0.0.0/8 by al for 40 s more"]


def test_one_mute_is_found_and_ended_by_its_target_alone() -> None:
    mutes = Restrictions()
    mutes.mute("bo", "op", 50.0, Identity())
    mutes.mute("cy", "op", 90.0, Identity())
    found = mutes.mute_of("cy", 49.0)
    assert found is not None
    assert found.target == "cy"
    assert mutes.mute_of("ed", 0.0) is None
    assert mutes.mute_of("bo", 49.0) is not None
    assert mutes.mute_of("bo", 50.0) is None
    mutes.end_mute("bo")
    assert mutes.mute_of("bo", 0.0) is None
    assert mutes.mute_of("cy", 0.0) is found


def test_whom_a_ban_follows() -> None:
    restrictions, bo, cy = Restrictions(), Identity(), Identity()
    for identity, target in ((bo, "bo"), (cy, "bo"), (bo, "ed"), (bo, "bo")):
        restrictions.ban(identity, target)
    assert restrictions.banned_by("bo") == [cy, bo]
    assert restrictions.banned_by("ed") == [bo]
    assert restrictions.bans_of(bo) == {"bo", "ed"}
    restrictions.unban("bo")
    assert restrictions.banned_by("bo") == []
    assert restrictions.banned_by("ed") == [bo]
