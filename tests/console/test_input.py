"""The reader where standard input is no terminal; with one, see test_input_terminal."""

import errno
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import TextIO

import pytest

from threadchat.console.input import OperatorInput, open_input
from threadchat.console.log import Console, Detail
from threadchat.testing import DEADLINE
from threadchat.text.clean import MAX_LINE


class Pipe:
    """What another program writes to the standard input, and what came of it."""

    def __init__(self) -> None:
        inside, self._outside = os.pipe()
        self.stdin: TextIO = os.fdopen(inside, encoding="utf-8")
        self.obeyed: Queue[str] = Queue()
        self.failures: Queue[tuple[str, str]] = Queue()
        self.file = io.StringIO()
        self.console = Console(Detail.PROBLEMS, self.file)

    def open_input(self) -> OperatorInput:
        reader = open_input(self.console, self.obey, self.fail)
        assert reader is not None
        return reader

    def obey(self, line: str) -> None:
        self.obeyed.put(line)
        if line == "fail":
            raise ValueError(line)

    def fail(self, doing: str, error: Exception) -> None:
        self.failures.put((doing, repr(error)))

    def write(self, *chunks: bytes) -> None:
        for chunk in chunks:
            os.write(self._outside, chunk)

    def end(self) -> None:
        if self._outside >= 0:
            os.close(self._outside)
            self._outside = -1

    def obeyed_lines(self, count: int) -> list[str]:
        return [self.obeyed.get(timeout=DEADLINE) for _ in range(count)]

    def close(self) -> None:
        self.end()
        self.stdin.close()
        self.console.close(DEADLINE)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    pipe = Pipe()
    monkeypatch.setattr(sys, "stdin", pipe.stdin)
    yield pipe
    pipe.close()


def test_nobody_sits_at_a_pipe(pipe: Pipe) -> None:
    with pipe.open_input() as reader:
        assert not reader.is_attended


def thread_of(reader: OperatorInput) -> threading.Thread:
    assert reader._thread is not None
    return reader._thread


def run_to_the_end(pipe: Pipe, *chunks: bytes) -> list[str]:
    """Return what is obeyed of all that is piped in, in the order of the lines."""
    with pipe.open_input() as reader:
        pipe.write(*chunks)  # a pipe of Windows holds no more than 4 KiB
        pipe.end()
        thread_of(reader).join(DEADLINE)
    return list(pipe.obeyed.queue)


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"who\nsay hi all\n"], ["who", "say hi all"]),
        ([b"wh", b"o\nk", b"ick bo\n"], ["who", "kick bo"]),
        ([b"who\r\nkick bo\r\n"], ["who", "kick bo"]),
        ([b"who\r", b"\nkick bo\n"], ["who", "kick bo"]),
        ([b"\n  \n\t\nwho\n\n"], ["who"]),
        ([b"who\nlast"], ["who", "last"]),
        ([b"say \xe6\xbc", b"\xa2\n"], ["say \u6f22"]),
        ([b"say \xff\n"], ["say \ufffd"]),
        ([b"say \x1b[31mred\x07\n"], ["say red"]),
        ([b"\x1b[31m\n\x00\nwho\n"], ["who"]),
        ([], []),
    ],
)
def test_lines_are_obeyed_in_order(pipe: Pipe, chunks: list[bytes], lines: list[str]) -> None:
    assert run_to_the_end(pipe, *chunks) == lines


def test_a_line_is_obeyed_when_it_comes(pipe: Pipe) -> None:
    with pipe.open_input() as reader:
        pipe.write(b"one\n")
        assert pipe.obeyed_lines(1) == ["one"]
        pipe.write(b"two\n")
        assert pipe.obeyed_lines(1) == ["two"]
        pipe.end()  # without which a read on Windows never ends
        thread_of(reader).join(DEADLINE)  # a stop there would not wait for it


def test_a_line_that_is_too_long_is_refused_in_a_line(pipe: Pipe) -> None:
    assert run_to_the_end(pipe, b"x" * (MAX_LINE + 1) + b"\nwho\n") == ["who"]
    pipe.console.close(DEADLINE)
    assert pipe.file.getvalue() == f"!!! A line has at most {MAX_LINE} characters.\n"


def test_a_command_that_fails_is_told_of_and_the_next_one_obeyed(pipe: Pipe) -> None:
    assert run_to_the_end(pipe, b"fail\nwho\n") == ["fail", "who"]
    assert list(pipe.failures.queue) == [("operator's command 'fail'", "ValueError('fail')")]


def test_nothing_of_a_pipe_is_echoed(pipe: Pipe) -> None:
    run_to_the_end(pipe, b"who\n")
    pipe.console.close(DEADLINE)
    assert pipe.file.getvalue() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot interrupt a read")
def test_a_stop_does_not_wait_for_more_to_read(pipe: Pipe) -> None:
    reader = pipe.open_input()
    reader.start()
    pipe.write(b"one\n")
    pipe.obeyed_lines(1)
    reader.stop(DEADLINE)
    assert not thread_of(reader).is_alive()
    reader.stop()


def test_a_desk_that_was_never_started_can_be_stopped(pipe: Pipe) -> None:
    pipe.open_input().stop()
    assert pipe.obeyed.empty()


def test_without_a_thread_to_be_had_a_desk_says_so(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot_start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    reader = pipe.open_input()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", cannot_start)
        with pytest.raises(RuntimeError, match="cannot start a thread"):
            reader.start()
    reader.stop()


@pytest.mark.skipif(
    sys.platform == "win32", reason="a stop on Windows waits for no read, so for no thread"
)
def test_a_stop_waits_no_longer_than_it_may_for_a_command(pipe: Pipe) -> None:
    finished: Queue[str] = Queue()

    def obey(line: str) -> None:
        pipe.obey(line)
        finished.get(timeout=DEADLINE)

    reader = open_input(pipe.console, obey, pipe.fail)
    assert reader is not None
    reader.start()
    pipe.write(b"endless\nnext\n")
    pipe.obeyed_lines(1)
    reader.stop(0.01)
    assert thread_of(reader).is_alive()
    finished.put("now")
    thread_of(reader).join(DEADLINE)
    reader.stop()
    assert pipe.obeyed.empty()


def test_nothing_comes_from_the_null_device(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert run_to_the_end(pipe) == []


def _closed() -> TextIO:
    with open(os.devnull) as file:
        return file


@pytest.mark.parametrize("stdin", [lambda: None, io.StringIO, _closed])
def test_without_a_standard_input_there_is_no_desk(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, stdin: Callable[[], TextIO | None]
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin())
    assert open_input(pipe.console, pipe.obey, pipe.fail) is None


@pytest.mark.parametrize(("named", "text"), [("iso8859-1", "\xe9"), (None, "\ufffd")])
def test_what_is_read_is_in_the_encoding_of_the_device_if_it_has_one(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, named: str | None, text: str
) -> None:
    monkeypatch.setattr(os, "device_encoding", lambda descriptor: named)
    with pipe.open_input():
        pipe.write(b"say \xe9\n")
        assert pipe.obeyed_lines(1) == [f"say {text}"]


def test_an_input_that_breaks_ends_the_reading_and_nothing_else(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []

    def fail(descriptor: int, size: int) -> bytes:
        reads.append(size)
        raise OSError(errno.EIO, "Input/output error")

    with pipe.open_input() as reader:
        monkeypatch.setattr(os, "read", fail)
        pipe.write(b"who\n")
        thread_of(reader).join(DEADLINE)
        monkeypatch.undo()
        assert not thread_of(reader).is_alive()
    assert len(reads) == 1
    assert pipe.obeyed.empty()
