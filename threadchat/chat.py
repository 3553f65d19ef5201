"""Hold all rooms, all names, and the people who have them.

A `Person` knows nothing of how it is connected: it was given a way to be sent bytes. So a door of
another kind needs no change here, nor in the rooms, nor in the commands.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from threading import Lock
from typing import Protocol

from threadchat.history import History
from threadchat.messages import (
    Left,
    Message,
    Private,
    Reason,
    Renamed,
    Spoken,
    View,
    Welcome,
    render,
)
from threadchat.room import Member, Observer, Room
from threadchat.text import BadName, clean_name, fold_name, skeleton

LOBBY = "lobby"
"""The room where everybody starts."""


class Door(Protocol):
    """How somebody is connected. What a kind of door cannot do raises `LookupError`, saying so."""

    def set_charset(self, name: str) -> str:
        """Take what comes for the encoding called `name`; return its proper name."""

    def set_character_mode(self, wanted: bool) -> None:
        """Ask to have the line being typed drawn by us, or by the person's own client."""


class Person:
    """Somebody who is connected: a member of a room as soon as they have a name.

    But for `answers_to`, all is set by the person's own thread alone.
    """

    __slots__ = (
        "_has_bell",
        "_has_color",
        "_has_times",
        "_plain_view",
        "address",
        "answers_to",
        "deliver",
        "door",
        "folded_name",
        "hears_itself",
        "id",
        "joined_at",
        "leaving",
        "name",
        "view",
    )

    def __init__(
        self, id: int, address: str, deliver: Callable[[bytes], None], door: Door | None = None
    ) -> None:
        self.id = id
        self.address = address
        self.name = ""
        self.folded_name = ""
        self.view = self._plain_view = View()
        self.hears_itself = False
        self.joined_at = 0.0  # on the monotonic clock, in seconds
        self.answers_to = ""
        """The name of who last wrote in private; set by that one's thread."""
        self.leaving: str | None = None
        """Why the person is going, in their own words behind the `Reason`, once they said so."""
        self.deliver = deliver
        """Send what was rendered in this person's view. Does not wait."""
        self.door = door
        self._has_color: bool | None = None  # None: as it suits the mode
        self._has_times = self._has_bell = False

    def tell(self, *messages: Message) -> None:
        """Show `messages` to this person alone."""
        self.deliver(b"".join(render(message, self.view) for message in messages))

    def hear(self, message: Private) -> None:
        """Show a message that is meant for this person."""
        self.deliver(render(message, self.view, is_mention=True))

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
    return replace(view, has_color=has_color, has_times=has_times, has_bell=has_bell)


class Chat:
    """Who is here under which name, and the rooms they are in. Safe to use from any thread."""

    def __init__(
        self,
        history: History,
        observer: Observer,
        replay: int = 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._lobby = Room(LOBBY, history, observer, replay)
        self._names = Lock()  # guards the two tables below
        self._by_fold: dict[str, Person] = {}
        self._by_skeleton: dict[str, Person] = {}

    def room(self, name: str = LOBBY) -> Room:
        """Return the room called `name`; raise `KeyError` if there is none."""
        if name != LOBBY:
            raise KeyError(name)
        return self._lobby

    def people(self) -> Sequence[Member]:
        """Return who is here, in the order in which they came."""
        return self._lobby.members

    def claim_name(self, person: Person, raw: str) -> None:
        """Give `person` the name that `raw` asks for.

        Raise `BadName` if it cannot be had; then nothing has changed.
        """
        name = clean_name(raw)
        fold, looks = fold_name(name), skeleton(name)
        with self._names:
            if self._by_fold.get(fold, person) is not person:
                raise BadName(f"{name} is taken.")
            other = self._by_skeleton.get(looks, person)
            if other is not person:
                raise BadName(f"{name} looks too much like {other.name}, who is here already.")
            self._by_fold[fold] = self._by_skeleton[looks] = person
            person.name, person.folded_name = name, fold

    def _release(self, person: Person, name: str, keep: str = "") -> None:
        """Make `name` free again, but for what it has in common with `keep`."""
        with self._names:
            for table, key_of in ((self._by_fold, fold_name), (self._by_skeleton, skeleton)):
                key = key_of(name)
                if table.get(key) is person and not (keep and key_of(keep) == key):
                    del table[key]

    def enter(self, person: Person) -> None:
        """Let `person`, who has a name, into the lobby."""
        person.joined_at = self._clock()
        self._lobby.join(person, render(Welcome(person.name), person.view))

    def say(self, person: Person, message: Spoken) -> None:
        """Say `message` in the room where `person` is."""
        self._lobby.post(message, person)

    def find(self, name: str) -> Person:
        """Return who is called `name`; raise `KeyError` if nobody here is."""
        with self._names:
            return self._by_fold[fold_name(name)]

    def whisper(self, person: Person, recipient: Person, text: str) -> None:
        """Say `text` from `person` to `recipient` alone."""
        recipient.answers_to = person.name
        recipient.hear(Private(person.name, recipient.name, text))
        person.tell(Private(person.name, recipient.name, text, is_own=True))

    def rename(self, person: Person, raw: str) -> None:
        """Give `person` another name; raise `BadName` if it cannot be had."""
        before = person.name
        self.claim_name(person, raw)
        # The old name stays taken until everybody has read of the change: nobody can be taken for
        # its owner in between.
        self._lobby.announce(Renamed(before, person.name), person)
        self._release(person, before, keep=person.name)

    def leave(self, person: Person, why: str) -> None:
        """Take `person` out. `why` is a `Reason`, with their own words if there are any."""
        left = Left(person.name, self._clock() - person.joined_at, why)
        self._lobby.leave(person, left)
        self._release(person, person.name)

    def hush(self) -> None:
        """Announce no more leaving: everybody is about to."""
        self._lobby.hush()

    def close(self) -> None:
        """End what the rooms have running."""
        self._lobby.close()
