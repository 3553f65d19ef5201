"""What is known of somebody on another server."""

import math
from dataclasses import replace
from typing import cast

from tests.support.facts import NOTHING
from threadchat.chat.farperson import Elsewhere, Facts, FarPerson

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
