"""Hold the members of one room and broadcast to them.

Broadcast is flat combining with hand-over. Whoever posts appends to a queue and tries to take the
room's turn; who gets it delivers everything that waits, other people's messages with their own,
as one batch. The others go straight back to reading from their clients. Joins and leaves travel
in the same queue, so that who is a member is ordered with what is said.

While several speak at once, who gets the turn passes it to the room's own thread instead: until
that comes to run, all who have something to say have said it, and one batch has it all.

Kept here: promise 1 (one order), promise 2 (remembered before it is sent), and the room's part of
promise 3: no member's socket is waited for, as `Member.deliver` never waits.
"""

import contextlib
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Protocol

from threadchat.history import History
from threadchat.messages import (
    MAX_NAMES_LISTED,
    NAMES_OF_A_CROWD,
    Joined,
    Left,
    LeftTogether,
    Message,
    Notice,
    RoomMessage,
    Spoken,
    View,
    render,
    words_of,
)

MAX_PENDING = 4096
"""How many entries may wait; beyond that, who posts waits, and so does their connection."""

MAX_BATCH_CHARACTERS = 64 * 1024
"""Where a batch ends even if more is waiting, so that no member is handed megabytes at once."""


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


class Observer(Protocol):
    """Who wants to see what a room is shown. Called in the room's order; must not wait."""

    def shown(self, room: str, messages: Sequence[RoomMessage], deliveries: int) -> None:
        """See a batch that has been handed to every member, as so many lines in all."""

    def failed(self, doing: str, error: Exception) -> None:
        """See an error that should not have happened and that the room has survived."""


@dataclass(frozen=True, slots=True)
class _Post:
    message: RoomMessage
    sender: Member | None
    is_echoed: bool = False
    done: Event | None = None


@dataclass(frozen=True, slots=True)
class _Join:
    member: Member
    welcome: bytes
    done: Event


@dataclass(frozen=True, slots=True)
class _Leave:
    member: Member
    left: Left
    done: Event


_Entry = _Post | _Join | _Leave


