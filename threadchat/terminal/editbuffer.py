"""Hold the line being typed as a list of clusters, with a cursor between two of them.

A *cluster* is what a person sees as one character. It is one code point or several: a letter with
its accents, a flag, a family of emoji. Clusters are built one code point at a time, so typing one
in pieces and pasting it whole give the same. `rich.cells.split_graphemes` needs the whole text,
lets a joiner swallow any character after it, and cuts flags in halves; only the widths here are
rich's.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from rich.cells import cell_len

from threadchat.text.clean import MAX_COMBINING_MARKS, UNSAFE_CHARACTER

UNSHOWABLE = re.compile(f"(?:{UNSAFE_CHARACTER.pattern}|\t)+")
"""Characters that never enter a line, because drawing them would damage the screen."""

MAX_CLUSTER = 32
"""The most code points in one cluster. No emoji has more; it ends chains of joiners."""

_JOINER = "\u200d"
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_ALONE_TWO_WIDE = _SKIN_TONES | set(map(chr, range(0x1F1E6, 0x1F200)))  # halves of flags
_DISPUTED = _ALONE_TWO_WIDE | {_JOINER, "\ufe0f"}


def _is_flag_half(text: str) -> bool:
    return len(text) == 1 and "\U0001f1e6" <= text <= "\U0001f1ff"


def _is_pictograph(character: str) -> bool:
    # The range covers emoji that are younger than this Python's Unicode tables.
    return "\U0001f000" <= character <= "\U0001faff" or unicodedata.category(character) == "So"


@lru_cache(maxsize=4096)
def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me")


@lru_cache(maxsize=4096)
def cluster_width(cluster: str) -> int:
    """Return the cells that `cluster` takes: at least 1, because no cluster begins with a mark."""
    # For rich a skin tone has no width, but it makes an emoji of a narrow hand.
    return 2 if not _SKIN_TONES.isdisjoint(cluster) else cell_len(cluster)


@lru_cache(maxsize=4096)
def slack(cluster: str) -> int:
    """Return how many cells more than `cluster_width` some terminal may take; 0 if all agree.

    Terminals disagree about joined emoji, skin tones, flags and variation selectors. The result is
    at least 1 for these, because some terminals take fewer cells.
    """
    if len(cluster) == 1 or _DISPUTED.isdisjoint(cluster):
        return 0
    apart = sum(2 if part in _ALONE_TWO_WIDE else cell_len(part) for part in cluster)
    return max(1, apart - cluster_width(cluster))


@lru_cache(maxsize=4096)
def _begins_cluster(character: str) -> bool:
    """Return whether `character` begins a cluster wherever no joiner is before it: as most do."""
    return character not in _ALONE_TWO_WIDE and cell_len(character) > 0


def _joins(cluster: str, character: str) -> bool:
    """Say whether `character` belongs to `cluster` or begins a new one (cf. UAX 29)."""
    if not cluster or len(cluster) >= MAX_CLUSTER:
        return False
    if _is_flag_half(character):
        return _is_flag_half(cluster)
    if character in _SKIN_TONES:
        return _is_pictograph(cluster[0])
    if cell_len(character) == 0:
        return True
    return cluster[-1] == _JOINER and _is_pictograph(cluster[0]) and _is_pictograph(character)


def append(clusters: list[str], character: str) -> bool:
    """Add `character` to the end of `clusters`, or return False if it cannot be there."""
    last = clusters[-1] if clusters else ""
    if _begins_cluster(character) and not last.endswith(_JOINER):
        clusters.append(character)
        return True
    if _is_mark(character) and last and all(map(_is_mark, last[-MAX_COMBINING_MARKS:])):
        return False
    if not _joins(last, character):
        if cell_len(character) == 0 and character not in _SKIN_TONES:
            return False  # a mark without a base would change the prompt's last cell
        clusters.append(character)
        return True
    clusters[-1] = last + character
    return True


def split(text: str) -> list[str]:
    """Divide `text` into clusters, without the characters that no cluster can have."""
    if text.isascii():
        return list(text)
    clusters: list[str] = []
    for character in text:
        append(clusters, character)
    return clusters


class EditBuffer:
    """The clusters left of the cursor, and those right of it in reverse order.

    So most keys change only the ends of the two lists.
    """

    __slots__ = ("left", "length", "right")

    def __init__(self) -> None:
        """Begin empty."""
        self.left: list[str] = []
        self.right: list[str] = []
        self.length = 0  # in code points

    @property
    def text_before(self) -> str:
        """The text left of the cursor."""
        return "".join(self.left)

    @property
    def text_after(self) -> str:
        """The text right of the cursor."""
        return "".join(reversed(self.right))

    def insert(self, text: str, limit: int) -> bool:
        """Insert `text` up to `limit` code points; return False if some of it did not fit."""
        if text.isascii():
            fitting = text[: limit - self.length]
            self.left.extend(fitting)
            self.length += len(fitting)
            return fitting == text
        for character in text:
            if self.length >= limit:
                return False
            self.length += append(self.left, character)
        return True

    def replace(self, before: str, after: str = "") -> None:
        """Replace the whole line by `before`, the cursor, and `after`."""
        self.left = split(before)
        self.right = split(after)[::-1]
        self.length = sum(map(len, self.left)) + sum(map(len, self.right))

    def go_left(self) -> None:
        """Move the cursor by one cluster."""
        if self.left:
            self.right.append(self.left.pop())

    def go_right(self) -> None:
        """Move the cursor by one cluster."""
        if self.right:
            self.left.append(self.right.pop())

    def go_word_left(self) -> None:
        """Move the cursor to the beginning of a word."""
        _pass_word(self.left, self.go_left)

    def go_word_right(self) -> None:
        """Move the cursor after the end of a word."""
        _pass_word(self.right, self.go_right)

    def go_to_start(self) -> None:
        """Move the cursor before the first cluster."""
        self.right.extend(reversed(self.left))
        self.left.clear()

    def go_to_end(self) -> None:
        """Move the cursor after the last cluster."""
        self.left.extend(reversed(self.right))
        self.right.clear()

    def erase_left(self) -> None:
        """Erase the cluster before the cursor."""
        if self.left:
            self.length -= len(self.left.pop())

    def erase_right(self) -> None:
        """Erase the cluster after the cursor."""
        if self.right:
            self.length -= len(self.right.pop())

    def erase_word_left(self) -> None:
        """Erase back to the beginning of a word."""
        _pass_word(self.left, self.erase_left)

    def erase_to_start(self) -> None:
        """Erase everything before the cursor."""
        while self.left:
            self.erase_left()

    def erase_to_end(self) -> None:
        """Erase everything after the cursor."""
        while self.right:
            self.erase_right()


def _pass_word(side: list[str], step: Callable[[], None]) -> None:
    """Take steps past spaces and the next word. Each step removes one cluster from `side`."""
    while side and side[-1].isspace():
        step()
    while side and not side[-1].isspace():
        step()
