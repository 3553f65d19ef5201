"""Test the parser on bytes, and on the transcripts in data/telnet.

A transcript is a pair of files, and a new pair is a new case. NAME.input holds, line by line,

    agrees to local ECHO SGA, remote NAWS      once, first; "agrees to nothing" refuses everything
    68 69 0d 0a                                bytes from the client, in hex
    "hi" 0d                                    or in quotes, where they are ASCII
    enable local ECHO                          what the server asks for at that point, or
    disable remote NAWS                        ends

NAME.expected holds a line for each event, then one for each reply, and a last one that says whether
the client has shown that it speaks telnet. "#" begins a comment. How the bytes are cut into lines
and chunks must not matter: each transcript is run whole, cut in two at every byte, and a byte at a
time.
"""

import re
from collections.abc import Iterable, Iterator
from operator import methodcaller
from pathlib import Path

import pytest

from tests.terminal.support import (
    Result,
    Step,
    all_ways_to_cut,
    all_ways_to_cut_steps,
    text_of,
)
from threadchat.terminal.telnet import COMMAND_SECONDS, MAX_SUBNEGOTIATION, TelnetParser
from threadchat.terminal.telnetprotocol import (
    IAC,
    Command,
    Data,
    Event,
    Option,
    OptionChanged,
    OptionRefused,
    OptionRequested,
    Side,
    Signal,
    Subnegotiation,
    escape,
)

TRANSCRIPTS = Path(__file__).parent.parent / "data" / "telnet"
NAMES = sorted(path.stem for path in TRANSCRIPTS.glob("*.input"))

LOCAL, REMOTE = Side.LOCAL, Side.REMOTE


def transcript_of(result: Result) -> list[str]:
    return [
        *map(show_event, result.events),
        *(f"reply {reply}" for reply in show_replies(result.replies)),
        f"speaks telnet: {'yes' if result.speaks_telnet else 'no'}",
    ]


def show_event(event: Event) -> str:
    match event:
        case Data(data):
            return f"text {data.decode('latin-1').encode('unicode_escape').decode()}"
        case Signal(command):
            return f"signal {command.name}"
        case OptionRequested(side, option):
            return f"asked {side.value} {show_option(option)}"
        case OptionChanged(side, option, enabled):
            return f"{'on' if enabled else 'off'} {side.value} {show_option(option)}"
        case OptionRefused(side, option):
            return f"refused {side.value} {show_option(option)}"
        case Subnegotiation(option, payload):
            return f"sub {show_option(option)} {payload.hex(' ')}"


def show_option(option: int) -> str:
    return Option(option).name if option in set(Option) else f"{option:02x}"


def show_replies(replies: bytes) -> list[str]:
    assert not len(replies) % 3
    assert set(replies[::3]) <= {IAC}
    return [
        f"{Command(verb).name} {show_option(option)}"
        for verb, option in zip(replies[1::3], replies[2::3], strict=True)
    ]


def lines_of(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line]


def read_steps(lines: Iterable[str]) -> Iterator[Step]:
    for line in lines:
        verb, *words = line.split()
        if verb in ("enable", "disable"):
            yield methodcaller(verb, Side(words[0]), Option[words[1]])
        else:
            yield b"".join(
                quoted.encode("ascii") if quoted else bytes.fromhex(plain)
                for quoted, plain in re.findall(r'"([^"]*)"|([^"]+)', line)
            )


def read_parser(line: str) -> TelnetParser:
    agreed: dict[Side, set[Option]] = {LOCAL: set(), REMOTE: set()}
    terms = line.removeprefix("agrees to ")
    for side, *options in () if terms == "nothing" else map(str.split, terms.split(",")):
        agreed[Side(side)].update(Option[option] for option in options)
    return TelnetParser(local=agreed[LOCAL], remote=agreed[REMOTE])


