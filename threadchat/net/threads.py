"""Start threads when the system may have none left, and join threads safely.

A stop joins every thread of the server (promise 9). Any of these threads may be the one that asks
for the stop: a watcher may do so, for example. Such a thread must not be joined by itself, nor by
another thread that stops the server meanwhile.
"""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread

from threadchat.errors import OperatorError

_SLICE = 0.05
"""Seconds after which a join checks again whether its thread has begun to wait for a stop."""

_lock = Lock()  # guards the set below
_waiting_for_a_stop: set[Thread] = set()


def threads_take_turns() -> bool:
    """Return whether a global interpreter lock lets only one thread run at a time (PEP 703)."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def start_thread(target: Callable[..., object], name: str, *args: object) -> Thread | None:
    """Run `target` with `args` on a daemon thread called "threadchat `name`".

    Return the thread, or None if the system has no thread left, or no memory for one.
    """
    thread = Thread(target=target, args=args, name=f"threadchat {name}", daemon=True)
    try:
        thread.start()
    except (RuntimeError, MemoryError):
        return None
    return thread


class OutOfThreads(OperatorError, RuntimeError):
    """The system has no thread left, or no memory for one."""

    def __init__(self, purpose: str) -> None:
        super().__init__(
            f"cannot start a thread for {purpose}: the system is out of threads or memory."
            " End other programs, or raise the limits that `ulimit -a` shows."
        )


def start_needed_thread(
    target: Callable[..., object], name: str, purpose: str, *args: object
) -> Thread:
    """Do what `start_thread` does, or raise `OutOfThreads`; `purpose` is what the thread is for."""
    thread = start_thread(target, name, *args)
    if thread is None:
        raise OutOfThreads(purpose)
    return thread


@contextmanager
def waits_for_a_stop() -> Iterator[None]:
    """Mark the current thread as waiting for a stop, so that `join` does not wait for it."""
    thread = threading.current_thread()
    with _lock:
        _waiting_for_a_stop.add(thread)
    try:
        yield
    finally:
        with _lock:
            _waiting_for_a_stop.discard(thread)


def join(thread: Thread | None, timeout: float = math.inf) -> None:
    """Wait up to `timeout` seconds until `thread` has ended.

    Return at once for None, for the current thread, and for a thread inside `waits_for_a_stop`:
    that thread goes on only after the caller is done.
    """
    if thread is None or thread is threading.current_thread():
        return
    deadline = time.monotonic() + timeout
    while thread.is_alive() and not _is_waiting(thread):
        left = deadline - time.monotonic()
        if left <= 0:
            return
        thread.join(min(_SLICE, left))


def join_by(thread: Thread | None, deadline: float) -> None:
    """Do what `join` does, until `deadline` on the monotonic clock."""
    join(thread, deadline - time.monotonic())


def _is_waiting(thread: Thread) -> bool:
    with _lock:
        return thread in _waiting_for_a_stop
