"""Make text from clients safe to show.

Everything that a client sends passes through `clean_text` once, when it comes in. So no other
module has to check whether a string can harm a terminal (promise 4).
"""

import re
import unicodedata

from rich.cells import cell_len

MAX_COMBINING_MARKS = 4
"""The most combining marks kept on one base character. More marks only cover the rows around it."""


# A sequence of ECMA-48 is removed as a whole: without its ESC, the rest of it ("[31m") would be
# shown as text. A sequence that carries a string ends at BEL or ST. If that end is missing, only
# the opening is removed.
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, ...
    r"|\x1bO[ -~]"  # SS3, which keypads and arrows send
    r"|\x1b[ -/]*[0-~]"
)

UNSAFE_CHARACTER = re.compile(
    "["
    "\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 except TAB, DEL, C1
    "\u00ad\u200b\u2060\ufeff"  # invisible: soft hyphen, zero widths
    "\u2061-\u2064\u206a-\u206f"  # invisible: operators, deprecated format characters
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029"  # line and paragraph separators
    "\ufff9-\ufffb"  # interlinear annotation
    "\ud800-\udfff"  # surrogates
    "\ufdd0-\ufdef"  # noncharacters; the next line adds those at the end of each plane
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
    )
    + "\U000e0000-\U000e007f"  # tags
    "]"
)
"""One character that must not be shown: it moves the cursor, or hides or reorders nearby text."""

_WIDE_GAP = " " * 16

_TOO_WIDE_GAP = re.compile(r"[\s\u115f\u1160\u2800\u3164\uffa0]{17,}")


def clean_text(text: str) -> str:
    """Return `text` without anything that could harm a terminal or mislead its reader.

    Escape sequences are removed as a whole, a TAB becomes a space, and every character that
    `UNSAFE_CHARACTER` matches is removed. So are combining marks beyond `MAX_COMBINING_MARKS` on
    one base character.

    A gap of more than 16 blanks becomes 16 spaces. A wider gap could push words onto the next row
    of a screen, where they would look like another person's line.

    Cleaning a text twice gives the same result as cleaning it once.
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
        # Unicode counts a vowel of conjoining Hangul as a letter, a terminal draws it as a mark.
        if category[0] == "M" or (category == "Lo" and not cell_len(character)):
            marks += 1
        elif category != "Cf":  # a joiner is invisible, so it is not a base character
            marks = 0
        if marks <= MAX_COMBINING_MARKS:
            kept.append(character)
    return "".join(kept)
