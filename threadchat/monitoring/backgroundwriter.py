"""Have something written on a thread of its own, so that nobody waits for a slow disk or terminal.

What waits is bounded. Where more comes than can be written, what people say is left out first and
then all the rest, and it is owned up to in the place where it is missing.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Generic, TypeVar

MAX_WAITING_LINES = 10_000
"""How many lines may wait to be written before what people say is left out, and counted.

Who comes and goes, and what goes wrong, has `_ROOM_FOR_EVENTS` times that room (promise 7).
"""

_ROOM_FOR_EVENTS = 4

Entry = TypeVar("Entry")


class Backlog(Generic[Entry]):
    """What waits to be written, and the thread that does it. Safe to use from any thread.

    `write` is called with each entry, in the order in which they were put; `own_up` with the
    number of lines that were left out behind those. Once one of them raises `OSError` or
    `ValueError` there is nobody to write for any more: all from then on is let go.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Entry], object],
        own_up: Callable[[int], object],
        limit: int = MAX_WAITING_LINES,
    ) -> None:
        self._name = name
        self._write = write
        self._own_up = own_up
        self._limit = limit
        self._changed = Condition()  # guards all below
        self._entries: deque[tuple[Entry, int]] = deque()  # each with its number of lines
        self._lines = 0
        self._left_out = 0
        self._thread: Thread | None = None
        self._is_closed = False

    def put(self, entry: Entry, lines: int = 1, *, is_talk: bool = False) -> None:
        """Have `entry`, which makes so many lines, written; or count them as left out.

        `is_talk` is for what people say, which is left out first. Neither waits nor raises.
        """
        limit = self._limit if is_talk else _ROOM_FOR_EVENTS * self._limit
        with self._changed:
            if self._is_closed:
                return
            if self._lines >= limit or not self._has_thread():
                self._left_out += lines
                return
            self._entries.append((entry, lines))
            self._lines += lines
            self._changed.notify()

    def close(self, timeout: float) -> bool:
        """Write what is waiting, for up to `timeout` seconds, and take nothing any more.

        Return False if the writing has not come to its end: nobody takes what is written.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            thread = self._thread
        if thread is None:
            return True
        thread.join(max(0.0, deadline - time.monotonic()))
        return not thread.is_alive()

    def _has_thread(self) -> bool:
        """Return whether there is somebody to write, started when there first is something to."""
        if self._thread is None:
            thread = Thread(target=self._run, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # out of threads: better unwritten than undone
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        try:
            while self._write_some():
                pass
        except (OSError, ValueError):
            with self._changed:
                self._is_closed = True
                self._entries.clear()

    def _write_some(self) -> bool:
        """Wait for something to write, and write all there is; return whether more may come."""
        entries, left_out = self._take()
        for entry, lines in entries:
            with self._changed:
                self._lines -= lines
            self._write(entry)
        if left_out:
            self._own_up(left_out)
        return bool(entries or left_out)

    def _take(self) -> tuple[Sequence[tuple[Entry, int]], int]:
        """Return all that waits, and how many lines were left out; nothing is the end."""
        with self._changed:
            while not (self._entries or self._left_out or self._is_closed):
                self._changed.wait()
            entries, self._entries = self._entries, deque()
            left_out, self._left_out = self._left_out, 0
            return entries, left_out
