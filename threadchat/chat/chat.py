"""Hold all rooms and the people in them: entering, moving, leaving, and speaking.

Names, mail, passwords and rules are objects of their own. `Chat` brings them together, so that the
commands find them in one place.
"""

import math
import time
from collections.abc import Callable, Collection, Sequence
from threading import Lock

from threadchat.access.limiter import Tries
from threadchat.chat.announcements import Announcements
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.entries import More
from threadchat.chat.farpeople import FarPeople
from threadchat.chat.farperson import FarPerson
from threadchat.chat.hooks import Hooks, clean_name_of_room
from threadchat.chat.identity import Identity
from threadchat.chat.ignoring import Ignoring
from threadchat.chat.interfaces import Connection, Gathering, Member, Observer, ServerControl
from threadchat.chat.mail import Mail
from threadchat.chat.moderation import Moderation
from threadchat.chat.names import Names
from threadchat.chat.openrooms import OpenRooms
from threadchat.chat.order import Order
from threadchat.chat.passwords import Passwords
from threadchat.chat.person import Correspondent, Person
from threadchat.chat.room import Room
from threadchat.chat.rules import Rules
from threadchat.chat.sharing import Sharing
from threadchat.errors import PersonError
from threadchat.messages.apart import Apart
from threadchat.messages.format import Format, render
from threadchat.messages.kinds import (
    CameBack,
    Left,
    Message,
    NewDay,
    Notice,
    Private,
    Problem,
    Renamed,
    RoomMessage,
    Spoken,
    Welcome,
    WentAway,
)
from threadchat.messages.places import Place
from threadchat.monitoring.events import Acted
from threadchat.net.disconnect import Reason
from threadchat.storage.history import History
from threadchat.storage.historystate import HistoryState
from threadchat.storage.records import Protected, Records, RecordsFailed
from threadchat.storage.searching import Found
from threadchat.text.names import BadName, fold_name
from threadchat.text.times import for_and_until

_LOST = frozenset({Reason.RESET, Reason.TIMED_OUT, Reason.TOO_SLOW})

LOBBY = "lobby"
"""The room where everybody starts."""


