"""Print a history as text or as JSON lines. A server may write to it meanwhile."""

import argparse
import contextlib
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from threadchat.cli.arguments import Fault, Parser, complain, set_up_output, silence_broken_output
from threadchat.cli.progress import bar
from threadchat.messages.apart import APART
from threadchat.messages.codec import as_json, iso_time, name_of, parse_iso_time, values_of
from threadchat.messages.kinds import Gap
from threadchat.storage.batches import show_lines
from threadchat.storage.database import version_of
from threadchat.storage.faults import Unusable, why_unusable
from threadchat.storage.migrations import VERSION_WITH_PLACES, VERSION_WITH_STRETCHES
from threadchat.storage.reading import open_to_read
from threadchat.storage.remembered import Kept
from threadchat.storage.rows import Row, columns_of, kept_of, read_state
from threadchat.storage.storedstretches import StretchReader
from threadchat.storage.values import name_of as room_of
from threadchat.storage.values import number_of, time_of
from threadchat.text.names import fold_name
from threadchat.text.phrases import list_names
from threadchat.text.times import BadTime, split_time

_EVERY = 1000
"""The number of lines after which the progress bar is updated."""


def main(argv: Sequence[str]) -> int:
    """Write the messages of a history to standard output; return the exit status.

    The status is 0 if all went well, and 1 if the output cannot be written. A wrong option exits
    with status 2. Raises `OperatorError` if the file cannot be read.
    """
    options = _parse(argv)
    set_up_output()
    try:
        _export(options)
    except BrokenPipeError:
        pass  # the reader of our output wants no more, as with `head`
    except OSError as error:
        silence_broken_output()
        complain("threadchat export", f"cannot write it out: {error.strerror}.")
        return 1
    silence_broken_output()
    return 0


_EXAMPLES = """\
examples:
  threadchat export chat.db                                  all of it, as text
  threadchat export chat.db --room lobby --since 2026-11-23  one room, from a day on
  threadchat export chat.db --format jsonl >chat.jsonl       a JSON object a line
"""


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="threadchat export",
        description="Print what was said, oldest first. The server may be running.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the file given to the server as --history")
    parser.add_argument("--room", metavar="R", help="only what was said in this room")
    parser.add_argument(
        "--since",
        type=_moment,
        metavar="T",
        help="only from then on: 2026-11-23, or 2026-11-23T12:01, in local time, or 2h ago",
    )
    parser.add_argument(
        "--format", choices=("text", "jsonl"), default="text", help="(default: text)"
    )
    return parser.parse_args(argv)


def _moment(text: str) -> float:
    """Return the time in `text` as seconds since the epoch.

    A time without an offset is a local time. A TIME such as `2h` is as long ago as that.
    """
    try:
        return parse_iso_time(text)
    except (ValueError, OverflowError, OSError):
        with contextlib.suppress(BadTime):
            seconds, rest = split_time(text)
            if seconds is not None and rest in ("", "ago"):
                return time.time() - seconds
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date or time; 2026-11-23, 2026-11-23T12:01 and 2h are some"
        ) from None


def _export(options: argparse.Namespace) -> None:
    if sys.stdout is None:
        raise Fault("there is no standard output to write to.")
    path = Path(options.file)
    write = _WRITERS[options.format]
    try:
        with contextlib.closing(open_to_read(path)) as connection:
            selection = _select(connection, path, options)
            # One transaction: what is said meanwhile changes neither the number nor the rows.
            connection.execute("BEGIN")
            show_lines(connection, selection.version)
            total = selection.count(connection)
            lines = selection.lines(connection)
            if selection.version >= VERSION_WITH_STRETCHES:
                lines = _in_order_of_all(lines, connection)
            for line in _showing_progress(lines, total):
                sys.stdout.write(write(line) + "\n")
        sys.stdout.flush()
    except sqlite3.Error as error:
        raise Unusable(why_unusable(path, error, only_reads=True)) from None


@dataclass(frozen=True, slots=True)
class _Line:
    """A line to write out; `at` is its time, or for a gap that of the line behind it."""

    room: str
    at: float
    message: Kept | Gap
    apart: tuple[float, float] | None = None
    """From when to when its server had no link to the others, if it was said then."""


