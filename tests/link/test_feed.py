"""What a live connection brings is handed to the core in a row, and gaps are filled."""

import pytest

from threadchat.link.core import LinkCore
from threadchat.link.feed import LogFeed
from threadchat.link.live import Answered, Arrival, Fetched
from threadchat.link.wire import Done, Enter, Entered, Kind, LogEntry, Renew


class Fed:
    """A node that has entered behind position 0, with what was fetched then."""

    def __init__(self, *, is_held: bool = False) -> None:
        self.core = LinkCore("n")
        self.feed = LogFeed(self.core)
        self.feed.begin(is_held=is_held)
        self.core.opened(0.0)
        enter = self.core.next_request(0.0)
        assert isinstance(enter, Enter)
        self.take(entry(1))  # it is not to be read yet
        self.take(Answered(enter, Entered("e", 0, 0, 0, True)))

    def take(self, *arrivals: Arrival) -> None:
        self.feed.take(arrivals, 0.0)

    @property
    def position(self) -> int:
        return self.core.read_up_to.position


def entry(position: int) -> LogEntry:
    return LogEntry(position, Kind.GONE, "e", "other")


def told(*positions: int) -> list[LogEntry]:
    return [entry(it) for it in positions]


@pytest.fixture
def fed() -> Fed:
    fed = Fed()
    assert fed.feed.next_fetch() == 0
    fed.take(Fetched((), is_end=True))
    return fed


def test_what_there_is_by_then_is_fetched_at_the_beginning(fed: Fed) -> None:
    assert fed.feed.next_fetch() is None


def test_entries_in_a_row_are_read_as_they_come(fed: Fed) -> None:
    fed.take(*told(1, 2, 3))
    assert fed.position == 3
    assert fed.feed.next_fetch() is None


def test_a_second_copy_changes_nothing(fed: Fed) -> None:
    fed.take(*told(1, 2, 1, 2))
    assert fed.position == 2
    assert fed.feed.next_fetch() is None


def test_what_is_missing_is_fetched_once(fed: Fed) -> None:
    fed.take(*told(1, 4))
    assert fed.position == 1
    assert fed.feed.next_fetch() == 1
    fed.take(*told(5))
    assert fed.feed.next_fetch() is None
    fed.take(Fetched([entry(it) for it in (2, 3, 4, 5)], is_end=True), *told(6))
    assert fed.position == 6
    assert fed.feed.next_fetch() is None


def test_fetching_goes_on_to_the_end(fed: Fed) -> None:
    fed.take(*told(4))
    assert fed.feed.next_fetch() == 0
    fed.take(Fetched([entry(1)], is_end=False))
    assert fed.feed.next_fetch() == 1
    fed.take(Fetched([entry(it) for it in (2, 3, 4)], is_end=True))
    assert fed.position == 4
    assert fed.feed.next_fetch() is None


def test_what_the_log_lacks_is_found(fed: Fed) -> None:
    fed.take(*told(4))
    fed.feed.next_fetch()
    fed.take(Fetched([entry(4)], is_end=True), *told(5))
    assert fed.core.must_close == "the log lacks an entry"
    assert fed.position == 0


def test_nothing_is_read_while_that_is_held() -> None:
    fed = Fed(is_held=True)
    fed.take(*told(1))
    assert fed.feed.next_fetch() is None
    assert fed.position == 0
    fed.feed.go_on()
    assert fed.feed.next_fetch() == 0
    fed.take(Fetched([entry(1)], is_end=True), *told(2))
    assert fed.position == 2


def test_a_new_connection_waits_for_no_fetch_of_the_one_before(fed: Fed) -> None:
    fed.take(*told(4))
    fed.feed.next_fetch()
    fed.feed.begin()
    fed.take(*told(4))
    assert fed.feed.next_fetch() == 0


def test_an_entry_that_was_never_told_is_fetched_after_the_next_renewal(fed: Fed) -> None:
    fed.take(Answered(Renew("n", "e", 0), Done(1, 0)))
    assert fed.feed.next_fetch() is None  # it may be on its way
    fed.take(Answered(Renew("n", "e", 0), Done(2, 0)))
    assert fed.feed.next_fetch() == 0
    fed.take(Fetched([entry(1), entry(2)], is_end=True))
    fed.take(Answered(Renew("n", "e", 2), Done(2, 2)))
    assert fed.feed.next_fetch() is None
