"""A model of the broker: what the scripts do, in Python, with faults that tests ask for."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from threadchat.link.core import LinkCore
from threadchat.link.scripts import LEASE_SECONDS
from threadchat.link.wire import (
    Answer,
    Claim,
    Done,
    Enter,
    Entered,
    Holding,
    Kind,
    KnownNode,
    Leave,
    LogEntry,
    MustEnter,
    NameStep,
    NeedsTable,
    Post,
    Posted,
    Release,
    Renew,
    Request,
    State,
    Sync,
    Update,
)


@dataclass
class _Data:
    """What the broker would have on its disk."""

    epoch: str = ""
    run: int = 0
    position: int = 0
    began: int = 0
    log: list[LogEntry] = field(default_factory=list)
    names: dict[str, Holding] = field(default_factory=dict)
    looks: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)
    spoken: dict[str, int] = field(default_factory=dict)
    leases: dict[str, float] = field(default_factory=dict)
    most: int = 100_000


class BrokerModel:
    """A broker. Times are in seconds, on its own clock, which is handed in."""

    def __init__(self) -> None:
        self._run = 1
        self.data = _Data()

    # What its user does with it

    def saved(self) -> _Data:
        """Return a copy of all it has, as it would be on the disk, or on a replica."""
        return copy.deepcopy(self.data)

    def restart(self, data: _Data | None = None) -> None:
        """Start again with the data, or with none."""
        self._run += 1
        self.data = _Data() if data is None else copy.deepcopy(data)

    def flush(self) -> None:
        """Lose all data, and go on."""
        self.data = _Data()

    def lose_log(self) -> None:
        """Lose the log alone."""
        self.data.log.clear()
        self.data.most = _Data.most

    def trim(self, kept: int) -> None:
        """Keep the last entries of the log, and no others: it may be as long as that."""
        self.data.most = min(kept, len(self.data.log))
        del self.data.log[: max(0, len(self.data.log) - kept)]

    def entries(self, after: int, number: int) -> list[LogEntry]:
        """Return entries of the log behind a position, up to that number of them."""
        return [it for it in self.data.log if it.position > after][:number]

    # The scripts

    def serve(self, request: Request, now: float) -> Answer:
        """Do what a script does."""
        match request:
            case Enter():
                return self._enter(request, now)
            case Post() | Renew() | Leave():
                if request.epoch != self.data.epoch or not self.data.epoch:
                    return MustEnter("the broker has begun a new epoch")
                if request.node not in self.data.read:
                    return MustEnter("the broker took this server to be gone")
                if isinstance(request, Post):
                    return self._post(request)
                if isinstance(request, Renew):
                    self._renew(request, now)
                else:
                    self._drop(request.node)
                return self._done()

    def _done(self) -> Done:
        data = self.data
        return Done(data.position, min([data.position, *data.read.values()]))

    def _add(
        self,
        kind: Kind,
        node: str,
        number: int,
        payload: str = "",
        steps: tuple[NameStep, ...] = (),
        firsts: tuple[int, ...] = (),
        granted: tuple[bool, ...] = (),
    ) -> None:
        data = self.data
        data.position += 1
        data.log.append(
            LogEntry(data.position, kind, data.epoch, node, number, payload, steps, firsts, granted)
        )

    def _tail_at(self, position: int) -> str | None:
        return next((it.tail for it in self.data.log if it.position == position), None)

    @property
    def _first(self) -> int:
        return self.data.log[0].position if self.data.log else 0

    @property
    def _top(self) -> int:
        return self.data.log[-1].position if self.data.log else 0

    def _is_whole(self, request: Enter) -> bool:
        data = self.data
        if (
            request.distrusts
            or not data.epoch
            or data.run != self._run
            or self._top != data.position
        ):
            return False
        if self._first > data.began and len(data.log) < data.most:
            return False
        if request.epoch != data.epoch:
            return True
        if request.position > self._top:
            return False
        at = self._tail_at(request.position)
        if at is None:
            return request.position < self._first
        return request.tail in ("", at)

    def _register(self, node: str, now: float) -> None:
        self.data.nodes.setdefault(node, 0)
        self.data.read[node] = 0
        if not self._is_leased(node, now):
            self.data.leases[node] = now + LEASE_SECONDS

    def _is_leased(self, node: str, now: float) -> bool:
        return self.data.leases.get(node, now) > now

    def _enter(self, request: Enter, now: float) -> Answer:
        if not self._is_whole(request):
            if request.table is None:
                return NeedsTable()
            self._begin(request, now)
        data = self.data
        node, start = request.node, request.position
        is_new, is_told = node not in data.read, True
        if not request.epoch:
            start, is_new, is_told = data.position, True, False
        elif request.epoch == data.epoch:
            is_told = self._first <= request.position + 1
        else:
            is_new = True
            if (
                not request.tail
                or request.position >= data.began
                or self._tail_at(request.position) != request.tail
            ):
                start, is_told = data.began - 1, False
            for it in request.known:
                if it not in data.nodes:
                    self._register(it, now)
        data.nodes[node] = max(data.nodes.get(node, 0), request.base)
        data.read[node] = start
        data.leases[node] = now + LEASE_SECONDS
        state = None
        if not is_told:
            known = [KnownNode(*it, data.spoken.get(it[0])) for it in data.nodes.items()]
            state = State(tuple(data.names.values()), tuple(data.read), tuple(known))
        return Entered(data.epoch, start, data.position, data.nodes[node], is_new, state)

    def _begin(self, request: Enter, now: float) -> None:
        """Begin a new epoch."""
        data = self.data
        data.nodes = dict.fromkeys(data.nodes, 0)
        if request.epoch:
            data.names, data.looks = {}, {}
            for holding in request.table or ():
                self._put(holding)
        for node in [*data.read, *request.known]:
            self._register(node, now)
        data.said = {}
        data.epoch, data.run = request.candidate, self._run
        data.position = max(data.position, self._top, request.position)
        data.began = data.position + 1
        self._add(Kind.EPOCH, "", 0)

    def _post(self, request: Post) -> Answer:
        data, node = self.data, request.node
        before = data.nodes.get(node, 0)
        if request.number <= before:
            return Posted()
        if request.number > before + 1:
            return MustEnter("the broker lacks an entry of this server")
        granted: list[bool] = []
        for step in request.steps:
            match step:
                case Claim():
                    granted.append(self._claim(node, step))
                case Update():
                    if (it := self._held(step.fold, node, step.person)) is not None:
                        self._put(Holding(step.fold, it.look, node, step.person, step.data))
                case Release():
                    if self._held(step.fold, node, step.person) is not None:
                        self._remove(step.fold)
                case Sync():
                    self._remove_all_of(node)
                    granted += [self._claim(node, it) for it in step.claims]
        firsts = []
        for room, number in request.counts:
            firsts.append(data.said.get(room, 0) + 1)
            data.said[room] = data.said.get(room, 0) + number
        data.nodes[node], data.spoken[node] = request.number, request.said
        self._add(
            Kind.POST,
            node,
            request.number,
            request.payload,
            request.steps,
            tuple(firsts),
            tuple(granted),
        )
        return Posted()

    def _claim(self, node: str, claim: Claim) -> bool:
        like = self.data.looks.get(claim.look, "")
        for holder in (self.data.names.get(claim.fold), self.data.names.get(like)):
            if holder is not None and (holder.node, holder.person) != (node, claim.person):
                return False
        self._remove(claim.fold)
        self._put(Holding(claim.fold, claim.look, node, claim.person, claim.data))
        return True

    def _held(self, fold: str, node: str, person: str) -> Holding | None:
        it = self.data.names.get(fold)
        return it if it is not None and (it.node, it.person) == (node, person) else None

    def _put(self, holding: Holding) -> None:
        self.data.names[holding.fold] = holding
        self.data.looks[holding.look] = holding.fold

    def _remove(self, fold: str) -> None:
        holding = self.data.names.pop(fold, None)
        if holding is not None and self.data.looks.get(holding.look) == fold:
            del self.data.looks[holding.look]

    def _remove_all_of(self, node: str) -> None:
        for fold in [it.fold for it in self.data.names.values() if it.node == node]:
            self._remove(fold)

    def _renew(self, request: Renew, now: float) -> None:
        self.data.read[request.node] = request.position
        self.data.leases[request.node] = now + LEASE_SECONDS
        for node in list(self.data.read):
            if not self._is_leased(node, now):
                self._drop(node)

    def _drop(self, node: str) -> None:
        self.data.read.pop(node, None)
        self.data.leases.pop(node, None)
        self._remove_all_of(node)
        self._add(Kind.GONE, node, self.data.nodes.get(node, 0))


def exchange(core: LinkCore, broker: BrokerModel, now: float, take: Callable[[], object]) -> None:
    """Have `core` send, be answered and read, until nothing is left to do.

    `take` is called after each reading, to take what the core tells.
    """
    while (request := core.next_request(now)) is not None:
        core.answered(request, broker.serve(request, now), now)
        _read(core, broker, now)
        take()
    _read(core, broker, now)
    take()


def _read(core: LinkCore, broker: BrokerModel, now: float) -> None:
    """Have `core` read what the log has for it, if it reads."""
    if (after := core.read_after) is not None:
        core.read(broker.entries(after, 1000), now)
