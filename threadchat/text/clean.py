"""Make the text of strangers safe to show.

Everything a client sends passes through here once, on its way in, so that no other module has to
ask again whether a string can harm a terminal (promise 4).
"""

import re
import unicodedata

from rich.cells import cell_len

MAX_COMBINING_MARKS = 4
"""The most combining marks kept on one base character; more only smear the rows around it."""


# The sequences of ECMA-48 go as a whole: without its ESC, a "[31m" would be left to look at.
# Those that carry a string end at BEL or ST; one that never ends loses its opening only.
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, ...
    r"|\x1bO[ -~]"  # SS3, which keypads and arrows send
    r"|\x1b[ -/]*[0-~]"
)

UNSAFE_CHARACTER = re.compile(
    "["
    "\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 but TAB, DEL, C1
    "\u00ad\u200b\u2060\ufeff"  # nothing to see: soft hyphen, zero widths
    "\u2061-\u2064\u206a-\u206f"  # nor here: invisible operators, retired format characters
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029"  # line and paragraph separators
    "\ufff9-\ufffb"  # interlinear annotation
    "\ud800-\udfff"  # surrogates
    "\ufdd0-\ufdef"  # noncharacters, here and at the end of each plane
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
    )
    + "\U000e0000-\U000e007f"  # tags
    "]"
)
"""One character that may not be shown: it moves the cursor, hides or reorders what is near it."""

_WIDE_GAP = " " * 16

_TOO_WIDE_GAP = re.compile(r"[\s\u115f\u1160\u2800\u3164\uffa0]{17,}")


def clean_text(text: str) -> str:
    """Return `text` without anything that could do more than stand there.

    A gap wide enough to push words onto the next row of a screen, where they would pass for
    somebody else's line, shrinks.

    Escape sequences go whole, a TAB becomes a space, and what `UNSAFE_CHARACTER` matches goes, as
    do combining marks beyond `MAX_COMBINING_MARKS` on one base. Cleaning twice changes nothing.
    """
    if text.isascii() and text.isprintable() and _WIDE_GAP not in text:
        return text
    text = UNSAFE_CHARACTER.sub("", _ESCAPE_SEQUENCE.sub("", text).replace("\t", " "))
    text = _TOO_WIDE_GAP.sub(_WIDE_GAP, text)
    return text if text.isascii() else _thin_marks(text)


def _thin_marks(text: str) -> str:
    """Drop the combining marks that follow `MAX_COMBINING_MARKS` others on the same base."""
    kept = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        # A vowel of conjoining Hangul is a letter to Unicode and a mark to a terminal.
        if category[0] == "M" or (category == "Lo" and not cell_len(character)):
            marks += 1
        elif category != "Cf":  # a joiner is no base: nothing of it can be seen
            marks = 0
        if marks <= MAX_COMBINING_MARKS:
            kept.append(character)
    return "".join(kept)
