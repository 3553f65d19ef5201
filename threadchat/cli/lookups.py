"""Look names up on threads of their own: neither the start nor a stop waits for a name server.

A name server that does not answer takes many seconds, and nothing ends a look-up early. Such a
thread is a daemon thread that nobody joins: it ends with the process at the latest.
"""

import contextlib
import socket
from queue import Empty, SimpleQueue

from threadchat.cli.arguments import Fault
from threadchat.cli.signals import RELOAD
from threadchat.monitoring.events import FoundWaysIn, Watch
from threadchat.net.addresses import Admits, ways_by_name
from threadchat.net.threads import start_thread

_ANSWERED = 0
"""Comes through the queue of signals when a look-up is over. No signal has this number."""


def look_up(host: str, signals: SimpleQueue[int]) -> str | None:
    """Return the numeric address of `host`, which may be a name; return "" for "".

    Return None if a signal to stop comes through `signals` first. Raise `Fault` if there is no
    such name.
    """
    if not host:
        return host
    with contextlib.suppress(OSError, UnicodeError):
        return _address_of(host, socket.AI_NUMERICHOST)  # this asks nobody
    answers: list[str | Fault] = []

    def ask() -> None:
        try:
            answers.append(_address_of(host))
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "that is no name of a host"
            answers.append(
                Fault(
                    f"the host {host} is unknown ({why})."
                    " Leave --host out to serve every address of this machine."
                )
            )
        signals.put(_ANSWERED)

    if start_thread(ask, "name look-up") is None:
        ask()
    while (number := _next_of(signals)) != _ANSWERED:
        if number != RELOAD:  # there is nothing to read again yet
            return None
    (answer,) = answers
    if isinstance(answer, Fault):
        raise answer
    return answer


def _address_of(host: str, flags: int = 0) -> str:
    flags |= socket.AI_PASSIVE
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return str(found[0][4][0])


def _next_of(signals: SimpleQueue[int]) -> int:
    while True:
        with contextlib.suppress(Empty):
            return signals.get(timeout=0.5)  # on Windows Ctrl-C does not interrupt a wait


def tell_ways_by_name(bound_to: tuple[object, ...], admits: Admits, watch: Watch) -> None:
    """Look this machine's name up, and tell `watch` of the ways in that this adds. Does not wait.

    See `ways_by_name` for the arguments.
    """

    def tell() -> None:
        if more := ways_by_name(bound_to, admits):
            watch.note(FoundWaysIn(more))

    start_thread(tell, "name look-up")
