"""Take in what one client sends: what has come together as one chunk, and a chunk in small pieces.

Nothing is lost here, and nothing is read: a client that sends more than is taken waits in its own
connection. `ClientTerminal` reads the pieces.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar

from threadchat.net.transport import Transport
from threadchat.terminal.keys import may_go_on

RECEIVE_SIZE: Final = 1024
"""Bytes received at once if something has arrived already."""

WAITING_SIZE: Final = 470
"""Bytes received at once by a thread that waits; each waiting thread holds such a buffer.

This is about the largest buffer that Python allocates without asking the system.
"""

MAX_PASTE: Final = 16 * RECEIVE_SIZE
"""The most bytes that are received in one piece to find out what a key is."""

MAX_CHUNK: Final = 4 * RECEIVE_SIZE
"""The bytes after which a chunk of keys is not made longer."""

MAX_RECORDS: Final = 64
"""The most receives that make one chunk: with TLS, each returns one record, however small."""

CHUNK_SECONDS: Final = 1 / 20
"""The least time between two chunks of keys, and so between two drawings of the line.

A key that comes alone is served at once. Of keys that are held down, two may come in one chunk.
"""

LONG_CHUNK_SECONDS: Final = 0.2
"""After so long the line is drawn within a chunk, too."""

PIECE: Final = 16
"""The keys of a chunk that are served before it is asked whether that was too much.

A few keys may cost as much as a line: those that bring back a long one, for example. Text between
them is `MAX_PIECE_BYTES` at most. Telnet commands are keys here.
"""

MAX_PIECE_BYTES: Final = 512
"""The most bytes of such a piece."""

MAX_PIECE_COST: Final = 0.5
"""The cost in lines of a piece from which on the keys that follow are served one by one."""

_KEY = rb"[^\x00-\x1f\x7f\xff]*+[\x00-\x1f\x7f\xff]"

_ONE_KEY, _PIECE = re.compile(_KEY), re.compile(rb"(?:%b){%d}" % (_KEY, PIECE))

_Given = TypeVar("_Given")


class Intake:
    """Receives from one client, for the thread that reads from it."""

    __slots__ = (
        "_clock",
        "_key_time",
        "_next_at",
        "_piece",
        "_rest",
        "_transport",
        "_waited",
        "bytes_received",
        "error",
    )

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        self._rest = b""  # of a chunk of keys
        self._piece = _PIECE
        self._next_at = 0.0  # when the next chunk of keys may be received
        self._waited = 0.0
        self._key_time: float | None = 0.0  # None until somebody has looked at it
        self.bytes_received = 0
        self.error: OSError | None = None
        """What broke the connection, if receiving has shown it."""

    @property
    def has_rest(self) -> bool:
        """Whether a piece of the last chunk is left."""
        return bool(self._rest)

    def receive(self, *, are_keys: bool) -> bytes:
        """Wait for the next chunk, or return what is left of the last one; b"" means the end.

        `are_keys` is whether the client sends keys, and we draw.
        """
        if self._rest:
            data, self._rest = self._rest, b""
            return data
        if are_keys:
            self._wait_for_next()
        try:
            data = self._transport.receive(WAITING_SIZE)
        except OSError as error:
            self.error = error.with_traceback(None)  # the frames in it hold this object
            return b""
        self.bytes_received += len(data)
        self._key_time = None
        if are_keys and data:
            data = self._with_what_follows(data)
        return data

    def receive_now(self) -> bytes:
        """Return what has come, without waiting; b"" if nothing has, or at the end.

        Nothing is returned while a piece of a chunk is left: that comes first.
        """
        if self._rest:
            return b""
        try:
            data = self._transport.receive_now(RECEIVE_SIZE)
        except OSError as error:
            self.error = error.with_traceback(None)
            return b""
        self.bytes_received += len(data)
        self._key_time = None
        return data

    @property
    def key_time(self) -> float:
        """When the last chunk came, on `clock`, less the time that the client has had to wait.

        This tells which keys belong together, however late they are read. It is the time of the
        first look since the chunk came: most chunks are plain lines, for which nobody looks.
        """
        if self._key_time is None:
            self._key_time = self._clock() - self._waited
        return self._key_time

    def first_piece(self, data: bytes) -> bytes:
        """Return the first piece of `data`, a chunk of keys; `receive` will return the rest."""
        match = self._piece.match(data)
        end = min(match.end() if match is not None else len(data), MAX_PIECE_BYTES)
        self._rest = data[end:]
        return data[:end]

    def set_cost(self, cost: float) -> None:
        """Take note of what a piece has cost, in lines: the next ones are shorter if it is much."""
        keys = 1 if self._piece is _ONE_KEY else PIECE
        self._piece = _ONE_KEY if cost * PIECE > MAX_PIECE_COST * keys else _PIECE

    def is_time_to_draw(self) -> bool:
        """Return whether the line is to be drawn now: at a chunk's end, or if that takes long.

        If so, the next chunk of keys, and the next drawing, come `CHUNK_SECONDS` later.
        """
        now = self._clock()
        if self._rest and now < self._next_at - CHUNK_SECONDS + LONG_CHUNK_SECONDS:
            return False
        self._next_at = now + CHUNK_SECONDS
        return True

    def wait(self, wait: Callable[[_Given], bool], given: _Given) -> bool:
        """Return what `wait(given)` returns. The time that it takes does not count for keys."""
        begin = self._clock()
        try:
            return wait(given)
        finally:
            self._waited += self._clock() - begin

    def _wait_for_next(self) -> None:
        begin = self._clock()
        left = self._next_at - begin
        if left > 0:
            self._transport.pause(left)  # if the connection has broken, receiving says so
            self._waited += min(left, self._clock() - begin)

    def _with_what_follows(self, data: bytes) -> bytes:
        """Return `data` and what has come in behind it.

        A paste may be longer than what is received at once, and what follows tells what its last
        key is.
        """
        for _ in range(MAX_RECORDS):
            if len(data) >= (MAX_PASTE if may_go_on(data) else MAX_CHUNK):
                break
            if not self._transport.has_input() or not (more := self.receive_now()):
                break
            data += more
        return data
