"""Write on a thread of its own, so that nobody waits for a slow disk or terminal.

A `BackgroundWriter` has the queue and the thread; its user says how an entry is written. What
waits is bounded. When more comes than can be written, what people say is left out first, then the
rest. The number of lines left out is told in the place where they are missing.
"""

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Generic, TypeVar

from threadchat.net.threads import join_by, start_thread

MAX_WAITING_LINES = 10_000
"""How many lines may wait to be written before what people say is left out, and counted.

Events and problems have `_ROOM_FOR_EVENTS` times that room (promise 7).
"""

_ROOM_FOR_EVENTS = 4

CLOSE_SECONDS = 2.0
"""How long a close waits for the writing to end, unless told otherwise."""

Entry = TypeVar("Entry")


def _do_nothing() -> None:
    pass


class BackgroundWriter(Generic[Entry]):
    """A queue of entries, and the thread that writes them. Safe to use from any thread.

    These are called on that thread, which is started with the first entry:

    - `write` with each entry, in the order in which they were put;
    - `tell_left_out` with the number of lines that were left out behind those;
    - `tick` whenever nothing has come for `tick_seconds`, if that is given;
    - `finish` once, when everything is written after `close`.

    If one of them raises `OSError` or `ValueError`, nobody takes what is written any more: the
    thread ends, and all entries from then on are dropped.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Entry], object],
        tell_left_out: Callable[[int], object],
        limit: int = MAX_WAITING_LINES,
        *,
        tick: Callable[[], object] = _do_nothing,
        tick_seconds: float | None = None,
        finish: Callable[[], object] = _do_nothing,
    ) -> None:
        self._name = name
        self._write = write
        self._tell_left_out = tell_left_out
        self._limit = limit
        self._tick = tick
        self._tick_seconds = tick_seconds
        self._finish = finish
        self.closing = threading.Event()
        """Set by `close`. A `write` that tries again and again can wait for it between tries."""
        self._changed = Condition()  # guards all below
        self._entries: deque[tuple[Entry, int]] = deque()  # each with the room that it takes
        self._room_taken = 0
        self._left_out = 0  # since the last line about that
        self._left_out_before = 0
        self._thread: Thread | None = None
        self._is_closed = False

    def put(self, entry: Entry, lines: int = 1, *, is_talk: bool = False) -> bool:
        """Have `entry` written; return False if it will not be. Neither waits nor raises.

        `lines` is how many lines it makes: so many are counted as left out when there is no room
        for it. An entry that makes none takes the room of one. `is_talk` is for what people say,
        which is left out first.
        """
        limit = self._limit if is_talk else _ROOM_FOR_EVENTS * self._limit
        with self._changed:
            if self._is_closed:
                return False
            if self._room_taken >= limit or not self._has_thread():
                self._left_out += lines
                return False
            room = max(1, lines)
            self._entries.append((entry, room))
            self._room_taken += room
            self._changed.notify()
            return True

    @property
    def left_out(self) -> int:
        """How many lines were left out since the start."""
        with self._changed:
            return self._left_out_before + self._left_out

    def close(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Write what is waiting, for up to `timeout` seconds, and take nothing any more.

        Return False if the writing has not come to its end: nobody takes what is written. At the
        end of the process this is called if it has not been before.
        """
        deadline = time.monotonic() + timeout
        self.closing.set()
        with self._changed:
            self._is_closed = True
            self._changed.notify()
            thread = self._thread
        if thread is None:
            return True
        join_by(thread, deadline)
        atexit.unregister(self.close)
        return not thread.is_alive()

    def _has_thread(self) -> bool:
        """Return whether there is a thread that writes, and start it before the first entry."""
        if self._thread is None:
            # Out of threads, nothing is written, but all else goes on. The next entry tries again.
            self._thread = start_thread(self._run, self._name)
            if self._thread is not None:
                # Python would abort if it took standard output down while the thread writes to it.
                atexit.register(self.close)
        return self._thread is not None

    # On the thread that writes

    def _run(self) -> None:
        try:
            while (waiting := self._next()) is not None:
                self._write_all(*waiting)
            self._finish()
        except (OSError, ValueError):
            with self._changed:
                self._is_closed = True
                self._entries.clear()

    def _next(self) -> tuple[Sequence[tuple[Entry, int]], int] | None:
        """Wait for entries or a tick; return all that wait, and how many lines were left out.

        None is the end.
        """
        with self._changed:
            self._changed.wait_for(self._is_something_to_do, self._tick_seconds)
            entries, self._entries = self._entries, deque()
            left_out, self._left_out = self._left_out, 0
            self._left_out_before += left_out
            if self._is_closed and not entries and not left_out:
                return None
            return entries, left_out

    def _is_something_to_do(self) -> bool:
        return bool(self._entries or self._left_out or self._is_closed)

    def _write_all(self, entries: Sequence[tuple[Entry, int]], left_out: int) -> None:
        for entry, room in entries:
            with self._changed:
                self._room_taken -= room
            self._write(entry)
        if left_out:
            self._tell_left_out(left_out)
        if not entries and not left_out:
            self._tick()
