"""What a search looks for, and in which texts it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadchat.text.search import (
    MAX_WORDS,
    Query,
    TooManyWords,
    index_words,
    joined_words,
)


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


def test_every_mark_of_unicode_is_left_out() -> None:
    marks = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) == "Mn"]
    marks.remove("\u0345")  # the one that is a letter in the other case
    assert len(marks) > 1000
    assert [hex(ord(mark)) for mark in marks if index_words(f"x{mark}x") != "xx"] == []


TEXTS = st.text(st.sampled_from("aáAb 北京한,-_🎉"), max_size=12)


@given(TEXTS, TEXTS)
def test_what_is_told_apart_quickly_is_what_the_words_say(text: str, words: str) -> None:
    phrases = [it for word in words.split() if (it := index_words(word))]
    within = f" {index_words(text)} "
    wanted = bool(phrases) and all(f" {phrase} " in within for phrase in phrases)
    query = Query(words)
    assert query.matches(text) is wanted
    assert query.matches(text, joined_words(text)) is wanted


def test_a_text_that_is_only_words_is_not_kept_twice() -> None:
    text = "".join(["北京", "한글"])
    assert joined_words(text) is text
    assert joined_words("Café, 北京") == "cafe北京"


def test_a_phrase_that_is_asked_for_twice_is_looked_for_once() -> None:
    assert Query("tea Tea half-time TEA").phrases == ("tea", "half time")
    assert Query(" ".join(["tea"] * 190)).phrases == ("tea",)


@pytest.mark.parametrize(
    "words",
    [
        "-".join(["tea"] * (MAX_WORDS + 1)),
        "北" * (MAX_WORDS + 1),
        " ".join(f"w{number}" for number in range(MAX_WORDS + 1)),
    ],
    ids=["a phrase", "without spaces", "many words"],
)
def test_too_many_words_are_refused_in_one_line(words: str) -> None:
    with pytest.raises(TooManyWords, match=r"^A search takes up to 32 words, and this has 33\."):
        Query(words)


@pytest.mark.parametrize("words", ["-".join(["tea"] * MAX_WORDS), "北" * MAX_WORDS])
def test_as_many_as_may_be_are_looked_for(words: str) -> None:
    assert Query(words).matches(f"so: {words}!")
    assert not Query(words).matches(words[: len(words) // 2])
