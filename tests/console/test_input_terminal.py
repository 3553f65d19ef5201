"""The operator's line at a terminal of its own: input_program.py runs there, pyte shows it.

Where a shell has to be between the two, to suspend and resume, it is bash.
"""

import atexit
import io
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from types import SimpleNamespace

import pyte
import pytest

from tests.console.test_input import thread_of
from tests.support.clock import Clock
from tests.support.screens import rows_of
from tests.support.waiting import wait_until
from tests.terminal.test_editscreen import wrapped
from threadchat.console import input as input_module
from threadchat.console import tty
from threadchat.console.input import (
    HOW_TO_STOP,
    OperatorInput,
    TerminalInput,
    open_input,
)
from threadchat.console.log import Console
from threadchat.monitoring.events import Connected
from threadchat.terminal.keys import KEY_SECONDS
from threadchat.testing import DEADLINE

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals to run this at", allow_module_level=True)

import fcntl
import pty
import termios

from tests.console.input_program import LINES, THREADS

CHECKOUT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "tests.console.input_program"]

# The terminal becomes the one that controls the session, as at a login, and no signal is ignored: a
# script that runs the tests in the background has some ignored, which every process inherits.
_AT_A_TERMINAL = """
import fcntl, os, signal, sys, termios
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Seat:
    """A terminal with a program at it. It is so tall that nothing leaves its screen."""

    def __init__(self, *command: str, columns: int = 80, **environment: str) -> None:
        self._outside, self.inside = pty.openpty()
        self._emulator = pyte.Screen(columns, 800)
        self._stream = pyte.ByteStream(self._emulator)
        self.resize(columns)
        self.modes = termios.tcgetattr(self.inside)
        self.process = subprocess.Popen(
            # It needs no more than that: `site` would take longer than all that it does.
            [sys.executable, "-E", "-S", "-c", _AT_A_TERMINAL, *command],
            stdin=self.inside,
            stdout=self.inside,
            stderr=self.inside,
            start_new_session=True,
            cwd=CHECKOUT,
            env={**os.environ, "TERM": "xterm", "PYTHONUTF8": "1", **environment},
        )

    def resize(self, columns: int) -> None:
        self.columns = columns
        self._emulator.resize(columns=columns)
        fcntl.ioctl(self.inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def press(self, *keys: str) -> None:
        for key in keys:
            os.write(self._outside, key.encode())

    def rows(self) -> list[str]:
        """Return what stands on the screen, without what is blank below."""
        return rows_of(self._emulator)

    def text(self) -> str:
        return "\n".join(self.rows())

    def read_until(self, condition: Callable[[list[str]], bool], what: str) -> list[str]:
        deadline = time.monotonic() + DEADLINE
        while not condition(self.rows()):
            left = max(0.0, deadline - time.monotonic())
            assert select.select([self._outside], [], [], left)[0], f"{what}: {self.text()}"
            self._stream.feed(os.read(self._outside, 65536))
        return self.rows()

    def expect_last(self, *wanted: str) -> list[str]:
        """Wait until the last rows are these; return those before."""
        rows = self.read_until(lambda rows: rows[-len(wanted) :] == list(wanted), f"{wanted}")
        return rows[: -len(wanted)]

    def expect(self, wanted: str) -> None:
        self.read_until(lambda rows: wanted in "\n".join(rows), wanted)

    def log(self) -> None:
        """Have the program log lines from several threads."""
        match = re.search(r"=== \w+ (\d+)", self.text())
        assert match is not None
        os.kill(int(match[1]), signal.SIGUSR1)

    def read_logged(self) -> list[str]:
        """Wait until all of them are there; return the rows."""
        return self.read_until(lambda rows: "=== logged" in rows, "the log")

    def expect_end(self) -> int:
        """Wait for the end; return the status."""
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None:  # a terminal nobody reads from would keep it
            assert time.monotonic() < end, self.text()
            if select.select([self._outside], [], [], 0.05)[0]:
                self._stream.feed(os.read(self._outside, 65536))
        while select.select([self._outside], [], [], 0)[0]:
            self._stream.feed(os.read(self._outside, 65536))
        return self.process.wait()

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait(DEADLINE)
        os.close(self._outside)
        os.close(self.inside)

    def __enter__(self) -> "Seat":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.fixture
def seat() -> Iterator[Seat]:
    with Seat(*PROGRAM) as seat:
        seat.expect_last("operator>")
        yield seat


@pytest.fixture(scope="module")
def shared_seat() -> Iterator[Seat]:
    """One for tests that leave an empty line, and go by no more than what they write."""
    with Seat(*PROGRAM) as seat:
        seat.expect_last("operator>")
        yield seat


def assert_log_is_whole(rows: list[str]) -> None:
    """Check that each thread's lines are there, in its order, and each in one piece."""
    log = "".join(rows).replace(" ", "")
    for thread in range(THREADS):
        numbers = re.findall(rf"connected#(\d+)thread{thread}(?:long)*漢字😀end", log)
        assert numbers == [str(number) for number in range(LINES)]


