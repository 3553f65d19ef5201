"""Test a client's terminal: lines, modes, secrets, and what stands on the screen (promise 5)."""

import re
import tracemalloc
from itertools import pairwise

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.terminal.support import (
    AGREED,
    DO_BINARY,
    HOME,
    PROBE,
    PUTTY,
    Session,
    all_ways_to_cut,
    completer,
)
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.keys import KEY_SECONDS
from threadchat.terminal.linebuffer import LineTooLong
from threadchat.terminal.modes import Mode
from threadchat.terminal.telnetprotocol import IAC, Command, Option
from threadchat.terminal.terminalevents import AreYouThere, Ended, TerminalEvent
from threadchat.terminal.view import View
from threadchat.text.clean import MAX_LINE, clean_text
from threadchat.text.decoder import EncodingChanged


class TestLines:
    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\0", b"\r"], ids=repr)
    def test_vector_2_each_line_end(self, end: bytes) -> None:
        for chunks in all_ways_to_cut(b"hi" + end + b"ho" + end):
            assert Session(chunks).events == ["hi", "ho"]

    def test_vector_3_two_ends_are_two(self) -> None:
        for chunks in all_ways_to_cut(b"hi\r\r\n"):
            assert Session(chunks).events == ["hi", ""]

    def test_vector_16_a_character_in_two_reads(self) -> None:
        assert Session([b"caf\xc3", b"\xa9\n"]).events == ["café"]

    def test_a_backspace_erases(self) -> None:
        assert Session([b"hellp\x08oo\x7f\n"]).events == ["hello"]

    def test_a_line_that_is_too_long_is_reported_once(self) -> None:
        session = Session([b"x" * (MAX_LINE + 1), b"x" * MAX_LINE, b"x\nhi\n"])
        assert session.events == [LineTooLong(MAX_LINE), "hi"]

    def test_memory_is_bounded(self) -> None:
        terminal = ClientTerminal()
        tracemalloc.start()
        try:
            for opening in (b"\xff\xfa\x18", b"\xff\xf0", b"\xc3"):
                terminal.receive_data(opening, 0.0)
                for _ in range(200):
                    terminal.receive_data(b"x" * 4096, 0.0)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 50_000


class TestEnd:
    def test_vector_18_a_line_without_its_end_counts(self) -> None:
        session = Session([b"one\ntw", b"o"])
        assert session.events == ["one"]
        assert session.end() == ["two"]

    @pytest.mark.parametrize("data", [b"", b"hi\n", b"hi\r"], ids=repr)
    def test_no_empty_line_is_made_up(self, data: bytes) -> None:
        assert Session([data]).end() == []

    def test_an_incomplete_character_counts_too(self) -> None:
        assert Session([b"caf\xc3"]).end() == [EncodingChanged("cp1252"), "cafÃ"]

    def test_vector_19_an_incomplete_command_does_not(self) -> None:
        assert Session([b"hi\xff"]).end() == ["hi"]

    def test_a_line_that_is_too_long_does_not(self) -> None:
        assert Session([b"x" * (MAX_LINE + 1)]).end() == []


