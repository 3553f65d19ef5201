"""The table of names, as all nodes make it from the same steps."""

from threadchat.link.roster import Changes, Roster
from threadchat.link.wire import Claim, Holding, Release, Sync, Update

AL = Claim("al", "al", "p1", "lobby")

BO = Claim("bo", "bo", "p2", "lobby")


def holding(claim: Claim, node: str = "n", data: str = "lobby") -> Holding:
    return Holding(claim.fold, claim.look, node, claim.person, data)


def test_a_name_is_claimed_changed_and_released() -> None:
    roster = Roster()
    roster.take("n", AL, [False])
    assert roster.find("al") is None
    roster.take("n", AL, [True])
    assert roster.find("al") == holding(AL)
    roster.take("m", Update("al", "p1", "away"), [])
    roster.take("n", Update("al", "p9", "away"), [])
    assert roster.find("al") == holding(AL)
    roster.take("n", Update("al", "p1", "away"), [])
    assert roster.find("al") == holding(AL, data="away")
    roster.take("m", Release("al", "p1"), [])
    assert list(roster) == [holding(AL, data="away")]
    roster.take("n", Release("al", "p1"), [])
    assert list(roster) == []


def test_a_name_and_one_like_it_are_free_only_on_the_same_node() -> None:
    roster = Roster()
    roster.take("n", AL, [True])
    assert roster.is_free_elsewhere("al", "al", "n")
    assert not roster.is_free_elsewhere("al", "al", "m")
    assert not roster.is_free_elsewhere("a1", "al", "m")
    assert roster.is_free_elsewhere("bo", "bo", "m")
    roster.take("n", Release("al", "p1"), [])
    assert roster.is_free_elsewhere("a1", "al", "m")


def test_a_new_name_with_the_same_look_stays_when_the_old_one_goes() -> None:
    roster = Roster()
    roster.take("n", AL, [True])
    roster.take("n", Claim("a1", "al", "p1", ""), [True])
    roster.take("n", Release("al", "p1"), [])
    assert not roster.is_free_elsewhere("al", "al", "m")


def test_a_sync_tells_all_names_of_a_node() -> None:
    roster = Roster()
    roster.take("n", AL, [True])
    roster.take("m", Claim("cy", "cy", "p1", ""), [True])
    changes = roster.take("n", Sync((BO, Claim("cy", "cy", "p3", ""))), [True, False])
    assert changes == Changes([holding(BO)], [holding(AL)], [holding(BO)])
    assert {it.fold: it.node for it in roster} == {"bo": "n", "cy": "m"}
    assert roster.take("n", Sync((BO,)), [True]) == Changes([], [], [])


def test_what_has_become_of_names_is_told() -> None:
    roster = Roster()
    assert roster.take("n", AL, [False]) == Changes()
    assert roster.take("n", AL, [True]) == Changes([holding(AL)])
    away = holding(AL, data="away")
    assert roster.take("n", Update("al", "p1", "away"), []) == Changes([away])
    assert roster.take("n", Update("bo", "p1", "away"), []) == Changes()
    # Whoever had the name before has it no more, though nothing else told so.
    taken = Claim("al", "al", "p7", "")
    other = holding(taken, "m", "")
    assert roster.take("m", taken, [True]) == Changes([other], [away])
    assert roster.replace([other, holding(BO)]) == Changes([holding(BO)], [])
    assert roster.replace([holding(BO, data="away")]) == Changes(
        [holding(BO, data="away")], [other]
    )
    assert roster.take("n", Release("bo", "p1"), []) == Changes()
    assert roster.take("n", Release("bo", "p2"), []) == Changes((), [holding(BO, data="away")])


def test_the_names_of_a_node_that_is_gone_are_free() -> None:
    roster = Roster()
    roster.replace([holding(AL), holding(BO, "m")])
    assert roster.gone("n") == [holding(AL)]
    assert list(roster) == [holding(BO, "m")]
    assert roster.is_free_elsewhere("al", "al", "m")
