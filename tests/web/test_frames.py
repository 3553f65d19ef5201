"""Texts that came whole are taken in the fast way, exactly as wsproto would take them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.test_websocket import BROKEN, masked
from threadchat.web.frames import Boundary, whole_texts
from threadchat.web.websocket import PING, WebSocket, text_frame

PIECES = {
    "a text": masked(1, b"hi"),
    "nothing": masked(1, b""),
    "letters": masked(1, "é漢😀".encode()),
    "126 bytes": masked(1, b"x" * 126),
    "a ping": masked(9, b"?"),
    "a pong": masked(10, b""),
    "a beginning": masked(1, b"be", is_last=False),
    "an end": masked(0, b"gin"),
    "much": masked(1, b"y" * 65536),
}


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535])
def test_whole_texts_are_taken(size: int) -> None:
    frame = masked(1, b"x" * size)
    assert whole_texts(frame * 2 + b"\x81") == (["x" * size] * 2, b"\x81")


NOT_TAKEN = {
    "the beginning of one": masked(1, b"hello")[:-1],
    "a head without a mask": b"\x81\x80",
    "one that is not masked": text_frame(b"hello there"),
    "one in fragments": masked(1, b"be", is_last=False),
    "a ping": masked(9, b""),
    "one that is longer": masked(1, b"x" * 65536),
    "a length that is too long a way to say it": b"\x81\xfe\x00\x02" + bytes(4) + b"hi",
    "no UTF-8": masked(1, b"\xff"),
    "half a letter": masked(1, b"\xc3"),
    "a reserved bit": b"\xc1\x80" + bytes(4),
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_all_else_is_left(name: str) -> None:
    data = NOT_TAKEN[name]
    assert whole_texts(masked(1, b"one") + data) == (["one"], data)


@given(st.lists(st.sampled_from(sorted(PIECES)), max_size=8), st.data())
def test_it_makes_no_difference_how_a_stream_is_cut(names: list[str], data: st.DataObject) -> None:
    stream = b"".join(PIECES[name] for name in names)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    parts = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if b > a]
    at_once, cut = WebSocket(), WebSocket()
    texts, _, closed = at_once.receive(stream) if stream else ([], b"", None)
    got: list[str] = []
    ends = []
    for part in parts:
        more, _, end = cut.receive(part)
        got += more
        ends += [end] if end is not None else []
    assert got == texts
    assert [it.code for it in ends] == ([] if closed is None else [closed.code])


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_so_behind_whole_texts_too(name: str) -> None:
    data, code = BROKEN[name]
    socket = WebSocket()
    texts, _, closed = socket.receive(masked(1, b"one") + data)
    assert texts[:1] == ["one"]
    while socket.waits:
        _, _, closed = socket.receive(b"")
    assert closed is not None
    assert closed.code == code


@given(st.lists(st.sampled_from(sorted(PIECES)), max_size=6))
def test_the_boundary_is_known_after_every_byte(names: list[str]) -> None:
    boundary = Boundary()
    is_within = False
    for name in names:
        frame = PIECES[name]
        for byte in frame[:-1]:
            boundary.pass_over(bytes([byte]))
            assert not boundary.is_here
        boundary.pass_over(frame[-1:])
        if not frame[0] & 8:
            is_within = not frame[0] & 0x80
        assert boundary.is_here != is_within


def test_frames_of_a_server_have_boundaries_too() -> None:
    boundary = Boundary()
    boundary.pass_over(PING + text_frame(b"x" * 70000))
    assert boundary.is_here
