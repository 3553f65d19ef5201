"""Hand a person what waits for them, a portion at a time, and find out what their client has taken.

The next portion is sent when the one before does not wait in the send queue any more, so a client
that reads slowly is not ended for it. What the client's system has acknowledged is taken. Where
this system does not tell that, it is taken once the person sends something after it.
"""

from collections import deque
from collections.abc import Generator

from threadchat.chat.interfaces import Portion
from threadchat.chat.person import Person
from threadchat.messages.format import render
from threadchat.net.sendqueue import SendQueue
from threadchat.net.transport import Transport

_SHORTEST_WAIT, _LONGEST_WAIT = 0.001, 0.25
"""How many seconds there are between two looks: more and more, for as long as nothing changes."""


class HandingOver:
    """Hands portions over to `person`, on the person's own thread."""

    def __init__(self, person: Person, send_queue: SendQueue, transport: Transport) -> None:
        self._portions: deque[Generator[Portion, None, None]] = deque()
        self._person = person
        self._send_queue = send_queue
        self._transport = transport
        # What may not be taken yet, each with the position of its end, and the bytes that had been
        # received by then.
        self._sent: deque[tuple[int, int, Portion]] = deque()

    @property
    def is_over(self) -> bool:
        """Whether all has been taken."""
        return not (self._portions or self._sent)

    def add(self, portions: Generator[Portion, None, None]) -> None:
        """Hand these over when `go_on` is called next, after all others."""
        self._portions.append(portions)

    def go_on(self, received: int) -> None:
        """Go on until all is taken, or the client has sent something or is ended.

        `received` is how many bytes the client has sent so far.
        """
        wait = _SHORTEST_WAIT
        while self._send_queue.reason is None:
            is_known = self._look(received)
            if self._portions and not self._send_queue.is_behind:
                self._send_next(received)
                wait = _SHORTEST_WAIT
                continue
            goes_on = self._portions or (self._sent and is_known)
            if not goes_on or self._transport.wait_for_input(wait):
                return
            wait = min(2 * wait, _LONGEST_WAIT)

    def _send_next(self, received: int) -> None:
        portion = next(self._portions[0], None)
        if portion is None:
            self._portions.popleft()
            return
        format = self._person.format
        self._person.deliver(b"".join(render(message, format) for message in portion.messages))
        self._sent.append((self._send_queue.position, received, portion))

    def _look(self, received: int) -> bool:
        """Look what has been taken; return whether the system tells that."""
        acknowledged = self._send_queue.bytes_acknowledged
        is_behind = self._send_queue.is_behind
        while self._sent:
            position, received_then, portion = self._sent[0]
            if acknowledged is None:
                is_taken = received > received_then and not is_behind
            else:
                is_taken = acknowledged >= position
            if not is_taken:
                break
            self._sent.popleft()
            portion.taken()
        return acknowledged is not None

    def close(self, received: int) -> None:
        """Look for the last time, at the end of the connection. What is not taken never will be."""
        self._look(received)
        while self._portions:
            self._portions.popleft().close()
