"""Handle the signals for the server: stop, or read the files again."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any

RELOAD = getattr(signal, "SIGHUP", None)
"""The signal to read the files again; None on systems that do not have it."""

_STOPPING = ("SIGINT", "SIGTERM", "SIGBREAK")
"""Names of the signals that stop the server. SIGBREAK is the Ctrl-Break of Windows."""

_CLOSING = frozenset({2, 5, 6})
"""CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT (HandlerRoutine in the Windows API)."""

_CLOSING_SECONDS = 10.0
"""Longer than Windows waits for a process whose console is closed, which is 5 s."""

_kept_alive: list[object] = []
"""What the system has been given to call, and keeps no reference to."""


def on_stop_signals(
    handler: Callable[[int, FrameType | None], object] | signal.Handlers,
) -> None:
    """Set `handler` for SIGINT and SIGTERM, and on Windows for Ctrl-Break, too."""
    for name in _STOPPING:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handler)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Have SIGINT raise `KeyboardInterrupt` in the block, and SIGTERM end the process at once.

    What is ignored stays ignored. Only for the main thread.
    """
    before: dict[signal.Signals, Any] = {}
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def on_console_closed(signals: SimpleQueue[int]) -> None:
    """Have the server stopped, on Windows, when the window of its console is closed.

    The same goes for the end of the operator's session and of the system. On POSIX, closing a
    terminal sends SIGHUP: see `on_reload_signal`.
    """
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        prototype = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
        routine = prototype(partial(_take_console_event, signals, threading.Event().wait))
        _kept_alive.append(routine)
        ctypes.WinDLL("kernel32").SetConsoleCtrlHandler(routine, True)


def _take_console_event(
    signals: SimpleQueue[int], wait: Callable[[float], object], event: int
) -> bool:
    """Ask for a stop if `event` means that the console closes; return whether it does.

    Windows calls this on a thread of its own, and ends the process as soon as it returns. So it
    waits; the main thread ends the process before that is over.
    """
    if event not in _CLOSING:
        return False
    signals.put(signal.SIGTERM)
    wait(_CLOSING_SECONDS)
    return True


def on_reload_signal(signals: SimpleQueue[int]) -> None:
    """Put SIGHUP into `signals`, or SIGTERM if SIGHUP came because our terminal was closed."""
    if RELOAD is None:
        return
    # `nohup` makes a program ignore SIGHUP. Then the end of the terminal must not stop the server.
    is_ours_to_mind = signal.getsignal(RELOAD) != signal.SIG_IGN and _has_terminal()

    def take(number: int, _frame: FrameType | None) -> None:
        signals.put(signal.SIGTERM if is_ours_to_mind and not _has_terminal() else number)

    signal.signal(RELOAD, take)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def wait_for_stop(
    signals: SimpleQueue[int], reread: Callable[[], None], look: Callable[[], None]
) -> None:
    """Wait for a signal to stop; call `reread` for each signal to read the files again.

    It waits in short slices, because on Windows Ctrl-C does not interrupt a wait. Before each of
    these, of half a second at most, it calls `look`.
    """
    while True:
        look()
        with contextlib.suppress(Empty):
            if signals.get(timeout=0.5) != RELOAD:
                return
            reread()
