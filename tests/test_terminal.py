import tracemalloc
from collections.abc import Iterable, Iterator

import pytest

from threadchat.linebuffer import MAX_LINE, Line, LineTooLong
from threadchat.messages import View
from threadchat.terminal import AreYouThere, Ended, Terminal, TerminalEvent


def all_ways_to_cut(data: bytes) -> Iterator[list[bytes]]:
    """Yield `data` whole, cut in two at each place, and a byte at a time."""
    yield [data]
    for cut in range(1, len(data)):
        yield [data[:cut], data[cut:]]
    yield [bytes([byte]) for byte in data]


class Session:
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.terminal = Terminal()
        self.events: list[TerminalEvent] = []
        self.replies = b""
        for chunk in chunks:
            self.events += self.terminal.receive_data(chunk)
            self.replies += self.terminal.data_to_send()

    def end(self) -> list[TerminalEvent]:
        return self.terminal.receive_end()


class TestLines:
    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\0", b"\r"], ids=repr)
    def test_vector_2_each_line_end(self, end: bytes) -> None:
        for chunks in all_ways_to_cut(b"hi" + end + b"ho" + end):
            assert Session(chunks).events == [Line("hi"), Line("ho")]

    def test_vector_3_two_ends_are_two(self) -> None:
        for chunks in all_ways_to_cut(b"hi\r\r\n"):
            assert Session(chunks).events == [Line("hi"), Line("")]

    def test_vector_16_a_character_in_two_reads(self) -> None:
        assert Session([b"caf\xc3", b"\xa9\n"]).events == [Line("café")]

    def test_a_backspace_erases(self) -> None:
        assert Session([b"hellp\x08oo\x7f\n"]).events == [Line("hello")]

    def test_a_line_that_is_too_long_is_reported_once(self) -> None:
        session = Session([b"x" * (MAX_LINE + 1), b"x" * MAX_LINE, b"x\nhi\n"])
        assert session.events == [LineTooLong(MAX_LINE), Line("hi")]

    def test_memory_is_bounded(self) -> None:
        terminal = Terminal()
        tracemalloc.start()
        try:
            for opening in (b"\xff\xfa\x18", b"\xff\xf0", b"\xc3"):
                terminal.receive_data(opening)
                for _ in range(200):
                    terminal.receive_data(b"x" * 4096)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 50_000


class TestEnd:
    def test_vector_18_a_line_without_its_end_counts(self) -> None:
        session = Session([b"one\ntw", b"o"])
        assert session.events == [Line("one")]
        assert session.end() == [Line("two")]

    @pytest.mark.parametrize("data", [b"", b"hi\n", b"hi\r"], ids=repr)
    def test_no_empty_line_is_made_up(self, data: bytes) -> None:
        assert Session([data]).end() == []

    def test_an_incomplete_character_counts_too(self) -> None:
        assert Session([b"caf\xc3"]).end() == [Line("cafÃ")]

    def test_vector_19_an_incomplete_command_does_not(self) -> None:
        assert Session([b"hi\xff"]).end() == [Line("hi")]

    def test_a_line_that_is_too_long_does_not(self) -> None:
        assert Session([b"x" * (MAX_LINE + 1)]).end() == []


