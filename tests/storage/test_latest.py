"""Test which lines of a history are in memory, too."""

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
    kept.replace([(DEN, 2, TakenBack("al", "", 2, 2))])
    assert [it.text for _, it in kept.of_room(DEN)] == ["1", ""]
    assert [it.text for _, it in kept.of_room(LOBBY)] == ["1", "2"]


def test_several_are_replaced_at_once() -> None:
    kept = Latest([*lines(1, 8), *lines(1, 8, DEN)])
    gone: list[Unwritten] = [
        (room, seq, TakenBack("al", "", seq, 10))
        for room, seq in ((LOBBY, 8), (DEN, 3), (LOBBY, 1), (LOBBY, 9))
    ]
    kept.replace(gone)
    assert taken_back(kept) == [(LOBBY, 1), (LOBBY, 8), (DEN, 3)]
    assert len(list(kept)) == 16


def taken_back(kept: Iterable[Unwritten]) -> list[tuple[StoredRoom, int]]:
    found = [(room, seq, it) for room, seq, it in kept if isinstance(it, TakenBack)]
    assert all(it.seq == seq for _, seq, it in found)
    return [(room, seq) for room, seq, _ in found]


def test_it_is_found_also_where_some_were_forgotten() -> None:
    kept = Latest(lines(1, 3))
    kept.forget(1.5)
    kept.replace([(LOBBY, 1, TakenBack("al", "", 1, 3))])
    kept.replace([(LOBBY, 3, TakenBack("al", "", 3, 3))])
    assert [type(it) for _, _, it in kept] == [Say, TakenBack]


def test_what_is_old_is_forgotten() -> None:
    kept = Latest(lines(1, 3))
    kept.forget(3.0)
    assert numbers(kept) == [3]


def test_as_many_as_are_read_may_not_be_all() -> None:
    assert "earlier ones are lost" in Latest(lines(1, 3)).in_words()
    assert Latest(lines(1, 2)).in_words() == "all that was said"
