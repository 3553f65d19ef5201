"""Let threads that no client waits for leave the processor that the server's threads stay on.

`cli.affinity` says why these stay on one. Work there that takes long, such as moving what was
written into a history's file, takes turns with the thread that delivers, of some milliseconds each.
"""

import contextlib
import os
from collections.abc import Collection

_all: Collection[int] = ()
"""The processors that this process may use; empty if its threads stay on none."""


def stay_on(number: int) -> None:
    """Keep this thread, and the threads that it starts, on one processor; raise `OSError`."""
    global _all
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    _all = before


def stay_on_none() -> None:
    """Let this thread run on every processor that the process may use."""
    if _all:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, _all)
