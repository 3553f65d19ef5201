"""Test the log on standard output."""

import os
import queue
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from threadchat.monitoring import standardoutput
from threadchat.monitoring.eventlog import BadLogFile, EventLog, is_standard_output
from threadchat.monitoring.events import Connected
from threadchat.monitoring.standardoutput import StandardOutput
from threadchat.testing import DEADLINE


class Pipe:
    """A pipe that is the standard output."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def fileno(self) -> int:
        return self.writer

    def close_reader(self) -> None:
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    pipe = Pipe()
    # Not in `sys` itself, where pytest sets it anew before the test.
    monkeypatch.setattr(standardoutput, "sys", SimpleNamespace(stdout=pipe))
    yield pipe
    pipe.close_reader()
    os.close(pipe.writer)


def test_what_is_appended_is_written_at_once(pipe: Pipe) -> None:
    StandardOutput().append(b"one\n")
    assert os.read(pipe.reader, 100) == b"one\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there pipes always wait")
def test_an_output_that_does_not_wait_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    data = bytes(300_000)  # more than a pipe takes
    writer = threading.Thread(target=StandardOutput().append, args=(data,))
    writer.start()
    received = b""
    while len(received) < len(data):
        received += os.read(pipe.reader, 65536)
    writer.join(DEADLINE)
    assert received == data


def test_it_waits_until_there_is_room_and_does_not_try_all_the_time(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[object] = []
    write = os.write

    def write_later(descriptor: int, data: bytes) -> int:
        if not waited:
            raise BlockingIOError
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", write_later)
    wait = SimpleNamespace(select=lambda *files: waited.append(files[1]))
    monkeypatch.setattr(standardoutput, "select", wait)
    StandardOutput().append(b"one\n")
    assert waited == [[pipe.writer]]
    assert os.read(pipe.reader, 100) == b"one\n"


def test_a_second_try_goes_on_where_the_first_has_stopped(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    room = [2, 0, 100]

    def write_a_little(descriptor: int, data: bytes) -> int:
        if not (size := room.pop(0)):
            raise OSError(28, "No space left on device")
        return write(descriptor, data[:size])

    output = StandardOutput()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_a_little)
        with pytest.raises(OSError, match="No space"):
            output.append(b"one\n")
        output.append(b"one\n")
        room.append(100)
        output.append(b"two\n")
    assert os.read(pipe.reader, 100) == b"one\ntwo\n"


@pytest.mark.skipif(sys.platform == "win32", reason="there it is another error")
def test_a_reader_that_has_gone_is_told_of_once(pipe: Pipe) -> None:
    told: queue.Queue[str] = queue.Queue()
    log = EventLog("-", told.put)
    pipe.close_reader()
    log.note(Connected(1, "x"))
    words = "nobody reads standard output: nothing is logged there any more"
    assert told.get(timeout=DEADLINE) == words
    log.note(Connected(2, "x"))
    assert log.close(DEADLINE)
    assert told.empty()


def test_there_may_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(BadLogFile, match="there is no standard output"):
        EventLog("-", print)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("-", True), ("/dev/stdout", True), ("/dev/fd/1", True), ("./-", False), ("log", False)],
)
def test_its_names(name: str, is_one: bool) -> None:
    assert is_standard_output(name) is is_one
