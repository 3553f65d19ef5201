"""Remember what several servers say in one order, each line at its place in that order.

The lines are kept by a history of this server alone, with its own numbers. Beside it stands which
numbers have which places in the order (`stretches`). So a place is known over restarts, and over
the epochs of the order, which begins anew where the broker may have lost something.

What was shown while there was no link has a place of this server alone. When the order takes it, it
moves behind what the others said meanwhile. The same happens to a line that the order has put into
a new epoch. Its old place goes on to be known: people that saw it there are not shown it again.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import NamedTuple

from threadchat.messages.apart import Apart
from threadchat.messages.kinds import Gap, Recalled, Spoken, TakenBack
from threadchat.messages.places import Place
from threadchat.storage.history import History, set_places
from threadchat.storage.historystate import HistoryState
from threadchat.storage.searching import Found, SearchStopped
from threadchat.storage.stretches import Line, Stretch, Stretches
from threadchat.text.names import fold_name

_ANY = 2**53
"""A number that no line has."""


class Origin(NamedTuple):
    """Where lines come from: as which of its lines, from the number `line` on, `node` said them.

    `first` is the place of the first of them in the order of all servers; None as long as it has
    none. `apart` tells from when to when the node had no link, if they were said then.
    """

    node: str
    line: int
    first: Place | None = None
    apart: Apart | None = None


class _Kept(NamedTuple):
    """Lines to be remembered, where they come from, and where they stood until now."""

    batch: Sequence[Spoken]
    origin: Origin
    was: Stretch | None = None


def _once_each(
    batches: Sequence[tuple[Sequence[Spoken], Origin]],
) -> Iterator[dict[Line, tuple[Sequence[Spoken], Origin]]]:
    """Yield batches by their first lines, in their order, none twice in one of the results."""
    some: dict[Line, tuple[Sequence[Spoken], Origin]] = {}
    for batch, origin in batches:
        line = origin.node, origin.line
        if line in some:
            yield some
            some = {}
        some[line] = batch, origin
    if some:
        yield some


class LinkedHistory(History):
    """The history of a server that is linked with others: `history` keeps the lines themselves.

    `keep`, `move` and `take_back` are for the thread with the turn of the room.
    """

    def __init__(self, history: History, stretches: Stretches) -> None:
        # Nothing of the history in memory is used here.
        self._history = history
        self._stretches = stretches
        self.epoch = ""
        """The epoch of the order; empty before there is one."""
        self._lasts: dict[str, int] = {}  # of each room, the last place in that epoch
        # Held while lines move, so that nobody finds them neither here nor there.
        self._moving = Lock()

    @property
    def state(self) -> HistoryState | None:  # type: ignore[override]
        """How the file is doing; None if what is said stays in memory."""
        return self._history.state

    @property
    def open_rooms(self) -> Callable[[], Collection[str]]:
        """A function that returns the folded names of the rooms in which somebody is."""
        return self._history.open_rooms

    @open_rooms.setter
    def open_rooms(self, open_rooms: Callable[[], Collection[str]]) -> None:
        self._history.open_rooms = open_rooms

    # What only a linked server does

    def keep(self, room: str, batch: Sequence[Spoken], origin: Origin) -> None:
        """Remember all of `batch`, which was not remembered before, and set its places.

        Without a place in the order, it has one of this server alone.
        """
        self._keep(room, [_Kept(batch, origin)])

    def move(self, room: str, batches: Sequence[tuple[Sequence[Spoken], Origin]]) -> None:
        """Remember that the order has put lines here that have been shown before; set the places.

        What is not remembered is from then on. All of them move at once: a history file has each
        line in one of its places, however the server ends.
        """
        fold = fold_name(room)
        with self._moving:
            for some in _once_each(batches):
                stand = self._stretches.of_lines(some)
                kept = []
                for line, (batch, origin) in some.items():
                    in_room, stretch = stand.get(line, ("", None))
                    was = stretch if in_room == fold else None
                    if was is not None and origin.first == (was.epoch, was.place):
                        set_places(batch, *origin.first)
                    else:
                        kept.append(_Kept(batch, origin, was))
                self._keep(room, kept)

    def places_before(self, room: str, place: Place) -> Sequence[Place]:
        """Return where a line stood before it moved to `place`: people may know it by these."""
        found = self._find(room, place)
        if found is None or (now := found[1]) is None:
            return ()
        line, own = now.line + found[0] - now.seq, self._history.last_place(room).epoch
        before = []
        for it in sorted(self._stretches.moved_of_line(now.node, line), key=lambda it: it.seq):
            at = line - it.line
            before.append(Place(it.epoch, it.place + at) if it.epoch else Place(own, it.seq + at))
        return before

    def last_line_of(self, node: str) -> int:
        """Return the number of the last line of a node that is remembered; 0 if none is."""
        return self._stretches.last_line_of(node)

    def origin_of(self, room: str, place: Place) -> Place | None:
        """Return a line as all servers know it: its node in place of the epoch, and its number."""
        found = self._find(room, place)
        if found is None:
            return None
        seq, stretch = found
        if stretch is None:
            return None
        return Place(stretch.node, stretch.line + seq - stretch.seq)

    def apart(self, room: str, said: Sequence[Spoken]) -> Sequence[Apart | None]:
        """Return when the servers of lines had no link: see `History.apart`."""
        fold, found = fold_name(room), list[Apart | None]()
        stretch: Stretch | None = None
        for line in said:
            if stretch is None or not (
                stretch.epoch == line.epoch and 0 <= line.seq - stretch.place < stretch.lines
            ):
                stretch = self._stretches.at_place(fold, line.epoch, line.seq)
            found.append(None if stretch is None else stretch.apart)
        return found if any(found) else ()

    def read_up_to(self, cluster: str) -> str:
        """Return what `note_read` was given last for that cluster, or key; empty if nothing."""
        return self._stretches.state(cluster)

    def note_read(self, cluster: str, state: str) -> None:
        """Keep how far the order of that cluster was read, over a restart if there is a file.

        A key of another form may stand in its place, with what else the link is to remember.
        """
        self._stretches.note_state(cluster, state)

    def _keep(self, room: str, kept: Sequence[_Kept]) -> None:
        fold = fold_name(room)
        seq = self._history.last_place(room).seq + 1
        # Copies, as the history sets its own numbers, and goes by them.
        copies: list[Spoken] = []
        stretches: list[Stretch] = []
        before: list[int] = []
        for batch, origin, was in kept:
            number, missed = len(batch), 0
            if origin.first is not None:
                missed = self._note_last(fold, *origin.first, number)
            epoch, place = origin.first or ("", 0)
            node, line, at, first = origin.node, origin.line, batch[0].at, seq + len(copies)
            shown = 0 if was is None else was.shown or was.seq
            stretches.append(
                Stretch(first, number, at, epoch, place, node, line, shown, missed, origin.apart)
            )
            copies += [type(it)(it.name, it.text, it.at) for it in batch]
            before += [0] * number if was is None else range(was.seq, was.seq + number)
        if not copies:
            return
        moved = [it.was for it in kept if it.was is not None]
        # Before the lines: where the server ends in between, it is undone at the next start.
        self._stretches.add(fold, stretches, moved)
        if moved:
            self._history.append_moved(room, copies, before)
        else:
            self._history.append(room, copies)
        for stretch, (batch, origin, _) in zip(stretches, kept, strict=True):
            own = copies[stretch.seq - seq]
            set_places(batch, *(origin.first or (own.epoch, own.seq)))

    def _note_last(self, fold: str, epoch: str, place: int, lines: int) -> int:
        """Take note of the last place of a room; return how many lines were missed before it."""
        if epoch != self.epoch:
            self.epoch, self._lasts = epoch, {}
        last = self._lasts.get(fold)
        if last is None:
            stretch = self._stretches.at_place(fold, epoch, _ANY)
            last = place - 1 if stretch is None else stretch.place + stretch.lines - 1
        self._lasts[fold] = max(last, place + lines - 1)
        return max(0, place - last - 1)

    # What every history does

    def append(self, room: str, batch: Sequence[Spoken]) -> None:
        """Remember what is said on this server alone."""
        self._history.append(room, batch)

    def append_moved(self, room: str, batch: Sequence[Spoken], before: Sequence[int]) -> None:
        """Do as `append` with lines that stood elsewhere until now."""
        self._history.append_moved(room, batch, before)

    def recent(self, room: str, number: int) -> list[Spoken]:
        """Return the last `number` messages of `room`, oldest first, less those taken back."""
        with self._moving:
            said = self._placed(fold_name(room), self._history.recent(room, number))
        return [it for it in said if isinstance(it, Spoken)]

    def last_place(self, room: str) -> Place:
        """Return the place of the last line of `room`; the number is 0 if there is none."""
        own = self._history.last_place(room)
        if not own.seq:
            return Place(self.epoch or own.epoch, 0)
        return self._place_of(fold_name(room), own)

    def since(self, room: str, place: Place, limit: int) -> list[Recalled] | None:
        """Return what came after `place`, as in `History.since`, without what was shown by then.

        It may be a place of any epoch of the order, and of this server alone.
        """
        with self._moving:
            fold, own = fold_name(room), self._history.last_place(room)
            after, shown = self._seen_at(fold, place, own) or (place, place.seq)
            found = self._history.since(room, after, limit)
            return None if found is None else self._placed(fold, found, after.seq, shown)

    def take_back(self, room: str, place: Place) -> TakenBack | None:
        """Delete the text of a line, as in `History.take_back`, wherever it stands by now.

        The place may also be what `origin_of` returns.
        """
        found = self._find(room, place)
        if found is None:
            return self._history.take_back(room, place)
        seq, stretch = found
        own = self._history.last_place(room).epoch
        taken_back = self._history.take_back(room, Place(own, seq))
        if taken_back is None or stretch is None or not stretch.epoch:
            return taken_back
        now, last = stretch.place + seq - stretch.seq, self.last_place(room).seq
        return replace(taken_back, epoch=stretch.epoch, seq=now, after=max(now, last))

    def search(self, words: str, number: int) -> list[Found]:
        """Return the last `number` messages with all of `words`, as in `History.search`."""
        try:
            return self._found(self._history.search(words, number))
        except SearchStopped as error:
            error.found = self._found(error.found)
            raise

    def _found(self, hits: Sequence[Found]) -> list[Found]:
        """Return what was found with its places in the order."""
        placed = []
        for it in hits:
            line = self._placed(fold_name(it.room), [it.message])
            placed += [Found(it.room, message) for message in line if isinstance(message, Spoken)]
        return placed

    def forget(self, before: float) -> None:
        """Forget what was said before that time, as in `History.forget`."""
        self._history.forget(before)
        self._stretches.forget(before)

    def set_topic(self, room: str, topic: str) -> None:
        """Remember the topic of `room`."""
        self._history.set_topic(room, topic)

    def topic(self, room: str) -> str:
        """Return the topic of `room`; an empty text if it has none."""
        return self._history.topic(room)

    def topics(self) -> Mapping[str, str]:
        """Return the topics of all rooms that have one, by the names of the rooms."""
        return self._history.topics()

    @property
    def bytes(self) -> int:
        """How many bytes of memory all of it takes."""
        return self._history.bytes

    def close(self) -> None:
        """Close the history that keeps the lines."""
        self._history.close()

    # Places of the order, and numbers of this server

    def _find(self, room: str, place: Place) -> tuple[int, Stretch | None] | None:
        """Return the number that a line has by now, and its stretch; None if neither is known."""
        fold = fold_name(room)
        stretch = self._stretches.at_place(fold, *place) if place.epoch else None
        if stretch is not None:
            seq = stretch.seq + place.seq - stretch.place
            if not stretch.holds(seq):
                return None
        elif (of_line := self._of_line(*place)) is not None:
            return of_line[1].seq + place.seq - of_line[1].line, of_line[1]
        elif self._history.since(room, place, 0) is None:
            return None
        else:
            seq = place.seq
            stretch = next(iter(self._stretches.within(fold, seq, seq)), None)
        if stretch is None or not stretch.is_moved:
            return (seq, stretch) if stretch is not None else None
        now = self._of_line(stretch.node, stretch.line + seq - stretch.seq)
        if now is None:
            return None
        return now[1].seq + stretch.line + seq - stretch.seq - now[1].line, now[1]

    def _of_line(self, node: str, line: int) -> tuple[str, Stretch] | None:
        return self._stretches.of_lines([(node, line)]).get((node, line))

    def _place_of(self, fold: str, own: Place) -> Place:
        """Return the place of the line with a number of this server; its own if it has no other."""
        stretch = next(iter(self._stretches.within(fold, own.seq, own.seq)), None)
        if stretch is None or not stretch.epoch:
            return own
        return Place(stretch.epoch, stretch.place + own.seq - stretch.seq)

    def _seen_at(self, fold: str, place: Place, own: Place) -> tuple[Place, int] | None:
        """Return behind which number a person is to be shown lines; None if that is not known.

        The second number says up to where they have seen what was shown live, wherever it stands
        now.
        """
        stretch = self._stretches.at_place(fold, *place) if place.epoch else None
        if stretch is not None:
            seq = stretch.seq + min(place.seq - stretch.place, stretch.lines - 1)
            shown = stretch.shown_of(seq)
            # A person that knows the place to which a line has moved was shown it there, not live.
            return Place(own.epoch, shown if stretch.is_moved else seq), shown
        if place.epoch != self.epoch:
            return None
        begin = self._stretches.begin_of(fold, place.epoch)
        seq = own.seq if begin is None else begin - 1
        return Place(own.epoch, seq), seq

    def _placed(
        self, fold: str, lines: Sequence[Recalled], after: int | None = None, shown: int = 0
    ) -> list[Recalled]:
        """Return what has numbers of this server at its places, with a `Gap` for missing lines.

        Of lines behind the number `after`, leave out those that were shown up to `shown`. Those up
        to it, taken back since, are told by the places at which they were shown.
        """
        numbers = [it.seq for it in lines if isinstance(it, Spoken | TakenBack)]
        if not numbers:
            return list(lines)
        stretches = iter(self._stretches.within(fold, min(numbers), max(numbers)))
        known = {n: it for it in stretches for n in range(it.seq, it.seq + it.lines)}
        placed: list[Recalled] = []
        for line in lines:
            if not isinstance(line, Spoken | TakenBack):
                placed.append(line)
                continue
            stretch = known.get(line.seq)
            if stretch is None:
                placed.append(line)
                continue
            if after is None or line.seq > after:
                was_seen = after is not None and stretch.shown_of(line.seq) <= shown < line.seq
                if stretch.is_moved or was_seen:
                    continue
                if stretch.missed and line.seq == stretch.seq and after is not None:
                    placed.append(Gap(stretch.missed))
            if stretch.epoch:
                now = stretch.place + line.seq - stretch.seq
                line = replace(line, epoch=stretch.epoch, seq=now)
            placed.append(line)
        return placed
