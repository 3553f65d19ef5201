"""Make tokens, by which a program shows that it may do something, and compare them.

A token is random and so long that nobody guesses it. So a plain hash of it is as good as a slow one
of a passphrase: to try all tokens takes too long, however fast each try is.
"""

import hashlib
import hmac
import secrets

BYTES = 16
"""The random bytes of a token."""


def make() -> str:
    """Return a new token: 22 letters, digits and marks that may stand in an address as they are."""
    return secrets.token_urlsafe(BYTES)


def hash_of(token: str) -> bytes:
    """Return the hash of a token, which is what is kept of it; any text has one."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def is_same(given: bytes, kept: bytes) -> bool:
    """Return whether two hashes are the same; the comparison takes constant time."""
    return hmac.compare_digest(given, kept)
