"""Batches and entries as the log keeps them."""

import json
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.link.records import (
    BadRecord,
    BatchRecord,
    EntryRecord,
    NoticeRecord,
    batch_record,
    batch_text,
    entry_of,
    entry_text,
    notice_of,
    notice_text,
)
from threadchat.messages.kinds import (
    Announcement,
    CameBack,
    Emote,
    Joined,
    Left,
    LeftTogether,
    Renamed,
    RoomMessage,
    Say,
    StopAnnounced,
    TakenBack,
    TopicSet,
    WentAway,
)
from threadchat.messages.linkkinds import (
    ApartBegins,
    ApartEnds,
    LeftWithServer,
    LinesMissed,
    LinkBack,
    LinkLost,
)

MESSAGES: list[RoomMessage] = [
    Say("al", 'hi "there" \u00f8 \U0001f600 \\', 12.125),
    Emote("bo", "waves", 13.0),
    Joined(["al", "bo"], 2, at=1.5),
    Joined(["al"], 12, 11, at=1.5),
    Left("al", 61.23456789, "quit: bye", at=2.5),
    LeftTogether(["al", "bo"], 3, at=2.5),
    Renamed("al", "bo", at=2.5),
    TopicSet("al", "", at=2.5),
    WentAway("al", "lunch", at=2.5),
    CameBack("al", at=2.5),
    Announcement("op", "hear", at=2.5),
    StopAnnounced(None, at=2.5),
    StopAnnounced(60, at=2.5),
    TakenBack("al", "ab12", 3, 5, at=2.5),
    LeftWithServer(["al", "bo"], 30, at=2.5),
    LinkLost(at=2.5),
    LinesMissed(3, at=2.5),
    LinkBack(at=2.5),
    ApartBegins(1.5, 2.0, at=2.5),
    ApartEnds(at=2.5),
]


def read(*batches: str) -> tuple[BatchRecord, ...]:
    items = entry_of(entry_text(0, batches)).items
    assert all(isinstance(it, BatchRecord) for it in items)
    return cast(tuple[BatchRecord, ...], items)


def test_all_kinds_are_tried() -> None:
    kinds = {kind for part in get_args(RoomMessage) for kind in (get_args(part) or (part,))}
    assert {type(it) for it in MESSAGES} == kinds


@pytest.mark.parametrize("message", MESSAGES, ids=lambda it: type(it).__name__)
def test_a_message_is_read_as_it_was(message: RoomMessage) -> None:
    ((read_one,),) = (it.messages for it in read(batch_text("r", [message])))
    assert read_one == message
    assert read_one.at == message.at
    assert read_one.line == message.line


def test_what_was_said_has_no_place_yet() -> None:
    said = Say("al", "hi", 1.0, epoch="ab", seq=7)  # its own server has shown it already
    ((read_one,),) = (it.messages for it in read(batch_text("r", [said])))
    assert isinstance(read_one, Say)
    assert (read_one.epoch, read_one.seq) == ("", 0)


def test_an_entry_has_batches_of_several_rooms() -> None:
    texts = [batch_text("r", MESSAGES[:2]), batch_text("s", MESSAGES[2:4])]
    batches = batch_record("r", MESSAGES[:2]), batch_record("s", MESSAGES[2:4])
    assert entry_of(entry_text(12, texts, (1.0, 2.5))) == EntryRecord(
        12, batches, batches, (1.0, 2.5)
    )
    assert entry_of(entry_text(0, [])) == EntryRecord(0)
    assert batch_record("r", MESSAGES).said == tuple(MESSAGES[:2])


def test_a_notice_has_its_place_among_the_batches() -> None:
    texts = [
        batch_text("r", MESSAGES[:2]),
        notice_text("kick", {"names": ("m\u00f8", None)}),
        batch_text("r", []),
    ]
    entry = entry_of(entry_text(0, texts))
    notice = NoticeRecord("kick", {"names": ["m\u00f8", None]})
    assert entry.items == (batch_record("r", MESSAGES[:2]), notice, batch_record("r", ()))
    assert entry.lines == 2
    assert notice_of(texts[1]) == notice
    assert texts[1].isascii()


def test_it_is_ascii() -> None:
    assert entry_text(0, [batch_text("bø", [Say("ø", "\u2028\x7f", 0.0)])]).isascii()


def test_more_behind_an_entry_is_refused() -> None:
    with pytest.raises(BadRecord, match="more behind it"):
        entry_of(entry_text(0, []) + "{}")


@given(st.text(), st.text(), st.floats(0, 1e11))
def test_any_words_are_as_they_were(room: str, text: str, at: float) -> None:
    line = Say("al", text, at)
    record = json.dumps([room, [["say", at, {"name": "al", "text": text}]]], separators=(",", ":"))
    assert batch_text(room, [line]) == record


def test_another_format_is_told() -> None:
    text = entry_text(0, []).replace('"v":2', '"v":9')
    with pytest.raises(BadRecord, match=r"^an entry of the log has the format 9, not 2$"):
        entry_of(text)


@pytest.mark.parametrize(
    "batch",
    [
        ["r", [["say", 1.0, {"name": "al"}]]],
        ["r", [["say", 1.0, {"name": "al", "text": 1}]]],
        ["r", [["say", "1", {"name": "al", "text": "x"}]]],
        ["r", [["say", 1.0, {"name": "al", "text": "x", "more": "y"}]]],
        ["r", [["shout", 1.0, {"name": "al", "text": "x"}]]],
        ["r", [["joined", 1.0, {"names": ["al", 2], "here": 1, "count": None}]]],
        ["r", [["joined", 1.0, {"names": "al", "here": 1, "count": None}]]],
        ["r", [["say", 1.0]]],
        ["r", 7],
        [1, []],
        {"kind": "kick"},
        {"kind": 1, "data": {}},
        {"kind": "kick", "data": []},
        "r",
    ],
)
def test_what_is_no_batch_is_told_in_one_line(batch: Any) -> None:
    with pytest.raises(BadRecord) as found:
        read(json.dumps(batch))
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 200


@given(st.text() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_nothing_else_is_raised(text: str) -> None:
    with pytest.raises(BadRecord):
        entry_of(text)
