"""Hold all rooms, all names, and the people who have them: who may have which, and say what."""

import math
import time
from collections.abc import Callable, Sequence
from itertools import takewhile
from threading import Condition, Lock

from threadchat.chat.countdown import Countdown
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.interfaces import Member, Observer
from threadchat.chat.person import Person
from threadchat.chat.room import More, Room
from threadchat.chat.rules import House
from threadchat.messages.kinds import (
    Left,
    Message,
    Notice,
    Private,
    Problem,
    Remark,
    Renamed,
    RoomMessage,
    Spoken,
    Welcome,
)
from threadchat.net.disconnect import Reason
from threadchat.storage.history import Found, History
from threadchat.storage.records import Protected, RecordsFailed
from threadchat.terminal.view import render
from threadchat.text.names import BadName, clean_name, fold_name, skeleton
from threadchat.text.phrases import duration

NAME_KEPT_FOR = 120.0
"""Seconds for which a name that was lost with its connection is kept for the same address."""

MAKE_WAY_SECONDS = 5.0
"""How long somebody who gave the passphrase of a name waits for it to be free."""

_LOST = frozenset({Reason.RESET, Reason.TIMED_OUT, Reason.TOO_SLOW})

LOBBY = "lobby"
"""The room where everybody starts."""


class NameProtected(BadName):
    """A name belongs to who knows its passphrase; `protected` is what is kept of both."""

    def __init__(self, protected: Protected) -> None:
        super().__init__(f"{protected.name} is protected: its passphrase is needed.")
        self.protected = protected


