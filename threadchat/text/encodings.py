"""Turn clients' bytes into text, and find the encodings that terminals use.

Each client has one `Decoder`; the rest are functions. No bytes from a client raise an error.
"""

import codecs
import encodings
import encodings.aliases
import pkgutil
from collections.abc import Iterable
from functools import cache

from rich.cells import cell_len


class Decoder:
    """Decode one client's bytes: as UTF-8 until they are not valid UTF-8.

    From the first invalid sequence on, this client's bytes are decoded with the fallback encoding,
    unless `use` sets another one. `encoding` is the encoding in use now, so that text for the
    client can be encoded in the same way. No bytes raise an error.
    """

    __slots__ = ("_decoder", "_rest", "encoding", "fallback", "is_a_guess")

    def __init__(self, fallback: str = "cp1252") -> None:
        self.fallback = fallback
        self.encoding = "utf-8"
        self.is_a_guess = False
        """Whether the encoding is only the fallback: nobody has confirmed it."""
        self._decoder: codecs.IncrementalDecoder | None = None  # None for UTF-8
        self._rest = b""  # the beginning of a UTF-8 character that is not complete yet

    @property
    def is_plain(self) -> bool:
        """Whether the encoding is still UTF-8 and no character is incomplete."""
        return self._decoder is None and not self._rest

    def use(self, encoding: str, is_a_guess: bool = False) -> None:
        """Decode with `encoding` from now on: a name that `usable_encoding` returned.

        The bytes of an incomplete character are decoded with it, too.
        """
        if self._decoder is not None:
            self._rest, _ = self._decoder.getstate()
        self.encoding = encoding
        self.is_a_guess = is_a_guess
        self._decoder = (
            None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("replace")
        )

    def decode(self, data: bytes, final: bool = False) -> str:
        """Return the text that `data` completes; with `final`, also what is still incomplete."""
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
        """Drop the bytes of an incomplete character."""
        self._rest = b""
        if self._decoder is not None:
            self._decoder.reset()


@cache
def _known_encodings() -> frozenset[str]:
    # Both sources are needed: some codecs have no alias, and the modules of a standard library in
    # an archive cannot be listed.
    modules = {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    known = modules | set(encodings.aliases.aliases.values())
    return frozenset(known - {"charmap", "raw_unicode_escape", "unicode_escape", "palmos"})


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