def with_bytes_joined(steps: Iterable[Step]) -> list[Step]:
    together: list[Step] = []
    for step in steps:
        if isinstance(step, bytes) and together and isinstance(before := together[-1], bytes):
            together[-1] = before + step
        else:
            together.append(step)
    return together


class TestTranscripts:
    def test_each_has_both_files(self) -> None:
        assert NAMES
        assert sorted(path.stem for path in TRANSCRIPTS.glob("*.expected")) == NAMES

    @pytest.mark.parametrize("name", NAMES)
    def test_transcript(self, name: str) -> None:
        terms, *lines = lines_of(TRANSCRIPTS / f"{name}.input")
        steps = with_bytes_joined(read_steps(lines))
        expected = lines_of(TRANSCRIPTS / f"{name}.expected")
        for way in all_ways_to_cut_steps(steps):
            assert transcript_of(Result(read_parser(terms), way)) == expected, way


# Text


class TestText:
    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\0", b"\r"], ids=repr)
    def test_vector_2_each_line_end_is_one(self, end: bytes) -> None:
        for way in all_ways_to_cut(b"hi" + end + b"ho" + end):
            assert Result(TelnetParser(), way).events == [Data(b"hi\nho\n")]

    @pytest.mark.parametrize("end", [b"\r", b"\r\n", b"\r\0"], ids=repr)
    def test_vector_2_a_line_is_delivered_at_its_cr(self, end: bytes) -> None:
        parser = TelnetParser()
        assert parser.receive_data(b"hi\r") == [Data(b"hi\n")]
        assert parser.receive_data(end[1:]) == []

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (b"\r\r\n", b"\n\n"),
            (b"\r\n\n", b"\n\n"),
            (b"\n\r", b"\n\n"),
            (b"\r\0\n", b"\n\n"),
            (b"\r\0\0", b"\n"),
        ],
        ids=repr,
    )
    def test_vector_3_line_ends_are_counted_right(self, data: bytes, text: bytes) -> None:
        for way in all_ways_to_cut(data):
            assert text_of(Result(TelnetParser(), way).events) == text

    def test_a_command_does_not_hide_the_line_end_before_it(self) -> None:
        for way in all_ways_to_cut(b"hi\r\xff\xf1ho"):
            assert text_of(Result(TelnetParser(), way).events) == b"hi\nho"

    def test_a_nul_is_nothing(self) -> None:
        for way in all_ways_to_cut(b"h\0i\0\0"):
            assert text_of(Result(TelnetParser(), way).events) == b"hi"

    def test_other_bytes_are_text(self) -> None:
        data = bytes(set(range(255)) - {0x00, 0x0D})
        assert TelnetParser().receive_data(data) == [Data(data)]

    def test_nothing_comes_of_nothing(self) -> None:
        assert TelnetParser().receive_data(b"") == []

    def test_vector_14_a_doubled_ff_is_text(self) -> None:
        for way in all_ways_to_cut(b"\xe9\xff\xffA\r\n"):
            result = Result(TelnetParser(), way)
            assert result.events == [Data(b"\xe9\xffA\n")]
            assert not result.speaks_telnet

    def test_vector_19_an_unfinished_command_is_nothing(self) -> None:
        parser = TelnetParser()
        assert parser.receive_data(b"hi\xff") == [Data(b"hi")]
        assert parser.data_to_send() == b""

    def test_escape_doubles_ff(self) -> None:
        assert escape(b"a\xffb\xff\xff") == b"a\xff\xffb\xff\xff\xff\xff"

    @pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xff\xf4\xff", bytes(range(14, 256))])
    def test_escape_is_undone_by_the_parser(self, data: bytes) -> None:
        assert text_of(TelnetParser().receive_data(escape(data))) == data


# Commands