@pytest.mark.parametrize("columns", [80, 21])
def test_half_a_command_stays_whole_while_the_log_scrolls(columns: int) -> None:
    # Promise 6.
    typed = "say half a command é 漢字 😀 and a good deal more than fits into one row of it"
    with Seat(*PROGRAM, columns=columns) as seat:
        seat.expect_last("operator>")
        seat.press(typed)
        line, _ = wrapped(f"operator> {typed}", columns)
        seat.expect_last(*(row.rstrip() for row in line))
        seat.log()
        seat.read_logged()
        rows = seat.expect_last(*(row.rstrip() for row in line))
        assert_log_is_whole(rows)
        assert "operator>" not in "".join(rows)
        seat.press("\x1b[D", "!", "\x01", "\x1b[C", "\r")
        edited = typed[:-1] + "!" + typed[-1]
        told = f"=== logged operator> {edited} === [i]{edited}[/i] operator>".replace(" ", "")
        rows = seat.read_until(
            lambda rows: rows[-1] == "operator>" and "[/i]" in "".join(rows), "the answer"
        )
        assert "".join(rows).replace(" ", "").endswith(told)


def test_the_log_is_complete_above_what_is_typed_meanwhile(seat: Seat) -> None:
    seat.log()
    for key in "say one thing at a time":
        seat.press(key)
        seat.expect(key)
    rows = seat.read_logged()
    rows = seat.expect_last("operator> say one thing at a time")
    assert_log_is_whole(rows)


def test_a_command_stays_above_its_answer(shared_seat: Seat) -> None:
    shared_seat.press("who is [b]here[/b]\r")
    shared_seat.expect_last(
        "operator> who is [b]here[/b]", "=== [i]who is [b]here[/b][/i]", "operator>"
    )
    shared_seat.press("table\r")
    rows = shared_seat.expect_last("└──────┴──────────────────┘", "operator>")
    assert rows[-1] == "│ al   │ [bold]漢字 😀[/] │"


def test_the_keys_of_the_line_editor(shared_seat: Seat) -> None:
    shared_seat.press("first\r", "\x1b[A", "\x17", "ki", "\t", "\t")
    shared_seat.expect_last("=== kick  kill", "operator> ki")
    shared_seat.press("c", "\t")
    shared_seat.expect_last("operator> kick")
    shared_seat.press(" bo\r")
    shared_seat.expect_last("operator> kick bo", "=== [i]kick bo[/i]", "operator>")
    shared_seat.press("\x10\x10", "\x04")
    shared_seat.expect_last("operator> first")
    shared_seat.press("\x15", "\x04")
    shared_seat.expect_last(HOW_TO_STOP, "operator>")


def test_a_tab_in_a_paste_completes_nothing(shared_seat: Seat) -> None:
    shared_seat.press("\tkil bo\tkil\tagain\r")
    shared_seat.expect_last(
        "operator>  kil bo kil again", "=== [i] kil bo kil again[/i]", "operator>"
    )


@pytest.mark.parametrize("columns", [40, 132])
def test_a_resize_is_seen_to(seat: Seat, columns: int) -> None:
    seat.press("kick bo")
    seat.expect_last("operator> kick bo")
    seat.resize(columns)
    typed = "kick bo" + ", who will not hear" * 9
    seat.press(typed.removeprefix("kick bo"))
    line, _ = wrapped(f"operator> {typed}", columns)
    seat.expect_last(*(row.rstrip() for row in line))
    seat.log()
    seat.read_logged()
    seat.expect_last(*(row.rstrip() for row in line))