class Chat:
    """The people on the server, and the rooms they are in. Safe to use from any thread.

    A method that takes a person is called on that person's own thread. `Chat` holds no lock while
    it waits for a room. `replay` is how many earlier messages a newcomer is shown. `control` is
    what operators can do with the server around the chat. `order` puts the batches of all rooms in
    order; without one, that is each room's own turn. `room_type` makes rooms for such an order.
    """

    def __init__(
        self,
        history: History,
        records: Records,
        rules: Rules,
        observer: Observer,
        control: ServerControl,
        replay: int = 20,
        clock: Callable[[], float] = time.monotonic,
        order: Order | None = None,
        room_type: type[Room] = Room,
    ) -> None:
        self._history = history
        history.open_rooms = self._open_rooms
        self._order = order
        self._room_type = room_type
        self._deliverer = Deliverer()
        self._replay = replay
        self.observer = observer
        self.clock = clock
        self.sharing: Sharing | None = None
        """What is to hold on servers that are linked with this one; None for one that is alone."""
        self.rules = rules
        self.records = records
        self.names = Names(records, clock)
        self.far = FarPeople(self.names)
        """The people on other servers that are linked with this one."""
        self.moderation = Moderation(records, self.names, clock)
        self.ignoring = Ignoring(records, self.names)
        self.mail = Mail(records, self.names, observer)
        self.passwords = Passwords(records, self.names, Tries(clock))
        self.control = control
        self.open_rooms = OpenRooms(self.rooms, self.far, history)
        self.announcements = Announcements(self, history, clock, control.finish)
        self.countdown = self.announcements.countdown
        self._lock = Lock()  # guards the next four
        self._rooms: dict[str, Room] = {}
        self._places_taken: dict[Room, int] = {}
        self._is_hushed = False
        self._searching: set[Identity] = set()
        self.lobby = self._take_place(LOBBY)  # this place is never given up, so the lobby stays
        self.lobby.topic = history.topic(LOBBY)
        self.hooks = Hooks(records, self.names, observer, clock, self.keep_open, self.give_up_place)

    # Rooms

    def rooms(self) -> list[Room]:
        """Return all rooms, the lobby first."""
        with self._lock:
            return list(self._rooms.values())

    def room(self, name: str) -> Room:
        """Return the room called `name`; raise `KeyError` if there is none."""
        with self._lock:
            return self._rooms[fold_name(name)]

    def _open_rooms(self) -> Collection[str]:
        """Return the folded names of the rooms in which somebody is."""
        elsewhere = self.far.rooms().keys()
        with self._lock:
            return {fold for fold, room in self._rooms.items() if room.members} | elsewhere

    def has_room(self, name: str) -> bool:
        """Return whether there is a room called `name`, here or elsewhere."""
        with self._lock:
            is_here = fold_name(name) in self._rooms
        return is_here or fold_name(name) in self.far.rooms()

    def people(self) -> Sequence[Member]:
        """Return the members of all rooms, room by room, in the order in which they came.

        Behind them stand those that are in rooms on other servers.
        """
        rooms, elsewhere = self.rooms(), self.far.in_rooms()
        if len(rooms) == 1 and not elsewhere:
            return rooms[0].members
        return [*(member for room in rooms for member in room.members), *elsewhere]

    def _take_place(self, name: str) -> Room:
        """Take a place in the room called `name`, and return that room; make it if needed.

        The room exists until all places in it are given up.
        """
        with self._lock:
            room = self._rooms.get(fold_name(name))
            if room is None:
                room = self._room_type(
                    name,
                    self._history,
                    self.observer,
                    self._deliverer,
                    self._replay,
                    self._order,
                    self.clock,
                    self.far,
                )
                self._rooms[fold_name(name)] = room
                self._places_taken[room] = 0
                if self._is_hushed:
                    room.hush()
            self._places_taken[room] += 1
            return room

    def keep_open(self, name: str) -> Room:
        """Take a place in the room called `name` for what is no member; see `give_up_place`."""
        room = self._take_place(name)
        if not room.members:
            room.topic = self._history.topic(room.name)
        return room

    def give_up_place(self, room: Room) -> None:
        """Let a room be closed that was kept open, if nobody else has a place in it."""
        with self._lock:
            self._places_taken[room] -= 1
            if self._places_taken[room]:
                return
            del self._places_taken[room], self._rooms[fold_name(room.name)]

    def enter(self, person: Person) -> None:
        """Let `person` into the lobby. The person must have a name."""
        motd = map(Notice, self.rules.motd)
        self._enter(person, self._take_place(LOBBY), Welcome(person.name), *motd)

    def _enter(self, person: Person, room: Room, *words: Message) -> None:
        person.room = room
        person.entered_at = self.clock()
        self._tell_elsewhere(person)
        room.join(person, b"".join(render(message, person.format) for message in words))

    def move(self, person: Person, raw: str) -> None:
        """Move `person` to the room that `raw` names; make the room if there is none.

        Raise `BadName` if no room can have that name, or if the person is in it already. Then
        nothing has changed.
        """
        room = self._take_place(clean_name_of_room(raw))
        if room is person.room:
            self.give_up_place(room)
            raise BadName(f"You are in {room.name} already.")
        self._leave_room(person, f"went to {room.name}")
        self._enter(person, room, Notice(f"You are in {room.name}."))

    def resume(
        self,
        person: Person,
        connection: Connection,
        deliver: Callable[[bytes], None],
        format: Format,
        since: Place,
        deliver_privately: Callable[[bytes], None] | None = None,
        deliver_later: Callable[[bytes], Gathering | None] | None = None,
        ready: Callable[[], None] | None = None,
    ) -> None:
        """Let `person`, who has kept their seat, go on through another connection.

        They are handed what they have missed in their room after the place `since`. Nobody is shown
        that they were away. `ready` is called right before that. For the thread of the new
        connection.
        """

        def attach() -> None:
            person.attach(connection, deliver, format, deliver_privately, deliver_later)
            if ready is not None:
                ready()

        if person.room is not None:
            person.room.resume(person, since, attach)
        else:
            attach()

    def _leave_room(self, person: Person, why: str) -> None:
        room, person.room = person.room, None
        self._tell_elsewhere(person)
        person.last_said = None
        if room is not None:
            room.leave(person, Left(person.name, self.clock() - person.entered_at, why))
            self.give_up_place(room)

    def leave(self, person: Person, why: str) -> None:
        """Take `person` out of the chat. `why` is a `Reason`, followed by the person's own words.

        If the connection was lost, the person's name is kept for a while (see `Names.keep`).
        """
        person.has_left = True
        person.entered_at = person.joined_at  # the line tells the time in the chat, not the room
        self._leave_room(person, why)
        self.names.remember(person)
        if why in _LOST:
            self.names.keep(person)
        self.names.release(person, person.name)
        self.note_names(person)

    def note_names(self, person: Person) -> None:
        """Remember over a restart which names `person` had, if they own a protected one."""
        try:
            self.ignoring.note_names(person)
        except RecordsFailed as error:
            self.observer.warn(error.why)

    # Talk

    def say(self, person: Person, said: Sequence[Spoken], more: More | None = None) -> None:
        """Say something in the room where `person` is; the person is not away any more then.

        Nothing is said if the person is muted. For `more` see `Room.post`.
        """
        if self.may_speak(person):
            if person.away is not None:
                self.set_away(person, None)
            if person.room is not None:
                person.last_said = said[-1]
                person.room.post(said, person, more)

    def may_speak(self, person: Person) -> bool:
        """Return whether `person` may speak; tell a muted person that they may not."""
        if person.muted_until == -math.inf:  # true of nearly everybody; saves reading the clock
            return True
        left = person.mute_left(self.clock())
        if left:
            for_ = "" if left == math.inf else f" {for_and_until(left, time.time())}"
            person.tell(Problem(f"You are muted{for_}: nobody was shown that."))
        return not left

    def may_act(self, person: Person) -> bool:
        """Return whether `person`, an operator, may act as one; tell them if they are muted.

        Otherwise they could lift their own mute, or speak in announcements and reasons.
        """
        if not person.mute_left(self.clock()):
            return True
        person.tell(Problem("You are muted: what operators do waits until you may speak again."))
        return False

    def whisper(self, person: Person, recipient: Person, text: str) -> None:
        """Say `text` from `person` to `recipient` alone. The caller has checked `may_speak`."""
        # First, as an answer may come at once, and is read behind it.
        person.tell(Private(person.name, recipient.name, text, is_own=True))
        if isinstance(recipient, FarPerson):
            recipient.be_told(person, text)
        elif person.identity not in recipient.ignores:
            recipient.answers_to = Correspondent(person.name, person.identity)
            recipient.hear(Private(person.name, recipient.name, text))

    def begin_day(self, day: NewDay) -> None:
        """Tell everybody of a new day whose format shows days.

        The line is not part of what rooms show: each server tells its own members.
        """
        for member in [member for room in self.rooms() for member in room.members]:
            try:
                if member.format.shows_days:
                    member.deliver(render(day, member.format))
            except Exception as error:
                self.observer.failed(f"telling {member.name} of a new day", error)

    def announce(self, person: Person, message: RoomMessage) -> None:
        """Show `message` to the others in the room of `person`; return once it is delivered."""
        if person.room is not None:
            person.room.announce(message, person)

    def set_away(self, person: Person, words: str | None) -> None:
        """Mark `person` as away, with `words` as the reason; None marks them as back."""
        before, person.away = person.away, words
        self._tell_elsewhere(person)
        if words is not None:
            self.announce(person, WentAway(person.name, words))
        elif before is not None:
            self.announce(person, CameBack(person.name))

    def _tell_elsewhere(self, person: Person) -> None:
        """Let other servers know what has become of `person`, before anybody reads of it."""
        if self.names.elsewhere is not None:
            self.names.elsewhere.changed(person)

    def rename(self, person: Person, raw: str, *, proven: Protected | None = None) -> None:
        """Give `person` another name; raise what `Names.claim` raises."""
        before = person.name
        self.names.claim(person, raw, proven=proven)
        # The old name stays taken until the change has been delivered to everybody. Otherwise
        # somebody could take the old name and be mistaken for this person.
        self.announce(person, Renamed(before, person.name))
        self.names.release(person, before, keep=person.name)
        self.note_names(person)

    # What was said

    def recent(self, room: Room, number: int) -> list[Spoken]:
        """Return the last `number` messages that were said in `room`, oldest first."""
        return self._history.recent(room.name, number)

    def apart(self, room: str, said: Sequence[Spoken]) -> Sequence[Apart | None]:
        """Return when the servers of lines of `room` had no link: see `History.apart`."""
        return self._history.apart(room, said)

    def last_place(self, room: str) -> Place:
        """Return the place of the last line of the room of that name."""
        return self._history.last_place(room)

    @property
    def history_state(self) -> HistoryState | None:
        """How the history in a file is doing; None if there is no file."""
        return self._history.state

    def search(self, person: Person, words: str, number: int) -> list[Found]:
        """Return the last `number` messages that contain all `words`, in any room, newest first.

        Raise what `History.search` raises, and `PersonError` if `person` is searching already.
        """
        searcher = person.identity
        with self._lock:
            if searcher in self._searching:
                raise PersonError("Your last search is not finished yet. Wait for its answer.")
            self._searching.add(searcher)
        try:
            return self._history.search(words, number)
        finally:
            with self._lock:
                self._searching.discard(searcher)

    # For the operator

    def log_act(self, operator: Person, deed: str) -> None:
        """Log what `operator` did."""
        self.observer.note(Acted(operator.name, deed))

    def tell_of_failure(self, person: Person, error: RecordsFailed) -> None:
        """Tell `person` that the file of records fails, and tell the operator why."""
        self.observer.warn(error.why)
        person.tell(Problem(str(error)))

    # The end

    def hush(self) -> None:
        """Stop announcing members that leave. Used at the stop, when everybody leaves."""
        self.names.hush()
        with self._lock:
            self._is_hushed = True
            rooms = list(self._rooms.values())
        for room in rooms:
            room.hush()

    def start(self) -> None:
        """Start the deliverer's threads now, before the first busy time."""
        self._deliverer.start()

    def close(self, timeout: float = 5.0) -> None:
        """End the countdown and the deliverer's threads; wait up to `timeout` seconds for each.

        Messages that are posted after that are still delivered, by the thread that posts them.
        """
        self.hooks.close()
        self.countdown.close(timeout)
        self._deliverer.close(timeout)
