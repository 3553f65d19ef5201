"""Be one server's side of a link: what is to be sent, what has come, and what follows from it.

No sockets, no threads, no clock: an adapter hands in what the broker answers and the time, and
takes out the requests and what is to be done in the chat. It has two connections, one for requests
and one for reading the log; if either breaks, both are made anew (`closed`, `opened`).

What a node has read of the others is known by the numbers of their entries. So a second copy of an
entry changes nothing, and after the broker has lost data every node just sends again what it keeps:
each of the others takes what it has not read yet.

In one epoch the broker has lost nothing: whatever may lose something begins a new one (`scripts`).
So all servers show and keep one order in each epoch (promise 1).
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from threadchat.link.absence import ReadUpTo
from threadchat.link.deliveries import (
    CameTogether,
    Delivery,
    Noticed,
    Provisional,
    WentApart,
)
from threadchat.link.ownentries import Item, OwnEntries, OwnEntry
from threadchat.link.ownpeople import OwnPeople
from threadchat.link.reading import LogReader
from threadchat.link.records import entry_text
from threadchat.link.roster import Roster
from threadchat.link.wire import (
    EPOCH,
    Answer,
    Claim,
    Done,
    Enter,
    Entered,
    Holding,
    Leave,
    LogEntry,
    MustEnter,
    NeedsTable,
    OtherFormat,
    Post,
    Posted,
    Release,
    Renew,
    Request,
    Update,
)
from threadchat.messages.places import new_epoch
from threadchat.text.names import fold_name


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """Bounds of a link. Times are in seconds, sizes in bytes, about."""

    patience: float = 2.0
    """How long people wait for the broker before their server goes on by itself."""
    renew_every: float = 4.0
    renew_soon: float = 0.5
    """The same while there are lines of which not all others are known to have read them."""
    in_flight: int = 8
    """How many entries are on the way at once."""
    entry_bytes: int = 128 * 1024
    waiting_bytes: int = 8 * 1024 * 1024
    """How much may wait for its place in the order; beyond that, people that speak have to wait."""
    kept_bytes: int = 16 * 1024 * 1024
    """How much is kept until all linked nodes have read it."""


class _Phase(Enum):
    OUTSIDE = auto()
    """There is no connection, or the answer to `Enter` has not come yet."""
    CATCHING_UP = auto()
    READY = auto()


# A member of an enumeration takes Python 3.11 five times as long to find.
_OUTSIDE, _CATCHING_UP, _READY = _Phase


class LinkCore:
    """One node's side of the link. Its owner has a lock.

    `node` is a text that no other run of a server has. `make_epoch` returns an epoch that no order
    had before. For `room_of` see `Roster`.
    """

    def __init__(
        self,
        node: str,
        limits: LinkLimits = LinkLimits(),
        make_epoch: Callable[[], str] = new_epoch,
        room_of: Callable[[str], str] = lambda data: "",
    ) -> None:
        self.node = node
        self.roster = Roster(room_of)
        """Who has which name, on all servers."""
        self.is_apart = False
        """Whether this server goes on by itself, as there is no link."""
        self.must_close = ""
        """Why the connections have to be made anew; empty if they need not."""
        self.has_left = False
        """Whether this server has left for good."""
        self.refusal = ""
        """The format of the keys, if it is one that this version does not know."""
        self._limits = limits
        self._make_epoch = make_epoch
        self._own = OwnEntries(limits.in_flight, limits.entry_bytes, limits.kept_bytes)
        self._people = OwnPeople(node, self.roster)
        self._phase = _OUTSIDE
        self._trouble_since: float | None = None
        self._asked_at: float | None = None  # since when an answer is waited for, or the log
        self._renewed_at = 0.0
        self._renewed = 0  # the position that was told then
        self._to_enter: Enter | None = None
        self._leaves = False
        self._epoch_now = ""  # of the broker, at the time of entering
        self._head = 0
        self._last_known = 0  # the number of the last own entry in the log, at the time of entering
        self._may_skip = False  # whether the entry that comes next may stand further on
        self._distrusts = False
        self._must_sync = False
        self._lag: float | None = None
        self._deliveries: deque[Delivery] = deque()
        self._reader = LogReader(node, self._own, self._people, self.roster, self._deliveries)

    # What the chat wants

    def submit(self, item: Item) -> None:
        """Have a batch or a notice put in order."""
        self._own.add(item)
        if self.is_apart:
            self._show_apart(item)

    def claim(self, fold: str, look: str, person: str, data: str) -> None:
        """Claim a name for a person of this node; a `Claimed` tells what becomes of it."""
        claim = Claim(fold, look, person, data)
        self._people.ask(claim)
        if self.is_apart:
            self._decide_apart(claim)
        else:
            self._own.add(Item(step=claim))

    def update(self, fold: str, person: str, data: str) -> None:
        """Let something else be known of a person of this node."""
        claim = self._people.claim_of(fold, person)
        if claim is not None:
            self._people.change(Claim(fold, claim.look, person, data))
            if not self.is_apart:
                self._own.add(Item(step=Update(fold, person, data)))

    def release(self, fold: str, person: str) -> None:
        """Free a name that a person of this node had."""
        if self._people.claim_of(fold, person) is not None:
            self._people.drop(fold)
            if not self.is_apart:
                self._own.add(Item(step=Release(fold, person)))

    def leave(self) -> None:
        """Leave for good, once everything else has been sent."""
        self._leaves = True

    def give_up(self) -> None:
        """Keep what has no place in the order yet, as if said without a link: the server stops."""
        if not self.is_apart and any(it.step is None for it in self._own.unread()):
            self._go_apart()

    @property
    def is_full(self) -> bool:
        """Whether so much waits that people that speak have to wait, too."""
        return self._own.waiting_bytes >= self._limits.waiting_bytes

    @property
    def is_linked(self) -> bool:
        """Whether the link works, and everything in the log has been told."""
        return self._phase is _READY

    @property
    def waiting_bytes(self) -> int:
        """About how many bytes wait for their place in the order."""
        return self._own.waiting_bytes

    @property
    def kept_bytes(self) -> int:
        """About how many bytes are kept until all linked nodes have read them."""
        return self._own.read_bytes

    def lag(self, now: float) -> float | None:
        """Return how long the last entry took to be read back, or that on the way has so far.

        None if nothing was sent yet.
        """
        oldest = self._own.oldest_unread()
        return self._lag if oldest is None else max(now - oldest, self._lag or 0.0)

    @property
    def linked_nodes(self) -> Collection[str]:
        """The other nodes that are linked."""
        return self._reader.linked

    @property
    def read_up_to(self) -> ReadUpTo:
        """How far the log was read."""
        reader = self._reader
        return ReadUpTo(reader.epoch, reader.position, reader.tail, reader.said())

    def deliveries(self) -> Iterator[Delivery]:
        """Yield, once, what is to be done in the chat, in its order."""
        while self._deliveries:
            yield self._deliveries.popleft()

    def hand_over(self, queue: deque[Delivery]) -> None:
        """Move what is to be done in the chat to the end of `queue`, as `deliveries` yields it."""
        if self._deliveries:
            queue += self._deliveries
            self._deliveries.clear()

    @property
    def state(self) -> tuple[object, ...]:
        """What is another value whenever there is something that a thread may wait for."""
        return self._phase, self.must_close, self.has_left, self._reader.linked

    @property
    def has_more(self) -> bool:
        """Whether there is more to ask of the broker now than to stay linked."""
        if self._phase is not _READY:
            return self._to_enter is not None
        return self._own.has_more or self._must_sync or self._leaves

    # What the adapter has to do

    def opened(self, now: float) -> None:
        """Take note that there are connections to the broker."""
        self._asked_at = now
        self._to_enter = self._enter()

    def closed(self, now: float) -> None:
        """Take note that a connection to the broker is gone, or could not be made."""
        self._phase = _OUTSIDE
        self.must_close = ""
        self._asked_at = self._to_enter = None
        self._own.cut()
        oldest = self._own.oldest_unread()
        self._in_trouble_since(now if oldest is None else min(now, oldest))

    def next_request(self, now: float) -> Request | None:
        """Return what is to be asked of the broker next; None if there is nothing for now."""
        if self._to_enter is not None:
            request, self._to_enter = self._to_enter, None
            return request
        if self._phase in (_READY, _CATCHING_UP):
            if self._is_to_renew(now):
                self._renewed_at, self._renewed = now, self._reader.position
                self._asked_at = now if self._asked_at is None else self._asked_at
                return Renew(self.node, self._epoch_now, self._reader.position)
            if self._phase is _READY:
                if self._must_sync:
                    self._must_sync = False
                    # Before what was said meanwhile, so that it is known who said it.
                    self._own.add_first(Item(step=self._people.sync()))
                if (entry := self._own.take(now)) is not None:
                    return self._post(entry)
                if self._leaves:
                    self._leaves = False
                    return Leave(self.node, self._epoch_now)
        return None

    def _is_to_renew(self, now: float) -> bool:
        waited = now - self._renewed_at
        if waited < self._limits.renew_soon:
            return False
        if waited >= self._limits.renew_every:
            return True
        # The others keep what this node has not told that it has read. Where the broker loses
        # something, they send that again, and so it moves.
        return self._reader.position != self._renewed or self._own.read_bytes > 0

    def answered(self, request: Request, answer: Answer, now: float) -> None:
        """Take the answer to a request."""
        match answer:
            case Posted():  # nearly all are
                self._own.answered()
            case NeedsTable():
                self._to_enter = self._enter(tuple(self.roster))
            case Entered():
                self._entered(answer, now)
            case OtherFormat():
                self.refusal = answer.format
                self.must_close = (
                    f"the broker has data of another format: {answer.format:.20}. Run the same"
                    " version of threadchat on all servers, or choose another name behind the #"
                )
            case MustEnter():
                self.must_close = answer.why
            case Done():
                self.has_left = isinstance(request, Leave)
                if self._phase is _READY:
                    self._asked_at = None
                if isinstance(request, Renew) and answer.head < request.position:
                    self.must_close = "the broker has lost what it had"
                self._own.settle(answer.read_by_all)

    @property
    def read_after(self) -> int | None:
        """Behind which position the log is to be read; None if it is not to be read now."""
        return self._reader.position if self._phase in (_CATCHING_UP, _READY) else None

    def read(self, entries: Sequence[LogEntry], now: float) -> None:
        """Take entries of the log, in their order."""
        reader = self._reader
        for entry in entries:
            if entry.position > reader.position:
                self._check_next(entry)
                if self.must_close:
                    return
                if entry.node == self.node and (sent := self._own.oldest_unread()) is not None:
                    self._lag = now - sent
                reader.take(entry)
        if self._phase is _CATCHING_UP:
            self._asked_at = now
            if self._reader.position >= self._head:
                self._caught_up()

    def _check_next(self, entry: LogEntry) -> None:
        reader = self._reader
        if entry.position == reader.position + 1 and entry.epoch == reader.epoch:
            self._may_skip = False
            return  # as nearly always
        begins = entry.kind is EPOCH
        is_known = entry.epoch == reader.epoch or (begins and entry.position <= self._head)
        may_skip, self._may_skip = self._may_skip or begins, False
        if not is_known:
            # To enter it, this node has to tell where it was before.
            self.must_close = "the broker has begun a new epoch"
        elif entry.position > reader.position + 1 and not may_skip:
            self._distrust("the log lacks an entry")

    def tick(self, now: float) -> None:
        """Let time pass: it is noticed that the link is gone, and the server goes on by itself."""
        waits = [] if self._asked_at is None else [self._asked_at]
        if self._phase is _READY and (oldest := self._own.oldest_unread()) is not None:
            waits.append(oldest)
        patience = self._limits.patience
        if waits and now - min(waits) >= patience:
            self._in_trouble_since(min(waits))
            self.must_close = self.must_close or "the broker does not answer"
        if (
            not self.is_apart
            and self._trouble_since is not None
            and now - self._trouble_since >= patience
        ):
            self._go_apart()

    # Entering

    def _enter(self, table: tuple[Holding, ...] | None = None) -> Enter:
        return Enter(
            self.node,
            self._reader.epoch,
            self._reader.position,
            self._reader.tail,
            self._own.base,
            self._make_epoch(),
            tuple(sorted(self._reader.linked)),
            table,
            self._distrusts,
        )

    def _entered(self, answer: Entered, now: float) -> None:
        is_first = not self._reader.epoch
        is_new_epoch = answer.epoch != self._reader.epoch
        self._epoch_now = answer.epoch
        if is_first or (is_new_epoch and answer.state is not None):
            self._reader.start_at(answer.epoch, answer.start)
        self._head, self._last_known = answer.head, answer.last
        self._may_skip = answer.state is not None
        self._distrusts = False
        if answer.state is not None:
            self._reader.take_state(answer.state, is_first=is_first)
        self._own.resume(answer.last, is_new_epoch=is_new_epoch)
        self._must_sync = self._must_sync or answer.is_new or self.is_apart
        self._phase = _CATCHING_UP
        self._asked_at = self._renewed_at = now
        if self._reader.position >= self._head:
            self._caught_up()

    def _distrust(self, why: str) -> None:
        """Begin a new epoch, in which everybody sends again what may be lost."""
        self._distrusts, self.must_close = True, why

    def _caught_up(self) -> None:
        if self._own.read < self._last_known:
            self._distrust("the log lacks an entry of this server")
            return
        self._phase = _READY
        self._trouble_since = self._asked_at = None
        if self.is_apart:
            self._own.mark_apart()
            self.is_apart = False
            self._deliveries.append(CameTogether())

    # Having no link

    def _in_trouble_since(self, at: float) -> None:
        if self._trouble_since is None or at < self._trouble_since:
            self._trouble_since = at

    def _go_apart(self) -> None:
        self.is_apart = True
        self._deliveries.append(WentApart())
        for item in self._own.unread():
            if item.step is None and not item.is_shown:
                self._show_apart(item)
            elif isinstance(item.step, Claim) and self._people.is_undecided(item.step):
                self._decide_apart(item.step)
        self._own.drop_waiting_steps()

    def _show_apart(self, item: Item) -> None:
        item.is_shown = True
        if item.notice is not None:
            self._deliveries.append(Noticed(self.node, item.notice, True))
        else:
            self._deliveries.append(Provisional(item))

    def _decide_apart(self, claim: Claim) -> None:
        self._reader.decide(claim, self._people.may_have(claim))

    # Sending and reading

    def _post(self, entry: OwnEntry) -> Post:
        items, number, before = entry.items, entry.number, entry.said_before
        texts = [it.text for it in items if it.step is None]
        entry.text = text = entry_text(before, texts, entry.apart)
        entry.told_apart = entry.apart
        counts = tuple([(fold_name(it.room), it.said) for it in items if it.said])
        # What was decided is not asked again: in a new epoch, all names are told anew.
        steps = entry.steps if number > self._own.read else ()
        return Post(self.node, self._epoch_now, number, text, counts, steps, before + entry.said)
