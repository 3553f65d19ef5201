"""Test that keys work on whole clusters: accents, flags, joined emoji."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.terminal.support import CLUSTERS, DELETE, FRANCE, GERMANY, HEART, LEFT, THUMB, started
from threadchat.terminal.editbuffer import MAX_CLUSTER, EditBuffer, _joins, slack, split


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_one_backspace_erases_one_cluster(cluster: str) -> None:
    assert started().feed(f"a{cluster}\x7f\n") == ["a"]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_one_delete_erases_one_cluster(cluster: str) -> None:
    assert started().feed(f"{cluster}b\x01{DELETE}\n") == ["b"]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_one_arrow_passes_one_cluster(cluster: str) -> None:
    assert started().feed(f"a{cluster}{LEFT}X\n") == [f"aX{cluster}"]


def test_flags_in_a_row_stay_apart() -> None:
    assert started().feed(GERMANY + FRANCE + "\x7f\n") == [GERMANY]


def test_a_joiner_does_not_swallow_a_letter() -> None:
    assert started().feed("\U0001f468\u200da\x7f\n") == ["\U0001f468\u200d"]


def test_a_mark_without_a_base_is_dropped() -> None:
    assert started().feed("\u0301a\n") == ["a"]


def test_marks_beyond_four_are_dropped() -> None:
    assert started().feed("a" + "\u0301" * 9 + "b\n") == ["a" + "\u0301" * 4 + "b"]


def test_a_chain_of_joiners_ends() -> None:
    editor = started()
    editor.feed("\U0001f468\u200d" * 100 + "\x7f")
    assert len(editor.text) > 100


@given(st.lists(st.sampled_from([*CLUSTERS, "\u200d", "\U0001f1e9", "\U0001f3fd", "\u0301"])))
def test_a_line_has_the_same_clusters_however_it_comes(parts: list[str]) -> None:
    text = "".join(parts)
    buffer = EditBuffer()
    for character in text:
        buffer.insert(character, 10_000)
    assert buffer.left == split(text)
    for before, cluster in pairwise(["", *buffer.left]):
        assert not _joins(before, cluster[0])
        assert all(_joins(cluster[:at], cluster[at]) for at in range(1, len(cluster)))


@pytest.mark.parametrize(
    ("cluster", "cells"),
    [
        *(("a", 0), ("e\u0301", 0), ("\u6f22", 0), ("\U0001f1e9", 0)),
        *((HEART, 1), (THUMB, 2), (GERMANY, 2), ("\U0001f468\u200d\U0001f469", 2)),
    ],
)
def test_by_how_many_cells_terminals_may_differ(cluster: str, cells: int) -> None:
    assert slack(cluster) == cells


def test_no_cluster_is_longer_than_it_may_be() -> None:
    assert max(map(len, split("\U0001f468\u200d" * 40))) == MAX_CLUSTER


def test_a_flag_behind_all_the_marks_that_may_be_is_whole() -> None:
    letter = "e" + "\u0301" * 4
    assert split(letter + GERMANY) == [letter, GERMANY]


def test_a_skin_tone_alone_stands_by_itself() -> None:
    assert split("a\U0001f3fd") == ["a", "\U0001f3fd"]


def test_a_line_that_is_replaced_is_as_long_as_both_its_sides() -> None:
    buffer = EditBuffer()
    buffer.replace("ab", "cd")
    assert not buffer.insert("xyz", 6)
    assert buffer.text_before + buffer.text_after == "abxycd"
