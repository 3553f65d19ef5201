"""How clients' bytes become text, and which encodings a terminal may be in."""

import pytest

from threadchat.text.encodings import Decoder, _known_encodings, usable_encoding


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
