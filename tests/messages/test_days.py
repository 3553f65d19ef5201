"""A line where the day changes."""

import time

import pytest

from threadchat.messages.datalines import DATA_LINES
from threadchat.messages.days import stamp_of, with_days
from threadchat.messages.format import dated
from threadchat.messages.jsonlines import JSON_LINES
from threadchat.messages.kinds import Emote, Gap, NewDay, Recalled, Say, Spoken, TakenBack
from threadchat.terminal.view import PLAIN_VIEW

NOW = time.mktime((2026, 11, 25, 14, 0, 0, 0, 0, -1))
DAY = 86400.0


def said(*ago: float) -> list[Spoken]:
    return [Say("al", "hi", NOW - seconds) for seconds in ago]


def test_what_is_of_today_has_none() -> None:
    messages = said(3 * 3600, 60, 0)
    assert with_days(messages, NOW) == messages


def test_each_change_of_the_day_has_one() -> None:
    first, second, third, fourth = messages = said(9 * DAY, DAY + 1, DAY, 0)
    assert with_days(messages, NOW) == [
        NewDay(first.at),
        first,
        NewDay(second.at),
        second,
        third,
        NewDay(fourth.at),
        fourth,
    ]


def test_lines_without_a_time_change_nothing() -> None:
    gap, taken, emote = Gap(3), TakenBack("al", "ab", 1, 1, at=NOW - DAY), Emote("al", "x", NOW)
    messages: list[Recalled] = [gap, taken, gap, emote]
    assert with_days(messages, NOW) == [gap, NewDay(taken.at), taken, gap, NewDay(NOW), emote]


def test_a_time_that_the_system_does_not_know_does_no_harm() -> None:
    odd = [Say("al", "hi", at) for at in (1e30, -1e30, float("nan"), float("inf"))]
    for it in with_days(odd, NOW):
        assert it.line.isascii()


def test_a_time_of_today_is_told_without_its_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW + 90.0)
    assert stamp_of(NOW + 59.9) == "14:00"
    assert stamp_of(NOW - DAY) == "2026-11-24 14:00"


def test_only_formats_that_show_days_are_given_any() -> None:
    messages = said(9 * DAY)
    assert dated(messages, JSON_LINES) == dated(messages, DATA_LINES) == messages
    assert len(dated(messages, PLAIN_VIEW)) == 2
