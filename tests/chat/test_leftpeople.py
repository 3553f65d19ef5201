"""People that left and are known again: how many, for how long, and who makes room."""

from collections.abc import Iterable

import pytest

from threadchat.chat import leftpeople
from threadchat.chat.identity import NOBODY, Identity
from threadchat.chat.leftpeople import (
    BRIEF_SECONDS,
    MAX_BYTES,
    MAX_BYTES_AT_ADDRESS,
    REMEMBERED_FOR,
    LeftPeople,
)

HOME = "10.0.0.1"


def leave(left: LeftPeople, name: str, seconds: float = 60.0, host: str = HOME) -> Identity:
    """Let somebody leave that had `name` for so long; return their identity."""
    identity = Identity()
    identity.begin(name, name, 0.0)
    left.remember(identity, {name: seconds}, host, 0.0)
    return identity


def known(left: LeftPeople, names: Iterable[str], host: str = HOME) -> list[str]:
    return [name for name in names if left.find(name, host, 1.0) is not NOBODY]


def test_all_people_behind_a_router_are_known() -> None:
    left = LeftPeople()
    people = {f"n{number}": leave(left, f"n{number}") for number in range(250)}
    for name, identity in people.items():
        assert left.find(name, HOME, REMEMBERED_FOR - 1) is identity
        assert left.find(name, "10.0.0.2", 1.0) is NOBODY
    assert left.last("n7", 1.0) is people["n7"]


def test_they_are_forgotten_in_time() -> None:
    left = LeftPeople()
    leave(left, "al")
    leave(left, "bo", 1.0)
    assert left.find("al", HOME, REMEMBERED_FOR) is NOBODY
    assert left.last("al", REMEMBERED_FOR) is NOBODY
    assert (len(left), left.size) == (0, 0)
    assert (left._brief, left._at, left._bytes_at) == ({}, {}, {})


def test_all_names_of_one_person_are_known_once_each() -> None:
    left = LeftPeople()
    identity = Identity()
    for _ in range(3):
        left.remember(identity, {"al": 50.0, "alan": 5.0}, HOME, 0.0)
    assert left.find("al", HOME, 1.0) is left.find("alan", HOME, 1.0) is identity
    assert len(left) == 2


def test_whoever_comes_and_goes_fills_no_memory_and_pushes_nobody_out() -> None:
    left = LeftPeople()
    people = [f"n{number}" for number in range(60)]
    for name in people:
        leave(left, name, 600.0)
    leave(left, "other", 1.0, "10.0.0.2")
    for number in range(5000):
        leave(left, f"m{number}", number % 60)
    assert left._bytes_at[HOME] <= MAX_BYTES_AT_ADDRESS
    assert left.size <= MAX_BYTES_AT_ADDRESS + 1000
    assert known(left, people) == people
    assert known(left, ["other"], "10.0.0.2") == ["other"]


def test_of_equal_ones_the_oldest_make_room() -> None:
    left = LeftPeople()
    names = [f"n{number}" for number in range(2000)]
    for name in names:
        leave(left, name)
    there = known(left, names)
    assert 100 < len(there) < 2000
    assert there == names[-len(there) :]


def test_who_is_remembered_with_much_takes_more() -> None:
    left = LeftPeople()
    identity = Identity()
    for number in range(50):
        identity.begin(f"n{number}", f"n{number}", 0.0)
    identity.ignored = frozenset(Identity() for _ in range(50))
    left.remember(identity, {"al": 1.0}, HOME, 0.0)
    before = left.size
    leave(left, "bo")
    assert before > 10 * (left.size - before)


@pytest.mark.parametrize("seconds", [1.0, BRIEF_SECONDS])
def test_from_however_many_addresses_there_is_a_bound(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftpeople, "MAX_BYTES", MAX_BYTES // 64)
    left = LeftPeople()
    people = [f"n{number}" for number in range(60)]
    for name in people:
        leave(left, name)
    for number in range(2000):
        leave(left, "eve", seconds, f"10.0.{number // 250}.{number % 250}")
    assert left.size <= MAX_BYTES // 64
    # One that had a name for a moment pushes out nobody that had it for longer.
    assert known(left, people) == ([] if seconds >= BRIEF_SECONDS else people)


def test_an_address_is_remembered_with_just_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    left = LeftPeople()
    leave(left, "al")
    size = left.size
    monkeypatch.setattr(leftpeople, "MAX_BYTES_AT_ADDRESS", 2 * size)
    monkeypatch.setattr(leftpeople, "MAX_BYTES", 3 * size)
    leave(left, "bo")
    assert known(left, ["al", "bo"]) == ["al", "bo"]
    leave(left, "cy", 90.0)
    assert known(left, ["al", "bo", "cy"]) == ["bo", "cy"]
    leave(left, "ed", host="10.0.0.2")
    assert known(left, ["bo", "cy"]) == ["bo", "cy"]
    leave(left, "fay", host="10.0.0.3")
    assert known(left, ["bo", "cy"]) == ["cy"]


def test_whoever_asks_for_the_last_one_finds_nobody_that_is_forgotten() -> None:
    left = LeftPeople()
    leave(left, "al")
    assert left.last("al", REMEMBERED_FOR - 0.1) is not NOBODY
    assert left.last("al", REMEMBERED_FOR) is NOBODY
    leave(left, "al")
    left.remember(Identity(), {"bo": 9.0}, HOME, REMEMBERED_FOR)
    assert len(left) == 1
