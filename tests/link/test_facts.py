"""What servers tell each other of a person, as a text."""

import json
from dataclasses import replace

import pytest

from tests.support.facts import NOTHING
from threadchat.link.facts import facts_in, facts_text, room_in
from threadchat.link.records import BadRecord
from threadchat.text.names import MAX_NAME_CELLS

AL = replace(
    NOTHING,
    name="al",
    came_at=1.0,
    named_at=2.0,
    heard_at=3.0,
    away="",
    is_operator=True,
    uid="u",
    records=(("al", 1.5),),
    ignores=("v", "w"),
    lost_after=40.0,
)


@pytest.mark.parametrize("facts", [AL, replace(NOTHING, name="bo"), replace(AL, name="operator")])
def test_they_come_back_as_they_were(facts: object) -> None:
    assert facts_in(facts_text(facts)) == facts  # type: ignore[arg-type]


def test_what_is_empty_takes_no_room() -> None:
    assert "ignores" not in facts_text(replace(NOTHING, name="bo"))


def test_what_is_not_told_is_nothing() -> None:
    facts = facts_in('{"name": "bo"}')
    assert facts == replace(NOTHING, name="bo", id=0, address="", counted_as="", room="")


def test_no_text_of_another_program_reaches_a_screen_as_it_is() -> None:
    values = json.loads(facts_text(AL))
    facts = facts_in(json.dumps({**values, "away": "x\x1b[2J" + "y" * 300, "room": "a\r\nb"}))
    assert facts.away == "x" + "y" * 99
    assert facts.room == "ab"
    assert len(facts_in(json.dumps({**values, "room": "x" * 999})).room) == 8 * MAX_NAME_CELLS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 10_000,
        facts_text(replace(AL, name="al bo")),
        facts_text(replace(AL, name="\x1b[2J")),
        facts_text(AL).replace("1.5", '"x"'),
        facts_text(AL).replace("2.0", "Infinity"),
        facts_text(AL).replace("2.0", "NaN"),
        facts_text(AL).replace('"id":7', '"id":1e999'),
        facts_text(AL).replace('[["al",1.5]]', "7"),
    ],
)
def test_what_is_wrong_is_one_line(text: str) -> None:
    with pytest.raises(BadRecord, match="what another server tells of a person is wrong") as told:
        facts_in(text)
    assert "\n" not in str(told.value)


def test_the_room_alone_is_read_of_anything() -> None:
    for text in ("", "[]", "3", "{", '{"room": 3}', "[" * 100_000, "{}"):
        assert room_in(text) == ""
    assert room_in('{"room": "Tea"}') == "tea"
