"""Test what signals, and the events of a console of Windows, are turned into."""

import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from queue import SimpleQueue

import pytest

from threadchat.cli import main as cli
from threadchat.cli import signals as signals_module
from threadchat.cli.signals import (
    RELOAD,
    _take_console_event,
    on_console_closed,
    on_reload_signal,
    on_stop_signals,
    wait_for_stop,
)

CTRL_C, CTRL_BREAK, CLOSE, LOGOFF, SHUTDOWN = 0, 1, 2, 5, 6


@pytest.mark.parametrize("event", [CLOSE, LOGOFF, SHUTDOWN])
def test_a_console_that_closes_stops_the_server_and_waits_for_it(event: int) -> None:
    signals: SimpleQueue[int] = SimpleQueue()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        assert signals.get_nowait() == signal.SIGTERM
        waits.append(seconds)

    assert _take_console_event(signals, wait, event)
    (waited,) = waits
    assert waited > 5  # as long as Windows itself waits, and no end is put to the process before


@pytest.mark.parametrize("event", [CTRL_C, CTRL_BREAK])
def test_keys_at_a_console_are_left_to_the_signals(event: int) -> None:
    signals: SimpleQueue[int] = SimpleQueue()

    def wait(seconds: float) -> None:
        raise AssertionError("waited")

    assert not _take_console_event(signals, wait, event)
    assert signals.empty()


@pytest.mark.skipif(sys.platform == "win32", reason="there it leaves a handler behind")
def test_elsewhere_there_is_no_such_console() -> None:
    signals: SimpleQueue[int] = SimpleQueue()
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    on_console_closed(signals)
    assert signals.empty()
    assert [signal.getsignal(number) for number in signal.valid_signals()] == handlers


def test_ctrl_break_stops_the_server_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "win32":
        monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    numbers = [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGBREAK")]  # noqa: B009
    before = [signal.getsignal(number) for number in numbers]
    try:
        on_stop_signals(signal.SIG_IGN)
        assert [signal.getsignal(number) for number in numbers] == 3 * [signal.SIG_IGN]
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@pytest.mark.skipif(RELOAD is None, reason="there is no such signal")
def test_the_files_are_read_again_until_the_stop_and_a_look_comes_before_each_wait() -> None:
    signals: SimpleQueue[int | None] = SimpleQueue()
    done: list[str] = []

    def look() -> None:
        done.append("look")
        if len(done) == 1:
            signals.put(RELOAD)
        elif done[-2:] == ["read again", "look"]:
            signals.put(signal.SIGTERM)

    wait_for_stop(signals, lambda: done.append("read again"), look)  # type: ignore[arg-type]
    assert done == ["look", "read again", "look"]


@pytest.fixture
def handlers() -> Iterator[dict[signal.Signals, object]]:
    """Handlers of our own for the time of a test."""
    ours = {number: lambda *_: None for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: signal.signal(number, handler) for number, handler in ours.items()}
    yield {**ours}
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_command_can_be_broken_off_and_leaves_the_handlers_as_they_were(
    handlers: dict[signal.Signals, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(_: Sequence[str]) -> int:
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.raise_signal(signal.SIGINT)
        return 0

    monkeypatch.setitem(cli.COMMANDS, "export", command)
    assert cli.main(["export"]) == 130
    assert {number: signal.getsignal(number) for number in handlers} == handlers


def test_what_is_ignored_stays_ignored_during_a_command(
    handlers: dict[signal.Signals, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def command(_: Sequence[str]) -> int:
        signal.raise_signal(signal.SIGINT)
        return 7

    monkeypatch.setitem(cli.COMMANDS, "export", command)
    assert cli.main(["export"]) == 7
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.skipif(RELOAD is None, reason="there is no such signal")
@pytest.mark.parametrize(
    ("ignored", "terminals", "asked"),
    [
        (False, [True, False], signal.SIGTERM),  # the terminal was closed
        (False, [True, True], RELOAD),
        (False, [False, False], RELOAD),  # a service has none
        (True, [True, False], RELOAD),  # under nohup
    ],
)
def test_the_end_of_the_terminal_is_told_from_a_wish_to_read_again(
    ignored: bool, terminals: list[bool], asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RELOAD is not None
    signals: SimpleQueue[int] = SimpleQueue()
    monkeypatch.setattr(signals_module, "_has_terminal", lambda: terminals.pop(0))
    before = signal.signal(RELOAD, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        on_reload_signal(signals)
        signal.raise_signal(RELOAD)
    finally:
        signal.signal(RELOAD, before)
    assert signals.get_nowait() == asked


@pytest.mark.skipif(os.name != "posix", reason="there is no such file")
@pytest.mark.parametrize("is_there", [True, False])
def test_the_terminal_is_there_as_long_as_it_can_be_opened(
    is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open
    asked: list[tuple[str, int]] = []

    def open_terminal(path: str, flags: int) -> int:
        asked.append((path, flags & os.O_NOCTTY))
        if not is_there:
            raise OSError(errno.ENXIO, "No such device or address")
        return really_open(os.devnull, flags)

    monkeypatch.setattr(os, "open", open_terminal)
    assert signals_module._has_terminal() is is_there
    assert asked == [("/dev/tty", os.O_NOCTTY)]
