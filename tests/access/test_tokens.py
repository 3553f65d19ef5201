"""Tokens of programs: long, different each time, and known again by their hashes."""

import hmac
import re

import pytest

from threadchat.access import tokens


def test_each_is_new_and_can_stand_in_an_address() -> None:
    made = {tokens.make() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", it) for it in made)
    assert 8 * tokens.BYTES == 128


def test_only_the_same_token_has_the_same_hash() -> None:
    token = tokens.make()
    kept = tokens.hash_of(token)
    assert len(kept) == 32
    assert token.encode() not in kept
    assert tokens.is_same(tokens.hash_of(token), kept)
    for other in ("", token[:-1], token + "A", token.swapcase(), "\ud800", "é" * 9999):
        assert not tokens.is_same(tokens.hash_of(other), kept)
    assert not tokens.is_same(tokens.hash_of(token), b"")


def test_the_comparison_takes_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, kept: bytes) -> bool:
        compared.append((given, kept))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    tokens.is_same(b"given", b"kept")
    assert compared == [(b"given", b"kept")]
