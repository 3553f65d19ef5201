"""Encrypt a transport with TLS in such a way that sending never waits.

Here OpenSSL turns bytes into bytes through buffers in memory. It never sees the socket, which stays
with the `PlainTransport` below. A socket of the `ssl` module would hold one lock while it waits for
input, and it cannot send without waiting.

The lock of a `TlsTransport` is taken after a send queue's lock. A thread holds it only as long as
it takes to encrypt a record and offer it to the system.
"""

import contextlib
import errno
import ssl
import time
from threading import Lock
from typing import Final

from threadchat.errors import OperatorError
from threadchat.net.certificate import words_of
from threadchat.net.peers import PeerState
from threadchat.net.transport import PlainTransport

HANDSHAKE_SECONDS: Final = 10.0
"""Seconds that a client may take until both sides have agreed on keys."""

_RECORD: Final = 16384
"""The most bytes that one record holds (RFC 8446, section 5.1)."""

_MAX_CIPHERTEXT: Final = 4 * _RECORD
"""The most bytes of TLS's own answers that may wait. More than one record waits only if a client
asks for many answers and reads none of them."""

_RECEIVE_SIZE: Final = 4096

MAX_ARRIVALS: Final = 4
"""How often bytes may arrive that complete nothing, until there is a pause after each arrival."""

_PAUSES: Final = (1 / 30, 1 / 15, 1 / 8, 1 / 4)
"""Seconds of these pauses: the first one, the next ones, and each one after that.

What a client sends byte by byte then costs no more than what it sends at once.
"""

_HANDSHAKE_RECORD: Final = 22
"""The first byte that a client of TLS 1.0 or newer sends (RFC 8446, section 5.1)."""


class HandshakeFailed(OperatorError, OSError):
    """A client and the server could not agree on TLS. Says why, in a few words.

    `spoke_tls` is whether the client tried to speak TLS. If not, it may be a person at a plain
    client, and that person can read an answer sent through `TlsTransport.plain`.
    """

    def __init__(self, why: str, spoke_tls: bool) -> None:
        super().__init__(why)
        self.spoke_tls = spoke_tls


