"""Accepting clients: the reserve for turning one away, and the end of the accepting."""

import errno
import socket
import time
from collections.abc import Iterator
from socketserver import BaseRequestHandler
from threading import Thread

import pytest

from threadchat.monitoring.events import Watch
from threadchat.net import transport
from threadchat.net.threads import join
from threadchat.server import listener as listener_module
from threadchat.server.listener import Listener
from threadchat.testing import DEADLINE


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener(("127.0.0.1", 0), BaseRequestHandler, Watch())
    yield listener
    listener.stop_accepting(time.monotonic() + DEADLINE)


@pytest.mark.parametrize(
    "are_inherited",
    [
        pytest.param(
            True,
            marks=pytest.mark.skipif(
                not transport.OPTIONS_ARE_INHERITED, reason="sockets do not inherit options here"
            ),
        ),
        False,
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_each_client_has_the_options(
    are_inherited: bool, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "OPTIONS_ARE_INHERITED", are_inherited)
    with (
        Listener((host, 0), BaseRequestHandler, Watch()) as listener,
        socket.create_connection(("127.0.0.1", listener.server_address[1]), DEADLINE),
    ):
        accepted, _ = listener.get_request()
        listener._give_up_reserve()
        with accepted:
            for level, option, value in transport._OPTIONS:
                # Some systems tell of a flag that it is on by another number.
                assert accepted.getsockopt(level, option) in (value, option)


def test_the_system_is_asked_what_a_client_reached_only_where_it_may_be_one_of_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener_module, "reached_address", lambda sock: "192.168.1.7")
    for host, reached in (("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "192.168.1.7")):
        with Listener((host, 0), BaseRequestHandler, Watch()) as listener, socket.socket() as sock:
            assert listener.origin_of(sock, ("::ffff:10.0.0.1", 5)) == ("10.0.0.1", reached)


def test_one_after_the_other_is_turned_away_with_the_reserve(listener: Listener) -> None:
    listener._take_reserve()
    for _ in range(3):
        with socket.create_connection(
            ("127.0.0.1", listener.server_address[1]), DEADLINE
        ) as client:
            assert listener._has_turned_one_away()
            assert client.recv(1) == b""


def test_without_a_reserve_nobody_is_turned_away(listener: Listener) -> None:
    assert not listener._has_turned_one_away()


def test_a_stop_waits_for_the_acceptor_until_the_deadline(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[tuple[Thread | None, float]] = []

    def wait(thread: Thread | None, deadline: float) -> None:
        waited.append((thread, deadline))
        join(thread, DEADLINE)

    monkeypatch.setattr(listener_module, "join_by", wait)
    listener.start_accepting()
    acceptor = listener._acceptor
    listener.stop_accepting(103.0)
    monkeypatch.undo()
    assert waited == [(acceptor, 103.0)]


def test_there_is_a_reserve_from_the_first_client_on(listener: Listener) -> None:
    listener.start_accepting()
    assert listener._reserve is not None
    listener.stop_accepting(time.monotonic() + DEADLINE)
    assert listener._reserve is None


def test_where_another_takes_the_free_descriptor_it_goes_on_without(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_socket(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", no_socket)
        listener._take_reserve()
    assert listener._reserve is None


@pytest.mark.parametrize("has_reserve", [True, False])
def test_a_reserve_is_taken_again_once_there_are_descriptors(
    listener: Listener, has_reserve: bool
) -> None:
    if has_reserve:
        listener._take_reserve()
    before = listener._reserve
    with socket.create_connection(("127.0.0.1", listener.server_address[1]), DEADLINE):
        request, _ = listener.get_request()
        request.close()
    assert listener._reserve is not None
    if has_reserve:
        assert listener._reserve is before
