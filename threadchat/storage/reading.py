"""Open a history only to read it, whether a server has it open or not."""

import os
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path

from threadchat.storage import faults, values
from threadchat.storage.database import beside, last_path, version_of
from threadchat.storage.faults import Unusable
from threadchat.storage.ownership import InUse, Ownership, id_of, name_with_newer_log
from threadchat.text.paths import resolve

_WHICH = "Name the file given to the server as --history."


def open_to_read(path: Path, *, is_owned: bool = False) -> sqlite3.Connection:
    """Return a connection that reads `path` and cannot change it.

    `is_owned` if nobody else has the file, and nothing of SQLite is beside it: then nothing is made
    there. Raises `Unusable` or `NoCurrentFolder`, or `sqlite3.Error` for `faults.why_unusable`.
    """
    # By `stat` alone: to open and close the file would take a server's locks from it, were this
    # in the server's own process.
    try:
        mode = os.stat(path).st_mode
    except PermissionError as error:
        raise Unusable(faults.not_readable(path, error)) from None
    except (OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            resolve(path)  # raises if the path goes from a folder that was removed
        raise Unusable(f"there is no file {path}. {_WHICH}") from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
        raise Unusable(f"there is no file {path}: that is {what}. {_WHICH}")
    if not os.access(path, os.R_OK):
        raise Unusable(faults.not_readable(path, PermissionError("Permission denied")))
    found = resolve(path) if is_owned else _name_with_log(resolve(path), path)
    address = found.as_uri()
    connection = _connect(f"{address}?{'immutable=1' if is_owned else 'mode=ro'}")
    try:
        if version_of(connection, path) == 0:
            raise Unusable(f"{path} holds no history. {_WHICH}")
    except sqlite3.OperationalError:
        connection.close()
        if os.path.exists(f"{found}-wal"):
            raise
        # SQLite wants to make a file beside `path` and cannot, because the disk is read-only.
        connection = _connect(f"{address}?immutable=1")
    except BaseException:
        connection.close()
        raise
    return connection


def _name_with_log(found: Path, path: Path) -> Path:
    """Return the name of the file beside which its log is; `path` is the name that was given.

    A file may have several names, in several folders. SQLite finds what was said last only by the
    name with which a server opened it. Raise `Unusable` where there is no such name here.
    """
    if os.stat(found).st_nlink < 2 and os.path.exists(beside(found)[0]):
        return found  # the usual case
    last = None
    with suppress(sqlite3.Error), closing(_connect(f"{found.as_uri()}?immutable=1")) as connection:
        last = last_path(connection)
    if last is None:  # of an earlier version
        return name_with_newer_log(found) or found
    with suppress(OSError):
        if last == found or id_of(last) == id_of(found):
            return last
    if _is_in_use(found):
        raise Unusable(
            f"{path} is open by another name ({last}) in a server, and the last words are beside"
            " that. Name that file, or stop the server."
        )
    return found


def _is_in_use(path: Path) -> bool:
    """Return whether a server has the file, by whatever name."""
    try:
        Ownership(path).close()
    except InUse:
        return True
    except OSError:  # we may only read it
        return False
    return False


def _connect(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = values.decode
    connection.execute("PRAGMA temp_store = MEMORY")  # nothing is written anywhere
    return connection