class TestCommands:
    @pytest.mark.parametrize(
        "command",
        sorted(
            set(Command) - {Command.SB, Command.WILL, Command.WONT, Command.DO, Command.DONT},
        ),
    )
    def test_a_command_is_a_signal(self, command: Command) -> None:
        for way in all_ways_to_cut(bytes((0x61, IAC, command, 0x62))):
            result = Result(TelnetParser(), way)
            assert result.events == [Data(b"a"), Signal(command), Data(b"b")]
            assert result.speaks_telnet

    def test_an_unknown_command_is_ignored(self) -> None:
        for byte in range(Command.EOF):
            for way in all_ways_to_cut(bytes((0x61, IAC, byte, 0x62))):
                result = Result(TelnetParser(), way)
                assert result.events == [Data(b"ab")], byte
                assert not result.speaks_telnet, byte

    @pytest.mark.parametrize(
        "data", [b"\xff\x00\x00", b"\xff\xf2", b"\xff\xef", b"\xff\xfa\xff\xf0"]
    )
    def test_vector_13_no_text(self, data: bytes) -> None:
        for way in all_ways_to_cut(data + b"hi"):
            assert text_of(Result(TelnetParser(), way).events) == b"hi"

    @pytest.mark.parametrize("data", [b"", b"hi\r\n", b"\xff", b"\xff\xfd", b"\xe9\xff\xff"])
    def test_without_a_command_there_is_no_evidence_of_telnet(self, data: bytes) -> None:
        parser = TelnetParser(local={Option.ECHO})
        parser.receive_data(data)
        assert not parser.speaks_telnet
        assert parser.data_to_send() == b""

    @pytest.mark.parametrize(
        "data", [b"\xff\xf6", b"\xff\xfd\x01", b"\xff\xfe\x01", b"\xff\xfb\x1f", b"\xff\xfd\x06"]
    )
    def test_a_command_is_evidence(self, data: bytes) -> None:
        for way in all_ways_to_cut(data):
            assert Result(TelnetParser(), way).speaks_telnet


# Subnegotiation


def with_naws() -> TelnetParser:
    parser = TelnetParser(remote={Option.NAWS})
    parser.receive_data(b"\xff\xfb\x1f")
    parser.data_to_send()
    return parser


def with_type() -> TelnetParser:
    parser = TelnetParser(remote={Option.TTYPE})
    parser.receive_data(b"\xff\xfb\x18")
    parser.data_to_send()
    return parser


SIZE = Subnegotiation(Option.NAWS, b"\x00\x50\x00\xff")
BEGUN = b"\xff\xfa\x1f\x00\x50\x00"


