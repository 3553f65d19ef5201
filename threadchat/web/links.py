"""Hold the WebSockets of one session: one at a time, one after another, until the end for good."""

import time
from threading import Condition

from threadchat.messages.format import render
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Goodbye
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import DRAIN_SECONDS
from threadchat.net.transport import LINGER_SECONDS
from threadchat.web.framing import Gathered
from threadchat.web.link import Link
from threadchat.web.objects import Resume

SEAT_SECONDS = 30.0
"""How long a person whose connection is lost keeps the seat."""

# RFC 6455, section 7.4: going away, internal error, try again later.
_CODES: dict[str, int] = {
    Reason.SERVER_STOPPING: 1001,
    Reason.SERVER_ERROR: 1011,
    Reason.REFUSED: 1013,
}
_NORMAL, _REPLACED = 1000, 4000


class Links:
    """The links of one session. What waits or closes is for the session's own thread.

    `offer`, `end`, `abandon` and the figures are for any thread.
    """

    __slots__ = (
        "_changed",
        "_ending",
        "_last",
        "_offered",
        "_past_received",
        "_past_sent",
        "_reason",
        "_why",
        "current",
    )

    def __init__(self, link: Link) -> None:
        self.current: Link | None = link
        """The link that is in use; None while the page is away."""
        self._changed = Condition()  # guards the next three and each new link; tells of a change
        self._offered: tuple[Link, Resume] | None = None
        self._reason: str | None = None  # of the end for good
        self._last: tuple[int, bytes] = (_NORMAL, b"")  # the code of that, and the last words
        self._why: str = Reason.CLOSED  # what the last link ended with
        self._ending: Link | None = None  # one that is being closed: its bytes still count
        self._past_received = self._past_sent = 0

    def send(self, data: bytes) -> None:
        """Send `data`, whole lines, to this page; nothing is sent to one that is away."""
        link = self.current
        if link is not None:
            link.send(data)

    def deliver(self, data: bytes) -> None:
        """Send `data`, whole lines that others are sent, too; as the same object at best."""
        link = self.current
        if link is not None:
            # A room calls this for each of its members, so it makes no call more than it must.
            if link.gathered is not None:
                link.send_gathered(data)
                return
            last = link.framer.last
            link.send_queue.send(last[1] if last[0] is data else link.framer.frame(data))

    def deliver_later(self, data: bytes) -> Gathered | None:
        """Send `data` as `deliver` does, but with what follows; see `Link.gather`."""
        link = self.current
        return None if link is None else link.gather(data)

    # One after another

    def hand_on(self) -> Link:
        """Give up the link, for another session that goes on with it."""
        link, self.current = self.current, None
        assert link is not None
        return link

    def lose(self, link: Link, *, is_final: bool) -> None:
        """Note that `link` is over; the session, too, if `is_final` or if the client has said so.

        `reason_of_loss` says why.
        """
        self._why = link.why if link.is_final else link.send_queue.reason or link.why
        if is_final or link.is_final:
            self._set_reason(self._why)
        self._close(link)

    @property
    def reason_of_loss(self) -> str:
        """Why the last link is over."""
        return self._why

    def offer(self, link: Link, resume: Resume) -> bool:
        """Have this session go on with `link`; return False if it is over."""
        with self._changed:
            if self._reason is not None:
                return False
            current = self.current  # before the session's own thread can make it `link`
            replaced, self._offered = self._offered, (link, resume)
            self._changed.notify_all()
        if replaced is not None:
            replaced[0].send_queue.abandon(Reason.REPLACED)
        if current is not None:
            current.close(Reason.REPLACED, _REPLACED)
        return True

    def await_another(self) -> tuple[Link, Resume] | None:
        """Wait for another link, as long as the seat is kept; return None if none came."""
        deadline = time.monotonic() + SEAT_SECONDS
        with self._changed:
            while self._offered is None and self._reason is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    self._reason = self._why
                    break
                self._changed.wait(left)
            if self._reason is not None:
                return None
            offered, self._offered = self._offered, None
            return offered

    def adopt(self, link: Link) -> None:
        """Use `link`, which was offered, from now on, unless another one has been offered since."""
        with self._changed:
            self.current = link
            is_replaced = self._offered is not None
        if is_replaced:
            link.close(Reason.REPLACED, _REPLACED)

    # The end for good

    @property
    def is_over(self) -> bool:
        """Whether the session has ended for good."""
        return self._reason is not None

    @property
    def reason(self) -> str:
        """Why it has ended for good; until then, why the last link did."""
        return self._reason or self._why

    def _set_reason(self, reason: str, code: int = _NORMAL, last: bytes = b"") -> None:
        with self._changed:
            if self._reason is None:
                # Whichever thread closes the link first says this: it may be the session's own,
                # which goes by the reason alone.
                self._last = code, last
                self._reason = reason
            self._changed.notify_all()

    def wait_for_change(self, seconds: float) -> None:
        """Wait up to `seconds` for another link, or for the end of the session."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_changed, seconds)

    @property
    def _has_changed(self) -> bool:
        return self._offered is not None or self._reason is not None

    def take_offer(self) -> tuple[Link, Resume] | None:
        """Return a link that was offered while another one is in use; None if none was."""
        with self._changed:
            offered, self._offered = self._offered, None
        if offered is not None and self.current is not None:
            self._close(self.current)
        return offered

    def end(self, reason: str, words: str) -> None:
        """End the session, telling the page why in `words`."""
        goodbye = render(Goodbye(reason, words), JSON_LINES)
        self._set_reason(reason, _CODES.get(reason, _NORMAL), goodbye)
        link = self.current
        if link is not None:
            link.close(self.reason, *self._last)

    def abandon(self, reason: str) -> None:
        """End the session, or, if the page only reads too slowly, its link.

        What is queued is dropped.
        """
        if reason != Reason.TOO_SLOW:
            self._set_reason(reason)
        link = self.current
        if link is not None:
            link.send_queue.abandon(reason)

    def close(self) -> None:
        """Send what is queued and close what is open; at the very end."""
        self._set_reason(self._why)
        with self._changed:
            offered, self._offered = self._offered, None
        for link in (self.current, offered[0] if offered else None):
            if link is not None:
                link.close(self.reason, *self._last)
                self._close(link)

    def _close(self, link: Link) -> None:
        if self.current is link:
            self.current = None
            self._ending = link
        # A link that is only replaced must not hold up the one that replaces it.
        if self.is_over and link.send_queue.drain(DRAIN_SECONDS):
            link.transport.linger(LINGER_SECONDS)
        link.send_queue.close()
        # In this order, no other thread that adds up the bytes counts those of `link` twice.
        self._ending = None
        self._past_received += link.bytes_received
        self._past_sent += link.send_queue.bytes_sent

    # Figures

    @property
    def bytes_received(self) -> int:
        """How many bytes have come in, over all links."""
        return self._past_received + sum(it.bytes_received for it in self._counting())

    @property
    def bytes_sent(self) -> int:
        """How many bytes the client's system has taken, over all links."""
        return self._past_sent + sum(it.send_queue.bytes_sent for it in self._counting())

    def _counting(self) -> list[Link]:
        """Return the links whose bytes are not among those of the past yet."""
        return [link for link in (self.current, self._ending) if link is not None]
