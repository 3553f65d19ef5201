"""Hold what a person is: name, room, wishes. How they are connected is their connection's business.

A `Person` is given a way to be sent bytes, a `Format` for them, and a `Connection` for all else. So
a door of another kind needs no change here, nor in the rooms, nor in the commands.
"""

import math
from collections.abc import Callable

from threadchat.chat.identity import NOBODY, Identity
from threadchat.chat.interfaces import Connection
from threadchat.chat.room import Room
from threadchat.messages.answers import Answer
from threadchat.messages.format import Format, render
from threadchat.messages.kinds import Message, Private
from threadchat.net.disconnect import Reason

_NOBODY: "frozenset[Person]" = frozenset()
"""One object for all: `frozenset()` makes another each time."""


class Person:
    """Somebody who is connected: a member of a room as soon as they have a name.

    Owned by the person's own thread, which alone sets things here, with these exceptions: another
    person's thread sets `answers_to`; an operator's thread sets `is_operator` and `muted_until`;
    and while the person's thread waits in `Room.post`, the delivering thread acts in its place.
    """

    __slots__ = (
        "address",
        "answers_to",
        "away",
        "connection",
        "deliver",
        "entered_at",
        "folded_name",
        "format",
        "hears_itself",
        "id",
        "identity",
        "ignores",
        "is_operator",
        "joined_at",
        "last_heard_at",
        "leaving",
        "muted_until",
        "name",
        "room",
        "wrong_passwords",
    )

    def __init__(
        self,
        id: int,
        address: str,
        deliver: Callable[[bytes], None],
        format: Format,
        connection: Connection | None = None,
    ) -> None:
        self.id = id
        self.address = address
        self.name = ""
        self.folded_name = ""
        self.identity: Identity = NOBODY
        """Who this person is, over renames and reconnects: set with the first name."""
        self.format = format
        """How messages are shown to this person."""
        self.hears_itself = False
        """Whether the person is shown what they say: nothing else put it on their screen."""
        self.room: Room | None = None
        # On the monotonic clock, in seconds:
        self.joined_at = 0.0  # the chat
        self.entered_at = 0.0  # the room
        self.last_heard_at = 0.0
        self.away: str | None = None
        """The words that the person left while away; None while here."""
        self.ignores: frozenset[Person] = _NOBODY
        self.answers_to = ""
        """The name of the person that last wrote in private."""
        self.is_operator = False
        """Whether the person may use the commands for operators."""
        self.muted_until = -math.inf
        """On the monotonic clock, in seconds."""
        self.wrong_passwords = 0
        self.leaving: str | None = None
        """Why the person is going, in their own words behind the `Reason`, once they said so."""
        self.deliver = deliver
        """Send what was rendered in this person's format. Does not wait."""
        self.connection = connection
        """How the person is connected; None for the operator's own seat, and once that is over."""

    @property
    def host(self) -> str:
        """The address without the port."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def whereabouts(self) -> str:
        """Where the person is, in words."""
        if self.room is not None:
            return f"in {self.room.name}"
        return f"at {self.address}" if self.connection is None else "between two rooms"

    def tell(self, *messages: Message | Answer) -> None:
        """Show `messages` to this person alone."""
        self.deliver(b"".join(render(message, self.format) for message in messages))

    def hear(self, message: Private) -> None:
        """Show a message that is meant for this person."""
        self.deliver(render(message, self.format, is_mention=True))

    def mute_left(self, now: float) -> float:
        """Return for how many seconds from `now` the person may not speak; 0 if they may."""
        return self.muted_until - now if self.muted_until > now else 0.0

    def quit(self, words: str = "") -> None:
        """Ask to be let go, with `words` for those who stay."""
        self.leaving = f"{Reason.QUIT}: {words}" if words else str(Reason.QUIT)
