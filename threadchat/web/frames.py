"""Take the usual frames of a page, short texts that came whole, out of a stream in a fast way.

Where a stream is at the boundary of two messages is known by the heads of its frames alone. All
else that RFC 6455 says of frames is for `wsproto`.
"""

_TEXT = 0x81  # the last frame of its message
_MASKED = 0x80
_KEY = 4  # the length of a mask


def whole_texts(data: bytes) -> tuple[list[str], bytes]:
    """Return the texts at the beginning of `data`, and what is behind them.

    `data` begins at the boundary of two messages. The first frame that is not a whole text, right
    in every way and shorter than 64 KiB, stays in the rest, with all that follows.
    """
    texts: list[str] = []
    at, end = 0, len(data)
    while end - at >= 2 + _KEY and data[at] == _TEXT:
        length, begin = data[at + 1] ^ _MASKED, at + 2
        if length == 126:
            length, begin = data[at + 2] << 8 | data[at + 3], at + 4
            if length < 126:
                break
        elif length > 126:  # longer, or not masked
            break
        behind = begin + _KEY + length
        if behind > end:
            break
        try:
            texts.append(
                _unmasked(data[begin : begin + _KEY], data[begin + _KEY : behind]).decode()
            )
        except UnicodeDecodeError:
            break
        at = behind
    return texts, data[at:]


def _unmasked(key: bytes, masked: bytes) -> bytes:
    length = len(masked)
    mask = (key * (length // _KEY + 1))[:length]
    return (int.from_bytes(masked) ^ int.from_bytes(mask)).to_bytes(length)


class Boundary:
    """Follows a stream of frames; knows whether it is at the boundary of two messages."""

    __slots__ = ("_head", "_is_within", "_left")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0  # bytes of the frame that are still to come
        self._is_within = False  # whether a message has begun whose last frame has not

    @property
    def is_here(self) -> bool:
        """Whether the next byte begins a message, or a frame between two."""
        return not (self._left or self._head or self._is_within)

    def pass_over(self, data: bytes) -> None:
        """Go on behind `data`. It may be anything."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
            else:
                self._head += data[at : at + 1]
                at += 1
                self._take_head()

    def _take_head(self) -> None:
        head = self._head
        if len(head) < 2:
            return
        length, key = head[1] & 0x7F, _KEY if head[1] & _MASKED else 0
        extra = {126: 2, 127: 8}.get(length, 0)
        if len(head) < 2 + extra:
            return
        self._left = key + (int.from_bytes(head[2:]) if extra else length)
        self._head = b""
        if not head[0] & 0x08:  # no control frame, which may stand between those of a message
            self._is_within = not head[0] & 0x80