def test_a_status_stays_between_the_log_and_the_line() -> None:
    with Seat(*PROGRAM, "--status", columns=60) as seat:
        seat.expect_last("operator>")
        seat.press("ki", "\t", "\t")
        seat.expect("=== kick  kill")
        seat.log()
        seat.read_logged()
        *rows, status, line = seat.read_until(
            lambda rows: rows[-1] == "operator> ki" and not rows[-2].startswith("asked 0"), "both"
        )
        assert re.fullmatch(r"asked \d+ times, and so on .*\.\.\.", status)
        assert (len(status), line) == (59, "operator> ki")
        assert "=== kick  kill" in rows
        assert "asked" not in "\n".join(rows)
        seat.press("\x03")
        assert seat.expect_end() == 0
        assert seat.rows()[-1] == "=== stopped"
        assert "asked" not in seat.text()


def test_a_status_needs_no_line_under_it() -> None:
    command = " ".join([*PROGRAM, "--status", "</dev/null"])
    with Seat("/bin/sh", "-c", command) as seat:
        seat.expect("=== plain")
        seat.log()
        seat.read_logged()
        rows = seat.read_until(
            lambda rows: rows[-1].startswith("asked") and "asked 0" not in rows[-1], "a status"
        )
        assert_log_is_whole(rows)
        assert "asked" not in "".join(rows[:-1])
        assert termios.tcgetattr(seat.inside) == seat.modes


def end_by(order: str) -> Callable[[Seat], None]:
    return lambda seat: seat.press(order)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (end_by("stop\r"), 0),
        (end_by("half\x03"), 0),
        (end_by("raise\r"), 3),
        (end_by("exit\r"), 0),
        (end_by("half\x1c"), -signal.SIGQUIT),
        (lambda seat: seat.process.terminate(), 0),
    ],
    ids=["stop", "Ctrl-C", "exception", "os._exit", "SIGQUIT", "SIGTERM"],
)
def test_every_end_leaves_the_terminal_as_it_was(
    seat: Seat, end: Callable[[Seat], None], status: int
) -> None:
    # Promise 9.
    wait_until(
        lambda: termios.tcgetattr(seat.inside) != seat.modes, "the operator's input takes keys"
    )
    end(seat)
    assert seat.expect_end() == status
    assert termios.tcgetattr(seat.inside) == seat.modes


def test_the_line_is_taken_off_the_screen_at_the_end(seat: Seat) -> None:
    seat.press("half a comm", "\x03")
    assert seat.expect_end() == 0
    assert seat.rows()[-1] == "=== stopped"
    assert "half" not in seat.text()


def test_a_terminal_that_obeys_no_sequence_is_read_in_lines() -> None:
    with Seat(*PROGRAM, TERM="dumb") as seat:
        seat.expect("=== plain")
        seat.press("who\n")
        seat.expect("=== [i]who[/i]")
        assert termios.tcgetattr(seat.inside) == seat.modes
        seat.press("\x03")
        assert seat.expect_end() == 0


def test_without_a_shell_to_go_back_to_nothing_is_suspended(seat: Seat) -> None:
    seat.press("wh", "\x1a", "o")
    seat.expect_last("operator> who")
    seat.press("\r")
    seat.expect_last("operator> who", "=== [i]who[/i]", "operator>")


# With a shell

PROMPT = "$"


@pytest.fixture
def shell(request: pytest.FixtureRequest) -> Iterator[Seat]:
    path = shutil.which("bash")
    if path is None:
        pytest.skip("needs bash")
    options = ["--norc", "--noprofile", "--noediting", "-i"]
    term = getattr(request, "param", "xterm")
    with Seat(path, *options, PS1="$ ", TERM=term, HISTFILE="") as shell:
        shell.expect_last(PROMPT)
        # What bash itself finds and leaves behind it.
        shell.press("stty sane; stty susp ^Z\n")
        shell.expect_last("$ stty sane; stty susp ^Z", PROMPT)
        shell.modes = termios.tcgetattr(shell.inside)
        yield shell


def run_in_shell(shell: Seat, ending: str = "") -> None:
    shell.press(" ".join(PROGRAM) + ending + "\n")
    shell.expect("=== ")


