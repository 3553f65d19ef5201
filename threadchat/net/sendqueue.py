"""Send to one client without ever waiting for it (promise 3).

`SendQueue.send` gives the system as many bytes as it takes at once. The rest is queued, and the
one `Flusher` thread sends it when the client has made room. A queue that has reached its bound ends
that client and no other one.

Locks are taken in this order: a room's turn, a send queue. The flusher has no lock of its own.
"""

import contextlib
import math
import selectors
import time
from collections import deque
from collections.abc import Callable
from threading import Event, RLock, Thread

from threadchat.net.disconnect import BROKEN, Reason, reason_of
from threadchat.net.peers import PeerState
from threadchat.net.selfpipe import SelfPipe
from threadchat.net.threads import join, start_needed_thread
from threadchat.net.transport import Transport

MAX_QUEUED = 256 * 1024
"""The bytes that a client may leave unread before it is too slow. One more batch may be added."""

DRAIN_SECONDS = 3.0
"""How many seconds a leaving client may take to fetch what is still queued for it."""

_LOOK_SECONDS = 0.25
"""Seconds after which a thread that waits for its client looks whether that has been ended."""

LATE_SECONDS = 0.04
"""The seconds after which the flusher does what it is asked to do later."""

_PAUSE_IN_SHORTAGE = 0.1
"""Seconds until the flusher goes on after it ran out of memory."""

Frame = tuple[bytes, bytes]
"""The bytes that take the line being typed off a client's screen, and those that put it back."""


