"""Lay out a batch for the members of a room: what it shows, in which order, and who gets what.

It is rendered once for each way of showing it, however many members there are; a member's own page
is a few slices of that, not a loop over messages. No sockets, no threads.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from functools import cached_property
from itertools import accumulate

from threadchat.chat.interfaces import Member
from threadchat.messages.format import Format, render
from threadchat.messages.kinds import (
    Joined,
    Left,
    LeftTogether,
    Message,
    Notice,
    RoomMessage,
    Spoken,
)
from threadchat.messages.mentions import words_of
from threadchat.text.phrases import MAX_NAMES_LISTED, NAMES_OF_A_CROWD


class Batch:
    """A batch as it is shown: which messages, in which order, and who is not to get which."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.messages: list[RoomMessage] = []
        self.said: list[Spoken] = []
        """Those of the messages that somebody said."""
        self._spoken: list[tuple[Member, int, int]] = []  # by whom, from which place to which
        self.not_for: dict[Member, list[tuple[int, int]]] = {}
        """For those who do not get everything: from which place to which not, ascending."""
        self._lines: dict[Hashable, list[str]] = {}  # by style
        self.joining: Joining | None = None
        """Those who come in with this batch, if any do."""

    def add_joiners(
        self, welcome_of: dict[Member, bytes], here: int, replay: Sequence[Spoken]
    ) -> None:
        """Put on top who joined, each with the welcome they get.

        `here` is how many members there are with them, and `replay` what they are shown of what
        was said before.
        """
        self.joining = Joining(welcome_of, here, replay, self.room)
        # Who joined is told of the others in a line of their own.
        self.add(Joined(self.joining.names, here), not_for=welcome_of)

    def add(self, message: RoomMessage, *, not_for: Iterable[Member] = ()) -> None:
        """Put `message` below what there is, for all but some."""
        place = len(self.messages)
        self.messages.append(message)
        for member in not_for:
            self.not_for.setdefault(member, []).append((place, place + 1))

    def add_said(self, said: Sequence[Spoken], speaker: Member, is_echoed: bool = False) -> None:
        """Put what `speaker` said below what there is, for the others or, echoed, for all."""
        begin = len(self.messages)
        self.messages += said
        self.said += said
        end = len(self.messages)
        self._spoken.append((speaker, begin, end))
        if not is_echoed:
            self.not_for.setdefault(speaker, []).append((begin, end))

    def add_leaves(self, leaves: dict[Member, Left], here: int) -> None:
        """Put below what there is who left, `here` being how many stay."""
        if len(leaves) == 1:
            (left,) = leaves.values()
            self.add(left, not_for=leaves)
        else:
            self.add(LeftTogether([it.name for it in leaves.values()], here), not_for=leaves)

    def count_deliveries(self, members: Collection[Member]) -> int:
        """Return how many lines this is to `members`, as if nobody ignored anybody."""
        lines = len(self.messages) * len(members)
        for member, left_out in self.not_for.items():
            if member in members:
                for begin, end in left_out:
                    lines -= end - begin
        return lines

    def places_of(self, speakers: Collection[Member]) -> list[int]:
        """Return the places of what `speakers` said."""
        return [
            place
            for speaker, begin, end in self._spoken
            if speaker in speakers
            for place in range(begin, end)
        ]

    @cached_property
    def mentions(self) -> dict[str, list[int]]:
        """The places of the messages that mention a word, by that word, folded as names are."""
        places: dict[str, list[int]] = {}
        for place, message in enumerate(self.messages):
            if isinstance(message, Spoken):
                for word in words_of(message.text):
                    places.setdefault(word, []).append(place)
        return places

    def lines(self, format: Format) -> list[str]:
        """Return the lines as `format` shows them, whatever its encoding."""
        style = format.style
        if style not in self._lines:
            self._lines[style] = format.lines(self.messages, self.room)
        return self._lines[style]