def test_suspending_gives_the_terminal_back_and_resuming_takes_it_again(shell: Seat) -> None:
    run_in_shell(shell)
    shell.expect_last("operator>")
    shell.press("half a comm")
    shell.expect_last("operator> half a comm")
    ours = termios.tcgetattr(shell.inside)
    shell.press("\x1aand")
    shell.expect("Stopped")
    shell.expect_last(PROMPT)
    assert termios.tcgetattr(shell.inside) == shell.modes
    assert "operator>" not in shell.text()
    shell.press("fg\n")
    shell.expect_last("operator> half a command")
    assert termios.tcgetattr(shell.inside) == ours
    shell.press("\x15", "who\r")
    shell.expect_last("operator> who", "=== [i]who[/i]", "operator>")
    shell.press("\x03")
    shell.expect_last("=== stopped", PROMPT)
    assert termios.tcgetattr(shell.inside) == shell.modes


def test_resuming_after_a_stop_that_could_not_be_tidied_up_after(shell: Seat) -> None:
    run_in_shell(shell)
    shell.press("half a comm")
    shell.expect_last("operator> half a comm")
    ours = termios.tcgetattr(shell.inside)
    (process_id,) = re.findall(r"=== editing (\d+)", shell.text())
    os.kill(int(process_id), signal.SIGSTOP)
    shell.expect_last(PROMPT)
    shell.press("fg\n")
    shell.expect_last("operator> half a comm")
    wait_until(lambda: termios.tcgetattr(shell.inside) == ours, "the terminal is taken")
    shell.press("\x03")
    shell.expect_last("=== stopped", PROMPT)
    assert termios.tcgetattr(shell.inside) == shell.modes


@pytest.mark.parametrize("shell", ["xterm", "dumb"], indirect=True)
def test_a_job_in_the_background_leaves_the_terminal_alone(shell: Seat) -> None:
    run_in_shell(shell, " --status &")
    shell.press("echo one; jobs\n")
    shell.expect("\none\n")
    shell.expect("Running")
    shell.log()
    shell.read_logged()
    shell.press("echo two; jobs\n")
    shell.expect("\ntwo\n")
    assert "Stopped" not in shell.text()
    assert "operator>" not in shell.text()
    assert "asked" not in shell.text()
    assert termios.tcgetattr(shell.inside) == shell.modes
    shell.press("fg\n")
    rows, _ = wrapped(" ".join(PROGRAM) + " --status", shell.columns)
    shell.expect("\n".join(["", *(row.rstrip() for row in rows)]))
    shell.press("who\r")
    shell.expect("=== [i]who[/i]")
    shell.press("\x03")
    shell.expect("=== stopped\n$")
    assert termios.tcgetattr(shell.inside) == shell.modes


# In this process


