"""Keep passphrases so that the file that holds them does not give them away.

What is kept is the output of scrypt (RFC 7914) and what it was made with, as one string of ASCII:
`$scrypt$ln=14,r=8,p=1$SALT$HASH`, the two in base64 without padding. It does not say the
passphrase, but whether another is the same.
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
from io import TextIOWrapper
from pathlib import Path
from threading import BoundedSemaphore

from threadchat.errors import PersonError

MIN_PASSPHRASE = 8
"""The shortest passphrase, in characters (NIST SP 800-63B, 5.1.1.2)."""

MAX_PASSPHRASE = 128
"""The longest passphrase, in characters."""

MAX_AT_ONCE = 2
"""How many are computed at the same time: each takes 16 MiB, and a processor for 50 ms."""

PATIENCE_SECONDS = 2.0
"""How long one waits for its turn: less than a stop may take (promise 9)."""

_COST = 14  # as a power of two
_BLOCK_SIZE = 8
_PARALLELISM = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_KEPT = re.compile(
    rb"\$scrypt\$ln=([12]?[0-9]),r=([0-9]{1,2}),p=([0-9])\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)

_JOINERS = "\u200c\u200d"
"""Cannot be seen, but some languages cannot be written without them."""

_M_MMAP_THRESHOLD = -3  # of glibc's <malloc.h>
_LARGE_BLOCK = 1024 * 1024

_turns = BoundedSemaphore(MAX_AT_ONCE)


class BadPassphrase(PersonError):
    """Say in one line why a passphrase cannot be had."""


class Busy(PersonError):
    """Say in one line that too many passphrases are being looked at for one more."""


def make(passphrase: str) -> bytes:
    """Return what to keep of `passphrase`, another string each time.

    Takes some 50 ms, and up to `PATIENCE_SECONDS` while others are computed. Raises
    `BadPassphrase` for one that is too short or too long or has characters that cannot be typed or
    seen, and `Busy`.
    """
    prepared = _prepared(passphrase)
    salt = os.urandom(_SALT_BYTES)
    hashed = _scrypt(prepared, salt, _COST, _BLOCK_SIZE, _PARALLELISM)
    parameters = f"$scrypt$ln={_COST},r={_BLOCK_SIZE},p={_PARALLELISM}"
    return b"$".join((parameters.encode(), _to_base64(salt), _to_base64(hashed)))


def is_right(passphrase: str, kept: bytes) -> bool:
    """Return whether `kept` was made of `passphrase`, compared in constant time.

    What `make` has not made is kept of none. Takes the time of `make`, and raises `Busy`.
    """
    parts = _KEPT.fullmatch(kept)
    if parts is None:
        return False
    *parameters, salt, hashed = parts.groups()
    try:
        computed = _scrypt(_prepared(passphrase), _from_base64(salt), *map(int, parameters))
        return hmac.compare_digest(computed, _from_base64(hashed))
    except (BadPassphrase, ValueError):  # scrypt raises this one for costs it does not have
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
        # Beyond 32 MiB, the default bound, this refuses what the parameters ask for.
        return hashlib.scrypt(
            password, salt=salt, n=1 << cost, r=block_size, p=parallelism, dklen=_HASH_BYTES
        )
    finally:
        _turns.release()


@functools.cache
def _give_large_blocks_back() -> None:
    """Have what scrypt works in go back to the system each time.

    Left to itself, glibc keeps it in the arena of the thread that asked, for the next time. As
    each client has a thread of its own, there soon is one in every arena, of which there are eight
    a processor: 300 MB with two of those. Other C libraries give it back, or have no such call.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def _prepared(passphrase: str) -> bytes:
    """Return the bytes of `passphrase`, the same ones however a client writes its letters.

    After the profile OpaqueString of RFC 8265, section 4.2: any space becomes the one of ASCII,
    case and width stay, and the form is NFC. Of what that forbids, old Hangul and joiners that
    join nothing are let through.
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
    """Return the passphrase in the first line of a file, all of that line but its end.

    The file is in UTF-8 or, with the mark that some editors on Windows put before it, in UTF-16.
    Raises `BadPassphrase`, naming the file, if it cannot be read or `make` would not take it.
    """
    try:
        with open(path, "rb") as file:
            is_utf16 = file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
            text = TextIOWrapper(file, "utf-16" if is_utf16 else "utf-8-sig")
            # A little more than the longest is enough to see that it is too long.
            line = text.readline(MAX_PASSPHRASE + 2).removesuffix("\n")
    except OSError as error:
        raise BadPassphrase(
            f"{path} cannot be read ({error.strerror}). Write the passphrase into its first line."
        ) from None
    except UnicodeError:
        raise BadPassphrase(f"{path} is not text in UTF-8. Save it as that.") from None
    if not line:
        raise BadPassphrase(f"the first line of {path} is empty. Write the passphrase there.")
    try:
        _prepared(line)
    except BadPassphrase as error:
        raise BadPassphrase(f"the first line of {path} cannot be used. {error}") from None
    return line
