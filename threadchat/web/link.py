"""Hold one WebSocket of a browser: its transport, its send queue and its stream of frames."""

from collections.abc import Callable, Mapping
from threading import Lock

from threadchat.messages.places import Place
from threadchat.net.disconnect import BROKEN, Reason, reason_of
from threadchat.net.sendqueue import Flusher, SendQueue
from threadchat.net.transport import Transport
from threadchat.web.framing import MAX_GATHERED, DeflatingFramer, Framer, Gathered, Late
from threadchat.web.websocket import PING, Closed, WebSocket, close_frame, text_frame

RECEIVE_SIZE = 4096

_FINAL_CLOSE = 1000


class Link:
    """One WebSocket. `receive` is for one thread, the rest for any.

    What the room shows while it is busy is gathered here, to go in one frame, until more than that
    is sent, or until the flusher sends it after `LATE_SECONDS` to twice that. Whatever is sent to
    the page goes behind it, and so does the end.

    `first` is what came in behind the request that began it. `now` is on the server's clock,
    in seconds. `framer` frames what many are sent. `address` is the client's, `reached` the one of
    ours that it connected to.
    """

    __slots__ = (
        "_first",
        "_flusher",
        "_frames_paid",
        "_is_awaited",
        "_lock",
        "_socket",
        "address",
        "bytes_received",
        "framer",
        "gathered",
        "heard_at",
        "is_final",
        "reached",
        "send_queue",
        "sent_at",
        "told",
        "transport",
        "why",
    )

    def __init__(
        self,
        transport: Transport,
        send_queue: SendQueue,
        flusher: Flusher,
        framer: Framer,
        first: bytes,
        now: float,
        *,
        address: str,
        reached: str,
    ) -> None:
        self.transport = transport
        self.send_queue = send_queue
        self.address = address
        self.reached = reached
        self.bytes_received = 0
        self.heard_at = now
        self.sent_at = now
        self.why: str = Reason.CLOSED
        """Why it is over; once it is."""
        self.told: Mapping[str, tuple[int, Place]] | None = None
        """The numbers of the rooms that it was told last; see `tell_of_rooms`."""
        self.is_final = False
        """Whether the client has ended it for good."""
        self.framer = framer
        self._socket = WebSocket(inflates=isinstance(framer, DeflatingFramer))
        self._first = first
        self._frames_paid = 0  # of those that have come in; see `take_frames`
        self._flusher = flusher
        self._lock = Lock()  # guards the next two; held while sending what was gathered
        self.gathered: Gathered | None = None
        """What waits to be sent. None, read without the lock: all of it has been sent."""
        self._is_awaited = False  # whether the flusher is to look at it later

    def receive(self, clock: Callable[[], float]) -> list[str] | None:
        """Wait for messages and return them; None if the link is over.

        `clock` says when they have come, which is later than when this was called.
        """
        if self._socket.waits:
            return self._take_in(b"")
        data, self._first = self._first, b""
        if not data:
            try:
                data = self.transport.receive(RECEIVE_SIZE)
            except OSError as error:
                self.why = reason_of(error)
                return None
        return self._take(data, clock())

    def receive_now(self, now: float) -> list[str] | None:
        """Return the messages that have arrived, without waiting; None if the link is over."""
        if self._socket.waits:
            return self._take_in(b"")
        data, self._first = self._first, b""
        if not data:
            try:
                data = self.transport.receive_now(RECEIVE_SIZE)
            except OSError:
                return []  # `receive` will find out
            if not data:
                return []
        return self._take(data, now)

    def take_frames(self) -> int:
        """Return how many frames, or parts of one, ended no message since the last call."""
        before, self._frames_paid = self._frames_paid, self._socket.frames
        return self._frames_paid - before

    def _take(self, data: bytes, now: float) -> list[str] | None:
        ended = self.send_queue.reason
        # What came in before a send found the connection broken still counts.
        if not data or (ended is not None and ended not in BROKEN):
            if ended is not None and not self.is_final:
                self.why = ended
            return None
        self.bytes_received += len(data)
        self.heard_at = now
        return self._take_in(data)

    def _take_in(self, data: bytes) -> list[str] | None:
        texts, pong, closed = self._socket.receive(data)
        if pong:
            self.send_queue.send(pong)
        if closed is not None:
            self._is_over_by(closed)
            return texts or None
        return texts

    def _is_over_by(self, closed: Closed) -> None:
        self.is_final = closed.is_broken or closed.code == _FINAL_CLOSE
        if closed.is_broken:
            self.why = f"{Reason.BROKE_PROTOCOL}: WebSocket, code {closed.code}"
        self.send_queue.end(self.why, closed.answer)

    def send(self, text: bytes) -> None:
        """Send `text`, whole lines, as one message. Never waits."""
        self.send_gathered()
        self.send_queue.send(text_frame(text))

    # What the room shows while it is busy

    def gather(self, data: bytes) -> Gathered | None:
        """Send `data`, whole lines that others are sent, too, soon, with what follows.

        Return all that waits now. Without `data`, send what was gathered. For the thread with the
        turn of the person's room.
        """
        if not data:
            self.send_gathered()
            return None
        with self._lock:
            before = self.gathered
            if before is not None and before.size >= MAX_GATHERED:
                # Only now, when all links have the same waiting: so it is compressed for all.
                self._send_gathered(before)
                before = None
            self.gathered = it = self.framer.gather(before, data)
            if not self._is_awaited:
                self._await_more(it)
            return it

    def send_gathered(self, data: bytes = b"") -> None:
        """Send what was gathered, and `data`, in one frame; nothing if there is neither."""
        if data or self.gathered is not None:
            with self._lock:
                if data:
                    self.gathered = self.framer.gather(self.gathered, data)
                if self.gathered is not None:
                    self._send_gathered(self.gathered)

    def _send_gathered(self, gathered: Gathered) -> None:
        self.send_queue.send(self.framer.frame_of(gathered))
        self.gathered = None  # last, as others read it without the lock

    def _await_more(self, gathered: Gathered) -> None:
        late = gathered.late
        late.append(self._send_if_old)
        self._is_awaited = True
        # The flusher is asked once for all links that have the same waiting: its thread takes the
        # interpreter from the one that has the room's turn. It may empty the list meanwhile.
        if len(late) == 1:
            self._flusher.call_later(gathered.send_late)

    def _send_if_old(self, late: list[Late]) -> None:
        """Send what waits, if it is of the same `late`. For the flusher."""
        with self._lock:
            gathered, self._is_awaited = self.gathered, False
            if gathered is not None:
                if gathered.late is late:
                    self._send_gathered(gathered)
                else:
                    self._await_more(gathered)

    def ping(self, now: float) -> None:
        """Send a ping."""
        self.sent_at = now
        self.send_queue.send(PING)

    def close(self, reason: str, code: int, text: bytes = b"") -> None:
        """Send `text`, and close the WebSocket for the `code`."""
        self.send_gathered()
        last = text_frame(text) if text else b""
        self.send_queue.end(reason, last + close_frame(code))
