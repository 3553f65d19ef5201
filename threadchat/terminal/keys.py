"""Recognize keys in what a terminal sends: runs of text, and the sequences of other keys."""

import re

MAX_ESCAPE = 32
"""Characters of an unfinished escape sequence that are waited with."""

TEXT_RUN = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")


# The Linux console sends its function keys as ESC [ [ and a letter.
UNFINISHED = re.compile(r"\x1b(?:\[(?:\[|[ -?]*)|O[0-9;]*)?")

_KEY_SEQUENCE = re.compile(r"\x1b[\[O]([0-9]*)(?:;([0-9]+))?([A-DFH~])")


def key_name(sequence: str) -> str:
    """Return the name under which `LineEditor` knows an escape sequence, or ''.

    A modifier is one more than the sum of 1 (Shift), 2 (Alt), 4 (Ctrl); the last two make an
    arrow go by words.
    """
    match = _KEY_SEQUENCE.fullmatch(sequence)
    if match is None:
        return ""
    number, modifier, final = match.groups()
    if final == "~":
        return f"{number}~"
    by_words = final in "CD" and (modifier or number) in ("3", "4", "5", "6", "7", "8")
    return f"word {final}" if by_words else f"arrow {final}"
