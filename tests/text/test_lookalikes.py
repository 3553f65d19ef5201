"""The table of characters that look alike, and how it is made from Unicode's data."""

import re
import subprocess
import sys
import unicodedata

import pytest

from tests.confusables import TABLE, read, simplify, write
from threadchat.text import confusables
from threadchat.text.lookalikes import ASCII_LOOKALIKES, lookalikes
from threadchat.text.names import skeleton

PAIRS = {
    "a": "аɑα", "b": "Ьƅ", "c": "сᴄ", "d": "ԁ", "e": "еҽ", "f": "ք", "g": "ɡց", "h": "һհ",
    "i": "іɩɪι", "j": "јϳ", "k": "кκ", "l": "ӏӀ1IƖוןا", "m": "м", "n": "ոռ", "o": "оοօഠჿᴏ0",
    "p": "рρϸ", "q": "ԛգզ", "r": "гᴦ", "s": "ѕꜱƽ", "t": "тτ", "u": "υսᴜ", "v": "ѵνᴠט", "w": "ԝɯաᴡ",
    "x": "х", "y": "уүγყʏ", "z": "ᴢ", "A": "АΑ", "B": "ВΒ", "C": "С", "E": "ЕΕ", "F": "Ϝ",
    "G": "Ԍ", "H": "НΗ", "J": "Ј", "K": "КΚ", "M": "МΜϺ", "N": "Ν", "O": "ОΟՕ", "P": "РΡ", "R": "Ʀ",
    "S": "ЅՏ", "T": "ТΤ", "U": "Ս", "V": "Ѵ", "W": "Ԝ", "X": "ХΧ", "Y": "ҮΥ", "Z": "Ζ",
    "2": "Ƨ", "3": "ЗӠȜ", "5": "Ƽ", "6": "б", "8": "Ȣ",
}  # fmt: skip
"""Letters and digits, and what the standard or the fonts of terminals draw like them."""

SMALL_CAPITALS = dict(zip("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", strict=True))

EXCERPT = """\
\ufeff# confusables.txt
# Version: 99.0.0
0430 ;\t0061 ;\tMA\t# ( а → a ) CYRILLIC SMALL LETTER A → LATIN SMALL LETTER A\t#
006D ;\t0072 006E ;\tMA\t# ( m → rn ) LATIN SMALL LETTER M → LATIN SMALL LETTER R, LATIN ...\t#
0271 ;\t0072 006E 0326 ;\tMA\t# ( ɱ → rn̦ ) LATIN SMALL LETTER M WITH HOOK → LATIN SMALL ...\t#
00E6 ;\t0061 0065 ;\tMA\t# ( æ → ae ) LATIN SMALL LETTER AE → LATIN SMALL LETTER A, LATIN ...\t#
04D5 ;\t0061 0065 ;\tMA\t# ( ӕ → ae ) CYRILLIC SMALL LIGATURE A IE → LATIN SMALL LETTER A, ...\t#
0442 ;\t1D1B ;\tMA\t# ( т → ᴛ ) CYRILLIC SMALL LETTER TE → LATIN LETTER SMALL CAPITAL T\t#
030C ;\t0306 ;\tMA\t# ( ̌ → ̆ ) COMBINING CARON → COMBINING BREVE\t#
13AA ;\t0041 ;\tMA\t# ( Ꭺ → A ) CHEROKEE LETTER GO → LATIN CAPITAL LETTER A\t#
FF41 ;\t0061 ;\tMA\t# ( ａ → a ) FULLWIDTH LATIN SMALL LETTER A → LATIN SMALL LETTER A\t#
2010 ;\t002D ;\tMA\t#* ( ‐ → - ) HYPHEN → HYPHEN-MINUS\t#
"""


class TestTable:
    @pytest.mark.parametrize("letter", PAIRS)
    def test_what_looks_like_a_letter_or_digit_is_that(self, letter: str) -> None:
        assert [it for it in PAIRS[letter] if skeleton(it) != skeleton(letter)] == []

    @pytest.mark.parametrize("letter", SMALL_CAPITALS)
    def test_so_is_a_small_capital(self, letter: str) -> None:
        assert skeleton(SMALL_CAPITALS[letter]) == skeleton(letter)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("аррӏе", "apple"),
            ("土", "士"),
            ("șerban", "şerban"),
            ("ě", "ĕ"),
            ("æ", "ӕ"),
            ("ө", "ѳ"),
        ],
    )
    def test_names_of_one_script_can_look_alike_too(self, one: str, other: str) -> None:
        assert skeleton(one) == skeleton(other)

    def test_every_row_of_it_counts(self) -> None:
        for code, looks_like in lookalikes().items():
            assert skeleton(chr(code)) == skeleton(unicodedata.normalize("NFKC", looks_like))

    def test_letters_and_digits_of_ascii_stay_apart_but_for_the_usual_ones(self) -> None:
        alike = {skeleton(chr(code)) for code in range(0x30, 0x7B) if chr(code).isalnum()}
        assert len(alike) == 26 + 8  # 0 is an O, 1 is an l

    def test_the_part_for_ascii_agrees_with_the_whole(self) -> None:
        table = lookalikes()
        for code in range(0x80):
            shown = chr(code).translate(ASCII_LOOKALIKES)
            assert shown == table.get(code, chr(code)) or not (chr(code).isalnum())
            assert shown.lower() == shown.casefold().translate(table) or not chr(code).isalnum()

    def test_syllables_of_korean_stay_apart(self) -> None:
        syllables = [chr(code) for code in range(0xAC00, 0xD7A4)]
        assert len(set(map(skeleton, syllables))) == len(syllables)

    def test_it_is_not_read_until_it_is_needed(self) -> None:
        code = (
            "import threadchat; from threadchat.text.names import clean_name, skeleton;"
            "clean_name('al'); skeleton('0perator');"
            "from threadchat.text.lookalikes import lookalikes;"
            "print(lookalikes.cache_info().currsize)"
        )
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert shown.stdout.split() == [b"0"]


class TestMakingIt:
    def test_only_what_names_can_have_is_read(self) -> None:
        version, shown = read(EXCERPT)
        assert version == "99.0.0"
        assert "".join(shown) == "аmɱæӕт\u030c"

    def test_a_file_of_another_kind_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"is it confusables\.txt"):
            read("Hello")

    def test_what_looks_like_two_letters_looks_like_each_other(self) -> None:
        simple = simplify(read(EXCERPT)[1])
        assert simple["ӕ"] == "æ"
        assert "m" not in simple
        assert simple["ɱ"] == "m\u0326"
        assert simple["т"] == simple["ᴛ"] == "T"

    def test_the_module_is_what_it_makes(self) -> None:
        text = write("99.0.0", {"а": "a", "ɑ": "a", "ƀ": "b\u0335"})
        assert 'VERSION = "99.0.0"' in text
        assert "\n61=251,430 62+335=180\n" in text
        assert max(map(len, text.splitlines())) <= 100

    def test_the_module_that_is_here_was_made_so(self) -> None:
        table = {chr(code): shown for code, shown in lookalikes().items()}
        assert write(confusables.VERSION, table) == TABLE.read_text("ascii")
        assert re.fullmatch(r"\d+\.0\.0", confusables.VERSION)
