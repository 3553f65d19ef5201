"""One WebSocket of a page: what comes in on it, what is sent, and why it ends."""

import struct
from typing import Any, cast

import pytest

from tests.web.test_websocket import code_of, masked
from threadchat.net.disconnect import Reason
from threadchat.net.sendqueue import SendQueue
from threadchat.net.transport import Transport
from threadchat.web.framing import Framer
from threadchat.web.link import Link
from threadchat.web.websocket import PING, close_frame, text_frame


class Wire:
    """A transport and a send queue: what arrives, in this order, and what is sent."""

    def __init__(self) -> None:
        self.arriving: list[bytes | OSError] = []
        self.sent: list[bytes] = []
        self.reason: str | None = None

    def receive(self, size: int) -> bytes:
        piece = self.arriving.pop(0) if self.arriving else b""
        if isinstance(piece, OSError):
            raise piece
        return piece

    receive_now = receive

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def end(self, reason: str, data: bytes) -> None:
        self.reason = self.reason or reason
        self.sent.append(data)


@pytest.fixture
def wire() -> Wire:
    return Wire()


def link_on(wire: Any, first: bytes = b"") -> Link:
    transport, send_queue = cast(Transport, wire), cast(SendQueue, wire)
    return Link(transport, send_queue, Framer(), first, 5.0, address="a", reached="b")


def test_what_came_behind_the_request_comes_first(wire: Wire) -> None:
    wire.arriving = [masked(1, b"two"), masked(1, b"three")]
    link = link_on(wire, masked(1, b"one"))
    assert link.receive(6.0) == ["one"]
    assert link.receive_now(7.0) == ["two"]
    assert link.receive(8.0) == ["three"]
    assert link.bytes_received == len(masked(1, b"one") + masked(1, b"two") + masked(1, b"three"))
    assert link.heard_at == 8.0


def test_it_is_over_when_the_other_side_closes(wire: Wire) -> None:
    link = link_on(wire)
    assert link.receive_now(6.0) == []
    assert link.receive(6.0) is None
    assert (link.why, link.is_final, link.heard_at) == (Reason.CLOSED, False, 5.0)


def test_it_is_over_when_it_breaks(wire: Wire) -> None:
    wire.arriving = [ConnectionResetError(), ConnectionResetError()]
    link = link_on(wire)
    assert link.receive_now(6.0) == []  # the next `receive` says why
    assert link.receive(6.0) is None
    assert (link.why, link.is_final) == (Reason.RESET, False)


@pytest.mark.parametrize(
    ("reason", "counts"), [(Reason.KICKED, False), (Reason.RESET, True), (Reason.TIMED_OUT, True)]
)
def test_what_came_before_a_send_found_it_broken_counts(
    wire: Wire, reason: str, counts: bool
) -> None:
    wire.reason = reason
    wire.arriving = [masked(1, b"last words")]
    link = link_on(wire)
    assert link.receive(6.0) == (["last words"] if counts else None)
    assert link.receive(6.0) is None
    assert link.why == reason


def test_pings_are_answered(wire: Wire) -> None:
    wire.arriving = [masked(9, b"?"), masked(1, b"hi")]
    link = link_on(wire)
    assert link.receive(6.0) == []
    assert wire.sent == [b"\x8a\x01?"]
    assert link.receive(6.0) == ["hi"]
    assert len(wire.sent) == 1


@pytest.mark.parametrize(("code", "is_final"), [(1000, True), (1001, False)])
def test_a_close_is_for_good_only_with_its_code(wire: Wire, code: int, is_final: bool) -> None:
    wire.arriving = [masked(1, b"bye") + masked(8, struct.pack(">H", code)), b""]
    link = link_on(wire)
    assert link.receive(6.0) == ["bye"]
    assert link.is_final is is_final
    assert code_of(wire.sent[-1]) == code
    assert link.receive(6.0) is None
    assert link.why == Reason.CLOSED


def test_what_breaks_the_rules_is_over_for_good(wire: Wire) -> None:
    wire.arriving = [b"\x81\x02hi"]
    link = link_on(wire)
    assert link.receive(6.0) is None
    assert link.is_final
    assert link.why == wire.reason == "broke the protocol: WebSocket, code 1002"
    wire.reason = Reason.KICKED
    assert link.receive(6.0) is None
    assert link.why == "broke the protocol: WebSocket, code 1002"


def test_what_is_sent_is_framed(wire: Wire) -> None:
    link = link_on(wire)
    link.send(b"hi")
    link.ping(9.0)
    link.close(Reason.KICKED, 1000, b"Out.")
    link.close(Reason.KICKED, 1000)
    last = close_frame(1000)
    assert wire.sent == [text_frame(b"hi"), PING, text_frame(b"Out.") + last, last]
    assert link.sent_at == 9.0
