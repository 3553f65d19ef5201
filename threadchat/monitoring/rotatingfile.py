"""Append to a file that is put aside as FILE.1 when it has grown; older ones are FILE.2 and so on.

For one thread at a time. Other programs of the operator may have the files open meanwhile. On
Windows such a file cannot be renamed, and it grows until it can be. Other programs may also move
the file away, as logrotate does, or remove it; then a new file is begun under its name.
"""

import contextlib
import errno
import os
import stat
import sys
from io import FileIO
from pathlib import Path

from threadchat.text.paths import resolve

MAX_BYTES = 10_000_000
"""The size at which a file is put aside."""

KEPT_FILES = 5
"""How many files that were put aside are kept; the next one replaces the oldest."""


class RotatingFile:
    """The file at `path`, made readable for its owner only if there is none.

    `is_another` is set once the file under this name is no longer the one that was open: another
    program has moved or removed that one. Whoever tells the operator clears it.

    Raises `OSError` if the file cannot be opened, or is a pipe, a device or a folder.
    """

    what = "the log file"

    def __init__(
        self, path: str | Path, max_bytes: int = MAX_BYTES, kept: int = KEPT_FILES
    ) -> None:
        self._name = os.path.abspath(path)
        self.path: Path
        """The file itself, with links resolved, because the file is put aside, not the link."""
        self._max_bytes = max_bytes
        self._kept = kept
        self.is_another = False
        self._last: os.stat_result | None = None  # what was open last, unless we put it aside
        self._file: FileIO | None = None
        self._open()
        self.why_not_rotated: OSError | None = None
        """The error that keeps the file, which is too large, from being put aside."""

    def __str__(self) -> str:
        return f"the log file {self.path}"

    def append(self, data: bytes) -> None:
        """Append `data`, whole lines; if that fails, change nothing and raise `OSError`."""
        if not self._has_name():
            self._open()
        size = self._size()
        if size and size + len(data) > self._max_bytes:
            self._rotate()
            size = self._size()
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._opened().write(rest) :]
        except OSError:
            # The next line must not stand behind half a line.
            with contextlib.suppress(OSError):
                self._opened().truncate(size)
            with contextlib.suppress(OSError):
                self.close()
            raise

    def close(self) -> None:
        """Close the file. A later `append` opens it again."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _opened(self) -> FileIO:
        return self._file or self._open()

    def _open(self) -> FileIO:
        """Open the file that has the name now, and leave the one that is open."""
        if os.path.exists(self._name) and not os.path.isfile(self._name):
            # Opening a pipe would wait for a reader, and we must not rename a device. What a link
            # such as /dev/stderr leads to may not even be a path.
            raise OSError(errno.EINVAL, "it is not an ordinary file")
        self.path = resolve(self._name)  # a link may lead to another file by now
        file = _open(self.path)
        self.close()  # only now, so that the system cannot take the new file for this one
        now, before = os.fstat(file.fileno()), self._last
        self.is_another |= before is not None and not os.path.samestat(now, before)
        self._file, self._last = file, now
        return file

    def _has_name(self) -> bool:
        """Return whether the name still leads to the file that is open."""
        if sys.platform == "win32":
            return True  # nobody can move or remove a file there that we have open
        try:
            return self._last is None or os.path.samestat(os.stat(self._name), self._last)
        except OSError:
            return False

    def _size(self) -> int:
        return os.fstat(self._opened().fileno()).st_size

    def _rotate(self) -> None:
        """Put the file aside, and move earlier ones on, as far as the first free place.

        So nothing is lost when this fails half-way and is tried again and again.
        """
        self.close()  # Windows renames no file that is open
        self._last = None
        places = [self.path, *(Path(f"{self.path}.{n}") for n in range(1, self._kept + 1))]
        free = next((n for n, place in enumerate(places) if not os.path.exists(place)), self._kept)
        try:
            for n in range(free, 0, -1):
                places[n - 1].replace(places[n])
        except OSError as error:
            self.why_not_rotated = error
        else:
            self.why_not_rotated = None


def _open(path: Path) -> FileIO:
    """Open `path` to append to it, behind a whole line."""
    file = FileIO(path, "a+", opener=_open_for_owner)
    try:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":  # the last writer was stopped in the middle of a line
                file.write(b"\n")
    except BaseException:
        file.close()
        raise
    return file


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)
