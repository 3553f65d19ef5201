"""What rooms send is framed once for all browsers, and compressed only where many get the same."""

import gc
import sys
import zlib

import pytest

from tests.support.waiting import Section, enter_one_by_one
from threadchat.web.framing import (
    MANY,
    MAX_GATHERED,
    MIN_DEFLATED,
    DeflatingFramer,
    Framer,
    Gathered,
)
from threadchat.web.websocket import text_frame

LONG = b"al: over and over\n" * 100


def hand_out(framer: Framer, text: bytes, times: int) -> list[bytes]:
    """Frame `text` as for so many links; see `Links.deliver`."""
    frames = []
    for _ in range(times):
        last = framer.last
        frames.append(last[1] if last[0] is text else framer.frame(text))
    return frames


def inflated(frame: bytes) -> bytes:
    assert frame[0] == 0xC1
    head = {126: 4, 127: 10}.get(frame[1], 2)
    return zlib.decompressobj(-15).decompress(frame[head:] + b"\0\0\xff\xff")


@pytest.mark.parametrize("framer", [Framer(), DeflatingFramer()])
def test_a_short_text_is_framed_once(framer: Framer) -> None:
    text = b"x" * (MIN_DEFLATED - 1)
    frames = hand_out(framer, text, 50)
    assert frames[0] == text_frame(text)
    assert all(frame is frames[0] for frame in frames)


def test_a_long_one_is_compressed_for_all_after_the_first_few() -> None:
    frames = hand_out(DeflatingFramer(), LONG, 50)
    assert all(frame == text_frame(LONG) for frame in frames[:MANY])
    assert inflated(frames[MANY]) == LONG
    assert len(frames[MANY]) < len(LONG) / 10
    assert all(frame is frames[MANY] for frame in frames[MANY:])


def test_it_is_not_for_those_that_did_not_agree() -> None:
    frames = hand_out(Framer(), LONG, 50)
    assert all(frame is frames[0] for frame in frames)
    assert frames[0] == text_frame(LONG)


def test_what_each_gets_for_itself_is_never_compressed() -> None:
    framer = DeflatingFramer()
    for _ in range(50):
        own = bytes(bytearray(LONG))  # the same words, another object
        assert framer.frame(own) == text_frame(own)


def test_two_rooms_by_turns_get_right_frames() -> None:
    framer, other = DeflatingFramer(), LONG.upper()
    for _ in range(20):
        for text in (LONG, other):
            (frame,) = hand_out(framer, text, 1)
            assert frame == text_frame(text) or inflated(frame) == text


def gather(framer: Framer, links: int, *texts: bytes) -> list[Gathered]:
    """Gather `texts` for so many links, as a room does; return what waits for each."""
    waiting: list[Gathered | None] = [None] * links
    for text in texts:
        waiting = [framer.gather(before, text) for before in waiting]
    return [it for it in waiting if it is not None]


def test_what_waits_for_many_is_one_object_and_framed_once() -> None:
    framer = Framer()
    waiting = gather(framer, 3, b"one ", b"two ", b"three")
    assert len(set(waiting)) == 1
    frames = [framer.frame_of(it) for it in waiting]
    assert frames[0] == text_frame(b"one two three")
    assert all(frame is frames[0] for frame in frames)


def test_what_has_been_sent_is_not_kept() -> None:
    framer = Framer()
    gc.collect()
    gc.disable()
    try:
        before = sys.getrefcount(Gathered)
        for _ in range(10):
            waiting = gather(framer, 3, b"one ", b"two ")
        del waiting
        assert sys.getrefcount(Gathered) <= before + 2  # what the framer itself keeps
    finally:
        gc.enable()


def test_what_only_some_have_waiting_is_theirs_alone() -> None:
    framer, text = Framer(), b"two"
    one, two = framer.gather(None, b"one"), framer.gather(None, b"ONE")
    frames = [framer.frame_of(framer.gather(it, text)) for it in (one, two, None)]
    assert frames == [text_frame(it) for it in (b"onetwo", b"ONEtwo", b"two")]


