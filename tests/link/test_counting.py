"""How many are in a room where the order has come to, whatever a server thought before."""

import pytest

from threadchat.link.counting import here_after
from threadchat.link.records import BatchRecord, batch_record
from threadchat.link.roster import Roster
from threadchat.link.wire import Claim, Release, Update
from threadchat.messages.kinds import Joined, Left, LeftTogether, RoomMessage, Say

HI = Say("al", "hi", 0.0)


@pytest.fixture
def roster() -> Roster:
    """Return a table with al and bo of "n", and cy of "m", all in the room "r"."""
    roster = Roster(lambda data: data)
    for node, name in (("n", "al"), ("n", "bo"), ("m", "cy")):
        roster.take(node, Claim(name, name, f"p {name}", "r"), [True])
    return roster


def batch(*messages: RoomMessage, room: str = "R") -> BatchRecord:
    return batch_record(room, messages)


def test_those_that_come_are_counted_by_the_table(roster: Roster) -> None:
    assert here_after([batch(Joined(["al"], 9), HI), batch(HI)], "n", roster) == [3, None]


def test_each_batch_of_an_entry_has_the_count_behind_it(roster: Roster) -> None:
    batches = [
        batch(Joined(["al"], 9)),
        batch(Joined(["x"], 9), room="other"),
        batch(Joined(["bo", "di"], 9), HI, Left("di", 1.0, "quit")),
    ]
    assert here_after(batches, "n", roster) == [2, 1, 3]


def test_the_table_may_tell_it_a_moment_later(roster: Roster) -> None:
    leave = batch(HI, LeftTogether(["al", "bo"], 9))
    assert here_after([leave], "n", roster) == [1]
    assert here_after([batch(Joined(["di"], 9))], "n", roster) == [4]
    roster.take("n", Release("al", "p al"), [])
    assert here_after([leave], "n", roster) == [1]
    assert here_after([batch(Left("cy", 1.0, "quit"))], "n", roster) == [2]  # another cy
    back = [batch(Left("bo", 1.0, "quit")), batch(Joined(["bo"], 9))]
    assert here_after(back, "n", roster) == [1, 2]


def test_a_person_in_a_rename_counts_once(roster: Roster) -> None:
    roster.take("n", Claim("ali", "ali", "p al", "r"), [True])
    assert roster.count_in("r") == 3
    roster.take("n", Release("al", "p al"), [])
    assert roster.count_in("r") == 3
    roster.take("n", Update("ali", "p al", ""), [])
    assert roster.count_in("r") == 2
    roster.replace([])
    assert roster.count_in("r") == 0


def test_nonsense_of_other_programs_counts_nobody_twice() -> None:
    roster = Roster(lambda data: data)
    assert here_after([batch(), batch(Left("al", 1.0, "quit"))], "n", roster) == [None, 0]
