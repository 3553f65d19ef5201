"""Test the names and values that messages and events become, and the way back."""

import errno
import json
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.messages import codec
from threadchat.messages.codec import (
    as_json,
    iso_time,
    name_of,
    parse_iso_time,
    spoken,
    values_of,
)
from threadchat.messages.kinds import Emote, Joined, Left, LeftTogether, Say, Spoken, StopAnnounced
from threadchat.monitoring.events import Stopped


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (Say("al", "hi", 1.5), "say"),
        (Emote("al", "waves", 1.5), "emote"),
        (LeftTogether(["al", "bo"], 1), "left_together"),
        (Stopped(), "stopped"),
    ],
)
def test_a_kind_has_a_name(item: object, name: str) -> None:
    assert name_of(item) == name


@pytest.mark.parametrize("message", [Say("al", "hi", 1.5), Emote("bo", "waves", 2.5)])
def test_what_is_said_comes_back_as_it_was(message: Spoken) -> None:
    back = spoken(name_of(message), message.name, message.text, message.at)
    assert back == message
    assert type(back) is type(message)


def test_a_kind_that_is_not_known_is_words() -> None:
    assert spoken("song", "al", "la la", 1.5) == Say("al", "la la", 1.5)


def test_the_values_are_the_fields_in_their_order_without_the_time() -> None:
    assert list(values_of(Say("al", "hi", 1.5)).items()) == [("name", "al"), ("text", "hi")]
    assert values_of(Joined(["al"], 3)) == {"names": ["al"], "here": 3, "count": None}
    assert values_of(Stopped()) == {}


def test_seconds_are_rounded_to_milliseconds() -> None:
    assert values_of(Left("al", 720.12345, "quit"))["seconds"] == 720.123
    assert values_of(StopAnnounced(None)) == {"seconds": None}


def test_a_time_has_its_offset_and_comes_back_as_it_was() -> None:
    assert len(iso_time(1_700_000_000.25, "milliseconds")) == len("2026-11-23T12:00:00.000+01:00")
    assert datetime.fromisoformat(iso_time(1_700_000_000.0)).tzinfo is not None
    assert parse_iso_time(iso_time(1_700_000_000.25)) == 1_700_000_000.25


@given(st.integers(1_000_000_000_000, 4_000_000_000_000))
def test_no_time_is_changed_by_more_than_its_last_digit(milliseconds: int) -> None:
    at = milliseconds / 1000
    assert abs(parse_iso_time(iso_time(at, "milliseconds")) - at) <= 0.001


def test_a_time_may_come_without_an_offset_or_with_another_one() -> None:
    noon = datetime(2026, 11, 23, 12, 0)
    assert parse_iso_time("2026-11-23T12:00") == noon.timestamp()
    assert parse_iso_time("2026-11-23") == datetime(2026, 11, 23).timestamp()
    elsewhere = noon.replace(tzinfo=timezone(timedelta(hours=5)))
    assert parse_iso_time("2026-11-23T12:00:00+05:00") == elsewhere.timestamp()


class _WindowsDatetime(datetime):
    """A datetime that, as on Windows, knows no local time of the first day of 1970 or before."""

    @classmethod
    def fromtimestamp(cls, at: float, tz: tzinfo | None = None) -> "_WindowsDatetime":
        if tz is None and at < 86400:
            raise OSError(errno.EINVAL, "Invalid argument")
        return super().fromtimestamp(at, tz)

    def timestamp(self) -> float:
        if self.tzinfo is None and self < datetime(1970, 1, 2):
            raise OSError(errno.EINVAL, "Invalid argument")
        return super().timestamp()


@pytest.mark.parametrize("system", [datetime, _WindowsDatetime])
@pytest.mark.parametrize("at", [0.0, 1.0, 86399.0, 86400.0])
def test_the_first_day_of_1970_is_a_time(
    system: type[datetime], at: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codec, "datetime", system)
    text = iso_time(at)
    assert parse_iso_time(text) == at
    assert parse_iso_time(text[: len("1970-01-01T00:00:00")]) == at


def test_a_day_of_long_ago_is_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "datetime", _WindowsDatetime)
    assert parse_iso_time("1969-07-20") < parse_iso_time("1970-01-01") < 2 * 86400


@pytest.mark.parametrize("text", ["", "noon", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        parse_iso_time(text)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text())))
def test_promise_4_json_is_one_line_of_ascii(values: dict[str, object]) -> None:
    line = as_json(values)
    assert all(" " <= character <= "~" for character in line)
    assert json.loads(line) == values


def test_json_has_a_space_behind_a_comma_and_keeps_the_order() -> None:
    values = {"name": "al", "text": "\u00e9\u2028", "at": None}
    assert as_json(values) == '{"name": "al", "text": "\\u00e9\\u2028", "at": null}'


def test_a_value_without_a_form_in_json_becomes_its_text() -> None:
    assert as_json({"path": Path("chat.db")}) == '{"path": "chat.db"}'
