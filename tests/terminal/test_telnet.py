"""Test the parser on bytes, and on the transcripts in data/telnet.

A transcript is a pair of files, and a new pair is a new case. NAME.input holds, line by line,

    agrees to local ECHO SGA, remote NAWS      once, first; "agrees to nothing" refuses everything
    68 69 0d 0a                                bytes from the client, in hex
    "hi" 0d                                    or in quotes, where they are ASCII
    enable local ECHO                          what the server asks for at that point, or
    disable remote NAWS                        gives up

and NAME.expected what comes of it: a line for each event, then one for each reply, and whether
the client has shown that it speaks telnet. "#" begins a comment. How the bytes are cut into lines
and chunks must not matter: each transcript is run whole, cut in two at every byte, and a byte at a
time.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from operator import methodcaller
from pathlib import Path

import pytest

from threadchat.terminal.negotiation import MAX_REPLIES, Negotiation
from threadchat.terminal.telnet import MAX_SUBNEGOTIATION, TelnetParser
from threadchat.terminal.telnetcodes import (
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

Step = bytes | Callable[[Negotiation], None]
LOCAL, REMOTE = Side.LOCAL, Side.REMOTE
DO_TIMING_MARK = bytes((IAC, Command.DO, Option.TIMING_MARK))
WONT_TIMING_MARK = bytes((IAC, Command.WONT, Option.TIMING_MARK))


def joined(events: Iterable[Event]) -> list[Event]:
    """Return `events` with neighbouring data put together, as the chunks must not matter."""
    together: list[Event] = []
    for event in events:
        before = together[-1] if together else None
        if isinstance(event, Data) and isinstance(before, Data):
            together[-1] = Data(before.data + event.data)
        else:
            together.append(event)
    return together


def text_of(events: Iterable[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Data))


def all_ways_to_cut(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield `steps` whole, with each run of bytes cut in two at every place, and in bytes."""
    yield list(steps)
    for index, step in enumerate(steps):
        if isinstance(step, bytes):
            for cut in range(1, len(step)):
                yield [*steps[:index], step[:cut], step[cut:], *steps[index + 1 :]]
    yield [
        piece
        for step in steps
        for piece in (map(bytes, zip(step, strict=True)) if isinstance(step, bytes) else (step,))
    ]