@pytest.mark.parametrize("part", [LONG, b"short " * (MIN_DEFLATED // 12)])
def test_what_many_have_waiting_is_compressed_for_all_of_them(part: bytes) -> None:
    framer = DeflatingFramer()
    frames = [framer.frame_of(it) for it in gather(framer, MANY + 1, part, part, part)]
    assert inflated(frames[0]) == 3 * part
    assert all(frame is frames[0] for frame in frames)


def test_what_few_have_waiting_is_not_compressed() -> None:
    framer = DeflatingFramer()
    (first, *others) = gather(framer, MANY, LONG, LONG)
    assert framer.frame_of(first) == text_frame(2 * LONG)
    short = gather(framer, 50, b"short")[0]
    assert framer.frame_of(short) == text_frame(b"short")
    for _ in range(50):  # those may come to be many, but then for others
        own = framer.gather(others[0], bytes(bytearray(LONG)))
        assert framer.frame_of(own) == text_frame(3 * LONG)


@pytest.mark.parametrize("framer", [Framer(), DeflatingFramer()])
def test_what_is_added_is_added_for_all(framer: Framer) -> None:
    waiting = gather(framer, 2 * MANY, b"one ", b"two ")
    assert waiting[0].add(b"three ")
    assert waiting[1].add(LONG)
    frames = [framer.frame_of(it) for it in waiting]
    whole = b"one two three " + LONG
    is_plain = type(framer) is Framer
    assert frames[0] == text_frame(whole) if is_plain else inflated(frames[0]) == whole
    assert all(frame is frames[0] for frame in frames)


@pytest.mark.parametrize("framer", [Framer(), DeflatingFramer()])
def test_nothing_is_added_to_what_has_been_framed(framer: Framer) -> None:
    waiting = gather(framer, 2 * MANY, LONG)
    frame = framer.frame_of(waiting[0])
    assert not waiting[1].add(b"more")
    assert framer.frame_of(waiting[1]) is frame


def test_nothing_is_added_to_what_stands_before_something_else() -> None:
    framer = Framer()
    one, other = gather(framer, 2, b"one ")
    two = framer.gather(one, b"two ")
    assert not other.add(b"three")
    assert two.add(b"three")
    assert framer.frame_of(framer.gather(two, b" four")) == text_frame(b"one two three four")
    assert framer.frame_of(other) == text_frame(b"one ")


def test_one_that_comes_to_the_same_text_later_has_not_what_was_added() -> None:
    framer, text = Framer(), b"one"
    first = framer.gather(None, text)
    assert first.add(b"two")
    assert framer.frame_of(framer.gather(None, text)) == text_frame(b"one")
    assert framer.frame_of(first) == text_frame(b"onetwo")


def test_no_more_is_added_than_may_be_gathered() -> None:
    waiting, added = Framer().gather(None, b"one"), 0
    while waiting.add(LONG):
        added += 1
    assert waiting.size == 3 + added * len(LONG) >= MAX_GATHERED
    assert waiting.size - len(LONG) < MAX_GATHERED


@pytest.mark.parametrize("framer", [Framer(), DeflatingFramer()])
def test_a_text_is_added_before_or_after_the_frame_is_made(
    framer: Framer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room adds to what waits while a person's own thread sends it."""
    section = Section()

    class Visited(list[bytes]):
        def append(self, text: bytes) -> None:
            section.visit()
            super().append(text)

    (waiting, *_) = gather(framer, 2 * MANY, LONG)
    whole, added = Gathered.whole, list[bool]()

    def visited(gathered: Gathered) -> bytes:
        section.visit()
        return whole(gathered)

    waiting.more = Visited()
    monkeypatch.setattr(waiting, "lock", section)
    monkeypatch.setattr(Gathered, "whole", visited)
    enter_one_by_one(
        section,
        [lambda: framer.frame_of(waiting), lambda: added.append(waiting.add(b"more"))],
    )
    text = LONG + b"more" * added[0]
    assert waiting.frame == text_frame(text) or inflated(waiting.frame) == text
