"""Test that a name is found by what it looks like."""

from threadchat.storage.looks import Looks


def test_another_name_that_looks_like_it_is_found() -> None:
    looks = Looks()
    looks.add("alice")
    looks.add("a1ice")
    assert looks.like("aIice") == "alice"
    assert looks.like("Alice") == "a1ice"
    looks.drop("a1ice")
    assert looks.like("alice") is None
    looks.drop("alice")
    assert looks.like("a1ice") is None
