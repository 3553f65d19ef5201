"""Agree on permessage-deflate (RFC 7692), compress what many are sent, and read what clients send.

Both sides take each message for itself (`no_context_takeover`). So a frame is compressed once for
all browsers, and no client has a compressor or a decompressor while nothing comes in from it.

Only what several members of a room are sent in the very same bytes is ever compressed: see
`DeflatingFramer`. Nothing that one person alone is sent is: no private words, no secrets, no keys.
So the length of a frame gives nothing away that was put beside the words of somebody else, as it
does in the attacks CRIME and BREACH.
"""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

_NAME = "permessage-deflate"

_WINDOW_BITS = 15
"""The base-2 logarithm of the window that frames are compressed with."""

_TAIL = b"\x00\x00\xff\xff"  # of a compressed message; it is left out of the frame
_END = b"\x01\x00\x00\xff\xff"  # an empty last block: it shows whether the one before is whole

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = rf'\s*;\s*({_TOKEN})(?:\s*=\s*(?:({_TOKEN})|"({_TOKEN})"))?'
_EXTENSION = re.compile(rf"[\s,]*({_TOKEN})((?:{_PARAMETER})*)\s*(?:,|$)")
_BITS = re.compile("[89]|1[0-5]")


def agree(offers: Sequence[str]) -> str:
    """Return the answer to what a client offers in `Sec-WebSocket-Extensions` (section 5.1).

    "" declines all of it, as do offers that are not understood; the WebSocket begins without.
    """
    for name, parameters in _extensions(offers):
        answer = _answer(parameters) if name == _NAME else ""
        if answer:
            return answer
    return ""


def _extensions(offers: Sequence[str]) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    for offer in offers:
        at = 0
        while found := _EXTENSION.match(offer, at):
            at = found.end()
            yield (
                found[1].lower(),
                [
                    (name.lower(), value or quoted or None)
                    for name, value, quoted in re.findall(_PARAMETER, found[2])
                ],
            )


def _answer(parameters: Sequence[tuple[str, str | None]]) -> str:
    """Return the answer to one offer of this extension; "" if it cannot be taken."""
    wanted: Mapping[str, str | None] = dict(parameters)
    if len(wanted) < len(parameters):
        return ""
    answer = [_NAME, "server_no_context_takeover", "client_no_context_takeover"]
    for name, value in wanted.items():
        match name:
            case "server_no_context_takeover" | "client_no_context_takeover":
                if value is not None:
                    return ""
            case "server_max_window_bits":
                if value != str(_WINDOW_BITS):  # the frames of all have the same window
                    return ""
                answer.append(f"{name}={value}")
            case "client_max_window_bits":
                if value is not None and not _BITS.fullmatch(value):
                    return ""
            case _:
                return ""
    return "; ".join(answer)


def deflated(text: bytes) -> bytes:
    """Return `text` as the payload of a compressed message (section 7.2.1)."""
    # The fastest level: what repeats in objects repeats within a line's length.
    compressor = zlib.compressobj(1, zlib.DEFLATED, -_WINDOW_BITS)
    whole = compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return whole.removesuffix(_TAIL)


class Inflating(Extension):
    """Inflates the messages of one client, for `wsproto`.

    A piece of input becomes at most `most` bytes. What would become more is not inflated further
    (code 1009); wrong data is code 1007.
    """

    name = _NAME

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most
        self._inflater: zlib._Decompress | None = None  # while a compressed message comes in
        self._is_control = False

    def begin(self) -> None:
        """Begin another piece of input."""
        self._left = self._most

    def enabled(self) -> bool:
        """Return that it is in use: this class is for clients that it was agreed on with."""
        return True

    def offer(self) -> bool:
        """Return that a server offers nothing."""
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        """Take note of the head of a frame: the first bit may stand in a message's first one."""
        self._is_control = opcode.iscontrol()
        if rsv.rsv1:
            if self._is_control or opcode is Opcode.CONTINUATION:
                return CloseReason.PROTOCOL_ERROR
            self._inflater = zlib.decompressobj(-_WINDOW_BITS)
        return RsvBits(True, False, False)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Return `data` inflated, if it is part of a compressed message."""
        inflater = self._inflater
        return data if inflater is None or self._is_control else self._inflate(inflater, data)

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        """Return what is left of a compressed message at its end."""
        inflater = self._inflater
        if inflater is None or self._is_control or not fin:
            return None
        self._inflater = None
        data = self._inflate(inflater, _TAIL + _END)
        if isinstance(data, bytes):
            # Behind a block that says it is the last one, an empty one stands (section 7.2.3.4).
            rest = inflater.unused_data
            if not inflater.eof or rest not in (b"", b"\x00" + _TAIL + _END):
                return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return data

    def _inflate(self, inflater: "zlib._Decompress", data: bytes) -> bytes | CloseReason:
        try:
            inflated = inflater.decompress(data, self._left + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        if len(inflated) > self._left:
            return CloseReason.MESSAGE_TOO_BIG
        self._left -= len(inflated)
        return inflated