@dataclass(frozen=True, slots=True)
class _Selection:
    """The messages to export."""

    version: int
    room: int | None
    since: float | None

    _FROM = (
        " FROM lines AS messages JOIN rooms ON rooms.id = messages.room"
        " WHERE (:room IS NULL OR messages.room = :room)"
        " AND (:since IS NULL OR messages.at >= :since)"
    )

    def count(self, connection: sqlite3.Connection) -> int:
        """Return the number of these messages."""
        (number,) = connection.execute("SELECT count(*)" + self._FROM, self._values).fetchone()
        return int(number)

    def lines(self, connection: sqlite3.Connection) -> Iterator["_Line"]:
        """Yield them in the order in which they were said, and a gap wherever some are missing."""
        has_places = self.version >= VERSION_WITH_PLACES
        epoch, _ = read_state(connection) if has_places else ("", False)
        last_in: dict[str, int] = {}
        query = f"SELECT {columns_of(self.version)}{self._FROM} ORDER BY messages.id"
        row: Row
        for row in connection.execute(query, self._values):
            room, at, seq = room_of(row[0]), time_of(row[1]), number_of(row[5])
            # Of what was said before a time, nobody wants to know whether it is all there.
            missing = seq - 1 - last_in.get(room, 0 if self.since is None else seq - 1)
            if missing > 0:
                yield _Line(room, at, Gap(missing))
            last_in[room] = seq
            yield _Line(room, at, kept_of(row, epoch))

    @property
    def _values(self) -> dict[str, float | None]:
        return {"room": self.room, "since": self.since}


def _in_order_of_all(lines: Iterator[_Line], connection: sqlite3.Connection) -> Iterator[_Line]:
    """Yield `lines` at the places that linked servers gave them, each where it stands by now."""
    stretches = StretchReader(connection)
    for line in lines:
        message = line.message
        stretch = None if isinstance(message, Gap) else stretches.find(line.room, message.seq)
        if stretch is None or isinstance(message, Gap):
            yield line
        elif not stretch.is_moved:
            seq = message.seq - stretch.seq
            if stretch.missed and not seq:
                yield _Line(line.room, line.at, Gap(stretch.missed))
            if stretch.epoch:
                message = replace(message, epoch=stretch.epoch, seq=stretch.place + seq)
            yield _Line(line.room, line.at, message, stretch.apart)


def _select(connection: sqlite3.Connection, path: Path, options: argparse.Namespace) -> _Selection:
    version = version_of(connection, path)
    if options.room is None:
        return _Selection(version, None, options.since)
    rooms = connection.execute("SELECT fold, id, name FROM rooms ORDER BY id").fetchall()
    wanted = fold_name(options.room.removeprefix("#"))
    for fold, number, _ in rooms:
        if fold == wanted:
            return _Selection(version, number, options.since)
    known = list_names([room_of(name) for _, _, name in rooms])
    raise Fault(
        f"nothing was said in a room {options.room[:20]!r} in {path}."
        + (f" It knows {known}." if known else "")
    )


def _showing_progress(lines: Iterator[_Line], total: int) -> Iterator[_Line]:
    """Yield `lines`; show a bar on standard error if that is a terminal, and the output is none."""
    # If the messages go to a terminal, too, the bar would appear between them.
    with bar("Reading", is_shown=not sys.stdout.isatty()) as show:
        for number, line in enumerate(lines, 1):
            yield line
            if number % _EVERY == 0:
                show(number, total)


def _as_text(line: _Line) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line.at))
    apart = APART if line.apart else ""  # nobody's line begins like that
    return f"{when} {line.room} {apart}{line.message.line}"


def _as_json(line: _Line) -> str:
    where = {"at": iso_time(line.at), "room": line.room, "kind": name_of(line.message)}
    apart = {"apart": [iso_time(it) for it in line.apart]} if line.apart else {}
    return as_json(where | values_of(line.message) | apart)


_WRITERS = {"text": _as_text, "jsonl": _as_json}
