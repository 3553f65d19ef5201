"""Accepting browsers: how many connections without a person there may be."""

import socket

import pytest

from tests.support.servers import run_server
from tests.support.waiting import wait_until
from threadchat.server import weblistener
from threadchat.testing import DEADLINE


@pytest.mark.parametrize("bound", ["MAX_PER_ADDRESS", "MAX_CONNECTIONS"])
def test_one_too_many_is_closed_and_the_next_is_served_when_there_is_room(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weblistener, bound, 2)
    with run_server(web_address=("127.0.0.1", 0)) as (server, _):
        assert server.web_listener is not None
        port = server.web_listener.server_address[1]

        def connect() -> socket.socket:
            return socket.create_connection(("127.0.0.1", port), DEADLINE)

        def answer(connection: socket.socket) -> bytes:
            try:
                connection.sendall(f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
                return connection.recv(12)
            except ConnectionError:
                return b""

        def is_served() -> bool:
            with connect() as another:
                return answer(another) == b"HTTP/1.1 200"

        with connect() as one, connect(), connect() as too_many:
            assert answer(too_many) == b""
            assert answer(one) == b"HTTP/1.1 200"
        wait_until(is_served, "there is room again")
