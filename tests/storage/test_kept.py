"""What stands for a message in any file."""

import pytest

from threadchat.messages.kinds import Private
from threadchat.storage.kept import KeptMessage


def key_of(message: Private) -> str:
    return KeptMessage(0, message).key


LETTER = Private("al", "bo", "hi", at=12.5)


def test_it_is_the_same_in_any_file() -> None:
    # Also in those of other versions.
    assert key_of(LETTER) == "bo eee0f8c42255db06474cd152"
    assert KeptMessage(7, Private("AL", "Bo", "hi", at=12.5), None, True).key == key_of(LETTER)


@pytest.mark.parametrize(
    "other",
    [
        Private("al", "cy", "hi", at=12.5),
        Private("ed", "bo", "hi", at=12.5),
        Private("al", "bo", "ho", at=12.5),
        Private("al", "bo", "hi", at=12.6),
        Private("al\0", "bo", "\0hi", at=12.5),
    ],
)
def test_another_message_has_another(other: Private) -> None:
    assert key_of(other) != key_of(LETTER)


def test_any_words_have_one() -> None:
    assert key_of(Private("al", "bo", "\ud800", at=0.0)).startswith("bo ")
