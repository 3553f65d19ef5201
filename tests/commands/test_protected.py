"""Operators list the names that are protected, and free them."""

import time

import pytest

from tests.support.chats import RIGHT, Lobby, Somebody, protect
from threadchat.commands.protected import MAX_LISTED
from threadchat.monitoring.events import Acted
from threadchat.storage.records import MAX_NAMES_OF_ADDRESS


@pytest.fixture
def op(kept: Lobby) -> Somebody:
    (op,) = kept.enter("boss")
    op.is_operator = True
    return op


def answer(kept: Lobby, op: Somebody, line: str) -> list[str]:
    kept.types(op, line)
    return op.lines()


class TestList:
    def test_it_says_since_when_and_from_where(self, kept: Lobby, op: Somebody) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, RIGHT, RIGHT)
        lines = answer(kept, op, "/protected")[-2:]
        day = time.strftime("%Y-%m-%d")
        assert lines[0].startswith(f"=== al since {day} ")
        assert lines[0].endswith(f", from {al.host}")
        assert lines[1] == "=== /free NAME lets anybody have a name again."

    def test_it_can_be_narrowed_by_name_and_by_address(self, kept: Lobby, op: Somebody) -> None:
        for name, address in (("al", "10.0.0.1"), ("ali", "10.0.0.2"), ("bo", "10.0.0.1")):
            kept.records.protect(name, b"kept", address)
        for words, names in (("AL", ["ali", "al"]), ("10.0.0.1", ["bo", "al"])):
            lines = answer(kept, op, f"/protected {words}")[:-1]
            assert [line.split()[1] for line in lines] == names
        assert answer(kept, op, "/protected x") == ["=== No such name is protected."]

    def test_of_many_the_newest_are_listed(self, kept: Lobby, op: Somebody) -> None:
        assert answer(kept, op, "/protected") == ["=== No name is protected."]
        for number in range(MAX_LISTED + 7):
            kept.records.protect(f"n{number}", b"kept")
        lines = answer(kept, op, "/protected")
        assert lines[0].startswith(f"=== n{MAX_LISTED + 6} since ")
        assert lines[-2] == "=== and 7 others. /protected BEGINNING lists those that begin so."
        assert len(lines) == MAX_LISTED + 2

    def test_it_is_for_operators(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        for line in ("/protected", "/free bo"):
            kept.types(al, line)
            assert "is for operators" in al.lines()[0]


class TestFree:
    def test_anybody_may_have_the_name_then(self, kept: Lobby, op: Somebody) -> None:
        (al,) = kept.enter("al")
        protect(kept, al, RIGHT, RIGHT)
        op.lines()
        assert answer(kept, op, "/free AL") == [
            "=== al is free: anybody may have it. Its mail is deleted."
        ]
        assert al.lines() == ["=== boss freed your name: it asks for no passphrase any more."]
        assert kept.records.protected("al") is None
        assert kept.events[-1] == Acted("boss", "freed the name al")
        kept.chat.leave(al, "quit")
        (eve,) = kept.enter("al")
        assert eve.identity is not al.identity

    def test_its_owner_need_not_be_here(self, kept: Lobby, op: Somebody) -> None:
        kept.records.protect("al", b"kept")
        answer(kept, op, "/free al")
        assert kept.records.protected("al") is None

    def test_a_name_that_is_not_protected(self, kept: Lobby, op: Somebody) -> None:
        assert answer(kept, op, "/free al") == [
            "!!! al is not protected. /protected lists what is."
        ]


class TestHowManyOneAddressMayHave:
    def test_it_may_have_a_handful(self, kept: Lobby) -> None:
        crowd = kept.enter(*(f"n{number}" for number in range(MAX_NAMES_OF_ADDRESS + 1)))
        for person in crowd:
            person.address = "10.0.0.1:5000"
        for person in crowd[:-1]:
            assert "is yours" in protect(kept, person, RIGHT, RIGHT)[-1]
        assert protect(kept, crowd[-1], RIGHT, RIGHT)[-1] == (
            f"!!! {MAX_NAMES_OF_ADDRESS} names are protected from your address already."
            " Ask an operator to free one."
        )
        kept.types(crowd[0], "/unprotect")
        assert "is yours" in protect(kept, crowd[-1], RIGHT, RIGHT)[-1]

    def test_a_new_passphrase_is_no_new_name(self, kept: Lobby) -> None:
        (al,) = kept.enter("al")
        for _ in range(MAX_NAMES_OF_ADDRESS + 2):
            assert "is yours" in protect(kept, al, RIGHT, RIGHT)[-1]

    def test_operators_may_have_more(self, kept: Lobby, op: Somebody) -> None:
        for number in range(MAX_NAMES_OF_ADDRESS + 2):
            kept.chat.rename(op, f"boss{number}")
            assert "is yours" in protect(kept, op, RIGHT, RIGHT)[-1]
