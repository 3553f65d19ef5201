"""Keep one server linked: one thread receives, and one looks after the connection.

Whoever has something for the other servers sends it at once, on its own thread, unless another one
is just sending: that one sends it, too, together with all that has come meanwhile. The system takes
it without waiting, or the thread that looks after the connection sends the rest.

What is to be done in the chat is done in one order, on one thread at a time: as a rule on the one
that receives.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from threading import Condition, Lock, Thread

from threadchat.link.absence import Absence, ReadUpTo
from threadchat.link.broker import BrokerConnection
from threadchat.link.core import LinkCore
from threadchat.link.deliveries import Delivery, LinkChanged
from threadchat.link.failures import BrokerFailed, UnfitBroker
from threadchat.link.feed import LogFeed
from threadchat.link.live import LiveConnection
from threadchat.link.nodes import server_of
from threadchat.link.ownentries import Item
from threadchat.link.scripts import Keys
from threadchat.monitoring.linkstate import LinkState
from threadchat.net.threads import join, start_needed_thread

TICK_SECONDS = 0.1
"""How often it is looked at whether the broker takes too long."""

AGAIN_SECONDS = 0.25
"""After how long a connection that could not be made is tried again."""

REQUESTS_AT_ONCE = 16
"""How many requests a thread sends, of others also, before the link's own thread goes on."""


