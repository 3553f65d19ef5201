"""Two whole servers that share one order, as servers that are linked will (promise 1)."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.sharedorder import SharedOrder
from threadchat.chat.batch import Batch
from threadchat.chat.room import Room
from threadchat.server.chatserver import ChatServer
from threadchat.storage.history import History
from threadchat.testing import Client, run_server


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ChatServer, ChatServer]]:
    monkeypatch.setattr("threadchat.storage.history.new_epoch", lambda: "shared")
    running: list[ChatServer] = []

    def rooms_for(batch: Batch) -> list[Room]:
        rooms = [room for server in running for room in server.chat.rooms()]
        return [room for room in rooms if room.name == batch.room]

    with closing(SharedOrder(rooms_for)) as shared, ExitStack() as stack:

        def run() -> ChatServer:
            history = History()
            server = run_server(history=history, order=shared.for_server(history))
            running.append(stack.enter_context(server))
            return running[-1]

        yield run(), run()


def test_people_on_two_servers_are_in_one_room(servers: tuple[ChatServer, ChatServer]) -> None:
    here, there = servers
    with Client(here, "al") as al, Client(there, "bo") as bo:
        al.expect("bo joined")
        al.type("hi")
        bo.expect("al: hi\r\n")
        bo.type("hello")
        al.expect("bo: hello")
        al.type("/unsay")
        bo.expect("a line of al was taken back")
        al.type("/join tea")
        al.expect("You are in tea.")
        bo.expect("al left")
        bo.type("/join tea")
        al.expect("bo joined")
        al.type("in here")
        bo.expect("al: in here")


def test_what_was_said_elsewhere_is_replayed_here(
    servers: tuple[ChatServer, ChatServer],
) -> None:
    here, there = servers
    with Client(here, "al") as al, Client(there, "bo") as bo:
        al.type("hi")
        bo.expect("al: hi")
        with Client(there, "cy") as cy:
            cy.expect("al: hi")


def test_a_topic_is_that_of_the_room_on_all_servers(
    servers: tuple[ChatServer, ChatServer],
) -> None:
    here, there = servers
    with Client(here, "al") as al, Client(there, "bo") as bo:
        al.expect("bo joined")
        al.type("/topic lunch")
        bo.expect("al set the topic: lunch")
        bo.type("/topic")
        bo.expect("=== Topic: lunch")
        bo.type("/topic -")
        al.expect("bo cleared the topic")
        al.type("/topic")
        al.expect("=== This room has no topic.")