class Ends:
    """Both ends of a terminal, and a console on it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        self.outside, inside = pty.openpty()
        self.modes = termios.tcgetattr(inside)
        self.stdin = os.fdopen(os.dup(inside), encoding="utf-8")
        self.stdout = os.fdopen(inside, "w", encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", self.stdin)
        self.console = Console(file=self.stdout)
        self.obeyed: Queue[str] = Queue()

    def open_input(self) -> OperatorInput | None:
        return open_input(self.console, self.obeyed.put, lambda doing, error: None)

    def hang_up(self) -> None:
        if self.outside >= 0:
            os.close(self.outside)
            self.outside = -1

    def close(self) -> None:
        self.hang_up()
        self.console.close(DEADLINE)
        self.stdin.close()
        with suppress(OSError):
            self.stdout.close()


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    ends = Ends(monkeypatch)
    yield ends
    ends.close()


@pytest.fixture
def no_signal_is_ignored() -> Iterator[None]:
    """Have SIGQUIT do what it does by default, even in a script in the background."""
    before = signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGQUIT, before)


@pytest.fixture
def reader(
    ends: Ends, no_signal_is_ignored: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TerminalInput]:
    """A reader at a terminal that is taken to be ours."""

    def is_in_foreground(descriptor: int) -> bool:
        os.get_terminal_size(descriptor)  # raises if it is gone
        return True

    for module in (input_module, tty):
        monkeypatch.setattr(module, "is_in_foreground", is_in_foreground)
    reader = ends.open_input()
    assert isinstance(reader, TerminalInput)
    with reader:
        yield reader


def test_the_prompt_comes_when_the_terminal_no_longer_writes_what_is_typed(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Promise 6: what the terminal writes itself stays there when the line is drawn.
    may_take = threading.Event()
    take_keys = tty.Tty.take_keys

    def take(terminal: tty.Tty) -> None:
        assert may_take.wait(DEADLINE)
        take_keys(terminal)

    def shown() -> bytes:
        ends.console.redraw().wait(DEADLINE)
        return os.read(ends.outside, 65536)

    monkeypatch.setattr(tty.Tty, "take_keys", take)
    for module in (input_module, tty):
        monkeypatch.setattr(module, "is_in_foreground", lambda _: True)
    reader = ends.open_input()
    assert reader is not None
    with reader:
        ends.console.answer("=== a fence")
        assert shown() == b"=== a fence\r\n"
        may_take.set()
        assert b"operator>" in shown()


def test_somebody_may_sit_at_a_terminal_until_it_is_not_ours(
    ends: Ends, reader: TerminalInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reader.is_attended
    monkeypatch.setattr(input_module, "is_in_foreground", lambda descriptor: False)
    assert not reader.is_attended
    monkeypatch.setattr(input_module, "is_in_foreground", os.tcgetpgrp)  # which raises here
    assert not reader.is_attended


def test_the_terminal_of_another_session_is_not_read_from(ends: Ends) -> None:
    assert ends.open_input() is None


def test_a_stuck_terminal_holds_up_neither_commands_nor_the_end(
    ends: Ends, reader: TerminalInput
) -> None:
    for number in range(5000):  # nobody reads them
        ends.console.note(Connected(number, "x" * 100))
    os.write(ends.outside, b"who\r")
    assert ends.obeyed.get(timeout=DEADLINE) == "who"
    assert not ends.console.redraw().is_set()
    reader.stop(0.01)
    assert termios.tcgetattr(ends.stdin.fileno()) == ends.modes
    assert not ends.console.close(0.01)
    wait_until(lambda: not thread_of(reader).is_alive(), "the input's thread has ended")


def test_a_terminal_that_hangs_up_ends_the_desk_alone(ends: Ends, reader: TerminalInput) -> None:
    os.write(ends.outside, b"who\r")
    assert ends.obeyed.get(timeout=DEADLINE) == "who"
    ends.hang_up()
    thread_of(reader).join(DEADLINE)
    assert not thread_of(reader).is_alive()
    ends.console.note(Connected(1, "x"))
    reader.stop()


@pytest.mark.parametrize("begun", [b"a\x1b", b"a\x1b[", b"a\x1b[1;"], ids=repr)
def test_what_comes_late_is_not_the_rest_of_a_key(
    ends: Ends, reader: TerminalInput, begun: bytes
) -> None:
    clock = Clock()
    reader._clock = clock
    os.write(ends.outside, begun)
    wait_until(lambda: reader._line._keys._escape == begun[1:].decode(), "the key has begun")
    clock.now += 1.0
    os.write(ends.outside, b"hello\r")
    assert ends.obeyed.get(timeout=DEADLINE) == "ahello"


def test_a_paste_may_be_cut_behind_a_tab(
    ends: Ends, reader: TerminalInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_read", lambda: os.read(ends.stdin.fileno(), 4))
    os.write(ends.outside, b"kil\tbo\r")
    assert ends.obeyed.get(timeout=DEADLINE) == "kil bo"


def test_a_stop_waits_a_moment_until_the_line_is_off_the_screen(
    reader: TerminalInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(reader._console, "redraw", lambda: SimpleNamespace(wait=waits.append))
    reader.stop(DEADLINE)
    reader.stop(0.0)
    assert [0 < seconds <= 0.5 for seconds in waits] == [True, False]


def test_what_is_typed_is_drawn_at_once(
    ends: Ends, reader: TerminalInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = b""
    while b"operator>" not in shown:
        assert select.select([ends.outside], [], [], DEADLINE)[0], shown
        shown += os.read(ends.outside, 65536)
    drawn, redraw = threading.Event(), ends.console.redraw

    def note() -> threading.Event:
        drawn.set()
        return redraw()

    monkeypatch.setattr(ends.console, "redraw", note)
    os.write(ends.outside, b"w")
    assert drawn.wait(DEADLINE)


def test_until_a_stop_the_process_gives_the_terminal_back_however_it_ends(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (input_module, tty):
        monkeypatch.setattr(module, "is_in_foreground", lambda _: True)
    kept: list[object] = []
    monkeypatch.setattr(atexit, "register", kept.append)
    monkeypatch.setattr(atexit, "unregister", kept.remove)
    reader = ends.open_input()
    assert isinstance(reader, TerminalInput)
    with reader:
        assert reader.restore in kept
    assert reader.restore not in kept


def test_signal_handlers_are_gone_after_a_stop(reader: TerminalInput) -> None:
    assert signal.getsignal(signal.SIGCONT) == reader._continued
    reader.stop()
    assert signal.getsignal(signal.SIGCONT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL


def test_a_handler_that_somebody_else_has_set_stays(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_module, "is_in_foreground", lambda _: True)
    monkeypatch.setattr(tty, "is_in_foreground", lambda _: True)
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    try:
        reader = ends.open_input()
        assert reader is not None
        with reader:
            assert signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGQUIT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGQUIT, before)


@contextmanager
def unstarted(ends: Ends) -> Iterator[TerminalInput]:
    """Return a reader whose thread does not run."""
    terminal = tty.Tty(ends.stdin.fileno())
    reader = TerminalInput(ends.console, ends.obeyed.put, lambda *_: None, ends.stdin, terminal)
    yield reader
    reader.stop()


@pytest.mark.parametrize(("named", "used"), [("iso8859-1", "iso8859-1"), (None, "utf-8")])
def test_the_line_is_shown_in_the_encoding_of_the_terminal(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, named: str | None, used: str
) -> None:
    monkeypatch.setattr(os, "device_encoding", lambda descriptor: named)
    with unstarted(ends) as reader:
        assert reader._line._encoding == used


def test_a_paste_goes_on_though_for_once_there_was_nothing_to_read(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[bytes | None] = [None, b"bo\n"]

    def listen(files: list[int], timeout: float | None) -> bool:
        assert timeout == 0  # a paste that is over is not waited for
        return bool(parts)

    with unstarted(ends) as reader:
        ends.console.footer.open_line(reader._line)
        monkeypatch.setattr(reader, "_read", lambda: parts.pop(0))
        monkeypatch.setattr(reader, "_listen", listen)
        reader._receive(b"kil\t")
    assert ends.obeyed.get_nowait() == "kil bo"


def test_a_paste_without_an_end_is_not_gathered_for_ever(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []

    def read_more() -> bytes:
        assert len(read) < 10
        read.append(b"kil\t")
        return read[-1]

    monkeypatch.setattr(input_module, "_MAX_PASTE", 12)
    with unstarted(ends) as reader:
        monkeypatch.setattr(reader, "_read", read_more)
        monkeypatch.setattr(reader, "_listen", lambda files, timeout: True)
        reader._receive(b"kil\t")
    assert len(read) == 2


def test_the_rest_of_a_key_may_take_its_time_and_no_longer(ends: Ends) -> None:
    clock = Clock()
    with unstarted(ends) as reader:
        reader._clock = clock
        ends.console.footer.open_line(reader._line)
        clock.now += 100
        reader._receive(b"ab\x1b")
        clock.now += KEY_SECONDS
        reader._receive(b"[D")
        reader._receive(b"c\n")
    assert ends.obeyed.get_nowait() == "acb"


def test_a_bell_that_was_heard_rings_no_more(ends: Ends) -> None:
    with unstarted(ends) as reader:
        reader._bell.wake()
        assert not reader._listen([reader._bell], DEADLINE)
        assert not select.select([reader._bell], [], [], 0)[0]


def test_what_is_not_on_our_terminal_is_neither_edited_nor_attended(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (input_module, tty):
        monkeypatch.setattr(module, "is_in_foreground", lambda _: True)
    outside, inside = pty.openpty()
    try:
        with os.fdopen(inside, encoding="utf-8") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            reader = ends.open_input()
            assert type(reader) is OperatorInput
            reader.stop()
            in_a_file = Console(file=io.StringIO())
            reader = open_input(in_a_file, ends.obeyed.put, lambda *_: None)
            assert reader is not None
            assert not reader.is_attended
            reader.stop()
            in_a_file.close(DEADLINE)
    finally:
        os.close(outside)


def test_the_terminal_has_its_modes_back_when_it_is_suspended(
    ends: Ends, reader: TerminalInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_stop: Queue[list[object]] = Queue()
    stdin = ends.stdin.fileno()
    monkeypatch.setattr(os, "kill", lambda *_: at_the_stop.put(termios.tcgetattr(stdin)))
    wait_until(lambda: termios.tcgetattr(stdin) != ends.modes, "the keys are taken")
    os.write(ends.outside, b"\x1a")
    assert at_the_stop.get(timeout=DEADLINE) == ends.modes
