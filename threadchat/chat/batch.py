"""Lay out a batch for the members of a room: its messages, their order, and each member's share.

A batch is rendered once for each format, however many members there are. The page of one member
is a few slices of that rendering, not a loop over messages. No sockets, no threads.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from itertools import accumulate

from threadchat.chat.entries import Change, Entry
from threadchat.chat.identity import Identity, not_said_by
from threadchat.chat.interfaces import Member
from threadchat.messages.format import Format, dated, render
from threadchat.messages.kinds import (
    CameBack,
    Emote,
    Joined,
    Left,
    LeftTogether,
    Message,
    Notice,
    Recalled,
    Renamed,
    Repeated,
    ReplayBegins,
    ReplayEnds,
    RoomMessage,
    Say,
    Spoken,
    TopicSet,
    WentAway,
)
from threadchat.messages.mentions import words_of
from threadchat.text.phrases import MAX_NAMES_LISTED, NAMES_OF_A_CROWD


class Batch:
    """A batch: its messages in their order, and which members do not get which messages."""

    __slots__ = (
        "_concerned",
        "_lines",
        "_mentions",
        "_together",
        "began_at",
        "changes",
        "entries",
        "joining",
        "messages",
        "not_for",
        "origin",
        "room",
        "said",
    )

    def __init__(self, room: str, began_at: float = 0.0) -> None:
        self.room = room
        self.began_at = began_at
        """The time at which it was begun, on the chat's clock."""
        self.entries: list[Entry] = []
        """What the batch is made of, in the order in which it came."""
        self.changes: list[Change] = []
        """Those of the entries that a thread waits for."""
        self.messages: list[RoomMessage] = []
        self.said: list[Spoken] = []
        """The messages that somebody said."""
        # Whom messages are from or about, the first place, the end.
        self._concerned: list[tuple[Member, int, int]] = []
        # The places of messages about several members, and these.
        self._together: tuple[tuple[int, Collection[Member]], ...] = ()
        self.not_for: dict[Member, list[tuple[int, int]]] = {}
        """The places that a member does not get: begin and end of each range, ascending."""
        self._lines: dict[Hashable, list[str]] = {}  # by style
        self._mentions: dict[str, list[int]] | None = None
        self.joining: Joining | None = None
        """The members that join with this batch; None if there are none."""
        self.origin: object
        """What an order that several servers share knows of it: nobody else sets or reads it."""

    def add_joiners(self, welcome_of: dict[Member, bytes], here: int) -> None:
        """Put the members that join at the top of the batch, each with its own welcome.

        `here` is the number of members, the new ones included.
        """
        self.joining = Joining(welcome_of, here, self.room)
        self._together = ((0, self.joining.members),)
        # Who joined is told of the others in a line of their own.
        self.add(Joined(self.joining.names, here), not_for=welcome_of)

    def note_authors(self, find: Callable[[str], Member | None]) -> None:
        """Note who the messages of a batch of another server are about, so that they can be hidden.

        `find` returns the member that has a name there; None if it is not known who that is.
        """
        if len(self.messages) > 1:
            find = cache(find)  # in a busy room the same people speak again and again
        for place, message in enumerate(self.messages):
            match message:
                case Say() | Emote() | TopicSet() | WentAway() | CameBack() | Left():
                    author = find(message.name)
                case Renamed():
                    author = find(message.before)
                case Joined() | LeftTogether():
                    author = None
                    found = list(map(find, message.names))
                    members = [it for it in found if it is not None]
                    if len(members) < len(found):
                        continue  # those that are left out of such a line must be known
                    self._together += ((place, members),)
                case _:
                    author = None
            if author is not None:
                self._concerned.append((author, place, place + 1))

    def add(
        self,
        message: RoomMessage,
        *,
        not_for: Iterable[Member] = (),
        about: Member | None = None,
    ) -> None:
        """Add `message` at the end, for all members except those in `not_for`.

        Members that ignore the one it is `about` are not shown it.
        """
        place = len(self.messages)
        self.messages.append(message)
        if about is not None:
            self._concerned.append((about, place, place + 1))
        for member in not_for:
            self.not_for.setdefault(member, []).append((place, place + 1))

    def add_said(self, said: Sequence[Spoken], speaker: Member, is_echoed: bool = False) -> None:
        """Add at the end what `speaker` said: for the other members, or for all if echoed."""
        begin = len(self.messages)
        self.messages += said
        self.said += said
        end = len(self.messages)
        self._concerned.append((speaker, begin, end))
        if not is_echoed:
            self.not_for.setdefault(speaker, []).append((begin, end))

    def add_leaves(self, leaves: dict[Member, Left], here: int) -> None:
        """Add at the end that members left; `here` is the number of members that stay."""
        if len(leaves) == 1:
            ((member, left),) = leaves.items()
            self.add(left, not_for=leaves, about=member)
        else:
            self._together += ((len(self.messages), leaves.keys()),)
            self.add(LeftTogether([it.name for it in leaves.values()], here), not_for=leaves)

    def count_anew(self, here: int) -> None:
        """Have the lines about who comes and goes tell that `here` members are there behind it.

        An order that several servers share knows it only after the batch was laid out; nobody has
        been shown it by then.
        """
        last = self.messages[-1]
        if isinstance(last, LeftTogether):
            self.messages[-1] = replace(last, here=here)
            here += len(last.names)
        elif isinstance(last, Left):
            here += 1
        if isinstance(first := self.messages[0], Joined):
            self.messages[0] = replace(first, here=here)
            if self.joining is not None:
                self.joining.here = here

    def count_deliveries(self, members: Collection[Member]) -> int:
        """Return how many lines `members` get together, as if no member ignored another."""
        lines = len(self.messages) * len(members)
        for member, left_out in self.not_for.items():
            if member in members:
                for begin, end in left_out:
                    lines -= end - begin
        return lines

    def places_of(self, member: Member) -> list[int]:
        """Return the places of the messages that `member` said, or that are about it alone."""
        return [
            place
            for about, begin, end in self._concerned
            if about is member
            for place in range(begin, end)
        ]

    def changes_for(self, ignored: Collection[Identity]) -> dict[int, RoomMessage | None]:
        """Return what a member that ignores those is shown in another way, by its place.

        None stands for a message that it is not shown. Of several members that came or left
        together, it is told of the others.
        """
        changes: dict[int, RoomMessage | None] = {}
        for member, begin, end in self._concerned:
            if member.identity in ignored:
                changes.update(dict.fromkeys(range(begin, end)))
        for place, members in self._together:
            others = [it.name for it in members if it.identity not in ignored]
            if len(others) < len(members):
                message = self.messages[place]
                if isinstance(message, Joined | LeftTogether) and others:
                    changes[place] = replace(message, names=others)
                else:
                    changes[place] = None
        return changes

    @property
    def mentions(self) -> Mapping[str, list[int]]:
        """The places of the messages that contain a word, by that word, folded as names are."""
        if self._mentions is not None:
            return self._mentions
        places: dict[str, list[int]] = {}
        for place, message in enumerate(self.messages):
            if isinstance(message, Spoken):
                for word in words_of(message.text):
                    places.setdefault(word, []).append(place)
        self._mentions = places
        return places

    def lines(self, format: Format) -> list[str]:
        """Return the lines as `format` shows them, not encoded yet."""
        style = format.style
        lines = self._lines.get(style)
        if lines is None:
            lines = self._lines[style] = format.lines(self.messages, self.room)
        return lines


