"""The links of one session: what ends one of them, and what ends them all."""

from typing import Any, cast

import pytest

from threadchat.net.disconnect import Reason
from threadchat.web.link import Link
from threadchat.web.links import Links


class Abandoned:
    """A link, and its send queue, that writes down why it was abandoned."""

    def __init__(self) -> None:
        self.send_queue: Any = self
        self.reasons: list[str] = []

    def abandon(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.mark.parametrize(
    ("reason", "is_over"), [(Reason.TOO_SLOW, False), (Reason.SERVER_STOPPING, True)]
)
def test_a_page_that_reads_too_slowly_loses_its_link_alone(reason: str, is_over: bool) -> None:
    link = Abandoned()
    links = Links(cast(Link, link))
    links.abandon(reason)
    assert link.reasons == [reason]
    assert links.is_over is is_over


def test_without_a_link_only_the_session_can_end() -> None:
    links = Links(cast(Link, Abandoned()))
    links.current = None
    links.abandon(Reason.TOO_SLOW)
    assert not links.is_over
    links.abandon(Reason.SERVER_STOPPING)
    assert links.is_over


class FakeQueue:
    bytes_sent = 0

    def drain(self, seconds: float) -> bool:
        return True

    def close(self) -> None:
        """Nothing is open."""


class FakeTransport:
    def linger(self, seconds: float) -> None:
        """Nobody is there."""


class FakeLink:
    """Keeps how it was closed first, as a send queue does."""

    bytes_received = 0

    def __init__(self) -> None:
        self.send_queue, self.transport = FakeQueue(), FakeTransport()
        self.closed: list[tuple[str, int, bytes]] = []

    def close(self, reason: str, code: int, text: bytes = b"") -> None:
        self.closed.append((reason, code, text))


class HastyLinks(Links):
    """Those of a session whose own thread sees that it is over at once, and closes."""

    def _set_reason(self, reason: str, code: int = 1000, last: bytes = b"") -> None:
        was_over = self.is_over
        super()._set_reason(reason, code, last)
        if not was_over:
            self.close()


def test_the_goodbye_is_said_where_the_sessions_own_thread_is_faster() -> None:
    link = FakeLink()
    links = HastyLinks(link)  # type: ignore[arg-type]
    links.end(Reason.SERVER_STOPPING, "Goodbye.")
    reason, code, text = link.closed[0]
    assert (reason, code) == (Reason.SERVER_STOPPING, 1001)
    assert b"Goodbye." in text


def test_the_first_reason_stays() -> None:
    link = FakeLink()
    links = Links(link)  # type: ignore[arg-type]
    links.end(Reason.IDLE, "You have said nothing.")
    links.end(Reason.SERVER_STOPPING, "Goodbye.")
    assert links.reason == Reason.IDLE
    assert all(code == 1000 and b"said nothing" in text for _, code, text in link.closed)
