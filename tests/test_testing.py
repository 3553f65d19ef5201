"""The helpers for the tests of other programs: a server on a free port, a client that expects."""

import socket

import pytest

from threadchat import Limits, ServerConfig, testing
from threadchat.testing import Client, run_server


def test_two_clients_talk() -> None:
    with run_server() as server, Client(server, "al") as al, Client(server) as bo:
        assert (al.name, bo.name) == ("al", "")
        bo.enter("bo")
        al.type("hi é")
        assert bo.expect("al: hi é\r\n").endswith("al: hi é\r\n")
        bo.send(b"caf\xe9\n")  # bytes as they are
        al.expect("bo: caf\u00e9\r\n")


def test_what_it_sends_goes_at_once() -> None:
    with run_server() as server, Client(server) as al:
        assert al.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_does_not_come_fails_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing, "DEADLINE", 0.05)
    with (
        run_server() as server,
        Client(server, "al") as al,
        pytest.raises(AssertionError, match="'bo joined' did not come, but b''"),
    ):
        al.expect("bo joined")


def test_what_does_not_come_before_the_end_fails() -> None:
    with run_server() as server, Client(server, "al") as al:
        al.type("/quit")
        with pytest.raises(AssertionError, match="did not come before the end"):
            al.expect("bo joined")


def test_the_end_and_what_came_before_it() -> None:
    with run_server() as server, Client(server, "al") as al:
        al.type("/quit")
        al.forget()
        assert al.expect_end() == "=== Goodbye.\r\n"
        assert al.received == b"=== Goodbye.\r\n"


def test_the_server_is_the_one_that_was_asked_for() -> None:
    config = ServerConfig(limits=Limits(max_clients=1))
    with run_server(config) as server, Client(server, "al"), Client(server) as bo:
        bo.expect("!!! The room is full: it holds 1.")


def test_nobody_is_at_the_port_afterwards() -> None:
    with run_server() as server:
        pass
    with pytest.raises(OSError, match=r".*"):
        Client(server)
