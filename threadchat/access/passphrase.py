"""Turn passphrases into hashes, and check passphrases against them.

A hash is the output of scrypt (RFC 7914) with its parameters, as one string of ASCII:
`$scrypt$ln=14,r=8,p=1$SALT$HASH`. SALT and HASH are in base64 without padding. A file with a hash
does not give the passphrase away; it only allows a check whether another passphrase is the same.
"""

import base64
import contextlib
import ctypes
import functools
import hashlib
import hmac
import os
import re
import unicodedata
from pathlib import Path
from threading import BoundedSemaphore

from threadchat.errors import PersonError
from threadchat.text.files import as_text, read_file, why_unreadable

MIN_PASSPHRASE = 8
"""The shortest passphrase, in characters (NIST SP 800-63B, 5.1.1.2)."""

MAX_PASSPHRASE = 128
"""The longest passphrase, in characters."""

MAX_AT_ONCE = 2
"""How many hashes are computed at the same time. Each takes 16 MiB, and a processor for 50 ms."""

PATIENCE_SECONDS = 2.0
"""Seconds that a computation waits until it may begin: less than a stop may take (promise 9)."""

_COST = 14  # as a power of two
_BLOCK_SIZE = 8
_PARALLELISM = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_KEPT = re.compile(
    rb"\$scrypt\$ln=([12]?[0-9]),r=([0-9]{1,2}),p=([0-9])\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)

_JOINERS = "\u200c\u200d"
"""Invisible characters that some languages cannot be written without."""

_M_MMAP_THRESHOLD = -3  # of glibc's <malloc.h>
_LARGE_BLOCK = 1024 * 1024

_turns = BoundedSemaphore(MAX_AT_ONCE)


class BadPassphrase(PersonError):
    """A passphrase cannot be used. Says why in one line."""


class Busy(PersonError):
    """Too many passphrases are being checked at this moment. Says so in one line."""


def make(passphrase: str) -> bytes:
    """Return a hash of `passphrase`, a different one each time.

    This takes some 50 ms, and up to `PATIENCE_SECONDS` more while others are computed. Raise
    `BadPassphrase` for a passphrase that is too short or too long, or that has characters that
    cannot be typed or seen. Raise `Busy` if the wait is too long.
    """
    prepared = _prepared(passphrase)
    salt = os.urandom(_SALT_BYTES)
    hashed = _scrypt(prepared, salt, _COST, _BLOCK_SIZE, _PARALLELISM)
    parameters = f"$scrypt$ln={_COST},r={_BLOCK_SIZE},p={_PARALLELISM}"
    return b"$".join((parameters.encode(), _to_base64(salt), _to_base64(hashed)))


def is_right(passphrase: str, kept: bytes) -> bool:
    """Return whether `kept` is a hash of `passphrase`; the comparison takes constant time.

    A value that `make` did not produce matches nothing. Takes as long as `make`, and raises `Busy`.
    """
    parts = _KEPT.fullmatch(kept)
    if parts is None:
        return False
    *parameters, salt, hashed = parts.groups()
    try:
        computed = _scrypt(_prepared(passphrase), _from_base64(salt), *map(int, parameters))
        return hmac.compare_digest(computed, _from_base64(hashed))
    except (BadPassphrase, ValueError):  # scrypt raises `ValueError` for costs that it refuses
        return False


def _to_base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _from_base64(data: bytes) -> bytes:
    return base64.b64decode(data + b"==")


def _scrypt(password: bytes, salt: bytes, cost: int, block_size: int, parallelism: int) -> bytes:
    _give_large_blocks_back()
    if not _turns.acquire(timeout=PATIENCE_SECONDS):
        raise Busy("Too many passphrases are being checked just now. Try again in a moment.")
    try:
        # If the parameters need more than 32 MiB, the default bound, this raises `ValueError`.
        return hashlib.scrypt(
            password, salt=salt, n=1 << cost, r=block_size, p=parallelism, dklen=_HASH_BYTES
        )
    finally:
        _turns.release()


@functools.cache
def _give_large_blocks_back() -> None:
    """Make glibc give the working memory of scrypt back to the system each time.

    By default, glibc keeps it in the arena of the thread that asked for it. Each client has a
    thread of its own, so soon every arena holds such a block. There are eight arenas a processor:
    300 MB with two processors. Other C libraries give the memory back, or have no such call.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def _prepared(passphrase: str) -> bytes:
    """Return the bytes of `passphrase`: the same bytes, however a client writes its letters.

    This follows the profile OpaqueString of RFC 8265, section 4.2: any space becomes an ASCII
    space, case and width stay, and the form is NFC. The profile also forbids old Hangul and joiners
    that join nothing; this function accepts them.
    """
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in passphrase)
    normal = unicodedata.normalize("NFC", spaced)
    if any(unicodedata.category(char)[0] in "CZ" and char not in f" {_JOINERS}" for char in normal):
        raise BadPassphrase("A passphrase is made of letters, digits, marks and spaces alone.")
    if len(normal) < MIN_PASSPHRASE:
        raise BadPassphrase(
            f"That passphrase is too short: at least {MIN_PASSPHRASE} characters, please."
        )
    if len(normal) > MAX_PASSPHRASE:
        raise BadPassphrase(
            f"That passphrase is too long: at most {MAX_PASSPHRASE} characters, please."
        )
    return normal.encode()


def read_passphrase(path: str | Path) -> str:
    """Return the passphrase in the first line of a file: the whole line without its end.

    Raise `BadPassphrase`, which names the file, if the file cannot be read or `make` would refuse
    the passphrase.
    """
    line = read_first_line(path)
    try:
        _prepared(line)
    except BadPassphrase as error:
        raise BadPassphrase(f"the first line of {path} cannot be used. {error}") from None
    return line


def read_first_line(path: str | Path) -> str:
    """Return the first line of a file without its end, whatever passphrase of others it is.

    Raise `BadPassphrase`, which names the file, if that cannot be read or is empty.
    """
    try:
        line = as_text(read_file(path)).readline().removesuffix("\n")
    except OSError as error:
        why = why_unreadable(path, error)
        raise BadPassphrase(f"{path} cannot be read for a passphrase: {why}") from None
    except UnicodeError:
        raise BadPassphrase(f"{path} is not text in UTF-8. Save it as that.") from None
    if not line:
        raise BadPassphrase(f"the first line of {path} is empty. Write the passphrase there.")
    return line
