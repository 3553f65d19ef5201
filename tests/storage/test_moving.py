"""Test that lines of linked servers move all at once, in a file and in memory, or not at all."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.waiting import wait_until
from threadchat.messages.kinds import Gap, Recalled, Say, Spoken, TakenBack
from threadchat.messages.places import Place
from threadchat.storage import batches, rows
from threadchat.storage.history import MAX_REMEMBERED, History
from threadchat.storage.linkedhistory import LinkedHistory, Origin
from threadchat.storage.moving import note_moved, note_taken_back
from threadchat.storage.pace import Pace
from threadchat.storage.rows import StoredRoom, Unwritten
from threadchat.storage.sqlitehistory import StoredHistory
from threadchat.storage.storedstretches import StoredStretches
from threadchat.storage.stretches import RememberedStretches

A, B = "aa" * 8, "bb" * 8
MEMORY, FILE, BUSY = "memory", "file", "busy"


def ignore(words: str) -> None:
    pass


class Busy(Pace):
    """A pace at which rooms write by the batch."""

    @property
    def is_much(self) -> bool:
        return True


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[LinkedHistory]:
    """Yield a history in memory or in a file, to which `BUSY` rooms write by the batch."""
    if kind == MEMORY:
        yield LinkedHistory(History(), RememberedStretches())
        return
    stored = StoredHistory(folder / "chat.db", ignore, retry_seconds=0.01)
    if kind == BUSY:
        stored._file.batches.pace = Busy()
    with closing(LinkedHistory(stored, StoredStretches(stored))) as history:
        yield history


@pytest.fixture(params=[MEMORY, FILE, BUSY])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LinkedHistory]:
    with pytest.MonkeyPatch.context() as patch, opened(request.param, tmp_path) as history:
        patch.setattr(batches, "LINES", 1)
        yield history


@pytest.fixture(params=[FILE, BUSY])
def in_file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LinkedHistory]:
    with pytest.MonkeyPatch.context() as patch, opened(request.param, tmp_path) as history:
        patch.setattr(batches, "LINES", 1)
        yield history


def said(*words: str) -> list[Spoken]:
    return [Say("al", word, float(number)) for number, word in enumerate(words, 1)]


def epoch(number: int) -> str:
    return f"e{number}" * 8


def keep(history: LinkedHistory, line: int, *words: str) -> None:
    history.keep("r", said(*words), Origin(A, line, Place(epoch(1), line)))


def texts(history: LinkedHistory) -> list[str]:
    return [it.text for it in history.recent("r", 9999)]


def in_rows(history: LinkedHistory) -> list[str]:
    """Return the texts in the file, wherever they are, as another program finds them."""
    stored = history._history
    assert isinstance(stored, StoredHistory)
    with closing(sqlite3.connect(stored._path)) as other:
        found = [(seq, text) for seq, text in other.execute("SELECT seq, text FROM messages")]
        for batch in batches.read(other):
            found += [(line[5], line[4]) for line in batches.lines_of(batch)]
    return [text for _, text in sorted(found) if text]


# The same as one by one


class Twin:
    """A history to which batches move all at once, and one to which they move one by one."""

    def __init__(self, kind: str, opened_by: ExitStack) -> None:
        folders = [opened_by.enter_context(tempfile.TemporaryDirectory()) for _ in range(2)]
        self.both = [opened_by.enter_context(opened(kind, Path(it))) for it in folders]
        self.epoch, self.place = 1, 0
        self.said: list[tuple[str, int, list[str]]] = []  # by node: first line, words
        self.lines = {A: 0, B: 0}
        self.order: list[tuple[str, int]] = []  # as the lines stand by now
        self.gone: set[tuple[str, int]] = set()
        self.places = {Place(epoch(1), 0)}

    def batch(self, node: str, number: int) -> tuple[str, int, list[str]]:
        first = self.lines[node] + 1
        self.lines[node] += number
        self.said.append(it := (node, first, [f"{node[0]}{first + n}" for n in range(number)]))
        return it

    def first(self, number: int) -> Place:
        first = Place(epoch(self.epoch), self.place + 1)
        self.places.update(Place(first.epoch, first.seq + n) for n in range(number))
        self.place += number
        return first

    def keep(self, node: str, number: int) -> None:
        _, line, words = self.batch(node, number)
        origin = Origin(node, line, self.first(number))
        for history in self.both:
            history.keep("r", said(*words), origin)
        self.order += [(node, line + n) for n in range(number)]

    def take_back(self, at: int) -> None:
        if self.order:
            line = self.order[at % len(self.order)]
            found = [history.take_back("r", Place(*line)) for history in self.both]
            assert found[0] == found[1]
            assert (found[0] is None) is (line in self.gone)
            self.gone.add(line)

    def move(self, begin: int, picks: Sequence[bool], new: int) -> None:
        """Begin a new epoch, in which some of the last batches of both nodes come again."""
        self.epoch += 1
        self.place = 0
        if new:
            self.batch(A, new)
        again = {node: [it for it in self.said if it[0] == node][-begin:] for node in (A, B)}
        moves: list[tuple[list[str], Origin]] = []
        for is_a in (*picks, *([True] * begin), *([False] * begin)):
            if not (of_node := again[A if is_a else B]):
                continue
            node, line, words = of_node.pop(0)
            moves.append((words, Origin(node, line, self.first(len(words)))))
            lines = [(node, line + n) for n in range(len(words))]
            self.order = [*(it for it in self.order if it not in lines), *lines]
        self.both[0].move("r", [(said(*words), origin) for words, origin in moves])
        for words, origin in moves:
            self.both[1].move("r", [(said(*words), origin)])

    def check(self) -> None:
        seen = [self._seen(history) for history in self.both]
        assert seen[0] == seen[1]
        expected = [
            f"{node[0]}{line}" for node, line in self.order if (node, line) not in self.gone
        ]
        assert [texts(history) for history in self.both] == [expected] * 2

    def _seen(self, history: LinkedHistory) -> list[Any]:
        own = history._history.last_place("r").epoch

        def known(it: Recalled) -> object:
            if isinstance(it, Gap):
                return it.line
            at = "own" if it.epoch == own else it.epoch
            after = it.after if isinstance(it, TakenBack) else None
            return it.line, at, it.seq, after

        seen: list[Any] = [(known(it)) for it in history.recent("r", 50)]
        for place in sorted(self.places):
            since = history.since("r", place, 50)
            before = history.places_before("r", place)
            seen.append((place, None if since is None else [known(it) for it in since], before))
        seen.append([known(it.message) for word in ("a1", "b1") for it in history.search(word, 9)])
        last = history.last_place("r")
        return [*seen, last if last.epoch != own else last.seq]


steps = st.one_of(
    st.tuples(st.just("keep"), st.sampled_from([A, B]), st.integers(1, 3)),
    st.tuples(st.just("take_back"), st.integers(0, 99)),
    st.tuples(
        st.just("move"),
        st.integers(1, 6),
        st.lists(st.booleans(), max_size=6),
        st.integers(0, 2),
    ),
)


@pytest.mark.parametrize("kind", [MEMORY, FILE, BUSY])
@settings(max_examples=settings().max_examples // 4)  # each makes two files
@given(st.lists(steps, max_size=12))
def test_it_is_the_same_as_one_by_one(kind: str, does: list[tuple[Any, ...]]) -> None:
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(batches, "LINES", 1)
        twin = Twin(kind, stack)
        for name, *arguments in does:
            getattr(twin, name)(*arguments)
            twin.check()


def test_a_batch_may_move_twice_at_once(history: LinkedHistory) -> None:
    keep(history, 1, "one")
    keep(history, 2, "two")
    history.move(
        "r",
        [
            (said("two"), Origin(A, 2, Place(epoch(2), 1))),
            (said("one"), Origin(A, 1, Place(epoch(2), 2))),
            (said("one"), Origin(A, 1, Place(epoch(3), 1))),
            (said("two"), Origin(A, 2, Place(epoch(3), 2))),
        ],
    )
    assert [(it.text, it.epoch, it.seq) for it in history.recent("r", 9)] == [
        ("one", epoch(3), 1),
        ("two", epoch(3), 2),
    ]


def test_more_lines_move_than_are_kept_in_memory(history: LinkedHistory) -> None:
    number = MAX_REMEMBERED + 100
    words = [str(n) for n in range(1, number + 1)]
    keep(history, 1, *words)
    history.take_back("r", Place(A, number))
    history.move("r", [(said(*words), Origin(A, 1, Place(epoch(2), 1)))])
    assert texts(history)[-10:] == words[-11:-1]
    history.move("r", [(said(*words), Origin(A, 1, Place(epoch(3), 1)))])
    assert texts(history)[-10:] == words[-11:-1]


# A file that cannot be written, and a server that ends


def moves(last: int, number: int = 2) -> list[tuple[Sequence[Spoken], Origin]]:
    return [(said("x" * n), Origin(A, n, Place(epoch(number), n))) for n in range(1, last + 1)]


def fail(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Have the file fail between the going of lines and their coming."""

    def fails(connection: sqlite3.Connection, said: object) -> dict[object, int]:
        ((gone,),) = connection.execute(
            "SELECT (SELECT count(*) FROM messages WHERE kind = 'taken_back')"
            " + (SELECT count(*) FROM batches WHERE lines LIKE '%taken_back%')"
        )
        assert gone
        raise error

    for module, name in ((rows, "insert"), (batches, "_insert")):
        patch.setattr(module, name, fails)


