"""Run the program, and say what is in use inside it when SIGUSR2 comes: see `ServerProcess.in_use`.

The memory of a process also has what allocators keep for later, which goes up and down, what caches
keep, which fill up slowly, and who has left within two minutes. What is in use besides stays the
same if nothing leaks.
"""

import ctypes
import functools
import gc
import json
import math
import os
import runpy
import signal
from types import FrameType

from threadchat.access import limiter
from threadchat.chat.leftpeople import LeftPeople

_FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of glibc; see mallinfo(3)."""

    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS.split()]


def _bytes_of_c() -> int:
    """Return how many bytes the C library has given out, or 0 if it does not say."""
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is None:
        return 0
    mallinfo.restype = _Mallinfo
    return int(mallinfo().uordblks)


def _references(it: object) -> int:
    """Return how many objects `it` refers to. Messages, and what has one in it, do not count.

    A room remembers up to a bound of them, and forgets them with its last member.
    """
    if _is_message(it):
        return 0
    others = gc.get_referents(it)
    messages = sum(map(_is_message, others))
    return 0 if messages and isinstance(it, tuple) else len(others) - messages


def _is_message(it: object) -> bool:
    return type(it).__module__ == "threadchat.messages.kinds"


def _tell(_number: int, _frame: FrameType | None) -> None:
    for it in gc.get_objects():
        if isinstance(it, functools._lru_cache_wrapper):
            it.cache_clear()
        elif isinstance(it, LeftPeople):
            it._forget_old(math.inf)
    gc.collect()
    references = sum(map(_references, gc.get_objects()))
    path = os.environ["THREADCHAT_TESTS_IN_USE"]
    with open(f"{path}.new", "w") as file:
        json.dump([references, _bytes_of_c()], file)
    os.replace(f"{path}.new", path)


if __name__ == "__main__":
    # Those that give wrong passwords from one address wait for each other, also once they have said
    # all and gone. That could take minutes, in which a test waits for their end.
    vars(limiter)["LONGEST_PAUSE"] = 1.0
    signal.signal(signal.SIGUSR2, _tell)
    runpy.run_module("threadchat", run_name="__main__", alter_sys=True)
