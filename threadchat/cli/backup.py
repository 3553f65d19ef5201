"""Copy a history while a server may have it, so that the copy is whole and lacks nothing."""

import argparse
import os
import signal
import sqlite3
import stat
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from threadchat.cli.arguments import Fault, Parser, print_out, set_up_output
from threadchat.cli.progress import bar
from threadchat.errors import OperatorError
from threadchat.storage import copying, faults
from threadchat.storage.batches import count, show_lines
from threadchat.storage.database import version_of
from threadchat.storage.migrations import VERSION_WITH_BATCHES, VERSION_WITH_PLACES
from threadchat.storage.ownership import Ownership, id_of
from threadchat.storage.reading import open_to_read
from threadchat.storage.rows import read_state
from threadchat.text import phrases
from threadchat.text.paths import resolve

_BESIDE = ("-wal", "-shm", "-journal")
"""How the names of the files end that SQLite puts beside a file."""


def main(argv: Sequence[str]) -> int:
    """Copy a history into another file; return the exit status.

    The status is 0: the copy was made and checked. Raises `OperatorError` if not. A wrong option
    exits with status 2.
    """
    options = _parse(argv)
    # So that nothing unfinished is left. Without this, Python would just end.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    set_up_output()
    print_out([_backup(Path(options.file), Path(options.copy))])
    return 0


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="threadchat backup",
        description="Copy a history into another file, and check the copy. The server may be"
        " running. An earlier copy of the same history is replaced, nothing else is.",
        epilog="example:\n  threadchat backup chat.db copy.db\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="the file given to the server as --history")
    parser.add_argument("copy", metavar="COPY", help="the file to make")
    return parser.parse_args(argv)


def _backup(path: Path, copy: Path) -> str:
    """Copy `path` to `copy`; return a line that says so."""
    try:
        with closing(open_to_read(path)) as connection:
            # One transaction: what is said meanwhile does not have the copy begun anew.
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            target = _target(connection, path, copy)
            _copy(connection, path, target)
            show_lines(connection, version_of(connection, path))
            (lines,) = connection.execute("SELECT count(*) FROM lines").fetchone()
    except sqlite3.Error as error:
        raise faults.Unusable(faults.why_unusable(path, error, only_reads=True)) from None
    return f"{copy} has all of {path} ({phrases.count(lines, 'line')}), and is whole."


def _copy(connection: sqlite3.Connection, path: Path, target: Path) -> None:
    with bar("Copying") as show:
        try:
            # `_target` has seen that what is replaced may be.
            copying.copy(connection, target, replaces=True, progress=show)
        except OSError as error:
            raise Fault(faults.not_writable(target, error)) from None
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "")
            of = path if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) else target
            raise Fault(faults.why_unusable(of, error)) from None


def _target(connection: sqlite3.Connection, path: Path, copy: Path) -> Path:
    """Return where to copy to, or raise `Fault` where nothing may be overwritten."""
    target = resolve(copy)
    if target.name.endswith(_BESIDE):
        raise Fault(f"{copy} is a name as SQLite gives to files of its own. Name another file.")
    try:
        mode = os.stat(target).st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except (OSError, ValueError) as error:
        raise Fault(faults.not_writable(copy, error)) from None
    if not target.parent.is_dir():
        raise Fault(faults.no_folder(target))
    if mode is not None:
        if stat.S_ISDIR(mode):
            raise Fault(f"{copy} is a folder. Name a file in it for the copy.")
        if id_of(target) == id_of(path):
            raise Fault(f"{copy} is the history itself. Name another file for the copy.")
    for ending in _BESIDE:
        if os.path.exists(f"{target}{ending}"):
            raise Fault(
                f"there is {copy}{ending}, so some program has {copy} open, or was killed. Close"
                " it, or name another file."
            )
    if mode is not None and not (stat.S_ISREG(mode) and _is_earlier_copy(target, connection)):
        raise Fault(
            f"{copy} is there already, and is no earlier copy of {path}, or holds what it lacks."
            " Name another file, or move that away."
        )
    return target


def _is_earlier_copy(target: Path, connection: sqlite3.Connection) -> bool:
    """Return whether the file is a copy of the same history that nobody has open or added to."""
    try:
        with closing(Ownership(target)), closing(open_to_read(target, is_owned=True)) as copied:
            earlier, later = _state_of(copied, target), _state_of(connection, target)
    except (OSError, OperatorError, sqlite3.Error):
        return False
    return earlier[0] == later[0] and earlier[1] <= later[1]


def _state_of(connection: sqlite3.Connection, path: Path) -> tuple[str, int]:
    """Return the epoch of a history, and how many lines it has had."""
    version = version_of(connection, path)
    if version < VERSION_WITH_PLACES:
        raise Fault("an older version knows no epoch")
    epoch, _ = read_state(connection)
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM messages").fetchone()
    return epoch, int(last) + (count(connection) if version >= VERSION_WITH_BATCHES else 0)
