"""Test how a client's bytes become text, and what they tell of its encoding."""

import pytest

from tests.terminal.support import all_ways_to_cut
from threadchat.text.decoder import MAX_BAD_BYTES, MAX_HELD, Decoder, EncodingChanged


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


TO_FALLBACK, TO_UTF8 = EncodingChanged("cp1252"), EncodingChanged("utf-8")


def decoded(
    data: bytes, fallback: str = "cp1252", *, holds_lines: bool = True
) -> list[str | EncodingChanged]:
    """Return the text of `data`, with the changes where they stand; chunks must not matter."""
    outcomes = []
    for chunks in all_ways_to_cut(data):
        decoder = Decoder(fallback)
        decoder.holds_lines = holds_lines
        outcome: list[str | EncodingChanged] = [""]
        for index, chunk in enumerate(chunks):
            text, begin = decoder.decode(chunk, final=index == len(chunks) - 1), 0
            for place, change in decoder.take_changes():
                outcome += [f"{outcome.pop()}{text[begin:place]}", change, ""]
                begin = place
            outcome.append(f"{outcome.pop()}{text[begin:]}")
        outcomes.append(outcome)
    assert all(outcome == outcomes[0] for outcome in outcomes)
    return outcomes[0]


class TestUtf8Clients:
    """A client that has sent letters in UTF-8 stays UTF-8; a bad byte is that byte alone."""

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            ("привет\n".encode() + b"\xd0x\r\n" + "привет\n".encode(), "привет\nÐx\r\nпривет\n"),
            ("é".encode() + b"\xff" + "é".encode(), "éÿé"),
            ("é".encode() + b"\xc3(" + "é".encode(), "éÃ(é"),
            ("é".encode() + b"\xe2\x80 " + "é".encode(), "éâ€ é"),
            ("é".encode() + b"\xed\xa0\x80" + "é".encode(), "éí\xa0€é"),
            ("é".encode() + b"\xf0\x9f\x98" + "é".encode(), "éðŸ˜é"),
            ("é\n".encode() + b"\x81\n" + "é".encode(), "é\n\ufffd\né"),
            ("😀".encode() + b"\xd0", "😀Ð"),
            (
                "é".encode() + b"\x80" * MAX_BAD_BYTES + "é".encode(),
                "é" + "€" * MAX_BAD_BYTES + "é",
            ),
        ],
    )
    def test_it_stays(self, data: bytes, text: str) -> None:
        for holds_lines in (True, False):
            assert decoded(data, holds_lines=holds_lines) == [text]

    def test_it_does_not_if_bad_bytes_outnumber_the_letters_by_far(self) -> None:
        # In KOI8-R, this word of two letters happens to be a letter in UTF-8.
        data = "её\n".encode("koi8-r") + "привет, ребята\n".encode("koi8-r") * 3
        *_, change, last = decoded(data, "koi8-r")
        assert change == EncodingChanged("koi8-r")
        assert isinstance(last, str)
        assert last.endswith("привет, ребята\n")

    def test_a_chinese_client_is_found_out_in_spite_of_such_a_letter(self) -> None:
        data = "说你好，这是我的第一句话。\n你好\n".encode("gbk")
        assert str(decoded(data, "gbk")[-1]).endswith("你好\n")

    @pytest.mark.parametrize("bad", [b"\xd0x", b"\xff", b"\x80" * 100, b"\xc3\n"], ids=repr)
    def test_with_utf8_as_the_fallback_it_stays_too(self, bad: bytes) -> None:
        (text,) = decoded(bad + "é\n".encode(), "utf-8")
        assert text == bad.decode("utf-8", "replace") + "é\n"

    def test_a_chunk_of_bad_bytes_needs_no_stack(self) -> None:
        decoder = Decoder("utf-8")
        assert decoder.decode(b"\xff" * 20_000) == "\ufffd" * 20_000


