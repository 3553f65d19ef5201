"""Name what happens on a server that its operator may want to know.

Whoever watches a server is handed these: the console shows them, the log file keeps them. What is
said in rooms comes to them by itself, in the rooms' own order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from threadchat.messages.kinds import RoomMessage


@dataclass(frozen=True, slots=True)
class Bound:
    """The server listens at `address`; `ways_in` are the lines that others type to get in."""

    address: str
    ways_in: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Stopping:
    """The server is about to stop."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The server has stopped."""


@dataclass(frozen=True, slots=True)
class Connected:
    """Somebody has connected."""

    id: int
    address: str


@dataclass(frozen=True, slots=True)
class Named:
    """That client goes by `name` from here on; `before` is the name it had, if any."""

    id: int
    name: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody was not let in."""

    address: str
    why: str


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Somebody is gone (promise 7), after so many seconds, having sent and been sent bytes."""

    id: int
    name: str
    address: str
    seconds: float
    received: int
    sent: int
    why: str


@dataclass(frozen=True, slots=True)
class Acted:
    """An operator has done something that concerns others."""

    who: str
    deed: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that the operator should look after."""

    words: str


Event = Bound | Stopping | Stopped | Connected | Named | Refused | Disconnected | Acted | Trouble


class Watcher(Protocol):
    """Whoever wants to know. Called from any thread; must neither wait nor raise."""

    def note(self, event: Event) -> None:
        """Take note of `event`."""

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """See what the members of `room` were handed, in their order (promise 1).

        `deliveries` is how many lines that were: a message counts once for each it was meant for.
        """


class Watch:
    """All who watch a server, as one."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def note(self, event: Event) -> None:
        """Let everyone take note of `event`."""
        for watcher in self._watchers:
            watcher.note(event)

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """Let everyone see what was shown in `room`."""
        for watcher in self._watchers:
            watcher.shown(room, messages, deliveries)

    def warn(self, words: str) -> None:
        """Tell the operator what they should look after."""
        self.note(Trouble(words))

    def failed(self, doing: str, error: Exception) -> None:
        """Tell of an error that should not have happened and that the server has survived."""
        self.warn(f"{doing}: {type(error).__name__}: {error}")
