"""Make text from clients safe to show.

Everything that a client sends passes through `clean_text` once, when it comes in. So no other
module has to check whether a string can harm a terminal (promise 4).
"""

import re
import unicodedata
from enum import IntEnum
from functools import lru_cache

from rich.cells import cell_len

MAX_LINE = 4096
"""The most characters of a line that a client sends, by whatever door."""

MAX_COMBINING_MARKS = 4
"""The most combining marks kept on one base character. More marks only cover the rows around it.

As many joiners and other invisible characters are kept there.
"""

MAX_GAP_CELLS = 16
"""The most cells without anything to see that stay in a row."""

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
    "\u2061-\u2065\u206a-\u206f"  # invisible: operators, deprecated format characters
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # invisible: controls of shorthand and of music
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029"  # line and paragraph separators
    "\ufff0-\ufffb"  # invisible and not assigned; interlinear annotation
    "\ud800-\udfff"  # surrogates
    "\ufdd0-\ufdef"  # noncharacters; the next line adds those at the end of each plane
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
    )
    # Tags, and what is invisible and not assigned; between the two ranges, variation selectors.
    + "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
    "]"
)
"""One character that must not be shown: it moves the cursor, or hides or reorders nearby text."""

_WIDE_GAP = " " * MAX_GAP_CELLS

# Nearly all text is made of these letters and signs, and needs none of the slow checks.
_HARMLESS = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u02ff"  # Latin
    "\u0370-\u0482\u048a-\u052f\u05d0-\u05ea\u0621-\u064a"  # Greek, Cyrillic, Hebrew, Arabic
    "\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2190-\u23ff\u2500-\u25ff"
    "\u3001-\u3029\u3041-\u3096\u30a1-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e]*"
)

# These take cells and show nothing there, as the blanks of Unicode's category Zs do. For rich some
# have no width, but terminals disagree about that.
_BLANK = frozenset(
    "\u180e\u2800\u303f\ufffc\U00013441\U00013442\U0001d159"
    "\u115f\u1160\u3164\uffa0"  # fillers of Hangul
)
_WIDE_BLANK = frozenset("\u115f\u3000\u3164")  # two cells

_SKIN_TONES = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


class _Kind(IntEnum):
    """What a terminal shows of a character by itself."""

    SEEN = 0
    BLANK = 1
    MARK = 2
    """A mark on the character before."""
    UNSEEN = 3
    """Neither a cell nor a mark: joiners, variation selectors."""


@lru_cache(maxsize=1024)
def _kind_of(character: str) -> _Kind:
    category = unicodedata.category(character)
    if category == "Zs" or character in _BLANK or character == "\t":
        return _Kind.BLANK
    # Unicode counts a vowel of conjoining Hangul as a letter, a terminal draws it as a mark.
    if category[0] == "M" or (category == "Lo" and not cell_len(character)):
        return _Kind.MARK
    if not cell_len(character) and character not in _SKIN_TONES:
        return _Kind.UNSEEN
    return _Kind.SEEN


def clean_text(text: str) -> str:
    """Return `text` without anything that could harm a terminal or mislead its reader.

    Escape sequences are removed as a whole, a TAB becomes a space, and every character that
    `UNSAFE_CHARACTER` matches is removed. So are combining marks beyond `MAX_COMBINING_MARKS` on
    one base character.

    A gap of more than `MAX_GAP_CELLS` becomes as many spaces. A wider gap could push words onto the
    next row of a screen, where they would look like another person's line.

    Cleaning a text twice gives the same result as cleaning it once.
    """
    is_harmless = text.isprintable() if text.isascii() else _HARMLESS.fullmatch(text)
    if is_harmless and _WIDE_GAP not in text:
        return text
    text = UNSAFE_CHARACTER.sub("", _ESCAPE_SEQUENCE.sub("", text).replace("\t", " "))
    return _narrow_gaps(text if text.isascii() else thin_marks(text))


def clean_line(text: str) -> str:
    """Return `clean_text(text)` without the blanks at its end: '' if a screen shows nothing of it.

    Then there is nothing to say, so a line or a topic of such characters is none.
    """
    if text.isascii() and text.isprintable() and _WIDE_GAP not in text:  # so with nearly all
        return text.rstrip()
    text = clean_text(text)
    if text.isascii():
        return text.rstrip()
    end = blank = len(text)
    while end and _kind_of(text[end - 1]) is not _Kind.SEEN:
        end -= 1
        if _kind_of(text[end]) is _Kind.BLANK:
            blank = end
    # The marks behind the last character that is seen are marks on it.
    return text[:blank] if end else ""


def thin_marks(text: str) -> str:
    """Drop the marks that follow `MAX_COMBINING_MARKS` others on the same base.

    The same bound holds for the characters there that take no cell and show nothing.
    """
    kept = []
    marks = unseen = 0
    for character in text:
        kind = _kind_of(character)
        if kind is _Kind.MARK:
            marks += 1
            if marks > MAX_COMBINING_MARKS:
                continue
        elif kind is _Kind.UNSEEN or (kind is _Kind.BLANK and not cell_len(character)):
            unseen += 1
            if unseen > MAX_COMBINING_MARKS:
                continue
        else:
            marks = unseen = 0
        kept.append(character)
    return "".join(kept)


def _narrow_gaps(text: str) -> str:
    """Replace each gap of more than `MAX_GAP_CELLS` by as many spaces.

    A gap begins with a blank, and goes on over blanks, marks and what is not seen. In a gap these
    others count as a cell each, because some terminals give them one.
    """
    kept: list[str] = []
    gap_begin = cells = 0  # of the gap that is being read: its place in `kept`, its width
    for character in text:
        kind = _kind_of(character)
        if kind is _Kind.BLANK or (cells and kind is not _Kind.SEEN):
            if not cells:
                gap_begin = len(kept)
            cells += 2 if character in _WIDE_BLANK else 1
        else:
            if cells > MAX_GAP_CELLS:
                kept[gap_begin:] = _WIDE_GAP
            cells = 0
        kept.append(character)
    if cells > MAX_GAP_CELLS:
        kept[gap_begin:] = _WIDE_GAP
    return "".join(kept)