class TestGuesses:
    """The fallback is a guess, and given up for a line that is UTF-8."""

    def test_it_is_given_up_at_the_beginning_of_the_line(self) -> None:
        assert decoded(b"\xd0x\nhi\n" + "привет\n".encode() + b"\xd0x\n") == [
            "",
            TO_FALLBACK,
            "Ðx\nhi\n",
            TO_UTF8,
            "привет\nÐx\n",
        ]

    @pytest.mark.parametrize(
        "line",
        ["caf\xe9\n", "Spa\xdf\x85\n", "hi\n", "\xe9\n\xc3\xa9\xe9\n", "\xd0\xbf\xd1\n"],
    )
    def test_other_lines_do_not_change_it(self, line: str) -> None:
        data = line.encode("latin-1")
        assert decoded(b"\xe9\n" + data) == [
            "",
            TO_FALLBACK,
            "é\n" + data.decode("cp1252"),
        ]

    def test_where_keys_come_one_by_one_it_stays(self) -> None:
        data = b"\xe9\n" + "привет\n".encode()
        assert decoded(data, holds_lines=False)[1:] == [
            TO_FALLBACK,
            data.decode("cp1252", "replace"),
        ]

    def test_a_line_without_an_end_is_not_held_for_ever(self) -> None:
        decoder = Decoder()
        decoder.holds_lines = True
        assert decoder.decode(b"\xe9" * (MAX_HELD - 1)) == ""
        assert decoder.decode(b"\xe9\xe9") == "é" * MAX_HELD
        assert decoder.decode(b"\n") == "é\n"

    def test_no_letter_is_cut_where_a_line_is_held_no_longer(self) -> None:
        decoder = Decoder("gbk")
        decoder.holds_lines = True
        assert decoder.decode("你\n".encode("gbk")) == "你\n"
        line = "a" + "你" * MAX_HELD  # so every piece ends within a letter
        assert decoder.decode(line.encode("gbk")) + decoder.decode(b"\n") == line + "\n"

    def test_what_is_held_can_be_dropped(self) -> None:
        decoder = Decoder()
        decoder.holds_lines = True
        decoder.decode(b"\xe9\nhel")
        decoder.clear()
        assert decoder.decode(b"hi\n") == "hi\n"

    def test_what_is_held_is_decoded_in_an_encoding_that_is_set(self) -> None:
        decoder = Decoder()
        decoder.holds_lines = True
        decoder.decode(b"\xe9\ncaf\x82")
        decoder.use("cp850")
        assert decoder.decode(b"\n") == "café\n"
        assert decoder.decode("привет\n".encode()) == "привет\n".encode().decode("cp850")


class TestPuttingBack:
    @pytest.mark.parametrize("letter", "у京😃\u065a東“")
    def test_a_byte_that_goes_on_with_a_letter(self, letter: str) -> None:
        data = letter.encode()
        for place in range(1, len(data)):
            decoder = Decoder()
            text = decoder.decode(data[:place])
            assert decoder.put_back(data[place])
            assert text + decoder.decode(b"") + decoder.decode(data[place + 1 :]) == letter

    @pytest.mark.parametrize("begun", [b"", b"a", b"\xc3\xa9", b"\xe0", b"\xed\x9f\xbf", b"\xf0"])
    def test_one_that_does_not(self, begun: bytes) -> None:
        decoder = Decoder()
        decoder.decode(begun)
        assert not decoder.put_back(0x83)

    def test_it_shows_that_a_guess_was_wrong(self) -> None:
        # A telnet has dropped the 85 of the first letter.
        decoder = Decoder()
        decoder.holds_lines = True
        text = decoder.decode(b"s\xc4 \xc5")
        assert decoder.encoding == "cp1252"
        assert decoder.put_back(0x9A)
        assert text + decoder.decode(b"\n") == "sÄ Ś\n"
        assert decoder.encoding == "utf-8"


class TestByteOrderMark:
    @pytest.mark.parametrize("text", ["al\n", "é\n", "\ufeffal\n", "", "\n"])
    def test_one_is_dropped_at_the_beginning(self, text: str) -> None:
        assert decoded(b"\xef\xbb\xbf" + text.encode()) == [text]

    @pytest.mark.parametrize("data", ["al\ufeff\n".encode(), "\n\ufeffal".encode()])
    def test_nowhere_else(self, data: bytes) -> None:
        assert decoded(data) == [data.decode()]

    def test_it_says_that_all_is_utf8(self) -> None:
        assert decoded(b"\xef\xbb\xbf\xe9\n\xc3\xa9") == ["é\né"]

    @pytest.mark.parametrize("data", [b"\xef", b"\xef\xbb", b"\xef\xbbx", b"\xefx"])
    def test_a_part_of_it_is_text(self, data: bytes) -> None:
        assert decoded(data)[-1] == data.decode("cp1252")


class TestLettersOfTwoBytes:
    """Encodings in which the second byte of a letter may be an ASCII one, such as a backslash."""

    CASES = pytest.mark.parametrize(
        ("encoding", "text"),
        [
            ("cp932", "ソ表"),
            ("gbk", "乗丂"),
            ("big5", "功許"),
            ("gb18030", "乗"),
            ("cp932", "aソ\nソb\n"),
        ],
    )

    @CASES
    def test_a_cut_within_one_changes_nothing(self, encoding: str, text: str) -> None:
        data = text.encode(encoding)
        assert any(byte < 0x80 for byte in data)
        for chunks in all_ways_to_cut(data):
            decoder = Decoder()
            decoder.use(encoding)
            assert "".join(map(decoder.decode, chunks)) == text

    @CASES
    @pytest.mark.parametrize("holds_lines", [False, True])
    def test_so_in_a_guess(self, encoding: str, text: str, holds_lines: bool) -> None:
        for chunks in all_ways_to_cut(text.encode(encoding)):
            decoder = Decoder(encoding)
            decoder.holds_lines = holds_lines
            decoded = "".join(map(decoder.decode, chunks)) + decoder.decode(b"", final=True)
            assert decoded == text
            assert decoder.encoding == encoding

    @CASES
    def test_one_that_has_begun_is_dropped_with_the_line(self, encoding: str, text: str) -> None:
        data = text.encode(encoding)
        decoder = Decoder()
        decoder.use(encoding)
        decoder.decode(data[:1])
        decoder.clear()
        assert decoder.decode(data) == text

    @CASES
    def test_one_that_has_begun_is_no_plain_line(self, encoding: str, text: str) -> None:
        decoder = Decoder()
        assert decoder.is_plain
        decoder.use(encoding)
        assert not decoder.is_plain
        assert text.startswith(decoder.decode(text.encode(encoding)[:1]))
        assert not decoder.is_plain


