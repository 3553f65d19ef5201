"""Check the names that people choose, and compare names.

Pure functions of strings. A name that passed `clean_name` cannot harm a terminal, and a name with
a new `skeleton` cannot be mistaken for another person's name (promise 4). `threadchat.text.clean`
cleans all other text.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import zip_longest

from rich.cells import cell_len

from threadchat.errors import PersonError
from threadchat.text.clean import clean_line, clean_text, thin_marks
from threadchat.text.lookalikes import ASCII_LOOKALIKES, lookalikes

MAX_NAME_CELLS = 20
"""The width of the widest name, in terminal cells. A CJK letter takes two cells."""

RESERVED_NAMES = frozenset({"who", "help", "quit", "you", "operator", "server"})
"""Names that nobody may have. The name prompt answers the first three, "you" stands for the reader
in a private message, and "operator" is the person at the server's own terminal."""

NAMES_OF_A_ROLE = frozenset(
    "admin administrator administrators admins chanserv hostmaster moderator moderators nickserv"
    " operator operators postmaster server superuser sysadmin sysadmins sysop sysops threadchat"
    " webmaster"
    # In other languages that are common on LANs, as they are written there.
    " administrador administrateur amministratore beheerder betreiber moderador moderateur"
    " moderatore operador operateur operatore serveur servidor verwalter"
    " админ администратор админка модератор оператор сервер адміністратор διαχειριστης διακομιστης"
    " 管理员 管理員 管理者 版主 服务器 伺服器 サーバー サーバ オペレーター モデレーター"
    " 관리자 운영자 서버"
    " مدير المدير مشرف المشرف מנהל המנהל שרת".split()
)
"""Names that people would take for whoever runs the server, also between marks: `the-admin`."""

NAMES_OF_CHARGE = NAMES_OF_A_ROLE | frozenset(
    "announcement console helpdesk login mod mods notice op oper ops owner passcode passphrase"
    " passwd password root security services staff support system username you yourname".split()
)
"""Names that people would take for whoever runs the server, for its questions, or for themselves.

`Password: ` and `Passphrase of al: ` are how the server asks.
"""


# Scripts in present-day use (UAX 31, table 5), by the first word of their characters' names.
# Scripts that one language mixes count as one.
SCRIPT_OF_FIRST_WORD = {
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

# By their category these are letters and marks, but they look different. The click letters look
# like the '!' of an error line. Fillers, joiners and the inherent vowels of Khmer are blank.
_NOT_IN_NAMES = frozenset(
    "\u01c0\u01c1\u01c2\u01c3\u115f\u1160\u3164\uffa0\u2800\u200c\u200d\u17b4\u17b5"
)


class BadName(PersonError, ValueError):
    """A name cannot be used. Says why, in a sentence for the person that chose it."""


def clean_name(raw: str) -> str:
    """Return the name in `raw`, in the form in which it is shown (NFKC).

    A name has letters of one script and digits; after the first of these it may also have `-`, `_`
    and `.`. Raise `BadName` if it has anything else, is empty, is wider than `MAX_NAME_CELLS`, or
    is reserved.
    """
    typed = clean_line(raw) and raw.strip()
    if not typed:
        raise BadName("A name needs at least one letter or digit.")
    name = typed if _PLAIN_NAME.fullmatch(typed) else _checked_name(typed)
    if fold_name(name) in RESERVED_NAMES or skeleton(name) in _RESERVED_SKELETONS:
        raise BadName(f"{name} has a meaning of its own here and cannot be a name.")
    return name


# Most names match this. They need none of the slow checks.
_PLAIN_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{MAX_NAME_CELLS - 1}}}")


def _checked_name(typed: str) -> str:
    if len(typed) > 8 * MAX_NAME_CELLS or _cells(typed) > MAX_NAME_CELLS:
        raise BadName(f"That name is too long: at most {MAX_NAME_CELLS} columns wide, please.")
    name = unicodedata.normalize("NFKC", typed)
    if clean_text(typed) != typed or not _is_made_of_name_characters(name):
        raise BadName("A name is made of letters, digits, '-', '_' and '.', without spaces.")
    if not unicodedata.category(name[0]).startswith(("L", "N")) or not cell_len(name[0]):
        raise BadName("A name begins with a letter or a digit.")
    scripts = sorted({_script(character) for character in name} - {""})
    if len(scripts) > 1:
        raise BadName(f"That name mixes {' and '.join(scripts)} letters: one alphabet, please.")
    # NFKC can make a name wider than the one that was typed.
    if _cells(name) > MAX_NAME_CELLS:
        raise BadName(f"That name is too long: at most {MAX_NAME_CELLS} columns wide, please.")
    return name


def _cells(name: str) -> int:
    # `cell_len` would remember the whole text, and strangers ask for any number of names.
    return sum(map(cell_len, name))


def _is_made_of_name_characters(name: str) -> bool:
    return all(
        character in "-_." or _script(character) or character in "0123456789" for character in name
    ) and len(thin_marks(name)) == len(name)


def _script(character: str) -> str:
    """Return the script of a letter, or of a mark that has one script; '' for all else."""
    if character in _NOT_IN_NAMES or unicodedata.category(character)[0] not in "LM":
        return ""
    first_word = unicodedata.name(character, "").partition(" ")[0]
    return SCRIPT_OF_FIRST_WORD.get(first_word, "")


