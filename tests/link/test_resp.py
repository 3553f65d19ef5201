"""What the broker says, in pieces of any size, and commands as it reads them."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.link.resp import BadReply, Message, Refusal, RespReader, Told, pack

CASES = [
    (b"+OK\r\n", "OK"),
    (b"-ERR no\r\n", Refusal("ERR no")),
    (b":-12\r\n", -12),
    (b"$5\r\na\r\nbc\r\n", "a\r\nbc"),
    (b"$0\r\n\r\n", ""),
    (b"$-1\r\n", None),
    (b"*-1\r\n", None),
    (b"_\r\n", None),
    (b"*0\r\n", []),
    (b"*2\r\n*0\r\n*1\r\n$1\r\nx\r\n", [[], ["x"]]),
    (b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n", ["a", 1, "b", [None]]),
    (b">3\r\n+message\r\n+c\r\n$1\r\nx\r\n", Told(["message", "c", "x"])),
    (b"=7\r\ntxt:abc\r\n", "txt:abc"),
    (b",1.5\r\n", "1.5"),
    (b"$3\r\n\xff\xc3\xa9\r\n", "\ufffd\u00e9"),
]


def read(*pieces: bytes) -> list[Any]:
    reader = RespReader()
    return [value for piece in pieces for value in reader.feed(piece)]


@pytest.mark.parametrize(("data", "value"), CASES)
def test_each_value_is_read_whole_and_a_byte_at_a_time(data: bytes, value: object) -> None:
    assert read(data) == [value]
    assert read(*(data[n : n + 1] for n in range(len(data)))) == [value]
    assert read(data + data[:-1]) == [value]


@given(st.lists(st.sampled_from(CASES)), st.data())
def test_the_pieces_do_not_matter(cases: list[tuple[bytes, object]], data: st.DataObject) -> None:
    whole = b"".join(it for it, _ in cases)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(*pieces) == [value for _, value in cases]


@given(st.lists(st.sampled_from(["", "a\r\nb", "\u00e9" * 9])), st.integers(1, 70))
def test_what_is_published_by_the_channel_is_told_apart(texts: list[str], size: int) -> None:
    pushes = [pack(("message", name, it)) for it in texts for name in ("c", "other")]
    data = b":1\r\n".join([b"", *pushes, b""]).replace(b"*", b">")
    reader = RespReader("c")
    pieces = (data[n : n + size] for n in range(0, len(data), size))
    values = [value for piece in pieces for value in reader.feed(piece)]
    told = [it for text in texts for it in (Message(text), Told(["message", "other", text]))]
    assert [it for it in values if it != 1] == told
    assert [type(it) for it in values if it != 1] == [type(it) for it in told]


def test_a_message_without_a_text_is_refused() -> None:
    with pytest.raises(BadReply, match="without a text"):
        RespReader("c").feed(b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$-1\r\n")


@given(st.lists(st.binary()))
def test_no_bytes_do_more_than_be_refused(pieces: list[bytes]) -> None:
    with suppress(BadReply):
        read(*pieces)


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400\r\n", b"\r\n", b"$x\r\n", b"$-2\r\n", b":\r\n", b"*9999999999\r\n"]
)
def test_what_is_no_resp_is_refused(data: bytes) -> None:
    with pytest.raises(BadReply):
        read(data)


def test_a_line_that_never_ends_is_not_kept() -> None:
    with pytest.raises(BadReply, match="without an end"):
        read(*[b"+" + b"x" * 1000] * 100)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.text() | st.integers(), lambda inner: st.lists(inner, max_size=4), max_leaves=20
)


def encoded(value: Any) -> bytes:
    match value:
        case None:
            return b"_\r\n"
        case int():
            return b":%d\r\n" % value
        case str():
            data = value.encode()
            return b"$%d\r\n%b\r\n" % (len(data), data)
    return b"*%d\r\n" % len(value) + b"".join(map(encoded, value))


@given(st.lists(VALUES), st.integers(1, 9))
def test_all_values_come_as_they_were_sent(values: list[Any], size: int) -> None:
    data = b"".join(map(encoded, values))
    assert read(*(data[n : n + size] for n in range(0, len(data), size))) == values


@given(st.lists(st.text(), min_size=1))
def test_a_command_is_an_array_of_texts(words: list[str]) -> None:
    assert read(pack(words)) == [words]
