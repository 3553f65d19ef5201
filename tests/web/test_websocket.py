"""Frames of WebSocket from a client: whole, cut, fragmented, and broken in every way."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.web.http import BadRequest, Request
from threadchat.web.websocket import (
    MAX_EVENTS,
    MAX_MESSAGE,
    WebSocket,
    accept,
    close_frame,
    text_frame,
)

KEY = b"\x01\x02\x03\x04"


def masked(opcode: int, payload: bytes, *, is_last: bool = True, mask: bytes = KEY) -> bytes:
    """Return the frame of a client."""
    head = bytes([(0x80 if is_last else 0) | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += struct.pack(">BH", 0x80 | 126, len(payload))
    else:
        head += struct.pack(">BQ", 0x80 | 127, len(payload))
    return head + mask + bytes(it ^ mask[at % 4] for at, it in enumerate(payload))


def code_of(frame: bytes) -> int:
    assert frame[0] == 0x88
    return int(struct.unpack(">H", frame[2:4])[0])


class TestMessages:
    def test_they_are_texts(self) -> None:
        socket = WebSocket()
        texts, answer, closed = socket.receive(masked(1, "hi é".encode()) + masked(1, b"two"))
        assert (texts, answer, closed) == (["hi é", "two"], b"", None)

    def test_what_came_behind_the_request_is_the_beginning(self) -> None:
        frame = masked(1, b"early")
        assert WebSocket(frame[:3]).receive(frame[3:])[0] == ["early"]

    def test_they_may_be_cut_at_every_byte(self) -> None:
        socket, got = WebSocket(), []
        for byte in masked(1, "é漢😀".encode()):
            got += socket.receive(bytes([byte]))[0]
        assert got == ["é漢😀"]

    def test_they_may_be_in_fragments_with_a_ping_between(self) -> None:
        whole = "é漢😀".encode()
        data = masked(1, whole[:1], is_last=False) + masked(9, b"?") + masked(0, whole[1:])
        texts, answer, closed = WebSocket().receive(data)
        assert (texts, answer, closed) == (["é漢😀"], b"\x8a\x01?", None)

    def test_many_pings_have_one_answer(self) -> None:
        _, answer, _ = WebSocket().receive(masked(9, b"a") + masked(9, b"b") * (MAX_EVENTS - 1))
        assert answer == b"\x8a\x01b"

    def test_many_frames_are_taken_in_a_few_at_a_time(self) -> None:
        socket = WebSocket()
        got = socket.receive(masked(9, b"?") * MAX_EVENTS + masked(10, b"!") + masked(1, b"hi"))
        assert (got, socket.waits, socket.frames) == (([], b"\x8a\x01?", None), True, MAX_EVENTS)
        assert socket.receive(b"") == (["hi"], b"", None)
        assert (socket.waits, socket.frames) == (False, MAX_EVENTS + 1)
        assert socket.receive(masked(1, b"ho")) == (["ho"], b"", None)

    def test_each_frame_that_ends_no_text_is_counted(self) -> None:
        socket = WebSocket()
        socket.receive(masked(1, b"whole") * 3)
        assert socket.frames == 0
        socket.receive(masked(9, b"") * 20)
        assert socket.frames == 20
        socket.receive(masked(1, b"a", is_last=False) + masked(0, b"", is_last=False) * 10)
        assert socket.frames == 31
        assert socket.receive(masked(0, b"b"))[0] == ["ab"]
        assert socket.frames == 31

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
    def test_ours_have_the_right_length(self, size: int) -> None:
        frame = text_frame(b"x" * size)
        assert frame[0] == 0x81
        assert frame.endswith(b"x" * size)
        head = {True: 2, size > 125: 4, size > 65535: 10}[True]
        assert len(frame) == head + size

    def test_they_may_be_of_the_greatest_length(self) -> None:
        socket = WebSocket()
        whole = masked(1, b"x" * MAX_MESSAGE)
        parts = masked(1, b"y" * (MAX_MESSAGE - 1), is_last=False) + masked(0, b"y")
        assert socket.receive(whole[:-1])[0] == []
        assert socket.receive(whole[-1:] + parts)[0] == ["x" * MAX_MESSAGE, "y" * MAX_MESSAGE]


BROKEN = {
    "not masked": (b"\x81\x02hi", 1002),
    "binary": (masked(2, b"hi"), 1003),
    "no UTF-8": (masked(1, b"\xff\xfe"), 1007),
    "half a letter": (masked(1, b"\xc3"), 1007),
    "too long": (masked(1, b"x" * (MAX_MESSAGE + 1)), 1009),
    "too long in fragments": (
        masked(1, b"x" * MAX_MESSAGE, is_last=False) + masked(0, b"xx"),
        1009,
    ),
    "an unknown opcode": (masked(3, b""), 1002),
    "a reserved bit": (b"\xc1\x80" + KEY, 1002),
    "a fragment of nothing": (masked(0, b"x"), 1002),
    "a message within another": (masked(1, b"a", is_last=False) + masked(1, b"b"), 1002),
    "a ping in fragments": (masked(9, b"", is_last=False), 1002),
    "a ping that is too long": (masked(9, b"x" * 126), 1002),
    "a close of one byte": (masked(8, b"x"), 1002),
    "a close for no reason there is": (masked(8, struct.pack(">H", 999)), 1002),
    "a close for a reason that is never sent": (masked(8, struct.pack(">H", 1006)), 1002),
    "a close that is too large a number": (masked(8, struct.pack(">H", 5000)), 1002),
    "a close in no UTF-8": (masked(8, b"\x03\xe8\xff"), 1007),
    "a close in fragments": (masked(8, b"", is_last=False), 1002),
    "an unknown control frame": (masked(11, b""), 1002),
    "the second reserved bit": (b"\xa1\x80" + KEY, 1002),
    "the third reserved bit": (b"\x91\x80" + KEY, 1002),
    "a length of 63 bits": (b"\x81\xff" + b"\x80" + bytes(7) + KEY, 1002),
    "a short length in a long way": (b"\x81\xfe\x00\x02" + KEY + b"hi", 1002),
    "half of a surrogate pair": (masked(1, b"\xed\xa0\x80"), 1007),
    "a letter in too many bytes": (masked(1, b"\xc0\xaf"), 1007),
    "very many fragments": (
        masked(1, b"", is_last=False) + masked(0, b"x", is_last=False) * (MAX_MESSAGE + 1),
        1009,
    ),
}


class TestWhatBreaksTheRules:
    @pytest.mark.parametrize("name", BROKEN)
    def test_it_is_closed_with_the_right_code(self, name: str) -> None:
        data, code = BROKEN[name]
        socket = WebSocket()
        _, _, closed = socket.receive(data)
        while socket.waits:
            _, _, closed = socket.receive(b"")
        assert closed is not None
        assert code_of(closed.answer) == code
        assert closed.code == code
        assert closed.is_broken

    def test_nothing_is_read_after_that(self) -> None:
        socket = WebSocket()
        socket.receive(b"\x81\x02hi")
        assert socket.receive(masked(1, b"more")) == ([], b"", None)

    @given(st.lists(st.binary(max_size=40), max_size=5))
    def test_no_bytes_raise(self, chunks: list[bytes]) -> None:
        socket = WebSocket()
        received = [socket.receive(chunk) for chunk in chunks]
        ends = [end for _, _, end in received if end is not None]
        assert len(ends) <= 1
        assert all(end.answer.startswith(b"\x88") for end in ends)


@pytest.mark.parametrize("code", [1000, 1001, 4000])
def test_a_close_is_answered_with_its_code(code: int) -> None:
    _, _, closed = WebSocket().receive(masked(8, struct.pack(">H", code) + b"bye"))
    assert closed is not None
    assert (closed.code, closed.is_broken) == (code, False)
    assert code_of(closed.answer) == code


def test_a_close_without_a_code_is_answered_without_one() -> None:
    _, _, closed = WebSocket().receive(masked(8, b""))
    assert closed is not None
    assert closed.answer == b"\x88\x00"


def test_the_reason_of_a_close_is_cut_between_letters() -> None:
    frame = close_frame(1008, "é" * 100)
    assert len(frame) <= 127
    frame[4:].decode()


ASKED = (
    ("host", "a"),
    ("upgrade", "websocket"),
    ("connection", "keep-alive, Upgrade"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
)


class TestBeginning:
    def test_the_key_is_answered_as_in_the_standard(self) -> None:
        # The example of RFC 6455, section 1.3.
        response = accept(Request("GET", "/ws", "", ASKED))
        assert response.status == 101
        assert ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in response.headers

    @pytest.mark.parametrize(
        ("changed", "status"),
        [
            ({"upgrade": "h2c"}, 400),
            ({"connection": "keep-alive"}, 400),
            ({"sec-websocket-key": "short"}, 400),
            ({"sec-websocket-key": "!" * 22 + "=="}, 400),
            ({"sec-websocket-key": "é" * 24}, 400),
            ({"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQAA"}, 400),
            ({"upgrade": "websocket/13"}, 400),
            ({"sec-websocket-version": "13, 8"}, 426),
            ({"sec-websocket-version": "8"}, 426),
        ],
    )
    def test_what_is_wrong_is_refused(self, changed: dict[str, str], status: int) -> None:
        headers = [(name, changed.get(name, value)) for name, value in ASKED]
        with pytest.raises(BadRequest) as caught:
            accept(Request("GET", "/ws", "", headers))
        assert caught.value.response.status == status

    def test_it_needs_a_version_of_http_that_can_upgrade(self) -> None:
        with pytest.raises(BadRequest) as caught:
            accept(Request("GET", "/ws", "", ASKED, "1.0"))
        assert caught.value.response.status == 400

    def test_another_version_is_told_which_is_spoken(self) -> None:
        headers = [*ASKED[:-1], ("sec-websocket-version", "8")]
        with pytest.raises(BadRequest) as caught:
            accept(Request("GET", "/ws", "", headers))
        assert ("Sec-WebSocket-Version", "13") in caught.value.response.headers