class Chat:
    """Who is here under which name, and the rooms they are in. Safe to use from any thread.

    What is asked for a person is asked by that person's own thread. No lock is held while a room
    is waited for.
    """

    def __init__(
        self,
        history: History,
        observer: Observer,
        house: House,
        replay: int = 20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history = history
        self._deliverer = Deliverer()
        self._observer = observer
        self.house = house
        self._replay = replay
        self.clock = clock
        self._doors = Lock()  # guards the next three
        self._rooms: dict[str, Room] = {}
        self._places_taken: dict[Room, int] = {}
        self._is_hushed = False
        self._names = Condition(Lock())  # told when one is free again; guards the tables below
        self._kept: dict[str, tuple[str, float]] = {}  # for which host, and until when
        self._by_fold: dict[str, Person] = {}
        self._by_skeleton: dict[str, Person] = {}
        self._muted: dict[str, float] = {}  # until when
        self.lobby = self._take_place(LOBBY)  # one that nobody gives up
        self.countdown = Countdown(self._tell_of_the_end, house.finish)

    # Rooms

    def rooms(self) -> list[Room]:
        """Return the rooms there are, the lobby first."""
        with self._doors:
            return list(self._rooms.values())

    def room(self, name: str) -> Room:
        """Return the room called `name`; raise `KeyError` if there is none."""
        with self._doors:
            return self._rooms[fold_name(name)]

    def has_room(self, name: str) -> bool:
        """Return whether there is a room called `name`."""
        with self._doors:
            return fold_name(name) in self._rooms

    def people(self) -> Sequence[Member]:
        """Return who is here, room by room, in the order in which they came."""
        rooms = self.rooms()
        if len(rooms) == 1:
            return rooms[0].members
        return [member for room in rooms for member in room.members]

    def everybody(self) -> list[Person]:
        """Return who has a name, in a room or just before."""
        with self._names:
            return [person for person in self._by_fold.values() if person.door is not None]

    def _take_place(self, name: str) -> Room:
        """Return the room called `name`, which exists until the place in it is given up."""
        with self._doors:
            room = self._rooms.get(fold_name(name))
            if room is None:
                room = Room(name, self._history, self._observer, self._deliverer, self._replay)
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

    def enter(self, person: Person) -> None:
        """Let `person`, who has a name, into the lobby."""
        person.joined_at = person.last_heard_at = self.clock()
        motd = map(Notice, self.house.motd)
        self._enter(person, self._take_place(LOBBY), Welcome(person.name), *motd)

    def _enter(self, person: Person, room: Room, *words: Message) -> None:
        person.room = room
        person.entered_at = self.clock()
        about = [Notice(f"Topic: {room.topic}")] if room.topic else []
        room.join(person, b"".join(render(message, person.view) for message in (*words, *about)))

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

    def claim_name(self, person: Person, raw: str, *, proven: Protected | None = None) -> None:
        """Give `person` the name that `raw` asks for.

        Raise `NameProtected` if its passphrase has to be given first, and `proven` is not that
        error's `protected`, of which it has been; `BadName` if it cannot be had at all. Then
        nothing has changed. Who has proven that it is theirs need not wait until the end of an
        earlier connection is found out: that is ended.
        """
        name = clean_name(raw)
        self._check_claim(person, name, proven)
        fold, looks = fold_name(name), skeleton(name)
        if proven is not None:
            self._make_way(person, fold)
        with self._names:
            if self._by_fold.get(fold, person) is not person:
                raise BadName(f"{name} is taken.")
            host, until = self._kept.get(fold, (person.host, 0.0))
            if host != person.host and self.clock() < until and proven is None:
                raise BadName(f"{name} is kept for somebody whose connection broke.")
            other = self._by_skeleton.get(looks, person)
            if other is not person:
                raise BadName(f"{name} looks too much like {other.name}, who is here already.")
            self._by_fold[fold] = self._by_skeleton[looks] = person
            person.name, person.folded_name = name, fold
            person.muted_until = max(person.muted_until, self._muted.get(fold, -math.inf))

    def _make_way(self, person: Person, fold: str) -> None:
        """End whoever else has that name, and wait a little until it is free."""
        with self._names:
            holder = self._by_fold.get(fold, person)
        door = holder.door  # which goes with the connection
        if holder is not person and door is not None:
            words = f"{holder.name} has come in again, from {person.host}. Goodbye."
            door.end(Reason.REPLACED, words)
            with self._names:
                self._names.wait_for(
                    lambda: self._by_fold.get(fold) is not holder, MAKE_WAY_SECONDS
                )

    def _check_claim(self, person: Person, name: str, proven: Protected | None) -> None:
        """Raise `BadName` or `NameProtected` for what is remembered of that name or address."""
        records = self.house.records
        if ban := records.ban_of_name(name) or records.ban_of_address(person.host):
            raise BadName(f"That is banned here: {ban.line(records.now())}.")
        if person.name and fold_name(name) == person.folded_name:
            return
        if (protected := records.protected(name)) is not None:
            if protected != proven:
                raise NameProtected(protected)
        elif other := records.lookalike(name):
            raise BadName(f"{name} looks too much like {other}, which is protected.")

    def _release(self, person: Person, name: str, keep: str = "") -> None:
        """Make `name` free again, but for what it has in common with `keep`."""
        with self._names:
            for table, key_of in ((self._by_fold, fold_name), (self._by_skeleton, skeleton)):
                key = key_of(name)
                if table.get(key) is person and not (keep and key_of(keep) == key):
                    del table[key]
            self._names.notify_all()

    # Talk

    def say(self, person: Person, said: Sequence[Spoken], more: More | None = None) -> None:
        """Say something in the room where `person` is; who speaks is not away any more.

        For `more` see `Room.post`.
        """
        if self.may_speak(person):
            if person.away is not None:
                self.set_away(person, None)
            if person.room is not None:
                person.room.post(said, person, more)

    def may_speak(self, person: Person) -> bool:
        """Return whether `person` is not muted; if they are, they have been told."""
        if person.muted_until == -math.inf:  # as nearly everybody's: no clock is needed
            return True
        left = person.mute_left(self.clock())
        if left:
            until = "" if left == math.inf else f" for {duration(left)} more"
            person.tell(Problem(f"You are muted{until}: nobody was shown that."))
        return not left

    def mute(self, name: str, seconds: float) -> None:
        """Let nobody called `name` speak for so long, now or after coming back."""
        until = self.clock() + seconds
        with self._names:
            self._muted[fold_name(name)] = until
            person = self._by_fold.get(fold_name(name))
            if person is not None:
                person.muted_until = until

    def unmute(self, name: str) -> bool:
        """Let them speak again; return whether they were muted."""
        with self._names:
            until = self._muted.pop(fold_name(name), -math.inf)
            person = self._by_fold.get(fold_name(name))
            if person is not None:
                until, person.muted_until = max(until, person.muted_until), -math.inf
        return until > self.clock()

    def announce_everywhere(self, message: RoomMessage) -> None:
        """Show everybody, in all rooms, `message`; on return they have been."""
        for room in self.rooms():
            room.announce(message)

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

    def is_here(self, name: str) -> bool:
        """Return whether somebody here is called `name`."""
        with self._names:
            return fold_name(name) in self._by_fold

    def whisper(self, person: Person, recipient: Person, text: str) -> None:
        """Say `text` from `person`, who may speak, to `recipient` alone."""
        if person not in recipient.ignores:
            recipient.answers_to = person.name
            recipient.hear(Private(person.name, recipient.name, text))
        person.tell(Private(person.name, recipient.name, text, is_own=True))

    def rename(self, person: Person, raw: str, *, proven: Protected | None = None) -> None:
        """Give `person` another name, on the terms of `claim_name`."""
        before = person.name
        self.claim_name(person, raw, proven=proven)
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
            # The oldest stand first: no look at all of them for each of a crowd that breaks off.
            for name in list(takewhile(lambda name: self._kept[name][1] <= now, self._kept)):
                del self._kept[name]
            self._kept.pop(person.folded_name, None)
            self._kept[person.folded_name] = person.host, now + NAME_KEPT_FOR

    def seat_operator(self, operator: Person) -> None:
        """Let people find who sits at the server's own terminal, in no room, by their name."""
        with self._names:
            self._by_fold[operator.folded_name] = operator

    def tell_of_failure(self, person: Person, error: RecordsFailed) -> None:
        """Tell `person` that the file fails, and the operator why."""
        self.house.warn(error.why)
        person.tell(Problem(str(error)))

    # The end

    def _tell_of_the_end(self, seconds: int) -> None:
        left = f"{seconds} s" if seconds < 120 else duration(seconds)
        self.announce_everywhere(Remark(f"The server stops in {left}"))

    def hush(self) -> None:
        """Announce no more leaving: everybody is about to."""
        with self._doors:
            self._is_hushed = True
            for room in self._rooms.values():
                room.hush()

    def start(self) -> None:
        """Start now what the rooms have running in their busy times."""
        self._deliverer.start()

    def close(self) -> None:
        """End what the rooms have running, and a countdown.

        Whatever is said from now on is still delivered, by who says it.
        """
        self.countdown.call_off()
        self._deliverer.close()
