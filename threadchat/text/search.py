"""Compare the words that people search for with what was said.

Case, accents and marks do not count.
"""

import re
import unicodedata


def phrases_of(words: str) -> list[str]:
    """Return what to look for, in the form of `index_words`, for each word that somebody typed."""
    return [phrase for word in words.split() if (phrase := index_words(word))]


def index_words(text: str) -> str:
    """Return the words of `text` in the form in which they are compared, a space between them.

    Casefolded, without accents, and without marks: nothing in it means anything to a search
    engine. Where a script puts no spaces between words, each character counts as one.
    """
    text = text.casefold()
    if not text.isascii():
        # NFKD would split Hangul syllables into letters; put together again, they count as one.
        apart = unicodedata.normalize("NFKD", text)
        bare = "".join(char for char in apart if unicodedata.category(char) != "Mn")
        text = unicodedata.normalize("NFC", bare).casefold()
    return " ".join(_WORD.findall(text))


# Kana, ideographs and Hangul; and what people say with one picture.
_ALONE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"

_PICTURE = "\u2600-\u27bf\U0001f000-\U0001faff"

_WORD = re.compile(rf"[{_ALONE}{_PICTURE}]|[^\W_{_ALONE}{_PICTURE}]+")
