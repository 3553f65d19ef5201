"""Hand a person at a page what waits for them, a portion at a time; the page says what it has.

The next portion is sent when the one before does not wait in the send queue any more. A portion is
taken once the page has said that it has seen the last object of it (`seen`).
"""

from collections import deque
from collections.abc import Generator

from threadchat.chat.interfaces import Portion
from threadchat.messages.format import render
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.web.links import Links
from threadchat.web.private import PrivateLines

CATCH_UP_SECONDS = 5.0
"""How many seconds the page may take for the portions before, until it says something itself."""


class HandingOver:
    """Hands portions over, on the person's own thread."""

    def __init__(self, links: Links, private: PrivateLines) -> None:
        self._links = links
        self._private = private
        self._portions: deque[Generator[Portion, None, None]] = deque()
        self._sent: deque[tuple[int, Portion]] = deque()  # each with the number of its last object

    def add(self, portions: Generator[Portion, None, None]) -> None:
        """Hand these over when `go_on` is called next, after all others."""
        self._portions.append(portions)

    def seen(self, number: int) -> None:
        """Take note that the page has the object with that number, and all before."""
        while self._sent and self._sent[0][0] <= number:
            self._sent.popleft()[1].taken()

    def go_on(self) -> None:
        """Send portions until all are sent, or the page does not take them."""
        while self._portions:
            link = self._links.current
            if link is None:
                return
            if link.send_queue.is_behind:
                link.send_queue.catch_up(CATCH_UP_SECONDS)
                if link.send_queue.is_behind:
                    return
            portion = next(self._portions[0], None)
            if portion is None:
                self._portions.popleft()
                continue
            data = b"".join(render(message, JSON_LINES) for message in portion.messages)
            self._sent.append((self._private.send(data), portion))

    def close(self) -> None:
        """End it, with the connection: what the page has not seen comes again another time."""
        while self._portions:
            self._portions.popleft().close()
