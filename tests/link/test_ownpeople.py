"""The names of a node's people, and what it decides alone."""

from threadchat.link.ownpeople import OwnPeople
from threadchat.link.roster import Roster
from threadchat.link.wire import Claim, Holding, Sync

AL = Claim("al", "al", "p1", "")


def test_a_claim_is_decided_once() -> None:
    people = OwnPeople("n", Roster())
    people.ask(AL)
    assert people.is_undecided(AL)
    assert people.asked(Claim("al", "al", "p1", "")) is AL
    assert people.sync() == Sync((AL,))
    people.decide(AL, True)
    assert not people.is_undecided(AL)
    assert people.claim_of("al", "p1") == AL
    assert people.claim_of("al", "p2") is None
    assert people.sync() == Sync((AL,))
    people.drop("al")
    assert people.sync() == Sync(())


def test_what_is_refused_is_nobodys() -> None:
    people = OwnPeople("n", Roster())
    people.ask(AL)
    people.decide(AL, False)
    assert people.sync() == Sync(())


def test_alone_a_name_is_free_that_nobody_is_known_to_have() -> None:
    roster = Roster()
    roster.replace([Holding("bo", "bo", "m", "p1", ""), Holding("cy", "cy", "n", "p9", "")])
    people = OwnPeople("n", roster)
    people.decide(AL, True)
    assert people.may_have(Claim("a1", "al", "p1", ""))
    assert not people.may_have(Claim("a1", "al", "p2", ""))
    assert not people.may_have(Claim("al", "al", "p2", ""))
    assert not people.may_have(Claim("bo", "bo", "p2", ""))
    assert people.may_have(Claim("cy", "cy", "p2", ""))  # whoever had it here has left


def test_a_name_is_taken_in_upper_and_lower_case_though_these_look_different() -> None:
    people = OwnPeople("n", Roster())
    people.decide(Claim("ian", "lan", "p1", ""), True)  # somebody called Ian
    assert not people.may_have(Claim("ian", "ian", "p2", ""))
