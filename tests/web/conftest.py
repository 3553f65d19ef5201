"""Servers with a web port."""

from collections.abc import Iterator

import pytest

from tests.support.servers import WatchingConsole, run_server
from threadchat import ChatServer


@pytest.fixture
def served() -> Iterator[tuple[ChatServer, WatchingConsole]]:
    with run_server(web_address=("127.0.0.1", 0)) as pair:
        yield pair


@pytest.fixture
def server(served: tuple[ChatServer, WatchingConsole]) -> ChatServer:
    return served[0]
