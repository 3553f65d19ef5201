"""What pages are told of the rooms: what has changed, but not what is said where they are."""

from collections.abc import Iterator

import pytest

from tests.support.pages import Page
from threadchat import ChatServer
from threadchat.testing import Client
from threadchat.web import roomcounts


@pytest.fixture
def al(server: ChatServer) -> Iterator[Page]:
    with Page(server, "al") as page:
        yield page


def told(server: ChatServer, page: Page) -> list[dict[str, tuple[int, int]]]:
    """Have `page` told of the rooms, and return all that it was told so far."""
    assert server.web_listener is not None
    server.web_listener.look_after()
    page.send("ping")
    page.expect("pong")
    return [
        {it["room"]: (it["people"], it["seq"]) for it in known["rooms"]}
        for known in page.kinds("rooms_now")
    ]


def test_what_is_said_in_its_own_room_is_no_news(server: ChatServer, al: Page) -> None:
    before = told(server, al)
    al.type("hi")
    al.expect("say", text="hi")
    assert told(server, al) == before
    assert before[-1] == {"lobby": (1, 0)}


def test_who_comes_and_what_is_said_elsewhere_is(server: ChatServer, al: Page) -> None:
    before = told(server, al)
    with Client(server, "cy") as cy:
        assert told(server, al) == [*before, {"lobby": (2, 0)}]
        cy.type("/join games")
        cy.expect("You are in games.")
        cy.type("hi")
        cy.type("/last")
        cy.expect("hi")
        assert told(server, al)[-1] == {"lobby": (1, 0), "games": (1, 1)}


def test_after_a_change_of_rooms_what_was_said_there_counts(server: ChatServer, al: Page) -> None:
    told(server, al)
    with Client(server, "cy") as cy:
        al.type("/join games")
        al.expect("room", room="games")
        told(server, al)
        cy.type("hi")
        cy.type("/last")
        cy.expect("hi")
        assert told(server, al)[-1] == {"lobby": (1, 1), "games": (1, 0)}


def test_the_numbers_are_those_of_an_epoch(server: ChatServer, al: Page) -> None:
    al.type("hi")
    epoch = al.expect("say", text="hi")["epoch"]
    told(server, al)
    assert {it["epoch"] for it in al.kinds("rooms_now")[-1]["rooms"]} == {epoch}


def test_pages_are_told_of_a_bounded_number_of_rooms(
    server: ChatServer, al: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roomcounts, "MAX_ROOMS", 1)
    with Client(server, "bo"), Client(server, "cy") as cy:
        cy.type("/join games")
        cy.expect("You are in games.")
        assert told(server, al)[-1] == {"lobby": (2, 0)}
