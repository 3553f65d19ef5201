"""Hold the members of one room and broadcast to them.

Broadcast is flat combining with hand-over. A thread that posts appends to a queue and tries to take
the room's turn. The thread that gets the turn delivers everything that waits as one batch: its own
messages and those of others. The other threads go straight back to reading from their clients.
Joins and leaves travel in the same queue, so they have a place in the same order as the messages.

While several people speak at once, here or in rooms that wait for the `Deliverer`, the turn passes
to the deliverer. Before its thread runs, everybody with something to say has posted it, so one
batch holds it all. A poster that gave a `more` then waits. The deliverer asks `more` for the next
messages, or, if other rooms wait, does so when it comes here again; these make the next batch. So
no thread has to be woken as long as all go on talking. A client is read from only between two
batches, when what it has sent is there in one piece.

This module keeps promise 1 (one order), promise 2 (remembered before it is sent), and the room's
part of promise 3: a room never waits for a member's socket, because `Member.deliver` never waits.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from threading import Lock

from threadchat.chat.asking import PATIENCE, Waiting
from threadchat.chat.batch import Batch, Joining
from threadchat.chat.deliverer import Deliverer
from threadchat.chat.entries import (
    Announce,
    Change,
    Entry,
    Join,
    Leave,
    More,
    Post,
    Resume,
    TakeBack,
    held_lock,
    raise_error,
)
from threadchat.chat.handout import Members
from threadchat.chat.interfaces import Member, Observer, PeopleElsewhere, report
from threadchat.chat.order import InProcessOrder, Order
from threadchat.chat.past import Past
from threadchat.chat.resting import Resting
from threadchat.messages.kinds import Left, RoomMessage, Spoken, TakenBack, TopicSet
from threadchat.messages.places import Place
from threadchat.storage.history import History

MAX_PENDING = 4096
"""How many entries may wait. At that number a poster waits, and so its client is not read from.

