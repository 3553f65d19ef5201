"""Define what the chat needs from other parts: members, connections, observers.

So rooms and people know neither sockets nor terminals, and another kind of door needs no change
here.
"""

import contextlib
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from threadchat.chat.identity import Identity
from threadchat.messages.format import Format
from threadchat.messages.kinds import Message, RoomMessage
from threadchat.monitoring.events import Event
from threadchat.monitoring.stats import Snapshot
from threadchat.net.peers import PeerState


class Gathering(Protocol):
    """What members have unsent that are handed it later: one object for all that have the same."""

    def add(self, data: bytes) -> bool:
        """Take `data` for each of them, as `Member.deliver_later` does.

        Return False, with `data` not taken, if each is to be handed it: not all of them still have
        exactly this unsent, or it is enough.
        """


class Member(Protocol):
    """A member of a room: it has a name and a format, and takes rendered messages."""

    name: str
    folded_name: str
    """The name as `threadchat.text.names.fold_name` returns it; used to find mentions."""
    hears_itself: bool
    """Whether the room shows this member its own messages, as its client does not."""

    @property
    def format(self) -> Format:
        """How this member is shown messages. The member's own thread may change it at any time."""

    @property
    def identity(self) -> Identity:
        """Who the member is, over renames and reconnects."""

    @property
    def ignores(self) -> Collection[Identity]:
        """Those of whom this member is shown nothing. Replaced as a whole, never changed."""

    def deliver(self, data: bytes) -> None:
        """Take `data`, which is whole lines in this member's format. It must not wait."""

    def deliver_later(self, data: bytes) -> Gathering | None:
        """Take `data` as `deliver` does; it may stay unsent for some hundredths of a second.

        So that what follows goes with it, in this order. Return all that is unsent now, if more may
        be added to that. Without `data`, send now what has stayed unsent. Called for members whose
        format can wait.
        """


class PeopleElsewhere(Protocol):
    """What a room needs of the people that are in it on other servers. For any thread."""

    def count_in(self, room: str) -> int:
        """Return how many are in the room of that name."""

    def in_room(self, room: str) -> Sequence[Member]:
        """Return those that are in the room of that name."""


class TerminalSettings(Protocol):
    """The settings of a person's terminal. For the person's own thread."""

    def set_charset(self, name: str) -> str:
        """Read and write in the encoding called `name`; return its proper name.

        Raise `LookupError` if there is no such encoding.
        """

    def set_character_mode(self, wanted: bool) -> None:
        """Ask the client for character mode if `wanted`, else for line mode."""

    def show(
        self, *, color: bool | None = None, times: bool | None = None, bell: bool | None = None
    ) -> None:
        """Show colours, show times before lines, ring at mentions, or do not; None: as before."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Some of what a person is handed over. `taken` is called once their system has taken it."""

    messages: Sequence[Message]
    taken: Callable[[], None]


class Connection(Protocol):
    """How a person is connected.

    All but `look_at_peer` and `end` is for the person's own thread.
    """

    @property
    def door(self) -> str:
        """By which door the person came: terminal, TLS, browser, browser TLS, or program."""

    @property
    def terminal(self) -> TerminalSettings | None:
        """The settings of the person's terminal; None if they came by another door."""

    def ask_secret(self, question: str) -> str | None:
        """Ask for a password and wait for it; return None if the person is gone instead.

        What is typed is not shown if the client lets the server hide it.
        """

    def hand_over(self, portions: Generator[Portion, None, None]) -> None:
        """Show the person `portions`, the next one when the one before does not wait any more.

        The person's lines are served in between. A portion that was not taken when the connection
        ends never is; `portions` is closed then.
        """

    def pause(self, seconds: float) -> bool:
        """Wait `seconds`; return False early if the person is gone or is ended meanwhile."""

    def catch_up(self, seconds: float) -> bool:
        """Wait until the person has taken what was sent, at most `seconds`.

        Return False if they are gone or are ended meanwhile.
        """

    def look_at_peer(self) -> PeerState | None:
        """Return what is known of the other end, without sending to it; None if nothing is.

        Any thread may call it.
        """

    def end(self, reason: str, words: str) -> None:
        """End the connection and tell the person why in `words`. Any thread may call it."""


@dataclass(frozen=True, slots=True)
class ServerControl:
    """What operators can do with the server around a chat."""

    stats: Callable[[], Snapshot]
    """Return figures about the server."""
    finish: Callable[[], None]
    """Begin to stop the server."""


class Observer(Protocol):
    """An object that watches a chat. Called from any thread; it must neither wait nor raise."""

    def note(self, event: Event) -> None:
        """Take note of `event`."""

    def shown(
        self, room: str, messages: Sequence[RoomMessage], deliveries: int, began_at: float
    ) -> None:
        """See a batch that has been handed to every member of `room`, in the room's order.

        `deliveries` is the number of lines that were handed out, over all members; `began_at` is
        the time on the chat's clock at which the batch was begun.
        """

    def warn(self, words: str) -> None:
        """See something that the operator should look into."""

    def failed(self, doing: str, error: BaseException) -> None:
        """See an unexpected error that the chat has survived; `doing` says what was being done."""


def report(observer: Observer, doing: str, error: Exception) -> None:
    """Tell `observer` of an error that the chat has survived, as `Observer.failed` says."""
    # If that fails, there is nobody left to tell of it.
    with contextlib.suppress(Exception):
        observer.failed(doing, error)
