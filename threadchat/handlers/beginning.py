"""Begin a connection at a terminal: greet the client, unless it turns out to be no chat client."""

from collections.abc import Callable
from typing import Protocol

from threadchat.net.sniffer import Foreign, Sniffer, answer_to


class Pages(Protocol):
    """What a handler needs of the listener for browsers."""

    def url_at(self, host: str) -> str:
        """Return the address of the page on this machine's address `host`; "" if none is."""

    def patience(self) -> float:
        """Return how many seconds to wait for a browser's request before the client is greeted."""


class Beginning:
    """What is done with the first bytes of a client. `greet` is called once, to greet it.

    A client of another protocol can read our answer only if that is the first thing it gets, so
    such a client is not greeted. Most have sent something by now; to browsers we give a moment.
    """

    __slots__ = ("_greet", "_sniffer")

    def __init__(self, greet: Callable[[], None]) -> None:
        self._greet: Callable[[], None] | None = greet  # None once the client is greeted
        self._sniffer = Sniffer()

    @property
    def is_over(self) -> bool:
        """Whether it is clear that the client is one for a chat, and it has been greeted."""
        return self._sniffer.done and self._greet is None

    def greet_if_silent(self, wait_for_input: Callable[[float], bool], pages: Pages | None) -> None:
        """Greet the client, unless it sends something first; wait for that if there are `pages`.

        A browser does not show what a server sends before it is asked for it.
        """
        if not wait_for_input(0.0 if pages is None else pages.patience()):
            self.greet()

    def greet(self) -> None:
        """Greet the client, if it has not been greeted yet."""
        greet, self._greet = self._greet, None
        if greet is not None:
            greet()

    def look(self, data: bytes) -> Foreign | None:
        """Look at what has come: greet the client, or return the other protocol that it speaks."""
        foreign = self._sniffer.look(data)
        if foreign is None:
            self.greet()
        return foreign

    def answer(self, foreign: Foreign, page: str = "") -> bytes:
        """Return what a client of another protocol is sent; for `page` see `answer_to`."""
        # Our greeting has ended in a question, on the line where the cursor is.
        begin = b"\r\n" if self._greet is None and foreign.is_lines else b""
        return begin + answer_to(foreign, page)
