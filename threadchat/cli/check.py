"""Say whether the file of a history is whole. A server may have it meanwhile."""

import argparse
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from threadchat.cli.arguments import Parser, print_out, set_up_output
from threadchat.storage import batches, faults
from threadchat.storage.database import version_of
from threadchat.storage.migrations import (
    VERSION_WITH_BATCHES,
    VERSION_WITH_HOOKS,
    VERSION_WITH_INDEX,
    VERSION_WITH_RECORDS,
)
from threadchat.storage.reading import open_to_read
from threadchat.storage.values import text_of, time_of
from threadchat.text.phrases import count

_MOST = 10
"""The most faults that are listed."""


def main(argv: Sequence[str]) -> int:
    """Print whether a history is whole; return the exit status.

    The status is 0 if it is, and 1 if not. A wrong option exits with status 2. Raises
    `OperatorError` if it cannot be read.
    """
    parser = Parser(
        prog="threadchat check",
        description="Say whether a history is whole, and what is wrong if it is not. Nothing is"
        " changed. The server may be running.",
        epilog="example:\n  threadchat check chat.db\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the file given to the server as --history")
    path = Path(parser.parse_args(argv).file)
    set_up_output()
    lines, is_whole = _check(path)
    print_out(lines)
    return 0 if is_whole else 1


def _check(path: Path) -> tuple[list[str], bool]:
    """Return what is to be printed of the history at `path`, and whether it is whole."""
    try:
        with closing(open_to_read(path)) as connection:
            # One moment of the file, and Ctrl-C is heard while SQLite works.
            connection.execute("BEGIN")
            version = version_of(connection, path)
            connection.set_progress_handler(lambda: 0, 100_000)
            damage = list(islice(_damage(connection, version), _MOST))
            odd = [] if damage else list(_odd_lines(connection, version))
            if not damage and not odd:
                return [*_contents(connection, version), f"{path} is whole."], True
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            raise KeyboardInterrupt from None
        raise faults.Unusable(faults.why_unusable(path, error, only_reads=True)) from None
    wrong = [f"wrong: {line}" for line in (*damage, *odd)]
    if damage:
        return [*wrong, faults.damaged(path)], False
    return [
        *wrong,
        f"{path} can be served, but another program has changed these lines. An earlier copy may"
        " have them as they were.",
    ], False


def _damage(connection: sqlite3.Connection, version: int) -> Iterator[str]:
    """Yield a line for each fault in the file, in its tables, and in the index of words."""
    for (verdict,) in connection.execute(f"PRAGMA integrity_check ({_MOST})").fetchall():
        if verdict != "ok":
            yield from map(text_of, str(verdict).splitlines())
    if version >= VERSION_WITH_INDEX:
        # Reads all of the index (sqlite.org/fts5.html, 3).
        connection.execute("CREATE VIRTUAL TABLE temp.entries USING fts5vocab(main, words, row)")
        connection.execute("SELECT count(*) FROM temp.entries").fetchone()


def _odd_lines(connection: sqlite3.Connection, version: int) -> Iterator[str]:
    """Yield how many lines break one of `_RULES`, for each of them, and how many are no lines."""
    if version >= VERSION_WITH_BATCHES:
        number = sum(it.count for it in batches.read(connection) if it.lines is None)
        if number:
            yield f"{count(number, 'line')} of which nothing can be read"
    batches.show_lines(connection, version)
    for what, query in _RULES:
        (number,) = connection.execute(query).fetchone()
        if number:
            yield f"{count(number, 'line')} {what}"


_RULES = (
    (
        "of a room that is not there",
        "SELECT count(*) FROM lines WHERE room NOT IN (SELECT id FROM rooms)",
    ),
    (
        "with a time that is none",
        "SELECT count(*) FROM lines WHERE typeof(at) NOT IN ('real', 'integer')"
        " OR at NOT BETWEEN 0 AND 253402000000",
    ),
    (
        "with a name or words that are no text",
        "SELECT count(*) FROM lines WHERE typeof(name) <> 'text' OR typeof(text) <> 'text'"
        " OR typeof(kind) <> 'text'",
    ),
)
"""What no line should be, and how many are."""


def _contents(connection: sqlite3.Connection, version: int) -> Iterator[str]:
    """Yield lines that say what the history holds."""
    lines, first, last = connection.execute(
        "SELECT count(*), min(at), max(at) FROM lines"
    ).fetchone()
    rooms = _count(connection, "rooms", "room")
    when = f", from {_day(first)} to {_day(last)}" if lines else ""
    yield f"a history of version {version}: {count(lines, 'line')} in {rooms}{when}"
    if version >= VERSION_WITH_RECORDS:
        hooks = version >= VERSION_WITH_HOOKS
        yield (
            f"{_count(connection, 'names', 'protected name')},"
            f" {_count(connection, 'letters', 'message')} waiting for them,"
            f" {_count(connection, 'bans', 'ban')}"
            f"{', ' + _count(connection, 'hooks', 'hook') if hooks else ''}"
        )


def _count(connection: sqlite3.Connection, table: str, what: str) -> str:
    (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return count(number, what)


def _day(at: object) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(time_of(at)))
