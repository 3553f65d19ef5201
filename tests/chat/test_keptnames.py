"""Names that are kept for a while: how many, for how long."""

from threadchat.chat.identity import Identity
from threadchat.chat.keptnames import (
    LONG_SECONDS,
    MAX_KEPT_AT_ADDRESS,
    MAX_LONG_AT_ADDRESS,
    NAME_KEPT_FOR,
    KeptNames,
)

AL = Identity()


def test_it_is_found_in_any_form_until_its_time_is_over() -> None:
    names = KeptNames()
    names.keep("Al", AL, "10.0.0.1", 5.0)
    for name in ("al", "AL", "aI", "a1"):
        found = names.find(name, 5.0 + NAME_KEPT_FOR - 1)
        assert found is not None
        assert found.identity is AL
        assert found.until == 5.0 + NAME_KEPT_FOR
    assert names.find("bo", 6.0) is None
    assert names.find("al", 5.0 + NAME_KEPT_FOR) is None
    assert len(names) == 0


def test_the_oldest_of_an_address_makes_room() -> None:
    names = KeptNames()
    names.keep("other", AL, "10.0.0.2", 0.0)
    for number in range(MAX_KEPT_AT_ADDRESS + 2):
        names.keep(f"n{number}", AL, "10.0.0.1", float(number))
    assert [names.find(f"n{number}", 9.0) is None for number in range(4)] == [1, 1, 0, 0]
    assert names.find("other", 9.0) is not None
    assert len(names) == MAX_KEPT_AT_ADDRESS + 1


def test_those_that_were_in_use_for_long_do_not_count() -> None:
    names = KeptNames()
    names.keep("short", AL, "10.0.0.1", 0.0, LONG_SECONDS - 1)
    for number in range(MAX_LONG_AT_ADDRESS + 1):
        names.keep(f"n{number}", AL, "10.0.0.1", 1.0, LONG_SECONDS)
    for number in range(MAX_KEPT_AT_ADDRESS):
        names.keep(f"m{number}", AL, "10.0.0.1", 2.0, LONG_SECONDS - 1)
    kept = [name for name in ("short", "n0", "n1", "n60", "m0") if names.find(name, 9.0)]
    assert kept == ["n1", "n60", "m0"]
    assert len(names) == MAX_LONG_AT_ADDRESS + MAX_KEPT_AT_ADDRESS


def test_keeping_it_again_makes_it_last_longer() -> None:
    names = KeptNames()
    names.keep("al", AL, "10.0.0.1", 0.0)
    names.keep("AL", AL, "10.0.0.2", 60.0)
    assert len(names) == 1
    assert names.find("al", NAME_KEPT_FOR + 1) is not None
    assert names.find("al", NAME_KEPT_FOR + 60) is None
    assert (names._at, names._by_key) == ({}, {})


def test_what_is_over_is_forgotten_when_another_comes() -> None:
    names = KeptNames()
    names.keep("al", AL, "10.0.0.1", 5.0)
    names.keep("bo", AL, "10.0.0.2", 5.0 + NAME_KEPT_FOR)
    assert len(names) == 1
