"""Test the thread that writes for others: order, bounds, errors, ticks and the end."""

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from tests.support.waiting import run_concurrently, wait_until
from threadchat.monitoring.backgroundwriter import BackgroundWriter
from threadchat.testing import DEADLINE


class Paper:
    """A fake file and the thread that writes it; a test can make it wait, or fail."""

    def __init__(self, limit: int = 3) -> None:
        self.written: list[str] = []
        self.is_writing = threading.Event()
        self.may_write = threading.Event()
        self.may_write.set()
        self.error: Exception | None = None
        self.writer = BackgroundWriter("paper", self._write, self._tell_left_out, limit)

    def _write(self, entry: str) -> None:
        self.is_writing.set()
        assert self.may_write.wait(DEADLINE)
        if self.error is not None:
            raise self.error
        self.written.append(entry)

    def _tell_left_out(self, left_out: int) -> None:
        self.written.append(f"{left_out} left out")

    @contextmanager
    def stuck(self) -> Iterator[None]:
        """Write the line `stuck` for as long as the block runs; then come to the end."""
        self.may_write.clear()
        self.writer.put("stuck")
        assert self.is_writing.wait(DEADLINE)
        yield
        self.may_write.set()
        assert self.writer.close(DEADLINE)


@pytest.fixture
def paper() -> Paper:
    return Paper()


def test_what_is_put_is_written_in_its_order(paper: Paper) -> None:
    with paper.stuck():
        for entry in "abc":
            paper.writer.put(entry)
    assert paper.written == ["stuck", "a", "b", "c"]


def test_what_people_say_is_left_out_first(paper: Paper) -> None:
    # Promise 7.
    with paper.stuck():
        for number in range(5):
            paper.writer.put(f"said {number}", is_talk=True)
        paper.writer.put("somebody came")
    assert paper.written == [
        "stuck", "said 0", "said 1", "said 2", "somebody came", "2 left out"
    ]  # fmt: skip


def test_the_rest_has_four_times_the_room(paper: Paper) -> None:
    with paper.stuck():
        for number in range(20):
            paper.writer.put(str(number))
    assert paper.written == ["stuck", *map(str, range(12)), "8 left out"]


def test_an_entry_counts_as_its_lines(paper: Paper) -> None:
    with paper.stuck():
        for lines in (2, 5, 9):
            paper.writer.put(f"{lines} lines", lines, is_talk=True)
    assert paper.written == ["stuck", "2 lines", "5 lines", "9 left out"]


def test_what_was_left_out_is_told_once_and_where_it_is_missing() -> None:
    paper = Paper(limit=1)
    with paper.stuck():
        for entry in ("a", "b", "c"):
            paper.writer.put(entry, is_talk=True)
        assert paper.writer.left_out == 2
    assert paper.written == ["stuck", "a", "2 left out"]
    assert paper.writer.left_out == 2


def test_a_close_waits_no_longer_than_it_may(paper: Paper) -> None:
    with paper.stuck():
        paper.writer.put("later")
        assert not paper.writer.close(0.01)
        paper.writer.put("too late")
    assert paper.written == ["stuck", "later"]


def test_nothing_put_is_nothing_to_wait_for(paper: Paper) -> None:
    threads = threading.active_count()
    assert paper.writer.close(0.0)
    assert threading.active_count() == threads


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O on closed file")])
def test_an_error_ends_the_writing_and_nothing_else(paper: Paper, error: Exception) -> None:
    paper.error = error
    paper.may_write.clear()
    threads = threading.active_count()
    paper.writer.put("a")
    assert paper.is_writing.wait(DEADLINE)
    paper.writer.put("waits")
    paper.may_write.set()
    wait_until(lambda: threading.active_count() == threads, "the writing has ended")
    paper.writer.put("b")
    assert not paper.writer._entries
    assert paper.writer.close(DEADLINE)
    assert paper.written == []


