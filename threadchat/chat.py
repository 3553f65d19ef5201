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

from threadchat.history import Found, History
from threadchat.messages import (
    Left,
    Message,
    Notice,
    Private,
    Reason,
    Remark,
    Renamed,
    RoomMessage,
    Spoken,
    View,
    Welcome,
    render,
)
from threadchat.room import Member, Observer, Room
from threadchat.text import BadName, clean_name, fold_name, skeleton

NAME_KEPT_FOR = 120.0
"""Seconds for which a name that was lost with its connection is kept for the same address."""

_LOST = frozenset({Reason.RESET, Reason.TIMED_OUT, Reason.TOO_SLOW})

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
        "away",
        "deliver",
        "door",
        "entered_at",
        "folded_name",
        "hears_itself",
        "id",
        "ignores",
        "joined_at",
        "last_heard_at",
        "leaving",
        "name",
        "room",
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
        self.room: Room | None = None
        # On the monotonic clock, in seconds:
        self.joined_at = 0.0  # the chat
        self.entered_at = 0.0  # the room
        self.last_heard_at = 0.0
        self.away: str | None = None
        """What the person left word of while away; None while here."""
        self.ignores: frozenset[Person] = frozenset()
        self.answers_to = ""
        """The name of who last wrote in private; set by that one's thread."""
        self.leaving: str | None = None
        """Why the person is going, in their own words behind the `Reason`, once they said so."""
        self.deliver = deliver
        """Send what was rendered in this person's view. Does not wait."""
        self.door = door
        self._has_color: bool | None = None  # None: as it suits the mode
        self._has_times = self._has_bell = False

    @property
    def host(self) -> str:
        """The address without the port."""
        return self.address.rpartition(":")[0]

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
    """Who is here under which name, and the rooms they are in. Safe to use from any thread.

    What is asked for a person is asked by that person's own thread. No lock is held while a room
    is waited for.
    """

    def __init__(
        self,
        history: History,
        observer: Observer,
        replay: int = 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history = history
        self._observer = observer
        self._replay = replay
        self.clock = clock
        self._doors = Lock()  # guards the next three
        self._rooms: dict[str, Room] = {}
        self._places_taken: dict[Room, int] = {}
        self._is_hushed = False
        self._names = Lock()  # guards the three tables below
        self._kept: dict[str, tuple[str, float]] = {}  # for which host, and until when
        self._by_fold: dict[str, Person] = {}
        self._by_skeleton: dict[str, Person] = {}
        self.lobby = self._take_place(LOBBY)  # one that nobody gives up

    # Rooms

    def rooms(self) -> list[Room]:
        """Return the rooms there are, the lobby first."""
        with self._doors:
            return list(self._rooms.values())

    def room(self, name: str) -> Room:
        """Return the room called `name`; raise `KeyError` if there is none."""
        with self._doors:
            return self._rooms[fold_name(name)]

    def people(self) -> Sequence[Member]:
        """Return who is here, room by room, in the order in which they came."""
        rooms = self.rooms()
        if len(rooms) == 1:
            return rooms[0].members
        return [member for room in rooms for member in room.members]

    def _take_place(self, name: str) -> Room:
        """Return the room called `name`, which exists until the place in it is given up."""
        with self._doors:
            room = self._rooms.get(fold_name(name))
            if room is None:
                room = Room(name, self._history, self._observer, self._replay)
                self._rooms[fold_name(name)] = room
                self._places_taken[room] = 0
                if self._is_hushed:
                    room.hush()
            self._places_taken[room] += 1
            return room

    def _give_up_place(self, room: Room) -> None:
        with self._doors:
            self._places_taken[room] -= 1
            if self._places_taken[room]:
                return
            del self._places_taken[room], self._rooms[fold_name(room.name)]
        room.close()

    def enter(self, person: Person) -> None:
        """Let `person`, who has a name, into the lobby."""
        person.joined_at = person.last_heard_at = self.clock()
        self._enter(person, self._take_place(LOBBY), Welcome(person.name))

    def _enter(self, person: Person, room: Room, word: Message) -> None:
        person.room = room
        person.entered_at = self.clock()
        about = [Notice(f"Topic: {room.topic}")] if room.topic else []
        room.join(person, b"".join(render(message, person.view) for message in (word, *about)))

    def move(self, person: Person, raw: str) -> None:
        """Take `person` to the room that `raw` names, which is made if there is none.

        Raise `BadName` if no room can be called that; then nothing has changed.
        """
        try:
            name = clean_name(raw.removeprefix("#"))
        except BadName as error:
            raise BadName(f"No room can be called that. {error}") from None
        room = self._take_place(name)
        if room is person.room:
            self._give_up_place(room)
            raise BadName(f"You are in {room.name} already.")
        self._leave_room(person, f"went to {room.name}")
        self._enter(person, room, Notice(f"You are in {room.name}."))

    def _leave_room(self, person: Person, why: str) -> None:
        room, person.room = person.room, None
        if room is not None:
            room.leave(person, Left(person.name, self.clock() - person.entered_at, why))
            self._give_up_place(room)

    # Names

    def claim_name(self, person: Person, raw: str) -> None:
        """Give `person` the name that `raw` asks for.

        Raise `BadName` if it cannot be had; then nothing has changed.
        """
        name = clean_name(raw)
        fold, looks = fold_name(name), skeleton(name)
        with self._names:
            if self._by_fold.get(fold, person) is not person:
                raise BadName(f"{name} is taken.")
            host, until = self._kept.get(fold, (person.host, 0.0))
            if host != person.host and self.clock() < until:
                raise BadName(f"{name} is kept for somebody whose connection broke.")
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

    # Talk

    def say(self, person: Person, message: Spoken) -> None:
        """Say `message` in the room where `person` is; who speaks is not away any more."""
        self.set_away(person, None)
        if person.room is not None:
            person.room.post(message, person)

    def announce(self, person: Person, message: RoomMessage) -> None:
        """Show the others in the room of `person` what has become of them, before returning."""
        if person.room is not None:
            person.room.announce(message, person)

    def recent(self, room: Room, number: int) -> list[Spoken]:
        """Return the last `number` messages said in `room`, oldest first."""
        return self._history.recent(room.name, number)

    def search(self, words: str, number: int) -> list[Found]:
        """Return the last `number` messages with all of `words`, of any room, newest first."""
        return self._history.search(words, number)

    def set_away(self, person: Person, words: str | None) -> None:
        """Mark `person` as away, with `words` to say why, or with None as back."""
        before, person.away = person.away, words
        if words is not None:
            reason = f" ({words})" if words else ""
            self.announce(person, Remark(f"{person.name} is away{reason}"))
        elif before is not None:
            self.announce(person, Remark(f"{person.name} is back"))

    def find(self, name: str) -> Person:
        """Return who is called `name`; raise `KeyError` if nobody here is."""
        with self._names:
            return self._by_fold[fold_name(name)]

    def whisper(self, person: Person, recipient: Person, text: str) -> None:
        """Say `text` from `person` to `recipient` alone."""
        if person not in recipient.ignores:
            recipient.answers_to = person.name
            recipient.hear(Private(person.name, recipient.name, text))
        person.tell(Private(person.name, recipient.name, text, is_own=True))

    def rename(self, person: Person, raw: str) -> None:
        """Give `person` another name; raise `BadName` if it cannot be had."""
        before = person.name
        self.claim_name(person, raw)
        # The old name stays taken until everybody has read of the change: nobody can be taken for
        # its owner in between.
        self.announce(person, Renamed(before, person.name))
        self._release(person, before, keep=person.name)

    def leave(self, person: Person, why: str) -> None:
        """Take `person` out. `why` is a `Reason`, with their own words if there are any."""
        person.entered_at = person.joined_at  # this is about the whole of their stay
        self._leave_room(person, why)
        if why in _LOST:
            self._keep_name(person)
        self._release(person, person.name)

    def _keep_name(self, person: Person) -> None:
        """Keep the name of somebody whose connection broke for them to come back to."""
        now = self.clock()
        with self._names:
            for name, (_, until) in list(self._kept.items()):
                if until <= now:
                    del self._kept[name]
            self._kept[person.folded_name] = person.host, now + NAME_KEPT_FOR

    # The end

    def hush(self) -> None:
        """Announce no more leaving: everybody is about to."""
        with self._doors:
            self._is_hushed = True
            for room in self._rooms.values():
                room.hush()

    def close(self) -> None:
        """End what the rooms have running."""
        for room in self.rooms():
            room.close()