class Room:
    """A set of members who all see the same messages in the same order.

    `replay` is how many earlier messages somebody who joins is shown. Every method may be called
    from any thread.
    """

    def __init__(self, name: str, history: History, observer: Observer, replay: int = 20) -> None:
        self.name = name
        self._history = history
        self._observer = observer
        self._replay = replay
        self._pending: deque[_Entry] = deque()
        self._turn = Lock()  # whoever holds it delivers, and alone touches the members
        self._members: dict[Member, None] = {}  # a set that keeps the order of joining
        self._baton: SimpleQueue[bool] = SimpleQueue()  # hands the turn, still held, to the thread
        self._thread: Thread | None = None  # guarded by the turn
        self._is_closed = False  # guarded by the turn
        self._is_busy = False  # guarded by the turn: several spoke at once, the last time
        self._is_hushed = False
        self.topic = ""
        """What the room is about. Replaced from any thread."""
        self.members: tuple[Member, ...] = ()
        """Who is here, in the order of joining: a snapshot that is replaced and never changed."""

    def join(self, member: Member, welcome: bytes = b"") -> None:
        """Make `member` one of us: it gets `welcome`, the replay, and what comes from then on.

        Who has read the welcome is in: nothing that is said later is missed.
        """
        done = Event()
        self._enqueue(_Join(member, welcome, done))
        done.wait()

    def leave(self, member: Member, left: Left) -> None:
        """Take `member` out; on return it has been handed all that came before its leaving."""
        done = Event()
        self._enqueue(_Leave(member, left, done))
        done.wait()

    def post(self, message: RoomMessage, sender: Member) -> None:
        """Show `message` to every member but `sender`, who sees it only if they hear themselves.

        Returns before it is delivered if somebody else is delivering, and waits only while more
        than `MAX_PENDING` entries do.
        """
        is_echoed = isinstance(message, Spoken) and sender.hears_itself
        self._enqueue(_Post(message, sender, is_echoed))

    def announce(self, message: RoomMessage, sender: Member | None = None) -> None:
        """Show `message` to every member but `sender`; on return it has been."""
        done = Event()
        self._enqueue(_Post(message, sender, done=done))
        done.wait()

    @property
    def pending(self) -> int:
        """How many messages, joins and leaves wait to be delivered."""
        return len(self._pending)

    def hush(self) -> None:
        """Announce no more leaving: everybody is about to."""
        self._is_hushed = True

    def close(self, timeout: float = 5.0) -> None:
        """End the delivery thread within `timeout` seconds.

        Whatever is posted from now on is still delivered, by who posts it.
        """
        with self._turn:
            self._is_closed = True
            thread, self._thread = self._thread, None
            self._baton.put(False)
        if thread is not None:
            thread.join(timeout)

    # Taking turns

    def _enqueue(self, entry: _Entry) -> None:
        # Appending before trying, and looking again after letting go, loses no entry: whoever
        # holds the turn while this one is appended finds it when it looks again.
        self._pending.append(entry)
        crowded = len(self._pending) > MAX_PENDING
        while self._pending and self._turn.acquire(blocking=crowded):
            if self._is_busy and self._hand_over():
                return
            self._deliver_batch()
            if self._pending and self._hand_over():
                return
            self._turn.release()

    def _hand_over(self) -> bool:
        """Pass the turn to the delivery thread, so that no client's own serves the crowd for ever.

        Return False, with the turn still ours, if there can be no such thread.
        """
        if self._is_closed:
            return False
        if self._thread is None:
            thread = Thread(target=self._serve, name=f"threadchat room {self.name}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # out of threads: the posters go on by themselves
                return False
            self._thread = thread
        self._baton.put(True)
        return True

    def _serve(self) -> None:
        """Deliver for as long as there is something each time the turn is handed over."""
        while self._baton.get():
            while True:
                while self._pending:
                    self._deliver_batch()
                self._turn.release()
                if not (self._pending and self._turn.acquire(blocking=False)):
                    break

    # Delivering, with the turn held

    def _deliver_batch(self) -> None:
        batch = self._take_batch()
        self._is_busy = len(batch) > 1
        try:
            self._deliver(batch)
        except Exception as error:
            # The turn must be passed on whatever happens (promise 8).
            self._report(f"delivering to room {self.name}", error)
        finally:
            for entry in batch:
                if entry.done is not None:
                    entry.done.set()

    def _take_batch(self) -> list[_Entry]:
        batch: list[_Entry] = []
        characters = 0
        while self._pending and characters < MAX_BATCH_CHARACTERS:
            entry = self._pending.popleft()
            batch.append(entry)
            if isinstance(entry, _Post) and isinstance(entry.message, Spoken):
                characters += len(entry.message.text)
            characters += 32  # for the name, and so that no batch is endless
        return batch

    def _deliver(self, batch: Sequence[_Entry]) -> None:
        """Show `batch` to the members: who joined, then what was said, then who left.

        In that order, whatever the order they came in, because each change of members in between
        would split the batch in two. Nobody is worse off: who joins is shown, live instead of as
        replay, what was said just before, and who leaves gets what was said just after. A name is
        free again only once its leaving has been shown, so no line of a namesake's can precede it.
        """
        posts = [entry for entry in batch if isinstance(entry, _Post)]
        joiners = {entry.member: entry.welcome for entry in batch if isinstance(entry, _Join)}
        leaves = {entry.member: entry.left for entry in batch if isinstance(entry, _Leave)}
        replay = self._recall() if joiners else []
        self._remember([post.message for post in posts if isinstance(post.message, Spoken)])

        self._members.update(dict.fromkeys(joiners))
        announced = {} if self._is_hushed else leaves
        sheet = _Sheet(posts, joiners, announced, len(self._members), replay)
        if joiners or leaves:
            # Before anybody reads of a change: who asks then, sees it made.
            self.members = tuple(member for member in self._members if member not in leaves)
        try:
            deliveries = sheet.count_deliveries(self._members)
            self._hand_out(sheet)
        finally:
            for member in leaves:
                self._members.pop(member, None)
        self._observer.shown(self.name, sheet.messages, deliveries)

    def _recall(self) -> list[Spoken]:
        try:
            return self._history.recent(self.name, self._replay)
        except Exception as error:
            self._report(f"recalling what was said in room {self.name}", error)
            return []

    def _remember(self, spoken: Sequence[Spoken]) -> None:
        """Commit what was said, before anybody is sent it (promise 2)."""
        try:
            if spoken:
                self._history.append(self.name, spoken)
        except Exception as error:
            # People can go on talking without a memory, if not without noticing.
            self._report(f"remembering what was said in room {self.name}", error)

    def _hand_out(self, sheet: "_Sheet") -> None:
        view = None
        for member in self._members:
            try:
                wanted = member.view  # looked at once: its own thread may change it meanwhile
                if wanted is not view:
                    rendered = sheet.rendered(wanted)
                    view = wanted
                if page := rendered.page_for(member):
                    member.deliver(page)
            except Exception as error:
                # One member's failure is that member's alone (promise 8).
                self._report(f"delivering to {member.name}", error)

    def _report(self, doing: str, error: Exception) -> None:
        # There is nobody left to tell if the telling fails.
        with contextlib.suppress(Exception):
            self._observer.failed(doing, error)


class _Sheet:
    """A batch as it is shown: which messages, in which order, and who is not to get which."""

    def __init__(
        self,
        posts: Sequence[_Post],
        joiners: dict[Member, bytes],
        leaves: dict[Member, Left],
        here: int,
        replay: Sequence[Spoken],
    ) -> None:
        self.messages: list[RoomMessage] = []
        self._speakers: list[Member | None] = []
        self.not_for: dict[Member, list[int]] = {}
        """For those who do not get everything: the places of the messages left out, ascending."""
        self.replay = replay
        self.welcome_of = joiners
        self.place_of = {member: place for place, member in enumerate(joiners)}
        self.here = here
        self._rendered: dict[View, _Rendered] = {}
        if joiners:
            # Who joined is told of the others in a line of their own.
            self.joined = [member.name for member in joiners]
            self._add(Joined(self.joined, here), joiners)
        for post in posts:
            speaker = post.sender if isinstance(post.message, Spoken) else None
            not_for = () if post.is_echoed or post.sender is None else (post.sender,)
            self._add(post.message, not_for, speaker)
        if len(leaves) == 1:
            (left,) = leaves.values()
            self._add(left, leaves)
        elif leaves:
            names = [left.name for left in leaves.values()]
            self._add(LeftTogether(names, here - len(leaves)), leaves)

    def _add(
        self, message: RoomMessage, not_for: Iterable[Member], speaker: Member | None = None
    ) -> None:
        for member in not_for:
            self.not_for.setdefault(member, []).append(len(self.messages))
        self.messages.append(message)
        self._speakers.append(speaker)

    def count_deliveries(self, members: Collection[Member]) -> int:
        """Return how many lines this is to `members`, as if nobody ignored anybody."""
        left_out = sum(len(places) for one, places in self.not_for.items() if one in members)
        return len(self.messages) * len(members) - left_out

    def places_of(self, speakers: Collection[Member]) -> list[int]:
        """Return the places of what `speakers` said."""
        return [place for place, speaker in enumerate(self._speakers) if speaker in speakers]

    @cached_property
    def mentions(self) -> dict[str, list[int]]:
        """The places of the messages that mention a word, by that word, folded as names are."""
        places: dict[str, list[int]] = {}
        for place, message in enumerate(self.messages):
            if isinstance(message, Spoken):
                for word in words_of(message.text):
                    places.setdefault(word, []).append(place)
        return places

    def is_by(self, member: Member, place: int) -> bool:
        """Return whether `member` said the message in that place."""
        return self._speakers[place] is member

    def rendered(self, view: View) -> "_Rendered":
        """Return the batch in `view`, rendered when it is first asked for."""
        if view not in self._rendered:
            self._rendered[view] = _Rendered(self, view)
        return self._rendered[view]


class _Rendered:
    """A batch in one view. A member's page is a few slices of it, not a loop over messages."""

    def __init__(self, sheet: _Sheet, view: View) -> None:
        self._sheet = sheet
        self._view = view
        lines = [render(message, view) for message in sheet.messages]
        self._whole = b"".join(lines)
        self._ends = list(accumulate(map(len, lines)))
        self._openings: dict[int, bytes] = {}
        self._marked: dict[int, bytes] = {}

    def page_for(self, member: Member) -> bytes:
        """Return what `member` is to be sent."""
        left_out = self._sheet.not_for.get(member)
        mentions = self._mentions_of(member) if self._view.marks_mentions else None
        if left_out is None and not mentions and not member.ignores:
            return self._whole
        changes = dict.fromkeys(left_out or (), b"")
        if member.ignores:
            changes.update(dict.fromkeys(self._sheet.places_of(member.ignores), b""))
        for index in mentions or ():
            if index not in changes:
                changes[index] = self._mark(index)
        parts: list[bytes] = []
        if (place := self._sheet.place_of.get(member)) is not None:
            parts += (self._sheet.welcome_of[member], self._opening_for(place))
        begin = 0
        for index in sorted(changes):
            end = self._ends[index - 1] if index else 0
            parts += (self._whole[begin:end], changes[index])
            begin = self._ends[index]
        parts.append(self._whole[begin:])
        return b"".join(parts)

    def _mentions_of(self, member: Member) -> list[int]:
        """Return the places of what others say to or of `member`."""
        return [
            place
            for place in self._sheet.mentions.get(member.folded_name, ())
            if not self._sheet.is_by(member, place)
        ]

    def _mark(self, place: int) -> bytes:
        if place not in self._marked:
            message = self._sheet.messages[place]
            self._marked[place] = render(message, self._view, is_mention=True)
        return self._marked[place]

    def _opening_for(self, place: int) -> bytes:
        """Return the replay, and who joined at the same time, for the joiner in that place.

        In a crowd, all but those whom the line would name get the same one: a thousand who arrive
        together cost four renderings of it.
        """
        joined = self._sheet.joined
        crowd = len(joined) - 1 > MAX_NAMES_LISTED
        if crowd and place >= NAMES_OF_A_CROWD:
            place = NAMES_OF_A_CROWD
        if place not in self._openings:
            messages = _replay_messages(self._sheet.replay)
            if len(joined) > 1:
                first = joined[: MAX_NAMES_LISTED + 1]
                others = first[:place] + first[place + 1 :]
                messages.append(Joined(others, self._sheet.here, len(joined) - 1))
            self._openings[place] = b"".join(render(message, self._view) for message in messages)
        return self._openings[place]


def _replay_messages(replay: Sequence[Spoken]) -> list[Message]:
    """Return what was said before, between a line that says so and one that ends it."""
    if not replay:
        return []
    return [Notice("What was said before you came:"), *replay, Notice("From here on it is live.")]
