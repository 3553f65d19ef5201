"""The operator's terminal: whether it is ours, and its modes."""

import io
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TextIO

import pytest

from threadchat.console import tty
from threadchat.console.tty import Tty

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals to run this at", allow_module_level=True)

import fcntl
import pty
import termios


class Ends:
    """Both ends of a terminal; `is_ours` says whether we are taken to be in its foreground."""

    def __init__(self) -> None:
        self.outside, self.inside = pty.openpty()
        self.is_ours = True

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.inside)

    def hang_up(self) -> None:
        os.close(self.outside)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    ends = Ends()
    monkeypatch.setattr(tty, "is_in_foreground", lambda _: ends.is_ours)
    yield ends
    os.close(ends.inside)
    with suppress(OSError):
        os.close(ends.outside)


@pytest.mark.parametrize("file", [None, io.StringIO()])
def test_what_is_no_file_of_the_system_is_no_terminal(file: TextIO | None) -> None:
    assert Tty.behind(file) is None


def test_the_null_device_is_no_terminal() -> None:
    with open(os.devnull) as file:
        assert Tty.behind(file) is None
    assert Tty.behind(file) is None  # it is closed by now


@pytest.mark.parametrize(
    ("term", "found"), [("xterm", True), ("linux", True), ("dumb", False), ("", False)]
)
def test_only_a_terminal_that_can_be_drawn_on_counts(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, term: str, found: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    with os.fdopen(os.dup(ends.inside), "w") as file:
        assert (Tty.behind(file) is not None) == found


def test_the_size(ends: Ends) -> None:
    fcntl.ioctl(ends.inside, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    assert Tty(ends.inside).size() == (100, 30)


def test_a_terminal_that_does_not_control_our_session_is_not_ours() -> None:
    outside, inside = pty.openpty()
    with pytest.raises(OSError, match=r"\[Errno"):
        Tty(inside).is_ours()
    os.close(outside)
    os.close(inside)


def test_keys_come_one_by_one_and_those_that_interrupt_still_do(ends: Ends) -> None:
    Tty(ends.inside).take_keys()
    local = ends.modes()[3]
    assert not local & (termios.ICANON | termios.ECHO)
    assert local & termios.ISIG
    os.write(ends.outside, b"\x1a\x16\r")
    assert os.read(ends.inside, 3) == b"\x1a\x16\n"


def test_the_modes_found_are_given_back_however_often_keys_were_taken(ends: Ends) -> None:
    before = ends.modes()
    terminal = Tty(ends.inside)
    terminal.take_keys()
    terminal.take_keys()
    terminal.give_back()
    assert ends.modes() == before
    before[3] &= ~termios.ECHO
    termios.tcsetattr(ends.inside, termios.TCSANOW, before)
    terminal.take_keys()
    terminal.give_back()
    assert ends.modes() == before


def test_nothing_is_given_back_that_was_not_taken(ends: Ends) -> None:
    terminal = Tty(ends.inside)
    terminal.take_keys()
    terminal.give_back()
    others = ends.modes()
    others[3] &= ~termios.ECHO
    termios.tcsetattr(ends.inside, termios.TCSANOW, others)
    terminal.give_back()
    assert ends.modes() == others


def test_the_modes_of_another_job_are_left_alone(ends: Ends) -> None:
    terminal = Tty(ends.inside)
    terminal.take_keys()
    theirs = ends.modes()
    ends.is_ours = False
    terminal.leave()
    assert ends.modes() == theirs


def test_a_terminal_that_was_left_is_not_taken_again(ends: Ends) -> None:
    before = ends.modes()
    terminal = Tty(ends.inside)
    terminal.take_keys()
    terminal.leave()
    terminal.take_keys()
    assert ends.modes() == before


def test_a_terminal_that_is_gone_cannot_be_taken_and_can_be_left(ends: Ends) -> None:
    terminal = Tty(ends.inside)
    terminal.take_keys()
    ends.hang_up()
    with pytest.raises(OSError, match=r"\[Errno"):
        terminal.take_keys()
    with pytest.raises(OSError, match=r"\[Errno"):
        terminal.size()
    terminal.leave()
