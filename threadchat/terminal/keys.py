"""Divide what a terminal sends into text and keys, and say which keys edit the line.

Decoded text goes in. No key is carried out here: `LineEditor` does that.
"""

import re
from collections.abc import Callable, Iterator

from threadchat.terminal.editbuffer import UNSHOWABLE, EditBuffer

MAX_ESCAPE = 32
"""The longest escape sequence that is waited for, in characters."""

KEY_SECONDS = 0.1
"""Seconds after which the rest of a key's sequence is not waited for any more.

A terminal sends a sequence in one piece. After a person has pressed Esc alone, what they type next
is text.
"""

_TEXT_RUN = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")

# The Linux console sends its function keys as ESC [ [ and a letter.
_UNFINISHED = re.compile(r"\x1b(?:\[(?:\[|[ -?]*)|O[0-9;]*)?")

_BEGUN_SEQUENCE = re.compile(rf"\x1b*{_UNFINISHED.pattern}\Z")

_CUT_OFF = re.compile(rf"(?:\t|{_UNFINISHED.pattern})\Z".encode())

_KEY_SEQUENCE = re.compile(r"\x1b[\[O]([0-9]*)(?:;([0-9]+))?([A-DFH~])")

EDITING_KEYS: dict[str, Callable[[EditBuffer], None]] = {
    "\x01": EditBuffer.go_to_start,
    "\x02": EditBuffer.go_left,
    "\x05": EditBuffer.go_to_end,
    "\x06": EditBuffer.go_right,
    "\x08": EditBuffer.erase_left,
    "\x0b": EditBuffer.erase_to_end,
    "\x15": EditBuffer.erase_to_start,
    "\x17": EditBuffer.erase_word_left,
    "\x7f": EditBuffer.erase_left,
    "arrow C": EditBuffer.go_right,
    "arrow D": EditBuffer.go_left,
    "arrow F": EditBuffer.go_to_end,
    "arrow H": EditBuffer.go_to_start,
    "word C": EditBuffer.go_word_right,
    "word D": EditBuffer.go_word_left,
    "1~": EditBuffer.go_to_start,
    "3~": EditBuffer.erase_right,
    "4~": EditBuffer.go_to_end,
    "7~": EditBuffer.go_to_start,
    "8~": EditBuffer.go_to_end,
}
"""What each key does that changes only the line and the cursor, by the name of the key."""


def pasted(data: bytes) -> bytes:
    """Return `data`, which was read at once, with a blank for each Tab that more bytes follow.

    People press Tab and wait for what it does; more bytes come only from a paste. Tabs at the end
    are keys.
    """
    if b"\t" not in data:
        return data
    before = data.rstrip(b"\t")
    return before.replace(b"\t", b" ") + data[len(before) :]


class TabReader:
    """Read Tabs as `pasted` does, in a chunk that comes in pieces."""

    __slots__ = ("_tabs",)

    def __init__(self) -> None:
        self._tabs = b""

    def read(self, data: bytes) -> bytes:
        """Return `data`, the next piece of text, without the Tabs at its end.

        They wait until more text follows, and are blanks then, or until `take`.
        """
        data = pasted(self.take() + data)
        typed = data.rstrip(b"\t")
        self._tabs = data[len(typed) :]
        return typed

    def take(self) -> bytes:
        """Return the Tabs that wait, at the end of the chunk: they are keys."""
        tabs, self._tabs = self._tabs, b""
        return tabs


def may_go_on(data: bytes) -> bool:
    """Return whether what follows tells what the last key of `data` is: a Tab, or a sequence."""
    return _CUT_OFF.search(data[-MAX_ESCAPE:]) is not None


def without_begun_key(text: str) -> str:
    """Return `text` without a key's sequence that has begun at its end."""
    return _BEGUN_SEQUENCE.sub("", text) if "\x1b" in text else text


def key_name(sequence: str) -> str:
    """Return the name of the key that sends an escape sequence, or '' if it is unknown.

    A modifier is 1 plus the sum of 1 (Shift), 2 (Alt) and 4 (Ctrl). Alt and Ctrl make an arrow go
    by words.
    """
    match = _KEY_SEQUENCE.fullmatch(sequence)
    if match is None:
        return ""
    number, modifier, final = match.groups()
    if final == "~":
        return f"{number}~"
    by_words = final in "CD" and (modifier or number) in ("3", "4", "5", "6", "7", "8")
    return f"word {final}" if by_words else f"arrow {final}"


class KeyReader:
    """Divide one terminal's input into runs of text and keys, wherever the input is cut.

    Between two calls it keeps at most `MAX_ESCAPE` characters of an escape sequence.
    """

    __slots__ = ("_escape",)

    def __init__(self) -> None:
        self._escape = ""

    def read(self, text: str) -> Iterator[tuple[str, bool]]:
        """Yield what `text` holds: runs of text with True, and names of keys with False.

        The name of a control key is its character. An unknown sequence is the key ''. Esc itself
        is a key, too, whether or not a sequence follows.
        """
        position = 0
        while position < len(text):
            character = text[position]
            if self._escape and (key := self._take_into_escape(character)) is not None:
                position += 1
                if not self._escape:
                    yield key, False
            elif run := _TEXT_RUN.match(text, position):
                position = run.end()
                yield run.group(), True
            else:
                position += 1
                if character == "\x1b":
                    self._escape = character
                yield character, False

    def clear(self) -> None:
        """Forget an escape sequence that has begun."""
        self._escape = ""

    def _take_into_escape(self, character: str) -> str | None:
        """Go on with a sequence; return the key's name once it is complete, '' until then.

        Return None if `character` ends the sequence and is a key or text of its own.
        """
        sequence = self._escape + character
        self._escape = ""
        if UNSHOWABLE.match(character) or (len(sequence) > 2 and not character.isascii()):
            return None  # after a stray Esc, Enter is still Enter
        if not _UNFINISHED.fullmatch(sequence):
            return key_name(sequence)
        if len(sequence) < MAX_ESCAPE:
            self._escape = sequence
        return ""
