"""Tell a service manager, such as systemd, how the server is doing.

The manager names a socket in NOTIFY_SOCKET, and is sent datagrams there, of lines such as READY=1;
see sd_notify(3). If it asks for that with WATCHDOG_USEC, it is told again and again that the server
works, and starts the server anew when it hears no more of it; see sd_watchdog_enabled(3). Without
these variables nothing happens. Whatever is wrong with the socket never hinders the server.
"""

import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

from threadchat.monitoring.events import show_error
from threadchat.server.chatserver import ChatServer
from threadchat.server.listener import SHORTAGES, Listener

LEAST_PATIENCE = 5.0
"""Seconds without a sign of life that are no hang, however short the time of the watchdog is."""

STATUS_SECONDS = 1.0
"""Seconds between two looks at the status."""

_MOST_WAITING = 8
"""How many datagrams wait for a manager that takes none; then the oldest is dropped."""


class ServiceManager:
    """What the service manager is told, if there is one. `environment` says where and how often.

    `warn` is called with a line for the operator if it cannot be told. `clock` counts seconds. All
    methods are for one thread, and none waits or raises.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        warn: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if not hasattr(socket, "AF_UNIX"):
            self._address = ""
        self._warn = warn
        self._clock = clock
        self._has_failed = False
        self._waiting: deque[str] = deque(maxlen=_MOST_WAITING)
        self._is_serving = False
        self._status: Callable[[], str] = str
        self._works_since: Callable[[float], bool] = bool
        self._told_status = ""
        self._status_is_due = 0.0
        self._interval = _watchdog_seconds(environment) / 2
        self._watchdog_is_due = 0.0

    def serving(self, status: Callable[[], str], works_since: Callable[[float], bool]) -> None:
        """Tell that the server is ready; from now on `look` tells its `status`, a few words.

        `works_since` returns whether all of the server has worked since a moment of the clock.
        """
        if self._address:
            self._is_serving = True
            self._status, self._works_since = status, works_since
            self._told_status = status()
            self._tell(f"READY=1\nSTATUS={self._told_status}")
            self.look()

    def look(self) -> None:
        """Tell what is due: the status if it has changed, and the watchdog that the server works.

        Call it about every half second.
        """
        self._send_waiting()
        if not self._is_serving or self._waiting:
            return
        now = self._clock()
        if now >= self._status_is_due:
            self._status_is_due = now + STATUS_SECONDS
            status = self._status()
            if status != self._told_status:
                self._told_status = status
                self._tell(f"STATUS={status}")
        patience = max(self._interval, LEAST_PATIENCE)
        is_due = self._interval and now >= self._watchdog_is_due
        if is_due and self._works_since(now - patience):
            self._watchdog_is_due = now + self._interval
            self._tell("WATCHDOG=1")

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Tell that the server reads its files again, in the block."""
        if self._address:
            self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        yield
        if self._address:
            self._tell("READY=1")

    def stopping(self) -> None:
        """Tell that the server stops; from now on nothing else is told."""
        if self._address:
            self._is_serving = False
            self._tell("STOPPING=1\nSTATUS=stopping")

    def _tell(self, datagram: str) -> None:
        self._waiting.append(datagram)
        self._send_waiting()

    def _send_waiting(self) -> None:
        if not self._waiting:
            return
        # The systems name an address without a file by a NUL; the variable has an @ in its place.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as its:
                its.setblocking(False)
                while self._waiting:
                    its.sendto(self._waiting[0].encode(), address)
                    self._waiting.popleft()
        except BlockingIOError:
            return  # it is full for now
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) in SHORTAGES:
                return
            self._waiting.clear()
            if not self._has_failed:
                self._has_failed = True
                self._warn(
                    "the service manager cannot be told how the server is doing"
                    f" ({show_error(error)}). See NOTIFY_SOCKET in the environment"
                )


def works_since(server: ChatServer, moment: float) -> bool:
    """Return whether the round and all acceptors have worked since `moment`.

    That is on the monotonic clock. The round works about once a second, acceptors more often.
    """
    listeners: list[Listener | None] = [server, server.tls_listener, server.web_listener]
    at = [listener.worked_at for listener in listeners if listener is not None]
    return min(server.periodic.worked_at, *at) >= moment


def is_journal(file: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Return whether `file` leads to systemd's journal, which notes the time of each line itself.

    JOURNAL_STREAM has the numbers of the device and the inode of that; see systemd.exec(5).
    """
    try:
        stat = os.fstat(file.fileno()) if file is not None else None
    except (OSError, ValueError):  # it is closed, or none of the system's
        return False
    return stat is not None and environment.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Return the seconds after which a server that shows no life is ended; 0 if it is not."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) / 1_000_000 if text.isascii() and text.isdigit() and len(text) < 20 else 0.0