class Joining:
    """The members that join with one batch, in their order.

    For the arguments see `Batch.add_joiners`.
    """

    def __init__(
        self,
        welcome_of: dict[Member, bytes],
        here: int,
        room: str,
    ) -> None:
        self._room = room
        self.members: Collection[Member] = welcome_of.keys()
        self.names = [member.name for member in welcome_of]
        self.here = here
        """The number of members, these included."""
        self._about: Sequence[Message] = ()
        self._replay: Sequence[Repeated] = ()
        self._missed_by: Mapping[Member, Sequence[Recalled]] = {}
        self._welcome_of = welcome_of
        self._place_of = {member: place for place, member in enumerate(welcome_of)}
        self._openings: dict[tuple[int, Format], bytes] = {}

    def recall(
        self,
        replay: Sequence[Repeated],
        missed_by: Mapping[Member, Sequence[Recalled]],
        topic: str = "",
    ) -> None:
        """Set what the new members are shown of what was before: the topic, and the `replay`.

        Members in `missed_by`, which were here before, are shown what they have missed instead of
        the replay.
        """
        self._about = [Notice(f"Topic: {topic}")] if topic else []
        self._replay = replay
        self._missed_by = missed_by

    def opening_for(self, member: Member, format: Format) -> bytes:
        """Return what `member` is sent before the batch; b"" for a member that was here already.

        That is the welcome, the replay, and a line about the members that joined at the same time.
        In a crowd that line names a few members only. All members that it does not name get the
        same line, so a thousand members that arrive together cost four renderings of it.
        """
        place = self._place_of.get(member)
        if place is None:
            return b""
        if member in self._missed_by or member.ignores:
            return self._welcome_of[member] + self._opening_of_its_own(member, format)
        if len(self.names) - 1 > MAX_NAMES_LISTED and place >= NAMES_OF_A_CROWD:
            place = NAMES_OF_A_CROWD
        opening = self._openings.get((place, format))
        if opening is None:
            before = replay_messages(self._replay, format)
            messages = [*self._about, *before, *self._others(place)]
            opening = self._openings[place, format] = self._render(messages, format)
        return self._welcome_of[member] + opening

    def _others(self, place: int) -> Sequence[Message]:
        """Return the line about those that join together with the member at `place`, if any do."""
        if len(self.names) == 1:
            return ()
        first = self.names[: MAX_NAMES_LISTED + 1]
        others = first[:place] + first[place + 1 :]
        return [Joined(others, self.here, len(self.names) - 1)]

    def _opening_of_its_own(self, member: Member, format: Format) -> bytes:
        """Return what no other member is sent: what this one missed, without those it ignores."""
        ignored = member.ignores
        recalled: Sequence[Message]
        if member in self._missed_by:
            recalled = dated(not_said_by(ignored, self._missed_by[member]), format)
        else:
            recalled = replay_messages(not_said_by(ignored, self._replay), format)
        others = [
            other.name
            for other in self.members
            if other is not member and other.identity not in ignored
        ]
        together = [Joined(others, self.here)] if others else []
        return self._render([*self._about, *recalled, *together], format)

    def _render(self, messages: Iterable[Message], format: Format) -> bytes:
        return b"".join(render(it, format, room=self._room) for it in messages)


