"""Keep a second server from the file of the history, by whatever name it comes.

The lock stands in the file itself, so it goes by the file and not by its name, and nobody can tidy
it away. It is on a byte that SQLite never reads, writes or locks. The system releases it however
the process ends.

On POSIX a process loses all of SQLite's locks on a file when it closes any descriptor of it. So the
descriptor of the lock stays open until SQLite has closed the file, and a file that this process
owns already is not opened again.
"""

import contextlib
import errno
import os
import sqlite3
import struct
import sys
from pathlib import Path
from threading import Lock
from typing import Protocol

from threadchat.errors import OperatorError

_BYTE = 0x40000000 + 1000
"""The offset of the byte: in the page that SQLite leaves free for locks, behind those of its own.

See sqlite.org/fileformat2.html, 1.4. Where there is no such page yet, it is behind the file's end.
"""

FileId = tuple[int, int]
"""What a file is known by under all of its names: its device and its number there."""

_lock = Lock()  # guards the dictionary below
_owned: dict[FileId, "Ownership"] = {}


UNKNOWN: FileId = (0, 0)
"""What Windows says of a file that is open in such a way that it cannot be looked at."""


class InUse(OperatorError):
    """Another server has the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is in use by another threadchat. Stop that one, or name another file."
        )


def id_of(path: Path) -> FileId | None:
    """Return what the file at `path` is known by, or None if there is none. Never opens it."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def name_with_newer_log(path: Path) -> Path | None:
    """Return another name of the file, in its folder, whose log of SQLite is newer than the file.

    That is so where a server that used that name was killed. Only with that name does SQLite find
    what is in the log; with another one it would be lost, and later damage the file.
    """
    status = os.stat(path)
    if status.st_nlink < 2:
        return None
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if entry.inode() == status.st_ino:
                with contextlib.suppress(OSError):
                    log = os.stat(f"{entry.path}-wal")
                    is_ours = id_of(path.with_name(f"{path.name}-wal")) == (log.st_dev, log.st_ino)
                    if log.st_size and log.st_mtime_ns > status.st_mtime_ns and not is_ours:
                        return Path(entry.path)
    return None


class Follower(Protocol):
    """Has the file open, too, and does not use it while its lock is held by another thread."""

    lock: Lock

    def follow(self, owner: "Ownership", path: Path) -> None:
        """Go on with the file at `path`, which `owner` owns; the lock is held."""
        ...

    def write_into(self, connection: sqlite3.Connection) -> None:
        """Write what is remembered in memory into a new file, which is empty; the lock is held."""
        ...


def owner_of(path: Path) -> "Ownership | None":
    """Return what owns the file at `path` in this process, or None."""
    with _lock, contextlib.suppress(OSError):
        its_id = id_of(path)
        return None if its_id is None else _owned.get(its_id)
    return None


class Ownership:
    """Owns the file at `path` until it is closed, or raises `InUse` or `OSError`.

    Close it when SQLite has closed the file.
    """

    def __init__(self, path: Path) -> None:
        status = os.stat(path)
        self.file: FileId = status.st_dev, status.st_ino
        """The file that is owned, whatever has its name now."""
        self.followers: list[Follower] = []
        """What else has the file open in this process, and goes on with a new file if need be."""
        self._is_closed = False
        with _lock:
            if self.file in _owned:
                raise InUse(path)
            flags = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
            self.descriptor = os.open(path, os.O_RDWR | flags)
            try:
                _lock_byte(self.descriptor)
            except BaseException as error:
                os.close(self.descriptor)
                if isinstance(error, BlockingIOError | PermissionError):
                    raise InUse(path) from None
                raise
            _owned[self.file] = self

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the file, as they are there now; fewer behind its end."""
        if sys.platform == "win32":
            os.lseek(self.descriptor, offset, os.SEEK_SET)
            return os.read(self.descriptor, size)
        return os.pread(self.descriptor, size, offset)

    def close(self) -> None:
        """Let others have the file. Closing it twice does nothing more."""
        with _lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self.descriptor)
                del _owned[self.file]


if sys.platform == "win32":
    import msvcrt

    def _lock_byte(descriptor: int) -> None:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:  # EACCES, or under Wine no number at all
            raise PermissionError(errno.EACCES, "somebody else has the lock") from error

else:
    import fcntl

    def _lock_byte(descriptor: int) -> None:
        if sys.platform == "linux":
            # A lock of the open file, and not of the process: nothing else that this process closes
            # can release it (fcntl_locking(2)).
            wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, _BYTE, 1, 0)
            try:
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
            except OSError as error:
                if error.errno != errno.EINVAL:  # a system without such locks
                    raise
            else:
                return
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _BYTE)
