"""What a busy room shows reaches pages late, but whole, once and in order: over real sockets.

Here no time passes for pages beside terminals. So whatever comes, comes with what is tested.
"""

from collections.abc import Callable
from itertools import count

import pytest

from tests.support.pages import Page
from tests.support.waiting import wait_until
from threadchat import ChatServer
from threadchat.chat import handout
from threadchat.net import sendqueue
from threadchat.net.disconnect import Reason
from threadchat.server import periodic
from threadchat.testing import Client


@pytest.fixture(autouse=True)
def by_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handout, "REST", 1e9)
    monkeypatch.setattr(handout, "MOST_REST", 3600.0)
    monkeypatch.setattr(sendqueue, "LATE_SECONDS", 3600.0)
    monkeypatch.setattr(periodic, "INTERVAL", 3600.0)  # a round sends pages how many are where


def said(page: Page) -> list[str]:
    return [it["text"] for it in page.kinds("say")]


def say(cy: Client, *lines: str) -> None:
    """Have `cy` say `lines`; return once they wait in the room, or have been shown."""
    for line in lines:
        cy.type(line)
    cy.type("/whois cy")
    cy.expect("=== cy ")


def say_late(server: ChatServer, cy: Client, *lines: str) -> None:
    """Have `cy` say `lines`, which wait for the one page that is there."""
    say(cy, *lines)
    assert server.web_listener is not None
    (connection,) = server.web_listener.door.seats.connections()
    link = connection.links.current
    assert link is not None
    last = lines[-1].encode()
    # Another thread may have the room's turn, and show them in a moment.
    wait_until(lambda: (it := link.gathered) is not None and last in it.whole(), "they wait")


def quit(server: ChatServer, al: Page, cy: Client) -> None:
    al.type("/quit")


def kick(server: ChatServer, al: Page, cy: Client) -> None:
    (person,) = (it for it in server.chat.lobby.members if it.name == "al")
    person.connection.end(Reason.KICKED, "You were kicked.")  # type: ignore[attr-defined]


def stop(server: ChatServer, al: Page, cy: Client) -> None:
    server.stop()


@pytest.mark.parametrize("end", [quit, kick, stop])
def test_it_comes_before_the_end(
    server: ChatServer, end: Callable[[ChatServer, Page, Client], None]
) -> None:
    # Promise 1.
    with Page(server, "al") as al, Client(server, "cy") as cy:
        say_late(server, cy, "one", "two", "three")
        end(server, al, cy)
        al.code()
        assert said(al) == ["one", "two", "three"]


def test_it_comes_before_what_is_for_the_page_alone(server: ChatServer) -> None:
    with Page(server, "al") as al, Client(server, "cy") as cy:
        say_late(server, cy, "one", "two")
        cy.type("/msg al psst")
        al.expect("private", text="psst")
        assert said(al) == ["one", "two"]
        say(cy, "three")
        al.type("/who")
        al.expect("who")
        assert said(al) == ["one", "two", "three"]


def test_it_comes_before_who_comes_and_goes(server: ChatServer) -> None:
    with Page(server, "al") as al, Client(server, "cy") as cy:
        say_late(server, cy, "one", "two")
        with Client(server, "dee") as dee:
            al.expect("join", names=["dee"])
            assert said(al) == ["one", "two"]
            cy.type("three")
            dee.expect("cy: three")
            dee.type("/quit")
            al.expect("left", name="dee")
        assert said(al) == ["one", "two", "three"]


def test_it_comes_before_another_room(server: ChatServer) -> None:
    with Page(server, "al") as al, Client(server, "cy") as cy:
        say_late(server, cy, "one", "two")
        al.type("/join games")
        al.expect("room", room="games")
        assert said(al) == ["one", "two"]


def test_a_line_that_is_taken_back_comes_before_that(server: ChatServer) -> None:
    with Page(server, "al") as al, Client(server, "cy") as cy:
        say_late(server, cy, "one", "two")
        cy.type("/unsay")
        gone = al.expect("taken_back")
        assert said(al) == ["one", "two"]
        assert gone["seq"] == al.kinds("say")[-1]["seq"]


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_page_that_comes_back_gets_it_once(server: ChatServer, is_cut: bool) -> None:
    with Page(server, "al") as al:
        al.type("alone")
        seen = al.expect("say")
        al.type("/who")
        al.expect("who")  # so nothing else comes that would take along what is gathered
        with Client(server, "cy") as cy:
            say_late(server, cy, "one", "two")
            if is_cut:
                al.cut()
            with Page(server, resumes=True) as again:
                again.send(
                    "resume",
                    key=al.session["key"],
                    room="lobby",
                    position=seen["position"],
                    private=0,
                )
                again.expect("session", is_resumed=True)
                again.expect("say", text="two")
                say(cy, "three")
                again.send("line", n=3, text="mine")
                again.expect("taken", n=3)
                for number in count(4):
                    again.send("line", n=number, text="/who")
                    again.expect("who")
                    if "mine" in said(again):  # else another thread shows it in a moment
                        break
                assert said(again) == ["one", "two", "three", "mine"]


def test_pages_that_have_the_same_waiting_get_all_of_it_once(server: ChatServer) -> None:
    # Promise 1.
    pages = Page(server, "al"), Page(server, "bo"), Page(server, "dee")
    with pages[0] as al, pages[1] as bo, pages[2] as dee, Client(server, "cy") as cy:
        say(cy, "one", "two")
        bo.type("/who")  # so it has nothing waiting any more
        bo.expect("who")
        assert said(bo) == ["one", "two"]
        say(cy, "three", "four")
        with Page(server, resumes=True) as again:
            key = dee.session["key"]
            again.send("resume", key=key, room="lobby", position="", private=0)
            again.expect("session", is_resumed=True)
            again.expect("replay_ends")
            say(cy, "five", "six")
            for page in (al, bo, again):
                page.type("/quit")
                page.code()
            assert said(al) == said(bo) == ["one", "two", "three", "four", "five", "six"]
            assert said(again) == said(al)


def test_pages_see_one_order_with_terminals(server: ChatServer) -> None:
    # Promise 1.
    with Page(server, "al") as al, Page(server, "bo", deflate=None) as bo:
        with Client(server, "cy") as cy, Client(server, "dee") as dee:
            for number in range(20):
                for who in (cy, al, dee, bo):
                    who.type(f"{number} " + "x" * 100)
            for page in (al, bo):
                page.type("/quit")
                page.code()
            cy.expect("bo left")
        orders = [[it["seq"] for it in page.kinds("say")] for page in (al, bo)]
        for seqs in orders:
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert len(orders[0]) >= 20