class SendQueue:
    """The output to one client, in one order, with a bounded queue. For use from any thread."""

    __slots__ = (
        "_bound",
        "_emptied",
        "_flusher",
        "_frame",
        "_lock",
        "_queue",
        "_transport",
        "_watched",
        "bytes_sent",
        "reason",
    )

    def __init__(self, transport: Transport, flusher: "Flusher", bound: int = MAX_QUEUED) -> None:
        self._transport = transport
        self._flusher = flusher
        self._bound = bound
        self._lock = RLock()  # guards all below
        self._queue: bytearray | None = None  # None while nothing waits, so nearly always
        self._frame: Frame | None = None
        self._watched = False  # whether the flusher knows this queue
        self._emptied: Event | None = None  # made when a thread waits in `drain`
        self.bytes_sent = 0
        self.reason: str | None = None
        """Why the client was ended; None before that. After it, nothing more is sent."""

    def send(self, data: bytes) -> None:
        """Send `data`, now or as soon as the client takes it. Never waits and never raises.

        `data` is whole lines. If a line is being typed, they appear above it (promise 6).
        """
        # One function for all of it: this runs for each client of each batch.
        with self._lock:
            if self.reason is not None:
                return
            if self._frame is not None:
                data = self._frame[0] + data + self._frame[1]
            if self._queue is None:
                try:
                    sent = self._transport.send(data)
                except BlockingIOError:
                    sent = 0
                except OSError as error:
                    self._drop(reason_of(error))
                    return
                self.bytes_sent += sent
                if sent == len(data) and not self._transport.pending:
                    return
                data = data[sent:]
            self._enqueue(data)

    def update(self, data: bytes, frame: Frame | None) -> None:
        """Send `data` as it is; from now on `frame` keeps the line being typed whole.

        Both happen in one step: a message comes before both or after both.
        """
        with self._lock:
            if self.reason is None:
                self._frame = None
                if data:
                    self.send(data)
                self._frame = frame

    def end(self, reason: str, last_words: bytes = b"") -> None:
        """End the client: send what is queued and `last_words`, and nothing after them.

        This wakes the client's own thread from `receive`, which does the rest. If the client is
        ended more than once, the first reason stays.
        """
        with self._lock:
            if self.reason is None:
                if last_words:
                    last_words = (self._frame[0] if self._frame else b"") + last_words
                    self._frame = None
                    self.send(last_words)
                if self.reason is None:  # sending the last words may have ended the client already
                    self.reason = reason
                    self._transport.wake()

    @property
    def is_behind(self) -> bool:
        """Whether something waits for the client to take it. Reads this without the lock."""
        return self._queue is not None

    @property
    def bytes_queued(self) -> int:
        """How many bytes wait for the client to take them."""
        with self._lock:
            return len(self._queue or b"")

    def look_at_peer(self) -> PeerState | None:
        """Return what the system knows of the client's end; None if it does not tell.

        Nothing is sent. The lock keeps the transport from being closed meanwhile.
        """
        with self._lock:
            return None if self.reason is not None else self._transport.look_at_peer()

    @property
    def position(self) -> int:
        """How many bytes were handed in so far, less those that were dropped."""
        with self._lock:
            return self.bytes_sent + len(self._queue or b"")

    @property
    def bytes_acknowledged(self) -> int | None:
        """How many of them the client's system has acknowledged; None if this one does not tell."""
        with self._lock:
            count = self._transport.unacknowledged()
            return None if count is None else self.bytes_sent - count

    def drain(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until nothing is queued; return whether that is so."""
        with self._lock:
            if self._queue is None:
                return True
            self._emptied = emptied = Event()
        return emptied.wait(timeout)

    def catch_up(self, seconds: float) -> bool:
        """Wait up to `seconds` until nothing is queued; return False if the client is ended."""
        for _ in range(math.ceil(seconds / _LOOK_SECONDS)):
            # In slices, as nothing wakes this thread when another one ends the client.
            if self.reason is not None or self.drain(_LOOK_SECONDS):
                break
        return self.reason is None

    def abandon(self, reason: str) -> None:
        """End the client without sending what is queued."""
        with self._lock:
            self._drop(reason)
            if reason in BROKEN:
                # It is we who say so, and not the system, which would have woken the reader.
                self._transport.wake()

    def close(self) -> None:
        """Drop what is queued and close the transport. The client's own thread calls this last."""
        with self._lock:
            self._drop(Reason.CLOSED)
            watched = self._watched
        if watched:
            # A descriptor must leave the selector before the system can use its number again.
            self._flusher.forget(self)
        self._transport.close()

    def _enqueue(self, data: bytes) -> None:
        """Queue what the client has not taken; end it if it has left too much already."""
        if self._queue is None:
            self._queue = bytearray()
        elif len(self._queue) >= self._bound:
            self._drop(Reason.TOO_SLOW)
            return
        try:
            self._queue += data
        except MemoryError:
            # Memory is short: a client that is behind is the best one to end.
            self._drop(Reason.NO_MEMORY)
            return
        if not self._watched:
            self._watched = True
            self._flusher.watch(self)

    def _drop(self, reason: str) -> None:
        """End the client and drop what is queued."""
        self._queue = None
        if self._emptied is not None:
            self._emptied.set()
        if self.reason is None:
            self.reason = reason
            if reason not in BROKEN:
                self._transport.wake()

    # For the flusher's thread

    def register(self, selector: selectors.BaseSelector) -> None:
        """Have `selector` watch for room to send, if there is still something to send."""
        with self._lock:
            if self._queue is not None:
                selector.register(self._transport.fileno(), selectors.EVENT_WRITE, self)
            else:
                self._watched = False

    def flush(self, selector: selectors.BaseSelector) -> None:
        """Send what the client takes now; leave `selector` when nothing is left."""
        with self._lock:
            if self._queue is not None:
                try:
                    sent = self._transport.send(self._queue)
                except BlockingIOError:
                    return
                except OSError as error:
                    self._drop(reason_of(error))
                else:
                    self.bytes_sent += sent
                    del self._queue[:sent]
                    if self._queue or self._transport.pending:
                        return
            self.unregister(selector)

    def unregister(self, selector: selectors.BaseSelector) -> None:
        """Leave `selector`. The caller holds the lock, or has closed the queue."""
        with contextlib.suppress(KeyError):
            selector.unregister(self._transport.fileno())
        self._watched = False
        self._queue = None
        if self._emptied is not None:
            self._emptied.set()


class Flusher:
    """The one thread that sends what clients did not take at once, or what is left for later.

    `failed` is called with what the thread was doing and an unexpected error.
    """

    def __init__(self, failed: Callable[[str, Exception], None]) -> None:
        self._failed = failed
        self._requests: deque[Callable[[], None]] = deque()
        self._late: deque[tuple[float, Callable[[], None]]] = deque()  # each with its time
        self._selector = selectors.DefaultSelector()
        self._alarm = SelfPipe()
        self._selector.register(self._alarm, selectors.EVENT_READ)
        self._stopping = False
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the thread, or raise `OutOfThreads`.

        Before `start` and after `stop`, what is queued stays queued.
        """
        self._thread = start_needed_thread(self._run, "flusher", "clients that are slow")

    def stop(self, timeout: float) -> None:
        """End the thread within `timeout` seconds. All send queues should be closed before."""
        self._stopping = True
        self._alarm.wake()
        if self._thread is None:
            self._close()
        else:
            join(self._thread, timeout)

    def watch(self, send_queue: SendQueue) -> None:
        """Send what `send_queue` has queued as soon as its client takes it."""
        self._requests.append(lambda: self._try(send_queue, send_queue.register))
        self._alarm.wake()

    def forget(self, send_queue: SendQueue) -> None:
        """Stop watching `send_queue`. On return, the flusher no longer uses its descriptor."""
        forgotten = Event()

        def forget() -> None:
            self._try(send_queue, send_queue.unregister)
            forgotten.set()

        self._requests.append(forget)
        self._alarm.wake()
        while not forgotten.wait(0.1):
            if self._thread is None or not self._thread.is_alive():
                return

    def call_later(self, act: Callable[[], None]) -> None:
        """Call `act` on the flusher's thread after `LATE_SECONDS`. It must not wait."""
        late = time.monotonic() + LATE_SECONDS, act
        self._late.append(late)
        with contextlib.suppress(IndexError):  # the thread has come to it already
            # Wake the thread if it may not know of anything that is to be done later. If another
            # one comes first, whatever asked for that wakes it, or the thread has yet to do it.
            if self._late[0] is late:
                self._alarm.wake()

    def _close(self) -> None:
        """Close what the thread needs. The thread does so itself: it may outlast a `stop`."""
        self._alarm.close()
        self._selector.close()

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._close()

    def _serve(self) -> None:
        while not self._stopping:
            try:
                self._go_round()
            except MemoryError as error:
                with contextlib.suppress(MemoryError):
                    self._failed("sending to slow clients", error)
                time.sleep(_PAUSE_IN_SHORTAGE)

    def _go_round(self) -> None:
        for key, _ in self._selector.select(self._seconds_left()):
            if key.data is None:
                self._alarm.drain()
            else:
                self._try(key.data, key.data.flush)
        while self._requests:
            self._requests.popleft()()
        while self._late and self._late[0][0] <= time.monotonic():
            _, act = self._late.popleft()
            try:
                act()
            except Exception as error:
                self._failed("sending what waited", error)

    def _seconds_left(self) -> float | None:
        """Return how long it is until there is something to be done that was left for later."""
        return max(0.0, self._late[0][0] - time.monotonic()) if self._late else None

    def _try(self, send_queue: SendQueue, act: Callable[[selectors.BaseSelector], None]) -> None:
        """Do something for one client. An error ends that client only (promise 8)."""
        try:
            act(self._selector)
        except Exception as error:
            self._failed("sending to a slow client", error)
            send_queue.abandon(Reason.SERVER_ERROR)
