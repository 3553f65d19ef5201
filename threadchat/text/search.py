"""Turn text into a form in which a search can compare it, and say what a search looks for.

Case, accents and punctuation do not count.
"""

import re
import unicodedata
from functools import cache
from itertools import chain

from threadchat.errors import PersonError

MAX_WORDS = 32
"""The most words that a search looks for. Of a script without spaces, each character is a word."""


class TooManyWords(PersonError):
    """A search has more words than `MAX_WORDS`. The text is one line: why, and the way out."""


class Query:
    """What a search looks for: all of the phrases that `words` makes.

    A word with marks in it, such as `half-time`, is a phrase of several words. Raise
    `TooManyWords`.
    """

    def __init__(self, words: str) -> None:
        self.phrases = tuple(dict.fromkeys(phrases_of(words)))
        """The phrases, as `index_words` gives them, each once; none if nothing is looked for."""
        # The longest first: as a rule these are the rarest.
        apart = {word for phrase in self.phrases for word in phrase.split()}
        self._words = sorted(apart, key=len, reverse=True)
        self._joined = [phrase.replace(" ", "") for phrase in self.phrases]
        number = sum(phrase.count(" ") + 1 for phrase in self.phrases)
        if number > MAX_WORDS:
            raise TooManyWords(
                f"A search takes up to {MAX_WORDS} words, and this has {number}. Leave some out."
            )

    def matches(self, text: str, joined: str | None = None) -> bool:
        """Return whether `text` has all the phrases; False if there are none.

        `joined` is what `joined_words` has made of the text before, if it has: nearly all texts
        that do not match are told apart by it quickly.
        """
        if text.isascii():
            parts, whole = self._words, text.lower()
        else:
            parts, whole = self._joined, joined_words(text) if joined is None else joined
        for part in parts:
            if part not in whole:
                return False
        words = f" {index_words(text)} "
        return bool(parts) and all(f" {phrase} " in words for phrase in self.phrases)


def phrases_of(words: str) -> list[str]:
    """Return the phrase to search for, as `index_words` gives it, for each word in `words`."""
    return [phrase for word in words.split() if (phrase := index_words(word))]


def index_words(text: str) -> str:
    """Return the words of `text` in the form that a search compares, with a space between them.

    They are casefolded, without accents and without punctuation, so nothing in them is special to
    a search engine. In a script without spaces between words, each character counts as a word.
    """
    return " ".join(_words_of(text))


def joined_words(text: str) -> str:
    """Return the words of `text` with nothing between them: `text` itself if it is just that."""
    joined = "".join(_words_of(text))
    return text if joined == text else joined


def _words_of(text: str) -> list[str]:
    text = text.casefold()
    if not text.isascii():
        # NFKD splits Hangul syllables into letters. NFC joins them again, so that a syllable
        # counts as one word.
        apart = unicodedata.normalize("NFKD", text)
        marks = _marks()
        if not marks.isdisjoint(apart):
            apart = "".join(character for character in apart if character not in marks)
        text = unicodedata.normalize("NFC", apart).casefold()
    return _WORD.findall(text)


@cache  # looking through all of them would take a tenth of the program's start
def _marks() -> frozenset[str]:
    """Return the characters that only mark another one, as accents do."""
    # All but these are below U+20000, so there is no need to look at a million characters.
    return frozenset(
        character
        for character in map(chr, chain(range(0x300, 0x20000), range(0xE0100, 0xE01F0)))
        if unicodedata.category(character) == "Mn"
    )


# Characters that count as a word each: first kana, ideographs and Hangul, then emoji and symbols.
_ALONE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"

_PICTURE = "\u2600-\u27bf\U0001f000-\U0001faff"

_WORD = re.compile(rf"[{_ALONE}{_PICTURE}]|[^\W_{_ALONE}{_PICTURE}]+")
