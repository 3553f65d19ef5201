"""Keep one server linked: a thread that sends, and one that reads.

What is to be done in the chat is done in one order, on one thread at a time: as a rule on the one
that reads.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from threading import Condition, Lock, Thread

from threadchat.link.absence import Absence, ReadUpTo
from threadchat.link.broker import BrokerConnection, BrokerFailed, UnfitBroker
from threadchat.link.core import LinkCore
from threadchat.link.deliveries import Delivery, LinkChanged
from threadchat.link.nodes import server_of
from threadchat.link.ownentries import Item
from threadchat.link.scripts import Keys
from threadchat.link.wire import Request
from threadchat.monitoring.linkstate import LinkState
from threadchat.net.threads import join, start_needed_thread

TICK_SECONDS = 0.1
"""How often it is looked at whether the broker takes too long."""

AGAIN_SECONDS = 0.25
"""After how long a connection that could not be made is tried again."""

REQUESTS_AT_ONCE = 16


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
        self._changed = Condition(Lock())  # guards the next eight
        self._core = core
        self._queue: deque[Delivery] = deque()
        self._sending: BrokerConnection | None = None
        self._reading: BrokerConnection | None = None
        self._is_closing = False
        self._absence = None if before is None else Absence(before)
        self._failure = "the broker has not answered yet"
        self._waited_for: tuple[object, ...] = ()
        self._told = LinkChanged(False, frozenset(), "")
        self.is_full = False
        """Whether so much waits for its place in the order that people that speak have to wait."""
        self.is_apart = False
        """Whether this server goes on by itself, as there is no link."""
        self._turn = Lock()  # its holder takes what is in the queue
        self._sender: Thread | None = None
        self._reader: Thread | None = None

    def start(self) -> None:
        """Begin to link. Raise `OutOfThreads` if the system has no thread left."""
        with self._changed:
            self._core.closed(time.monotonic())
        purpose = "the link to other servers"
        self._sender = start_needed_thread(self._send_on, "link sender", purpose)
        self._reader = start_needed_thread(self._read_on, "link reader", purpose)

    def close(self, timeout: float = 2.0) -> None:
        """Send what waits, leave, and end the threads; wait up to `timeout` seconds for it."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._core.leave()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._core.has_left or not self._core.is_linked, timeout)
            self._is_closing = True
            self._drop()
            self._changed.notify_all()
        for thread in (self._sender, self._reader):
            join(thread, max(0.0, deadline - time.monotonic()))

    # For the chat

    def submit(self, item: Item) -> None:
        """Have a batch or a notice put in order. This does not wait."""
        with self._changed:
            self._core.submit(item)
            self._note(wakes=True)
        self._take_all()

    def submit_later(self, item: Item) -> None:
        """Have a notice put in order; if it is to be heard at once, a thread of the link does it.

        So whoever calls this may hold locks that are needed for that.
        """
        with self._changed:
            self._core.submit(item)
            self._note(wakes=True)

    @property
    def linked_nodes(self) -> Collection[str]:
        """The other nodes that are linked."""
        with self._changed:
            return self._core.linked_nodes

    def claim(self, fold: str, look: str, person: str, data: str) -> None:
        """Claim a name for a person; a `Claimed` tells what becomes of it. This does not wait."""
        with self._changed:
            self._core.claim(fold, look, person, data)
            self._note(wakes=True)
        self._take_all()

    def update(self, fold: str, person: str, data: str) -> None:
        """Let something else be known of the person that has a name. Tells nothing here."""
        with self._changed:
            self._core.update(fold, person, data)
            self._changed.notify_all()

    def release(self, fold: str, person: str) -> None:
        """Free the name that a person had. Tells nothing here."""
        with self._changed:
            self._core.release(fold, person)
            self._changed.notify_all()

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

    def _note(self, *, wakes: bool = False) -> None:
        """Queue what the core has told; the lock is held.

        Wake the others if there is something to send, as `wakes` says, or if what they wait for may
        have come. To wake a thread for nothing would cost each line a switch or two.
        """
        self._queue += self._core.deliveries()
        now = self._state()
        if now != self._told:
            self._told = now
            self._queue.append(now)
        core = self._core
        self.is_full, self.is_apart = core.is_full, core.is_apart
        waited_for = (now.is_linked, core.read_after is None, core.must_close, core.has_left)
        if wakes or (self.is_full, *waited_for) != self._waited_for:
            self._waited_for = (self.is_full, *waited_for)
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

    # The thread that sends

    def _send_on(self) -> None:
        while not self._is_closing:
            connection = self._sending or self._connect()
            if connection is None:
                self._pause(AGAIN_SECONDS)
            else:
                self._exchange(connection)
            self._take_all()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing, seconds)
            self._core.tick(time.monotonic())
            self._note()

    def _connect(self) -> BrokerConnection | None:
        """Make both connections; return the one for requests, or None if that failed."""
        made: list[BrokerConnection] = []
        try:
            made.append(BrokerConnection(self._url, self._keys))
            made.append(BrokerConnection(self._url, self._keys))
            made[0].check()
            made[0].load()
            self._catch_up(made[0], None)  # most of it, as the broker waits for nothing yet
        except (BrokerFailed, UnfitBroker) as error:
            for connection in made:
                connection.close()
            with self._changed:
                self._failure = str(error)
                self._core.closed(time.monotonic())
            return None
        with self._changed:
            if self._is_closing:
                self._sending, self._reading = made
                self._drop()
                return None
            self._sending, self._reading = made
            self._core.opened(time.monotonic())
            return made[0]

    def _drop(self) -> None:
        """Drop both connections; the lock is held."""
        for connection in (self._sending, self._reading):
            if connection is not None:
                connection.close()
        if self._sending is not None:
            self._core.closed(time.monotonic())
        self._sending = self._reading = None

    def _fail(self, connection: BrokerConnection, why: str) -> None:
        """Drop both connections if `connection` is one of them still; the lock is held."""
        if connection in (self._sending, self._reading):
            self._failure = why
            self._drop()
            self._core.tick(time.monotonic())
            self._note()

    def _exchange(self, connection: BrokerConnection) -> None:
        """Send what there is to send, and take the answers; wait a moment if there is nothing."""
        requests = self._requests()
        try:
            answers = connection.serve(requests) if requests else []
        except BrokerFailed as error:
            with self._changed:
                self._fail(connection, str(error))
            return
        with self._changed:
            now = time.monotonic()
            if connection is self._sending:
                for request, answer in zip(requests, answers, strict=True):
                    self._core.answered(request, answer, now)
            self._core.tick(now)
            self._note()
            if connection is self._sending and self._core.must_close:
                self._fail(connection, self._core.must_close)
            up_to = self._core.read_after
        if up_to is not None and self._absence is not None:
            self._end_absence(connection, up_to)

    def _end_absence(self, connection: BrokerConnection, up_to: int) -> None:
        """Read what was missed before the server came, all of it; then what comes now."""
        try:
            self._catch_up(connection, up_to)
        except BrokerFailed as error:
            with self._changed:
                self._fail(connection, str(error))
            return
        with self._changed:
            self._absence = None
            self._changed.notify_all()

    def _catch_up(self, connection: BrokerConnection, up_to: int | None) -> None:
        """Read what was missed while the server did not run. Raise `BrokerFailed`."""
        if self._absence is not None:
            for missed in self._absence.read(connection, up_to):
                with self._changed:
                    self._queue += missed
                self._take_all()

    def _requests(self) -> list[Request]:
        with self._changed:
            requests = self._next_requests()
            if not requests:
                self._changed.wait(TICK_SECONDS)
                requests = self._next_requests()
            return requests

    def _next_requests(self) -> list[Request]:
        requests: list[Request] = []
        while len(requests) < REQUESTS_AT_ONCE:
            request = self._core.next_request(time.monotonic())
            if request is None:
                break
            requests.append(request)
        return requests

    # The thread that reads

    def _read_on(self) -> None:
        while (found := self._what_to_read()) is not None:
            connection, after = found
            try:
                entries = connection.read(after)
            except BrokerFailed as error:
                with self._changed:
                    self._fail(connection, str(error))
                continue
            with self._changed:
                if connection is self._reading and entries:
                    self._core.read(entries, time.monotonic())
                    self._note()
            self._take_all()

    def _what_to_read(self) -> tuple[BrokerConnection, int] | None:
        """Wait until the log is to be read; return None at the end."""
        with self._changed:
            while not self._is_closing:
                after = None if self._core.must_close else self._core.read_after
                if self._reading is not None and after is not None and self._absence is None:
                    return self._reading, after
                self._changed.wait()
            return None