class TlsTransport:
    """A transport that encrypts what is sent and decrypts what arrives, on top of a plain one.

    It has the methods of `PlainTransport`. Call `handshake` before any other method.
    """

    def __init__(self, plain: PlainTransport, context: ssl.SSLContext) -> None:
        self.plain = plain
        """The transport below."""
        self.pending = False
        self._lock = Lock()  # guards all below, and the order of what is sent
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_established = False
        self._ciphertext = bytearray()  # what the system has not taken yet

    def handshake(self, timeout: float = HANDSHAKE_SECONDS) -> None:
        """Agree on keys with the client, in `timeout` seconds at most.

        For the client's own thread. It waits here as in `receive`, and `wake` ends the wait. Raise
        `HandshakeFailed`, or another `OSError` if the connection broke. After that, `linger` still
        has to send the client TLS's alert, which says what is wrong.
        """
        deadline = time.monotonic() + timeout
        spoke_tls = False
        arrivals = 0
        try:
            while not self._is_done():
                self._flush_by(deadline)
                self._let_more_come(arrivals, deadline)
                arrivals += 1
                data = self.plain.receive(_RECEIVE_SIZE, _left_until(deadline))
                if not data:
                    raise HandshakeFailed("closed before TLS was agreed on", spoke_tls)
                if not spoke_tls and data[0] != _HANDSHAKE_RECORD:
                    raise HandshakeFailed("not TLS", spoke_tls)
                spoke_tls = True
                self._take(data)
            self._flush_by(deadline)
        except TimeoutError:
            raise HandshakeFailed(f"no TLS within {timeout:.0f} s", spoke_tls) from None
        except ssl.SSLError as error:
            raise HandshakeFailed(words_of(error), spoke_tls) from None

    def send(self, data: bytes | bytearray) -> int:
        """Send what the system takes at once, and return how many bytes of `data` that is.

        The last of these bytes may be encrypted and still be here. Then `pending` is true, and the
        next `send`, even of no bytes, sends them. Raise the errors of `PlainTransport.send`.

        Before the handshake is done, `data` is dropped: the client could not read it.
        """
        with self._lock:
            if not self._is_established:
                return len(data)
            self._flush()
            sent = 0
            while sent < len(data) and not self.pending:
                sent += self._tls.write(data[sent : sent + _RECORD])
                self._flush()
            if self.pending and not sent:
                raise BlockingIOError
            return sent

    def receive(self, size: int, timeout: float | None = None) -> bytes:
        """Wait for up to `size` bytes and return them. See `PlainTransport.receive`.

        An end that the client did not announce in TLS counts as a normal end.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        arrivals = 0
        while (data := self._decrypt(size)) is None:
            self._let_more_come(arrivals, deadline)
            arrivals += 1
            left = None if deadline is None else _left_until(deadline)
            arrived = self.plain.receive(_RECEIVE_SIZE, left)
            if not arrived:
                # OpenSSL is not told of the end: it would see an error, and send no more.
                return b""
            self._take(arrived)
        return data

    def receive_now(self, size: int) -> bytes:
        """Return up to `size` bytes of the whole records that have arrived.

        See `PlainTransport.receive_now`.
        """
        data = self._decrypt(size)
        if data is None and (arrived := self.plain.receive_now(_RECEIVE_SIZE)):
            self._take(arrived)
            data = self._decrypt(size)
        return data or b""

    def has_input(self) -> bool:
        """Return whether something has arrived. `receive` may still have to wait for the rest."""
        with self._lock:
            is_here = bool(self._tls.pending() or self._incoming.pending)
        return is_here or self.plain.has_input()

    def wait_for_input(self, timeout: float) -> bool:
        """See `PlainTransport.wait_for_input`."""
        return self.has_input() or self.plain.wait_for_input(timeout)

    def unacknowledged(self) -> int | None:
        """Return a number that is never too low: it counts the bytes as they are encrypted."""
        with self._lock:
            count = self.plain.unacknowledged()
            return None if count is None else count + len(self._ciphertext)

    def pause(self, seconds: float) -> bool:
        """See `PlainTransport.pause`."""
        return self.plain.pause(seconds)

    def is_at_end(self) -> bool:
        """See `PlainTransport.is_at_end`."""
        return self.plain.is_at_end()

    def look_at_peer(self) -> PeerState | None:
        """See `PlainTransport.look_at_peer`."""
        return self.plain.look_at_peer()

    def wake(self) -> None:
        """See `PlainTransport.wake`."""
        self.plain.wake()

    def linger(self, timeout: float) -> None:
        """Announce the end, then wait up to `timeout` seconds for the peer's end."""
        deadline = time.monotonic() + timeout
        with contextlib.suppress(OSError):
            # This announces the end. It raises as long as the peer has not announced its own.
            with self._lock, contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
            self._flush_by(deadline)
        self.plain.linger(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """See `PlainTransport.close`."""
        self.plain.close()

    def fileno(self) -> int:
        """See `PlainTransport.fileno`."""
        return self.plain.fileno()

    def _let_more_come(self, arrivals: int, deadline: float | None) -> None:
        """Pause if so many arrivals have completed nothing, so that more arrives together."""
        if arrivals >= MAX_ARRIVALS:
            seconds = _PAUSES[min(arrivals - MAX_ARRIVALS, len(_PAUSES) - 1)]
            left = seconds if deadline is None else _left_until(deadline)
            self.plain.pause(min(seconds, left))

    def _is_done(self) -> bool:
        """Go on with the handshake as far as the input allows; return whether it is done."""
        with self._lock:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                self._is_established = True
            return self._is_established

    def _decrypt(self, size: int) -> bytes | None:
        """Return up to `size` bytes of what has arrived; None if more has to arrive first."""
        with self._lock:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._answer()
                return None
            except ssl.SSLZeroReturnError:
                return b""

    def _take(self, arrived: bytes) -> None:
        with self._lock:
            self._incoming.write(arrived)

    def _answer(self) -> None:
        """Send TLS's own answers to what has arrived. The caller holds the lock."""
        if self._outgoing.pending:
            # The next send finds a broken connection. Here there may be more to read.
            with contextlib.suppress(OSError):
                self._flush()
            if len(self._ciphertext) > _MAX_CIPHERTEXT:
                raise OSError(errno.ENOBUFS, "the client reads none of TLS's own answers")

    def _flush(self) -> None:
        """Give the system as much ciphertext as it takes at once. The caller holds the lock."""
        self._ciphertext += self._outgoing.read()
        if self._ciphertext:
            with contextlib.suppress(BlockingIOError):
                del self._ciphertext[: self.plain.send(self._ciphertext)]
        self.pending = bool(self._ciphertext)

    def _flush_by(self, deadline: float) -> None:
        """Wait until the system has taken all ciphertext; raise `TimeoutError` at `deadline`."""
        while True:
            with self._lock:
                self._flush()
            if not self.pending:
                return
            if not self.plain.wait_for_room(_left_until(deadline)):
                raise TimeoutError


def _left_until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