class Result:
    def __init__(self, parser: TelnetParser, steps: Iterable[Step]) -> None:
        events: list[Event] = []
        self.replies = b""
        for step in steps:
            if isinstance(step, bytes):
                events += parser.receive_data(step)
            else:
                step(parser.negotiation)
            self.replies += parser.negotiation.take_output()
        self.events = joined(events)
        self.speaks_telnet = parser.speaks_telnet

    def transcript(self) -> list[str]:
        return [
            *map(show_event, self.events),
            *(f"reply {reply}" for reply in show_replies(self.replies)),
            f"speaks telnet: {'yes' if self.speaks_telnet else 'no'}",
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
        for way in all_ways_to_cut(steps):
            assert Result(read_parser(terms), way).transcript() == expected, way


# Text


class TestText:
    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\0", b"\r"], ids=repr)
    def test_vector_2_each_line_end_is_one(self, end: bytes) -> None:
        for way in all_ways_to_cut([b"hi" + end + b"ho" + end]):
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
        for way in all_ways_to_cut([data]):
            assert text_of(Result(TelnetParser(), way).events) == text

    def test_a_command_does_not_hide_the_line_end_before_it(self) -> None:
        for way in all_ways_to_cut([b"hi\r\xff\xf1ho"]):
            assert text_of(Result(TelnetParser(), way).events) == b"hi\nho"

    def test_a_nul_is_nothing(self) -> None:
        for way in all_ways_to_cut([b"h\0i\0\0"]):
            assert text_of(Result(TelnetParser(), way).events) == b"hi"

    def test_other_bytes_are_text(self) -> None:
        data = bytes(set(range(255)) - {0x00, 0x0D})
        assert TelnetParser().receive_data(data) == [Data(data)]

    def test_nothing_comes_of_nothing(self) -> None:
        assert TelnetParser().receive_data(b"") == []

    def test_vector_14_a_doubled_ff_is_text(self) -> None:
        for way in all_ways_to_cut([b"\xe9\xff\xffA\r\n"]):
            result = Result(TelnetParser(), way)
            assert result.events == [Data(b"\xe9\xffA\n")]
            assert not result.speaks_telnet

    def test_vector_19_an_unfinished_command_is_nothing(self) -> None:
        parser = TelnetParser()
        assert parser.receive_data(b"hi\xff") == [Data(b"hi")]
        assert parser.negotiation.take_output() == b""

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
        for way in all_ways_to_cut([bytes((0x61, IAC, command, 0x62))]):
            result = Result(TelnetParser(), way)
            assert result.events == [Data(b"a"), Signal(command), Data(b"b")]
            assert result.speaks_telnet

    def test_an_unknown_command_is_ignored(self) -> None:
        for byte in range(Command.EOF):
            for way in all_ways_to_cut([bytes((0x61, IAC, byte, 0x62))]):
                result = Result(TelnetParser(), way)
                assert result.events == [Data(b"ab")], byte
                assert not result.speaks_telnet, byte

    @pytest.mark.parametrize(
        "data", [b"\xff\x00\x00", b"\xff\xf2", b"\xff\xef", b"\xff\xfa\xff\xf0"]
    )
    def test_vector_13_no_text(self, data: bytes) -> None:
        for way in all_ways_to_cut([data + b"hi"]):
            assert text_of(Result(TelnetParser(), way).events) == b"hi"

    @pytest.mark.parametrize("data", [b"", b"hi\r\n", b"\xff", b"\xff\xfd", b"\xe9\xff\xff"])
    def test_without_a_command_there_is_no_evidence_of_telnet(self, data: bytes) -> None:
        parser = TelnetParser(local={Option.ECHO})
        parser.receive_data(data)
        assert not parser.speaks_telnet
        assert parser.negotiation.take_output() == b""

    @pytest.mark.parametrize(
        "data", [b"\xff\xf6", b"\xff\xfd\x01", b"\xff\xfe\x01", b"\xff\xfb\x1f", b"\xff\xfd\x06"]
    )
    def test_a_command_is_evidence(self, data: bytes) -> None:
        for way in all_ways_to_cut([data]):
            assert Result(TelnetParser(), way).speaks_telnet


# Negotiation: what comes of requests


class TestRequests:
    @pytest.mark.parametrize(
        ("side", "asked", "granted"),
        [(LOCAL, Command.DO, Command.WILL), (REMOTE, Command.WILL, Command.DO)],
    )
    def test_what_is_agreed_to_is_switched_on(
        self, side: Side, asked: Command, granted: Command
    ) -> None:
        parser = TelnetParser(local={Option.SGA}, remote={Option.SGA})
        result = Result(parser, [bytes((IAC, asked, Option.SGA))])
        assert result.events == [
            OptionRequested(side, Option.SGA),
            OptionChanged(side, Option.SGA, True),
        ]
        assert result.replies == bytes((IAC, granted, Option.SGA))

    @pytest.mark.parametrize(
        ("side", "asked", "refused"),
        [(LOCAL, Command.DO, Command.WONT), (REMOTE, Command.WILL, Command.DONT)],
    )
    def test_all_else_is_refused(self, side: Side, asked: Command, refused: Command) -> None:
        parser = TelnetParser(local={Option.SGA}, remote={Option.SGA})
        result = Result(parser, [bytes((IAC, asked, Option.BINARY))])
        assert result.events == [OptionRequested(side, Option.BINARY)]
        assert result.replies == bytes((IAC, refused, Option.BINARY))

    @pytest.mark.parametrize(
        ("asked", "refused"), [(Command.DO, Command.WONT), (Command.WILL, Command.DONT)]
    )
    def test_what_one_side_may_do_the_other_may_not(self, asked: Command, refused: Command) -> None:
        parser = TelnetParser(
            local={Option.NAWS} if asked is Command.WILL else (),
            remote={Option.NAWS} if asked is Command.DO else (),
        )
        assert Result(parser, [bytes((IAC, asked, Option.NAWS))]).replies == bytes(
            (IAC, refused, Option.NAWS)
        )

    @pytest.mark.parametrize("asked", [Command.DO, Command.WILL])
    def test_an_option_is_refused_once(self, asked: Command) -> None:
        request = bytes((IAC, asked, Option.BINARY))
        result = Result(TelnetParser(), [request * 10])
        assert len(result.replies) == 3

    def test_it_is_refused_once_for_each_side(self) -> None:
        request = bytes((IAC, Command.DO, 0x27, IAC, Command.WILL, 0x27))
        replies = Result(TelnetParser(), [request * 3]).replies
        assert replies == bytes((IAC, Command.WONT, 0x27, IAC, Command.DONT, 0x27))

    @pytest.mark.parametrize("asked", [Command.DO, Command.WILL])
    def test_an_option_in_force_is_not_granted_again(self, asked: Command) -> None:
        parser = TelnetParser(local={Option.SGA}, remote={Option.SGA})
        request = bytes((IAC, asked, Option.SGA))
        result = Result(parser, [request * 10])
        assert len(result.replies) == 3
        assert sum(isinstance(event, OptionChanged) for event in result.events) == 1

    @pytest.mark.parametrize("data", [b"\xff\xfe\x01", b"\xff\xfc\x1f"])
    def test_vector_8_giving_up_what_is_not_in_force_gets_no_reply(self, data: bytes) -> None:
        for way in all_ways_to_cut([data * 4]):
            result = Result(TelnetParser(local={1}, remote={31}), way)
            assert result.replies == b""
            assert result.events == []

    def test_no_peer_can_keep_us_talking(self) -> None:
        parser = TelnetParser(local={Option.SGA})
        result = Result(parser, [b"\xff\xfd\x03\xff\xfe\x03" * MAX_REPLIES])
        assert len(result.replies) == 3 * MAX_REPLIES

    def test_refusals_count_among_the_replies(self) -> None:
        requests = b"".join(bytes((IAC, Command.DO, option)) for option in range(100, 250))
        result = Result(TelnetParser(), [requests])
        assert len(result.replies) == 3 * MAX_REPLIES

    def test_what_cannot_be_granted_any_more_does_not_come_into_force(self) -> None:
        parser = TelnetParser(remote={Option.NAWS})
        parser.receive_data(b"\xff\xfb\x1f\xff\xfc\x1f" * (MAX_REPLIES // 2))
        parser.negotiation.take_output()
        assert parser.receive_data(b"\xff\xfb\x1f\xff\xfa\x1f\0\x50\0\x18\xff\xf0") == [
            OptionRequested(REMOTE, Option.NAWS)
        ]
        assert parser.negotiation.take_output() == b""

    def test_data_to_send_is_handed_out_once(self) -> None:
        parser = TelnetParser()
        parser.receive_data(b"\xff\xfd\x01")
        parser.negotiation.take_output()
        assert parser.negotiation.take_output() == b""


class TestTimingMark:
    def test_vector_10_every_one_is_answered(self) -> None:
        for way in all_ways_to_cut([DO_TIMING_MARK * 2]):
            assert Result(TelnetParser(), way).replies == WONT_TIMING_MARK * 2

    def test_vector_9_after_an_interrupt(self) -> None:
        for way in all_ways_to_cut([b"hel\xff\xf4" + DO_TIMING_MARK + b"hi\r\n"]):
            result = Result(TelnetParser(), way)
            assert result.events == [Data(b"hel"), Signal(Command.IP), Data(b"hi\n")]
            assert result.replies == WONT_TIMING_MARK

    def test_they_and_all_other_replies_share_one_bound(self) -> None:
        parser = TelnetParser(local={Option.SGA})
        parser.receive_data(b"\xff\xfd\x03\xff\xfe\x03" * (MAX_REPLIES // 2 - 1))
        parser.negotiation.take_output()
        parser.receive_data(DO_TIMING_MARK * 5)
        assert parser.negotiation.take_output() == WONT_TIMING_MARK * 2

    def test_without_a_line_in_between_they_are_bounded(self) -> None:
        for pieces in ([DO_TIMING_MARK * 1000], [DO_TIMING_MARK] * 1000):
            assert Result(TelnetParser(), pieces).replies == WONT_TIMING_MARK * MAX_REPLIES

    @pytest.mark.parametrize("line", [b"hi\n", b"hi\r\n", b"\r"], ids=repr)
    def test_a_line_in_between_allows_more(self, line: bytes) -> None:
        for pieces in ([(DO_TIMING_MARK + line) * 200], [DO_TIMING_MARK, line] * 200):
            assert Result(TelnetParser(), pieces).replies == WONT_TIMING_MARK * 200

    def test_it_is_no_option(self) -> None:
        data = b"".join(bytes((IAC, verb, Option.TIMING_MARK)) for verb in (0xFB, 0xFC, 0xFE))
        result = Result(TelnetParser(local={6}, remote={6}), [data + DO_TIMING_MARK])
        assert result.events == []
        assert result.replies == WONT_TIMING_MARK


# Negotiation: the Q method, RFC 1143 section 7

ENABLE, DISABLE, PEER_WANTS, PEER_STOPS = "enable", "disable", "peer wants", "peer stops"
ACTIONS = (ENABLE, DISABLE, PEER_WANTS, PEER_STOPS)
ASK, STOP, SILENCE = "ask", "stop", ""

NO, YES = "no", "yes"
WANT_NO, WANT_NO_THEN_YES = "want no", "want no, opposite queued"
WANT_YES, WANT_YES_THEN_NO = "want yes", "want yes, opposite queued"

WAY_TO = {
    NO: (),
    YES: (ENABLE, PEER_WANTS),
    WANT_NO: (ENABLE, PEER_WANTS, DISABLE),
    WANT_NO_THEN_YES: (ENABLE, PEER_WANTS, DISABLE, ENABLE),
    WANT_YES: (ENABLE,),
    WANT_YES_THEN_NO: (ENABLE, DISABLE),
}

TRANSITIONS = {
    (NO, ENABLE): (ASK, WANT_YES),
    (NO, DISABLE): (SILENCE, NO),
    (NO, PEER_WANTS): (ASK, YES),
    (NO, PEER_STOPS): (SILENCE, NO),
    (YES, ENABLE): (SILENCE, YES),
    (YES, DISABLE): (STOP, WANT_NO),
    (YES, PEER_WANTS): (SILENCE, YES),
    (YES, PEER_STOPS): (STOP, NO),
    (WANT_NO, ENABLE): (SILENCE, WANT_NO_THEN_YES),
    (WANT_NO, DISABLE): (SILENCE, WANT_NO),
    (WANT_NO, PEER_WANTS): (SILENCE, NO),
    (WANT_NO, PEER_STOPS): (SILENCE, NO),
    (WANT_NO_THEN_YES, ENABLE): (SILENCE, WANT_NO_THEN_YES),
    (WANT_NO_THEN_YES, DISABLE): (SILENCE, WANT_NO),
    (WANT_NO_THEN_YES, PEER_WANTS): (SILENCE, YES),
    (WANT_NO_THEN_YES, PEER_STOPS): (ASK, WANT_YES),
    (WANT_YES, ENABLE): (SILENCE, WANT_YES),
    (WANT_YES, DISABLE): (SILENCE, WANT_YES_THEN_NO),
    (WANT_YES, PEER_WANTS): (SILENCE, YES),
    (WANT_YES, PEER_STOPS): (SILENCE, NO),
    (WANT_YES_THEN_NO, ENABLE): (SILENCE, WANT_YES),
    (WANT_YES_THEN_NO, DISABLE): (SILENCE, WANT_YES_THEN_NO),
    (WANT_YES_THEN_NO, PEER_WANTS): (STOP, WANT_NO),
    (WANT_YES_THEN_NO, PEER_STOPS): (SILENCE, NO),
}

WORDS = {
    LOCAL: {
        ASK: Command.WILL,
        STOP: Command.WONT,
        PEER_WANTS: Command.DO,
        PEER_STOPS: Command.DONT,
    },
    REMOTE: {
        ASK: Command.DO,
        STOP: Command.DONT,
        PEER_WANTS: Command.WILL,
        PEER_STOPS: Command.WONT,
    },
}
OPTION = Option.SGA


class Exchange:
    """One option of one side, agreed to if asked for, unless `agreed` says otherwise."""

    def __init__(self, side: Side, way: Iterable[str] = (), *, agreed: bool = True) -> None:
        self.side = side
        options = {OPTION} if agreed else set()
        self.parser = TelnetParser(local=options, remote=options)
        for action in way:
            self.do(action)

    def do(self, action: str) -> str:
        """Return whether we ask for the option in consequence, stop it or say nothing."""
        return self.do_and_see(action)[0]

    def do_and_see(self, action: str) -> tuple[str, list[Event]]:
        events: list[Event] = []
        match action:
            case "enable":
                self.parser.negotiation.enable(self.side, OPTION)
            case "disable":
                self.parser.negotiation.disable(self.side, OPTION)
            case _:
                events = self.parser.receive_data(bytes((IAC, WORDS[self.side][action], OPTION)))
        said = self.parser.negotiation.take_output()
        words = {bytes((IAC, WORDS[self.side][word], OPTION)): word for word in (ASK, STOP)}
        changes = [event for event in events if isinstance(event, OptionChanged)]
        return words[said] if said else SILENCE, [*changes]

    def answers(self, actions: Iterable[str]) -> list[str]:
        return [self.do(action) for action in actions]


@pytest.mark.parametrize("side", Side)
class TestQMethod:
    def test_each_state_and_action_is_listed(self, side: Side) -> None:
        assert set(TRANSITIONS) == set(product(WAY_TO, ACTIONS))

    @pytest.mark.parametrize(("state", "action"), TRANSITIONS)
    def test_what_is_said(self, side: Side, state: str, action: str) -> None:
        said, _ = TRANSITIONS[state, action]
        assert Exchange(side, WAY_TO[state]).do(action) == said

    @pytest.mark.parametrize(("state", "action"), TRANSITIONS)
    def test_the_state_that_follows(self, side: Side, state: str, action: str) -> None:
        _, following = TRANSITIONS[state, action]
        for later in product(ACTIONS, repeat=3):
            there = Exchange(side, (*WAY_TO[state], action))
            straight = Exchange(side, WAY_TO[following])
            assert there.answers(later) == straight.answers(later), later

    @pytest.mark.parametrize(("one", "other"), list(product(WAY_TO, repeat=2)))
    def test_each_state_can_be_told_from_the_others(self, side: Side, one: str, other: str) -> None:
        alike = all(
            Exchange(side, WAY_TO[one]).answers(later)
            == Exchange(side, WAY_TO[other]).answers(later)
            for later in product(ACTIONS, repeat=3)
        )
        assert alike == (one == other)

    def test_what_is_not_agreed_to_can_be_asked_for(self, side: Side) -> None:
        negotiation = Exchange(side, agreed=False)
        assert negotiation.answers([PEER_WANTS, ENABLE, PEER_WANTS]) == [STOP, ASK, SILENCE]

    @pytest.mark.parametrize("way", [(PEER_WANTS,), (ENABLE, PEER_WANTS)])
    def test_its_coming_into_force_is_reported(self, side: Side, way: tuple[str, ...]) -> None:
        *before, last = way
        _, changes = Exchange(side, before).do_and_see(last)
        assert changes == [OptionChanged(side, OPTION, True)]

    def test_its_end_is_reported_when_the_peer_gives_it_up(self, side: Side) -> None:
        _, changes = Exchange(side, WAY_TO[YES]).do_and_see(PEER_STOPS)
        assert changes == [OptionChanged(side, OPTION, False)]

    def test_its_end_is_reported_when_we_give_it_up(self, side: Side) -> None:
        _, changes = Exchange(side, WAY_TO[WANT_NO]).do_and_see(PEER_STOPS)
        assert changes == [OptionChanged(side, OPTION, False)]

    def test_a_refusal_changes_nothing(self, side: Side) -> None:
        _, changes = Exchange(side, WAY_TO[WANT_YES]).do_and_see(PEER_STOPS)
        assert changes == []

    def test_no_loop_between_two_of_us(self, side: Side) -> None:
        one = TelnetParser(local={OPTION}, remote={OPTION})
        other = TelnetParser(local={OPTION}, remote={OPTION})
        for parser in (one, other):
            parser.negotiation.enable(side, OPTION)
            parser.negotiation.disable(side, OPTION)
            parser.negotiation.enable(side, OPTION)
        for _ in range(10):
            to_other, to_one = one.negotiation.take_output(), other.negotiation.take_output()
            one.receive_data(to_one)
            other.receive_data(to_other)
        assert one.negotiation.take_output() == other.negotiation.take_output() == b""


# Subnegotiation


def with_naws() -> TelnetParser:
    parser = TelnetParser(remote={Option.NAWS})
    parser.receive_data(b"\xff\xfb\x1f")
    parser.negotiation.take_output()
    return parser


class TestSubnegotiation:
    @pytest.mark.parametrize(
        "data",
        [b"\xff\xfa\x1f\x00\xff\xff\x00\x18\xff\xf0", b"\xff\xfa\x1f\x00\xff\x00\x18\xff\xf0"],
        ids=["doubled", "as busybox sends it"],
    )
    def test_vector_12_a_width_of_255(self, data: bytes) -> None:
        for way in all_ways_to_cut([b"a" + data + b"b"]):
            assert Result(with_naws(), way).events == [
                Data(b"a"),
                Subnegotiation(Option.NAWS, b"\x00\xff\x00\x18"),
                Data(b"b"),
            ]

    def test_an_empty_one(self) -> None:
        for way in all_ways_to_cut([b"\xff\xfa\x1f\xff\xf0"]):
            assert Result(with_naws(), way).events == [Subnegotiation(Option.NAWS, b"")]

    def test_one_does_not_run_into_the_next(self) -> None:
        for way in all_ways_to_cut([b"\xff\xfa\x1f\x01\xff\xf0\xff\xfa\x1f\x02\xff\xf0"]):
            assert Result(with_naws(), way).events == [
                Subnegotiation(Option.NAWS, b"\x01"),
                Subnegotiation(Option.NAWS, b"\x02"),
            ]

    def test_one_without_an_option_is_ignored(self) -> None:
        for way in all_ways_to_cut([b"\xff\xfa\x1f\x01\xff\xf0\xff\xfa\xff\xf0"]):
            assert Result(with_naws(), way).events == [Subnegotiation(Option.NAWS, b"\x01")]

    @pytest.mark.parametrize("inside", [b"\r\n", b"\0", b"\r\0", b"\xff\xff\xf0", b"\xff\xf6"])
    def test_its_payload_is_no_text(self, inside: bytes) -> None:
        for way in all_ways_to_cut([b"\xff\xfa\x1f" + inside + b"\xff\xf0"]):
            result = Result(with_naws(), way)
            payload = inside.replace(b"\xff\xff", b"\xff")
            assert result.events == [Subnegotiation(Option.NAWS, payload)]

    def test_of_an_option_not_in_force_it_is_ignored(self) -> None:
        for way in all_ways_to_cut([b"a\xff\xfa\x18\x00xterm\xff\xf0b"]):
            assert Result(with_naws(), way).events == [Data(b"ab")]

    def test_of_an_option_given_up_it_is_ignored(self) -> None:
        parser = with_naws()
        parser.receive_data(b"\xff\xfc\x1f")
        assert parser.receive_data(b"\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0") == []

    def test_the_longest_payload_comes_whole(self) -> None:
        payload = b"x" * MAX_SUBNEGOTIATION
        for pieces in all_ways_to_cut([b"\xff\xfa\x1f" + payload + b"\xff\xf0"]):
            assert Result(with_naws(), pieces).events == [Subnegotiation(Option.NAWS, payload)]

    @pytest.mark.parametrize("surplus", [b"x", b"\xff\xff", b"\xff\x01", b"x" * 70_000])
    def test_what_is_too_long_is_cut(self, surplus: bytes) -> None:
        payload = b"x" * MAX_SUBNEGOTIATION
        data = b"\xff\xfa\x1f" + payload + surplus + b"\xff\xf0hi"
        assert Result(with_naws(), [data]).events == [
            Subnegotiation(Option.NAWS, payload),
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
        parser.negotiation.subnegotiate(Option.TTYPE, payload)
        assert parser.negotiation.take_output() == b"\xff\xfa\x18" + sent + b"\xff\xf0"
