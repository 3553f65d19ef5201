"""Share the time that searches may take, so that rooms notice nothing of them (promise 3).

All searches of a history work in turns: one works for a moment, and then all of them rest for
longer than that. What rests is measured in time, not in messages, because one message may take as
long as a thousand others.
"""

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from threadchat.errors import PersonError
from threadchat.messages.kinds import Spoken
from threadchat.text.phrases import minute

TURN_SECONDS = 0.0002
"""How long a search works before it lets the next one have its turn. Others wait for no more."""

RESTS = 2.0
"""How many times as long as a search has worked all of them rest after its turn."""

MAX_WORK_SECONDS = 0.5
"""How long one search may work in all."""

MAX_SQL_SECONDS = 0.2
"""How long SQLite may work for one search: it cannot let another have its turn meanwhile."""

MAX_SECONDS = 3.0
"""How long one search may take, its rests and the turns of others included."""

_STEPS = 50
"""After so many steps SQLite asks whether it may go on: some tenths of a millisecond."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message that was said, and its room."""

    room: str
    message: Spoken


class SearchStopped(PersonError):
    """A search has taken too long. The text is one line: how far it came, and the way out.

    `found` is what it has found, and `back_to` is when the oldest message that it looked at was
    said, in seconds since the epoch; None if that is not known.
    """

    def __init__(self, found: list[Found], back_to: float | None) -> None:
        far = "" if back_to is None else f": it came back to {minute(back_to)}"
        super().__init__(f"The search took too long{far}. Use rarer words, or try again later.")
        self.found = found
        self.back_to = back_to


class OutOfTime(PersonError):
    """A search has used up its time; whatever searches makes a `SearchStopped` of it."""


class SearchTurns:
    """The turns of all searches of one history, in the order in which they ask: a fair lock.

    `clock` counts seconds, `sleep` waits for some, and `work` counts those that the processor has
    worked for the thread: a search need not rest because others have worked in its turn.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
        work: Callable[[], float] = time.thread_time,
    ) -> None:
        self.clock = clock
        self.sleep = sleep
        self.work = work
        self._lock = Lock()  # guards the two below; nothing else is done while it is held
        self._is_taken = False
        self._waiting: deque[Lock] = deque()  # each is let go of when the turn is handed on

    def acquire(self, timeout: float = -1) -> bool:
        """Wait for the turn, up to `timeout` seconds if there is one; return whether it is ours."""
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return True
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self._lock:
            if turn not in self._waiting:  # it was handed to us just now
                return True
            self._waiting.remove(turn)
            return False

    def release(self) -> None:
        """Hand the turn on."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False

    def __enter__(self) -> None:
        """Take the turn, however long that takes."""
        self.acquire()

    def __exit__(self, *_: object) -> None:
        """Hand the turn on."""
        self.release()

    @contextmanager
    def search(self) -> "Iterator[SearchPace]":
        """Take the turn for a search, and hand it on at the end. Raise `SearchStopped`."""
        begun = self.clock()
        if not self.acquire(MAX_SECONDS):
            raise SearchStopped([], None)
        try:
            yield SearchPace(self, begun)
        finally:
            self.release()


class SearchPace:
    """The pace of one search, which has the turn. For the thread that searches."""

    def __init__(self, turns: SearchTurns, begun: float) -> None:
        self._turns = turns
        self._begun = begun
        self._worked = 0.0
        self._begin_turn()

    def _begin_turn(self) -> None:
        self._since, self._work_since = self._turns.clock(), self._turns.work()

    def step(self) -> None:
        """Go on, after a rest and the turns of others if it is time for that. Raise `OutOfTime`.

        Call it after each piece of work, and hold no lock meanwhile.
        """
        if self._rest():
            turns = self._turns
            turns.release()
            turns.acquire()
            self._begin_turn()
            if self._worked >= MAX_WORK_SECONDS or self._since - self._begun >= MAX_SECONDS:
                raise OutOfTime

    @contextmanager
    def of(self, connection: sqlite3.Connection) -> Iterator[Callable[[], bool]]:
        """Have `connection` work at this pace; it is interrupted after `MAX_SQL_SECONDS`.

        The block is given a function that returns whether that has happened.
        """
        end = self._worked + MAX_SQL_SECONDS

        def is_over() -> bool:
            return self._worked >= end

        def rest() -> bool:
            self._rest()
            return is_over()

        connection.set_progress_handler(rest, _STEPS)
        try:
            yield is_over
        finally:
            connection.set_progress_handler(None, 0)

    def _rest(self) -> bool:
        """Rest if the search has worked for long enough; return whether it has."""
        turns = self._turns
        if turns.clock() - self._since < TURN_SECONDS:
            return False
        worked = max(TURN_SECONDS, turns.work() - self._work_since)
        self._worked += worked
        turns.sleep(RESTS * worked)
        self._begin_turn()
        return True
