"""The history in memory: what was said, up to a bound."""

import time

import pytest

from threadchat.messages.kinds import Emote, Say, Spoken
from threadchat.storage.history import MAX_REMEMBERED, History
from threadchat.text.search import index_words


def said(first: int, last: int) -> list[Spoken]:
    return [Say("al", str(number), float(number)) for number in range(first, last + 1)]


def test_it_begins_empty() -> None:
    assert History().recent("lobby", 10) == []


def test_what_was_said_is_there_in_its_order() -> None:
    history = History()
    history.append("lobby", said(1, 3))
    history.append("lobby", said(4, 5))
    assert history.recent("lobby", 10) == said(1, 5)


def test_each_kind_of_message_is_kept_as_it_was() -> None:
    history = History()
    batch: list[Spoken] = [Say("al", "hi", 1.5), Emote("bo", "waves", 2.5)]
    history.append("lobby", batch)
    assert history.recent("lobby", 2) == batch


@pytest.mark.parametrize(
    ("number", "first"), [(1, 5), (2, 4), (5, 1), (6, 1)], ids=["one", "two", "all", "more"]
)
def test_the_last_ones_are_given(number: int, first: int) -> None:
    history = History()
    history.append("lobby", said(1, 5))
    assert history.recent("lobby", number) == said(first, 5)


def test_a_topic_is_kept_and_can_be_cleared() -> None:
    history = History()
    assert history.topic("lobby") == ""
    history.set_topic("Lobby", "lunch")
    history.append("lobby", said(1, 2))
    assert history.topic("LOBBY") == "lunch"
    history.set_topic("lobby", "")
    assert history.topic("lobby") == ""
    assert history.recent("lobby", 9) == said(1, 2)


def test_a_topic_is_forgotten_with_its_room() -> None:
    history = History(max_rooms=2)
    for room in "abc":
        history.set_topic(room, "lunch")
    assert [history.topic(room) for room in "abc"] == ["", "lunch", "lunch"]


def test_none_are_given_if_none_are_wanted() -> None:
    history = History()
    history.append("lobby", said(1, 5))
    assert history.recent("lobby", 0) == []


def test_the_oldest_are_forgotten_first() -> None:
    history = History(limit=3)
    history.append("lobby", said(1, 2))
    history.append("lobby", said(3, 5))
    assert history.recent("lobby", 10) == said(3, 5)


def test_of_a_batch_beyond_the_limit_the_end_is_kept() -> None:
    history = History(limit=3)
    history.append("lobby", said(1, 10))
    assert history.recent("lobby", 10) == said(8, 10)


def test_of_too_many_rooms_the_one_that_was_silent_for_longest_is_forgotten() -> None:
    history = History(max_rooms=2)
    for room in ("red", "green", "RED", "blue"):
        history.append(room, said(1, 1))
    assert [len(history.recent(room, 10)) for room in ("red", "green", "blue")] == [2, 0, 1]
    assert {found.room for found in history.search("1", 10)} == {"red", "blue"}


def test_by_default_it_remembers_as_many_as_it_says() -> None:
    history = History()
    history.append("lobby", said(1, MAX_REMEMBERED + 1))
    assert history.recent("lobby", 2 * MAX_REMEMBERED) == said(2, MAX_REMEMBERED + 1)


def test_rooms_are_kept_apart() -> None:
    history = History(limit=3)
    history.append("lobby", said(1, 2))
    history.append("den", said(3, 5))
    assert history.recent("lobby", 10) == said(1, 2)
    assert history.recent("den", 10) == said(3, 5)


def test_what_was_given_does_not_change_later() -> None:
    history = History()
    history.append("lobby", said(1, 2))
    earlier = history.recent("lobby", 10)
    history.append("lobby", said(3, 3))
    assert earlier == said(1, 2)


def test_closed_it_remembers_nothing() -> None:
    history = History()
    history.append("lobby", said(1, 2))
    history.close()
    assert history.recent("lobby", 10) == []


def test_a_room_is_known_in_any_case() -> None:
    history = History()
    history.append("Den", said(1, 1))
    history.append("den", said(2, 2))
    assert history.recent("DEN", 10) == said(1, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hi, al!", "hi al"),
        ("don't", "don t"),
        ("a_b-c.d", "a b c d"),
        ("Straße CAFÉ ﬁn", "strasse cafe fin"),
        ("İstanbul", "istanbul"),
        ("北京ab한글", "北 京 ab 한 글"),
        ("ok 🎉👍", "ok 🎉 👍"),
        (' "*:^()', ""),
    ],
)
def test_words_are_compared_without_case_accents_and_marks(text: str, words: str) -> None:
    assert index_words(text) == words


def test_a_search_lets_others_go_on_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr(time, "sleep", rests.append)
    history = History()
    history.append("lobby", said(1, 250))
    assert history.search("absent", 20) == []
    assert len(rests) == 2
    assert all(0 < seconds < 0.001 for seconds in rests)