class Joining:
    """Those who come in with one batch, in their order.

    For the arguments see `Batch.add_joiners`.
    """

    def __init__(
        self, welcome_of: dict[Member, bytes], here: int, replay: Sequence[Spoken], room: str
    ) -> None:
        self._room = room
        self.names = [member.name for member in welcome_of]
        self._here = here
        self._replay = replay
        self._welcome_of = welcome_of
        self._place_of = {member: place for place, member in enumerate(welcome_of)}
        self._openings: dict[tuple[int, Format], bytes] = {}

    def opening_for(self, member: Member, format: Format) -> bytes:
        """Return what `member` is sent ahead of the batch; b"" for who was here before.

        That is the welcome, the replay, and who joined at the same time. In a crowd, all but those
        whom that line would name get the same one: a thousand who arrive together cost four
        renderings of it.
        """
        place = self._place_of.get(member)
        if place is None:
            return b""
        names = self.names
        if len(names) - 1 > MAX_NAMES_LISTED and place >= NAMES_OF_A_CROWD:
            place = NAMES_OF_A_CROWD
        if (place, format) not in self._openings:
            messages = _replay_messages(self._replay)
            if len(names) > 1:
                first = names[: MAX_NAMES_LISTED + 1]
                others = first[:place] + first[place + 1 :]
                messages.append(Joined(others, self._here, len(names) - 1))
            self._openings[place, format] = b"".join(
                render(it, format, room=self._room) for it in messages
            )
        return self._welcome_of[member] + self._openings[place, format]


class RenderedBatch:
    """A batch in one format. A batch knows of none: in a circle both would outlive their use."""

    def __init__(self, batch: Batch, format: Format) -> None:
        self._batch = batch
        self._format = format
        whole, self._lengths = _encode(batch.lines(format), format)
        self._slices = memoryview(whole)  # cuts out a part without copying it
        self._is_one_for_all = batch.joining is None and not format.marks_mentions
        self.whole = whole if self._is_one_for_all else b""
        """What those are sent who ignore nobody and get all; b"" if `page_for` has to say."""
        self._marked: dict[int, bytes] = {}

    @cached_property
    def _begins(self) -> list[int]:
        """Where each line begins, and the end. Where one speaks alone, nobody needs to know."""
        return [0, *accumulate(self._lengths)]

    def page_for(self, member: Member) -> bytes:
        """Return what `member` is to be sent."""
        left_out = self._batch.not_for.get(member, ())
        if self._is_one_for_all and left_out == [(0, len(self._batch.messages))]:
            return b""  # as for who speaks alone
        if not self._is_one_for_all or member.ignores:
            return self._changed_page(member, left_out)
        begins, slices = self._begins, self._slices
        parts = []
        rest = 0
        for begin, end in left_out:
            parts.append(slices[rest : begins[begin]])
            rest = begins[end]
        parts.append(slices[rest:])
        return b"".join(parts)

    def _changed_page(self, member: Member, left_out: Sequence[tuple[int, int]]) -> bytes:
        """Return what `member` is to be sent, where that may be more than leaving lines out."""
        changes = {begin: (end, b"") for begin, end in left_out}
        if member.ignores:
            for place in self._batch.places_of(member.ignores):
                changes[place] = place + 1, b""
        if self._format.marks_mentions:
            for place in self._mentions_of(member):
                changes.setdefault(place, (place + 1, self._mark(place)))
        parts: list[bytes | memoryview] = []
        if self._batch.joining is not None:
            parts.append(self._batch.joining.opening_for(member, self._format))
        begin = 0
        for place in sorted(changes):
            stop, instead = changes[place]
            parts += (self._slices[begin : self._begins[place]], instead)
            begin = self._begins[stop]
        parts.append(self._slices[begin:])
        return b"".join(parts)

    def _mentions_of(self, member: Member) -> Collection[int]:
        """Return the places of what others say to or of `member`."""
        places = self._batch.mentions.get(member.folded_name)
        if places is None:
            return ()
        return set(places).difference(self._batch.places_of((member,)))

    def _mark(self, place: int) -> bytes:
        if place not in self._marked:
            message = self._batch.messages[place]
            self._marked[place] = render(message, self._format, True, self._batch.room)
        return self._marked[place]


def _replay_messages(replay: Sequence[Spoken]) -> list[Message]:
    """Return what was said before, between a line that says so and one that ends it."""
    if not replay:
        return []
    return [Notice("What was said before you came:"), *replay, Notice("From here on it is live.")]


def _encode(lines: Sequence[str], format: Format) -> tuple[bytes, Iterable[int]]:
    """Return `lines` as `format` encodes them, and the length of each in bytes."""
    whole = "".join(lines)
    if whole.isascii():  # a byte for a character, in all encodings
        return whole.encode("ascii"), map(len, lines)
    encoded = [format.encode(line) for line in lines]
    return b"".join(encoded), map(len, encoded)
