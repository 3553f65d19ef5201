import unicodedata
from collections.abc import Iterable

import pytest
from rich.cells import cell_len

from threadchat.text.clean import MAX_COMBINING_MARKS, clean_text
from threadchat.text.encodings import Decoder, _known_encodings, usable_encoding
from threadchat.text.names import (
    MAX_NAME_CELLS,
    RESERVED_NAMES,
    BadName,
    clean_name,
    fold_name,
    skeleton,
)

ACUTE = "\u0301"


def characters(first: int, last: int) -> list[str]:
    return [chr(code) for code in range(first, last + 1)]


UNSAFE = {
    "C0": [character for character in characters(0x00, 0x1F) if character != "\t"],
    "DEL": ["\x7f"],
    "C1": characters(0x80, 0x9F),
    "bidi controls": [
        "\u061c",
        *characters(0x200E, 0x200F),
        *characters(0x202A, 0x202E),
        *characters(0x2066, 0x2069),
    ],
    "separators": ["\u2028", "\u2029"],
    "zero widths": ["\u200b", "\u2060", "\ufeff"],
    "soft hyphen": ["\u00ad"],
    "annotation": characters(0xFFF9, 0xFFFB),
    "tags": characters(0xE0000, 0xE007F),
    "surrogates": characters(0xD800, 0xDFFF),
    "noncharacters": [
        *characters(0xFDD0, 0xFDEF),
        *(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)),
    ],
}


def with_code_points(texts: Iterable[str]) -> list[object]:
    """Parameters named in ASCII: test ids of invisible characters are unreadable."""
    return [pytest.param(text, id=text.encode("unicode_escape").decode()) for text in texts]


class TestCleanText:
    @pytest.mark.parametrize("kind", UNSAFE)
    def test_unsafe_characters_go(self, kind: str) -> None:
        left = [character for character in UNSAFE[kind] if clean_text(f"ж{character}ж") != "жж"]
        assert not left

    def test_c1_that_arrives_as_utf8_goes(self) -> None:
        assert clean_text(b"a\xc2\x85b".decode()) == "ab"

    def test_tab_becomes_a_space(self) -> None:
        assert clean_text("a\tb") == "a b"

    @pytest.mark.parametrize(
        "sequence",
        with_code_points(
            [
                "\x1b[31m",
                "\x1b[1;38;5;9m",
                "\x1b[?25l",
                "\x1b[2J",
                "\x1b[6n",
                "\x1b[3~",
                "\x1b[4 q",
                "\x9b31m",
                "\x1b]0;title\x07",
                "\x1b]0;title\x1b\\",
                "\x1b]0;title\x9c",
                "\x9d0;title\x9c",
                "\x1bP$q m\x1b\\",
                "\x90$q m\x9c",
                "\x1bXstart\x1b\\",
                "\x98start\x9c",
                "\x1b^private\x1b\\",
                "\x9eprivate\x9c",
                "\x1b_application\x1b\\",
                "\x9fapplication\x9c",
                "\x1bOA",
                "\x1bOP",
                "\x1b(B",
                "\x1bc",
                "\x1b7",
                "\x1b=",
            ]
        ),
    )
    def test_an_escape_sequence_goes_whole(self, sequence: str) -> None:
        assert clean_text(f"one {sequence}two") == "one two"

    @pytest.mark.parametrize(
        ("typed", "left"),
        [("a\x1b[31", "a31"), ("a\x1b]0;title", "a0;title"), ("a\x1b", "a"), ("a\x9b", "a")],
    )
    def test_a_sequence_without_its_end_loses_its_opening(self, typed: str, left: str) -> None:
        assert clean_text(typed) == left

    def test_what_is_left_of_nested_sequences_is_harmless(self) -> None:
        assert "\x1b" not in clean_text("\x1b\x1b[31m[31m\x1b[\x1b[0m31m")

    @pytest.mark.parametrize(
        "text",
        with_code_points(
            [
                "",
                "plain words, <b>&[/red] %s {0} \\n",
                "na\u00efve",
                "Привет",
                "日本語",
                "שלום",
                "e\u0301",
                "👩\u200d👩\u200d👧",
                "❤\ufe0f",
                "می\u200cخواهم",
            ]
        ),
    )
    def test_harmless_text_stays(self, text: str) -> None:
        assert clean_text(text) == text

    def test_as_many_marks_as_allowed_stay(self) -> None:
        text = "a" + ACUTE * MAX_COMBINING_MARKS
        assert clean_text(text) == text

    def test_further_marks_go(self) -> None:
        assert clean_text("a" + ACUTE * 50 + "b") == "a" + ACUTE * MAX_COMBINING_MARKS + "b"

    def test_each_base_has_its_own_marks(self) -> None:
        text = ("a" + ACUTE * MAX_COMBINING_MARKS) * 3
        assert clean_text(text) == text

    def test_enclosing_marks_count_with_the_others(self) -> None:
        assert clean_text("a" + "\u20dd\u0301" * 10) == "a" + "\u20dd\u0301" * 2

    @pytest.mark.parametrize("between", with_code_points(["\u200b", "\u202e", "\x1b[m", "\x00"]))
    def test_what_goes_does_not_divide_the_marks(self, between: str) -> None:
        assert clean_text("a" + (ACUTE * 4 + between) * 5) == "a" + ACUTE * MAX_COMBINING_MARKS

    @pytest.mark.parametrize("between", with_code_points(["\u200d", "\u200c", "\u2061", "\u206a"]))
    def test_what_has_no_width_is_no_new_base(self, between: str) -> None:
        cleaned = clean_text("a" + (ACUTE * 4 + between) * 5)
        assert cleaned.count(ACUTE) == MAX_COMBINING_MARKS

    @pytest.mark.parametrize(
        "text",
        with_code_points(["a\x1b[\x1b[31m", "\x1b\x1b[[31m", "a\u202e\x9b" + ACUTE * 9, "\t\x1b"]),
    )
    def test_cleaning_twice_changes_nothing(self, text: str) -> None:
        assert clean_text(clean_text(text)) == clean_text(text)


