"""The promises: the README lists each that is cited, with its module and its test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

README = (ROOT / "README.md").read_text(encoding="utf-8")

SECTION = README.partition("\n## What it promises\n")[2].partition("\n## ")[0]

PROMISES = {
    int(number): (words, kept_by, attacked_by)
    for number, words, kept_by, attacked_by in re.findall(
        r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", SECTION, re.MULTILINE
    )
}

_CITED = re.compile(r"[Pp]romises? (\d+(?:(?:, | and | or | to )\d+)*)")


def cited_in(text: str) -> set[int]:
    """Return the numbers of all promises that `text` cites, as in 'promises 1 to 3 and 8'."""
    numbers: set[int] = set()
    for found in _CITED.findall(re.sub(r"\s+(?:# )?", " ", text)):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", found):
            numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


SOURCES = [
    *sorted((ROOT / "threadchat").rglob("*.py")),
    *(path for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__)),
]


def test_citations_are_understood() -> None:
    assert cited_in("(promise 3)") == {3}
    assert cited_in("Promises 1 to 3 hold, as do promises 5 and 8; promise\n    # 9 too.") == {
        *(1, 2, 3, 5, 8, 9)
    }
    assert cited_in("what it promises: 4 things") == set()


def test_they_are_numbered_from_1_to_9() -> None:
    assert list(PROMISES) == list(range(1, 10))


def test_each_that_is_cited_is_defined() -> None:
    for path in SOURCES:
        assert cited_in(path.read_text(encoding="utf-8")) <= set(PROMISES), path


@pytest.mark.parametrize("number", PROMISES)
def test_each_is_cited_where_it_is_kept_and_where_it_is_attacked(number: int) -> None:
    _, kept_by, attacked_by = PROMISES[number]
    keepers = [ROOT / "threadchat" / name for name in re.findall(r"`(.+?)`", kept_by)]
    attackers = [ROOT / name for name in re.findall(r"`(.+?)`", attacked_by)]
    assert keepers
    assert attackers
    for path in (*keepers, *attackers):
        assert number in cited_in(path.read_text(encoding="utf-8")), path