class TestUnfinished:
    """A command whose end does not come swallows no text."""

    @pytest.mark.parametrize(
        ("last", "text"),
        [
            (b"\xff\xff\xff\xf0", b""),  # doubled, as it should be
            (b"\xff\xff\xf0", b""),  # the FF of a size not doubled
            (b"\xff\xff", b""),  # doubled, and the end missing
            (b"\xff", b""),  # neither, where something else follows
        ],
        ids=["right", "not doubled", "without end", "neither"],
    )
    @pytest.mark.parametrize("behind", [b"hi", b"\r\n", "😀".encode(), b"\x00h"], ids=repr)
    def test_a_size_ends_at_its_four_bytes(self, last: bytes, text: bytes, behind: bytes) -> None:
        if behind[0] == 0xF0 and not last.endswith(b"\xf0"):
            pytest.skip("F0 may be the end of it")
        for way in all_ways_to_cut(BEGUN + last + behind):
            size, *rest = Result(with_naws(), way).events
            assert size == SIZE
            assert text_of(rest) == behind.replace(b"\r\n", b"\n").replace(b"\0", b"")

    @pytest.mark.parametrize("end", [b"", b"\xff\xf0"], ids=["without end", "right"])
    @pytest.mark.parametrize("behind", [b"hi", b"\r\n", "😀".encode()], ids=repr)
    def test_what_comes_behind_a_size_is_text(self, end: bytes, behind: bytes) -> None:
        for way in all_ways_to_cut(BEGUN + b"\x18" + end + behind):
            size, *rest = Result(with_naws(), way).events
            assert size == Subnegotiation(Option.NAWS, b"\x00\x50\x00\x18")
            assert text_of(rest) == behind.replace(b"\r\n", b"\n")

    def test_a_command_may_follow_at_once(self) -> None:
        for way in all_ways_to_cut(BEGUN + b"\x18\xff\xf6hi"):
            _, *rest = Result(with_naws(), way).events
            assert rest == [Signal(Command.AYT), Data(b"hi")]

    def test_the_size_is_told_before_its_end_comes(self) -> None:
        parser = with_naws()
        assert parser.receive_data(BEGUN + b"\xff\xff") == [SIZE]
        assert parser.receive_data(b"\xff\xf0") == []

    @pytest.mark.parametrize(
        "begun",
        [
            b"\xff",
            b"\xff\xfb",
            b"\xff\xfa",
            b"\xff\xfa\xff",
            b"\xff\xfa\x18",
            b"\xff\xfa\x18\x00XTE",
            b"\xff\xfa\x18\x00XTE\xff",
            b"\xff\xfa\x1f\x00\x50",
            b"\xff\xfa\x1f\x00\xff",
            b"\xff\xfa\x1f\x00\x50\x00\x18",
            b"\xff\xfa\x1f\x00\x50\x00\x18\xff",
            b"\xff\xfa\x2a\x01" + b";x" * 3000,
        ],
        ids=lambda begun: begun[:8].hex(" "),
    )
    def test_after_a_time_it_is_given_up(self, begun: bytes) -> None:
        for pieces in all_ways_to_cut(begun[:20]):
            parser = with_naws()
            events = [event for piece in pieces for event in parser.receive_data(piece, 10.0)]
            parser.receive_data(begun[20:], 10.0 + COMMAND_SECONDS)
            assert text_of(events) == b""
            assert parser.receive_data(b"hello\r\n", 10.1 + COMMAND_SECONDS) == [Data(b"hello\n")]

    def test_until_then_it_is_waited_for(self) -> None:
        parser = with_type()
        parser.receive_data(b"\xff\xfa\x18\x00XTE", 10.0)
        events = parser.receive_data(b"RM\xff\xf0hi", 10.0 + COMMAND_SECONDS)
        assert events == [Subnegotiation(Option.TTYPE, b"\0XTERM"), Data(b"hi")]

    def test_an_end_that_comes_too_late_is_no_text(self) -> None:
        for late in (b"\xff\xf0", b"\xf0"):
            parser = with_type()
            parser.receive_data(b"\xff\xfa\x18\x00XTE" + b"\xff" * (len(late) == 1), 10.0)
            assert text_of(parser.receive_data(late + b"hi", 11.0 + COMMAND_SECONDS)) == b"hi"

    def test_each_command_has_its_own_time(self) -> None:
        parser = with_type()
        parser.receive_data(b"\xff\xfa\x18\x00A\xff\xf0\xff", 10.0)
        parser.receive_data(b"\xf1\xff\xfa\x18", 12.0)
        assert parser.receive_data(b"\x00B\xff\xf0", 13.9)[-1] == Subnegotiation(
            Option.TTYPE, b"\0B"
        )

    def test_a_line_end_has_no_time(self) -> None:
        parser = TelnetParser()
        assert parser.receive_data(b"hi\r", 0.0) == [Data(b"hi\n")]
        assert parser.receive_data(b"\n", 100.0) == []


