"""Find the words in a text that could mention somebody by name."""

import re
import unicodedata

from threadchat.text.names import fold_name


def words_of(text: str) -> set[str]:
    """Return the words of `text` that could mention somebody, folded as names are.

    A mark before a word is left out, so `@al` mentions al.
    """
    if text.isascii():
        plain = set(_ASCII_NAME_LIKE.findall(text.lower()))
        return plain | {word.rstrip(_ENDS) for word in plain if word.endswith(_END)}
    words = _NAME_LIKE.findall(unicodedata.normalize("NFKC", text).casefold())
    return {fold_name(form) for word in words for form in (word, word.rstrip(_ENDS))}


_ENDS = "._-"
"""Marks that a name may end in, and that may stand behind one."""

_END = tuple(_ENDS)


# The marks of the scripts that need them: for `re` they are not part of a word.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0981-\u0dff\u0e31-\u0e4e\u0eb1-\u0ece\u0f71-\u0fbc\u102b-\u109d\u17b6-\u17d3"
)

_ASCII_NAME_LIKE = re.compile(r"[a-z0-9][\w.-]*", re.ASCII)

_NAME_LIKE = re.compile(rf"[^\W_][\w.{_MARKS}-]*")
