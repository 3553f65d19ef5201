"""Test the places of lines, and the positions that clients hand back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.messages.codec import values_of
from threadchat.messages.kinds import Emote, Gap, Say, TakenBack
from threadchat.messages.places import Place, new_epoch, place_at


@given(st.integers(0, 10**18 - 1))
def test_a_position_leads_back_to_its_place(seq: int) -> None:
    place = Place(new_epoch(), seq)
    assert place_at(place.position) == place


@pytest.mark.parametrize("text", ["", ".", "ab", "ab.", ".1", "xy.1", "ab.-1", "ab.1.2", "ab.1\n"])
def test_what_is_no_position_has_no_place(text: str) -> None:
    assert place_at(text) is None


@given(st.text() | st.from_regex(r"[0-9a-f]{1,3}\.[0-9]{1,3}", fullmatch=True))
def test_any_text_is_the_position_of_one_place_or_of_none(text: str) -> None:
    place = place_at(text)
    if place is not None:
        epoch, _, seq = text.partition(".")
        assert place == (epoch, int(seq))


def test_no_two_orders_have_one_epoch() -> None:
    assert len({new_epoch() for _ in range(100)}) == 100


@pytest.mark.parametrize("kind", [Say, Emote])
def test_the_place_is_shown_once_there_is_one_and_is_not_compared(
    kind: type[Say] | type[Emote],
) -> None:
    message, placed = kind("al", "hi", 1.0), kind("al", "hi", 1.0, epoch="ab", seq=7)
    assert message == placed
    assert values_of(message) == {"name": "al", "text": "hi"}
    assert values_of(placed) == {"name": "al", "text": "hi", "epoch": "ab", "seq": 7}


def test_their_lines() -> None:
    assert TakenBack("al", "ab", 3, 4).line == "--- a line of al was taken back"
    assert Gap(1).line == "--- 1 line was missed"
    assert Gap(1240).line == "--- 1,240 lines were missed"
