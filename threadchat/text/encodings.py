"""Turn clients' bytes into text, and find the encodings that terminals use.

Pure functions and one decoder for each client. No bytes raise.
"""

import codecs
import encodings
import encodings.aliases
import pkgutil
from collections.abc import Iterable
from functools import cache

from rich.cells import cell_len


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
