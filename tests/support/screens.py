"""What stands on the screen of an emulated terminal."""

from collections.abc import Mapping

import pyte
from pyte.screens import Char
from wcwidth import wcwidth


def rows_of(screen: pyte.Screen) -> list[str]:
    """Return the rows of `screen` without what is blank behind and below.

    `pyte.Screen.display` is the same with it, and takes long where most of a screen is blank.
    """
    rows = [_text_of(screen.buffer.get(y, {}), screen.columns) for y in range(screen.lines)]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _text_of(row: Mapping[int, Char], columns: int) -> str:
    text: list[str] = []
    x, end = 0, min(columns, max(row, default=-1) + 1)
    while x < end:
        letter = row[x].data if x in row else " "
        text.append(letter)
        is_wide = letter >= "\u1100" and wcwidth(letter[0]) == 2
        x += 2 if is_wide else 1  # the second half of a wide letter is a cell of its own
    return "".join(text).rstrip()
