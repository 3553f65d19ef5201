import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.support import DEADLINE, run_concurrently, wait_until
from threadchat.monitoring.backgroundwriter import Backlog


class Paper:
    """What is written on, and who does it: can be made to wait before writing, or to fail."""

    def __init__(self, limit: int = 3) -> None:
        self.written: list[str] = []
        self.is_writing = threading.Event()
        self.may_write = threading.Event()
        self.may_write.set()
        self.error: Exception | None = None
        self.backlog = Backlog("backlog", self._write, self._own_up, limit)

    def _write(self, entry: str) -> None:
        self.is_writing.set()
        assert self.may_write.wait(DEADLINE)
        if self.error is not None:
            raise self.error
        self.written.append(entry)

    def _own_up(self, left_out: int) -> None:
        self.written.append(f"{left_out} left out")

    @contextmanager
    def stuck(self) -> Iterator[None]:
        """Write the line `stuck` for as long as the block runs; then come to the end."""
        self.may_write.clear()
        self.backlog.put("stuck")
        assert self.is_writing.wait(DEADLINE)
        yield
        self.may_write.set()
        assert self.backlog.close(DEADLINE)


@pytest.fixture
def paper() -> Paper:
    return Paper()


def test_what_is_put_is_written_in_its_order(paper: Paper) -> None:
    with paper.stuck():
        for entry in "abc":
            paper.backlog.put(entry)
    assert paper.written == ["stuck", "a", "b", "c"]


def test_what_people_say_is_left_out_first(paper: Paper) -> None:
    # Promise 7.
    with paper.stuck():
        for number in range(5):
            paper.backlog.put(f"said {number}", is_talk=True)
        paper.backlog.put("somebody came")
    assert paper.written == [
        "stuck", "said 0", "said 1", "said 2", "somebody came", "2 left out"
    ]  # fmt: skip


def test_the_rest_has_four_times_the_room(paper: Paper) -> None:
    with paper.stuck():
        for number in range(20):
            paper.backlog.put(str(number))
    assert paper.written == ["stuck", *map(str, range(12)), "8 left out"]


def test_an_entry_counts_as_its_lines(paper: Paper) -> None:
    with paper.stuck():
        for lines in (2, 5, 9):
            paper.backlog.put(f"{lines} lines", lines, is_talk=True)
    assert paper.written == ["stuck", "2 lines", "5 lines", "9 left out"]


def test_what_was_left_out_is_owned_up_to_once_and_where_it_is_missing() -> None:
    paper = Paper(limit=1)
    with paper.stuck():
        for entry in ("a", "b", "c"):
            paper.backlog.put(entry, is_talk=True)
    assert paper.written == ["stuck", "a", "2 left out"]


def test_a_close_waits_no_longer_than_it_may(paper: Paper) -> None:
    with paper.stuck():
        paper.backlog.put("later")
        assert not paper.backlog.close(0.01)
        paper.backlog.put("too late")
    assert paper.written == ["stuck", "later"]


def test_nothing_put_is_nothing_to_wait_for(paper: Paper) -> None:
    threads = threading.active_count()
    assert paper.backlog.close(0.0)
    assert threading.active_count() == threads


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O on closed file")])
def test_an_error_ends_the_writing_and_nothing_else(paper: Paper, error: Exception) -> None:
    paper.error = error
    threads = threading.active_count()
    paper.backlog.put("a")
    assert paper.is_writing.wait(DEADLINE)
    wait_until(lambda: threading.active_count() == threads, "the writing has ended")
    paper.backlog.put("b")
    assert not paper.backlog._entries
    assert paper.backlog.close(DEADLINE)
    assert paper.written == []


def test_without_a_thread_to_be_had_it_is_left_out_until_there_is(
    paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot_start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        paper.backlog.put("a")
        paper.backlog.put("b")
    paper.backlog.put("c")
    assert paper.backlog.close(DEADLINE)
    assert set(paper.written) == {"c", "2 left out"}


def test_many_put_at_once_and_nothing_is_lost_or_turned_round() -> None:
    paper = Paper(limit=10_000)

    def put_all(name: str) -> None:
        for number in range(500):
            paper.backlog.put(f"{name} {number}")

    run_concurrently([partial(put_all, name) for name in "abcdefgh"])
    assert paper.backlog.close(DEADLINE)
    for name in "abcdefgh":
        assert [entry for entry in paper.written if entry[0] == name] == [
            f"{name} {number}" for number in range(500)
        ]
    assert len(paper.written) == 8 * 500
