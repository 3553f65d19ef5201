"""Frame what rooms send to browsers: once for all of them, and compressed for those that take it.

Rooms hand the very same object to all members that get the whole batch.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

from threadchat.web.deflate import deflated
from threadchat.web.websocket import deflated_frame, text_frame

MIN_DEFLATED = 1024
"""The least bytes of a text that are compressed: as many as a network sends in one packet."""

MANY = 4
"""So many browsers are sent a text as it is before it is compressed for all others.

To compress it costs a processor as much as to send it to some 25 on the same machine; over a
network, which has fewer bytes a second, it pays far sooner. A room with few browsers does without.
"""

MAX_GATHERED = 256 * 1024
"""The bytes that may be gathered; with those of one batch more, they are sent."""

Late = Callable[[list[Any]], None]
"""Sends what a link still has waiting, if it is of the list that this stands in."""


class Gathered:
    """Texts of a room that wait for links, to go in one frame: `text`, `more`, those `before` it.

    As a `Gathering` it takes more for all links that have it waiting, until one of them sends it or
    gathers something else. Any thread may do that; only the one with the room's turn adds to it.
    """

    __slots__ = (
        "__weakref__",
        "before",
        "frame",
        "is_deflated",
        "is_open",
        "late",
        "links",
        "lock",
        "more",
        "size",
        "text",
    )

    def __init__(self, before: "Gathered | None", text: bytes) -> None:
        self.before = before
        self.text = text
        self.lock = Lock()  # guards the next two, and the frame while it is being made
        self.more: list[bytes] = []
        self.is_open = True  # whether it takes more
        self.late: list[Late] = [] if before is None else before.late
        """What the flusher is to call later: one list for all that follows the same first text."""
        self.size: int = len(text) if before is None else before.size + len(text)
        """The bytes of all texts."""
        self.links = 0
        """How many links had exactly this waiting."""
        self.frame = b""  # made when it is first wanted
        self.is_deflated = False  # whether that is compressed

    def whole(self) -> bytes:
        """Return all texts as one."""
        texts: list[bytes] = []
        it: Gathered | None = self
        while it is not None:
            texts[:0] = it.text, *it.more
            it = it.before
        return b"".join(texts)

    def add(self, data: bytes) -> bool:
        """See `Gathering.add`."""
        with self.lock:
            if not self.is_open or self.size >= MAX_GATHERED:
                return False
            self.more.append(data)
            self.size += len(data)
            return True

    def close(self) -> None:
        """Take no more."""
        with self.lock:
            self.is_open = False

    def send_late(self) -> None:
        """Send what links have still waiting of this. For the flusher.

        One link's failure is that link's alone (promise 8); the last one is raised at the end.
        """
        error: Exception | None = None
        while self.late:
            try:
                self.late.pop()(self.late)
            except Exception as raised:
                error = raised
        if error is not None:
            raise error


class Framer:
    """Frame texts as they are. Any thread may use it."""

    def __init__(self) -> None:
        self.last: tuple[bytes, bytes] = (b"", text_frame(b""))
        """A text that was framed, and its frame. Read it once: any thread replaces it."""
        self.newest: Gathered | None = None
        """What was gathered last. Read it once, too."""

    def gather(self, before: "Gathered | None", text: bytes) -> "Gathered":
        """Return what waits for a link once `text` does, too: one object for all such links."""
        newest = self.newest
        if newest is None or newest.text is not text or newest.before is not before or newest.more:
            if before is not None:
                before.close()
            self.newest = newest = Gathered(before, text)
        newest.links += 1
        return newest

    def frame_of(self, gathered: "Gathered") -> bytes:
        """Return the frame of all that is `gathered`, which takes no more."""
        with gathered.lock:
            gathered.is_open = False
            if not gathered.frame:
                gathered.frame = text_frame(gathered.whole())
            return gathered.frame

    def frame(self, text: bytes) -> bytes:
        """Return the frame of `text`."""
        frame = text_frame(text)
        self.last = text, frame
        return frame


class DeflatingFramer(Framer):
    """Frame texts for browsers that agreed on permessage-deflate.

    A text is compressed if it is long, and if it goes to many browsers as the very same object.
    """

    def __init__(self) -> None:
        super().__init__()
        self._handed: tuple[bytes, bytes, int] = (b"", b"", 0)  # a text, its frame, how often

    def frame(self, text: bytes) -> bytes:
        """Return a frame of `text`."""
        if len(text) < MIN_DEFLATED:
            return super().frame(text)
        seen, frame, times = self._handed
        if seen is not text:
            frame, times = text_frame(text), 0
        if times == MANY:
            frame = deflated_frame(deflated(text))
            self.last = text, frame
        else:
            self._handed = text, frame, times + 1
        return frame

    def frame_of(self, gathered: Gathered) -> bytes:
        """Return a frame of all that is `gathered`, which takes no more."""
        if gathered.size < MIN_DEFLATED or gathered.links <= MANY:
            return super().frame_of(gathered)
        # While one thread compresses, others run: zlib lets the interpreter go.
        with gathered.lock:
            gathered.is_open = False
            if not gathered.is_deflated:
                gathered.frame = deflated_frame(deflated(gathered.whole()))
                gathered.is_deflated = True
            return gathered.frame
