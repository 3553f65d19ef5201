"""Make the table of look-alikes from Unicode's data: `python -m tests.confusables FILE`.

FILE is `confusables.txt` of Unicode Technical Standard 39, for example from
https://www.unicode.org/Public/security/latest/confusables.txt. The table is written to
`threadchat/text/confusables.py`, which says of which version it is.
"""

import re
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path

from threadchat.text.names import SCRIPT_OF_FIRST_WORD

TABLE = Path(__file__).parent.parent / "threadchat" / "text" / "confusables.py"

_VERSION = re.compile(r"# Version: (\S+)")
_ROW = re.compile(
    r"(?P<source>[0-9A-F]+) ;\t(?P<target>[0-9A-F ]+) ;\tMA\t#\*? \( .* → .* \) (?P<name>.+?) → "
)
_SMALL_CAPITAL = re.compile("LATIN LETTER SMALL CAPITAL ([A-Z])")

_ALIKE_ON_TERMINALS = {
    "b": "ьƅ",
    "j": "յȷ",
    "l": "丨",
    "L": "Լլ",
    "o": "ᄋ",
    "u": "ʊ",
    "w": "ω",
    "x": "χ",
    "3": "зɜ",
}
"""Characters that the standard keeps apart, and that a terminal's font draws nearly alike."""


def read(text: str) -> tuple[str, dict[str, str]]:
    """Return the version of the standard's file, and what each character of a name looks like."""
    found = _VERSION.search(text)
    if found is None:
        raise ValueError("there is no version in it: is it confusables.txt of Unicode?")
    shown = {}
    for row in _ROW.finditer(text):
        source = chr(int(row["source"], 16))
        if _may_be_in_a_name(source, row["name"]):
            shown[source] = "".join(chr(int(code, 16)) for code in row["target"].split())
    return found[1], shown


def _may_be_in_a_name(character: str, name: str) -> bool:
    """Return whether a name may have `character` once `skeleton` has decomposed it.

    `name` is that of the character. The Unicode of this Python may be older than the file.
    """
    first_word = name.partition(" ")[0]
    is_in_use = first_word in SCRIPT_OF_FIRST_WORD or first_word == "COMBINING"
    is_decomposed = unicodedata.normalize("NFKD", character) == character
    return is_decomposed and (is_in_use or character in "0123456789-_.")


def simplify(shown: Mapping[str, str]) -> dict[str, str]:
    """Return `shown` for a terminal, where all letters are equally wide.

    There an "m" does not look like "rn". Letters that all look like the same two letters still look
    like each other. The standard's small capitals are letters of their own; here they look like
    the capitals.
    """
    one_for = _capitals(shown) | {
        alike: letter for letter, group in _ALIKE_ON_TERMINALS.items() for alike in group
    }
    simple = dict.fromkeys(one_for, "") | dict(shown)
    first_with: dict[str, str] = {}
    for source in sorted(simple):
        target = (simple[source] or source).replace("rn", "m")
        target = "".join(one_for.get(letter, letter) for letter in target)
        if sum(unicodedata.category(letter)[0] != "M" for letter in target) > 1:
            target = first_with.setdefault(target, source)
        simple[source] = target
    return {source: target for source, target in simple.items() if source != target}


def _capitals(shown: Mapping[str, str]) -> dict[str, str]:
    """Return the capital for each small capital, and for what small capitals look like."""
    capitals = {}
    for code in range(0x110000):
        if found := _SMALL_CAPITAL.fullmatch(unicodedata.name(chr(code), "")):
            looks_like = shown.get(chr(code), chr(code))
            if not looks_like.isascii():
                capitals[chr(code)] = capitals[looks_like] = found[1]
    return capitals


def write(version: str, shown: Mapping[str, str]) -> str:
    """Return the module that holds `shown`."""
    sources: dict[str, list[str]] = {}
    for source, target in sorted(shown.items()):
        sources.setdefault(target, []).append(source)
    groups = [
        f"{'+'.join(map(_code, target))}={','.join(map(_code, group))}"
        for target, group in sorted(sources.items())
    ]
    rows = textwrap.wrap(" ".join(groups), 99, break_long_words=False)
    return _MODULE.format(version=version, rows="\n".join(rows))


def _code(character: str) -> str:
    return f"{ord(character):X}"


_MODULE = '''\
"""Characters that look alike, by Unicode Technical Standard 39. Made by `tests/confusables.py`.

From `confusables.txt` of Unicode, Inc., under the Unicode License v3
(https://www.unicode.org/license.txt).
"""

VERSION = "{version}"
"""The version of the standard's data."""

GROUPS = """\\
{rows}
"""
"""Characters, joined by +, and behind = those that look like them, as hexadecimal numbers."""
'''


def main(arguments: Iterable[str]) -> None:
    """Write the table from the file that is named."""
    (path,) = arguments
    version, shown = read(Path(path).read_text("utf-8-sig"))
    TABLE.write_text(write(version, simplify(shown)), "ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