class TestCleanName:
    @pytest.mark.parametrize(
        "name",
        with_code_points(
            [
                "al",
                "A",
                "a-b_c.d",
                "al-",
                "007",
                "7of9",
                "José",
                "Øyvind",
                "Ждан",
                "Αλέξης",
                "Արամ",
                "דוד",
                "علي",
                "राम",
                "สมชาย",
                "გიო",
                "አበበ",
                "민수",
                "山田たろう",
                "タロー",
                "佐々木",
                "ㄅㄆ",
                "Ждан2",
            ]
        ),
    )
    def test_a_name_of_one_script_stays_as_it_is(self, name: str) -> None:
        assert clean_name(name) == name

    @pytest.mark.parametrize("typed", with_code_points([" al", "al ", "\tal\r", "\u00a0al\u3000"]))
    def test_space_around_it_goes(self, typed: str) -> None:
        assert clean_name(typed) == "al"

    @pytest.mark.parametrize(
        ("typed", "shown"),
        [("\uff41\uff4c", "al"), ("\ufb01n", "fin"), ("a\u00b2", "a2"), ("e\u0301va", "\u00e9va")],
    )
    def test_it_is_shown_in_nfkc(self, typed: str, shown: str) -> None:
        assert clean_name(typed) == shown

    @pytest.mark.parametrize("typed", with_code_points(["", " ", "\t", "\u3000"]))
    def test_an_empty_name_is_refused(self, typed: str) -> None:
        with pytest.raises(BadName, match="needs at least one letter or digit"):
            clean_name(typed)

    @pytest.mark.parametrize("widest", ["a" * MAX_NAME_CELLS, "漢" * (MAX_NAME_CELLS // 2)])
    def test_the_widest_name_is_let_through(self, widest: str) -> None:
        assert clean_name(widest) == widest

    @pytest.mark.parametrize(
        "typed",
        [
            "a" * (MAX_NAME_CELLS + 1),
            "漢" * (MAX_NAME_CELLS // 2 + 1),
            "漢" * (MAX_NAME_CELLS // 2) + "a",
            "a" * 100_000,
            "\u0301" * 100_000,
        ],
        ids=["narrow", "wide", "mixed", "long", "long and of no width"],
    )
    def test_a_wider_one_is_refused(self, typed: str) -> None:
        with pytest.raises(BadName, match="too long: at most 20 columns"):
            clean_name(typed)

    def test_width_counts_as_the_name_is_shown(self) -> None:
        with pytest.raises(BadName, match="too long"):
            clean_name("\u3316" * 2)  # one sign each, spelt out as six katakana

    def test_zero_width_letters_do_not_make_a_name_longer_unseen(self) -> None:
        with pytest.raises(BadName):
            clean_name("가" + "\u1161" * 100)

    def test_spacing_marks_do_not_make_a_name_longer_unseen(self) -> None:
        with pytest.raises(BadName):
            clean_name("क" + "\u093e" * 100)

    def test_every_name_of_one_character_can_be_seen(self) -> None:
        blank = []
        for character in characters(0x00, 0xFFFF):
            try:
                name = clean_name(character)
            except BadName:
                continue
            if cell_len(name) == 0:
                blank.append(unicodedata.name(name))
        assert not blank

    @pytest.mark.parametrize(
        "typed",
        with_code_points(
            [
                "a b",
                "al:",
                "a/b",
                "@al",
                "al!",
                "a\u00a0b",
                "*",
                "-->",
                "[al",
                "☺",
                "a\u2019b",
                "a\u0663",  # an Arabic-Indic digit
                "\u00bd",
                "a\tb",
                "a\x1b[31mb",
                "a\x00b",
                "a\u00adb",
                "a\u200bb",
                "a\u202eb",
                "a\ud800",
                "a\U000e0041",
                "a\u200cb",
                "a\u200db",
                "\u115f",
                "\u1160",
                "\u3164",
                "\uffa0",
                "\u2800",
                "a\u01c3",  # a click letter that looks like an exclamation mark
                "q\u0301",  # a mark of no script in particular
                "ש" + "\u05bc" * (MAX_COMBINING_MARKS + 1),
            ]
        ),
    )
    def test_other_characters_are_refused(self, typed: str) -> None:
        with pytest.raises(BadName, match="made of letters, digits"):
            clean_name(typed)

    def test_marks_of_its_script_are_let_through(self) -> None:
        assert clean_name("שּׁ") == unicodedata.normalize("NFKC", "שּׁ")

    def test_a_mark_that_shows_nothing_is_refused(self) -> None:
        with pytest.raises(BadName):
            clean_name("ក\u17b4")  # KHMER VOWEL INHERENT AQ: cannot be told from the bare letter

    @pytest.mark.parametrize("typed", with_code_points(["-al", "_", ".al", "\u093eक"]))
    def test_a_leading_mark_is_refused(self, typed: str) -> None:
        with pytest.raises(BadName, match="begins with a letter or a digit"):
            clean_name(typed)

    @pytest.mark.parametrize(
        ("typed", "scripts"),
        [
            ("p\u0430ul", "Cyrillic and Latin"),
            ("\u0391l", "Greek and Latin"),
            ("\u0391\u0430", "Cyrillic and Greek"),
            ("al漢", "Chinese or Japanese and Latin"),
            ("\u05d0\u0430a", "Cyrillic and Hebrew and Latin"),
        ],
        ids=["Cyrillic in Latin", "Greek in Latin", "Cyrillic in Greek", "CJK in Latin", "three"],
    )
    def test_mixed_scripts_are_refused_by_name(self, typed: str, scripts: str) -> None:
        with pytest.raises(BadName, match=f"mixes {scripts} letters"):
            clean_name(typed)

    @pytest.mark.parametrize("reserved", sorted(RESERVED_NAMES))
    def test_reserved_names_are_refused(self, reserved: str) -> None:
        with pytest.raises(BadName, match="has a meaning of its own"):
            clean_name(reserved)

    @pytest.mark.parametrize("typed", with_code_points(["WHO", "Quit", "y0u", "he1p", "\uff57ho"]))
    def test_so_is_what_passes_for_a_reserved_name(self, typed: str) -> None:
        with pytest.raises(BadName, match="has a meaning of its own"):
            clean_name(typed)

    @pytest.mark.parametrize("typed", ["whom", "youth", "quite", "helper"])
    def test_names_that_only_begin_like_a_reserved_one_are_free(self, typed: str) -> None:
        assert clean_name(typed) == typed

    @pytest.mark.parametrize("typed", ["", "a b", "-a", "you", "a" * 21, "\u0430a"])
    def test_each_reason_is_a_sentence(self, typed: str) -> None:
        with pytest.raises(BadName) as caught:
            clean_name(typed)
        assert str(caught.value)[0].isalnum()
        assert str(caught.value).endswith(".")


class TestFoldName:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Al", "aL"),
            ("STRASSE", "straße"),
            ("ΣΟΦΟΣ", "σοφος"),
            ("ЖДАН", "ждан"),
            ("\uff21l", "al"),
            ("\u00c9va", "e\u0301va"),
            ("\u212a", "k"),
        ],
    )
    def test_names_that_differ_in_case_or_form_are_equal(self, one: str, other: str) -> None:
        assert fold_name(one) == fold_name(other)

    @pytest.mark.parametrize(("one", "other"), [("al", "bo"), ("al", "al1"), ("eva", "éva")])
    def test_other_names_differ(self, one: str, other: str) -> None:
        assert fold_name(one) != fold_name(other)


class TestSkeleton:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("\u0430\u0441\u0435", "ace"),
            ("\u0420\u0415\u0422", "PET"),
            ("\u0391\u0392\u0395", "ABE"),
            ("\u03bf\u03bd", "ov"),
            ("асеорхуіјѕһԁԛԝ", "aceopxyijshdqw"),
            ("АВСЕНІЈКМОРЅТУХ", "ABCEHIJKMOPSTYX"),
            ("αικνορτυχγω", "aikvoptuxyw"),
            ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
            ("оհոսցզյ", "ohnugqj"),
            ("b0b", "bob"),
            ("B0B", "BOB"),
            ("a1", "al"),
            ("aI", "al"),
            ("AL", "al"),
            ("\u0131an", "ian"),
            ("\uff30\uff25\uff34", "pet"),
            ("ロ", "口"),
            ("カ", "力"),
        ],
    )
    def test_names_that_look_alike_are_equal(self, one: str, other: str) -> None:
        assert skeleton(one) == skeleton(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [("\u0451\u0440\u043e", "\u00ebpo"), ("\u03cc\u03bd", "\u00f3v"), ("\u0390", "\u1e2f")],
        ids=["Cyrillic io", "Greek omicron with tonos", "Greek iota with dialytika and tonos"],
    )
    def test_accents_do_not_hide_a_look_alike(self, one: str, other: str) -> None:
        assert skeleton(one) == skeleton(other)

    @pytest.mark.parametrize(
        ("one", "other"), [("al", "bo"), ("rn", "m"), ("vv", "w"), ("eva", "éva"), ("i", "l")]
    )
    def test_other_names_differ(self, one: str, other: str) -> None:
        assert skeleton(one) != skeleton(other)


class TestDecoder:
    @pytest.mark.parametrize("text", ["hi", "é", "日本語", "👩\u200d👧", "\x00\x7f\n"])
    def test_utf8_stays_utf8(self, text: str) -> None:
        decoder = Decoder()
        assert decoder.decode(text.encode()) == text
        assert decoder.encoding == "utf-8"

    @pytest.mark.parametrize(
        ("before", "begun", "after", "rest", "text"),
        [
            ("utf-8", b"\xc3", "utf-8", b"\x9f", "ß"),
            ("utf-8", b"\xc3", "cp1252", b"\xdf", "Ãß"),
            ("cp932", b"\x93", "cp932", b"\xfa", "日"),
        ],
    )
    def test_a_character_that_has_begun_outlives_a_change(
        self, before: str, begun: bytes, after: str, rest: bytes, text: str
    ) -> None:
        decoder = Decoder()
        decoder.use(before)
        assert decoder.decode(begun) == ""
        decoder.use(after)
        assert decoder.decode(rest) == text

    @pytest.mark.parametrize("text", ["é", "日", "👧"])
    def test_a_character_is_shown_when_it_is_complete(self, text: str) -> None:
        decoder = Decoder()
        *begun, last = (bytes([byte]) for byte in text.encode())
        assert [decoder.decode(byte) for byte in begun] == [""] * len(begun)
        assert decoder.decode(last) == text

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (b"caf\xe9", "café"),
            (b"caf\xe9 ol\xe9", "café olé"),
            (b"\xc3\xa9 \xe9", "é é"),
            (b"\xe9\xffA", "éÿA"),
            (b"\x80", "€"),
            (b"\xc3(", "Ã("),
            (b"\xed\xa0\x80", "í\xa0€"),
            (b"\xf5", "õ"),
            (b"\xc0\xaf", "À¯"),
        ],
    )
    def test_the_first_invalid_sequence_changes_to_the_fallback(
        self, data: bytes, text: str
    ) -> None:
        decoder = Decoder()
        assert decoder.decode(data) + decoder.decode(b"", final=True) == text
        assert decoder.encoding == "cp1252"

    def test_the_fallback_stays(self) -> None:
        decoder = Decoder()
        decoder.decode(b"\xff")
        assert decoder.decode("é".encode()) == "Ã©"

    def test_what_came_before_stays_utf8(self) -> None:
        assert Decoder().decode("é".encode() + b"\xff") == "éÿ"

    def test_what_the_fallback_lacks_is_replaced(self) -> None:
        assert Decoder().decode(b"a\x81b") == "a\ufffdb"

    def test_later_on_too(self) -> None:
        decoder = Decoder()
        decoder.decode(b"\xff")
        assert decoder.decode(b"\x81") == "\ufffd"

    def test_another_fallback(self) -> None:
        decoder = Decoder("cp437")
        assert decoder.decode(b"\x82") == "é"
        assert decoder.encoding == "cp437"

    def test_an_incomplete_character_waits(self) -> None:
        decoder = Decoder()
        assert decoder.decode(b"a\xc3") == "a"
        assert decoder.encoding == "utf-8"

    def test_at_the_end_it_is_in_the_fallback(self) -> None:
        decoder = Decoder()
        decoder.decode(b"a\xc3")
        assert decoder.decode(b"", final=True) == "Ã"

    def test_at_the_end_nothing_may_be_left(self) -> None:
        assert Decoder().decode(b"a", final=True) == "a"

    @pytest.mark.parametrize(
        "data",
        [
            "aé日👧".encode(),
            "aé".encode() + b"\xe9\xc3\xa9",
            b"\xe6\x97\xe6\x97\xa5",
            b"\xed\xa0\x80",
        ],
    )
    def test_chunks_do_not_matter(self, data: bytes) -> None:
        whole = Decoder().decode(data, final=True)
        for cut in range(len(data) + 1):
            decoder = Decoder()
            assert decoder.decode(data[:cut]) + decoder.decode(data[cut:], final=True) == whole


class TestUsableEncoding:
    @pytest.mark.parametrize(
        ("name", "codec"),
        [("UTF8", "utf-8"), ("CP850", "cp850"), ("latin-1", "iso8859-1"), ("cp737", "cp737")],
    )
    def test_it_is_found_by_its_usual_names(self, name: str, codec: str) -> None:
        assert usable_encoding(name) == codec

    def test_the_common_ones_are_known_where_modules_cannot_be_listed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pkgutil.iter_modules", lambda path: iter(()))
        _known_encodings.cache_clear()
        try:
            for name in ("utf-8", "cp1252", "cp437", "cp850", "cp866", "koi8-r", "gbk", "latin-1"):
                assert usable_encoding(name)
        finally:
            _known_encodings.cache_clear()