@lru_cache(maxsize=1024)  # names of members and mentioned names are looked up all the time
def fold_name(name: str) -> str:
    """Return the form in which names are compared: NFKC, casefolded."""
    if name.isascii():
        return name if (folded := name.lower()) == name else folded  # one object, if it can be
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


@lru_cache(maxsize=1024)  # several checks need it for each name that a person asks for
def skeleton(name: str) -> str:
    """Return the skeleton of `name`: two names that look alike have the same skeleton.

    This follows Unicode Technical Standard 39, section 4, with its table for those scripts that
    `clean_name` accepts.
    """
    if name.isascii():
        return name.translate(ASCII_LOOKALIKES).lower()
    table = lookalikes()
    # NFKD splits accents off, because a Cyrillic letter looks Latin with an accent, too. The table
    # is used before and after folding, because a capital I looks like an l and a small i does not.
    shown = unicodedata.normalize("NFKD", name).translate(table)
    folded = unicodedata.normalize("NFKD", shown.casefold()).translate(table)
    return unicodedata.normalize("NFKC", folded)


_RESERVED_SKELETONS = frozenset(map(skeleton, RESERVED_NAMES))


def name_of_charge(name: str) -> str | None:
    """Return which of `NAMES_OF_CHARGE` people would read in `name`; None if none.

    Neither marks and accents, nor digits around a name or in place of letters, nor letters that
    stand twice (`adminn`) make a difference. Of `NAMES_OF_A_ROLE` one word is enough, between marks
    or digits, or with a capital: `TheAdmin`.
    """
    readings, joined = _ASCII_READINGS if name.isascii() else _readings(), name.translate(_NO_MARKS)
    if not any(readings.are_within(form) for form in {name, joined}):
        return None  # so with nearly all names: they read like none of those in any part
    for form in (name, name.rstrip(_DIGITS_AND_MARKS), joined):
        if (like := readings.find(form)) is not None:
            return like
    words = _words_in(name)
    for first in range(len(words)):
        for end in range(len(words), first, -1):
            for form in _without_digits("".join(words[first:end])):
                if (like := readings.find(form)) in NAMES_OF_A_ROLE:
                    return like
    return None


def _words_in(name: str) -> list[str]:
    """Return the parts of `name` between marks and digits, and from each capital on."""
    return [word for word in _BETWEEN_WORDS.split(_BETWEEN_LETTERS.sub("-", name)) if word]


def _without_digits(word: str) -> Iterator[str]:
    """Yield `word`, then without more and more of what looks like a digit at its two ends."""
    begin = len(word) - len(word.lstrip(_LIKE_DIGITS))
    end = len(word.rstrip(_LIKE_DIGITS))
    for first in range(begin + 1):
        for last in range(len(word), max(end - 1, first), -1):
            yield word[first:last]


_DIGITS_AND_MARKS = "0123456789-_."
_LIKE_DIGITS = "0123456789lIOo"
_BETWEEN_WORDS = re.compile("[-_.]")
_BETWEEN_LETTERS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[0-9])(?=[^\W\d])|(?<=[^\W\d])(?=[0-9])")
_NO_MARKS = str.maketrans("", "", "-_.")
_READ_AS = str.maketrans("l34578пπ", "ieastbnn")


@lru_cache(maxsize=1024)
def _reading(name: str) -> str:
    plain = skeleton(name)
    if not plain.isascii():
        shown = unicodedata.normalize("NFKD", plain)
        plain = "".join(it for it in shown if unicodedata.category(it)[0] != "M")
    letters = plain.replace("rn", "m").replace("vv", "w").replace("cl", "d")
    return letters.translate(_READ_AS).translate(_NO_MARKS)


_MIN_DOUBLED = 5
"""The least letters of a name that is still read where one of them stands twice."""


def _pattern_of(reading: str) -> str:
    """Return a pattern for `reading`, in which each letter may stand more often."""
    more = "+" if len(reading) >= _MIN_DOUBLED else ""
    return "".join(
        re.escape(letter) + ("" if after == letter else more)
        for letter, after in zip_longest(reading, reading[1:])
    )


class _Readings:
    """How some of `NAMES_OF_CHARGE` are read."""

    def __init__(self, names: Iterable[str]) -> None:
        # A capital of Greek may look like nothing that its small letter looks like.
        self._exact = {
            _reading(form): name for name in sorted(names) for form in (name, name.upper())
        }
        patterns = [_pattern_of(reading) for reading in self._exact]
        self._any = re.compile("|".join(patterns))
        self._each = re.compile("|".join(f"({pattern})" for pattern in patterns))
        self._names = list(self._exact.values())

    def are_within(self, name: str) -> bool:
        """Return whether one may be a part of `name`."""
        return self._any.search(_reading(name)) is not None

    def find(self, form: str) -> str | None:
        """Return the name that the whole of `form` reads like; None if there is none."""
        reading = _reading(form)
        if (exactly := self._exact.get(reading)) is not None:
            return exactly
        found = self._each.fullmatch(reading)
        return (
            None if found is None or found.lastindex is None else self._names[found.lastindex - 1]
        )


_ASCII_READINGS = _Readings(filter(str.isascii, NAMES_OF_CHARGE))


@cache  # as with `lookalikes`, only names that are not in ASCII need it
def _readings() -> _Readings:
    return _Readings(NAMES_OF_CHARGE)
