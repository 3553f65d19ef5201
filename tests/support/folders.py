"""The files of tests are kept in memory, where the system has a folder for that."""

import os
import shutil
from pathlib import Path

_IN_MEMORY = Path("/dev/shm")
"""A folder of Linux. It is small in some containers."""

_ENOUGH = 2**30
"""How many bytes have to be free there; the tests need less than a third of that at once."""


def keep_files_in_memory() -> None:
    """Have `tmp_path` be in memory, unless it was said where it is to be.

    Histories are opened two thousand times, and a disk takes longer for each than all else does.
    """
    if os.name != "posix" or not _IN_MEMORY.is_dir() or "TMPDIR" in os.environ:
        return
    may_run_programs = not os.statvfs(_IN_MEMORY).f_flag & os.ST_NOEXEC
    if may_run_programs and shutil.disk_usage(_IN_MEMORY).free >= _ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))
