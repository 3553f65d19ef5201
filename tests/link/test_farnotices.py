"""What the sender of a private message to somebody on another server is told of its reader."""

from collections.abc import Iterator

import pytest

from tests.support.chats import Lobby
from tests.support.linkedservers import LinkedServer, linked_servers
from tests.support.noticebus import NoticeBus
from tests.support.pages import Page
from tests.support.redisserver import running_broker
from tests.support.waiting import wait_until
from threadchat.chat.person import Person
from threadchat.console.operator import Operator
from threadchat.link.farnotices import FarNotices
from threadchat.link.linkedpeople import key_of
from threadchat.testing import Client
from threadchat.text.clean import MAX_LINE

IS_LOST = "The connection of bo is lost. That is read only if it is back within 30 s."


@pytest.fixture
def pair() -> Iterator[list[LinkedServer]]:
    with running_broker() as broker, linked_servers(broker, web_address=("127.0.0.1", 0)) as pair:
        yield pair


def test_a_page_that_has_lost_its_connection(pair: list[LinkedServer]) -> None:
    one, two = pair
    with Client(one.server, "al") as al, Page(two.server, "bo") as bo:
        al.expect("--> bo joined")
        al.type("/msg bo hi")
        bo.expect("private", text="hi")
        bo.type("/msg al hi yourself")
        al.expect("[bo -> you] hi yourself")
        there = two.server.chat.names.find("bo")
        bo.cut()
        wait_until(lambda: bool(there.why_unread), "it is known there")
        al.type("/msg bo are you there?")
        al.expect(f"[you -> bo] are you there?\r\n=== {IS_LOST}")
        al.type("/reply are you?")
        before = al.expect(f"[you -> bo] are you?\r\n=== {IS_LOST}")
        assert before.count("is lost") == 1
        # Somebody that is ignored learns nothing by that.
        two.server.chat.ignoring.ignore(there, two.server.chat.names.find("al").identity)
        al.type("/msg bo and now?")
        al.expect(f"[you -> bo] and now?\r\n=== {IS_LOST}")


def test_an_operator_that_has_left_the_terminal(pair: list[LinkedServer]) -> None:
    one, two = pair
    shown: list[str] = []
    operator = Operator(two.server.chat, two.server.commands, lambda it: shown.append(str(it)))
    with Client(one.server, "al") as al:
        wait_until(lambda: two.server.chat.names.is_here("al"), "al is known")
        operator.obey("msg al hi")
        al.expect("[operator -> you] hi")
        operator.looks_attended = lambda: False
        al.type("/reply hi")
        al.expect("[you -> operator] hi\r\n=== Nobody sits at the server's own terminal now.")


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        ("bo is \x1b[31masleep\r\n", ["=== bo is asleep"]),
        ("z" * 10_000, ["=== " + "z" * MAX_LINE]),
        ("", []),
        ("\x1b\n", []),
        (None, []),
        (["bo"], []),
    ],
)
def test_what_the_other_server_says_is_a_clean_line_or_nothing(
    lobby: Lobby, why: object, shown: list[str]
) -> None:
    bus = NoticeBus()
    (al,) = lobby.enter("al")
    people: dict[str, Person] = {key_of(al): al}
    FarNotices("n", bus.join("n"), lobby.chat, people.get, key_of, lambda job: job())
    other = bus.join("m")
    answer = {"to": "n", "person": key_of(al), "why": why}
    other.tell("private_unread", answer)
    assert al.lines() == shown
    other.tell("private_unread", {**answer, "to": "m"})
    other.tell("private_unread", {**answer, "person": "gone"})
    assert al.lines() == []
    assert bus.failures == []


def test_an_answer_that_lacks_something_is_reported(lobby: Lobby) -> None:
    bus = NoticeBus()
    (al,) = lobby.enter("al")
    FarNotices("n", bus.join("n"), lobby.chat, lambda key: al, key_of, lambda job: job())
    bus.join("m").tell("private_unread", {"to": "n", "person": key_of(al)})
    assert bus.failures == ["taking a notice of another server (private_unread): KeyError('why')"]
    assert al.lines() == []
