"""Hold the figures of a server, and show them: as a table, in lines of text, or in one line."""

import contextlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table

from threadchat.access.limiter import RefusedFor
from threadchat.monitoring.linkstate import LinkState
from threadchat.monitoring.tally import BatchTimes
from threadchat.text.phrases import count, duration

if sys.platform != "win32":
    import resource


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


DOORS = ("terminal", "TLS", "browser", "browser TLS", "program")
"""The doors by which people come; the last is for programs, which are no connections."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the history in a file is doing.

    - `is_written`: whether the file can be written, as far as the server knows.
    - `waiting`: the messages that wait in memory until it can be.
    - `lost`: those that were lost since the start because too many waited.
    """

    is_written: bool
    waiting: int
    lost: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a server has done since it was started, and what it has to do at this moment.

    - `since`: the start, in seconds since the epoch; `seconds` is how long ago that was.
    - `people_by_door`: those in rooms, by the door that they came by; see `Connection.door`.
    - `connections_by_door`: all clients, those without a name included, by their door.
    - `messages`: what rooms were shown, joins and leaves included; `deliveries` is the number of
      lines that this made for their members. The two rates are those of `Tallied`.
    - `posts`: how often hooks have spoken.
    - `batches`: how long it took to show these to everybody.
    - `received` and `sent`: the bytes from and to all clients since the start.
    - `queued`: the bytes that wait for clients to take them; `longest_queue` is those of the client
      that is furthest behind, and `behind` the number of clients for which something waits.
    - `pending`: messages, joins and leaves that wait for their rooms.
    - `refusals`: clients that were turned away, by `RefusedFor`.
    - `ends`: connections that have ended, and programs, by `Reason`.
    - `history`: how the history in a file is doing; None if there is no file.
    - `left_out`: the lines that the log file lacks because too many waited.
    - `link`: how the link with other servers is doing; None for a server that is alone.
    """

    since: float
    seconds: float
    people_by_door: Mapping[str, int]
    connections_by_door: Mapping[str, int]
    rooms: int
    messages: int
    messages_per_second: float
    deliveries: int
    deliveries_per_second: float
    posts: int
    received: int
    sent: int
    queued: int
    longest_queue: int
    behind: int
    pending: int
    batches: BatchTimes
    refusals: Mapping[str, int]
    ends: Mapping[str, int]
    history: Keeping | None
    left_out: int
    threads: int
    memory: Memory | None
    link: LinkState | None = None

    @property
    def people(self) -> int:
        """All of them."""
        return sum(self.people_by_door.values())

    @property
    def connections(self) -> int:
        """All of them."""
        return sum(self.connections_by_door.values())

    @property
    def browsers(self) -> int:
        """The connections of pages."""
        doors = self.connections_by_door.items()
        return sum(number for door, number in doors if door.startswith("browser"))

    @property
    def strangers(self) -> int:
        """The connections from addresses that are not served."""
        return self.refusals.get(RefusedFor.NOT_SERVED, 0)


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
        f"{count(snapshot.people, 'person', 'people')} in {count(snapshot.rooms, 'room')}",
        *([snapshot.link.line] if snapshot.link else []),
        f"{snapshot.messages_per_second:,.1f} messages/s",
        f"{snapshot.deliveries_per_second:,.1f} deliveries/s",
        f"{_size(snapshot.queued)} queued",
        f"{_size(snapshot.received)} in",
        f"{_size(snapshot.sent)} out",
        count(snapshot.threads, "thread"),
        *([_size(snapshot.memory.size)] if snapshot.memory else []),
        f"up {duration(snapshot.seconds)}",
    ]
    return " | ".join(parts)


def _connections(snapshot: Snapshot) -> str:
    all_of_them = count(snapshot.connections, "connection")
    browsers = f", {count(snapshot.browsers, 'browser')}" if snapshot.browsers else ""
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
            f" {count(snapshot.pending, 'message')} to be delivered",
        ),
        ("strangers", f"{snapshot.strangers:,} not let in"),
    ]
    if snapshot.history is not None:
        rows.append(("history", _history(snapshot.history)))
    if snapshot.link is not None:
        waiting = f"{_size(snapshot.link.waiting)} to be put in order"
        rows.append(
            ("link", "; ".join(filter(None, (snapshot.link.words, waiting, snapshot.link.pace))))
        )
    if snapshot.left_out:
        rows.append(("log file", f"lacks {count(snapshot.left_out, 'line')}"))
    rows.append(("threads", f"{snapshot.threads:,}"))
    if snapshot.memory is not None:
        what = "peak memory" if snapshot.memory.is_peak else "memory"
        rows.append((what, _size(snapshot.memory.size)))
    return rows


def _history(history: Keeping) -> str:
    waiting = count(history.waiting, "message")
    words = "written" if history.is_written else f"not written, {waiting} in memory until it can be"
    return f"{words}; {count(history.lost, 'message')} lost" if history.lost else words


def _size(number: int) -> str:
    """Return a number of bytes as words, in the unit that suits."""
    if number < 1024:
        return f"{number} B"
    power = min(3, (number.bit_length() - 1) // 10)
    return f"{number / 1024**power:,.1f} {('KiB', 'MiB', 'GiB')[power - 1]}"
