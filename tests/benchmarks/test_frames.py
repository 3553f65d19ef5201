"""Frames as the load generator in Python writes and reads them, held against the server's own."""

import pytest

from tests.benchmarks.frames import Incoming, pong_frame, text_frame
from threadchat.web.deflate import deflated
from threadchat.web.websocket import PING, WebSocket, close_frame, deflated_frame
from threadchat.web.websocket import text_frame as server_frame


@pytest.mark.parametrize("size", [0, 1, 4, 125, 126, 65535])
def test_what_a_client_writes_is_read_by_the_server(size: int) -> None:
    assert WebSocket().receive(text_frame(b"x" * size)) == (["x" * size], b"", None)


def test_so_is_its_pong() -> None:
    assert WebSocket().receive(pong_frame()) == ([], b"", None)


def test_heads_are_taken_out_wherever_they_are_cut() -> None:
    data = server_frame(b"one") + PING + server_frame(b"2" * 126) + server_frame(b"3" * 65536)
    for size in (1, 2, 3, 1000, len(data)):
        incoming = Incoming()
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        words = b"".join(map(incoming.take_heads, chunks))
        assert words == b"one" + b"2" * 126 + b"3" * 65536
        assert (incoming.texts, incoming.pings) == (3, 1)


def test_compressed_words_are_inflated_wherever_they_are_cut() -> None:
    words = b"one two three " * 100
    data = deflated_frame(deflated(words)) + PING + server_frame(b"2") + deflated_frame(b"\0")
    for size in (1, 2, 3, len(data)):
        incoming = Incoming()
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        assert b"".join(map(incoming.take_heads, chunks)) == words + b"2"
        assert (incoming.texts, incoming.pings) == (3, 1)


def test_what_cannot_be_inflated_is_told() -> None:
    with pytest.raises(ValueError, match="cannot be inflated"):
        Incoming().take_heads(deflated_frame(b"\xff\xff"))


@pytest.mark.parametrize("frame", [close_frame(1000), b"\x81\x80\0\0\0\0", b"\x8f\x00"])
def test_a_frame_that_no_server_should_send_is_told(frame: bytes) -> None:
    with pytest.raises(ValueError, match="a frame that begins with"):
        Incoming().take_heads(frame)
