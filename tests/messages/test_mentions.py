"""Which words of a text can mention a person."""

import unicodedata

import pytest

from threadchat.messages.mentions import words_of
from threadchat.text.names import fold_name


class TestWords:
    def test_names_are_found_among_punctuation(self) -> None:
        text = "Hi AL, and @bo: where's (c.y.)? d-e_f!"
        assert {"al", "bo", "c.y", "d-e_f"} <= words_of(text)

    @pytest.mark.parametrize(
        "text",
        ["@al", "hi @AL, there", "(@al)", "hi @al: look", "_al_", "al- no", "@al's", "me,@al"],
    )
    def test_a_name_is_found_behind_an_at_and_before_marks(self, text: str) -> None:
        assert "al" in words_of(text)

    def test_parts_of_words_mention_nobody(self) -> None:
        assert "al" not in words_of("also metal al1 al_1 al-x")

    @pytest.mark.parametrize("name", ["हिन्दी", "মিতা", "ตั้ม", "דָּוִד", "José", "al."])
    def test_names_of_every_alphabet_are_found(self, name: str) -> None:
        assert fold_name(name) in words_of(f"Hi {name}, how are you")
        assert fold_name(name) in words_of(f"Hi {unicodedata.normalize('NFD', name)}!")
