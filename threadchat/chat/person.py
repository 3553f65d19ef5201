"""Hold what a person is: name, room, wishes. How they are connected is their door's business.

A `Person` was given a way to be sent bytes and a `Door` for all else. So a door of another kind
needs no change here, nor in the rooms, nor in the commands.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from threadchat.chat.interfaces import Door
from threadchat.messages.kinds import Message, Private
from threadchat.net.disconnect import Reason
from threadchat.terminal.view import PLAIN_VIEW, View, render

if TYPE_CHECKING:
    from threadchat.chat.room import Room

_NOBODY: "frozenset[Person]" = frozenset()
"""The one for all: `frozenset()` makes another each time."""


class Person:
    """Somebody who is connected: a member of a room as soon as they have a name.

    But for `answers_to`, `is_operator` and `muted_until`, all is set by the person's own thread
    alone.
    """

    __slots__ = (
        "_has_bell",
        "_has_color",
        "_has_times",
        "_plain_view",
        "address",
        "answers_to",
        "away",
        "deliver",
        "door",
        "entered_at",
        "folded_name",
        "hears_itself",
        "id",
        "ignores",
        "is_operator",
        "joined_at",
        "last_heard_at",
        "leaving",
        "muted_until",
        "name",
        "room",
        "view",
        "wrong_passwords",
    )

    def __init__(
        self, id: int, address: str, deliver: Callable[[bytes], None], door: Door | None = None
    ) -> None:
        self.id = id
        self.address = address
        self.name = ""
        self.folded_name = ""
        self._plain_view = PLAIN_VIEW
        self.hears_itself = False
        self.room: Room | None = None
        # On the monotonic clock, in seconds:
        self.joined_at = 0.0  # the chat
        self.entered_at = 0.0  # the room
        self.last_heard_at = 0.0
        self.away: str | None = None
        """What the person left word of while away; None while here."""
        self.ignores: frozenset[Person] = _NOBODY
        self.answers_to = ""
        """The name of who last wrote in private; set by that one's thread."""
        self.is_operator = False
        """Whether the person may use the commands for operators; set by whoever decides that."""
        self.muted_until = -math.inf
        """On the monotonic clock, in seconds; set by an operator's thread."""
        self.wrong_passwords = 0
        self.leaving: str | None = None
        """Why the person is going, in their own words behind the `Reason`, once they said so."""
        self.deliver = deliver
        """Send what was rendered in this person's view. Does not wait."""
        self.door = door
        """How the person is connected; None for the operator's own seat, and once that is over."""
        self._has_color: bool | None = None  # None: as it suits the mode
        self._has_times = self._has_bell = False
        self._choose_view()

    @property
    def host(self) -> str:
        """The address without the port."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def whereabouts(self) -> str:
        """Where the person is, in words."""
        if self.room is not None:
            return f"in {self.room.name}"
        return f"at {self.address}" if self.door is None else "between two rooms"

    def tell(self, *messages: Message) -> None:
        """Show `messages` to this person alone."""
        self.deliver(b"".join(render(message, self.view) for message in messages))

    def hear(self, message: Private) -> None:
        """Show a message that is meant for this person."""
        self.deliver(render(message, self.view, is_mention=True))

    def mute_left(self, now: float) -> float:
        """Return for how many seconds from `now` the person may not speak; 0 if they may."""
        return self.muted_until - now if self.muted_until > now else 0.0

    def quit(self, words: str = "") -> None:
        """Ask to be let go, with `words` for those who stay."""
        self.leaving = f"{Reason.QUIT}: {words}" if words else str(Reason.QUIT)

    def adapt(self, view: View, is_in_character_mode: bool) -> None:
        """See by `view` from here on, plus what this person wishes.

        In character mode nothing but what we send is on the screen: what the person says is shown
        to them as it is to others, and names have colours unless they are switched off.
        """
        if view is not self._plain_view or is_in_character_mode != self.hears_itself:
            self._plain_view = view
            self.hears_itself = is_in_character_mode
            self._choose_view()

    def wish(
        self, *, color: bool | None = None, times: bool | None = None, bell: bool | None = None
    ) -> None:
        """See colours, times before lines, and hear a bell when mentioned, or not."""
        if color is not None:
            self._has_color = color
        if times is not None:
            self._has_times = times
        if bell is not None:
            self._has_bell = bell
        self._choose_view()

    def _choose_view(self) -> None:
        has_color = self.hears_itself if self._has_color is None else self._has_color
        self.view = _shared_view(self._plain_view, has_color, self._has_times, self._has_bell)


@lru_cache(maxsize=1024)
def _shared_view(view: View, has_color: bool, has_times: bool, has_bell: bool) -> View:
    """Return the one object for a view, so that a room can tell at a glance that two are alike."""
    return view._replace(has_color=has_color, has_times=has_times, has_bell=has_bell)
