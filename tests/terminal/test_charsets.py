"""Test which encoding a client gets: the one it offers, one set by hand, or its code page."""

import encodings

import pytest

from tests.terminal.support import AGREED, Session
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.view import View
from threadchat.text.decoder import EncodingChanged


class TestCharset:
    def test_it_can_be_set_by_hand(self) -> None:
        session = Session([b"hi\n"])
        assert session.terminal.set_charset("CP850") == "cp850"
        session.type(b"\x82\n")
        assert session.events[-1] == "\xe9"
        assert session.terminal.view == View("cp850")

    @pytest.mark.parametrize("data", [b"\xe9\n", b"\xe9" * 100 + b"\n", b"\xff" * 50 + b"\n"])
    def test_utf8_that_was_set_by_hand_stays(self, data: bytes) -> None:
        session = Session([b"\xe9\n"])
        session.terminal.set_charset("utf-8")
        session.type(data)
        session.type("\xe9\n".encode())
        assert session.events[-1] == "\xe9"
        assert session.terminal.view == View("utf-8")

    def test_a_guess_is_told_anew_when_it_changes(self) -> None:
        session = Session()
        for key in (b"a", b"\x82", AGREED):
            session.type(key, after=0.1)
        assert session.events == [EncodingChanged("cp1252"), EncodingChanged("cp437")]
        assert session.replies.endswith(b"a\x82")
        session.type(b"\r\n")
        assert session.lines == ["a\xe9"]

    @pytest.mark.parametrize(
        "name", ["nonsense", "utf-16", "utf-7", "rot13", "base64", "iso2022_jp", "cp037", "a b"]
    )
    def test_what_no_terminal_can_be_in_is_refused(self, name: str) -> None:
        with pytest.raises(LookupError):
            ClientTerminal().set_charset(name)

    @pytest.mark.parametrize(
        ("request_", "answer", "encoding"),
        [
            (b";ISO-8859-1;UTF-8", b"\x02UTF-8", "utf-8"),
            (b";NONSENSE;ISO-8859-15", b"\x02ISO-8859-15", "iso8859-15"),
            (b" KOI8-R", b"\x02KOI8-R", "koi8-r"),
            (b";UTF-16", b"\x03", "utf-8"),
            (b"", b"\x03", "utf-8"),
            (b"[TTABLE]\x01;CP850", b"\x02CP850", "cp850"),
        ],
    )
    def test_a_request_is_answered(self, request_: bytes, answer: bytes, encoding: str) -> None:
        session = Session([b"\xff\xfb\x2a"])
        assert session.replies == b"\xff\xfd\x2a"
        reply = session.type(b"\xff\xfa\x2a\x01" + request_ + b"\xff\xf0")
        assert reply == b"\xff\xfa\x2a" + answer + b"\xff\xf0"
        assert session.terminal.view.encoding == encoding

    def test_charset_requests_are_answered_within_the_bound(self) -> None:
        session = Session([b"\xff\xfb\x2a"])
        for _ in range(300):
            session.type(b"\xff\xfa\x2a\x01;x\xff\xf0")
        assert session.replies.count(b"\xff\xfa\x2a\x03\xff\xf0") == 99

    def test_a_probed_client_writes_its_oem_code_page(self) -> None:
        session = Session()
        session.press("hi")
        session.type(AGREED)
        session.type(b"\x82\r\n")
        assert session.events == [EncodingChanged("cp437"), "hi\xe9"]
        assert session.terminal.view.encoding == "cp437"

    @pytest.mark.parametrize("name", ["x" * 4000, "raw_unicode_escape", "charmap", "no.such"])
    def test_an_unknown_charset_is_not_looked_up(self, name: str) -> None:
        known: dict[str, object] = vars(encodings)["_cache"]
        before = len(known)
        with pytest.raises(LookupError):
            ClientTerminal().set_charset(name)
        assert len(known) == before
