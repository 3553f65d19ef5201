"""Hold the data of a person: name, room, wishes. The `Connection` knows how they are connected.

A `Person` gets a function that sends bytes, a `Format`, and a `Connection` for everything else. So
another kind of door needs no change here, in the rooms, or in the commands.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from threadchat.access.limiter import counted_as
from threadchat.chat.identity import NOBODY, NONE_IGNORED, Identity
from threadchat.chat.interfaces import Connection, Gathering
from threadchat.chat.room import Room
from threadchat.messages.answers import Answer, fitted
from threadchat.messages.format import Format, render
from threadchat.messages.kinds import Message, Private, Spoken
from threadchat.net.disconnect import Reason


def drop(data: bytes) -> None:
    """Drop `data`: for a person that nobody here sends anything to."""


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Somebody that wrote in private, under `name`; `identity` is None if it is not known who."""

    name: str
    identity: Identity | None


class Person:
    """Somebody that is connected; a member of a room once they have a name.

    Only the person's own thread sets attributes here, with these exceptions. Another person's
    thread sets `answers_to`, and `identity` and `ignores` where two sessions turn out to be one
    person's. An operator's thread sets `is_operator` and `muted_until`. While the person's thread
    waits in `Room.post`, the delivering thread acts in its place.
    """

    __slots__ = (
        "address",
        "answers_to",
        "away",
        "came_at",
        "connection",
        "deliver",
        "deliver_later",
        "deliver_privately",
        "entered_at",
        "folded_name",
        "format",
        "has_left",
        "hears_itself",
        "id",
        "identity",
        "ignores",
        "is_operator",
        "joined_at",
        "last_heard_at",
        "last_said",
        "leaving",
        "muted_until",
        "name",
        "named_at",
        "reached",
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
        self.reached = "::"
        """The address of this machine that the person connected to; "::" if there is none."""
        self.name = ""
        self.folded_name = ""
        self.identity: Identity = NOBODY
        """Who this person is, over renames and reconnects: set with the first name."""
        self.format = format
        """How messages are shown to this person."""
        self.hears_itself = False
        """Whether the room shows this person their own messages, as their client does not."""
        self.room: Room | None = None
        self.came_at = 0.0
        """When this person was given their first name here, in seconds since the epoch."""
        # On the monotonic clock, in seconds:
        self.joined_at = 0.0  # the chat
        self.entered_at = 0.0  # the room
        self.named_at = 0.0  # the name of now
        self.last_heard_at = 0.0
        self.away: str | None = None
        """The words that the person gave when they went away; None while they are not away."""
        self.ignores: frozenset[Identity] = NONE_IGNORED
        """Those of whom this person is shown nothing: `identity.ignored`, near at hand."""
        self.last_said: Spoken | None = None
        """The last message of this person in the room where they are, until it is taken back."""
        self.answers_to: Correspondent | None = None
        """The person that last wrote to this one in private."""
        self.is_operator = False
        """Whether the person may use the commands for operators."""
        self.muted_until = -math.inf
        """On the monotonic clock, in seconds."""
        self.wrong_passwords = 0
        self.has_left = False
        """Whether the others are told, or were, that this person is gone: nothing reaches them."""
        self.leaving: str | None = None
        """Why the person is leaving: a `Reason`, followed by their own words. None until then."""
        self.deliver = deliver
        """Send bytes that were rendered in this person's format. Does not wait."""
        self.deliver_later: Callable[[bytes], Gathering | None] = deliver
        """The same for what may go with what follows, some hundredths of a second later."""
        self.deliver_privately = deliver
        """The same for what is for this person alone, as a page counts that by itself."""
        self.connection = connection
        """How the person is connected.

        None for the operator at the server's terminal, and for anybody whose connection is over.
        """

    def attach(
        self,
        connection: Connection,
        deliver: Callable[[bytes], None],
        format: Format,
        deliver_privately: Callable[[bytes], None] | None = None,
        deliver_later: Callable[[bytes], Gathering | None] | None = None,
    ) -> None:
        """Go on through another connection: take the seat again. See `Chat.resume`.

        Without `deliver_privately`, what is for this person alone is sent as the rest is; without
        `deliver_later`, what may be sent later is sent at once.
        """
        self.connection, self.deliver, self.format = connection, deliver, format
        self.deliver_privately = deliver_privately or deliver
        self.deliver_later = deliver_later or deliver

    @property
    def host(self) -> str:
        """The person's address without the port."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def counted_as(self) -> str:
        """The address or network that the person counts for, where an address has few of a thing.

        Empty for a person that did not come over the network.
        """
        try:
            return counted_as(self.host, self.reached)
        except ValueError:
            return ""

    @property
    def is_hook(self) -> bool:
        """Whether programs speak under this name, and nobody listens."""
        return False

    @property
    def is_out_of_reach(self) -> bool:
        """Whether what this person is told reaches them only later."""
        return False

    @property
    def why_unread(self) -> str:
        """Why nobody reads now what this person is told, as a line; "" if that is not known."""
        return ""

    @property
    def whereabouts(self) -> str:
        """Where the person is, in words."""
        if self.room is not None:
            return f"in {self.room.name}"
        return f"at {self.address}" if self.connection is None else "between two rooms"

    def tell(self, *messages: Message | Answer) -> None:
        """Show `messages` to this person alone, as many of them as fit into one answer."""
        self.deliver_privately(
            b"".join(render(message, self.format) for message in fitted(messages))
        )

    def hear(self, message: Private) -> None:
        """Show a message that is meant for this person."""
        self.deliver_privately(render(message, self.format, is_mention=True))

    def mute_left(self, now: float) -> float:
        """Return how many seconds from `now` the person stays muted; 0 if they may speak."""
        return self.muted_until - now if self.muted_until > now else 0.0

    def quit(self, words: str = "") -> None:
        """Mark the person as leaving, with `words` for the people that stay."""
        self.leaving = f"{Reason.QUIT}: {words}" if words else str(Reason.QUIT)