def test_without_a_thread_to_be_had_it_is_left_out_until_there_is(
    paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot_start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        paper.writer.put("a")
        paper.writer.put("b")
    paper.writer.put("c")
    assert paper.writer.close(DEADLINE)
    assert set(paper.written) == {"c", "2 left out"}


def test_many_put_at_once_and_nothing_is_lost_or_turned_round() -> None:
    paper = Paper(limit=10_000)

    def put_all(name: str) -> None:
        for number in range(500):
            paper.writer.put(f"{name} {number}")

    run_concurrently([partial(put_all, name) for name in "abcdefgh"])
    assert paper.writer.close(DEADLINE)
    for name in "abcdefgh":
        assert [entry for entry in paper.written if entry[0] == name] == [
            f"{name} {number}" for number in range(500)
        ]
    assert len(paper.written) == 8 * 500


def test_a_put_says_whether_the_entry_will_be_written() -> None:
    paper = Paper(limit=1)
    with paper.stuck():
        assert paper.writer.put("a", is_talk=True)
        assert not paper.writer.put("b", is_talk=True)
        assert paper.writer.put("c")
    assert not paper.writer.put("d")
    assert paper.written == ["stuck", "a", "c", "1 left out"]


def test_an_entry_of_no_lines_takes_room_but_is_no_line_left_out(paper: Paper) -> None:
    with paper.stuck():
        kept = [paper.writer.put("drawn", lines=0) for _ in range(20)]
        assert not paper.writer.put("a line")
    assert kept == [True] * 12 + [False] * 8
    assert paper.written == ["stuck", *["drawn"] * 12, "1 left out"]


def test_closing_is_set_for_a_write_that_tries_again_and_again() -> None:
    tries: list[bool] = []
    is_writing = threading.Event()

    def write(entry: str) -> None:
        is_writing.set()
        tries.append(writer.closing.wait(DEADLINE))

    writer = BackgroundWriter("paper", write, str)
    writer.put("a")
    assert is_writing.wait(DEADLINE)
    assert not writer.closing.is_set()
    assert writer.close(DEADLINE)
    assert tries == [True]


def test_a_tick_comes_when_nothing_else_has_and_the_finish_is_the_last() -> None:
    done: list[str] = []
    ticks = threading.Semaphore(0)

    def tick() -> None:
        done.append("tick")
        ticks.release()

    writer = BackgroundWriter(
        "paper", done.append, str, tick=tick, tick_seconds=0.001, finish=lambda: done.append("end")
    )
    writer.put("a")
    for _ in range(2):
        assert ticks.acquire(timeout=DEADLINE)
    writer.put("b")
    assert writer.close(DEADLINE)
    assert done[:3] == ["a", "tick", "tick"]
    assert [word for word in done if word != "tick"] == ["a", "b", "end"]
    assert done[-1] == "end"


def test_without_an_entry_there_is_no_thread_to_tick_or_to_finish() -> None:
    def never(*_: object) -> None:
        raise AssertionError

    writer = BackgroundWriter("paper", never, never, tick=never, tick_seconds=0.0, finish=never)
    assert writer.close(0.0)


def test_a_tick_that_fails_ends_the_writing() -> None:
    ticked = threading.Event()

    def tick() -> None:
        ticked.set()
        raise OSError

    threads = threading.active_count()
    writer = BackgroundWriter("paper", str, str, tick=tick, tick_seconds=0.001)
    writer.put("a")
    assert ticked.wait(DEADLINE)
    wait_until(lambda: threading.active_count() == threads, "the writing has ended")
    assert not writer.put("b")
    assert writer.close(DEADLINE)


def test_the_end_of_the_process_waits_for_what_is_written() -> None:
    program = (
        "from threadchat.monitoring.backgroundwriter import BackgroundWriter\n"
        "writer = BackgroundWriter('paper', print, print)\n"
        "for number in range(1000): writer.put(number)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=DEADLINE
    )
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [str(number) for number in range(1000)]


def test_the_thread_that_writes_may_close(paper: Paper) -> None:
    closed: list[bool] = []

    def write(entry: str) -> None:
        closed.append(writer.close())

    writer = BackgroundWriter("paper", write, str)
    writer.put("a")
    wait_until(lambda: bool(closed), "it has closed")
    assert closed == [False]
    assert writer.close(DEADLINE)


def test_what_is_left_out_is_told_though_nothing_comes_behind_it() -> None:
    told = threading.Event()

    def write(entry: str) -> None:
        if entry == "first":  # so that the next two are taken together
            writer.put("second")
            writer.put("third")
        elif entry == "second":  # and "third" takes all the room that there is
            assert not writer.put("said", is_talk=True)

    writer = BackgroundWriter("paper", write, lambda left_out: told.set(), limit=1)
    writer.put("first")
    assert told.wait(DEADLINE)
    assert writer.close(DEADLINE)


def test_what_is_left_out_last_is_told_after_the_close() -> None:
    told: list[int] = []

    def write(entry: str) -> None:
        if entry == "first":
            writer.put("second")
            writer.put("third")
        elif entry == "second":
            assert not writer.put("said", is_talk=True)
        elif entry == "third":
            writer.close()

    writer = BackgroundWriter("paper", write, told.append, limit=1)
    writer.put("first")
    assert writer.closing.wait(DEADLINE)
    assert writer.close(DEADLINE)
    assert told == [1]


def test_there_is_no_tick_beside_what_is_written() -> None:
    written, ticks = threading.Semaphore(0), list[str]()
    writer = BackgroundWriter[str](
        "paper",
        lambda entry: written.release(),
        str,
        tick=lambda: ticks.append("tick"),
        tick_seconds=3600,
    )
    for number in range(50):
        writer.put(str(number))
        assert written.acquire(timeout=DEADLINE)
    assert writer.close(DEADLINE)
    assert ticks == []


def test_a_writer_that_was_closed_is_not_kept_until_the_end_of_the_process() -> None:
    writer = BackgroundWriter("paper", str, str)
    writer.put("a")
    assert writer.close(DEADLINE)
    gone = weakref.ref(writer)
    del writer
    gc.collect()
    assert gone() is None
