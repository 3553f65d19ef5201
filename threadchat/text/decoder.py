"""Turn one client's bytes into text, and find out whether they are UTF-8."""

import codecs
import re
from dataclasses import dataclass

MAX_BAD_BYTES = 16
"""How many more bytes that are no UTF-8 a client may send than bytes of letters in UTF-8.

A client that writes another encoding may happen to send a letter that looks like UTF-8.
"""

MAX_HELD = 4 * 4096
"""The most bytes of a line that are held until its end comes."""

_LEAST_FIRST_BYTE = 0xC2
"""The first byte of a letter in UTF-8 that has several bytes is not less (RFC 3629)."""

_BEGUN_LETTER = re.compile(
    rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)


@dataclass(frozen=True, slots=True)
class EncodingChanged:
    """A client's encoding has changed by itself: what the client sent was no more to be read."""

    encoding: str


class Decoder:
    """Decode one client's bytes: as UTF-8 until they show that the client writes something else.

    A byte that is no UTF-8 changes a client that has sent no letter in UTF-8 so far: from then on
    its bytes are decoded with the fallback encoding, as a guess. A client that has sent such
    letters stays: that byte alone is decoded with the fallback, unless such bytes outnumber the
    letters by far. A guess is given up when a whole line is UTF-8 after all: see `holds_lines`, or
    when the next letter is, after `doubt`. An encoding that `use` has set is never changed again. A
    byte order mark at the beginning is dropped, and says that all is UTF-8.

    `encoding` is the encoding in use now, so that text for the client can be encoded in the same
    way. No bytes raise an error, and how they are cut into chunks never matters.
    """

    __slots__ = (
        "_bad_bytes",
        "_changes",
        "_decoder",
        "_is_at_start",
        "_is_doubted",
        "_is_settled",
        "_rest",
        "_utf8_bytes",
        "encoding",
        "fallback",
        "has_changed",
        "holds_lines",
        "is_a_guess",
        "left_unfinished",
    )

    def __init__(self, fallback: str = "cp1252") -> None:
        self.fallback = fallback
        self.encoding = "utf-8"
        self.is_a_guess = False
        """Whether the encoding is only the fallback: nobody has confirmed it."""
        self.holds_lines = False
        """Whether bytes in a guessed encoding are decoded line by line.

        That is for clients that send whole lines, so that each line is read in one encoding.
        """
        self.has_changed = False
        """Whether `take_changes` has something to return."""
        self.left_unfinished = False
        """Whether a letter in UTF-8 has begun, and something else than the rest of it came."""
        self._decoder: codecs.IncrementalDecoder | None = None  # None for UTF-8
        # What cannot be decoded yet: the beginning of a UTF-8 letter, or of a line that is held.
        self._rest = b""
        self._is_at_start = True
        self._is_settled = False
        self._is_doubted = False
        self._utf8_bytes = 0  # of letters in UTF-8, without their first bytes
        self._bad_bytes = 0
        self._changes: list[tuple[int, EncodingChanged]] | None = None  # None: there are none

    @property
    def is_plain(self) -> bool:
        """Whether the encoding is still UTF-8 and no character is incomplete."""
        return self._decoder is None and not self._rest

    def skip(self) -> None:
        """Note that the client has begun with ASCII: a byte order mark would come too late."""
        self._is_at_start = False

    def use(self, encoding: str) -> None:
        """Decode with `encoding` from now on: a name that `usable_encoding` returned.

        The bytes of an incomplete character are decoded with it, too.
        """
        self._change_to(encoding)
        self.is_a_guess = False
        self._is_settled = True

    def guess(self, encoding: str) -> None:
        """Take `encoding` for the fallback; if the fallback is in use already, use it at once."""
        self.fallback = encoding
        if self.is_a_guess:
            self._note_change(0, encoding)

    def doubt(self) -> None:
        """Look again at a guess: give it up if the next letter that comes is one in UTF-8."""
        self._is_doubted = self.is_a_guess

    def _change_to(self, encoding: str) -> None:
        if self._decoder is not None:
            begun, _ = self._decoder.getstate()
            self._rest = begun + self._rest
        self.encoding = encoding
        self._decoder = (
            None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("replace")
        )

    def decode(self, data: bytes, final: bool = False) -> str:
        """Return the text that `data` completes; with `final`, also what is still incomplete."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if self._is_at_start:
            data = self._without_mark(data)
        if self._decoder is None:
            try:
                return self._decode_utf8(data, final)
            except UnicodeDecodeError:
                return self._decode_piece_by_piece(data, final)
        if self.is_a_guess and self.holds_lines:
            return self._decode_piece_by_piece(data, final)
        if self.is_a_guess and self._is_doubted:
            return self._decode_in_doubt(data, final)
        return self._decoder.decode(data, final)

    def take_changes(self) -> list[tuple[int, EncodingChanged]]:
        """Return the changes in the last call of `decode`, each with its place in the text."""
        changes, self._changes = self._changes, None
        self.has_changed = False
        return changes or []

    def put_back(self, byte: int) -> bool:
        """Take `byte` if it goes on with a letter in UTF-8 that has begun; return whether it does.

        It is decoded with what comes next. A client whose encoding is a guess is read as UTF-8
        again.
        """
        begun = _BEGUN_LETTER.search(self._rest)
        if begun is None:
            return False
        try:
            codecs.utf_8_decode(begun.group() + bytes((byte,)), "strict", False)
        except UnicodeDecodeError:
            return False
        self._rest += bytes((byte,))
        if self.is_a_guess:
            self._go_back_to_utf8(0)
        return True

    def clear(self) -> None:
        """Drop the bytes of an incomplete character, or of a line that is held."""
        self._rest = b""
        if self._decoder is not None:
            self._decoder.reset()

    def _without_mark(self, data: bytes) -> bytes:
        if data.startswith(codecs.BOM_UTF8):
            self._is_settled |= self._decoder is None
            data = data.removeprefix(codecs.BOM_UTF8)
            self._is_at_start = False
        elif not codecs.BOM_UTF8.startswith(data):
            self._is_at_start = False
        return data

    def _decode_utf8(self, data: bytes, final: bool) -> str:
        text, used = codecs.utf_8_decode(data, "strict", final)
        self._rest = data[used:]
        self._utf8_bytes += used - len(text)
        return text

    def _decode_piece_by_piece(self, data: bytes, final: bool) -> str:
        """Decode `data` where the encoding may change within it."""
        text = ""
        while data or final:
            if self._decoder is None:
                try:
                    return text + self._decode_utf8(data, final)
                except UnicodeDecodeError as error:
                    text += self._decode_utf8(data[: error.start], False)
                    data = data[error.start :]
                    bad = data[: error.end - error.start]
                self.left_unfinished |= bad[0] >= _LEAST_FIRST_BYTE
                if self._is_no_utf8():
                    self._note_change(len(text), self.fallback)
                    self.is_a_guess = True
                    continue
                self._bad_bytes += len(bad)
                text += bad.decode(self.fallback, "replace")
                data = data[len(bad) :]
            elif self.holds_lines:
                line = data[: data.find(b"\n") + 1] or data[:MAX_HELD]
                if not (line.endswith(b"\n") or len(line) == MAX_HELD or final):
                    self._rest = line
                    break
                if _has_utf8_letters(line):
                    self._go_back_to_utf8(len(text))
                    continue
                text += self._decoder.decode(line, final)
                data = data[len(line) :]
                if not data:
                    break
            else:
                return text + self._decoder.decode(data, final)
        return text

    def _decode_in_doubt(self, data: bytes, final: bool) -> str:
        """Decode `data` where the first letter in it decides what the encoding is."""
        try:
            text, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            text, used = data[: error.start].decode(), error.start
            self._is_doubted = False
        if used > len(text):
            self._is_doubted = False
            self._go_back_to_utf8(0)
        elif self._is_doubted:
            self._rest = data[used:]
            return text
        return self.decode(data, final)

    def _is_no_utf8(self) -> bool:
        if self._is_settled or self.fallback == "utf-8":
            return False
        # In an encoding with several bytes a letter, a byte alone says nothing: do not wait long.
        surplus = 0 if len("\u6f22".encode(self.fallback, "replace")) > 1 else MAX_BAD_BYTES
        return not self._utf8_bytes or self._bad_bytes >= self._utf8_bytes + surplus

    def _go_back_to_utf8(self, place: int) -> None:
        self._note_change(place, "utf-8")
        self.is_a_guess = False
        self._utf8_bytes, self._bad_bytes = 1, 0

    def _note_change(self, place: int, encoding: str) -> None:
        self._change_to(encoding)
        if self._changes is None:
            self._changes = []
        self._changes.append((place, EncodingChanged(encoding)))
        self.has_changed = True


def _has_utf8_letters(line: bytes) -> bool:
    """Return whether `line` is UTF-8, with more in it than one letter of two bytes.

    Two letters of another encoding may look like one of those.
    """
    try:
        return len(line) - len(line.decode()) > 1
    except UnicodeDecodeError:
        return False
