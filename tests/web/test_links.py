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
