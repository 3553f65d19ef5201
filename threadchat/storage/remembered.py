"""What is remembered of one room in memory, and how many bytes of memory that takes.

The bytes are counted when somebody asks for them, not with each line: to count costs a room nearly
nothing, and what few lines there are need not be counted at all (see `MAX_LINE_BYTES`). They are
counted by the piece: at most one piece of each room is counted that is gone already.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

from threadchat.messages.kinds import Spoken, TakenBack
from threadchat.text.clean import MAX_LINE

Kept = Spoken | TakenBack
"""What a history keeps at a place."""

LINE_BYTES = 160
"""What a line takes beside its text: the message, its time and number, its places in lists."""

MAX_LINE_BYTES = LINE_BYTES + 4 * MAX_LINE + 80
"""The most that a line takes: four bytes for each character, and 80 for the text itself."""

ROOM_BYTES = 2048
"""What a room takes that has no lines."""

_JOINED_BYTES = 100
"""What an entry of what a search has made of a line takes, beside the text of that."""

PIECE_LINES, PIECE_BYTES = 32, 8192
"""A piece is closed when it has so many lines, or bytes."""


class RememberedRoom:
    """What was said in one room; `last` is the last number that was given. Its owner has a lock."""

    __slots__ = (
        "_bytes",
        "_counted",
        "_joined",
        "_pieces",
        "epoch",
        "last",
        "lines",
        "name",
        "taken_back",
        "topic",
    )

    def __init__(self, name: str, epoch: str, limit: int) -> None:
        self.name = name
        self.epoch = epoch
        self.last = 0
        self.topic = ""
        self.lines: deque[Kept] = deque(maxlen=limit)
        self.taken_back: deque[TakenBack] = deque(maxlen=limit)
        """The lines that were taken back, in the order in which that happened."""
        self._bytes = ROOM_BYTES  # without the lines below
        self._counted = 0  # the number of the last line that was counted
        # By their numbers, lines as `joined_words` has made them for a search; None if that is just
        # the text.
        self._joined: dict[int, str | None] = {}
        # Of each piece the number of its last line, its bytes, and the number of its lines.
        self._pieces: deque[list[int]] = deque()

    @property
    def first(self) -> int:
        """The number of the first line that is remembered."""
        return self.last + 1 - len(self.lines)

    def append(self, batch: Sequence[Spoken], before: Sequence[int] = ()) -> None:
        """Add lines and set their places; drop as many of the oldest as are too many.

        For `before` see `History.append_moved`.
        """
        gone = self._taken_back_of(before) if before else frozenset()
        if self._joined:
            too_many = len(self.lines) + len(batch) - (self.lines.maxlen or 0)
            self._drop_joined(range(self.first, self.first + max(0, too_many)))
        epoch, seq = self.epoch, self.last
        for message in batch:
            seq += 1
            message.epoch = epoch
            message.seq = seq
        self.last = seq
        self.lines.extend(batch)
        for message, was in zip(batch, before, strict=False):
            if was in gone:
                self.take_back(TakenBack(message.name, epoch, message.seq, 0, at=message.at))
            elif self.first <= was:
                self._put(TakenBack(message.name, epoch, was, 0, at=message.at))

    def _taken_back_of(self, seqs: Sequence[int]) -> frozenset[int]:
        """Return which of these numbers have lines that were taken back."""
        known = {it.seq for it in self.taken_back}
        return frozenset(it for it in seqs if it in known or isinstance(self.at(it), TakenBack))

    @property
    def bytes(self) -> int:
        """How many bytes of memory all of it takes."""
        self._count()
        return self._bytes

    def _count(self) -> None:
        """Count the lines that have come since the last count."""
        pieces, number = self._pieces, min(self.last - self._counted, len(self.lines))
        self._counted = self.last
        if not number:
            return
        new = islice(self.lines, len(self.lines) - number, None)
        for seq, line in enumerate(new, self.last + 1 - number):
            if not pieces or pieces[-1][2] >= PIECE_LINES or pieces[-1][1] >= PIECE_BYTES:
                pieces.append([seq, 0, 0])
            piece = pieces[-1]
            size = LINE_BYTES + line.text.__sizeof__()  # as `getsizeof`, which takes longer
            piece[0] = seq
            piece[1] += size
            piece[2] += 1
            self._bytes += size
        self._drop_pieces()

    def at(self, seq: int) -> Kept | None:
        """Return what stands at that number; None if it is not remembered."""
        index = seq - self.first
        return self.lines[index] if 0 <= index < len(self.lines) else None

    def take_back(self, taken_back: TakenBack) -> None:
        """Put `taken_back` in the place of the line that was taken back."""
        self._put(taken_back)
        if len(self.taken_back) < (self.taken_back.maxlen or 0):
            self._bytes += LINE_BYTES
        self.taken_back.append(taken_back)

    def _put(self, taken_back: TakenBack) -> None:
        self._count()
        if self.first <= taken_back.seq:
            self.lines[taken_back.seq - self.first] = taken_back
        self._drop_joined((taken_back.seq,))

    def drop_oldest(self, number: int, until: float) -> None:
        """Drop the oldest line, and more until `number` bytes are free, said up to `until`.

        That leaves a hole: the numbers of the other lines stay.
        """
        goal = self.bytes - number  # all is counted now
        while self.lines:
            self._drop_joined((self.first,))
            line, piece = self.lines.popleft(), self._pieces[0]
            size = LINE_BYTES + line.text.__sizeof__()
            piece[1] -= size
            self._bytes -= size
            self._drop_pieces()
            if self._bytes <= goal or (self.lines and self.lines[0].at > until):
                return
        self._bytes -= len(self.taken_back) * LINE_BYTES
        self.taken_back.clear()

    def drop_before(self, at: float) -> None:
        """Drop the lines that were said before that time."""
        while self.lines and self.lines[0].at < at:
            self._drop_joined((self.first,))
            self.lines.popleft()
        self._drop_pieces()

    def _drop_pieces(self) -> None:
        first = self.first
        while self._pieces and self._pieces[0][0] < first:
            self._bytes -= self._pieces.popleft()[1]

    # What a search has made of lines

    def joined(self, line: Kept) -> str | None:
        """Return what was kept of `line`; None if nothing was."""
        if line.seq not in self._joined:
            return None
        joined = self._joined[line.seq]
        return line.text if joined is None else joined

    def keep_joined(self, line: Spoken, joined: str) -> None:
        """Keep what was made of `line`, if the line itself is still kept."""
        if self.at(line.seq) is line and line.seq not in self._joined:
            kept = self._joined[line.seq] = None if joined is line.text else joined
            self._bytes += _size_of(kept)

    def _drop_joined(self, seqs: Iterable[int]) -> None:
        if self._joined:
            for seq in seqs:
                if seq in self._joined:
                    self._bytes -= _size_of(self._joined.pop(seq))


def _size_of(joined: str | None) -> int:
    return _JOINED_BYTES if joined is None else _JOINED_BYTES + joined.__sizeof__()