class TestAnEncodingThatIsSet:
    """It stays, whatever bytes come, and even if it was a guess before."""

    BAD, GOOD = b"caf\xe9\n", "日本\n".encode()

    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "iso8859-2"])
    @pytest.mark.parametrize("before", [b"", BAD, GOOD])
    @pytest.mark.parametrize("holds_lines", [False, True])
    def test_it_is_no_guess(self, encoding: str, before: bytes, holds_lines: bool) -> None:
        decoder = Decoder()
        decoder.holds_lines = holds_lines
        decoder.decode(before)
        decoder.take_changes()
        decoder.use(encoding)
        for data in (self.BAD * 40, self.GOOD, self.BAD):
            decoder.decode(data)
        assert decoder.take_changes() == []
        assert (decoder.encoding, decoder.is_a_guess) == (encoding, False)


class TestWhatIsKnown:
    """What a decoder says of a client's encoding."""

    def test_at_first_it_is_utf8(self) -> None:
        decoder = Decoder()
        assert (decoder.encoding, decoder.is_plain) == ("utf-8", True)
        assert not decoder.is_a_guess
        assert not decoder.has_changed
        assert not decoder.left_unfinished

    def test_a_letter_that_has_begun_is_not_plain(self) -> None:
        decoder = Decoder()
        assert decoder.decode(b"caf\xc3") == "caf"
        assert not decoder.is_plain
        assert decoder.decode(b"\xa9") == "\xe9"
        assert decoder.is_plain

    def test_behind_what_was_skipped_a_byte_order_mark_is_text(self) -> None:
        decoder = Decoder()
        decoder.skip()
        assert decoder.decode("\ufeffhi".encode()) == "\ufeffhi"

    def test_that_a_guess_was_wrong_is_told_of_the_text_that_follows(self) -> None:
        decoder = Decoder()
        decoder.holds_lines = True
        decoder.decode(b"s\xc4 \xc5")
        decoder.take_changes()
        assert decoder.put_back(0x9A)
        assert decoder.take_changes() == [(0, EncodingChanged("utf-8"))]

    def test_a_change_is_told_once(self) -> None:
        decoder = Decoder()
        assert decoder.decode(b"x\xe9\n") == "xé\n"
        assert decoder.is_a_guess
        assert decoder.has_changed
        assert decoder.take_changes() == [(1, EncodingChanged("cp1252"))]
        assert not decoder.has_changed
        assert decoder.take_changes() == []

    @pytest.mark.parametrize(
        ("data", "is_so"),
        [(b"\xc3(", True), (b"\xc2(", True), (b"\xc1(", False), (b"\x80", False), (b"hi", False)],
    )
    def test_a_letter_that_was_left_unfinished(self, data: bytes, is_so: bool) -> None:
        decoder = Decoder()
        decoder.decode(data)
        assert decoder.left_unfinished is is_so

    def test_another_fallback_counts_at_once_only_where_it_is_in_use(self) -> None:
        decoder = Decoder()
        decoder.guess("cp850")
        assert (decoder.encoding, decoder.has_changed) == ("utf-8", False)
        assert decoder.decode(b"\x82") == "é"
        decoder.guess("cp1252")
        assert decoder.take_changes()[1:] == [(0, EncodingChanged("cp1252"))]
        assert decoder.decode(b"\xe9") == "é"

    def test_a_doubt_is_over_with_the_next_letter(self) -> None:
        decoder = Decoder()
        decoder.decode(b"\xe9\n")
        decoder.doubt()
        assert decoder.decode(b"hi") == "hi"
        assert decoder.decode("é".encode()) == "é"
        assert (decoder.encoding, decoder.is_a_guess) == ("utf-8", False)
        other = Decoder()
        other.decode(b"\xe9\n")
        other.doubt()
        assert other.decode(b"\xe9\n") == "é\n"
        assert other.decode("é".encode()) == "Ã©"
        assert other.is_a_guess

    def test_in_doubt_a_letter_may_come_in_two_pieces(self) -> None:
        decoder = Decoder()
        decoder.decode(b"\xe9\n")
        decoder.doubt()
        assert decoder.decode(b"caf\xc3") == "caf"
        assert decoder.decode(b"\xa9\n") == "é\n"
        assert (decoder.encoding, decoder.is_a_guess) == ("utf-8", False)

    @pytest.mark.parametrize("word", ["éé", "漢"])
    def test_a_line_with_more_than_one_short_letter_shows_that_a_guess_was_wrong(
        self, word: str
    ) -> None:
        decoder = Decoder()
        decoder.holds_lines = True
        decoder.decode(b"\xe9\n")
        assert decoder.decode(f"{word}\n".encode()) == f"{word}\n"
        assert decoder.encoding == "utf-8"
