"""Append to a file that is put aside as FILE.1 when it has grown; older ones are FILE.2 and so on.

For one thread at a time. Other programs of the operator may have the files open meanwhile. On
Windows such a file cannot be renamed, and it grows until it can be.
"""

import contextlib
import errno
import os
import stat
from io import FileIO
from pathlib import Path

from threadchat.text.paths import resolve

MAX_BYTES = 10_000_000
"""The size at which a file is put aside."""

KEPT_FILES = 5
"""How many files that were put aside are kept; the next one replaces the oldest."""


class RotatingFile:
    """The file at `path`, made readable for its owner only if there is none.

    Raises `OSError` if it cannot be opened, or is a pipe, a device or a folder.
    """

    def __init__(
        self, path: str | Path, max_bytes: int = MAX_BYTES, kept: int = KEPT_FILES
    ) -> None:
        # With links resolved, because the file is put aside, not the link.
        self.path = resolve(path)
        self._max_bytes = max_bytes
        self._kept = kept
        self._file: FileIO | None = _open(self.path)
        self.why_not_rotated: OSError | None = None
        """The error that keeps the file, which is too large, from being put aside."""

    def append(self, data: bytes) -> None:
        """Append `data`, whole lines; if that fails, change nothing and raise `OSError`."""
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
        if self._file is None:
            self._file = _open(self.path)
        return self._file

    def _size(self) -> int:
        return os.fstat(self._opened().fileno()).st_size

    def _rotate(self) -> None:
        """Put the file aside, and move earlier ones on, as far as the first free place.

        So nothing is lost when this fails half-way and is tried again and again.
        """
        self.close()  # Windows renames no file that is open
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
    if os.path.exists(path) and not os.path.isfile(path):
        # Opening a pipe would wait for a reader, and we must not rename a device.
        raise OSError(errno.EINVAL, "not an ordinary file")
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
