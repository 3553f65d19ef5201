"""Define what the chat needs of those around it: members, doors, observers."""

from collections.abc import Collection, Sequence
from typing import Protocol

from threadchat.messages.kinds import (
    RoomMessage,
)
from threadchat.terminal.view import View


class Observer(Protocol):
    """Who wants to see what a room is shown. Called in the room's order; must not wait."""

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """See a batch that has been handed to every member, as so many lines in all."""

    def failed(self, doing: str, error: Exception) -> None:
        """See an error that should not have happened and that the room has survived."""


class Member(Protocol):
    """Whatever can be in a room: it has a name and a view, and can be handed what is rendered."""

    name: str
    folded_name: str
    """The name as `threadchat.text.fold_name` makes it, by which mentions are found."""
    view: View
    hears_itself: bool
    """Whether what this member says is to be shown to it, too: nothing else put it there."""

    @property
    def ignores(self) -> "Collection[Member]":
        """Whose words are not to be shown to this member: replaced as a whole, never changed."""

    def deliver(self, data: bytes) -> None:
        """Take `data`, whole lines in this member's view. Must not wait."""


class Door(Protocol):
    """How somebody is connected. All but `end` is for the person's own thread."""

    def ask_secret(self, question: str) -> str | None:
        """Ask for a password and wait for it; return None if the person is gone instead.

        It is not shown where the client allows that.
        """

    def pause(self, seconds: float) -> bool:
        """Wait so long; return False, at once, if the person is gone or ended meanwhile."""

    def end(self, reason: str, words: str) -> None:
        """End the connection, from any thread, telling the person why in `words`."""

    def set_charset(self, name: str) -> str:
        """Take what comes for the encoding called `name`; return its proper name."""

    def set_character_mode(self, wanted: bool) -> None:
        """Ask to have the line being typed drawn by us, or by the person's own client."""
