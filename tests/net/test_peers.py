"""What the system knows of the other end of a connection."""

import socket
import struct
import sys
from contextlib import closing
from typing import cast

import pytest

from tests.support.waiting import wait_until
from threadchat.net.peers import DEAD_SECONDS, PeerState, count_unacknowledged, look_at_peer

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a peer")


class Told:
    """A socket of which the system says what a test has it say."""

    def __init__(self, state: int, retransmits: int, probes: int, data: int, ack: int) -> None:
        numbers = [0] * 11 + [data, ack]
        self._info = struct.pack("=8B13I", state, 0, retransmits, probes, 0, 0, 0, 0, *numbers)

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return self._info[:size]


@LINUX
@pytest.mark.parametrize(
    ("told", "state"),
    [
        (Told(1, 0, 0, 70_000, 5_000), PeerState(False, 0, 5.0)),
        (Told(1, 3, 0, 70_000, 12_000), PeerState(False, 3, 12.0)),
        (Told(1, 0, 2, 500, 80_000), PeerState(False, 2, 0.5)),
        (Told(8, 0, 0, 1_000, 1_000), PeerState(True, 0, 1.0)),
    ],
)
def test_it_is_read_from_what_the_system_says(told: Told, state: PeerState) -> None:
    assert look_at_peer(cast(socket.socket, told)) == state


@pytest.mark.parametrize(
    ("state", "is_dead"),
    [
        (PeerState(True, 0, 0.0), True),
        (PeerState(False, 2, DEAD_SECONDS), True),
        (PeerState(False, 2, DEAD_SECONDS - 1), False),
        (PeerState(False, 1, 60.0), False),
        (PeerState(False, 0, 39.0), False),
    ],
)
def test_when_nobody_is_there_any_more(state: PeerState, is_dead: bool) -> None:
    assert state.is_dead is is_dead


@LINUX
def test_of_a_real_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        with closing(listener.accept()[0]) as served:
            state = look_at_peer(served)
            assert state is not None
            assert (state.is_ended, state.unanswered, state.is_dead) == (False, 0, False)
            assert 0.0 <= state.silent_for < 60.0
            client.close()
            wait_until(lambda: (now := look_at_peer(served)) is not None and now.is_ended, "an end")
        assert look_at_peer(served) is None


def test_where_the_system_tells_nothing() -> None:
    one, other = socket.socketpair()  # no TCP, or on Windows a system that does not tell
    with one, other:
        assert look_at_peer(one) is None


@LINUX
def test_a_socket_of_which_the_system_does_not_tell_is_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert count_unacknowledged(listener) is None