class TestSubnegotiation:
    @pytest.mark.parametrize(
        "data",
        [b"\xff\xfa\x1f\x00\xff\xff\x00\x18\xff\xf0", b"\xff\xfa\x1f\x00\xff\x00\x18\xff\xf0"],
        ids=["doubled", "as busybox sends it"],
    )
    def test_vector_12_a_width_of_255(self, data: bytes) -> None:
        for way in all_ways_to_cut(b"a" + data + b"b"):
            assert Result(with_naws(), way).events == [
                Data(b"a"),
                Subnegotiation(Option.NAWS, b"\x00\xff\x00\x18"),
                Data(b"b"),
            ]

    def test_an_empty_one(self) -> None:
        for way in all_ways_to_cut(b"\xff\xfa\x1f\xff\xf0"):
            assert Result(with_naws(), way).events == [Subnegotiation(Option.NAWS, b"")]

    def test_one_does_not_run_into_the_next(self) -> None:
        for way in all_ways_to_cut(b"\xff\xfa\x1f\x01\xff\xf0\xff\xfa\x1f\x02\xff\xf0"):
            assert Result(with_naws(), way).events == [
                Subnegotiation(Option.NAWS, b"\x01"),
                Subnegotiation(Option.NAWS, b"\x02"),
            ]

    def test_one_without_an_option_is_ignored(self) -> None:
        for way in all_ways_to_cut(b"\xff\xfa\x1f\x01\xff\xf0\xff\xfa\xff\xf0"):
            assert Result(with_naws(), way).events == [Subnegotiation(Option.NAWS, b"\x01")]

    @pytest.mark.parametrize("inside", [b"\r\n", b"\0", b"\r\0", b"\xff\xff\xf0", b"\xff\xf6"])
    def test_its_payload_is_no_text(self, inside: bytes) -> None:
        for way in all_ways_to_cut(b"\xff\xfa\x1f" + inside + b"\xff\xf0"):
            result = Result(with_naws(), way)
            payload = inside.replace(b"\xff\xff", b"\xff")
            assert result.events == [Subnegotiation(Option.NAWS, payload)]

    def test_of_an_option_not_in_force_it_is_ignored(self) -> None:
        for way in all_ways_to_cut(b"a\xff\xfa\x18\x00xterm\xff\xf0b"):
            assert Result(with_naws(), way).events == [Data(b"ab")]

    def test_of_an_option_given_up_it_is_ignored(self) -> None:
        parser = with_naws()
        parser.receive_data(b"\xff\xfc\x1f")
        assert parser.receive_data(b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0") == []

    def test_the_longest_payload_comes_whole(self) -> None:
        payload = b"x" * MAX_SUBNEGOTIATION
        for pieces in all_ways_to_cut(b"\xff\xfa\x18" + payload + b"\xff\xf0"):
            assert Result(with_type(), pieces).events == [Subnegotiation(Option.TTYPE, payload)]

    @pytest.mark.parametrize("surplus", [b"x", b"\xff\xff", b"\xff\x01", b"x" * 70_000])
    def test_what_is_too_long_is_cut(self, surplus: bytes) -> None:
        payload = b"x" * MAX_SUBNEGOTIATION
        data = b"\xff\xfa\x18" + payload + surplus + b"\xff\xf0hi"
        assert Result(with_type(), [data]).events == [
            Subnegotiation(Option.TTYPE, payload),
            Data(b"hi"),
        ]

    def test_vector_15_one_without_end_is_thrown_away(self) -> None:
        parser = TelnetParser()
        assert parser.receive_data(b"\xff\xfa\x18\x00") == []
        for _ in range(70):
            assert parser.receive_data(b"x" * 1024) == []
        assert parser.receive_data(b"\xff\xf0hi") == [Data(b"hi")]

    @pytest.mark.parametrize(
        ("payload", "sent"),
        [(b"\x01", b"\x01"), (b"", b""), (b"\xff\xf0", b"\xff\xff\xf0"), (b"\xff", b"\xff\xff")],
    )
    def test_ours_is_escaped(self, payload: bytes, sent: bytes) -> None:
        parser = TelnetParser()
        parser.subnegotiate(Option.TTYPE, payload)
        assert parser.data_to_send() == b"\xff\xfa\x18" + sent + b"\xff\xf0"
