"""The format for programs: every message comes out as it went in, whole or in slices."""

from dataclasses import fields
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from threadchat.messages.answers import RoomEntry, RoomsAnswer
from threadchat.messages.datalines import DATA_LINES, DataLines, messages_in
from threadchat.messages.format import render
from threadchat.messages.kinds import Message

texts = st.text(st.characters(exclude_categories=["Cs"]))

values = {
    "at": st.floats(allow_nan=False, allow_infinity=False),
    "seconds": st.floats(allow_nan=False, allow_infinity=False),
    "here": st.integers(),
    "count": st.none() | st.integers(),
    "names": st.lists(texts),
    "is_own": st.booleans(),
}

messages = st.one_of(
    [
        st.builds(kind, **{field.name: values.get(field.name, texts) for field in fields(kind)})
        for kind in get_args(Message)
    ]
)


@given(st.lists(messages))
def test_messages_come_out_as_they_went_in(said: list[Message]) -> None:
    lines = DATA_LINES.lines(said)
    assert [line.count("\n") for line in lines] == [1] * len(said)
    assert "".join(lines).isascii()
    found = messages_in(DATA_LINES.encode("".join(lines)))
    assert found == said
    assert [getattr(it, "at", None) for it in found] == [getattr(it, "at", None) for it in said]
    assert messages_in(DATA_LINES.encode("".join(lines[1:]))) == said[1:]


def test_all_programs_share_one_rendering() -> None:
    assert DataLines() == DATA_LINES
    assert hash(DataLines()) == hash(DATA_LINES)
    assert DataLines().style == DATA_LINES.style
    assert not DATA_LINES.marks_mentions


@given(messages)
def test_a_message_that_mentions_the_program_looks_as_it_does_to_others(message: Message) -> None:
    assert render(message, DATA_LINES, is_mention=True) == DATA_LINES.lines([message])[0].encode()


def test_an_answer_is_the_messages_that_it_has_parts() -> None:
    answer = RoomsAnswer([RoomEntry("lobby", 2, "", True)])
    assert messages_in(DATA_LINES.line(answer).encode()) == list(answer.parts)
    assert not DATA_LINES.shows_days
    assert not DATA_LINES.can_wait
