"""permessage-deflate: what is agreed on, and compressed messages of clients: right, and not."""

import gc
import tracemalloc
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.test_websocket import KEY, code_of, masked
from threadchat.web.deflate import Inflating, agree, deflated
from threadchat.web.websocket import MAX_MESSAGE, WebSocket, deflated_frame

AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

TAKEN: Sequence[tuple[list[str], str]] = [
    (["permessage-deflate"], AGREED),
    (["permessage-deflate; client_max_window_bits"], AGREED),  # Chromium, Firefox, websockets, ws
    (["Permessage-Deflate ;client_max_window_bits=9"], AGREED),
    (["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], AGREED),
    (["permessage-deflate; server_max_window_bits=15"], f"{AGREED}; server_max_window_bits=15"),
    (['permessage-deflate; server_max_window_bits="15"'], f"{AGREED}; server_max_window_bits=15"),
    (["x-webkit-deflate-frame, permessage-deflate"], AGREED),
    (["foo; bar=1", "permessage-deflate"], AGREED),
    (["permessage-deflate; server_max_window_bits=10, permessage-deflate"], AGREED),
    ([", ,permessage-deflate , "], AGREED),
]

DECLINED = [
    [],
    [""],
    ["foo"],
    ["permessage-deflates"],
    ["permessage-deflate; server_max_window_bits=10"],  # ours would not suit all others
    ["permessage-deflate; server_max_window_bits"],
    ["permessage-deflate; server_max_window_bits=16"],
    ["permessage-deflate; server_max_window_bits=015"],
    ["permessage-deflate; client_max_window_bits=7"],
    ["permessage-deflate; client_max_window_bits=16"],
    ["permessage-deflate; client_max_window_bits=008"],
    ["permessage-deflate; client_max_window_bits=ten"],
    ["permessage-deflate; client_no_context_takeover=1"],
    ["permessage-deflate; server_no_context_takeover=true"],
    ["permessage-deflate; unknown"],
    ["permessage-deflate; client_max_window_bits; client_max_window_bits"],
    ["permessage-deflate;"],
    ["permessage-deflate; ="],
    ["permessage-deflate; client_max_window_bits="],
    ['permessage-deflate; client_max_window_bits="9'],
    ["permessage deflate"],
    [";;;,,,===", '"'],
    ["é; permessage-deflate"],
]


class TestAgreeing:
    @pytest.mark.parametrize(("offers", "answer"), TAKEN)
    def test_the_first_offer_that_can_be_taken_is(self, offers: list[str], answer: str) -> None:
        assert agree(offers) == answer

    @pytest.mark.parametrize("offers", DECLINED)
    def test_others_are_declined(self, offers: list[str]) -> None:
        assert agree(offers) == ""

    @given(st.lists(st.text(alphabet='permessage-deflate;=,"1 \t', max_size=60), max_size=3))
    def test_nothing_raises(self, offers: list[str]) -> None:
        agree(offers)

    def test_a_long_offer_takes_no_time(self) -> None:
        agree(["permessage-deflate" + "; a=1" * 1600 + "; !=", "a;" * 4000, " " * 8000 + '"'])


def compressed(
    opcode: int, payload: bytes, *, is_last: bool = True, is_first: bool = True
) -> bytes:
    """Return the frame of a client, with the first reserved bit if it `is_first`."""
    frame = masked(opcode, payload, is_last=is_last)
    return bytes([frame[0] | 0x40 * is_first]) + frame[1:]


class TestMessages:
    def test_they_are_inflated(self) -> None:
        text = "hi é漢😀" * 500
        data = compressed(1, deflated(text.encode())) + masked(1, b"plain") + compressed(1, b"\0")
        assert WebSocket(inflates=True).receive(data) == ([text, "plain", ""], b"", None)

    def test_each_is_for_itself(self) -> None:
        frame = compressed(1, deflated(b"again and again"))
        assert WebSocket(inflates=True).receive(frame * 3)[0] == ["again and again"] * 3

    @pytest.mark.parametrize("text", [b"Hello", b"x" * 10000, b""])
    @pytest.mark.parametrize("level", [0, 1, 9])
    def test_a_last_block_may_say_so(self, text: bytes, level: int) -> None:
        # The example of RFC 7692, section 7.2.3.4.
        compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
        payload = compressor.compress(text) + compressor.flush() + b"\0"
        texts, _, closed = WebSocket(inflates=True).receive(compressed(1, payload))
        assert (texts, closed) == ([text.decode()], None)

    def test_they_may_have_several_blocks(self) -> None:
        # The example of RFC 7692, section 7.2.3.5.
        payload = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"
        assert WebSocket(inflates=True).receive(compressed(1, payload))[0] == ["Hello"]

    def test_they_may_be_in_fragments_with_a_ping_between(self) -> None:
        payload = deflated("é漢😀".encode())
        data = (
            compressed(1, payload[:1], is_last=False)
            + masked(9, b"?")
            + masked(0, b"", is_last=False)
            + masked(0, payload[1:])
        )
        texts, answer, closed = WebSocket(inflates=True).receive(data)
        assert (texts, answer, closed) == (["é漢😀"], b"\x8a\x01?", None)

    def test_the_longest_is_taken(self) -> None:
        text = "😀" * MAX_MESSAGE
        frame = compressed(1, deflated(text.encode()))
        assert WebSocket(inflates=True).receive(frame)[0] == [text]

    @given(st.lists(st.sampled_from(["é漢😀", "", "x" * 300]), max_size=4), st.data())
    def test_it_makes_no_difference_how_a_stream_is_cut(
        self, texts: list[str], data: st.DataObject
    ) -> None:
        stream = b"".join(compressed(1, deflated(it.encode())) + masked(9, b"") for it in texts)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        socket, got = WebSocket(inflates=True), []
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            more, _, closed = socket.receive(stream[begin:end])
            got += more
            assert closed is None
        assert got == texts

    def test_nothing_is_kept_of_a_message_that_has_ended(self) -> None:
        sockets = [WebSocket(inflates=True) for _ in range(50)]
        frame = compressed(1, deflated(b"x" * 3000))
        for socket in sockets:
            socket.receive(frame)
        gc.collect()
        tracemalloc.start()
        try:
            for socket in sockets:
                socket.receive(frame)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < 50 * 1000


TOO_LONG = deflated(b"x" * (MAX_MESSAGE + 1))

BROKEN = {
    "no such block": (compressed(1, b"\xff\xff"), 1007),
    "a block that is cut off": (compressed(1, deflated(b"hello, hello")[:-3]), 1007),
    "a stored block that is cut off": (compressed(1, b"\x00\x40\x00\xbf\xff" + b"x"), 1007),
    "nothing at all": (compressed(1, b""), 1007),
    "more behind the last block": (compressed(1, b"\x03\x00" + b"more"), 1007),
    "a message behind the last block": (compressed(1, b"\x03\x00" + deflated(b"more")), 1007),
    "words of a message before": (compressed(1, b"\x02\x13\x00"), 1007),
    "no UTF-8": (compressed(1, deflated(b"\xff\xfe")), 1007),
    "half a letter": (compressed(1, deflated(b"\xc3")), 1007),
    "binary": (compressed(2, deflated(b"hi")), 1003),
    "too long": (compressed(1, TOO_LONG), 1009),
    "far too long": (compressed(1, deflated(bytes(20_000_000))), 1009),
    "too long in fragments": (
        compressed(1, TOO_LONG[:20], is_last=False) + masked(0, TOO_LONG[20:]),
        1009,
    ),
    "many long ones at once": (compressed(1, deflated(b" " * MAX_MESSAGE)) * 5, 1009),
    "a compressed ping": (compressed(9, deflated(b"")), 1002),
    "a compressed close": (compressed(8, b""), 1002),
    "the bit in a later fragment": (
        masked(1, b"a", is_last=False) + compressed(0, b"b"),
        1002,
    ),
    "the bit in every fragment": (
        compressed(1, deflated(b"a"), is_last=False) + compressed(0, b"\0"),
        1002,
    ),
    "a message within another": (
        compressed(1, deflated(b"a"), is_last=False) + compressed(1, deflated(b"b")),
        1002,
    ),
    "the second reserved bit": (b"\xe1\x80" + KEY, 1002),
}


class TestWhatBreaksTheRules:
    @pytest.mark.parametrize("name", BROKEN)
    def test_it_is_closed_with_the_right_code(self, name: str) -> None:
        data, code = BROKEN[name]
        _, _, closed = WebSocket(inflates=True).receive(data)
        assert closed is not None
        assert code_of(closed.answer) == code

    @pytest.mark.parametrize("name", [it for it in BROKEN if it != "many long ones at once"])
    def test_it_is_so_byte_by_byte(self, name: str) -> None:
        data, code = BROKEN[name]
        socket = WebSocket(inflates=True)
        ends = [end for byte in data if (end := socket.receive(bytes([byte]))[2]) is not None]
        assert [code_of(end.answer) for end in ends] == [code]

    def test_nothing_is_inflated_that_was_not_agreed_on(self) -> None:
        _, _, closed = WebSocket().receive(compressed(1, deflated(b"hi")))
        assert closed is not None
        assert code_of(closed.answer) == 1002

    def test_a_bomb_costs_next_to_nothing(self) -> None:
        bomb = compressed(1, deflated(bytes(16_000_000)))  # of 16 KB
        socket = WebSocket(inflates=True)
        tracemalloc.start()
        try:
            *_, closed = socket.receive(bomb)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert closed is not None
        assert closed.code == 1009
        assert most < 20 * MAX_MESSAGE

    @given(st.binary(max_size=60), st.booleans())
    def test_no_bytes_raise(self, payload: bytes, is_last: bool) -> None:
        socket = WebSocket(inflates=True)
        socket.receive(compressed(1, payload, is_last=is_last))
        socket.receive(masked(0, payload))


def test_a_compressed_frame_is_one() -> None:
    text = b"over and over " * 100
    frame = deflated_frame(deflated(text))
    assert frame[0] == 0xC1
    assert len(frame) < 100
    assert zlib.decompressobj(-15).decompress(frame[2:] + b"\0\0\xff\xff") == text


def test_a_server_offers_nothing() -> None:
    assert not Inflating(1).offer()