Each poster that waits may add one more entry, and so may each member that joins or leaves.
"""

MAX_BATCH_CHARACTERS = 128 * 1024
"""A batch ends at about this size even if more waits, so that no member gets megabytes at once."""


class Room:
    """A set of members that all see the same messages in the same order.

    `deliverer` takes over while several members speak at once. `replay` is how many earlier
    messages a new member is shown. `order` puts batches in order; without one, the room's turn is
    the order. `clock` counts seconds. `far` knows who is in the room on other servers. Every method
    may be called from any thread, `apply` excepted.
    """

    _patience = PATIENCE  # with speakers that say nothing

    def __init__(
        self,
        name: str,
        history: History,
        observer: Observer,
        deliverer: Deliverer,
        replay: int = 20,
        order: Order | None = None,
        clock: Callable[[], float] = time.monotonic,
        far: PeopleElsewhere | None = None,
    ) -> None:
        self.name = name
        self._far = far
        self._clock = clock
        self._deliverer = deliverer
        self._past = Past(name, history, replay, observer)
        self._order = order or InProcessOrder(history)
        self._observer = observer
        self._pending: deque[Entry | Batch] = deque()
        self._turn = Lock()  # its holder delivers, and is the only thread that uses `_members`
        self._members = Members(clock)
        self._resting = Resting(clock)
        self._here = 0  # how many members there are once all that is laid out has been shown
        self._is_busy = False  # set under the turn: several spoke at once, or other rooms wait
        self._waiting = Waiting(self._patience)  # used under the turn, as is the next one
        self._asks_later = False  # whether others have their turn before speakers are asked
        self._is_hushed = False
        self.topic = ""
        """What the room is about: a `TopicSet` that is announced sets it, in the room's order."""
        self.members: tuple[Member, ...] = ()
        """The members, in the order of joining: a snapshot that is replaced and never changed."""

    def join(self, member: Member, welcome: bytes = b"", since: Place | None = None) -> Place:
        """Add `member`: it gets `welcome`, the replay, and everything that is said from then on.

        A member that has read its welcome is in the room: it misses nothing that is said later.
        Return once the welcome has been handed over, with the place of the last line before.

        A member that was here before and comes back names the place of the last line that it has
        seen, `since`. In place of the replay it gets exactly what came after that, with a `Gap`
        wherever lines are missing; see `missed_since`. If the place is of another epoch, that is a
        new beginning, and it gets the replay.
        """
        join = Join(member, welcome, since)
        self._await(join)
        return join.place

    def leave(self, member: Member, left: Left) -> None:
        """Remove `member`; on return it has been handed everything that came before its leaving."""
        self._await(Leave(member, left))

    def post(self, said: Sequence[Spoken], sender: Member, more: More | None = None) -> None:
        """Show the messages `said` to all members; to `sender` only if it hears itself.

        If another thread is delivering, return before the messages are delivered. If `MAX_PENDING`
        entries wait, return after that.

        With `more`, while several members speak at once, wait until the messages are delivered, and
        for as long as `more` returns further ones. Another thread calls it; this raises its error.
        """
        post = Post(said, sender, sender.hears_itself)
        if more is not None and self._is_busy:
            post.more, post.served = more, held_lock()
        elif len(self._pending) >= MAX_PENDING:
            post.served = held_lock()
        self._enqueue(post)
        if post.served is not None:
            post.served.acquire()
        if post.error is not None:
            raise_error(post)

    def announce(self, message: RoomMessage, sender: Member | None = None) -> None:
        """Show `message` to every member but `sender`; return once it has been delivered."""
        self._await(Announce(message, sender))

    def resume(self, member: Member, since: Place | None, attach: Callable[[], None]) -> None:
        """Let `member` go on through another connection, for which `attach` gets it ready.

        `since` is the place of the last line that it has seen. It is handed exactly what came after
        that, as when it joins with `since`, and from then on what is said; None: it has seen all.
        Nobody else is shown anything. Return once that has been handed over; raise what `attach`
        raises.
        """
        entry = Resume(member, attach, since)
        self._await(entry)
        raise_error(entry)

    def take_back(self, line: Spoken | Place) -> TakenBack | None:
        """Take back a line that was said here, given as the message or by its place.

        Its text is gone from the history then, and the members have been told. Return None, and
        tell nobody, if it is not remembered or was taken back before. Raise `CannotTakeBack`.
        """
        entry = TakeBack(line)
        self._await(entry)
        raise_error(entry)
        return entry.taken_back

    @property
    def people(self) -> Sequence[Member]:
        """The members, and behind them those that are in this room on other servers."""
        return self.members if self._far is None else (*self.members, *self._far.in_room(self.name))

    @property
    def pending(self) -> int:
        """How many messages, joins and leaves wait to be delivered."""
        return len(self._pending)

    def hush(self) -> None:
        """Stop announcing members that leave. Used at the stop, when everybody leaves."""
        self._is_hushed = True

    # Taking turns

    def _await(self, entry: Change) -> None:
        self._enqueue(entry)
        entry.done.acquire()

    def _enqueue(self, entry: Entry | Batch) -> None:
        # No entry is lost, because we append before we try for the turn, and each holder of the
        # turn looks at the queue again after it has released the turn.
        self._pending.append(entry)
        while self._pending and self._turn.acquire(blocking=False):
            if self._is_for_deliverer() and self._hand_over():
                return
            self._deliver_batch()
            if (self._pending or self._waiting) and self._hand_over():
                return
            self._waiting.let_go()
            self._turn.release()

    def _is_for_deliverer(self) -> bool:
        """Return whether the deliverer is to do all that waits."""
        return self._is_busy

    def _hand_over(self) -> bool:
        """Pass the held turn to the deliverer; else a client's own thread might serve all the rest.

        Return False, with the turn still ours, if the deliverer cannot take it.
        """
        return self._deliverer.take_over(self._deliver_on)

    def _deliver_on(self) -> bool:
        """Ask for more, and deliver it; return True, with the turn still held, if more may come.

        So rooms that wait have their turn before the speakers of a batch are asked. By then most
        have said more, and the threads of few have to be woken.
        """
        if not (self._waiting or self._deliverer.has_line):  # nobody that speaks waits for that
            self._resting.rest()
        self._pending.extend(self._waiting.ask(self._goes_on))
        self._deliver_batch()
        if self._pending or self._asks_on():
            return True
        self._turn.release()
        return bool(self._pending) and self._turn.acquire(blocking=False)

    def _asks_on(self) -> bool:
        return bool(self._waiting)  # for speakers that are asked at once

    def _goes_on(self, post: Post) -> bool:
        return post.goes_on()  # of a speaker that waits

    # Delivering, with the turn held

    def _deliver_batch(self) -> None:
        if not self._pending:
            return  # who had the turn between our look at the queue and our taking it, did it all
        first = self._pending[0]
        if isinstance(first, Batch):
            self._pending.popleft()
            self._apply_safely(first)
            return
        batch = self._take_batch()
        others_wait = self._deliverer.has_line
        self._is_busy = self._waiting.is_busy(len(batch.entries)) or others_wait
        self._asks_later = others_wait or self._waiting.asks_again
        is_applied = True
        try:
            self._lay_out(batch)
            is_applied = self._order.put(self, batch)
        except Exception as error:
            # The turn must be passed on whatever happens (promise 8).
            self._report(f"delivering to room {self.name}", error)
            self._here = len(self._members)
        if is_applied:
            self._let_go_on(batch)

    def _apply_safely(self, batch: Batch) -> None:
        """Show a batch that an order has put in its position on a thread of its own."""
        try:
            self.apply(batch)
        except Exception as error:
            self._report(f"delivering to room {self.name}", error)
        self._let_go_on(batch)

    def _let_go_on(self, batch: Batch) -> None:
        """Let the threads go on that wait until `batch` has been shown."""
        if batch.changes:
            self._resting.note(batch.began_at)
        for change in batch.changes:
            change.done.release()
        for entry in batch.entries:
            if isinstance(entry, Post) and entry.served is not None:
                is_asked = self._is_busy and entry.more is not None
                if is_asked and self._asks_later:
                    self._waiting.add(entry)
                elif is_asked and self._goes_on(entry):
                    self._pending.append(entry)
                else:
                    entry.let_go()

    def _take_batch(self) -> Batch:
        """Return a batch of the entries that wait, not laid out yet."""
        batch = Batch(self.name, self._clock())
        pending, entries = self._pending, batch.entries
        characters = 0
        while pending and characters < MAX_BATCH_CHARACTERS:
            entry = pending.popleft()
            if isinstance(entry, Post):
                for message in entry.said:
                    characters += len(message.text) + 32  # for the name
            elif isinstance(entry, Batch) or (isinstance(entry, TakeBack) and entries):
                # A batch is shown by itself, as it was laid out. A line that is taken back may be
                # in this batch, and is to be remembered first.
                pending.appendleft(entry)
                break
            else:
                batch.changes.append(entry)
                characters += 32  # joins and leaves count, too, so that no batch is endless
            entries.append(entry)
        return batch

    def _lay_out(self, batch: Batch) -> None:
        """Lay the entries of `batch` out: first the joins, then what was said, then the leaves.

        This order holds whatever the order in which they came, because a change of members in
        between would split the batch in two. Nobody loses anything by it: a new member is shown
        live, not as replay, what was said just before it joined, and a member that leaves also
        gets what was said just after. A name is free again only after its leaving was shown, so no
        line of the next owner of the name can come before that.
        """
        leaves: dict[Member, Left] = {}
        here, elsewhere = self._here, 0
        if batch.changes:
            elsewhere = 0 if self._far is None else self._far.count_in(self.name)
            welcome_of = {it.member: it.welcome for it in batch.changes if isinstance(it, Join)}
            leaves = {it.member: it.left for it in batch.changes if isinstance(it, Leave)}
            here += len(welcome_of)
            self._here = here - len(leaves)
            if welcome_of:
                batch.add_joiners(welcome_of, here + elsewhere)
        for entry in batch.entries:
            if isinstance(entry, Post):
                batch.add_said(entry.said, entry.sender, entry.is_echoed)
            elif isinstance(entry, Announce) and here:
                # An empty room is about to be given up, so nothing is shown there: a room of the
                # same name, with people in it, may be open already.
                sender = entry.sender
                batch.add(entry.message, not_for=[sender] if sender else (), about=sender)
            elif isinstance(entry, TakeBack):
                self._take_back(entry, batch)
        if leaves and not self._is_hushed:
            batch.add_leaves(leaves, self._here + elsewhere)

    def apply(self, batch: Batch) -> None:
        """Show `batch` to the members. For the order, on a thread that has the room's turn."""
        leaving: Collection[Member] = ()
        if batch.changes:
            self._begin_changes(batch)
        if batch.said:
            try:
                self._order.remember(self.name, batch)  # before anybody is sent it (promise 2)
            except Exception as error:
                # People can go on talking without a history, but the operator is told.
                self._report(f"remembering what was said in room {self.name}", error)
        if not batch.entries:
            self._do_here(batch)
        if batch.changes:
            leaving = {it.member for it in batch.changes if isinstance(it, Leave)}
            stay = (it for it in self._members if it not in leaving) if leaving else self._members
            # Before anybody reads of the change, so that anybody that asks then sees it made.
            self.members = tuple(stay)
        try:
            self._members.hand_out(batch, self._report)
            deliveries = batch.count_deliveries(self._members)
        finally:
            if leaving:
                self._members.remove(leaving)
        self._observer.shown(self.name, batch.messages, deliveries, batch.began_at)

    def apply_later(self, batch: Batch) -> None:
        """Show `batch` when the room's turn comes to it. For an order, from any thread."""
        self._enqueue(batch)

    def _begin_changes(self, batch: Batch) -> None:
        """Make those that join with `batch` members, attach those that resume, and set topics."""
        if batch.joining is not None:
            self._add([it for it in batch.changes if isinstance(it, Join)], batch.joining)
        for change in batch.changes:
            if isinstance(change, Resume):
                self._resume(change)
            elif isinstance(change, Announce) and isinstance(change.message, TopicSet):
                self._set_topic(change.message)

    def _add(self, joins: Sequence[Join], joining: Joining) -> None:
        """Make the members of `joins` members, and find what each is to be shown of the past."""
        self._members.add([join.member for join in joins])
        self.topic, missed_by = self._past.look_back(joins, self.topic)
        joining.recall(self._past.replay(), missed_by, self.topic)

    def _resume(self, entry: Resume) -> None:
        """Attach a member to its new connection, and hand it what it has missed."""
        try:
            entry.attach()
            if entry.since is None:
                return
            shown = self._past.shown_since(entry.member, entry.since)
        except Exception as error:
            entry.error = error  # `resume` raises it on the thread of the new connection
            return
        if shown:  # a page would be sent a message with nothing in it
            entry.member.deliver(shown)

    def _take_back(self, entry: TakeBack, batch: Batch) -> None:
        """Take a line back in the history, and show that in `batch`."""
        try:
            entry.taken_back = self._past.take_back(entry.place)
        except Exception as error:
            entry.error = error  # `take_back` raises it on the thread of the person that asked
        if entry.taken_back is not None:
            batch.add(replace(entry.taken_back, at=time.time()))

    def _do_here(self, batch: Batch) -> None:
        """Take back lines, and set topics, here as on the server where that was done."""
        for message in batch.messages:
            if isinstance(message, TopicSet):
                self._set_topic(message)
            elif isinstance(message, TakenBack):
                try:
                    self._past.take_back(Place(message.epoch, message.seq))
                except Exception as error:
                    self._report(f"taking back what was said in room {self.name}", error)

    def _set_topic(self, message: TopicSet) -> None:
        self.topic = message.text
        self._past.set_topic(message.text)

    def _report(self, doing: str, error: Exception) -> None:
        report(self._observer, doing, error)
