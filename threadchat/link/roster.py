"""Know who has which name on all servers, from the steps about names in the log.

All nodes take the same steps in the same order, so all have the same table at one position.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from threadchat.link.wire import Claim, Holding, NameStep, Release, Sync, Update


@dataclass(frozen=True, slots=True)
class Changes:
    """What has become of names: which are known anew or otherwise, and which are had no more.

    `came` are those of the known that came by a `Sync` and were not the node's before.
    """

    known: Sequence[Holding] = ()
    forgotten: Sequence[Holding] = ()
    came: Sequence[Holding] = ()


class Roster:
    """The names of the people on all servers, by their folds.

    `room_of` returns the folded name of the room where somebody is, as the data with their name
    tell it; an empty text if they are in none.
    """

    def __init__(self, room_of: Callable[[str], str] = lambda data: "") -> None:
        self._room_of = room_of
        # By room, how many names each person in it has: two in a rename.
        self._in_rooms: dict[str, Counter[tuple[str, str]]] = {}
        self._by_fold: dict[str, Holding] = {}
        self._by_look: dict[str, str] = {}  # the fold

    def __iter__(self) -> Iterator[Holding]:
        return iter(list(self._by_fold.values()))

    def find(self, fold: str) -> Holding | None:
        """Return who has the name; None if nobody has."""
        return self._by_fold.get(fold)

    def count_in(self, room: str) -> int:
        """Return how many people are in a room, which is given by its folded name."""
        return len(self._in_rooms.get(room, ()))

    def is_in(self, fold: str, node: str, room: str) -> bool:
        """Return whether somebody of that name, on that node, is in a room."""
        it = self._by_fold.get(fold)
        return it is not None and it.node == node and self._room_of(it.data) == room

    def of_node(self, node: str) -> list[Holding]:
        """Return the names of the people on a node."""
        return [it for it in self._by_fold.values() if it.node == node]

    def is_free_elsewhere(self, fold: str, look: str, node: str) -> bool:
        """Return whether nobody has the name, or one like it, on any node but that one."""
        holders = (self._by_fold.get(fold), self._by_fold.get(self._by_look.get(look, "")))
        return all(it is None or it.node == node for it in holders)

    def replace(self, holdings: Iterable[Holding]) -> Changes:
        """Know these names, and no others; return what has changed by that."""
        before = dict(self._by_fold)
        self._by_fold.clear()
        self._by_look.clear()
        self._in_rooms.clear()
        for holding in holdings:
            self._put(holding)
        return self._since(before)

    def take(self, node: str, step: NameStep, granted: Collection[bool]) -> Changes:
        """Take a step of a node; `granted` says for each claim whether the name was free.

        Return what has changed.
        """
        match step:
            case Claim():
                if all(granted):
                    return self._known(Holding(step.fold, step.look, node, step.person, step.data))
            case Update():
                if (holding := self._held(step.fold, node, step.person)) is not None:
                    return self._known(
                        Holding(step.fold, holding.look, node, step.person, step.data)
                    )
            case Release():
                if (holding := self._held(step.fold, node, step.person)) is not None:
                    self._remove(step.fold)
                    return Changes(forgotten=[holding])
            case Sync():
                return self._sync(node, step, granted)
        return Changes()

    def _known(self, holding: Holding) -> Changes:
        before = self._by_fold.get(holding.fold)
        self._put(holding)
        return Changes([holding], [before] if before and not _are_one(before, holding) else ())

    def _since(self, before: Mapping[str, Holding]) -> Changes:
        """Return what has changed since the names were those of `before`."""
        known = [it for it in self if it != before.get(it.fold)]
        forgotten = [
            it
            for it in before.values()
            if (now := self._by_fold.get(it.fold)) is None or not _are_one(it, now)
        ]
        return Changes(known, forgotten)

    def _sync(self, node: str, step: Sync, granted: Collection[bool]) -> Changes:
        before = dict(self._by_fold)
        had = {it.fold for it in self.gone(node)}
        for it, is_granted in zip(step.claims, granted, strict=True):
            if is_granted:
                self._put(Holding(it.fold, it.look, node, it.person, it.data))
        changes = self._since(before)
        came = [it for it in self.of_node(node) if it.fold not in had]
        return replace(changes, came=came)

    def gone(self, node: str) -> list[Holding]:
        """Forget the names of a node; return them."""
        gone = self.of_node(node)
        for holding in gone:
            self._remove(holding.fold)
        return gone

    def _held(self, fold: str, node: str, person: str) -> Holding | None:
        holding = self._by_fold.get(fold)
        if holding is not None and (holding.node, holding.person) == (node, person):
            return holding
        return None

    def _put(self, holding: Holding) -> None:
        self._remove(holding.fold)
        self._by_fold[holding.fold] = holding
        self._by_look[holding.look] = holding.fold
        if room := self._room_of(holding.data):
            self._in_rooms.setdefault(room, Counter())[holding.node, holding.person] += 1

    def _remove(self, fold: str) -> None:
        holding = self._by_fold.pop(fold, None)
        if holding is not None and self._by_look.get(holding.look) == fold:
            del self._by_look[holding.look]
        if holding is not None and (room := self._room_of(holding.data)):
            names = self._in_rooms[room]
            names[holding.node, holding.person] -= 1
            if not names[holding.node, holding.person]:
                del names[holding.node, holding.person]
            if not names:
                del self._in_rooms[room]


def _are_one(one: Holding, other: Holding) -> bool:
    """Return whether both are of the same person."""
    return (one.node, one.person) == (other.node, other.person)
