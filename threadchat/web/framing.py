"""Frame what rooms send to browsers: once for all of them, and compressed for those that take it.

Rooms hand the very same object to all members that get the whole batch.
"""

from threadchat.web.deflate import deflated
from threadchat.web.websocket import deflated_frame, text_frame

MIN_DEFLATED = 1024
"""The least bytes of a text that are compressed: as many as a network sends in one packet."""

MANY = 4
"""So many browsers are sent a text as it is before it is compressed for all others.

To compress it costs a processor as much as to send it to some 25 on the same machine; over a
network, which has fewer bytes a second, it pays far sooner. A room with few browsers does without.
"""


class Framer:
    """Frame texts as they are. Any thread may use it."""

    def __init__(self) -> None:
        self.last: tuple[bytes, bytes] = (b"", text_frame(b""))
        """A text that was framed, and its frame. Read it once: any thread replaces it."""

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
