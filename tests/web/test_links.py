"""The links of one session: what ends one of them, and what ends them all."""

import threading
from collections.abc import Callable
from threading import Condition
from typing import Any, cast

import pytest

from tests.web.fakelink import FakeLink as Scripted
from threadchat.net.disconnect import Reason
from threadchat.testing import DEADLINE
from threadchat.web import links as module
from threadchat.web.link import Link
from threadchat.web.links import Links
from threadchat.web.objects import Resume


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


def test_what_may_come_later_comes_in_its_order() -> None:
    link = Scripted()
    links = Links(link.it)
    links.deliver_later(b"one ")
    assert (link.sent, link.gathered) == (b"", [b"one "])
    links.deliver(b"two ")
    links.deliver(b"three")
    assert (link.sent, link.gathered) == (b"one two three", None)
    links.deliver_later(b"")
    links.current = None
    links.deliver_later(b"nobody is there")


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


class TestOneAfterAnother:
    @pytest.fixture
    def link(self) -> Scripted:
        return Scripted()

    @pytest.fixture
    def links(self, link: Scripted) -> Links:
        return Links(link.it)

    def test_what_is_sent_goes_to_the_one_in_use(self, link: Scripted, links: Links) -> None:
        links.send(b"one")
        assert links.hand_on() is link.it
        links.send(b"nobody has it")
        assert link.sent == b"one"

    @pytest.mark.parametrize("who", ["page", "session", "nobody"])
    def test_the_session_is_over_with_a_link_only_if_somebody_says_so(
        self, link: Scripted, links: Links, who: str
    ) -> None:
        link.is_final = who == "page"
        links.lose(link.it, is_final=who == "session")
        assert links.is_over is (who != "nobody")
        assert links.current is None
        assert links.reason == links.reason_of_loss == "closed"
        assert ("linger" in link.calls) is (who != "nobody")
        assert link.calls[-1] == "close"

    def test_why_it_is_lost(self, link: Scripted, links: Links) -> None:
        link.reason, link.why = Reason.TIMED_OUT, Reason.RESET
        links.lose(link.it, is_final=False)
        assert links.reason_of_loss == Reason.TIMED_OUT
        link.is_final = True
        links.lose(link.it, is_final=False)
        assert links.reason == Reason.RESET

    def test_an_offer_replaces_the_one_before(self, link: Scripted, links: Links) -> None:
        first, second = Scripted(), Scripted()
        assert links.offer(first.it, RESUME)
        assert link.closed == [(Reason.REPLACED, 4000, b"")]
        assert links.offer(second.it, RESUME)
        assert first.abandoned == [Reason.REPLACED]
        assert links.take_offer() == (second.it, RESUME)
        assert links.current is None
        assert "close" in link.calls
        assert links.take_offer() is None

    def test_one_that_is_over_takes_none(self, links: Links) -> None:
        links.end(Reason.KICKED, "Out.")
        assert not links.offer(Scripted().it, RESUME)
        assert links.await_another() is None

    def test_one_is_waited_for_as_long_as_the_seat_is_kept(
        self, link: Scripted, links: Links, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        links.lose(link.it, is_final=False)
        another = Scripted()
        assert links.offer(another.it, RESUME)
        assert links.await_another() == (another.it, RESUME)
        monkeypatch.setattr(module, "SEAT_SECONDS", 0.0)
        link.reason = Reason.TIMED_OUT
        links.lose(link.it, is_final=False)
        assert links.await_another() is None
        assert links.reason == Reason.TIMED_OUT

    def test_an_end_is_told_at_once(self, link: Scripted, links: Links) -> None:
        links.wait_for_change(0.0)
        waiting = threading.Thread(target=links.wait_for_change, args=(3 * DEADLINE,))
        waiting.start()
        links.end(Reason.REFUSED, "Full.")
        waiting.join(DEADLINE)
        assert not waiting.is_alive()
        ((reason, code, text),) = link.closed
        assert (reason, code) == (Reason.REFUSED, 1013)
        assert b"Full." in text

    def test_at_the_end_those_that_were_offered_are_closed_too(
        self, link: Scripted, links: Links
    ) -> None:
        another = Scripted()
        assert links.offer(another.it, RESUME)
        another.bytes_received, another.bytes_sent = 3, 4
        link.bytes_received, link.bytes_sent = 10, 20
        links.close()
        for it in (link, another):
            assert it.closed[-1][:2] == ("closed", 1000)
            assert it.calls == ["drain", "linger", "close"]
        assert links.current is None
        assert (links.bytes_received, links.bytes_sent) == (13, 24)

    def test_one_that_takes_nothing_is_not_lingered_with(
        self, link: Scripted, links: Links
    ) -> None:
        link.takes = False
        links.close()
        assert link.calls == ["drain", "close"]


class Handover(Condition):
    """A condition where the session's own thread runs as soon as it may: `then` is called."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._then = [then]

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        if self._then:
            self._then.pop()()


RESUME = Resume("key", "lobby", "", 0)


def test_a_link_that_is_taken_at_once_is_not_the_one_that_it_replaces() -> None:
    link = FakeLink()
    links = Links(FakeLink())  # type: ignore[arg-type]
    links.current = None

    def take() -> None:
        offered = links.take_offer()
        assert offered is not None
        links.adopt(offered[0])

    links._changed = Handover(take)
    assert links.offer(link, RESUME)  # type: ignore[arg-type]
    assert links.current is link
    assert link.closed == []


def test_a_link_gives_way_to_one_that_was_offered_before_it_was_taken() -> None:
    first, second = FakeLink(), FakeLink()
    links = Links(first)  # type: ignore[arg-type]
    links.current = None  # the session's own thread has it, and is about to use it
    assert links.offer(second, RESUME)  # type: ignore[arg-type]
    links.adopt(first)  # type: ignore[arg-type]
    assert first.closed == [(Reason.REPLACED, 4000, b"")]
    assert second.closed == []


def test_the_link_in_use_gives_way_to_one_that_is_offered() -> None:
    first, second = FakeLink(), FakeLink()
    links = Links(first)  # type: ignore[arg-type]
    assert links.offer(second, RESUME)  # type: ignore[arg-type]
    assert first.closed == [(Reason.REPLACED, 4000, b"")]
    assert second.closed == []


def test_the_bytes_of_a_link_count_while_it_is_being_closed() -> None:
    # A page may take some seconds to fetch what is still queued.
    seen: list[tuple[int, int]] = []

    class Counting(Scripted):
        def linger(self, seconds: float) -> None:
            seen.append((links.bytes_received, links.bytes_sent))

    link = Counting()
    link.bytes_received, link.bytes_sent = 10, 20
    links = Links(cast(Link, link))
    links.lose(cast(Link, link), is_final=True)
    assert seen == [(10, 20)]
    assert (links.bytes_received, links.bytes_sent) == (10, 20)
