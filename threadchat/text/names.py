"""Make the text of strangers safe to show, and judge the names they choose.

Pure functions of strings and bytes. Everything a client sends passes through here once, on its
way in, so that no other module has to ask again whether a string can harm a terminal. This is
where promise 4 is kept: nothing unsafe reaches a terminal.
"""

import re
import unicodedata
from functools import lru_cache

from rich.cells import cell_len

from threadchat.errors import PersonError
from threadchat.text.clean import _thin_marks, clean_text
from threadchat.text.lookalikes import LOOKALIKES

MAX_NAME_CELLS = 20
"""The widest name, in terminal cells: a CJK letter takes two."""

RESERVED_NAMES = frozenset({"who", "help", "quit", "you", "operator", "server"})
"""Names nobody gets: the first three are answered at the name prompt, "you" stands for the reader
in a private message, and "operator" is who sits at the server's own terminal."""


# Scripts in present-day use (UAX 31, table 5), by the first word of their characters' names.
# Those that one language writes together count as one.
_SCRIPT_OF_FIRST_WORD = {
    **{
        word: word.capitalize()
        for word in (
            "LATIN GREEK CYRILLIC ARMENIAN HEBREW ARABIC THAANA DEVANAGARI BENGALI GURMUKHI"
            " GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM SINHALA THAI LAO TIBETAN MYANMAR"
            " GEORGIAN ETHIOPIC KHMER HANGUL"
        ).split()
    },
    **dict.fromkeys(
        ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO"),
        "Chinese or Japanese",
    ),
}

# Letters and marks by their category, and by their looks something else or nothing at all: the
# click letters would pass for the '!' of an error line; fillers, joiners and the inherent vowels
# of Khmer are blank.
_NOT_IN_NAMES = frozenset(
    "\u01c0\u01c1\u01c2\u01c3\u115f\u1160\u3164\uffa0\u2800\u200c\u200d\u17b4\u17b5"
)


class BadName(PersonError, ValueError):
    """Say, as a sentence for the person who chose it, why a name cannot be had."""


def clean_name(raw: str) -> str:
    """Return the name that `raw` asks for, in the form in which it is shown (NFKC).

    Raise `BadName` if it is empty, wider than `MAX_NAME_CELLS`, reserved, or made of anything but
    letters of one script, digits, and `-`, `_` and `.` behind the first of those.
    """
    typed = raw.strip()
    if not typed:
        raise BadName("A name needs at least one letter or digit.")
    name = typed if _PLAIN_NAME.fullmatch(typed) else _checked_name(typed)
    if fold_name(name) in RESERVED_NAMES or skeleton(name) in _RESERVED_SKELETONS:
        raise BadName(f"{name} has a meaning of its own here and cannot be a name.")
    return name


# What most names are. There is nothing about them that would have to be looked at closely.
_PLAIN_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{MAX_NAME_CELLS - 1}}}")


def _checked_name(typed: str) -> str:
    if len(typed) > 8 * MAX_NAME_CELLS or cell_len(typed) > MAX_NAME_CELLS:
        raise BadName(f"That name is too long: at most {MAX_NAME_CELLS} columns wide, please.")
    name = unicodedata.normalize("NFKC", typed)
    if clean_text(typed) != typed or not _is_made_of_name_characters(name):
        raise BadName("A name is made of letters, digits, '-', '_' and '.', without spaces.")
    if not unicodedata.category(name[0]).startswith(("L", "N")) or not cell_len(name[0]):
        raise BadName("A name begins with a letter or a digit.")
    scripts = sorted({_script(character) for character in name} - {""})
    if len(scripts) > 1:
        raise BadName(f"That name mixes {' and '.join(scripts)} letters: one alphabet, please.")
    # Compatibility forms can be wider spelt out than typed.
    if cell_len(name) > MAX_NAME_CELLS:
        raise BadName(f"That name is too long: at most {MAX_NAME_CELLS} columns wide, please.")
    return name


def _is_made_of_name_characters(name: str) -> bool:
    return all(
        character in "-_." or _script(character) or character in "0123456789" for character in name
    ) and len(_thin_marks(name)) == len(name)


def _script(character: str) -> str:
    """Name the script of a letter or of a mark that belongs to one script; '' for all else."""
    if character in _NOT_IN_NAMES or unicodedata.category(character)[0] not in "LM":
        return ""
    first_word = unicodedata.name(character, "").partition(" ")[0]
    return _SCRIPT_OF_FIRST_WORD.get(first_word, "")


@lru_cache(maxsize=1024)  # a room's, and those of who is spoken of, are looked up all the time
def fold_name(name: str) -> str:
    """Return the form in which names are compared: NFKC, casefolded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


@lru_cache(maxsize=1024)  # each name is looked at from a few sides when it is claimed
def skeleton(name: str) -> str:
    """Return what `name` looks like: two names with one skeleton pass for each other.

    After Unicode Technical Standard 39, section 4, with a table cut to the scripts that
    `clean_name` lets through.
    """
    # Taken apart, because an accent does not make a Cyrillic letter look any less Latin. Before
    # and after folding, because a capital I looks like an l, and its small form does not.
    shown = unicodedata.normalize("NFKD", name).translate(LOOKALIKES)
    folded = unicodedata.normalize("NFKD", shown.casefold()).translate(LOOKALIKES)
    return unicodedata.normalize("NFKC", folded)


_RESERVED_SKELETONS = frozenset(map(skeleton, RESERVED_NAMES))
