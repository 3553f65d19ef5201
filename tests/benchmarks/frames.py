"""Frames of WebSocket (RFC 6455), as a client writes and reads them; `load/frames.c` in Python."""

import os
import struct
import zlib

_FIN, _DEFLATED, _TEXT, _BINARY, _PING, _PONG, _MASKED = 0x80, 0x40, 0x1, 0x2, 0x9, 0xA, 0x80
_WITH_WORDS = (_FIN | _TEXT, _FIN | _BINARY, _FIN | _DEFLATED | _TEXT)


def text_frame(text: bytes) -> bytes:
    """Return a masked frame with `text`, of at most 65,535 bytes."""
    return _frame(_TEXT, text)


def pong_frame() -> bytes:
    """Return the answer to a ping without words."""
    return _frame(_PONG, b"")


def _frame(opcode: int, text: bytes) -> bytes:
    length, mask = len(text), os.urandom(4)
    head = bytes((_FIN | opcode, _MASKED | min(length, 126)))
    if length >= 126:
        head += struct.pack(">H", length)
    key = (mask * (length // 4 + 1))[:length]
    masked = int.from_bytes(text) ^ int.from_bytes(key)
    return head + mask + masked.to_bytes(length)


class Incoming:
    """The stream of frames that one client receives."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0  # bytes of the payload of a frame that are still to come
        self._deflated: bytearray | None = None  # the payload of a compressed frame, so far
        self.texts = 0
        """How many frames with words have come."""
        self.pings = 0
        """How many pings have come that are not answered."""

    def take_heads(self, data: bytes) -> bytes:
        """Return `data` without the heads of frames; raise `ValueError` for a wrong frame.

        The words of a compressed frame (RFC 7692) are among it once the whole of it has come.
        """
        parts = []
        at = 0
        while at < len(data):
            if self._left:
                part = data[at : at + self._left]
                self._left -= len(part)
                at += len(part)
                parts.append(part if self._deflated is None else self._inflate(part))
            else:
                self._head += data[at : at + 1]
                at += 1
                self._take_head()
        return b"".join(parts)

    def _inflate(self, part: bytes) -> bytes:
        assert self._deflated is not None
        self._deflated += part
        if self._left:
            return b""
        try:
            return zlib.decompressobj(-15).decompress(self._deflated + b"\x00\x00\xff\xff")
        except zlib.error as error:
            raise ValueError(f"a frame that cannot be inflated: {error}") from None

    def _take_head(self) -> None:
        head = self._head
        if len(head) < 2 or len(head) < {126: 4, 127: 10}.get(head[1], 2):
            return
        self._left = int.from_bytes(head[2:]) if len(head) > 2 else head[1]
        self._head = b""
        self._deflated = bytearray() if head[0] == _FIN | _DEFLATED | _TEXT else None
        if head[0] == _FIN | _PING and not self._left:
            self.pings += 1
        elif head[0] not in _WITH_WORDS or head[1] & _MASKED:
            raise ValueError(f"a frame that begins with {head[:2].hex(' ')}")
        else:
            self.texts += 1
