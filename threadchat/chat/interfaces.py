"""Define what the chat needs of those around it: members, connections, observers.

So rooms and people know neither sockets nor terminals, and a door of another kind needs no change
here.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from threadchat.messages.format import Format
from threadchat.messages.kinds import RoomMessage
from threadchat.monitoring.events import Event
from threadchat.monitoring.stats import Snapshot


class Member(Protocol):
    """Whatever can be in a room: it has a name and a format, and can be handed what is rendered."""

    name: str
    folded_name: str
    """The name as `threadchat.text.names.fold_name` makes it, by which mentions are found."""
    hears_itself: bool
    """Whether what this member says is to be shown to it, too: nothing else put it there."""

    @property
    def format(self) -> Format:
        """How this member is shown messages; its own thread may change it at any time."""

    @property
    def ignores(self) -> "Collection[Member]":
        """The members whose words are not shown to this one: replaced as a whole, never changed."""

    def deliver(self, data: bytes) -> None:
        """Take `data`, whole lines in this member's format. Must not wait."""


class TerminalSettings(Protocol):
    """What can be set of a person's terminal. For the person's own thread."""

    def set_charset(self, name: str) -> str:
        """Take what comes for the encoding called `name`; return its proper name.

        Raise `LookupError` if there is no such encoding.
        """

    def set_character_mode(self, wanted: bool) -> None:
        """Ask to have the line being typed drawn by the server, or by the person's own client."""

    def show(
        self, *, color: bool | None = None, times: bool | None = None, bell: bool | None = None
    ) -> None:
        """Show colours, show times before lines, ring when the person is mentioned, or do not."""


class Connection(Protocol):
    """How a person is connected. All but `end` is for the person's own thread."""

    @property
    def terminal(self) -> TerminalSettings | None:
        """What can be set of the person's terminal; None if they came by another door."""

    def ask_secret(self, question: str) -> str | None:
        """Ask for a password and wait for it; return None if the person is gone instead.

        It is not shown where the client allows that.
        """

    def pause(self, seconds: float) -> bool:
        """Wait so long; return False, soon, if the person is gone or ended meanwhile."""

    def end(self, reason: str, words: str) -> None:
        """End the connection, from any thread, telling the person why in `words`."""


@dataclass(frozen=True, slots=True)
class ServerControl:
    """What operators can do with the server around a chat."""

    stats: Callable[[], Snapshot]
    """Tell how the server is doing."""
    finish: Callable[[], None]
    """Begin to stop the server."""


class Observer(Protocol):
    """Whatever watches a chat. Called from any thread; must neither wait nor raise."""

    def note(self, event: Event) -> None:
        """Take note of `event`."""

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """See a batch that has been handed to every member of `room`, in the room's order.

        `deliveries` is how many lines that were in all.
        """

    def warn(self, words: str) -> None:
        """See what the operator should look after."""

    def failed(self, doing: str, error: Exception) -> None:
        """See an error that should not have happened and that the chat has survived."""
