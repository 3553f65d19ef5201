"""Measure what a server does, and show it: as a table, in lines of text, or in one line.

Counting costs one addition a batch, not one a message.
"""

import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from rich import box
from rich.table import Table

from threadchat.messages.kinds import RoomMessage
from threadchat.monitoring.events import Event
from threadchat.text.phrases import duration

if sys.platform != "win32":
    import resource

WINDOW = 10
"""The seconds over which a rate is averaged."""


class Meter:
    """Count something, and return its rate a second. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = int(clock())
        self._lock = Lock()  # guards all below
        self._total = 0
        # The seconds in which something came, each with the total before it.
        self._marks: deque[tuple[int, int]] = deque(maxlen=WINDOW + 1)
        self._next_mark = self._started

    def add(self, number: int) -> None:
        """Count `number` more."""
        with self._lock:
            if (now := self._clock()) >= self._next_mark:
                self._marks.append((int(now), self._total))
                self._next_mark = int(now) + 1
            self._total += number

    @property
    def total(self) -> int:
        """The number that has been counted in all."""
        with self._lock:
            return self._total

    def rate(self) -> float:
        """Return how much came in a second, as an average over the last `WINDOW` whole seconds.

        If less time has passed since the start, the average is over that time.
        """
        with self._lock:
            now = int(self._clock())
            seconds = max(1, min(WINDOW, now - self._started))
            return (self._before(now) - self._before(now - seconds)) / seconds

    def _before(self, second: int) -> int:
        return next((total for mark, total in self._marks if mark >= second), self._total)


class Tally:
    """A watcher that counts what rooms are shown, joins and leaves included."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.messages = Meter(clock)
        self.deliveries = Meter(clock)

    def note(self, event: Event) -> None:
        """Ignore events."""

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """Count what was shown in a room."""
        self.messages.add(len(messages))
        self.deliveries.add(deliveries)


@dataclass(frozen=True, slots=True)
class Memory:
    """The bytes of memory that this process has; with `is_peak`, the most it has had."""

    size: int
    is_peak: bool = False


def resident_memory() -> Memory | None:
    """Return the resident memory of this process; None if the system does not tell (Windows).

    Linux tells how much it is now (proc_pid_statm(5)), other systems the peak (getrusage(2)).
    """
    if sys.platform == "win32":
        return None
    with contextlib.suppress(OSError):
        pages = Path("/proc/self/statm").read_bytes().split()[1]
        return Memory(int(pages) * resource.getpagesize())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Memory(peak if sys.platform == "darwin" else 1024 * peak, is_peak=True)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a server has done since it was started, and what it has to do at this moment.

    - `since`: the start, in seconds since the epoch; `seconds` is how long ago that was.
    - `connections`: all clients, those without a name included; `browsers` are those among them
      that came by the page.
    - `messages`: what rooms were shown, joins and leaves included; `deliveries` is the number of
      lines that this made for their members. The two rates are those of `Meter.rate`.
    - `received` and `sent`: the bytes from and to all clients since the start.
    - `queued`: the bytes that wait for clients to take them; `longest_queue` is those of the client
      that is furthest behind.
    - `strangers`: connections from addresses that are not served.
    - `pending`: messages, joins and leaves that wait for their rooms.
    """

    since: float
    seconds: float
    people: int
    connections: int
    browsers: int
    rooms: int
    messages: int
    messages_per_second: float
    deliveries: int
    deliveries_per_second: float
    received: int
    sent: int
    queued: int
    longest_queue: int
    strangers: int
    pending: int
    threads: int
    memory: Memory | None


def table(snapshot: Snapshot) -> Table:
    """Return a table for a terminal."""
    shown = Table(title="threadchat", show_header=False, box=box.ROUNDED)
    for _ in range(2):
        shown.add_column(overflow="fold")
    for what, figures in _rows(snapshot):
        shown.add_row(what, figures)
    return shown


def lines(snapshot: Snapshot) -> list[str]:
    """Return the same as plain lines, in ASCII."""
    return [f"{what:<12}{figures}" for what, figures in _rows(snapshot)]


def line(snapshot: Snapshot) -> str:
    """Return what matters most in one line of ASCII, the most important first."""
    parts = [
        f"{_count(snapshot.people, 'person', 'people')} in {_count(snapshot.rooms, 'room')}",
        f"{snapshot.messages_per_second:,.1f} messages/s",
        f"{snapshot.deliveries_per_second:,.1f} deliveries/s",
        f"{_size(snapshot.queued)} queued",
        f"{_size(snapshot.received)} in",
        f"{_size(snapshot.sent)} out",
        _count(snapshot.threads, "thread"),
        *([_size(snapshot.memory.size)] if snapshot.memory else []),
        f"up {duration(snapshot.seconds)}",
    ]
    return " | ".join(parts)


def _connections(snapshot: Snapshot) -> str:
    all_of_them = _count(snapshot.connections, "connection")
    browsers = f", {_count(snapshot.browsers, 'browser')}" if snapshot.browsers else ""
    return f"{all_of_them}{browsers}"


def _rows(snapshot: Snapshot) -> list[tuple[str, str]]:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(snapshot.since))
    rows = [
        ("up since", f"{since} ({duration(snapshot.seconds)})"),
        ("people", f"{snapshot.people:,} ({_connections(snapshot)})"),
        ("rooms", f"{snapshot.rooms:,}"),
        ("messages", f"{snapshot.messages:,} ({snapshot.messages_per_second:,.1f} a second)"),
        ("deliveries", f"{snapshot.deliveries:,} ({snapshot.deliveries_per_second:,.1f} a second)"),
        ("bytes", f"{_size(snapshot.received)} in, {_size(snapshot.sent)} out"),
        (
            "queues",
            f"{_size(snapshot.queued)} to be taken (the longest: {_size(snapshot.longest_queue)}),"
            f" {_count(snapshot.pending, 'message')} to be delivered",
        ),
        ("strangers", f"{snapshot.strangers:,} not let in"),
        ("threads", f"{snapshot.threads:,}"),
    ]
    if snapshot.memory is not None:
        what = "peak memory" if snapshot.memory.is_peak else "memory"
        rows.append((what, _size(snapshot.memory.size)))
    return rows


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _size(number: int) -> str:
    """Return a number of bytes as words, in the unit that suits."""
    if number < 1024:
        return f"{number} B"
    power = min(3, (number.bit_length() - 1) // 10)
    return f"{number / 1024**power:,.1f} {('KiB', 'MiB', 'GiB')[power - 1]}"