class Link:
    """A server's link to the broker at `url`, in the cluster of that name. Safe on any thread.

    `take` is called with what is to be done in the chat, in its order, on one thread at a time. It
    must not raise. `before` is how far an earlier run of the server has read the log: what it has
    missed since comes first.
    """

    def __init__(
        self,
        url: str,
        cluster: str,
        core: LinkCore,
        take: Callable[[Delivery], None],
        before: ReadUpTo | None = None,
    ) -> None:
        self._url = url
        self._keys = Keys(cluster)
        self._take = take
        self._lock = Lock()  # guards the next eleven
        self._changed = Condition(self._lock)  # to hold the lock by itself takes less
        self._core = core
        self._feed = LogFeed(core)
        self._queue: deque[Delivery] = deque()
        self._live: LiveConnection | None = None
        self._made: deque[LiveConnection] = deque()  # for the thread that receives
        self._is_closing = False
        self._is_woken = False
        self._absence = None if before is None else Absence(before)
        self._failure = "the broker has not answered yet"
        self._waited_for: tuple[object, ...] = ()
        self._told = LinkChanged(False, frozenset(), "")
        self.is_full = False
        """Whether so much waits for its place in the order that people that speak have to wait."""
        self.is_apart = False
        """Whether this server goes on by itself, as there is no link."""
        self._turn = Lock()  # its holder takes what is in the queue
        self._sending = Lock()  # its holder sends, and closes the connection
        self._has_more = False  # whether there may be something to send
        self._sender: Thread | None = None
        self._reader: Thread | None = None

    def start(self) -> None:
        """Begin to link. Raise `OutOfThreads` if the system has no thread left."""
        with self._changed:
            self._core.closed(time.monotonic())
        purpose = "the link to other servers"
        self._sender = start_needed_thread(self._look_on, "link sender", purpose)
        self._reader = start_needed_thread(self._receive_on, "link reader", purpose)

    def close(self, timeout: float = 2.0) -> None:
        """Send what waits, leave, and end the threads; wait up to `timeout` seconds for it.

        What cannot be sent is told as said without a link, so that this server keeps it.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            self._core.leave()
        self._send()
        with self._changed:
            self._changed.wait_for(lambda: self._core.has_left or not self._core.is_linked, timeout)
            self._is_closing = True
            self._core.give_up()
            self._note()
            self._drop()
            self._changed.notify_all()
        for thread in (self._sender, self._reader):
            join(thread, max(0.0, deadline - time.monotonic()))
        self._take_all()

    # For the chat

    def submit(self, item: Item) -> None:
        """Have a batch or a notice put in order. This does not wait."""
        with self._lock:
            self._core.submit(item)
            self._note()
        self._send()
        self._take_all()

    def submit_later(self, item: Item) -> None:
        """Have a notice put in order; if it is to be heard at once, a thread of the link does it.

        So whoever calls this may hold locks that are needed for that.
        """
        with self._changed:
            self._core.submit(item)
            self._note()
            if self._queue:
                self._wake()
        self._send()

    @property
    def linked_nodes(self) -> Collection[str]:
        """The other nodes that are linked."""
        with self._changed:
            return self._core.linked_nodes

    def claim(self, fold: str, look: str, person: str, data: str) -> None:
        """Claim a name for a person; a `Claimed` tells what becomes of it. This does not wait."""
        with self._changed:
            self._core.claim(fold, look, person, data)
            self._note()
        self._send()
        self._take_all()

    def update(self, fold: str, person: str, data: str) -> None:
        """Let something else be known of the person that has a name. Tells nothing here."""
        with self._changed:
            self._core.update(fold, person, data)
        self._send()

    def release(self, fold: str, person: str) -> None:
        """Free the name that a person had. Tells nothing here."""
        with self._changed:
            self._core.release(fold, person)
        self._send()

    def wait_for_room(self, timeout: float | None = None) -> bool:
        """Wait while too much waits for its place in the order; return whether there is room."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._core.is_full or self._is_closing, timeout
            )

    def state(self, cluster: str, people: Mapping[str, int]) -> LinkState:
        """Return how the link is doing, for operators; `people` counts those on each node."""
        with self._changed:
            core, now = self._core, self._state()
            servers = sorted((server_of(node), people.get(node, 0)) for node in now.nodes)
            return LinkState(
                cluster,
                servers,
                now.is_linked,
                now.failure,
                core.lag(time.monotonic()),
                core.waiting_bytes,
            )

    @property
    def read_up_to(self) -> ReadUpTo:
        """How far the log was read."""
        with self._changed:
            return self._core.read_up_to

    @property
    def is_linked(self) -> bool:
        """Whether the link works."""
        with self._changed:
            return self._core.is_linked

    @property
    def failure(self) -> str:
        """Why there is no link, in one line; empty if there is one."""
        with self._changed:
            return "" if self._core.is_linked else self._failure

    # What is to be done in the chat

    def _note(self) -> None:
        """Queue what the core has told; the lock is held.

        Wake the others if what they wait for may have come. To wake a thread for nothing would cost
        each line a switch or two.
        """
        core = self._core
        core.hand_over(self._queue)
        self.is_full, self.is_apart = core.is_full, core.is_apart
        waited_for = (self.is_full, *core.state, self._failure)
        if waited_for != self._waited_for:
            self._waited_for = waited_for
            now = self._state()
            if now != self._told:
                self._told = now
                self._queue.append(now)
            self._changed.notify_all()

    def _wake(self) -> None:
        """Have the thread that looks after the connection look at once; the lock is held."""
        self._is_woken = True
        self._changed.notify_all()

    def _state(self) -> LinkChanged:
        is_linked = self._core.is_linked
        failure = "" if is_linked else self._failure
        return LinkChanged(is_linked, frozenset(self._core.linked_nodes), failure)

    def _take_all(self) -> None:
        # Nothing stays in the queue: who holds the turn looks again after it has let go of it.
        while self._queue and self._turn.acquire(blocking=False):
            try:
                while self._queue:
                    self._take(self._queue.popleft())
            finally:
                self._turn.release()

    # Sending

    def _send(self) -> None:
        """Send what is to be sent, unless another thread does it. This does not wait."""
        # Nothing is left: who has the turn to send looks again after it has let go of it.
        self._has_more = True
        left = REQUESTS_AT_ONCE
        while self._has_more and self._sending.acquire(blocking=False):
            try:
                self._has_more = False
                left -= self._send_some(left)
            finally:
                self._sending.release()
            if left <= 0:
                # Else a client's own thread might send all that the others say.
                with self._changed:
                    self._wake()
                return

    def _send_some(self, most: int) -> int:
        """Send what there is, one request after the other; return how many. The turn is held."""
        is_more = True
        for number in range(most):
            live = self._live
            if live is None or not is_more:
                return number
            # What the system has not taken waits here. So what comes meanwhile becomes one entry.
            if not live.is_behind:
                is_any, is_more = self._put_requests(live)
                if not is_any:
                    return number
            try:
                live.flush()
            except BrokerFailed as error:
                with self._changed:
                    self._fail(live, str(error))
                return number
            if live.is_behind:
                with self._changed:
                    self._wake()
                return number
        return most

    def _put_requests(self, live: LiveConnection) -> tuple[bool, bool]:
        """Lay out what is to be asked now; return whether there is anything, and whether more."""
        with self._lock:
            if live is not self._live:
                return False, False
            after = self._feed.next_fetch()
            if after is not None:
                live.put_fetch(after)
            request = self._core.next_request(time.monotonic())
            if request is not None:
                live.put(request)
            is_any = after is not None or request is not None
            return is_any, is_any and self._has_more_to_ask()

    def _has_more_to_ask(self) -> bool:
        return self._feed.is_to_fetch or self._core.has_more

    # The thread that looks after the connection

    def _look_on(self) -> None:
        while not self._is_closing:
            live = self._live
            if live is None and not self._connect():
                self._pause(AGAIN_SECONDS)
            elif live is not None:
                self._look_after(live)
            self._send()
            self._take_all()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing, seconds)
            self._core.tick(time.monotonic())
            self._note()

    def _connect(self) -> bool:
        """Make a connection; return whether there is one."""
        try:
            with closing(BrokerConnection(self._url, self._keys)) as made:
                made.check()
                made.load()
                self._catch_up(made, None)  # most of it, as the broker waits for nothing yet
                live = made.go_live()
        except (BrokerFailed, UnfitBroker) as error:
            with self._changed:
                self._failure = str(error)
                self._core.closed(time.monotonic())
            return False
        with self._changed:
            if not self._is_closing:
                self._live = live
                self._made.append(live)
                self._feed.begin(is_held=self._absence is not None)
                self._core.opened(time.monotonic())
                self._changed.notify_all()
                return True
        live.close()
        return False

    def _drop(self) -> None:
        """Drop the connection; the lock is held. The thread that receives closes it."""
        if self._live is not None:
            self._live.wake()
            self._live = None
            self._core.closed(time.monotonic())

    def _fail(self, live: LiveConnection, why: str) -> None:
        """Drop `live` if it is still the connection; the lock is held."""
        if live is self._live:
            self._failure = why
            self._drop()
            self._core.tick(time.monotonic())
            self._note()
            self._wake()

    def _look_after(self, live: LiveConnection) -> None:
        """Wait a moment, or until there is something to do; see whether the link works."""
        if live.is_behind:
            try:
                live.wait_for_room(TICK_SECONDS)
            except BrokerFailed as error:
                with self._changed:
                    self._fail(live, str(error))
        with self._changed:
            if not live.is_behind:
                self._changed.wait_for(lambda: self._is_woken or self._is_closing, TICK_SECONDS)
            self._is_woken = False
            if live is not self._live:
                return
            self._core.tick(time.monotonic())
            self._note()
            if self._core.must_close:
                self._fail(live, self._core.must_close)
            up_to = self._core.read_after
        if up_to is not None and self._absence is not None:
            self._end_absence(live, up_to)

    def _end_absence(self, live: LiveConnection, up_to: int) -> None:
        """Read what was missed before the server came, all of it; then what comes now."""
        try:
            with closing(BrokerConnection(self._url, self._keys)) as other:
                self._catch_up(other, up_to)
        except BrokerFailed as error:
            with self._changed:
                self._fail(live, str(error))
            return
        with self._changed:
            self._absence = None
            self._feed.go_on()

    def _catch_up(self, connection: BrokerConnection, up_to: int | None) -> None:
        """Read what was missed while the server did not run. Raise `BrokerFailed`."""
        if self._absence is not None:
            for missed in self._absence.read(connection, up_to):
                with self._changed:
                    self._queue += missed
                self._take_all()

    # The thread that receives

    def _receive_on(self) -> None:
        while (live := self._next_live()) is not None:
            while live is self._live:
                self._receive_from(live)
            with self._sending:
                live.close()

    def _next_live(self) -> LiveConnection | None:
        """Wait for the next connection, which may have been dropped; return None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._made or self._is_closing)
            return self._made.popleft() if self._made else None

    def _receive_from(self, live: LiveConnection) -> None:
        try:
            arrivals = live.receive()
        except BrokerFailed as error:
            with self._changed:
                self._fail(live, str(error))
            return
        with self._lock:
            if live is self._live:
                self._feed.take(arrivals, time.monotonic())
                self._note()
                if self._core.must_close:
                    self._fail(live, self._core.must_close)
            # What is to be sent at some time, the other thread looks for.
            is_to_send = self._has_more_to_ask()
        if is_to_send:
            self._send()
        self._take_all()
