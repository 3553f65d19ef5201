"""The events of a server that its operator may want to know of.

Watchers are handed them: the console shows them, the log file keeps them. What is said in rooms is
handed to watchers separately, in the order of each room.
"""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock, current_thread, main_thread
from typing import Protocol

from threadchat.messages.kinds import RoomMessage
from threadchat.monitoring.tally import Tally
from threadchat.text.clean import clean_text


@dataclass(frozen=True, slots=True)
class Bound:
    """The server listens at `address`; `ways_in` are the commands that people type to get in."""

    address: str
    ways_in: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FoundWaysIn:
    """More `ways_in` that the name of this machine tells; looking it up takes a while."""

    ways_in: Sequence[str]


@dataclass(frozen=True, slots=True)
class AnnouncedOnLan:
    """The LAN was told of the server, under `name`; `ways_in` are what people type by name."""

    name: str
    ways_in: Sequence[str]


@dataclass(frozen=True, slots=True)
class Stopping:
    """The server is about to stop."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The server has stopped."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A client has connected, by that door: see `Connection.door`."""

    id: int
    address: str
    door: str = "terminal"


@dataclass(frozen=True, slots=True)
class Named:
    """A client is called `name` from now on; `before` is the name it had, if any."""

    id: int
    name: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Clients were not let in.

    The first one of an address is noted at once. What comes from there later is counted, and noted
    once a minute, with the number of `times`; `address` has no port then.
    """

    address: str
    why: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class SeatKept:
    """The connection of a person at a page is lost; their seat is kept for a while."""

    id: int
    name: str
    address: str
    why: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """A person whose seat was kept is back, or has gone on through another connection."""

    id: int
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A client is gone (promise 7): how long it was here, and the bytes from it and to it."""

    id: int
    name: str
    address: str
    seconds: float
    received: int
    sent: int
    why: str


@dataclass(frozen=True, slots=True)
class Acted:
    """An operator has done something that concerns other people."""

    who: str
    deed: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A program at `address` has said something in a room, by the hook called `name`."""

    name: str
    room: str
    address: str
    lines: int
    door: str = "hook"


@dataclass(frozen=True, slots=True)
class Linked:
    """The server is one with these other `servers`, under the name of the `cluster`.

    It is noted when the link is made, and whenever another server comes or goes.
    """

    cluster: str
    servers: Sequence[str]


@dataclass(frozen=True, slots=True)
class Unlinked:
    """There is no link to other servers: this one goes on by itself. `why` says the way out, too.

    It is noted again if another cause is found meanwhile.
    """

    cluster: str
    why: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """There is something that the operator should look after."""

    words: str


Event = (
    Bound
    | FoundWaysIn
    | AnnouncedOnLan
    | Stopping
    | Stopped
    | Connected
    | Named
    | Refused
    | SeatKept
    | Resumed
    | Disconnected
    | Acted
    | Posted
    | Linked
    | Unlinked
    | Trouble
)


class Watcher(Protocol):
    """An observer of a server. Called from any thread; must neither wait nor raise."""

    def note(self, event: Event) -> None:
        """Take note of `event`."""

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """Take note of what the members of `room` were handed, in its order (promise 1).

        `deliveries` is the number of lines that this made: a message counts once for each member
        it was meant for.
        """


class Watch:
    """All the watchers of a server, as one; `tally` counts what they are told of.

    A watcher that raises costs nobody anything (promise 8). The other watchers are told of its
    first error, as a `Trouble`; without another watcher, standard error is.
    """

    def __init__(self, *watchers: Watcher, tally: Tally | None = None) -> None:
        self._watchers = watchers
        self.tally = tally or Tally()
        self._lock = Lock()  # guards the list below
        self._failing: list[Watcher] = []

    def note(self, event: Event) -> None:
        """Let all watchers take note of `event`."""
        if isinstance(event, Disconnected):
            self.tally.ended(event.why)
        elif isinstance(event, Posted):
            self.tally.posted()
        for watcher in self._watchers:
            try:
                watcher.note(event)
            except BaseException as error:
                _let_through_ctrl_c(error)
                self._tell_of_failure(watcher, error)

    def shown(
        self, room: str, messages: Sequence[RoomMessage], deliveries: int, began_at: float
    ) -> None:
        """Let all watchers take note of what was shown in `room`: see `Observer.shown`."""
        self.tally.shown(len(messages), deliveries, began_at)
        for watcher in self._watchers:
            try:
                watcher.shown(room, messages, deliveries)
            except BaseException as error:
                _let_through_ctrl_c(error)
                self._tell_of_failure(watcher, error)

    def _tell_of_failure(self, watcher: Watcher, error: BaseException) -> None:
        with self._lock:
            if any(watcher is other for other in self._failing):
                return
            self._failing.append(watcher)
        words = (
            f"the watcher {type(watcher).__name__} has failed ({show_error(error)});"
            " what it fails at later is not reported"
        )
        is_told = False
        for other in self._watchers:
            # One that fails itself does not tell anybody.
            try:
                if other is not watcher:
                    other.note(Trouble(words))
                    is_told = True
            except BaseException as of_other:
                _let_through_ctrl_c(of_other)
        if not is_told and sys.stderr is not None:  # or else it would go to standard output
            with contextlib.suppress(Exception):  # it may be closed
                print(f"threadchat: {words}", file=sys.stderr)

    def warn(self, words: str) -> None:
        """Tell the operator what they should look after."""
        self.note(Trouble(words))

    def failed(self, doing: str, error: BaseException) -> None:
        """Tell the operator of an unexpected error, which the server has survived."""
        self.warn(f"{doing}: {show_error(error)}")


def show_error(error: BaseException) -> str:
    """Return what is wrong as a part of one line, whatever the text of `error` is."""
    try:
        words = clean_text(" ".join(str(error).split()))
    except Exception:  # it may be another program's
        words = "its text cannot be read"
    return f"{type(error).__name__}: {words}"


def _let_through_ctrl_c(error: BaseException) -> None:
    """Raise `error` again if it may be the operator's Ctrl-C, and not the watcher's own."""
    if isinstance(error, KeyboardInterrupt) and current_thread() is main_thread():
        raise error
