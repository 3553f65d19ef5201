"""Find the encodings that terminals use."""

import codecs
import encodings
import encodings.aliases
import pkgutil
from collections.abc import Iterable
from functools import cache

from rich.cells import cell_len


@cache
def _known_encodings() -> frozenset[str]:
    # Both sources are needed: some codecs have no alias, and the modules of a standard library in
    # an archive cannot be listed.
    modules = {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    known = modules | set(encodings.aliases.aliases.values())
    return frozenset(known - _UNUSABLE)


_UNUSABLE = {
    *("charmap", "raw_unicode_escape", "unicode_escape", "palmos"),
    *("mbcs", "oem"),  # Windows: what they mean depends on the machine
}


def load_ahead(encodings: Iterable[str]) -> None:
    """Load the files now that Python and rich would otherwise load at their first use.

    A server that is out of descriptors could not load them later. Then the client that sends the
    first letter beyond ASCII would lose its connection.
    """
    cell_len("\u6f22")
    for encoding in encodings:
        usable_encoding(encoding)


_ALL_ASCII = "".join(map(chr, range(0x20, 0x7F)))


def usable_encoding(name: str) -> str:
    """Return the name of the codec called `name`; raise `LookupError` if no terminal can use it.

    The codec must encode ASCII as ASCII, and must not write control characters, as ISO 2022 does.
    """
    # Unknown names must not reach Python: it keeps every name that it was asked for and did not
    # find, and never frees it.
    plain = encodings.normalize_encoding(name[:64]).lower()
    if encodings.aliases.aliases.get(plain, plain) not in _known_encodings():
        raise LookupError(f"{name[:20]} is no encoding that is known here")
    try:
        codec = codecs.lookup(plain)
    except OSError as error:  # the codec is in a file, and the system has no descriptor left
        raise LookupError(f"{plain} cannot be loaded just now: {error.strerror}") from None
    try:
        is_superset = codec.encode(_ALL_ASCII)[0] == _ALL_ASCII.encode()
        shifts = set(codec.encode("\u00e9\u6f22\uac00\u0436", "replace")[0]) & {*range(0x20), 0x7F}
    except (UnicodeError, TypeError):
        is_superset, shifts = False, set()
    if not is_superset or shifts:
        raise LookupError(f"{name} is no encoding for a terminal")
    return codec.name
