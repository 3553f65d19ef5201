"""Test which encodings a terminal may be in."""

import codecs
import errno

import pytest

from threadchat.terminal.view import View
from threadchat.text import encodings
from threadchat.text.decoder import Decoder
from threadchat.text.encodings import _known_encodings, usable_encoding


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

    def test_each_one_is_right_with_any_bytes_cut_anywhere(self) -> None:
        ascii_bytes = bytes(range(128))
        every_byte = bytes(range(256)) + bytes(range(255, -1, -1)) + b"\n"
        for name in sorted(_known_encodings()):
            try:
                encoding = usable_encoding(name)
            except LookupError:
                continue
            for fallback in (encoding, "cp1252"):
                whole, bit_by_bit = Decoder(fallback), Decoder(fallback)
                if fallback != encoding:
                    whole.use(encoding)
                    bit_by_bit.use(encoding)
                assert whole.decode(ascii_bytes) == ascii_bytes.decode(), encoding
                text = whole.decode(every_byte * 3, final=True)
                bit_by_bit.decode(ascii_bytes)
                pieces = [bit_by_bit.decode(bytes((byte,))) for byte in every_byte * 3]
                assert "".join(pieces) + bit_by_bit.decode(b"", final=True) == text, encoding
                assert text.endswith("\n"), encoding
            assert View(encoding).encode("hi é漢가ж").startswith(b"hi "), encoding

    @pytest.mark.parametrize(
        "name",
        [
            *("utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig", "idna", "punycode", "rot13"),
            *("base64", "hex", "uu", "quopri", "bz2", "zip", "undefined", "charmap", "palmos"),
            *("unicode_escape", "raw_unicode_escape", "mbcs", "oem", "ansi", "dbcs", "iso2022_jp"),
            *("hz", "cp037", "cp500", "cp864", "shift_jisx0213", "mac_arabic", "aliases"),
            *("", " ", ".", "\0", "no such", "encodings.utf_8", "x" * 10_000, "é", "ｕｔｆ８"),
        ],
    )
    def test_what_no_terminal_can_be_in_is_refused(self, name: str) -> None:
        with pytest.raises(LookupError):
            usable_encoding(name)

    def test_one_that_cannot_be_loaded_for_want_of_descriptors_is_refused_for_now(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: str) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(codecs, "lookup", fail)
        with pytest.raises(LookupError, match="cannot be loaded just now: Too many open files"):
            usable_encoding("cp850")


def test_each_one_that_is_used_is_loaded_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(encodings, "usable_encoding", loaded.append)
    encodings.load_ahead(["cp1252", "cp437"])
    assert loaded == ["cp1252", "cp437"]
