"""See at the start that the system has enough left for a server; say in one line what it lacks."""

import contextlib
import errno
import os

from threadchat.cli.arguments import Fault
from threadchat.server.listener import SHORTAGES
from threadchat.text.files import shortage_of_descriptors

FILES_OF_SERVER = 48
"""The files that a server needs to open, with a history, all logs and doors, and some clients."""

FILES_OF_COMMAND = 12
"""The files that a command such as `export` needs to open."""


def hold_standard_descriptors() -> None:
    """Open what is closed of standard input, output and error.

    Otherwise the next file that is opened, such as the history, would get its number. What a
    library writes to standard error would then be written into that file.
    """
    with contextlib.suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(descriptor, True)
        os.close(descriptor)


def check_files(number: int) -> None:
    """Raise `Fault` unless so many files can be opened at once."""
    shortage = shortage_of_descriptors(number)
    if shortage is not None:
        raise Fault(line_of(shortage))


def line_of(error: Exception) -> str | None:
    """Return a line that says what the system lacks, and the way out; None if it lacks nothing."""
    number = getattr(error, "errno", None)
    if number == errno.EMFILE:
        return "too few files may be open at once. Raise that limit (ulimit -n 1024)."
    if number == errno.ENFILE:
        return "the system can open no more files. End other programs."
    if not (isinstance(error, MemoryError) or number in SHORTAGES):
        return None
    why = getattr(error, "strerror", None) or "Out of memory"
    return (
        f"the system has too little left for a server ({why})."
        " End other programs, or raise the limits that `ulimit -a` shows."
    )
