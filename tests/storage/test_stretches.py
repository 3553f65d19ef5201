"""What is known in memory of the order of several servers; `test_linkedhistory` has the rest."""

import pytest

from threadchat.storage import stretches as stretches_module
from threadchat.storage.stretches import RememberedStretches, Stretch


def stretch(seq: int, lines: int = 1, at: float = 1.0, line: int = 0, **more: object) -> Stretch:
    return Stretch(seq, lines, at, "e", seq, "node", line or seq, **more)  # type: ignore[arg-type]


def test_a_stretch_holds_its_lines_and_no_others() -> None:
    it = stretch(5, 3)
    assert [seq for seq in range(1, 12) if it.holds(seq)] == [5, 6, 7]
    assert [it.shown_of(seq) for seq in (5, 7)] == [5, 7]
    assert [stretch(5, 3, shown=20).shown_of(seq) for seq in (5, 7)] == [20, 22]


def test_the_room_that_was_silent_for_longest_is_forgotten_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stretches_module, "MAX_ROOMS_REMEMBERED", 2)
    known = RememberedStretches()
    for number, room in enumerate(("a", "b", "a", "c"), 1):
        known.add(room, [stretch(number)])
    assert [bool(known.within(room, 1, 99)) for room in "abc"] == [True, False, True]


def test_of_a_room_the_oldest_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches_module, "MAX_REMEMBERED", 3)
    known = RememberedStretches()
    for seq in range(1, 7):
        known.add("a", [stretch(seq)])
    assert [it.seq for it in known.within("a", 1, 99)] == [1, 2, 3, 4, 5, 6]
    known.add("a", [stretch(7)])
    assert [it.seq for it in known.within("a", 1, 99)] == [4, 5, 6, 7]


def test_those_within_some_numbers_are_found() -> None:
    known = RememberedStretches()
    for seq in (1, 4, 7):
        known.add("a", [stretch(seq, 3)])
    for first, last, found in (
        (3, 4, [1, 4]),
        (4, 6, [4]),
        (6, 7, [4, 7]),
        (10, 99, []),
        (1, 1, [1]),
    ):
        assert [it.seq for it in known.within("a", first, last)] == found


def of_line(known: RememberedStretches, node: str, line: int) -> tuple[str, Stretch] | None:
    return known.of_lines([(node, line), ("nobody", 1)]).get((node, line))


def test_a_line_is_where_it_was_moved_to() -> None:
    known = RememberedStretches()
    known.add("a", [first := stretch(1, 2, line=10)])
    known.add("a", [stretch(3, 2, line=12)])
    assert of_line(known, "node", 11) == ("a", first)
    moved = stretch(5, 2, line=10)
    known.add("a", [moved], [first])
    assert of_line(known, "node", 11) == ("a", moved)
    assert [(it.seq, it.is_moved) for it in known.moved_of_line("node", 11)] == [(1, True)]
    for line in (9, 12, 13, 14):
        assert not known.moved_of_line("node", line)
    lines = [("node", line) for line in (9, 12, 13, 14)]
    assert list(known.of_lines([*lines, ("other", 11)])) == [("node", 12), ("node", 13)]
    assert (known.last_line_of("node"), known.last_line_of("other")) == (13, 0)


def test_what_is_too_old_is_forgotten() -> None:
    known = RememberedStretches()
    for seq, at in ((1, 1.0), (2, 2.0), (3, 3.0)):
        known.add("a", [stretch(seq, at=at)])
    known.forget(2.0)
    assert [it.seq for it in known.within("a", 1, 99)] == [2, 3]


def test_where_an_epoch_began_is_where_it_was_shown_first() -> None:
    known = RememberedStretches()
    assert known.begin_of("a", "e") is None
    known.add("a", [stretch(4, shown=9)])
    known.add("a", [stretch(6)])
    assert known.begin_of("a", "e") == 6
    assert known.begin_of("a", "other") is None


def test_how_far_the_order_was_read_is_kept_for_each_cluster() -> None:
    known = RememberedStretches()
    known.note_state("one", "5")
    known.note_state("one", "6")
    assert (known.state("one"), known.state("other")) == ("6", "")
