"""What a node has to say: one entry of what waits, a bound for what is on the way and kept."""

from threadchat.link.ownentries import Item, OwnEntries, OwnEntry
from threadchat.link.wire import Release


def own(in_flight: int = 2, entry_bytes: int = 1000, kept_bytes: int = 1000) -> OwnEntries:
    return OwnEntries(in_flight, entry_bytes, kept_bytes)


def taken(entries: OwnEntries, now: float = 0.0) -> OwnEntry:
    entry = entries.take(now)
    assert entry is not None
    return entry


def item(text: str = "x", *, is_shown: bool = False, at: float = 0.0, said: int = 1) -> Item:
    return Item("r", text, said, at, is_shown=is_shown)


def test_all_that_waits_becomes_one_entry() -> None:
    entries = own()
    assert entries.take(0.0) is None
    items = [item("a"), item("b", said=2), Item(step=Release("al", "p"))]
    for it in items:
        entries.add(it)
    first = taken(entries)
    assert (first.number, first.items, first.said_before) == (1, items, 0)
    assert first.steps == (Release("al", "p"),)
    entries.add(item())
    assert taken(entries).said_before == 3


def test_lines_are_numbered_as_they_come() -> None:
    entries, told = own(), list[int]()
    for said in (1, 2, 0, 1):
        entries.add(Item("r", "x", said, numbered=told.append))
    assert told == [1, 2, 4, 4]
    assert [it.line for it in taken(entries).items] == told


def test_one_more_goes_into_an_entry_that_is_not_full() -> None:
    entries = own(entry_bytes=131)
    for _ in range(4):
        entries.add(item())  # 65 bytes
    assert len(taken(entries).items) == 3


def test_an_entry_has_a_bound() -> None:
    entries = own(entry_bytes=100)
    for _ in range(3):
        entries.add(item("x" * 20))  # 84 bytes
    assert len(taken(entries).items) == 2
    assert len(taken(entries).items) == 1


def test_only_so_many_are_on_the_way() -> None:
    entries = own(in_flight=2)
    for _ in range(3):
        entries.add(item())
        entries.take(0.0)
    assert entries.last == 2
    entries.answered()
    assert taken(entries).number == 3
    entries.add(item())
    assert entries.take(0.0) is None


def test_an_answer_too_many_makes_no_difference() -> None:
    entries = own(in_flight=1)
    entries.answered()
    entries.add(item())
    assert taken(entries).number == 1
    entries.add(item())
    assert entries.take(0.0) is None


def test_one_is_kept_until_all_have_read_it() -> None:
    entries = own()
    entries.add(item())
    taken(entries)
    assert entries.base == 0
    entries.settle(10)
    assert entries.base == 0  # not read back yet
    assert entries.read_back(1, 5) is not None
    assert entries.waiting_bytes == 0
    entries.settle(4)
    assert (entries.base, entries.read_bytes) == (0, 65)
    entries.settle(5)
    assert (entries.base, entries.read_bytes) == (1, 0)
    assert entries.read_back(1, 5) is None


def test_of_what_was_read_back_so_much_is_kept() -> None:
    entries = own(in_flight=9, kept_bytes=100)
    for number in (1, 2):
        entries.add(item())
        taken(entries)
        entries.read_back(number, number)
    assert (entries.base, entries.read_bytes) == (1, 65)


def test_one_that_was_not_read_back_is_kept_however_much_is_kept() -> None:
    entries = own(kept_bytes=10)
    for number in (1, 2):
        entries.add(item())
        assert taken(entries).number == number
    assert entries.read_back(2, 1) is not None
    assert entries.base == 0
    assert entries.read_back(1, 2) is not None


def test_all_have_read_the_first_position() -> None:
    entries = own()
    entries.add(item())
    taken(entries)
    entries.read_back(1, 1)
    entries.settle(1)
    assert entries.base == 1


def test_what_the_broker_does_not_know_is_sent_again() -> None:
    entries = own(in_flight=3)
    for number in range(3):
        entries.add(item(str(number)))
        taken(entries)
    assert entries.take(0.0) is None
    entries.cut()
    entries.resume(1, is_new_epoch=False)
    again = taken(entries, 7.0)
    assert (again.number, again.items[0].text, again.sent_at) == (2, "1", 7.0)
    assert taken(entries).number == 3
    assert entries.take(0.0) is None


def test_in_a_new_epoch_even_what_was_read_back_is_sent_again() -> None:
    entries = own()
    entries.add(item())
    taken(entries)
    entries.read_back(1, 5)
    entries.cut()
    entries.resume(0, is_new_epoch=True)
    entries.settle(9)  # that was the position in another epoch
    assert taken(entries).number == 1
    assert entries.read_back(1, 2) is not None
    assert entries.read == 1
    assert entries.waiting_bytes == 0


def test_what_was_shown_apart_is_marked_and_not_mixed() -> None:
    entries = own(in_flight=9)
    entries.add(item("a", at=1.0))
    taken(entries)
    for it in entries.unread():
        it.is_shown = True
    entries.add(item("b", is_shown=True, at=5.0))
    entries.mark_apart()
    entries.add(item("c", at=6.0))
    entries.cut()
    entries.resume(0, is_new_epoch=False)
    found = [taken(entries) for _ in range(3)]
    assert [it.apart for it in found] == [(1.0, 5.0), (1.0, 5.0), None]
    assert entries.take(0.0) is None


def test_nothing_else_is_marked() -> None:
    entries = own(in_flight=9)
    before, names, after = item("a", is_shown=True), Item(step=Release("al", "p")), item("b")
    for it in (before, names, after):
        entries.add(it)
        taken(entries)
    entries.read_back(1, 5)  # it was said so to all
    after.is_shown = True
    entries.mark_apart()
    entries.cut()
    entries.resume(0, is_new_epoch=True)
    assert [taken(entries).apart for _ in range(3)] == [None, None, (0.0, 0.0)]


def test_since_when_one_is_waited_for() -> None:
    entries = own()
    assert entries.oldest_unread() is None
    entries.add(item())
    assert entries.oldest_unread() is None
    taken(entries, 3.0)
    assert entries.oldest_unread() == 3.0
    entries.read_back(1, 1)
    assert entries.oldest_unread() is None


def test_steps_that_wait_can_be_dropped() -> None:
    entries = own()
    entries.add(Item(step=Release("al", "p")))
    entries.add(item())
    entries.drop_waiting_steps()
    assert entries.waiting_bytes == 65
    assert taken(entries).steps == ()
