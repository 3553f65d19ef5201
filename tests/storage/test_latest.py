"""Test which lines of a history are in memory, too."""

from collections import deque
from collections.abc import Iterable, Iterator

import pytest

from threadchat.messages.kinds import Say, TakenBack
from threadchat.storage import latest
from threadchat.storage.latest import Latest
from threadchat.storage.rows import StoredRoom, Unwritten

LOBBY, DEN = StoredRoom("lobby"), StoredRoom("den")


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "NUMBER", 3)


def lines(first: int, last: int, room: StoredRoom = LOBBY) -> list[Unwritten]:
    return [(room, seq, Say("al", f"{seq}", float(seq))) for seq in range(first, last + 1)]


def numbers(kept: Latest) -> list[int]:
    return [seq for _, seq, _ in kept]


def test_old_ones_are_dropped_once_there_are_an_eighth_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(latest, "NUMBER", 16)
    kept = Latest(())
    kept.add(lines(1, 18), lambda: True)
    assert numbers(kept) == list(range(1, 19))
    assert kept.in_words() == "all that was said"
    kept.add(lines(19, 19), lambda: True)
    assert numbers(kept) == list(range(4, 20))
    assert kept.in_words().startswith("the last 16 lines that were said; earlier ones are lost")


@pytest.mark.parametrize("is_as_left", [False, None])
def test_none_is_dropped_while_the_file_may_be_lost(is_as_left: bool | None) -> None:
    kept = Latest(())
    for seq in range(1, 20):
        kept.add(lines(seq, seq), lambda: is_as_left)
    assert numbers(kept) == list(range(1, 20))
    kept.add(lines(20, 20), lambda: True)
    assert numbers(kept) == [18, 19, 20]


def test_the_file_is_looked_at_only_where_there_are_too_many() -> None:
    def never() -> Iterator[bool]:
        raise AssertionError

    Latest(()).add(lines(1, 3), never)  # type: ignore[arg-type]


def test_a_line_that_was_taken_back_is_replaced() -> None:
    kept = Latest([*lines(1, 2), *lines(1, 2, DEN)])
    kept.take_back(DEN, TakenBack("al", "", 2, 2))
    assert [it.text for _, it in kept.of_room(DEN)] == ["1", ""]
    assert [it.text for _, it in kept.of_room(LOBBY)] == ["1", "2"]


class Unsearched(deque[Unwritten]):
    """Lines of which nobody goes through all."""

    def __iter__(self) -> Iterator[Unwritten]:
        raise AssertionError


def test_lines_that_are_taken_back_are_searched_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "NUMBER", 16)
    kept = Latest([*lines(1, 8), *lines(1, 8, DEN)])
    kept.take_back(LOBBY, TakenBack("al", "", 1, 8))
    kept.add(lines(9, 10), lambda: True)
    kept._lines = Unsearched(list(kept))
    for room, seq in ((LOBBY, 8), (DEN, 3), (LOBBY, 10)):
        kept.take_back(room, TakenBack("al", "", seq, 10))
    found = [kept._lines[at] for at in range(18)]
    assert taken_back(found) == [(LOBBY, 1), (LOBBY, 8), (DEN, 3), (LOBBY, 10)]
    kept._lines = deque(found)
    kept.add(lines(11, 11), lambda: True)  # and so the first three are dropped
    kept.take_back(LOBBY, TakenBack("al", "", 11, 11))
    assert taken_back(kept) == [(LOBBY, 8), (DEN, 3), (LOBBY, 10), (LOBBY, 11)]


def taken_back(kept: Iterable[Unwritten]) -> list[tuple[StoredRoom, int]]:
    found = [(room, seq, it) for room, seq, it in kept if isinstance(it, TakenBack)]
    assert all(it.seq == seq for _, seq, it in found)
    return [(room, seq) for room, seq, _ in found]


def test_it_is_found_also_where_some_were_forgotten() -> None:
    kept = Latest(lines(1, 3))
    kept.forget(1.5)
    kept.take_back(LOBBY, TakenBack("al", "", 1, 3))
    kept.take_back(LOBBY, TakenBack("al", "", 3, 3))
    assert [type(it) for _, _, it in kept] == [Say, TakenBack]


def test_what_is_old_is_forgotten() -> None:
    kept = Latest(lines(1, 3))
    kept.forget(3.0)
    assert numbers(kept) == [3]


def test_as_many_as_are_read_may_not_be_all() -> None:
    assert "earlier ones are lost" in Latest(lines(1, 3)).in_words()
    assert Latest(lines(1, 2)).in_words() == "all that was said"
