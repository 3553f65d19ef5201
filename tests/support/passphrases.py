"""Hashes of passphrases that are worked out in no time, for tests that only need some."""

from threadchat.access import passphrase

COST = passphrase._COST
"""What a server takes for each."""


def make_cheaply() -> None:
    """Let all hashes be cheap from now on, in this process."""
    passphrase._COST = 4
