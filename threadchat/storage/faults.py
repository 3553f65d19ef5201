"""Say in one line why a file cannot be used as a history, and the way out."""

import contextlib
import errno
import os
import shutil
import sqlite3
from pathlib import Path

from threadchat.errors import OperatorError
from threadchat.text.files import limit_of_size, shortage_of_descriptors


class Unusable(OperatorError):
    """A file cannot hold a history. The text is one line: why, and the way out."""


_ROOM = 1024 * 1024
"""What a new history needs at the start, with the files beside it, is far less than that."""

_TOO_LONG = 240
"""A name of more bytes may be too long for the files that SQLite puts beside it."""


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether another connection, as a rule that of another program, has the file locked."""
    # Errors of the sqlite3 module itself have no such name.
    return getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def is_too_short(error: sqlite3.Error) -> bool:
    """Return whether the file or its log is shorter than SQLite has left it."""
    return getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_SHORT_READ"


def what_to_see_to(path: Path, error: sqlite3.Error) -> str:
    """Return the way out, as a sentence without its dot, where the file cannot be written."""
    if is_busy(error):
        return f"Another program has locked {path}: close that"
    if (limit := _limit_reached(path)) is not None:
        return f"{path} may not have more than {limit:,} bytes: raise that limit (ulimit -f)"
    return f"See that {path} may be written and the disk has room"


def why_unusable(path: Path, error: sqlite3.Error, *, only_reads: bool = False) -> str:
    """Return a line for an error of SQLite with the file at `path`.

    `only_reads` if the file was only to be read.
    """
    # Errors of the sqlite3 module itself have no such name.
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_NOTADB"):
        return f"{path} is not a history of threadchat. Name another file, or move it away."
    if "no such module" in str(error):
        return (
            f"the SQLite of this Python ({sqlite3.sqlite_version}) has no full-text search (FTS5),"
            " which a history in a file needs. Use another Python, or leave --history out."
        )
    if name.startswith("SQLITE_CORRUPT") or name == "SQLITE_ERROR" or not name:
        # A table or a column is missing, or holds what it cannot.
        return damaged(path)
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
        shortage = shortage_of_descriptors()
        if shortage is not None:
            return not_writable(path, shortage)
        return not_readable(path, error) if only_reads else not_writable(path, error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{path} is locked by another program. Close that, or name another file."
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        if (limit := _limit_reached(path)) is not None:
            return f"{path} may not have more than {limit:,} bytes. Raise that limit (ulimit -f)."
        if name.startswith("SQLITE_FULL") or not _has_room(path):
            return f"there is no room on the disk for {path}. Make room, or name a file elsewhere."
    if name.startswith(("SQLITE_IOERR", "SQLITE_PROTOCOL")):
        return (
            f"the disk with {path} fails, or knows no locks ({error}). See to the disk, or name a"
            " file on another one."
        )
    if name.startswith("SQLITE_NOMEM"):
        return f"there is no memory left to open {path}. End other programs."
    return f"{path} cannot hold the history ({error}). Name another file."


def no_folder(path: Path) -> str:
    """Return a line for a file that cannot be made because there is no folder for it."""
    for folder in reversed(path.absolute().parents):
        if folder.is_file():
            return f"{folder} is a file, not a folder. Name a file in a folder."
    return f"there is no folder {path.parent} for {path.name}. Make it first."


def _has_room(path: Path) -> bool:
    """Return whether the disk has room for the files of a new history."""
    try:
        return shutil.disk_usage(path.parent).free >= _ROOM
    except OSError:
        return True


def _limit_reached(path: Path) -> int | None:
    """Return how many bytes a file may have, if that keeps the one at `path` from growing."""
    limit = limit_of_size()
    if limit is None:
        return None
    sizes = [0]
    for name in (path, path.with_name(f"{path.name}-wal")):
        with contextlib.suppress(OSError):
            sizes.append(os.stat(name).st_size)
    return limit if max(sizes) + _ROOM > limit else None


def not_writable(path: Path, error: Exception) -> str:
    """Return a line for a file that cannot be made or written."""
    match getattr(error, "errno", None):
        case errno.EROFS:
            way_out = "That disk can only be read: name a file elsewhere"
        case errno.ENOSPC | errno.EDQUOT:
            way_out = "Make room on that disk, or name a file elsewhere"
        case errno.ENAMETOOLONG:
            way_out = "Give it a shorter name"
        case errno.EMFILE | errno.ENFILE:
            way_out = "Let the server open more files (ulimit -n)"
        case _ if len(path.name.encode(errors="replace")) > _TOO_LONG:
            way_out = "Give it a shorter name"
        case errno.ELOOP | errno.EINVAL:
            way_out = "Name another file"
        case _:
            way_out = "Get the right to write it and its folder, or name another file"
    return f"{path} cannot be written ({_words_of(error)}). {way_out}."


def not_readable(path: Path, error: Exception) -> str:
    """Return a line for a file that is there and cannot be read."""
    return (
        f"{path} cannot be read ({_words_of(error)}). Get the right to read it and what SQLite puts"
        " beside it (-wal, -shm), and to write its folder while a server has it."
    )


def damaged(path: Path) -> str:
    """Return a line for a file that does not hold what it should."""
    return (
        f"{path} is damaged. Move it away to start anew;"
        " 'sqlite3 FILE .recover' may get back what it holds."
    )


def _words_of(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
