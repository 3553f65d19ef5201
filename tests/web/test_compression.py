"""Rooms with browsers that take compressed frames and others that do not, over real sockets."""

import contextlib
from collections.abc import Iterator

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from tests.support.pages import AS_BROWSERS, Page
from threadchat import ChatServer
from threadchat.testing import Client
from threadchat.web import framing
from threadchat.web.deflate import deflated
from threadchat.web.framing import MANY, MIN_DEFLATED

LONG = ("over and over " * (MIN_DEFLATED // 14 + 1)).strip()

AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All texts that are compressed, from now on."""
    texts: list[bytes] = []

    def write_down(text: bytes) -> bytes:
        texts.append(text)
        return deflated(text)

    monkeypatch.setattr(framing, "deflated", write_down)
    return texts


@contextlib.contextmanager
def pages_in(server: ChatServer, count: int) -> Iterator[list[Page]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Page(server, f"p{number}")) for number in range(count)]


def answer_to(server: ChatServer, deflate: ClientPerMessageDeflateFactory | None) -> str:
    with Page(server, "al", deflate=deflate) as al:
        al.type("hi")
        al.expect("say", text="hi")
        assert al.socket.response is not None
        return al.socket.response.headers.get("Sec-WebSocket-Extensions", "")


OFFERS = {
    "as browsers do": (AS_BROWSERS, AGREED),
    "nothing": (None, ""),
    "each message for itself": (ClientPerMessageDeflateFactory(True, True), AGREED),
    "our own window": (
        ClientPerMessageDeflateFactory(server_max_window_bits=15),
        f"{AGREED}; server_max_window_bits=15",
    ),
    "a smaller window of ours": (ClientPerMessageDeflateFactory(server_max_window_bits=10), ""),
    "a smaller window of theirs": (
        ClientPerMessageDeflateFactory(client_max_window_bits=9),
        AGREED,
    ),
}


@pytest.mark.parametrize("name", OFFERS)
def test_people_talk_whatever_their_client_offers(server: ChatServer, name: str) -> None:
    deflate, answer = OFFERS[name]
    assert answer_to(server, deflate) == answer


def test_what_is_long_is_compressed_once_for_all(
    server: ChatServer, compressed: list[bytes]
) -> None:
    with (
        Client(server, "cy") as cy,
        Page(server, "plain", deflate=None) as plain,
        pages_in(server, MANY + 3) as pages,
    ):
        cy.type(LONG)
        for page in (plain, *pages):
            page.expect("say", name="cy", text=LONG)
        assert [LONG.encode() in text for text in compressed] == [True]
        pages[0].type(LONG)  # the client compresses that, too
        for page in (plain, *pages):
            page.expect("say", name="p0", text=LONG)
        cy.expect(f"p0: {LONG}")
        # What pages are told of the rooms may go with it to some of them.
        assert 2 <= len(compressed) < MANY


def test_a_few_browsers_are_sent_it_as_it_is(server: ChatServer, compressed: list[bytes]) -> None:
    with Client(server, "cy") as cy, pages_in(server, MANY) as pages:
        cy.type(LONG)
        for page in pages:
            page.expect("say", text=LONG)
        assert compressed == []


def test_what_is_for_one_person_never_is(server: ChatServer, compressed: list[bytes]) -> None:
    with Client(server, "cy") as cy, pages_in(server, MANY + 3) as pages:
        for number, page in enumerate(pages):
            cy.type(f"/msg p{number} {LONG}")
            page.expect("private", text=LONG)
            page.type("/help")  # a long answer, the same for all
        for page in pages:
            page.expect("info")
            page.type("/rooms")
            page.expect("rooms")
        assert compressed == []
