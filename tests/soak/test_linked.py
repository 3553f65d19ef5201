"""A short soak of linked servers; and that its judge finds what it is there to find."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.soak.linked import run
from tests.soak.linkedjudge import Evidence, Line, Transcript, judge, tag_of
from tests.support.redisserver import running_broker

pytestmark = pytest.mark.slow


@pytest.mark.skipif(sys.platform != "linux", reason="servers are stopped by signals of Linux")
def test_a_crowd_on_three_servers_loses_nothing(tmp_path: Path) -> None:
    with running_broker(keeps=True) as broker:
        assert run(tmp_path, broker, seed=2, minutes=0.2, people=15, pace=20.0) == []


def test_a_tag_is_found_wherever_it_stands() -> None:
    assert tag_of("bo: 12.3 hi") == (12, 3)
    assert tag_of("* bo 12.3 hi") == (12, 3)
    assert tag_of("bo: e=1 hi") is None


LINES = [Line((1, 1), "e", 1), Line((2, 1), "e", 2), Line((1, 2), "e", 3)]
TAGS = [it.tag for it in LINES]


def evidence() -> Evidence:
    return Evidence(
        {0: [list(LINES)], 1: [list(LINES)]},
        {0: list(LINES), 1: list(LINES)},
        {0: [(1, 1), (1, 2)], 1: [(2, 1)]},
        {},
        [
            Transcript(1, 0, [(2, 1)], stayed=True),
            Transcript(3, 1, TAGS[1:], TAGS[:1]),
            Transcript(4, 1, list(TAGS), stayed=True),
        ],
    )


def test_the_judge_finds_nothing_where_nothing_is_wrong() -> None:
    assert judge(evidence()) == []


def lose(it: Evidence) -> None:
    del it.kept[0][2], it.kept[1][2]


def see_backwards(it: Evidence) -> None:
    it.transcripts[2].live.reverse()


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lose, "1.2: each was said, and is kept nowhere"),
        (lambda it: it.kept[1].pop(), "1.2: each is not in the history of server 1"),
        (lambda it: it.kept[1].append(LINES[0]), "1.1: each is twice in the history of server 1"),
        (lambda it: it.kept[1].reverse(), "1.1: each is before an earlier one of its speaker"),
        (lambda it: it.said[1].clear(), "2.1: each nobody said"),
        (lambda it: it.shown[1][0].reverse(), "has shown (2, 1) at ('e', 2) out of order"),
        (lambda it: it.shown[1][0].append(LINES[2]), "1.2: each was shown twice by server 1"),
        (
            lambda it: it.kept.update({1: [*LINES[1:], Line((1, 1), "e", 2)]}),
            "at ('e', 2) server 1 has kept (1, 1)",
        ),
        (lambda it: it.transcripts[2].live.pop(), "1.2: each was never seen by person 4"),
        (lambda it: it.transcripts[0].live.append((2, 1)), "2.1: each was seen twice by person 1"),
        (see_backwards, "person 4 on server 1 has seen another order"),
        (lambda it: it.transcripts[1].live.insert(0, (1, 1)), "1.1: each was seen live and as"),
        (lambda it: it.transcripts[0].live.append((9, 9)), "9.9: each was seen by person 1"),
        (lambda it: it.shown[1][0].pop(), "person 4 on server 1 has seen another order"),
    ],
)
def test_the_judge_finds_what_is_wrong(harm: Callable[[Evidence], object], found: str) -> None:
    it = evidence()
    harm(it)
    assert any(found in line for line in judge(it)), judge(it)


def test_what_a_server_was_killed_with_may_be_lost_but_not_by_halves() -> None:
    it = evidence()
    it.excused[1, 2] = 0
    it.transcripts = []
    it.kept[1].pop()
    assert judge(it) == []  # it was shown by the killed server alone
    it.kept[0].pop()
    assert judge(it) == []  # nobody was shown it
    it.kept[1].append(LINES[2])
    assert "1.2: each is not in the history of server 0" in str(judge(it))


def test_what_a_killed_server_had_shown_is_in_its_history() -> None:
    it = evidence()
    it.shown[1][0].pop()  # the end of its log was not written
    it.kept_at_kill[1, 1] = LINES[:2]
    assert "person 4 on server 1 has seen another order" in str(judge(it))
    it.kept_at_kill[1, 1] = list(LINES)
    assert judge(it) == []
    it.transcripts[2].run = 2
    it.shown[1].append([])
    assert "person 4 on server 1 has seen another order" in str(judge(it))
