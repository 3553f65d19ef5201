"""Hand the core what comes by a live connection: answers, and the entries of the log in a row.

Entries are told as they are put into the log, and taken as long as each is the next one. What is
missing in between is fetched. No sockets, no threads: its owner has the lock that guards the core.
"""

from collections.abc import Iterable

from threadchat.link.core import LinkCore
from threadchat.link.live import Answered, Arrival
from threadchat.link.wire import Answer, Done, Entered, LogEntry, Renew, Request


class LogFeed:
    """What one connection after the other brings `core`."""

    def __init__(self, core: LinkCore) -> None:
        self._core = core
        self._must_fetch = False
        self._is_fetching = False
        self._head = 0  # where the log ended when that was last told
        self._is_held = False

    def begin(self, *, is_held: bool = False) -> None:
        """Take note that there is a new connection; `is_held` if entries are not to be read yet."""
        self._must_fetch = self._is_fetching = False
        self._head = 0
        self._is_held = is_held

    def go_on(self) -> None:
        """Have the entries read that were not to be read yet."""
        self._is_held = False
        self._must_fetch = True

    def next_fetch(self) -> int | None:
        """Return behind which position entries are to be fetched now; None if they are not."""
        if not self.is_to_fetch:
            return None
        self._must_fetch, self._is_fetching = False, True
        return self._core.read_after

    @property
    def is_to_fetch(self) -> bool:
        """Whether entries are to be fetched now."""
        if not self._must_fetch or self._is_fetching or self._is_held:
            return False
        return self._core.read_after is not None

    def take(self, arrivals: Iterable[Arrival], now: float) -> None:
        """Hand over what has come, as far as the connection is good for more."""
        for arrival in arrivals:
            if self._core.must_close:
                return
            # Not by `match`, which takes three times as long: each line of anybody comes by here.
            if isinstance(arrival, LogEntry):
                self._take_told(arrival, now)
            elif isinstance(arrival, Answered):
                self._take_answer(arrival.request, arrival.answer, now)
            else:
                self._is_fetching = False
                # What was told before this came is among it, or behind it.
                self._must_fetch = not arrival.is_end
                if self._core.read_after is not None:
                    self._core.read(arrival.entries, now)

    def _take_told(self, entry: LogEntry, now: float) -> None:
        after = self._core.read_after
        if after is None or self._is_held:
            return  # it is fetched
        if entry.position == after + 1:
            self._core.read((entry,), now)
        elif entry.position > after and not self._is_fetching:
            self._must_fetch = True

    def _take_answer(self, request: Request, answer: Answer, now: float) -> None:
        self._core.answered(request, answer, now)
        if isinstance(answer, Entered):
            self._must_fetch = True
        elif isinstance(request, Renew) and isinstance(answer, Done):
            self._look_for_untold(answer.head)

    def _look_for_untold(self, head: int) -> None:
        """Fetch what was put into the log long ago and was not told, as by an older version."""
        after = self._core.read_after
        if after is not None and after < self._head:
            self._must_fetch = True
        self._head = head
