"""Know which characters look alike in a name.

The table is Unicode's own (`threadchat.text.confusables`), for the characters that
`threadchat.text.names.clean_name` accepts. Most of it maps one character to one: the letters of a
terminal are all equally wide, so an "rn" does not look like an "m" there.
`threadchat.text.names.skeleton` decides whether two names look alike.
"""

from collections.abc import Mapping
from functools import cache

from threadchat.text.confusables import GROUPS

ASCII_LOOKALIKES = str.maketrans("I10", "llO")
"""The part of the table that is about ASCII characters, which most names are made of."""


@cache
def lookalikes() -> Mapping[int, str]:
    """Return a table for `str.translate`: for each character the one that it looks like.

    It is made at the first call: a server that sees only names in ASCII never needs it.
    """
    table = {}
    for group in GROUPS.split():
        shown, _, sources = group.partition("=")
        looks_like = "".join(chr(int(code, 16)) for code in shown.split("+"))
        table.update(dict.fromkeys((int(code, 16) for code in sources.split(",")), looks_like))
    return table
