"""What follows from entries of the log: what is told, what was missed, which names are given up."""

from collections import deque

from threadchat.link.deliveries import Applied, Delivery, EntriesMissed, Missed
from threadchat.link.ownentries import Item, OwnEntries
from threadchat.link.ownpeople import OwnPeople
from threadchat.link.reading import LogReader
from threadchat.link.records import batch_record, batch_text, entry_text
from threadchat.link.roster import Roster
from threadchat.link.wire import Claim, Kind, LogEntry, NameStep, Release, Sync
from threadchat.messages.kinds import Say

EPOCH = "e1" * 8


class Node:
    """A node that reads what a test puts into the log."""

    def __init__(self) -> None:
        self.own = OwnEntries(8, 1000, 1000)
        self.told: deque[Delivery] = deque()
        roster = Roster()
        self.people = OwnPeople("1", roster)
        self.reader = LogReader("1", self.own, self.people, roster, self.told)
        self.position = 0

    def read(self, node: str, number: int, said_before: int, *words: str) -> list[Delivery]:
        """Read an entry of another node in which somebody says words; return what is told."""
        said = [batch_text("r", [Say("bo", it, 1.0) for it in words])]
        self._take(node, number, entry_text(said_before, said))
        told = list(self.told)
        self.told.clear()
        return told

    def read_own(self, step: NameStep, *granted: bool) -> None:
        """Send a step, and read it back with what was granted."""
        self.own.add(Item(step=step))
        entry = self.own.take(0.0)
        assert entry is not None
        self._take("1", entry.number, entry_text(0, []), entry.steps, granted)

    def _take(
        self,
        node: str,
        number: int,
        payload: str,
        steps: tuple[NameStep, ...] = (),
        granted: tuple[bool, ...] = (),
    ) -> None:
        self.position += 1
        firsts = (self.position,) if node != "1" else ()
        self.reader.take(
            LogEntry(self.position, Kind.POST, EPOCH, node, number, payload, steps, firsts, granted)
        )


def test_an_own_entry_is_read_where_the_log_has_another_record_of_it() -> None:
    """It was put there before it was marked; the mark that all read is that of the log."""
    for in_log, apart in ((None, None), ((1.0, 2.0), (1.0, 2.0))):
        node = Node()
        said = [Say("al", "hi", 1.0)]
        record = batch_record("r", tuple(said))
        node.own.add(Item("r", batch_text("r", said), 1, 1.0, None, record))
        entry = node.own.take(0.0)
        assert entry is not None
        entry.text, entry.told_apart = entry_text(0, [entry.items[0].text]), None
        node._take("1", 1, entry_text(0, [entry.items[0].text], in_log))
        (told,) = node.told
        assert isinstance(told, Applied)
        assert told.apart == apart


def missed(told: list[Delivery]) -> list[Delivery]:
    return [it for it in told if isinstance(it, Missed | EntriesMissed)]


def test_only_what_was_said_since_the_last_entry_was_missed() -> None:
    node = Node()
    assert missed(node.read("2", 1, 0, "a", "b", "c")) == []
    assert missed(node.read("2", 2, 3, "d")) == []
    # Two entries with five lines are in between.
    assert missed(node.read("2", 5, 9, "e")) == [Missed("2", 5), EntriesMissed("2")]
    assert missed(node.read("2", 6, 10, "f")) == []


def test_of_a_node_that_came_all_it_said_before_was_missed() -> None:
    assert missed(Node().read("2", 3, 2, "a")) == [Missed("2", 2), EntriesMissed("2")]
    assert missed(Node().read("2", 2, 0, "a")) == [EntriesMissed("2")]


def test_a_name_is_given_up_that_is_free_again_after_it_was_refused() -> None:
    al = Claim("al", "al", "p1", "")
    node = Node()
    node.read_own(Sync((al,)), True)
    given_up = node.own.take(0.0)
    assert given_up is not None
    assert given_up.steps == (Release("al", "p1"),)


def test_a_name_that_is_refused_twice_is_not_given_up() -> None:
    node = Node()
    node.read_own(Sync((Claim("al", "al", "p1", ""),)), False)
    assert node.own.take(0.0) is None
