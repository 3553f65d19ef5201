"""Test the start of the program: what a signal does while its modules are read."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from threadchat import __main__ as start
from threadchat.testing import DEADLINE

PROGRAM = """
import runpy, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {moment!r}:
            signal.raise_signal({number})

sys.meta_path.insert(0, Finder())
runpy.run_module("threadchat", run_name="__main__", alter_sys=True)
"""
"""Runs threadchat, and gets a signal when the module `moment` is looked for."""

MOMENTS = [
    *("threadchat.cli", "threadchat.cli.main", "threadchat.access.limits", "threadchat.chat.room"),
    *("rich.console", "threadchat.server.chatserver", "threadchat.cli.sources"),
]


def ended(moment: str, number: int, prepare: Callable[[], object] | None = None) -> tuple[int, str]:
    """Return the exit status of the program, and all that it has printed."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(moment=moment, number=int(number)), "--version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
        preexec_fn=prepare or _hear,
    )
    return run.returncode, run.stdout


def _hear_ctrl_c() -> None:
    # Whoever runs the tests in the background may have it ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


_hear = None if sys.platform == "win32" else _hear_ctrl_c


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_ends_it_without_a_traceback(moment: str) -> None:
    by_signal = 130 if sys.platform == "win32" else -signal.SIGINT
    assert ended(moment, signal.SIGINT) == (by_signal, "")


def test_sigterm_ends_it() -> None:
    by_signal = 143 if sys.platform == "win32" else -signal.SIGTERM
    assert ended("threadchat.chat.room", signal.SIGTERM) == (by_signal, "")


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be begun so there")
def test_what_is_ignored_stays_ignored() -> None:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    status, output = ended("threadchat.chat.room", signal.SIGINT, ignore)
    assert status == 0
    assert output.startswith("threadchat ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_process_of_a_container_ends_too(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", lambda _: None)  # the system does nothing there
    monkeypatch.setattr(os, "_exit", statuses.append)
    before = signal.getsignal(number)
    start._end(number, None)
    signal.signal(number, before)
    assert statuses == [128 + number]