class RenderedBatch:
    """A batch in one format.

    The batch holds no reference to this object: a reference cycle would keep both in memory after
    their use.
    """

    def __init__(self, batch: Batch, format: Format) -> None:
        self._batch = batch
        self._format = format
        self._whole, self._lengths = _encode(batch.lines(format), format)
        has_mentions = format.marks_mentions
        self._is_one_for_all = batch.joining is None and not has_mentions
        # Those that join do not get all: their own joining is left out.
        self.whole = b"" if has_mentions else self._whole
        """The page of members that ignore nobody and get all; b"" if `page_for` must make it."""
        self._marked: dict[int, bytes] = {}

    @cached_property
    def _cuts(self) -> tuple[list[int], memoryview]:
        """Where each line begins, and the end; and all of it, to cut parts out without a copy.

        Computed late: a lone speaker does not need it.
        """
        return [0, *accumulate(self._lengths)], memoryview(self._whole)

    def page_for(self, member: Member) -> bytes:
        """Return what `member` is to be sent."""
        left_out = self._batch.not_for.get(member, ())
        if left_out == [(0, len(self._batch.messages))]:
            # The usual case: the batch holds only what this member said, or that it joined.
            return b"" if self._is_one_for_all else self._opening_for(member)
        if not self._is_one_for_all or member.ignores:
            return self._changed_page(member, left_out)
        begins, slices = self._cuts
        parts = []
        rest = 0
        for begin, end in left_out:
            parts.append(slices[rest : begins[begin]])
            rest = begins[end]
        parts.append(slices[rest:])
        return b"".join(parts)

    def _changed_page(self, member: Member, left_out: Sequence[tuple[int, int]]) -> bytes:
        """Return what `member` is to be sent; handles openings, the ignored and mentions."""
        changes = {begin: (end, b"") for begin, end in left_out}
        if ignored := member.ignores:
            covered = {place for begin, end in left_out for place in range(begin, end)}
            for place, message in self._batch.changes_for(ignored).items():
                if place not in covered:
                    changes[place] = place + 1, self._rendered(message)
        if self._format.marks_mentions:
            for place in self._mentions_of(member):
                changes.setdefault(place, (place + 1, self._mark(place)))
        opening = self._opening_for(member)
        if not changes:  # without an opening, that is the very same object for all, as `whole` is
            return opening + self._whole if opening else self._whole
        begins, slices = self._cuts
        parts: list[bytes | memoryview] = [opening]
        begin = 0
        for place in sorted(changes):
            stop, instead = changes[place]
            parts += (slices[begin : begins[place]], instead)
            begin = begins[stop]
        parts.append(slices[begin:])
        return b"".join(parts)

    def _opening_for(self, member: Member) -> bytes:
        joining = self._batch.joining
        return b"" if joining is None else joining.opening_for(member, self._format)

    def _rendered(self, message: RoomMessage | None) -> bytes:
        if message is None:
            return b""
        return render(message, self._format, room=self._batch.room)

    def _mentions_of(self, member: Member) -> Collection[int]:
        """Return the places of the messages by others that mention `member`."""
        places = self._batch.mentions.get(member.folded_name)
        if places is None:
            return ()
        return set(places).difference(self._batch.places_of(member))

    def _mark(self, place: int) -> bytes:
        if place not in self._marked:
            message = self._batch.messages[place]
            self._marked[place] = render(message, self._format, True, self._batch.room)
        return self._marked[place]


def replay_messages(replay: Sequence[Repeated], format: Format) -> list[Message]:
    """Return what was said before, between a line that announces it and a line that ends it."""
    if not replay:
        return []
    return [ReplayBegins(), *dated(replay, format), ReplayEnds()]


def _encode(lines: Sequence[str], format: Format) -> tuple[bytes, Iterable[int]]:
    """Return `lines` as `format` encodes them, and the length of each in bytes."""
    whole = "".join(lines)
    if whole.isascii():  # one byte for each character, in all encodings
        return whole.encode("ascii"), map(len, lines)
    encoded = [format.encode(line) for line in lines]
    return b"".join(encoded), map(len, encoded)