def test_a_file_that_fails_in_the_middle_has_all_lines_where_they_were(
    in_file: LinkedHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(1, 4):
        keep(in_file, n, "x" * n)
    in_file.take_back("r", Place(A, 2))
    keep(in_file, 4, "later")
    stored = in_file._history
    assert isinstance(stored, StoredHistory)
    with monkeypatch.context() as patch:
        fail(patch, sqlite3.OperationalError("disk full"))
        in_file.move("r", moves(3))
        assert in_rows(in_file) == ["x", "xxx", "later"]
        assert not stored.state.is_written
        # In memory, they have moved, and nobody reads one twice.
        assert texts(in_file) == ["later", "x", "xxx"]
        in_file.move("r", moves(3, 3))
        assert texts(in_file) == ["later", "x", "xxx"]
        assert in_rows(in_file) == ["x", "xxx", "later"]
    wait_until(lambda: stored.state.is_written, "it is written")
    assert in_rows(in_file) == ["later", "x", "xxx"]
    # So it is where the file is to be made anew from what is in memory.
    assert [it.text for _, _, it in stored._latest if it.text] == ["later", "x", "xxx"]
    assert texts(in_file) == ["later", "x", "xxx"]


@pytest.mark.parametrize("kind", [FILE, BUSY])
def test_a_server_that_ends_in_the_middle_has_all_lines_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(batches, "LINES", 1)
    with opened(kind, tmp_path) as history:
        for n in range(1, 4):
            keep(history, n, "x" * n)
        keep(history, 4, "later")
        with monkeypatch.context() as patch:
            fail(patch, SystemExit())
            with pytest.raises(SystemExit):
                history.move("r", moves(3))
        # As if the process had ended: what waited in memory is not there at the next start.
        assert isinstance(history._history, StoredHistory)
        history._history._unwritten.clear()
    with opened(kind, tmp_path) as history:
        assert in_rows(history) == texts(history) == ["x", "xx", "xxx", "later"]
        history.move("r", moves(3))
        assert in_rows(history) == texts(history) == ["later", "x", "xx", "xxx"]


def test_lines_that_are_lost_are_not_gone_from_where_they_were(
    in_file: LinkedHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = in_file._history
    assert isinstance(stored, StoredHistory)
    keep(in_file, 1, "x")
    keep(in_file, 2, "xx")
    with monkeypatch.context() as patch:
        fail(patch, sqlite3.OperationalError("disk full"))
        stored._limit = 1
        in_file.move("r", moves(2))
        assert stored.state.lost == 1
    wait_until(lambda: stored.state.is_written, "it is written")
    assert in_rows(in_file) == ["x", "xx"]
    assert not stored._stored["r"].moved


def test_a_line_that_moves_twice_while_it_waits_is_known_by_where_the_file_has_it() -> None:
    room = StoredRoom("r", 1, last=5)
    waiting: list[Unwritten] = []
    first, second = said("x"), said("x")
    waiting += [(room, 5, it) for it in note_moved(waiting, room, first, [2])]
    room.last = 6
    waiting += [(room, 6, it) for it in note_moved(waiting, room, second, [5])]
    assert room.moved == {6: 2}
    assert [type(it) for _, _, it in waiting] == [TakenBack, Say]
    note_taken_back(waiting, room, [(2, TakenBack("al", "", 2, 3))])
    assert [type(it) for _, _, it in waiting] == [TakenBack, TakenBack]


def test_nothing_is_erased_where_lines_only_move(in_file: LinkedHistory) -> None:
    stored = in_file._history
    assert isinstance(stored, StoredHistory)
    keep(in_file, 1, "secretword")

    def state(column: str) -> int:
        with closing(sqlite3.connect(stored._path)) as other:
            return int(other.execute(f"SELECT {column} FROM history").fetchone()[0])

    if not stored._file.batches.waiting:
        wait_until(lambda: state("indexed") == 1, "it is in the index of words")
    in_file.move("r", [(said("secretword"), Origin(A, 1, Place(epoch(2), 1)))])

    assert state("to_erase") == 0
    assert in_file.take_back("r", Place(A, 1)) is not None
    wait_until(lambda: state("to_erase") == 0, "it is erased")
    files = stored._path.parent.iterdir()
    assert not [it.name for it in files if b"secretword" in it.read_bytes()]