class TestCommands:
    @pytest.mark.parametrize(
        ("data", "events"),
        [
            (b"a\xff\xf6b\n", [AreYouThere(), Line("ab")]),
            (b"a\xff\xec", [Line("a"), Ended()]),
            (b"helx\xff\xf7p\n", [Line("help")]),
            (b"\xff\xf7a\n", [Line("a")]),
            (b"hel\xff\xf8hi\n", [Line("hi")]),
            (b"hel\xff\xf3hi\n", [Line("hi")]),
            (b"hel\xff\xf4hi\n", [Line("hi")]),
            (b"hel\xff\xeehi\n", [Line("hi")]),
            (b"h\xff\xf5i\n", [Line("hi")]),
            (b"h\xff\xedi\n", [Line("hi")]),
            (b"h\xff\xf1i\xff\xf2\n", [Line("hi")]),
            (b"one\n\xff\xf4two\n", [Line("one"), Line("two")]),
            (b"\xc3\xa9\xff\xf7e\n", [Line("e")]),
        ],
        ids=[
            "AYT",
            "EOF",
            "EC",
            "EC on an empty line",
            "EL",
            "BRK",
            "IP",
            "ABORT",
            "AO",
            "SUSP",
            "NOP and DM",
            "IP spares lines that are done",
            "EC takes a character, not a byte",
        ],
    )
    def test_what_a_command_does(self, data: bytes, events: list[TerminalEvent]) -> None:
        for chunks in all_ways_to_cut(data):
            assert Session(chunks).events == events

    @pytest.mark.parametrize(
        "data", [b"\xff\x00\x00", b"\xff\xf2", b"\xff\xef", b"\xff\xfa\xff\xf0"]
    )
    def test_vector_13_no_text_and_no_reply(self, data: bytes) -> None:
        for chunks in all_ways_to_cut(data + b"\n"):
            session = Session(chunks)
            assert session.events == [Line("")]
            assert session.replies == b""

    def test_vector_9_ctrl_c(self) -> None:
        for chunks in all_ways_to_cut(b"hel\xff\xf4\xff\xfd\x06hi\r\n"):
            session = Session(chunks)
            assert session.events == [Line("hi")]
            assert session.replies == b"\xff\xfc\x06"

    def test_vector_9_the_reply_is_ready_before_further_text(self) -> None:
        terminal = Terminal()
        terminal.receive_data(b"hel\xff\xf4\xff\xfd\x06")
        assert terminal.data_to_send() == b"\xff\xfc\x06"

    def test_vector_4_every_option_of_putty_is_refused(self) -> None:
        asked = bytes.fromhex("fffb1f fffb20 fffb18 fffb27 fffd01 fffb03 fffd03")
        refused = bytes.fromhex("fffe1f fffe20 fffe18 fffe27 fffc01 fffe03 fffc03")
        for chunks in all_ways_to_cut(asked + b"hi\r\n"):
            session = Session(chunks)
            assert session.replies == refused
            assert session.events == [Line("hi")]

    @pytest.mark.parametrize("data", [b"\xff\xfe\x01", b"\xff\xfc\x1f"])
    def test_vector_8_there_is_nothing_to_say_to_a_refusal(self, data: bytes) -> None:
        assert Session([data] * 5).replies == b""

    @pytest.mark.parametrize("data", [b"hi\r\n", b"\xff", b"\xff\xff", b"\xe9\n", b"\x1b[A\x00"])
    def test_who_speaks_no_telnet_is_sent_none(self, data: bytes) -> None:
        assert Session([data]).replies == b""


class TestView:
    def test_at_first_it_is_utf8(self) -> None:
        assert Terminal().view == View("utf-8", doubled_iac=False)

    def test_utf8_keeps_it(self) -> None:
        assert Session(["日本語 é\n".encode()]).terminal.view == View("utf-8")

    def test_vector_14_the_fallback_changes_it(self) -> None:
        for chunks in all_ways_to_cut(b"\xe9\xff\xffA\r\n"):
            session = Session(chunks)
            assert session.events == [Line("éÿA")]
            assert session.terminal.view == View("cp1252", doubled_iac=False)

    @pytest.mark.parametrize("data", [b"\xff\xf1\xe9\n", b"\xe9\n\xff\xf1", b"\xff\xfe\x01\xe9\n"])
    def test_ff_is_doubled_for_a_telnet_in_the_fallback(self, data: bytes) -> None:
        for chunks in all_ways_to_cut(data):
            assert Session(chunks).terminal.view == View("cp1252", doubled_iac=True)

    def test_a_telnet_in_utf8_shares_the_view_of_the_others(self) -> None:
        assert Session([b"\xff\xf1hi\n"]).terminal.view == View("utf-8", doubled_iac=False)

    @pytest.mark.parametrize("opening", [b"", b"\xe9\n", b"\xff\xf1", b"\xe9\n\xff\xf1"], ids=repr)
    def test_while_nothing_changes_it_is_the_same_object(self, opening: bytes) -> None:
        terminal = Session([opening]).terminal
        view = terminal.view
        terminal.receive_data(b"hi\n\xc3\xa9\n")
        assert terminal.view is view

    def test_a_line_that_comes_with_the_change_is_in_the_fallback(self) -> None:
        assert Session([b"ok\ncaf\xe9\n"]).events == [Line("ok"), Line("café")]


class TestEndsOfALine:
    def test_an_end_of_file_makes_what_was_typed_a_line(self) -> None:
        for chunks in all_ways_to_cut(b"abc\xff\xec"):
            assert Session(chunks).events == [Line("abc"), Ended()]

    def test_an_interrupt_takes_half_a_character_with_it(self) -> None:
        for chunks in all_ways_to_cut(b"\xc3\xff\xf4h\xc3\xa9\n"):
            assert Session(chunks).events == [Line("hé")]
