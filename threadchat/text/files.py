"""Read a small file of the operator, and say what is wrong with a file in words that help.

The words name what is really at fault, which may be a folder on the way to the file, and the way
out of it. They are the end of a sentence: "FILE cannot be read: there is no such file. Make it, or
name another."
"""

import contextlib
import errno
import os
import sys
import time
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import resource

MAX_BYTES: Final = 1_000_000
"""The largest file that is read."""

MAX_POLLS: Final = 200
"""How often a pipe is looked at for more, with `_POLL_SECONDS` between two looks.

Together that is 2 s: less than a stop may take (promise 9).
"""

_POLL_SECONDS: Final = 0.01

_FULL = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name))

_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)


def read_file(path: str | Path) -> bytes:
    """Return the content of a file, of `MAX_BYTES` bytes at most.

    A pipe is read to its end, as from `<(command)` in a shell, but not waited for without end.
    Raise `OSError`, for which `why_unreadable` has the words.
    """
    # Opening a pipe that nobody writes to would wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    try:
        data = _read_to_end(descriptor)
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_BYTES // 1000} kB")
    return data


def _read_to_end(descriptor: int) -> bytes:
    """Return the content of an open file, or its beginning of more than `MAX_BYTES` bytes."""
    data = bytearray()
    polls = 0
    while polls < MAX_POLLS:
        try:
            part = os.read(descriptor, MAX_BYTES + 1)
        except BlockingIOError:
            polls += 1
            time.sleep(_POLL_SECONDS)
            continue
        data += part
        if not part or len(data) > MAX_BYTES:
            return bytes(data)
    raise OSError(errno.ETIMEDOUT, "it is a pipe with no end to it")


def shortage_of_descriptors(number: int = 4) -> OSError | None:
    """Return the error that keeps us from opening `number` more files, or None if we could.

    For libraries that only say that they cannot open a file, but not why.
    """
    with contextlib.ExitStack() as opened:
        try:
            for _ in range(number):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return error if error.errno in _NO_DESCRIPTORS else None
    return None


def limit_of_size() -> int | None:
    """Return how many bytes a file of ours may have (`ulimit -f`); None if there is no limit."""
    if sys.platform == "win32":
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if limit == resource.RLIM_INFINITY else limit


def as_text(data: bytes, errors: str = "strict") -> TextIOWrapper:
    """Return the text in `data`: UTF-8, or UTF-16 if it begins with a byte order mark.

    Some editors on Windows write that mark. `errors` is as for `bytes.decode`.
    """
    is_utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return TextIOWrapper(BytesIO(data), "utf-16" if is_utf16 else "utf-8-sig", errors)


def why_unreadable(path: str | Path, error: OSError) -> str:
    """Return why the system does not let us read `path`, and the way out."""
    if known := _why_not_there(path, error):
        return known
    match error.errno:
        case errno.ENOENT:
            return "there is no such file. Make it, or name another."
        case errno.EACCES | errno.EPERM:
            return "you have no right to read it. Get that right, or name another file."
    return f"{error.strerror}. Name another file."


def why_unwritable(path: str | Path, error: OSError) -> str:
    """Return why the system does not let us read and write `path`, and the way out."""
    if known := _why_not_there(path, error):
        return known
    if error.errno in _FULL:
        return "the disk is full. Make room there."
    match error.errno:
        case errno.EACCES | errno.EPERM if not os.path.exists(path):
            folder = os.path.dirname(os.path.realpath(path))
            return (
                f"you have no right to make files in the folder {folder}."
                " Get that right, or name a file elsewhere."
            )
        case errno.EACCES | errno.EPERM:
            return "you have no right to read and write it. Get that right, or name another file."
        case errno.EROFS:
            return "its disk can only be read. Name a file on another disk."
        case errno.EFBIG if (limit := limit_of_size()) is not None:
            return f"no file may have more than {limit:,} bytes. Raise that limit (ulimit -f)."
    return f"{error.strerror}. Name another file."


def _why_not_there(path: str | Path, error: OSError) -> str:
    """Return what keeps everybody from `path`, and the way out; "" if it is none of these."""
    try:
        real = Path(os.path.realpath(path))
    except OSError:
        with contextlib.suppress(OSError):
            os.getcwd()
            return ""
        return (
            "the folder that threadchat was started in has been removed."
            " Change to another one, or write the whole path."
        )
    if os.path.isdir(real):
        return "it is a folder. Name a file in it."
    match error.errno:
        case errno.ELOOP:
            return "its links lead in a circle. Name the file itself."
        case errno.ENAMETOOLONG:
            return "the name is too long. Choose a shorter one."
        case errno.EMFILE | errno.ENFILE:
            return "no more files can be opened. Raise that limit (ulimit -n)."
        case errno.ENOENT | errno.ENOTDIR | errno.EACCES:
            if fault := _fault_on_the_way(real):
                return fault
            if error.errno == errno.ENOENT and os.path.islink(path):
                return f"it is a link to {real}, which is not there. Make that, or name another."
    return ""


def _fault_on_the_way(path: Path) -> str:
    """Return what is wrong with a folder on the way to `path`, and the way out; "" if all is well.

    `path` is absolute and has no links.
    """
    for folder in reversed(path.parents):
        if os.path.isfile(folder):
            return f"{folder} is a file, not a folder. Name a file in a folder."
        try:
            os.stat(os.path.join(folder, os.curdir))
        except PermissionError:
            return (
                f"you have no right to go into the folder {folder}."
                " Get that right, or name a file elsewhere."
            )
        except OSError:
            return f"there is no folder {folder}. Make it, or name another file."
    return ""
