"""Collect the lines of a client that does its own editing and sends them whole.

No sockets, no threads: decoded text goes in, events come out. `telnet` has made a single LF of
each line end. `lineeditor` is for clients that send every key at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from threadchat.terminal.keys import without_begun_key
from threadchat.text.clean import MAX_LINE


@dataclass(frozen=True, slots=True)
class LineTooLong:
    """A line grew longer than `limit` characters. All of it is dropped."""

    limit: int


LineEvent = str | LineTooLong
"""A finished line, without its end and not cleaned yet, or a line that was too long."""


class LineBuffer:
    """Collect lines from a client that does its own editing.

    It holds at most `limit` characters, however long the line. A terminal that is set up for
    another erase key sends backspaces inside the line: they erase here what they erased on the
    person's screen.
    """

    __slots__ = ("_limit", "_overflowed", "_text")

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._text = ""
        self._overflowed = False

    @property
    def is_empty(self) -> bool:
        """Whether no line has begun."""
        return not (self._text or self._overflowed)

    def feed(self, text: str) -> Sequence[LineEvent]:
        """Return the lines that `text` completes, and a `LineTooLong` for each that is too long."""
        if self._overflowed or len(self._text) + len(text) > self._limit:
            return self._feed_too_much(text)
        text = self._text + text
        *completed, self._text = text.split("\n")
        if "\b" in text or "\x7f" in text:
            return [_erase(line) for line in completed]
        return completed

    def _feed_too_much(self, text: str) -> list[LineEvent]:
        """Do the same as `feed` where a line may be too long."""
        events: list[LineEvent] = []
        *completed, rest = text.split("\n")
        for part in completed:
            self._add(part, events)
            if not self._overflowed:
                events.append(_erase(self._text))
            self.clear()
        self._add(rest, events)
        return events

    def finish(self) -> Sequence[LineEvent]:
        """Return the unfinished text as a line, for a client that has left without a line end."""
        return self.feed("\n") if self._text else []

    def end_key(self) -> None:
        """Forget a key's sequence that has begun at the end of the text."""
        if self._text:
            self._text = without_begun_key(self._text)

    def clear(self) -> None:
        """Forget the line that is being typed."""
        self._text = ""
        self._overflowed = False

    def take(self) -> str:
        """Return the unfinished text and forget it."""
        text = self._text
        self.clear()
        return text

    def _add(self, part: str, events: list[LineEvent]) -> None:
        if self._overflowed:
            return
        self._text += part
        if len(self._text) > self._limit:
            self._text = ""
            self._overflowed = True
            events.append(LineTooLong(self._limit))


def _erase(text: str) -> str:
    """Carry out the backspaces in `text`."""
    kept: list[str] = []
    for character in text:
        if character not in "\b\x7f":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)
