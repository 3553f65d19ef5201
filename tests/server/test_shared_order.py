"""Two whole servers that share one order, as servers that are linked will (promise 1)."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from queue import SimpleQueue

import pytest

from threadchat.chat.batch import Batch
from threadchat.chat.order import Ordered
from threadchat.server.chatserver import ChatServer
from threadchat.storage.history import History
from threadchat.testing import Client, run_server


class Broker:
    """What gives the batches of all servers one order, on a thread of its own."""

    def __init__(self) -> None:
        self._servers: list[ChatServer] = []
        self._batches: SimpleQueue[tuple[Ordered, Batch] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def add(self, server: ChatServer) -> None:
        self._servers.append(server)

    def put(self, room: Ordered, batch: Batch) -> None:
        self._batches.put((room, batch))

    def close(self) -> None:
        self._batches.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._batches.get()) is not None:
            origin, batch = item
            origin.apply_later(batch)
            for server in self._servers:
                room = next((it for it in server.chat.rooms() if it.name == batch.room), None)
                if room is not None and room is not origin:
                    room.apply_later(batch.for_another())


class BrokersOrder:
    """The order of one server: all it has goes by the broker."""

    def __init__(self, broker: Broker, history: History) -> None:
        self._broker = broker
        self._history = history

    def put(self, room: Ordered, batch: Batch) -> bool:
        self._broker.put(room, batch)
        return False

    def remember(self, room: str, batch: Batch) -> None:
        self._history.append(room, batch.said)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ChatServer, ChatServer]]:
    monkeypatch.setattr("threadchat.storage.history.new_epoch", lambda: "shared")
    with closing(Broker()) as broker, ExitStack() as stack:

        def run() -> ChatServer:
            history = History()
            server = stack.enter_context(
                run_server(history=history, order=BrokersOrder(broker, history))
            )
            broker.add(server)
            return server

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
