"""Hold the members of one room and broadcast to them.

Broadcast is flat combining with hand-over. Whoever posts appends to a queue and tries to take the
room's turn; who gets it delivers everything that waits, other people's messages with their own,
as one batch. The others go straight back to reading from their clients. Joins and leaves travel
in the same queue, so that who is a member is ordered with what is said.

While several speak at once, who gets the turn passes it to the `Deliverer` instead: until its
thread comes to run, all who have something to say have said it, and one batch has it all. Then
posters wait, and that thread does for them what their own would: it asks each for what it has to
say next, and that is the next batch. So as long as all go on talking, no thread has to be woken,
and nobody is read from but between two batches, when what they say is there in one piece.

Kept here: promise 1 (one order), promise 2 (remembered before it is sent), and the room's part of
promise 3: no member's socket is waited for, as `Member.deliver` never waits.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from threadchat.chat.batch import Batch, RenderedBatch
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.interfaces import Member, Observer
from threadchat.messages.format import Format
from threadchat.messages.kinds import Left, RoomMessage, Spoken
from threadchat.storage.history import History

MAX_PENDING = 4096
"""How many entries may wait; beyond that, who posts waits, and so does their connection.

There may be one more for each who does, and for each who joins or leaves.
"""

MAX_BATCH_CHARACTERS = 128 * 1024
"""Where a batch ends even if more is waiting, so that no member is handed megabytes at once."""

More = Callable[[], Sequence[Spoken]]
"""Return what somebody has said since, without waiting; nothing if there is no plain word."""


def _held() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class _Post:
    said: Sequence[Spoken]
    sender: Member
    is_echoed: bool
    more: More | None = None
    served: "Lock | None" = None  # held while the sender waits
    error: Exception | None = None  # that `more` has raised


@dataclass(slots=True)
class _Announcement:
    message: RoomMessage
    sender: Member | None
    done: Lock = field(default_factory=_held)  # let go of when it has been shown


@dataclass(slots=True)
class _Join:
    member: Member
    welcome: bytes
    done: Lock = field(default_factory=_held)


@dataclass(slots=True)
class _Leave:
    member: Member
    left: Left
    done: Lock = field(default_factory=_held)


_Awaited = _Announcement | _Join | _Leave
_Entry = _Post | _Awaited


class Room:
    """A set of members who all see the same messages in the same order.

    `deliverer` takes over while several speak at once. `replay` is how many earlier messages
    somebody who joins is shown. Every method may be called from any thread.
    """

    def __init__(
        self,
        name: str,
        history: History,
        observer: Observer,
        deliverer: Deliverer,
        replay: int = 20,
    ) -> None:
        self.name = name
        self._deliverer = deliverer
        self._history = history
        self._observer = observer
        self._replay = replay
        self._pending: deque[_Entry] = deque()
        self._turn = Lock()  # whoever holds it delivers, and alone touches the members
        self._members: dict[Member, None] = {}  # a set that keeps the order of joining
        self._is_busy = False  # set under the turn: several spoke at once, the last time
        self._is_hushed = False
        self.topic = ""
        """What the room is about. Replaced from any thread."""
        self.members: tuple[Member, ...] = ()
        """Who is here, in the order of joining: a snapshot that is replaced and never changed."""

    def join(self, member: Member, welcome: bytes = b"") -> None:
        """Make `member` one of us: it gets `welcome`, the replay, and what comes from then on.

        Who has read the welcome is in: nothing that is said later is missed.
        """
        self._await(_Join(member, welcome))

    def leave(self, member: Member, left: Left) -> None:
        """Take `member` out; on return it has been handed all that came before its leaving."""
        self._await(_Leave(member, left))

    def post(self, said: Sequence[Spoken], sender: Member, more: More | None = None) -> None:
        """Show what is `said` to every member but `sender`, unless they hear themselves.

        Returns before it is delivered if somebody else is delivering, unless `MAX_PENDING` entries
        wait. With `more`, while several speak at once, it waits until that is delivered, and for as
        long as `more`, called from another thread, has more to say. What that raises is raised
        here.
        """
        post = _Post(said, sender, sender.hears_itself)
        if more is not None and self._is_busy:
            post.more, post.served = more, _held()
        elif len(self._pending) >= MAX_PENDING:
            post.served = _held()
        self._enqueue(post)
        if post.served is not None:
            post.served.acquire()
        if post.error is not None:
            raise post.error

    def announce(self, message: RoomMessage, sender: Member | None = None) -> None:
        """Show `message` to every member but `sender`; on return it has been."""
        self._await(_Announcement(message, sender))

    @property
    def pending(self) -> int:
        """How many messages, joins and leaves wait to be delivered."""
        return len(self._pending)

    def hush(self) -> None:
        """Announce no more leaving: everybody is about to."""
        self._is_hushed = True

    # Taking turns

    def _await(self, entry: _Awaited) -> None:
        self._enqueue(entry)
        entry.done.acquire()

    def _enqueue(self, entry: _Entry) -> None:
        # Appending before trying, and looking again after letting go, loses no entry: whoever
        # holds the turn while this one is appended finds it when it looks again.
        self._pending.append(entry)
        while self._pending and self._turn.acquire(blocking=False):
            if self._is_busy and self._hand_over():
                return
            self._deliver_batch()
            if self._pending and self._hand_over():
                return
            self._turn.release()

    def _hand_over(self) -> bool:
        """Pass the turn on, still held, so that no client's own thread serves the crowd for ever.

        Return False, with the turn still ours, if there is nobody to take it.
        """
        return self._deliverer.take_over(self._deliver_on)

    def _deliver_on(self) -> bool:
        """Deliver a batch; return whether the turn is still held as there is more to deliver."""
        self._deliver_batch()
        if self._pending:
            return True
        self._turn.release()
        return bool(self._pending) and self._turn.acquire(blocking=False)

    # Delivering, with the turn held

    def _deliver_batch(self) -> None:
        entries, awaited = self._take_entries()
        self._is_busy = len(entries) > 1
        try:
            self._deliver(entries, awaited)
        except Exception as error:
            # The turn must be passed on whatever happens (promise 8).
            self._report(f"delivering to room {self.name}", error)
        finally:
            for change in awaited:
                change.done.release()
            for entry in entries:
                if isinstance(entry, _Post) and entry.served is not None:
                    self._go_on(entry, entry.served)

    def _go_on(self, post: _Post, served: Lock) -> None:
        """Post what the sender has said since, in its place; or let it go on by itself."""
        said: Sequence[Spoken] = ()
        if self._is_busy and post.more is not None:
            try:
                said = post.more()
            except Exception as error:
                post.error = error  # the sender's own, who will find it
        if said:
            post.said, post.is_echoed = said, post.sender.hears_itself
            self._pending.append(post)
        else:
            served.release()

    def _take_entries(self) -> tuple[list[_Entry], list[_Awaited]]:
        """Return what waits, or as much of it as one batch may have; and who waits for which."""
        entries: list[_Entry] = []
        awaited: list[_Awaited] = []
        characters = 0
        while self._pending and characters < MAX_BATCH_CHARACTERS:
            entry = self._pending.popleft()
            entries.append(entry)
            if isinstance(entry, _Post):
                for message in entry.said:
                    characters += len(message.text) + 32  # for the name
            else:
                awaited.append(entry)
                characters += 32  # so that no batch is endless
        return entries, awaited

    def _deliver(self, entries: Sequence[_Entry], awaited: Sequence[_Awaited]) -> None:
        """Show `entries` to the members: who joined, then what was said, then who left.

        In that order, whatever the order they came in, because each change of members in between
        would split the batch in two. Nobody is worse off: who joins is shown, live instead of as
        replay, what was said just before, and who leaves gets what was said just after. A name is
        free again only once its leaving has been shown, so no line of a namesake's can precede it.
        """
        batch = Batch(self.name)
        joiners: dict[Member, bytes] = {}
        leaves: dict[Member, Left] = {}
        for change in awaited:
            if isinstance(change, _Join):
                joiners[change.member] = change.welcome
            elif isinstance(change, _Leave):
                leaves[change.member] = change.left
        if joiners:
            self._members.update(dict.fromkeys(joiners))
            batch.add_joiners(joiners, len(self._members), self._recall())
        for entry in entries:
            if isinstance(entry, _Post):
                batch.add_said(entry.said, entry.sender, entry.is_echoed)
            elif isinstance(entry, _Announcement) and self._members:
                # To an empty room, which is given up just now, nothing is shown: one of the same
                # name may be open already, with people in it.
                batch.add(entry.message, not_for=[entry.sender] if entry.sender else ())
        if leaves and not self._is_hushed:
            batch.add_leaves(leaves, len(self._members) - len(leaves))
        if batch.said:
            self._remember(batch.said)

        if joiners or leaves:
            # Before anybody reads of a change: who asks then, sees it made.
            self.members = tuple(member for member in self._members if member not in leaves)
        try:
            self._hand_out(batch)
            deliveries = batch.count_deliveries(self._members)
        finally:
            for member in leaves:
                self._members.pop(member, None)
        self._observer.shown(self.name, batch.messages, deliveries)

    def _recall(self) -> Sequence[Spoken]:
        try:
            return self._history.recent(self.name, self._replay)
        except Exception as error:
            self._report(f"recalling what was said in room {self.name}", error)
            return []

    def _remember(self, spoken: Sequence[Spoken]) -> None:
        """Commit what was said, before anybody is sent it (promise 2)."""
        try:
            self._history.append(self.name, spoken)
        except Exception as error:
            # People can go on talking without a memory, if not without noticing.
            self._report(f"remembering what was said in room {self.name}", error)

    def _hand_out(self, batch: Batch) -> None:
        format, not_for = None, batch.not_for
        in_format: dict[Format, RenderedBatch] = {}
        for member in self._members:
            try:
                wanted = member.format  # looked at once: its own thread may change it meanwhile
                if wanted is not format:
                    if wanted not in in_format:
                        in_format[wanted] = RenderedBatch(batch, wanted)
                    rendered, format = in_format[wanted], wanted
                    whole = rendered.whole
                # In a crowd that listens all but one get the whole.
                if whole and not (member in not_for or member.ignores):
                    member.deliver(whole)
                elif page := rendered.page_for(member):
                    member.deliver(page)
            except Exception as error:
                # One member's failure is that member's alone (promise 8).
                self._report(f"delivering to {member.name}", error)

    def _report(self, doing: str, error: Exception) -> None:
        # There is nobody left to tell if the telling fails.
        with contextlib.suppress(Exception):
            self._observer.failed(doing, error)
