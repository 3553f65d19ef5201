"""Which names can be had, and which look alike."""

import unicodedata
from collections.abc import Iterable

import pytest
from rich.cells import cell_len

from threadchat.text.clean import MAX_COMBINING_MARKS
from threadchat.text.names import (
    MAX_NAME_CELLS,
    NAMES_OF_A_ROLE,
    NAMES_OF_CHARGE,
    RESERVED_NAMES,
    BadName,
    clean_name,
    fold_name,
    name_of_charge,
    skeleton,
)

ACUTE = "\u0301"


def test_a_name_may_be_just_so_wide() -> None:
    for letter in ("é", "x"):
        assert clean_name(letter * MAX_NAME_CELLS) == letter * MAX_NAME_CELLS
        with pytest.raises(BadName, match="That name is too long"):
            clean_name(letter * (MAX_NAME_CELLS + 1))
    assert clean_name("漢" * (MAX_NAME_CELLS // 2))
    with pytest.raises(BadName, match="That name is too long"):
        clean_name("漢" * (MAX_NAME_CELLS // 2) + "x")


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

    @pytest.mark.parametrize(
        "typed",
        with_code_points(
            [
                "",
                " ",
                "\t",
                "\u3000",
                "\u115f",
                "\u1160",
                "\u3164",
                "\uffa0",
                "\u2800",
                ACUTE,
                "\ufe0f",
                "\u200d",
                "\U000e0041",
                "\u3164\u2800",
            ]
        ),
    )
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
            "a" + "\u0301" * 100_000,
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

    @pytest.mark.slow
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
                "a\u115f",
                "a\u1160a",
                "a\u3164a",
                "a\uffa0a",
                "a\u2800a",
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


class TestNameOfCharge:
    @pytest.mark.parametrize(
        ("name", "like"),
        [
            *((name, name) for name in sorted(NAMES_OF_CHARGE)),
            *((f"{name.upper()}.", name) for name in sorted(NAMES_OF_CHARGE)),
            *((f"{name}_-.", name) for name in sorted(NAMES_OF_CHARGE)),
            ("Operator.", "operator"),
            ("operator_", "operator"),
            ("0perator", "operator"),
            ("op.er-at_or", "operator"),
            ("0perat0r__", "operator"),
            ("operator2", "operator"),
            ("operator-007", "operator"),
            ("Opérator", "operator"),
            ("ОРЕRАТОR", "operator"),
            ("ᴏᴘᴇʀᴀᴛᴏʀ", "operator"),
            ("ｏｐｅｒａｔｏｒ", "operator"),
            ("Server.", "server"),
            ("ѕerver", "server"),
            ("ꜱᴇʀᴠᴇʀ", "server"),
            ("s3rver", "server"),
            ("5erver", "server"),
            ("adm1n", "admin"),
            ("AdmIn", "admin"),
            ("admln", "admin"),
            ("adrnin", "admin"),
            ("r00t", "root"),
            ("sy5tem", "system"),
            ("tһreadchat", "threadchat"),
            ("thread.chat", "threadchat"),
            ("you.", "you"),
            ("the-admin", "admin"),
            ("admin.al", "admin"),
            ("chat_s3rver2", "server"),
            ("1admin", "admin"),
            ("4dmin", "admin"),
            ("x.007operator", "operator"),
            ("aclmin", "admin"),
            ("bot-admin5", "admins"),
            ("Passw0rd.", "password"),
            ("Pa55phrase", "passphrase"),
            ("NickServ", "nickserv"),
            ("chan5erv.", "chanserv"),
            ("post-master", "postmaster"),
            ("5ecurity", "security"),
            ("adminn", "admin"),
            ("seerverr", "server"),
            ("AADMIN", "admin"),
            ("opperator.", "operator"),
            ("staffff", "staff"),
            ("TheAdmin", "admin"),
            ("ServerBot", "server"),
            ("chat2admin", "admin"),
            ("the.ad-min", "admin"),
            ("x-op.erat_or", "operator"),
            ("adminl", "admin"),
            ("AdminI", "admin"),
            ("serverOO", "server"),
            ("Ooperator", "operator"),
            ("аԁміп", "admin"),
            ("орегатоr", "operator"),
            ("СеРвЕр1", "сервер"),
            ("главный-админ", "админ"),
            ("Διαχειριστής", "διαχειριστης"),
            ("Opérateur", "operateur"),
            ("Your-name", "yourname"),
            ("Announcement.", "announcement"),
        ],
    )
    def test_what_reads_like_one_is_found(self, name: str, like: str) -> None:
        assert name_of_charge(name) == like

    @pytest.mark.parametrize(
        "name",
        [
            *("al", "opera", "serverine", "roots", "youth", "systemd", "007", "Mona", "4you"),
            *("Staf", "Mood", "Oop", "sever", "ad-minus", "Adam-In", "MacAdam", "Modol", "Opo"),
            *("сервис", "управа", "operate", "ser-vera-n", "announcer"),
            *("eco-system", "al-op", "you-two", "administer", "passwort", "supporter", "-"),
        ],
    )
    def test_other_names_are_free(self, name: str) -> None:
        assert name_of_charge(name) is None

    @pytest.mark.parametrize("name", sorted(NAMES_OF_CHARGE))
    def test_each_is_found_whatever_stands_around_it(self, name: str) -> None:
        for after in ("1", "0", "-", "1-", "_9"):
            assert name_of_charge(name + after) == name
        if name in NAMES_OF_A_ROLE:
            for before in ("1", "c-", "cr-", "v_1", "r."):
                assert name_of_charge(f"{before}{name}1-n") == name


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
