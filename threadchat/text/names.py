"""Make the text of strangers safe to show, and judge the names they choose.

Pure functions of strings and bytes. Everything a client sends passes through here once, on its
way in, so that no other module has to ask again whether a string can harm a terminal. This is
where promise 4 is kept: nothing unsafe reaches a terminal.
"""

import codecs
import encodings
import encodings.aliases
import pkgutil
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

from rich.cells import cell_len

from threadchat.text.lookalikes import LOOKALIKES

MAX_NAME_CELLS = 20
"""The widest name, in terminal cells: a CJK letter takes two."""

MAX_COMBINING_MARKS = 4
"""The most combining marks kept on one base character; more only smear the rows around it."""

RESERVED_NAMES = frozenset({"who", "help", "quit", "you", "operator", "server"})
"""Names nobody gets: the first three are answered at the name prompt, "you" stands for the reader
in a private message, and "operator" is who sits at the server's own terminal."""

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


class BadName(ValueError):
    """Say, as a sentence for the person who chose it, why a name cannot be had."""


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


class Decoder:
    """Turn one client's bytes into text: UTF-8 until they prove to be something else.

    The first invalid sequence settles it: from there on this client's bytes are in the fallback
    encoding, unless `use` says better. `encoding` says which one is in force, so that what is sent
    to the client can follow. No bytes raise.
    """

    __slots__ = ("_decoder", "_rest", "encoding", "fallback", "is_a_guess")

    def __init__(self, fallback: str = "cp1252") -> None:
        self.fallback = fallback
        self.encoding = "utf-8"
        self.is_a_guess = False
        """Whether the encoding is the fallback: nobody has said that it is this one."""
        self._decoder: codecs.IncrementalDecoder | None = None  # None while it is UTF-8
        self._rest = b""  # the beginning of a UTF-8 character that is not complete yet

    @property
    def is_plain(self) -> bool:
        """Whether it is UTF-8 still, and no character has begun."""
        return self._decoder is None and not self._rest

    def use(self, encoding: str, is_a_guess: bool = False) -> None:
        """Take bytes for `encoding` from here on, a name that `usable_encoding` returned.

        The character that has begun, too.
        """
        if self._decoder is not None:
            self._rest, _ = self._decoder.getstate()
        self.encoding = encoding
        self.is_a_guess = is_a_guess
        self._decoder = (
            None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("replace")
        )

    def decode(self, data: bytes, final: bool = False) -> str:
        """Return the text that `data` completes; with `final`, all that is left."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if self._decoder is not None:
            return self._decoder.decode(data, final)
        try:
            text, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            self.use(self.fallback, is_a_guess=True)
            return data[: error.start].decode() + self.decode(data[error.start :], final)
        self._rest = data[used:]
        return text

    def clear(self) -> None:
        """Forget the character that has begun."""
        self._rest = b""
        if self._decoder is not None:
            self._decoder.reset()


@cache
def _known_encodings() -> frozenset[str]:
    # Some codecs have no alias, and where the library is packed, its modules cannot be listed.
    modules = {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    known = modules | set(encodings.aliases.aliases.values())
    return frozenset(known - {"charmap", "raw_unicode_escape", "unicode_escape", "palmos"})


def load_ahead(encodings: Iterable[str]) -> None:
    """Read now what Python and rich read from files when it is first needed.

    Once a server is out of descriptors it could not, and who says the first letter beyond ASCII
    would be ended for that.
    """
    cell_len("\u6f22")
    for encoding in encodings:
        usable_encoding(encoding)


_ALL_ASCII = "".join(map(chr, range(0x20, 0x7F)))


def usable_encoding(name: str) -> str:
    """Return the codec called `name`; raise `LookupError` unless a client's bytes can be in it.

    It has to leave ASCII alone, and must not write control characters, as ISO 2022 does.
    """
    # Not any name: Python remembers for ever each one that it has been asked for in vain.
    plain = encodings.normalize_encoding(name[:64]).lower()
    if encodings.aliases.aliases.get(plain, plain) not in _known_encodings():
        raise LookupError(f"{name[:20]} is no encoding that is known here")
    try:
        codec = codecs.lookup(plain)
    except OSError as error:  # it is in a file, and there is no descriptor for that
        raise LookupError(f"{plain} cannot be loaded just now: {error.strerror}") from None
    try:
        is_superset = codec.encode(_ALL_ASCII)[0] == _ALL_ASCII.encode()
        shifts = set(codec.encode("\u00e9\u6f22\uac00\u0436", "replace")[0]) & {*range(0x20), 0x7F}
    except (UnicodeError, TypeError):
        is_superset, shifts = False, set()
    if not is_superset or shifts:
        raise LookupError(f"{name} is no encoding for a terminal")
    return codec.name
