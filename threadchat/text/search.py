"""Turn text into a form in which a search can compare it.

Case, accents and punctuation do not count.
"""

import re
import unicodedata


def phrases_of(words: str) -> list[str]:
    """Return the phrase to search for, as `index_words` gives it, for each word in `words`."""
    return [phrase for word in words.split() if (phrase := index_words(word))]


def index_words(text: str) -> str:
    """Return the words of `text` in the form that a search compares, with a space between them.

    They are casefolded, without accents and without punctuation, so nothing in them is special to
    a search engine. In a script without spaces between words, each character counts as a word.
    """
    text = text.casefold()
    if not text.isascii():
        # NFKD splits Hangul syllables into letters. NFC joins them again, so that a syllable
        # counts as one word.
        apart = unicodedata.normalize("NFKD", text)
        bare = "".join(char for char in apart if unicodedata.category(char) != "Mn")
        text = unicodedata.normalize("NFC", bare).casefold()
    return " ".join(_WORD.findall(text))


# Characters that count as a word each: first kana, ideographs and Hangul, then emoji and symbols.
_ALONE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"

_PICTURE = "\u2600-\u27bf\U0001f000-\U0001faff"

_WORD = re.compile(rf"[{_ALONE}{_PICTURE}]|[^\W_{_ALONE}{_PICTURE}]+")
