"""What a server has missed since it read the log last, and how it says how far that was."""

from collections.abc import Sequence

import pytest

from threadchat.link.absence import Absence, ReadUpTo, read_up_to
from threadchat.link.deliveries import Applied, Missed, Unreadable
from threadchat.link.records import batch_text, entry_text
from threadchat.link.wire import Kind, LogEntry
from threadchat.messages.kinds import Say
from threadchat.messages.places import Place


def entry(position: int, number: int, before: int, *words: str, epoch: str = "e1") -> LogEntry:
    text = entry_text(before, [batch_text("r", [Say("al", word, 1.0) for word in words])])
    return LogEntry(position, Kind.POST, epoch, "a", number, text, firsts=(before + 1,))


class FakeLog:
    """A log that hands out two entries at once."""

    def __init__(self, *entries: LogEntry) -> None:
        self.entries = entries

    def between(self, after: int, up_to: int | None) -> Sequence[LogEntry]:
        end = 10**6 if up_to is None else up_to
        return [it for it in self.entries if after < it.position <= end][:2]


def texts(absence: Absence, log: FakeLog, up_to: int | None = None) -> list[str]:
    """Return what was missed, and of lines that are not there how many."""
    found = []
    for delivery in (it for some in absence.read(log, up_to) for it in some):
        if isinstance(delivery, Missed):
            found.append(f"{delivery.lines} missed")
        elif isinstance(delivery, Applied) and delivery.record is not None:
            assert delivery.is_shown
            found += [it.text for it in delivery.record.said]
        elif isinstance(delivery, Unreadable):
            found.append("unreadable")
    return found


LOG = FakeLog(
    entry(5, 1, 0, "one"),
    entry(6, 2, 1, "two", "three"),
    LogEntry(7, Kind.GONE, "e1", "b", 3),
    entry(8, 3, 3, "four"),
)


def test_only_what_came_later_is_read() -> None:
    absence = Absence(ReadUpTo("e1", 5, "e1:post:a:1", {"a": 1}))
    assert texts(absence, LOG, 7) == ["two", "three"]
    assert texts(absence, LOG) == ["four"]
    assert texts(absence, LOG) == []


def test_the_last_entry_is_found_behind_another_one() -> None:
    assert texts(Absence(ReadUpTo("e1", 6, "e1:post:a:2", {"a": 3})), LOG) == ["four"]


def test_another_log_is_read_from_its_first_entry_on() -> None:
    log = FakeLog(entry(1, 1, 0, "one"), entry(2, 2, 1, "two"))
    assert texts(Absence(ReadUpTo("e0", 7, "e0:post:a:9")), log) == ["one", "two"]


@pytest.mark.parametrize(
    "before",
    [
        ReadUpTo("e0", 5, "e0:post:a:1"),
        ReadUpTo("e1", 5, "e1:post:a:7"),
        ReadUpTo("e1", 70, "post:a:7"),
        ReadUpTo("e1", 4, "post:a:7"),
    ],
)
def test_all_is_read_of_a_log_that_is_another_one(before: ReadUpTo) -> None:
    assert texts(Absence(before), LOG) == ["one", "two", "three", "four"]


def test_what_was_sent_again_in_a_new_epoch_stands_only_there() -> None:
    log = FakeLog(
        entry(5, 1, 0, "one"),
        entry(6, 2, 1, "two"),
        LogEntry(7, Kind.EPOCH, "e2"),
        entry(8, 1, 0, "one", epoch="e2"),
        entry(9, 3, 2, "three", epoch="e2"),
    )
    assert texts(Absence(ReadUpTo("e1", 4, "")), log) == ["two", "one", "three"]


def test_the_last_that_a_server_said_that_is_gone_by_now_is_read() -> None:
    # That a node is gone stands in the log with the number of its last entry.
    log = FakeLog(
        entry(5, 1, 0, "one"),
        entry(6, 2, 1, "the last"),
        LogEntry(7, Kind.GONE, "e1", "a", 2),
        LogEntry(8, Kind.EPOCH, "e2", "a", 2),
    )
    assert texts(Absence(ReadUpTo("e1", 5, "e1:post:a:1", {"a": 1})), log) == ["the last"]


def test_how_many_lines_are_not_there_any_more() -> None:
    log = FakeLog(entry(9, 40, 50, "late"), entry(10, 41, 51, "later"))
    before = ReadUpTo("e1", 5, "e1:post:a:1", {"a": 8, "b": 3})
    assert texts(Absence(before), log) == ["42 missed", "late", "later"]


def test_the_places_and_the_numbers_of_lines() -> None:
    (found,) = Absence(ReadUpTo("e1", 5, "e1:post:a:1")).read(LOG, 6)
    (applied,) = found
    assert isinstance(applied, Applied)
    assert (applied.first, applied.node, applied.line) == (Place("e1", 2), "a", 2)


def test_what_cannot_be_read_is_told_and_left_out() -> None:
    log = FakeLog(LogEntry(6, Kind.POST, "e1", "a", 2, "{"), entry(7, 3, 1, "two"))
    assert texts(Absence(ReadUpTo("e1", 5, "", {})), log) == ["unreadable", "two"]
    (told, _) = (it for some in Absence(ReadUpTo("e1", 5, "", {})).read(log) for it in some)
    assert isinstance(told, Unreadable)
    assert told.position == 6
    assert "cannot be read" in told.why


def test_it_is_a_text_and_back() -> None:
    before = ReadUpTo("e1", 5, "e1:post:a:1", {f"n{number}": number for number in range(2000)})
    after = read_up_to(before.text)
    assert after is not None
    assert (after.epoch, after.position, after.tail) == ("e1", 5, "e1:post:a:1")
    assert list(after.said) == [f"n{number}" for number in range(1000, 2000)]


@pytest.mark.parametrize("text", ["", "{", "[]", '["e", "x", "t", {}]', '["e", 1, "t", []]', "1"])
def test_a_text_that_is_none_is_nothing(text: str) -> None:
    assert read_up_to(text) is None
