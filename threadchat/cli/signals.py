"""Handle the signals for the server: stop, or read the files again."""

import contextlib
import os
import signal
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType

RELOAD = getattr(signal, "SIGHUP", None)
"""The signal to read the files again; None on systems that do not have it."""


def on_stop_signals(
    handler: Callable[[int, FrameType | None], object] | signal.Handlers,
) -> None:
    """Set `handler` for SIGINT and SIGTERM."""
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)


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


def wait_for_stop(signals: SimpleQueue[int], reread: Callable[[], None]) -> None:
    """Wait for a signal to stop; call `reread` for each signal to read the files again.

    It waits in short slices, because on Windows Ctrl-C does not interrupt a wait.
    """
    while True:
        with contextlib.suppress(Empty):
            if signals.get(timeout=0.5) != RELOAD:
                return
            reread()
