"""The README's pictures: all there, small, and of the size of their screens."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SHOWN = re.findall(r"tests/data/[a-z-]+\.(?:png|svg)", (ROOT / "README.md").read_text("utf-8"))


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_is_there_and_small(name: str) -> None:
    assert 1000 < len((ROOT / name).read_bytes()) < 150_000


def test_the_page_is_shown_on_a_phone_and_on_a_wide_screen() -> None:
    assert {"tests/data/page-phone.png", "tests/data/page-wide.png"} <= set(SHOWN)
