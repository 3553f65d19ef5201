"""Speak RESP3, the language of the broker: commands to bytes, and bytes to what it says.

Only what the scripts and the log need. No sockets: the bytes come in pieces of any size. Each is
looked at once, however many pieces a long answer takes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from threadchat.errors import OperatorError

_MOST = 512 * 1024 * 1024
"""How many bytes a text has at most, and values a list: the broker's own limit."""

_LONGEST_LINE = 64 * 1024

_TEXTS, _LISTS = b"$=", b"*>%~"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The broker refuses a command; `text` says why."""

    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the broker tells unasked, such as what somebody has published."""

    values: list[Any]


class Message(str):
    """What somebody has published by the channel that is listened to."""

    __slots__ = ()


class BadReply(OperatorError):
    """These bytes are not RESP3. The text is one line: why."""


class RespReader:
    """Turns bytes into values: texts, numbers, None, lists (maps are flat ones), and the above.

    What comes by `channel` is a `Message` each, which is read in a third of the time.
    """

    def __init__(self, channel: str = "") -> None:
        self._data = bytearray()
        self._channel = channel
        name = channel.encode()
        head = b">3\r\n$7\r\nmessage\r\n$%d\r\n%b\r\n" % (len(name), name)
        self._message = re.compile(re.escape(head) + rb"\$([0-9]{1,8})\r\n").match
        # The lists that are not complete yet, from the outside in: whether they come unasked, how
        # many values they have in the end, and those so far.
        self._open: list[tuple[bool, int, list[Any]]] = []

    def feed(self, data: bytes) -> list[Any]:
        """Return the values that are complete with `data`; raise `BadReply`."""
        buffer, found = self._data, []
        buffer += data
        begin = end = 0
        while begin < len(buffer):
            if not self._open and (message := self._message(buffer, begin)):
                end = message.end()
                after = end + int(message[1]) + 2
                if len(buffer) < after:
                    break
                found.append(Message(buffer[end : after - 2].decode(errors="replace")))
                begin = after
                continue
            if (end := buffer.find(b"\r\n", begin)) < 0:
                break
            kind, head, after = buffer[begin : begin + 1], buffer[begin + 1 : end], end + 2
            value: Any = None
            if kind in _TEXTS:
                if (length := _count(head)) >= 0:
                    after += length + 2
                    if len(buffer) < after:
                        break
                    value = buffer[end + 2 : after - 2].decode(errors="replace")
            elif kind in _LISTS:
                if (length := _count(head) * (2 if kind == b"%" else 1)) > 0:
                    self._open.append((kind == b">", length, []))
                    begin = after
                    continue
                value = [] if length == 0 else None
            else:
                value = _simple(kind, head)
            begin = after
            if self._open:
                value = self._close(value)
            if not self._open:
                found.append(value)
        if end < 0 and len(buffer) - begin > _LONGEST_LINE:
            raise BadReply("a line without an end")
        del buffer[:begin]
        return found

    def _close(self, value: Any) -> Any:
        """Add `value` to the innermost list; return the outermost one if that completes it."""
        while self._open:
            is_told, length, values = self._open[-1]
            values.append(value)
            if len(values) < length:
                return None
            self._open.pop()
            value = self._told(values) if is_told else values
        return value

    def _told(self, values: list[Any]) -> Told | Message:
        """Return what has come unasked; of a message, the beginning may have come by itself."""
        match values:
            case ["message", self._channel, str(text)]:
                return Message(text)
            case ["message", self._channel, _]:
                raise BadReply("a message without a text")
        return Told(values)


def _count(head: bytearray) -> int:
    count = _number(head)
    if not -1 <= count <= _MOST:
        raise BadReply(f"a length of {count}")
    return count


def _number(head: bytearray) -> int:
    try:
        return int(head)
    except ValueError:
        raise BadReply("no number where one has to be") from None


def _simple(kind: bytearray, head: bytearray) -> Any:
    if kind == b":":
        return _number(head)
    if kind == b"-":
        return Refusal(head.decode(errors="replace"))
    if kind == b"_":
        return None
    if kind and kind in b"+,#(":
        return head.decode(errors="replace")
    raise BadReply("what comes is no RESP3")


def pack(words: Sequence[str]) -> bytes:
    """Return a command as the broker reads it: an array of texts."""
    return b"*%d\r\n%b" % (len(words), pack_texts(words))


def pack_texts(words: Sequence[str]) -> bytes:
    """Return texts as they stand in a command."""
    text = "".join([f"${len(word)}\r\n{word}\r\n" for word in words])
    if text.isascii():
        return text.encode()
    encoded = [word.encode(errors="replace") for word in words]
    return b"".join([b"$%d\r\n%b\r\n" % (len(data), data) for data in encoded])
