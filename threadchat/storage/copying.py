"""Copy a history into another file with SQLite's backup, complete or not at all.

A plain copy of the file (`cp`) may lack what is still in its log, and may be torn if somebody
writes meanwhile. This one has everything at one moment, and is whole; see sqlite.org/backup.html.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from threadchat.storage.faults import Unusable
from threadchat.storage.ownership import InUse, Ownership, id_of

_PAGES_AT_ONCE = 256

Progress = Callable[[int, int], None]
"""Is called now and then with the number of pages that are copied, and of all of them."""


def copy(
    connection: sqlite3.Connection,
    path: Path,
    *,
    replaces: bool = False,
    is_checked: bool = True,
    progress: Progress = lambda copied, pages: None,
) -> None:
    """Copy all that `connection` reads into a file at `path`, for its owner only.

    The copy has that name only once it is complete, and was checked unless the caller does that. A
    file of that name is replaced if `replaces` says so. Raises `FileExistsError` if not, another
    `OSError`, `Unusable`, or `sqlite3.Error`.
    """
    unfinished = path.with_name(f"{path.name}-unfinished")
    owner = _begin(unfinished)
    try:
        with closing(owner):
            with closing(sqlite3.connect(unfinished)) as target:
                connection.backup(
                    target,
                    pages=_PAGES_AT_ONCE,
                    progress=lambda _, left, pages: progress(pages - left, pages),
                )
                # Otherwise the copy has files of its own beside it once somebody opens it.
                target.execute("PRAGMA journal_mode = DELETE")
            if is_checked:
                _check(unfinished, path)
        if not replaces and os.path.lexists(path):
            raise FileExistsError(f"{path} is there already")
        os.replace(unfinished, path)
    except BaseException:
        for rest in (unfinished, unfinished.with_name(f"{unfinished.name}-journal")):
            with contextlib.suppress(OSError):
                rest.unlink()
        raise


def _check(unfinished: Path, path: Path) -> None:
    with closing(sqlite3.connect(unfinished)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check (1)").fetchone()
    if verdict != "ok":
        raise Unusable(
            f"what was copied is damaged, so {path} is not made. 'threadchat check' says what is"
            " wrong with the history."
        )


def _begin(unfinished: Path) -> Ownership:
    """Make an empty file and own it; what a killed process has left of another one is removed."""
    while True:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            return Ownership(unfinished)
        try:
            _remove_what_is_left(unfinished)
        except FileNotFoundError:
            pass
        except InUse:
            raise Unusable(f"{unfinished} is being written already. Wait until it is.") from None


def _remove_what_is_left(unfinished: Path) -> None:
    with closing(Ownership(unfinished)) as owner:
        is_the_same = id_of(unfinished) == owner.file  # and not one that was begun meanwhile
    if is_the_same:
        unfinished.unlink()
