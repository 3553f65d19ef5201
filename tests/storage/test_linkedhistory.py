"""Test the history of a linked server: places of the order of all, over epochs and islands."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from threadchat.messages.apart import with_borders
from threadchat.messages.kinds import Gap, Say, Spoken, TakenBack
from threadchat.messages.linkkinds import ApartBegins, ApartEnds
from threadchat.messages.places import Place
from threadchat.storage.history import History
from threadchat.storage.linkedhistory import LinkedHistory, Origin
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.storage.storedstretches import StoredStretches
from threadchat.storage.stretches import RememberedStretches

E1, E2, A, B = "e1" * 8, "e2" * 8, "aa" * 8, "bb" * 8


def ignore(words: str) -> None:
    pass


@contextmanager
def in_file(path: Path) -> Iterator[LinkedHistory]:
    history = StoredHistory(path, ignore)
    with closing(LinkedHistory(history, StoredStretches(history))) as linked:
        yield linked


@pytest.fixture(params=["memory", "file"])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LinkedHistory]:
    if request.param == "memory":
        yield LinkedHistory(History(), RememberedStretches())
        return
    with in_file(tmp_path / "chat.db") as linked:
        yield linked


def said(*words: str) -> list[Spoken]:
    return [Say("al", word, float(number)) for number, word in enumerate(words, 1)]


def keep(
    history: LinkedHistory, node: str, line: int, first: Place | None, *words: str
) -> list[Spoken]:
    batch = said(*words)
    history.keep("r", batch, Origin(node, line, first))
    return batch


def shown(history: LinkedHistory, place: Place) -> list[str]:
    """Return what a member is shown that has seen all up to `place`."""
    found = history.since("R", place, 100)
    assert found is not None
    return [it.line if isinstance(it, Gap | TakenBack) else it.text for it in found]


def test_lines_have_the_places_of_the_order(history: LinkedHistory) -> None:
    batch = keep(history, A, 1, Place(E1, 1), "one", "two")
    keep(history, B, 9, Place(E1, 3), "three")
    assert [Place(it.epoch, it.seq) for it in batch] == [(E1, 1), (E1, 2)]
    assert [(it.text, it.epoch, it.seq) for it in history.recent("R", 9)] == [
        ("one", E1, 1),
        ("two", E1, 2),
        ("three", E1, 3),
    ]
    assert history.last_place("r") == (E1, 3)
    assert [shown(history, Place(E1, n)) for n in range(4)] == [
        ["one", "two", "three"],
        ["two", "three"],
        ["three"],
        [],
    ]


def test_a_place_is_known_over_epochs(history: LinkedHistory) -> None:
    keep(history, A, 1, Place(E1, 7), "one", "two")
    keep(history, A, 3, Place(E2, 1), "three")
    assert shown(history, Place(E1, 7)) == ["two", "three"]
    assert shown(history, Place(E1, 8)) == ["three"]
    assert shown(history, Place(E2, 0)) == ["three"]
    assert shown(history, Place(E2, 1)) == []
    assert history.since("r", Place("ee" * 8, 1), 9) is None


def test_a_room_where_nothing_was_said_in_the_epoch_of_now(history: LinkedHistory) -> None:
    keep(history, A, 1, Place(E1, 1), "one")
    history.keep("other", said("x"), Origin(A, 2, Place(E2, 1)))
    assert shown(history, Place(E2, 0)) == []
    assert history.last_place("r") == (E1, 1)
    assert history.last_place("empty") == (E2, 0)
    assert history.since("empty", Place(E2, 0), 9) == []


def test_what_was_said_before_the_link_keeps_its_place(history: LinkedHistory) -> None:
    history.append("r", said("before"))
    before = history.last_place("r")
    keep(history, A, 1, Place(E1, 4), "one")
    assert shown(history, before) == ["one"]
    assert shown(history, Place(before.epoch, 0)) == ["before", "one"]
    assert [it.text for it in history.recent("r", 9)] == ["before", "one"]


class TestMoving:
    def test_what_was_said_apart_moves_behind_what_others_said(
        self, history: LinkedHistory
    ) -> None:
        keep(history, A, 1, Place(E1, 1), "one")
        apart = keep(history, A, 2, None, "apart 1", "apart 2")
        alone = Place(apart[0].epoch, apart[0].seq)
        keep(history, B, 1, Place(E1, 2), "theirs")
        history.move("r", [(apart, Origin(A, 2, Place(E1, 3), (5.0, 6.0)))])
        live = keep(history, B, 2, Place(E1, 5), "live")
        assert [it.text for it in history.recent("r", 9)] == [
            "one",
            "theirs",
            "apart 1",
            "apart 2",
            "live",
        ]
        assert [(it.epoch, it.seq) for it in apart] == [(E1, 3), (E1, 4)]
        assert shown(history, Place(E1, 1)) == ["theirs", "apart 1", "apart 2", "live"]
        # A person that saw it live, before the others' line, knows it by its place of then.
        assert shown(history, alone) == ["theirs", "apart 2", "live"]
        # One that knows it by its place of now was shown all before it.
        assert shown(history, Place(E1, 3)) == ["apart 2", "live"]
        assert shown(history, Place(E1, 4)) == ["live"]
        # To a person that has seen the last line, nothing of before is new.
        assert shown(history, Place(E1, 2)) == ["live"]
        assert shown(history, Place(live[0].epoch, live[0].seq)) == []
        assert [it.message.text for it in history.search("apart", 9)] == ["apart 2", "apart 1"]

    def test_lines_that_are_read_again_in_a_new_epoch(self, history: LinkedHistory) -> None:
        keep(history, A, 1, Place(E1, 1), "one")
        keep(history, B, 1, Place(E1, 2), "two")
        history.move("r", [(said("one"), Origin(A, 1, Place(E2, 1)))])
        assert [(it.text, it.epoch, it.seq) for it in history.recent("r", 9)] == [
            ("two", E1, 2),
            ("one", E2, 1),
        ]
        assert shown(history, Place(E1, 2)) == []
        assert shown(history, Place(E1, 1)) == ["two"]
        assert history.last_place("r") == (E2, 1)
        # Once more, and with the same place.
        for _ in range(2):
            history.move("r", [(said("one"), Origin(A, 1, Place("e3" * 8, 1)))])
        assert [it.text for it in history.recent("r", 9)] == ["two", "one"]
        assert shown(history, Place(E1, 2)) == []

    def test_what_is_not_remembered_is_from_then_on(self, history: LinkedHistory) -> None:
        history.move("r", [(said("one"), Origin(A, 1, Place(E1, 1)))])
        assert [it.text for it in history.recent("r", 9)] == ["one"]

    def test_a_line_that_was_taken_back_stays_so(self, history: LinkedHistory) -> None:
        apart = keep(history, A, 1, None, "secret", "open")
        history.take_back("r", Place(apart[0].epoch, apart[0].seq))
        history.move("r", [(said("secret", "open"), Origin(A, 1, Place(E1, 1)))])
        assert [it.text for it in history.recent("r", 9)] == ["open"]
        assert history.search("secret", 9) == []
        assert shown(history, Place(E1, 0)) == ["--- a line of al was taken back", "open"]

    def test_who_saw_a_line_is_told_that_it_was_taken_back_before_it_moved(
        self, history: LinkedHistory
    ) -> None:
        keep(history, A, 1, Place(E1, 1), "secret")
        keep(history, B, 1, Place(E1, 2), "two")
        history.take_back("r", Place(A, 1))
        keep(history, B, 2, Place(E1, 3), "three")
        history.move("r", [(said("secret"), Origin(A, 1, Place(E2, 1)))])
        found = history.since("r", Place(E1, 2), 9)
        assert found is not None
        # By the place at which they saw it: a page finds it there.
        assert [it for it in found if isinstance(it, TakenBack)] == [TakenBack("al", E1, 1, 2)]
        assert shown(history, Place(E1, 1)) == ["--- a line of al was taken back", "two", "three"]
        assert shown(history, Place(E1, 3)) == []


def test_nobody_finds_a_line_neither_where_it_was_nor_where_it_goes(
    history: LinkedHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(history, A, 1, Place(E1, 1), "one")
    found: list[list[str]] = []
    append_moved = history._history.append_moved

    def look() -> None:
        found.append([it.text for it in history.recent("r", 9)])

    looking = threading.Thread(target=look)

    def slow(room: str, batch: Sequence[Spoken], before: Sequence[int]) -> None:
        assert history._moving.locked()
        looking.start()
        append_moved(room, batch, before)

    monkeypatch.setattr(history._history, "append_moved", slow)
    history.move("r", [(said("one"), Origin(A, 1, Place(E2, 1)))])
    looking.join()
    assert found == [["one"]]


class TestTakingBack:
    @pytest.mark.parametrize(
        "place_of", [lambda it: Place(E1, 2), lambda it: Place(A, 2)], ids=["place", "line"]
    )
    def test_a_line_is_found_by_its_place_and_by_its_node(
        self, history: LinkedHistory, place_of: Callable[[Spoken], Place]
    ) -> None:
        batch = keep(history, A, 1, Place(E1, 1), "one", "two", "three")
        found = history.take_back("r", place_of(batch[1]))
        assert found == TakenBack("al", E1, 2, 3)
        assert history.take_back("r", place_of(batch[1])) is None
        assert [it.text for it in history.recent("r", 9)] == ["one", "three"]

    def test_a_line_that_has_moved_is_found_by_where_it_was(self, history: LinkedHistory) -> None:
        apart = keep(history, A, 1, None, "one", "two")
        was = Place(apart[1].epoch, apart[1].seq)
        history.move("r", [(said("one", "two"), Origin(A, 1, Place(E1, 1)))])
        assert history.origin_of("r", was) == (A, 2)
        assert history.origin_of("r", Place(E1, 2)) == (A, 2)
        history.move("r", [(said("one", "two"), Origin(A, 1, Place(E2, 5)))])
        assert history.places_before("r", Place(E2, 6)) == [was, Place(E1, 2)]
        assert history.places_before("r", Place(E2, 7)) == ()
        assert history.take_back("r", was) == TakenBack("al", E2, 6, 6)
        assert [it.text for it in history.recent("r", 9)] == ["one"]

    def test_what_is_not_known_is_not_taken_back(self, history: LinkedHistory) -> None:
        keep(history, A, 1, Place(E1, 1), "one")
        for place in (Place(E1, 2), Place(A, 2), Place(E2, 1), Place("", 0)):
            assert history.take_back("r", place) is None
        assert history.origin_of("r", Place(E1, 2)) is None


def test_lines_that_were_missed_are_a_gap(history: LinkedHistory) -> None:
    keep(history, A, 1, Place(E1, 1), "one")
    keep(history, A, 1241, Place(E1, 1242), "two")
    assert shown(history, Place(E1, 1)) == ["--- 1,240 lines were missed", "two"]


def test_lines_that_were_missed_are_told_once(history: LinkedHistory) -> None:
    keep(history, A, 1, Place(E1, 1), "one")
    keep(history, A, 4, Place(E1, 4), "secret", "two")
    history.take_back("r", Place(A, 4))
    assert shown(history, Place(E1, 5)) == ["--- a line of al was taken back"]


def test_what_was_said_before_the_server_came_was_not_missed(history: LinkedHistory) -> None:
    keep(history, A, 1, Place(E1, 100), "one")
    assert shown(history, Place(E1, 0)) == ["one"]


def test_what_was_said_apart_is_marked(history: LinkedHistory) -> None:
    keep(history, A, 1, Place(E1, 1), "one")
    history.keep("r", said("a", "b"), Origin(B, 1, Place(E1, 2), (5.0, 6.0)))
    history.keep("r", said("c"), Origin(B, 3, Place(E1, 4), (5.0, 6.0)))
    keep(history, A, 2, Place(E1, 5), "two")
    recent = history.recent("r", 9)
    marked = with_borders(recent, history.apart("r", recent))
    assert [type(it) for it in marked] == [Say, ApartBegins, Say, Say, Say, ApartEnds, Say]
    assert marked[1] == ApartBegins(5.0, 6.0)
    assert history.apart("r", recent[:1]) == ()


def test_all_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with in_file(path) as history:
        keep(history, A, 1, Place(E1, 1), "one")
        history.note_read("office", "as far as that")
    with in_file(path) as history:
        assert history.read_up_to("office") == "as far as that"
        assert history.read_up_to("other") == ""
        keep(history, A, 4, Place(E1, 4), "four")
        assert history.last_place("r") == (E1, 4)
        assert shown(history, Place(E1, 1)) == ["--- 2 lines were missed", "four"]
        history.move("r", [(said("one"), Origin(A, 1, Place(E2, 1)))])
        assert [it.text for it in history.recent("r", 9)] == ["four", "one"]


@pytest.mark.parametrize("is_move", [False, True])
def test_a_server_that_ends_before_a_line_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_move: bool
) -> None:
    path = tmp_path / "chat.db"

    def dies(room: str, batch: Sequence[Spoken], before: Sequence[int]) -> None:
        raise SystemExit

    with in_file(path) as history:
        keep(history, A, 1, Place(E1, 1), "one", "two")
        keep(history, B, 1, Place(E1, 3), "other")
        monkeypatch.setattr(history._history, "append_moved", dies)
        moving = [(said("one", "two"), Origin(A, 1, Place(E2, 1)))]
        keeping = [(said("three"), Origin(A, 3, Place(E1, 4)))]
        with pytest.raises(SystemExit):
            history.move("r", moving if is_move else keeping)
    with in_file(path) as history:
        assert [it.text for it in history.recent("r", 9)] == ["one", "two", "other"]
        history.move("r", [(said("one", "two"), Origin(A, 1, Place(E2, 1)))])
        history.move("r", [(said("three"), Origin(A, 3, Place(E2, 3)))])
        assert [(it.text, it.epoch, it.seq) for it in history.recent("r", 9)] == [
            ("other", E1, 3),
            ("one", E2, 1),
            ("two", E2, 2),
            ("three", E2, 3),
        ]


@pytest.mark.parametrize("is_quiet", [False, True])
def test_places_of_lines_that_wait_for_the_file_are_known_after_that(
    tmp_path: Path, *, is_quiet: bool
) -> None:
    path = tmp_path / "chat.db"
    with in_file(path) as history:
        stored = history._history
        keep(history, A, 1, Place(E1, 1), "one")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            keep(history, A, 2, Place(E1, 2), "two", "secret")
            history.move("r", [(said("one"), Origin(A, 1, Place(E2, 1)))])
            other.execute("ROLLBACK")
        wait_until(lambda: stored.state is None or stored.state.is_written, "it is written")
        if is_quiet:
            history.note_read("office", "as far as that")
        else:
            keep(history, B, 1, Place(E2, 2), "three")
        assert history.take_back("r", Place(A, 3)) is not None
        history.move("r", [(said("two", "secret"), Origin(A, 2, Place(E2, 3)))])
        three = [] if is_quiet else [("three", E2, 2)]
        assert [(it.text, it.epoch, it.seq) for it in history.recent("r", 9)] == [
            ("one", E2, 1),
            *three,
            ("two", E2, 3),
        ]


def test_what_is_forgotten_is_not_known_any_more(history: LinkedHistory) -> None:
    keep(history, A, 1, Place(E1, 1), "one")
    history.forget(100.0)
    assert history.recent("r", 9) == []
    history.move("r", [(said("one"), Origin(A, 1, Place(E2, 1)))])
    assert [it.text for it in history.recent("r", 9)] == ["one"]
