"""How long something is to last, as people write it, and until when that is."""

import time

import pytest

from threadchat.text.times import (
    MAX_SECONDS,
    BadTime,
    for_and_until,
    moment,
    parse_time,
    split_time,
)

NOW = time.mktime((2026, 11, 23, 14, 2, 0, 0, 0, -1))


class TestSplitting:
    @pytest.mark.parametrize(
        ("words", "seconds", "rest"),
        [
            ("90s", 90, ""),
            ("2H", 7200, ""),
            ("1h30m", 5400, ""),
            ("1w1d1h1m1s", 604800 + 86400 + 3600 + 61, ""),
            ("5 minutes be nice", 300, "be nice"),
            ("5minutes", 300, ""),
            ("2 hours", 7200, ""),
            ("1 day", 86400, ""),
            ("30 sec", 30, ""),
            ("1 month", 30 * 86400, ""),
            ("2 yrs", 730 * 86400, ""),
            ("1h 30m", 5400, ""),
            ("1 hour and 30 minutes x", 5400, "x"),
            ("1 hour, 30 min: x", 5400, "x"),
            ("for 5 minutes be nice", 300, "be nice"),
            ("in 5 min", 300, ""),
            ("1.5h", 5400, ""),
            ("10m, be nice", 600, "be nice"),
            ("10m.", 600, ""),
            ("  10m   be  nice ", 600, "be  nice"),
            ("10m be 5 minutes late", 600, "be 5 minutes late"),
            ("٣d", 3 * 86400, ""),
            (f"{MAX_SECONDS:.0f}s", MAX_SECONDS, ""),
        ],
    )
    def test_a_time(self, words: str, seconds: float, rest: str) -> None:
        assert split_time(words) == (seconds, rest)

    @pytest.mark.parametrize(
        "words",
        [
            "",
            "flooding",
            "flooding 2h",
            "forever",
            "for spamming",
            "in the way",
            "one of them",
            "for good",
        ],
    )
    def test_none(self, words: str) -> None:
        assert split_time(words) == (None, words)

    @pytest.mark.parametrize(
        "words",
        [
            *(
                "5",
                "5 apples",
                "2 many words",
                "3rd warning",
                "1h 3rd",
                "1 hour 30",
                "1h30",
                "1:30",
            ),
            *("-5m", "+5m", ".5h", "1,5h", "(5m)", "'5 minutes'", '"5m"', "5min/kick", "5mm"),
            *("30m1h", "5m5m", "5m-10m", "for 5", "in 5 x"),
            *(
                "half an hour",
                "five minutes",
                "a few minutes",
                "an hour",
                "for a day",
                "until noon",
                "tomorrow",
                "tonight, please",
                "a while",
                "next week",
                "for a weekend",
            ),
            *(
                "next tuesday",
                "on Friday",
                "Sunday",
                "for a bit",
                "a little while",
                "for a moment",
                "some time",
                "for the time being",
                "for now",
                "'til noon",
                "overnight",
                "over the weekend",
                "eleven minutes",
                "twenty-four hours",
                "a dozen minutes",
                "two and a half hours",
                "half-hour",
                "another hour",
            ),
            *("\u00bdh", "\u2464 minutes", "\u4e94\u5206\u949f"),
        ],
    )
    def test_what_begins_like_a_time_and_is_none(self, words: str) -> None:
        with pytest.raises(BadTime, match=r"is no TIME\. One is like 90s, 10m, 1h30m, 2 hours, 3d"):
            split_time(words)

    @pytest.mark.parametrize("words", ["0s", "0h0m", "521w9d", "11y", "9" * 5000 + "w"])
    def test_too_short_and_too_long(self, words: str) -> None:
        with pytest.raises(BadTime, match=r"is no TIME: from 1s to 3650d\.") as caught:
            split_time(words)
        assert len(str(caught.value)) < 200


class TestParsing:
    @pytest.mark.parametrize("text", ["", "soon", "10m be nice", "10", "off"])
    def test_all_of_it_is_the_time(self, text: str) -> None:
        with pytest.raises(BadTime):
            parse_time(text)
        assert parse_time(" 5 minutes ") == 300

    def test_a_number_may_be_enough(self) -> None:
        assert parse_time("90", is_number_enough=True) == 90
        assert parse_time("0", is_number_enough=True) == 0
        assert parse_time("0.5", is_number_enough=True) == 0.5
        assert parse_time("2h", is_number_enough=True) == 7200
        for text in ("soon", "-1", "inf", "nan", "1e3", "9" * 5000):
            with pytest.raises(BadTime):
                parse_time(text, is_number_enough=True)

    def test_it_may_have_a_lower_bound(self) -> None:
        with pytest.raises(BadTime, match="'2d' is no TIME: from 1s to 1d"):
            parse_time("2d", most=86400)
        assert parse_time("24h", most=86400) == 86400


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (30, "14:02:30"),
        (3599, "15:01:59"),
        (3600, "15:02"),
        (9 * 3600, "23:02"),
        (10 * 3600, "2026-11-24 00:02"),
        (-86400, "2026-11-22 14:02"),
    ],
)
def test_a_moment_has_its_date_unless_that_is_today(seconds: float, shown: str) -> None:
    assert moment(NOW + seconds, NOW) == shown


def test_close_to_midnight_the_date_is_another_one() -> None:
    late = time.mktime((2026, 11, 23, 23, 59, 30, 0, 0, -1))
    assert for_and_until(60, late) == "for 1 min, until 2026-11-24 00:00:30"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (30, "for 30 s, until 14:02:30"),
        (90.7, "for 1 min 30 s, until 14:03:30"),
        (600, "for 10 min, until 14:12:00"),
        (5400, "for 1 h 30 min, until 15:32"),
    ],
)
def test_for_how_long_and_until_when(seconds: float, shown: str) -> None:
    assert for_and_until(seconds, NOW) == shown
