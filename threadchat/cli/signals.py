"""Turn signals into what the server is to do: stop, or read its files again."""

import contextlib
import os
import signal
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType

RELOAD = getattr(signal, "SIGHUP", None)
"""The signal that has files reread, on systems that have it."""


def on_stop_signals(
    handler: Callable[[int, FrameType | None], object] | signal.Handlers,
) -> None:
    """Have `handler` called on SIGINT and SIGTERM."""
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)


def on_reload_signal(signals: SimpleQueue[int]) -> None:
    """Have SIGHUP reread files, and stop the server if it is that our terminal was closed."""
    if RELOAD is None:
        return
    is_ours_to_mind = signal.getsignal(RELOAD) != signal.SIG_IGN and _has_terminal()  # no nohup

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
    """Wait until something says that the server is to stop, and reread files meanwhile.

    In slices: on Windows, Ctrl-C does not interrupt a wait.
    """
    while True:
        with contextlib.suppress(Empty):
            if signals.get(timeout=0.5) != RELOAD:
                return
            reread()
