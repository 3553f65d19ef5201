"""Append to standard output, where containers collect logs. Nothing is put aside there."""

import errno
import os
import select
import sys
from pathlib import Path
from typing import Final

NAMES: Final = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""The names under which standard output is meant. Opening one of these would not always do."""

_WAIT_SECONDS = 1.0


class StandardOutput:
    """Standard output, with the methods of a `RotatingFile`.

    Raises `OSError` if there is none.
    """

    what = "standard output"
    path: Final = Path("/dev/stdout")
    is_another = False
    why_not_rotated = None

    def __init__(self) -> None:
        try:
            self._descriptor = sys.stdout.fileno()
        except (AttributeError, OSError, ValueError):
            raise OSError(errno.EBADF, "there is no standard output") from None
        self._written = 0  # how much of what could not be written whole has been written

    def __str__(self) -> str:
        return self.what

    def append(self, data: bytes) -> None:
        """Write `data`, and wait until it is taken; raise `OSError` if that fails.

        Then call it again with the same data: it goes on where it has stopped.
        """
        while self._written < len(data):
            try:
                self._written += os.write(self._descriptor, memoryview(data)[self._written :])
            except BlockingIOError:  # another program has made our output such a one
                select.select([], [self._descriptor], [], _WAIT_SECONDS)
        self._written = 0

    def close(self) -> None:
        """Do nothing: other parts of the program may still write there."""