class TestCommands:
    @pytest.mark.parametrize(
        ("data", "events"),
        [
            (b"a\xff\xf6b\n", [AreYouThere(), "ab"]),
            (b"a\xff\xec", ["a", Ended()]),
            (b"helx\xff\xf7p\n", ["help"]),
            (b"\xff\xf7a\n", ["a"]),
            (b"hel\xff\xf8hi\n", ["hi"]),
            (b"hel\xff\xf3hi\n", ["hi"]),
            (b"hel\xff\xf4hi\n", ["hi"]),
            (b"hel\xff\xeehi\n", ["hi"]),
            (b"h\xff\xf5i\n", ["hi"]),
            (b"h\xff\xedi\n", ["hi"]),
            (b"h\xff\xf1i\xff\xf2\n", ["hi"]),
            (b"one\n\xff\xf4two\n", ["one", "two"]),
            (b"\xc3\xa9\xff\xf7e\n", ["e"]),
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
            assert session.events == [""]
            assert session.replies == b""

    def test_vector_9_ctrl_c(self) -> None:
        for chunks in all_ways_to_cut(b"hel\xff\xf4\xff\xfd\x06hi\r\n"):
            session = Session(chunks)
            assert session.events == ["hi"]
            assert session.replies == b"\xff\xfc\x06"

    def test_vector_9_the_reply_is_ready_before_further_text(self) -> None:
        terminal = ClientTerminal()
        terminal.receive_data(b"hel\xff\xf4\xff\xfd\x06", 0.0)
        assert terminal.take_output()[0] == b"\xff\xfc\x06"


class TestView:
    def test_at_first_it_is_utf8(self) -> None:
        assert ClientTerminal().view == View("utf-8", doubled_iac=False)

    def test_utf8_keeps_it(self) -> None:
        assert Session(["日本語 é\n".encode()]).terminal.view == View("utf-8")

    def test_vector_14_the_fallback_changes_it(self) -> None:
        for chunks in all_ways_to_cut(b"\xe9\xff\xffA\r\n"):
            session = Session(chunks)
            assert session.events == [EncodingChanged("cp1252"), "éÿA"]
            assert session.terminal.view == View("cp1252", is_a_guess=True)

    @pytest.mark.parametrize("data", [b"\xff\xf1\xe9\n", b"\xe9\n\xff\xf1", b"\xff\xfe\x01\xe9\n"])
    def test_ff_is_doubled_for_a_telnet_in_the_fallback(self, data: bytes) -> None:
        for chunks in all_ways_to_cut(data):
            assert Session(chunks).terminal.view == View(
                "cp1252", is_a_guess=True, doubled_iac=True
            )

    def test_a_telnet_in_utf8_shares_the_view_of_the_others(self) -> None:
        assert Session([b"\xff\xf1hi\n"]).terminal.view == View("utf-8", doubled_iac=False)

    @pytest.mark.parametrize("opening", [b"", b"\xe9\n", b"\xff\xf1", b"\xe9\n\xff\xf1"], ids=repr)
    def test_while_nothing_changes_it_is_the_same_object(self, opening: bytes) -> None:
        terminal = Session([opening]).terminal
        view = terminal.view
        terminal.receive_data(b"hi\n\xc3\xa9\n", 0.0)
        assert terminal.view is view

    def test_a_line_that_comes_with_the_change_is_in_the_fallback(self) -> None:
        for chunks in all_ways_to_cut(b"ok\ncaf\xe9\n"):
            assert Session(chunks).events == ["ok", EncodingChanged("cp1252"), "café"]


class TestEndsOfALine:
    def test_an_end_of_file_makes_what_was_typed_a_line(self) -> None:
        for chunks in all_ways_to_cut(b"abc\xff\xec"):
            assert Session(chunks).events == ["abc", Ended()]

    @pytest.mark.parametrize("begun", [b"\xc3\xa9", b"\xe0", b"\xf1\x90\x80\x80"], ids=repr)
    def test_an_interrupt_that_goes_on_with_no_letter_clears_the_line(self, begun: bytes) -> None:
        for chunks in all_ways_to_cut(begun + b"\xff\xf4h\xc3\xa9\n"):
            assert Session(chunks).events == ["hé"]


class TestFindingOut:
    def test_vector_1_silence_is_met_with_silence(self) -> None:
        assert Session().settle() == b""

    def test_vector_6_keys_are_probed_and_drawn_once(self) -> None:
        session = Session()
        session.terminal.ask("Your name: ")
        session.settle()
        assert session.type(b"h") == b""
        session.screen.draw("h")  # Windows' telnet echoes until the first IAC
        assert session.type(b"i", after=0.1) == PROBE
        session.type(AGREED, after=0.01)
        assert session.shown == ["Your name: hi"]
        assert session.terminal.mode is Mode.CHARACTER
        session.type(b"\r\n")
        assert session.events == ["hi"]

    def test_a_client_that_begins_with_plain_lines_sends_lines(self) -> None:
        terminal = ClientTerminal()
        assert terminal.plain_lines(b"al\r\nhi\n") == ["al", "hi"]
        assert (terminal.mode, terminal.is_settled) == (Mode.LINE, True)
        # What came first decides: these bytes in the middle are no mark of an encoding.
        assert terminal.receive_data(b"\xef\xbb\xbfho\n", 0.0) == ["\ufeffho"]

    def test_a_secret_is_never_a_plain_line(self) -> None:
        terminal = ClientTerminal()
        terminal.ask_secret("Password: ")
        assert terminal.plain_lines(b"secret\n") is None

    def test_keys_that_come_before_the_answer_are_drawn_too(self) -> None:
        session = Session()
        session.press("hi")
        session.press(" the\br")
        session.type(AGREED)
        assert session.shown == ["hi thr"]

    @pytest.mark.parametrize(
        ("chunks", "mode"),
        [
            ([b"abc"], Mode.UNKNOWN),  # vector 7: abc, then Ctrl-D
            ([b"hi\n"], Mode.LINE),
            ([b"h", b"\r"], Mode.LINE),
            ([b"123456789", b"1"], Mode.UNKNOWN),
            ([b"1", b"123456789", b"1"], Mode.UNKNOWN),
            ([b"1", b"2"], Mode.PROBED),
            ([b"\xff\xf1", b"1"], Mode.UNKNOWN),
        ],
    )
    def test_what_chunks_tell(self, chunks: list[bytes], mode: Mode) -> None:
        session = Session()
        for chunk in chunks:
            session.type(chunk, after=0.1)
        assert session.terminal.mode is mode
        assert (PROBE in session.replies) is (mode is Mode.PROBED)

    def test_pieces_of_one_text_are_no_keys(self) -> None:
        session = Session()
        for byte in b"pasted":
            session.type(bytes((byte,)), after=0.019)
        assert session.replies == b""

    def test_a_probe_that_is_refused_leaves_line_mode(self) -> None:
        session = Session()
        session.press("hi")
        answer = session.type(b"\xff\xfe\x01\xff\xfe\x03")
        session.type(b" there\r\n")
        assert (answer, session.terminal.mode) == (b"", Mode.LINE)
        assert session.events == ["hi there"]

    def test_a_probe_nobody_answers_is_the_last_telnet_sent(self) -> None:
        session = Session()
        session.press("h")
        session.press("i")
        session.type(b" ", after=3.1)
        session.press("the\x7fre\r")
        assert session.terminal.mode is Mode.RAW
        assert session.replies == PROBE
        assert session.events == ["hi thre"]

    @pytest.mark.parametrize("refused", [Option.ECHO, Option.SGA])
    def test_one_of_echo_and_sga_without_the_other_is_given_up(self, refused: int) -> None:
        # SGA alone would leave a Unix telnet in character mode with its own echo.
        other = {Option.ECHO: Option.SGA, Option.SGA: Option.ECHO}[Option(refused)]
        session = Session()
        session.press("hi")
        session.type(bytes((IAC, Command.DO, other, IAC, Command.DONT, refused)))
        assert session.terminal.mode is Mode.LINE
        assert session.negotiation[-1] == bytes((IAC, Command.WONT, other)).hex()

    @pytest.mark.parametrize("name", [b"MUDLET", b"TinTin++", b"MUSHclient"])
    def test_a_mud_client_gets_its_own_line_back(self, name: bytes) -> None:
        session = Session([PUTTY])
        assert b"\xff\xfa\x18\x01\xff\xf0" in session.replies
        answer = session.type(b"\xff\xfa\x18\x00" + name + b"\xff\xf0")
        assert answer.startswith(b"\xff\xfc\x01\xff\xfc\x03")
        assert session.terminal.mode is Mode.LINE

    @pytest.mark.parametrize("name", [b"XTERM", b"ANSI", b"VTNT", b"", b"\xff\xff"])
    def test_other_terminals_stay_in_character_mode(self, name: bytes) -> None:
        session = Session([PUTTY, b"\xff\xfa\x18\x00" + name + b"\xff\xf0"])
        assert session.terminal.mode is Mode.CHARACTER

    def test_line_mode_can_be_left_and_come_back_to(self) -> None:
        session = Session([b"hi\r\n"])
        session.terminal.set_character_mode(True)
        assert session.settle() == PROBE + DO_BINARY
        session.type(AGREED)
        session.type(b"one\r\0half")
        session.terminal.set_character_mode(False)
        assert b"\xff\xfc\x01\xff\xfc\x03" in session.settle()
        session.type(b"\xff\xfe\x01\xff\xfe\x03 a line\r\n")
        assert session.events == ["hi", "one", "half a line"]
        assert not session.terminal.is_in_character_mode


class TestCharacterMode:
    @pytest.fixture
    def session(self) -> Session:
        session = Session([PUTTY])
        session.terminal.set_prompt("lobby> ")
        session.settle()
        return session

    def test_keys_are_shown_behind_the_prompt(self, session: Session) -> None:
        session.press("hallo\x7f\b\b")
        assert session.shown == ["lobby> ha"]

    def test_vector_20_a_new_width_in_the_middle_of_a_line(self, session: Session) -> None:
        session.press("x" * 30)
        session.screen.resize(24, 20)
        session.type(b"\xff\xfa\x1f\x00\x14\x00\x18\xff\xf0")
        session.type(b"y")
        assert session.shown == ["lobby> " + "x" * 13, "x" * 17 + "y"]

    @pytest.mark.parametrize("columns", [b"\x00\x00", b"\xff\xff\xff\xff", b"\x00\x01"])
    def test_an_absurd_width_harms_nothing(self, session: Session, columns: bytes) -> None:
        session.type(b"\xff\xfa\x1f" + columns + b"\x00\x18\xff\xf0")
        session.press("x" * 30 + "\r")
        assert session.events == ["x" * 30]

    def test_an_interrupt_clears_the_line_on_the_screen(self, session: Session) -> None:
        session.press("oops")
        assert session.type(b"\xff\xf4\xff\xfd\x06").startswith(b"\xff\xfc\x06")
        assert session.shown == ["lobby>"]

    def test_an_erase_command_erases(self, session: Session) -> None:
        session.press("hi")
        session.type(b"\xff\xf7")
        assert session.shown == ["lobby> h"]

    def test_ctrl_d_on_an_empty_line_ends(self, session: Session) -> None:
        session.type(b"\x04")
        assert session.events == [Ended()]

    def test_bytes_that_are_no_utf8_change_what_is_drawn(self, session: Session) -> None:
        session.type(b"caf\xe9s")
        assert session.terminal.view.encoding == "cp1252"
        frame = session.terminal.take_output()[1]
        assert frame is not None
        assert frame[1].endswith(b"lobby> caf\xe9s")

    def test_the_frame_keeps_the_line_whole(self, session: Session) -> None:
        session.press("half a li")
        _, frame = session.terminal.take_output()
        assert frame is not None
        pyte.ByteStream(session.screen).feed(frame[0] + b"bo: hello\r\n" + frame[1])
        session.press("ne")
        assert session.shown == ["bo: hello", "lobby> half a line"]

    def test_in_line_mode_there_is_no_frame(self) -> None:
        assert Session([b"hi\n"]).terminal.take_output() == (b"", None)


class TestSecrets:
    def test_in_character_mode_nothing_is_echoed(self) -> None:
        session = Session([PUTTY])
        session.terminal.ask_secret("Password: ")
        session.settle()
        session.press("hunter2\r")
        assert session.events == ["hunter2"]
        session.terminal.set_prompt("lobby> ")
        session.settle()
        session.press("\x1b[A")
        assert session.shown == ["Password:", "lobby>"]
        assert b"hunter" not in session.replies

    def test_a_telnet_in_line_mode_is_told_not_to_echo(self) -> None:
        session = Session([b"\xff\xf1hi\r\n"])
        session.terminal.ask_secret("Password: ")
        assert session.settle() == b"\xff\xfb\x01Password: "
        session.type(b"\xff\xfd\x01")
        assert session.type(b"hunter2\r\n") == b"\xff\xfc\x01\r\n"
        session.type(b"\xff\xfe\x01")
        assert session.events[-1] == "hunter2"
        assert session.terminal.mode is Mode.LINE

    def test_a_telnet_that_goes_on_echoing_is_warned(self) -> None:
        session = Session([b"\xff\xf1hi\r\n"])
        session.terminal.ask_secret("Password: ")
        session.settle()
        answer = session.type(b"\xff\xfe\x01")
        assert answer == b"\r\n(Your client will show what you type.) Password: "
        assert session.type(b"hunter2\r\n") == b""
        assert session.events[-1] == "hunter2"

    def test_what_is_typed_ahead_of_it_begins_the_next_line(self) -> None:
        # Command, passphrase and more in one piece, of which the end is still to come.
        session = Session([PUTTY, b"/protect\rhunter2\rhunter2\rhel"])
        for _ in range(2):
            session.terminal.ask_secret("Password: ")
            session.terminal.take_secret("hunter2")
        session.type(b"lo\r")
        assert session.events[-1] == "hello"

    def test_one_that_came_with_the_command_that_asks_is_one_all_the_same(self) -> None:
        session = Session([PUTTY, b"/protect\rhunter2\r"])
        session.terminal.ask_secret("Password: ")
        session.terminal.take_secret("hunter2")
        session.terminal.set_prompt("lobby> ")
        session.settle()
        session.press("\x1b[A")
        assert session.shown == ["lobby> /protect"]

    def test_a_telnet_in_line_mode_echoes_again_after_such_a_one(self) -> None:
        session = Session([b"\xff\xf1/protect\r\nhunter2\r\n"])
        session.terminal.ask_secret("Password: ")
        session.terminal.take_secret("hunter2")
        session.settle()
        session.type(b"\xff\xfd\x01")
        session.type(b"\xff\xfe\x01")
        assert session.negotiation == ["fffb01", "fffc01"]
        assert session.type(b"hello\r\n") == b""

    def test_who_is_at_a_netcat_is_warned(self) -> None:
        session = Session([b"hi\n"])
        session.terminal.ask_secret("Password: ")
        assert session.settle() == b"(Your client will show what you type.) Password: "
        assert session.type(b"hunter2\n") == b""


class TestReviewed:
    """What a review found, and must not come back."""

    def test_off_and_on_before_an_answer_ends_on(self) -> None:
        session = Session([PUTTY, b"hi\r\0"])
        session.terminal.set_character_mode(False)
        session.settle()
        session.terminal.set_character_mode(True)
        session.settle()
        session.type(b"\xff\xfe\x01\xff\xfe\x03")
        session.type(AGREED)
        assert session.terminal.mode is Mode.CHARACTER
        assert session.negotiation[-4:] == ["fffc03", "fffd00", "fffb01", "fffb03"]

    def test_on_and_off_before_an_answer_ends_off(self) -> None:
        session = Session([b"hi\r\n"])
        session.terminal.set_character_mode(True)
        session.terminal.set_character_mode(False)
        session.settle()
        session.type(AGREED)
        session.type(b"\xff\xfe\x01\xff\xfe\x03")
        assert session.terminal.mode is Mode.LINE
        assert session.negotiation[-2:] == ["fffc01", "fffc03"]
        assert b"\x1b" not in session.replies

    def test_an_encoding_that_changes_in_mid_line_leaves_what_was_typed(self) -> None:
        for chunks in all_ways_to_cut(b"\xe6\xbc\xa2\xa9\r\n"):
            assert Session([PUTTY, *chunks]).events == ["\u6f22\u00a9"]

    def test_a_secret_ends_with_its_line(self) -> None:
        for chunks in all_ways_to_cut(b"pw\r\nhello\r\nwor"):
            session = Session([PUTTY])
            session.terminal.ask_secret("Password: ")
            session.settle()
            for chunk in chunks:
                session.type(chunk)
            assert session.events == ["pw", "hello"]
            assert session.shown == ["Password:", "wor"]


class TestLettersTakenForKeys:
    """Telnets of the BSD family, in line mode, send a signal in place of a byte of a letter."""

    @pytest.mark.parametrize(
        ("data", "line"),
        [
            (b"\xd1\xff\xf4\xff\xfd\x06 tebja\r\n", "у tebja"),
            (b"tebja \xd1\xff\xf5\xff\xfd\x06\r\n", "tebja я"),
            (b"\xd0\xff\xed\xff\xfd\x06\xd0\xb0\xd0\xba\r\n", "Как"),
            (b"a\xe2\x80\xff\xf3\xff\xfd\x06b\r\n", "a“b"),
            (b"\xe4\xb8\xff\xee\r\n", "东"),
            (b"\xc5\xff\xf6\r\n", "Ŕ"),
            (b"\xc4\xff\xec\r\n", "Ą"),
            (b"\xf0\x9f\x98\xff\xf4\xff\xf2\xff\xfd\x06\r\n", "😃"),
            (b"\xe4\xff\xed\xff\xfd\x06\xff\xf4\xff\xfd\x06\r\n", "䚃"),
        ],
    )
    def test_the_byte_is_put_back_and_binary_asked_for(self, data: bytes, line: str) -> None:
        for chunks in all_ways_to_cut(data):
            session = Session(chunks)
            assert session.events == [line]
            assert session.negotiation.count("fffd00") == 1
            assert session.negotiation.count("fffc06") == data.count(b"\xff\xfd\x06")

    def test_a_signal_between_letters_is_a_signal(self) -> None:
        for chunks in all_ways_to_cut("у".encode() + b"\xff\xf4\xff\xfd\x06hi\r\n"):
            session = Session(chunks)
            assert session.events == ["hi"]
            assert "fffd00" not in session.negotiation

    def test_a_long_line_full_of_such_letters_gets_all_its_timing_marks_answered(self) -> None:
        # With one answer missing, inetutils' telnet shows nothing any more.
        session = Session([b"\xd1\xff\xf5\xff\xfd\x06" * 2000 + b"\r\n"])
        assert session.events == ["я" * 2000]
        assert session.negotiation.count("fffc06") == 2000

    @pytest.mark.parametrize("line", [b"s\xc4 tu\r\n", b"\xe6\xa2\r\n", b"\xe2\x80next\r\n"])
    @pytest.mark.parametrize("is_known", [True, False], ids=["UTF-8", "unknown"])
    def test_a_letter_left_unfinished_by_a_telnet(self, line: bytes, is_known: bool) -> None:
        before = "é\n".encode() * is_known
        for chunks in all_ways_to_cut(b"\xff\xf1" + before + line):
            assert Session(chunks).negotiation == ["fffd00"]

    def test_where_nothing_shows_a_telnet_nothing_is_asked(self) -> None:
        session = Session([b"s\xc4 tu\r\n"])
        assert session.replies == b""
        session.type(b"\xff\xf4\xff\xfd\x06")
        assert session.negotiation == ["fffc06", "fffd00"]

    def test_a_refusal_is_taken(self) -> None:
        session = Session([b"\xff\xf1", b"s\xc4 tu\r\n", b"\xff\xfc\x00"])
        session.type(b"s\xc4 tu\r\n")
        session.type(b"\xd1\xff\xf4\r\n")
        assert session.negotiation == ["fffd00"]

    @pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n", b"\r\0"], ids=repr)
    def test_with_binary_every_line_end_counts(self, end: bytes) -> None:
        data = b"\xd1\xff\xf4\r\n\xff\xfb\x00" + "“у東”".encode() + end + b"hi" + end
        for chunks in all_ways_to_cut(data):
            assert Session(chunks).events == ["у", "“у東”", "hi"]

    def test_a_client_that_offers_binary_gets_it(self) -> None:
        # telnet -8 asks for both. Ours would spoil its line ends.
        assert Session([b"\xff\xfb\x00\xff\xfd\x00"]).negotiation == ["fffd00", "fffc00"]

    def test_a_wrong_guess_is_found_out_by_it(self) -> None:
        for chunks in all_ways_to_cut(b"s\xc4 \xc5\xff\xed\xff\xfd\x06\r\n\xc4\x85\r\n"):
            session = Session(chunks)
            assert session.lines == ["sÄ Ś", "ą"]
            assert session.terminal.view == View("utf-8")

    @pytest.mark.parametrize(
        ("letter", "text", "encoding"),
        [("ą".encode(), "ą", "utf-8"), ("漢".encode(), "漢", "utf-8"), (b"\xe9", "é", "cp1252")],
    )
    def test_in_character_mode_the_first_letter_says_whether_a_guess_was_wrong(
        self, letter: bytes, text: str, encoding: str
    ) -> None:
        for chunks in all_ways_to_cut(b"hi " + letter + b" there\r"):
            session = Session([b"m\xc4ka\r\n"])
            session.terminal.set_character_mode(True)
            session.type(b"\xff\xfd\x01\xff\xfd\x03")
            for chunk in chunks:
                session.type(chunk)
            session.type(b"\xe9\xe8\r")
            assert session.lines == ["mÄka", f"hi {text} there", "éè"]
            assert session.terminal.view.encoding == encoding

    def test_an_erase_command_erases_in_a_line_that_is_held(self) -> None:
        session = Session([b"\xe9\r\nhelx\xff\xf7p\r\n"])
        assert session.lines == ["é", "help"]


class TestKeysInTime:
    @pytest.mark.parametrize(
        "begun", [b"\x1b", b"\x1b[", b"\x1bO", b"\x1b[1;", b"\x1b\x1b", b"\x1b[["], ids=repr
    )
    @pytest.mark.parametrize("opening", [PUTTY, b""], ids=["character mode", "raw keys"])
    def test_what_comes_late_is_not_the_rest_of_a_key(self, opening: bytes, begun: bytes) -> None:
        session = Session([opening])
        session.type(b"a", after=1.0)
        session.type(begun, after=1.0)
        session.type(b"hello\r", after=1.0)
        assert list(map(clean_text, session.lines)) == ["ahello"]

    def test_what_comes_at_once_is(self) -> None:
        session = Session([PUTTY, b"ab"])
        for byte in b"\x1b[D":
            session.type(bytes((byte,)), after=KEY_SECONDS / 2)
        session.type(b"X\r", after=1.0)
        assert session.events == ["aXb"]

    def test_enter_after_an_escape_is_enter(self) -> None:
        session = Session([PUTTY, b"hi\x1b"])
        session.type(b"\r", after=1.0)
        assert session.events == ["hi"]


class TestPastedTabs:
    @pytest.fixture
    def session(self) -> Session:
        return Session([PUTTY], completer("alice: "))

    @pytest.mark.parametrize(
        ("read", "line"),
        [
            (b"\treturn al\tis None", " return al is None"),
            (b"al\t", "alice: "),
            (b"\tal\t", " alice: "),
            (b"al\t\r", "al "),
            (b"al\t\xc3", "al é"),
            (b"al\t\x1b[D", "al "),
            (b"\t\tal", "  al"),
        ],
    )
    def test_a_tab_that_more_bytes_follow_is_a_blank(
        self, session: Session, read: bytes, line: str
    ) -> None:
        session.type(read)
        session.type(b"\xa9\r" * read.endswith(b"\xc3") or b"\r" * (not read.endswith(b"\r")))
        assert session.events == [line]

    def test_tabs_that_end_the_read_are_keys(self, session: Session) -> None:
        session = Session([PUTTY], completer("alan", "albert"))
        session.type(b"a\t\t")
        assert session.shown == ["=== alan  albert", "al"]

    def test_an_enter_within_ends_a_line(self, session: Session) -> None:
        session.type(b"\tif al:\r\n\t\tal\t1\r\n")
        assert session.events == [" if al:", "  al 1"]

    def test_a_telnet_command_behind_it_does_not_count(self, session: Session) -> None:
        session.type(b"al\t\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0")
        session.type(b"\r")
        assert session.events == ["alice: "]

    def test_text_behind_such_a_command_does(self, session: Session) -> None:
        session.type(b"al\t\xff\xf1so\r")
        assert session.events == ["al so"]

    def test_in_line_mode_it_stays_what_it_was(self) -> None:
        assert Session([b"a\tb\t\n"]).events == ["a\tb\t"]


PARTS = (
    *(b"al", b"\t", b"\r", b"\x10", b"\x1b[A", b"\x08", b"\xc3\xa9", b"\xff\xf1"),
    *(b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0", b"\xff\xfe\x01", b"\xff\xfd\x01"),
)


class TestPieces:
    @given(
        st.lists(st.sampled_from(PARTS)).map(b"".join),
        st.sets(st.integers(1, 60)),
    )
    def test_a_chunk_in_pieces_is_read_as_the_whole(self, data: bytes, cuts: set[int]) -> None:
        whole, pieces = (Session([PUTTY], completer("alan", "albert")) for _ in range(2))
        whole.type(data)
        at = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
        for begin, end in pairwise(at):
            pieces.events += pieces.terminal.receive_data(
                data[begin:end], pieces.now, has_rest=end < len(data)
            )
        pieces.settle()
        assert pieces.events == whole.events
        for session in (whole, pieces):
            session.type(b"\r")
        assert pieces.events == whole.events
        assert pieces.shown == whole.shown

    def test_tabs_at_the_end_of_all_pieces_are_keys(self) -> None:
        session = Session([PUTTY], completer("alan", "albert"))
        for piece in (b"a\t", b"\t", b"\xff\xf1"):
            session.events += session.terminal.receive_data(piece, session.now, has_rest=True)
        session.type(b"\xff\xf1")
        assert session.shown == ["=== alan  albert", "al"]


class TestGivingTheEchoBack:
    """One half of character mode ends: so does the other, and the screen is the client's again."""

    DONT_ECHO, DONT_SGA = b"\xff\xfe\x01", b"\xff\xfe\x03"
    WONT_ECHO, WONT_SGA = b"\xff\xfc\x01", b"\xff\xfc\x03"

    @pytest.fixture
    def session(self) -> Session:
        session = Session([PUTTY])
        assert session.terminal.is_in_character_mode
        session.terminal.set_prompt("lobby> ")
        session.settle()
        return session

    @pytest.mark.parametrize(
        ("said", "other"), [(DONT_ECHO, WONT_SGA), (DONT_SGA, WONT_ECHO)], ids=["ECHO", "SGA"]
    )
    def test_dont_after_it_was_agreed_gives_up_the_other_too(
        self, session: Session, said: bytes, other: bytes
    ) -> None:
        output = session.type(said)
        assert other in output
        assert not session.terminal.is_in_character_mode
        assert session.terminal.mode is Mode.LINE
        assert session.terminal.take_output() == (b"", None)
        # Both are confirmed, and nothing is asked again, then or later.
        rest = session.type(self.DONT_ECHO + self.DONT_SGA) + session.type(b"hi\r\n")
        assert rest == b""
        assert session.lines == ["hi"]

    def test_leaving_takes_the_drawn_line_away_and_leaves_what_was_typed(
        self, session: Session
    ) -> None:
        session.press("hel")
        assert session.shown == ["lobby> hel"]
        session.terminal.set_character_mode(False)
        output = session.settle()
        assert self.WONT_ECHO in output
        assert self.WONT_SGA in output
        assert not re.search(rb"\xff[\xfb\xfd]", output), "nothing is asked"
        assert session.shown == ["hel"]
        assert session.terminal.take_output() == (b"", None)
        assert session.type(self.DONT_ECHO + self.DONT_SGA + b"lo\r\n") == b""
        assert session.lines == ["hello"]

    def test_a_question_stays_on_the_screen(self, session: Session) -> None:
        session.terminal.ask("Your name: ")
        session.settle()
        session.press("a")
        session.terminal.set_character_mode(False)
        session.settle()
        assert session.shown == ["Your name: a"]

    def test_a_secret_does_not(self, session: Session) -> None:
        session.terminal.ask_secret("Passphrase: ")
        session.settle()
        session.press("horse")
        session.terminal.set_character_mode(False)
        session.settle()
        assert "horse" not in "".join(session.shown)

    def test_the_mode_is_left_once(self, session: Session) -> None:
        session.terminal.set_character_mode(False)
        session.settle()
        session.terminal.set_character_mode(False)
        assert session.settle() == b""


class TestSize:
    @staticmethod
    def size(columns: int, rows: int) -> bytes:
        return b"\xff\xfa\x1f" + bytes((0, columns, 0, rows)) + b"\xff\xf0"

    IN_20_COLUMNS = ("a" + "x" * 19, "x" * 11)

    @staticmethod
    def typed_across_two_rows(session: Session) -> tuple[str, ...]:
        """Change the first of 30 letters: the cursor is found only with the right width."""
        session.screen.resize(10, 20)
        session.press("x" * 30)
        session.type(HOME.encode(), after=1.0)
        session.press("a")
        return tuple(session.shown)

    def test_one_that_came_before_character_mode_counts_in_it(self) -> None:
        session = Session([b"\xff\xfb\x1f" + self.size(20, 10)])
        assert not session.terminal.is_in_character_mode
        session.type(AGREED)
        assert session.terminal.is_in_character_mode
        assert self.typed_across_two_rows(session) == self.IN_20_COLUMNS

    def test_the_last_one_counts_when_character_mode_comes_again(self) -> None:
        session = Session([PUTTY + self.size(70, 10)])
        session.terminal.set_character_mode(False)
        session.settle()
        session.type(b"\xff\xfe\x01\xff\xfe\x03" + self.size(20, 10))
        session.terminal.set_character_mode(True)
        session.settle()
        session.type(AGREED)
        assert self.typed_across_two_rows(session) == self.IN_20_COLUMNS


class TestCharsetOfAGuess:
    GUESSED = b"caf\xe9\n"

    def test_it_is_a_guess_no_longer(self) -> None:
        session = Session([self.GUESSED])
        assert session.terminal.view[:2] == ("cp1252", True)
        assert session.terminal.set_charset("latin-1") == "iso8859-1"
        assert session.terminal.view[:2] == ("iso8859-1", False)

    @pytest.mark.parametrize("name", ["cp1252", "utf-8"])
    def test_the_same_one_confirms_it_and_another_ends_it(self, name: str) -> None:
        session = Session([self.GUESSED])
        session.terminal.set_charset(name)
        assert session.terminal.view[:2] == (name, False)
        session.events.clear()
        # A whole line of UTF-8 would end a guess, and bad bytes would begin one; neither does now.
        session.type("日本\n".encode() + self.GUESSED)
        assert all(isinstance(event, str) for event in session.events)
        assert session.terminal.view[:2] == (name, False)

    def test_lines_are_taken_fast_again_only_in_utf8(self) -> None:
        session = Session([b"hi\n"])
        assert session.terminal.plain_lines(b"hi\n") == ["hi"]
        session.terminal.set_charset("cp1252")
        assert session.terminal.plain_lines(b"hi\n") is None
        session.type(b"hi\n")
        assert session.terminal.plain_lines(b"hi\n") is None


def test_a_stop_takes_the_line_being_typed_off_the_screen() -> None:
    session = Session([PUTTY])
    session.terminal.set_prompt("lobby> ")
    session.settle()
    session.press("half a line")
    assert session.shown == ["lobby> half a line"]
    session.terminal.stop()
    session.settle()
    assert session.shown == []


class TestTheFastPath:
    @pytest.mark.parametrize("wanted", [True, False])
    def test_it_ends_where_another_mode_is_asked_for(self, wanted: bool) -> None:
        session = Session([b"hi\n"])
        assert session.terminal.plain_lines(b"ho\n") == ["ho"]
        session.terminal.set_character_mode(wanted)
        assert session.terminal.plain_lines(b"ho\n") is None

    def test_it_ends_where_the_next_line_is_a_password(self) -> None:
        session = Session([b"hi\n"])
        session.terminal.ask_secret("Password: ")
        assert session.terminal.plain_lines(b"secret\n") is None


@pytest.mark.parametrize("chunk", [PUTTY, b"hi\n"], ids=["PuTTY", "netcat"])
def test_once_the_mode_is_known_chunks_tell_nothing_more(chunk: bytes) -> None:
    session = Session([])
    assert not session.terminal.is_settled
    session.type(chunk)
    session.terminal.set_character_mode(False)
    assert session.terminal.is_settled
