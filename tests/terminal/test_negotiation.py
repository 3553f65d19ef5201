"""Test what is agreed on with a peer and what is said for it: requests, timing marks, Q method."""

from collections.abc import Iterable
from itertools import product

import pytest

from tests.terminal.support import Result, all_ways_to_cut
from threadchat.terminal.negotiation import MAX_REPLIES, Negotiation
from threadchat.terminal.telnet import TelnetParser
from threadchat.terminal.telnetprotocol import (
    IAC,
    Command,
    Data,
    Event,
    Option,
    OptionChanged,
    OptionEvent,
    OptionRequested,
    Side,
    Signal,
)

LOCAL, REMOTE = Side.LOCAL, Side.REMOTE
DO_TIMING_MARK = bytes((IAC, Command.DO, Option.TIMING_MARK))
WONT_TIMING_MARK = bytes((IAC, Command.WONT, Option.TIMING_MARK))

# Requests of the peer


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
        for way in all_ways_to_cut(data * 4):
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
        parser.data_to_send()
        assert parser.receive_data(b"\xff\xfb\x1f\xff\xfa\x1f\0\x50\0\x18\xff\xf0") == [
            OptionRequested(REMOTE, Option.NAWS)
        ]
        assert parser.data_to_send() == b""

    def test_data_to_send_is_handed_out_once(self) -> None:
        parser = TelnetParser()
        parser.receive_data(b"\xff\xfd\x01")
        parser.data_to_send()
        assert parser.data_to_send() == b""


class TestTimingMark:
    def test_vector_10_every_one_is_answered(self) -> None:
        for way in all_ways_to_cut(DO_TIMING_MARK * 2):
            assert Result(TelnetParser(), way).replies == WONT_TIMING_MARK * 2

    def test_vector_9_after_an_interrupt(self) -> None:
        for way in all_ways_to_cut(b"hel\xff\xf4" + DO_TIMING_MARK + b"hi\r\n"):
            result = Result(TelnetParser(), way)
            assert result.events == [Data(b"hel"), Signal(Command.IP), Data(b"hi\n")]
            assert result.replies == WONT_TIMING_MARK

    def test_they_and_all_other_replies_share_one_bound(self) -> None:
        parser = TelnetParser(local={Option.SGA})
        parser.receive_data(b"\xff\xfd\x03\xff\xfe\x03" * (MAX_REPLIES // 2 - 1))
        parser.data_to_send()
        parser.receive_data(DO_TIMING_MARK * 5)
        assert parser.data_to_send() == WONT_TIMING_MARK * 2

    def test_without_a_line_in_between_they_are_bounded(self) -> None:
        for pieces in ([DO_TIMING_MARK * 1000], [DO_TIMING_MARK] * 1000):
            assert Result(TelnetParser(), pieces).replies == WONT_TIMING_MARK * MAX_REPLIES

    def test_a_line_in_between_allows_all_of_them_again(self) -> None:
        parser = TelnetParser()
        parser.receive_data(DO_TIMING_MARK * 1000)
        parser.data_to_send()
        parser.receive_data(b"hi\n" + DO_TIMING_MARK * 1000)
        assert parser.data_to_send() == WONT_TIMING_MARK * MAX_REPLIES

    @pytest.mark.parametrize("line", [b"hi\n", b"hi\r\n", b"\r"], ids=repr)
    def test_a_line_in_between_allows_more(self, line: bytes) -> None:
        for pieces in ([(DO_TIMING_MARK + line) * 200], [DO_TIMING_MARK, line] * 200):
            assert Result(TelnetParser(), pieces).replies == WONT_TIMING_MARK * 200

    def test_it_is_no_option(self) -> None:
        data = b"".join(bytes((IAC, verb, Option.TIMING_MARK)) for verb in (0xFB, 0xFC, 0xFE))
        result = Result(TelnetParser(local={6}, remote={6}), [data + DO_TIMING_MARK])
        assert result.events == []
        assert result.replies == WONT_TIMING_MARK


# The Q method, RFC 1143 section 7

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


class OneOption:
    """One option of one side, agreed to if asked for, unless `agreed` says otherwise."""

    def __init__(self, side: Side, way: Iterable[str] = (), *, agreed: bool = True) -> None:
        self.side = side
        options = {OPTION} if agreed else set()
        self.negotiation = Negotiation(local=options, remote=options)
        for action in way:
            self.do(action)

    def do(self, action: str) -> str:
        """Return whether we ask for the option in consequence, stop it or say nothing."""
        return self.do_and_see(action)[0]

    def do_and_see(self, action: str) -> tuple[str, list[Event]]:
        events: list[OptionEvent] = []
        match action:
            case "enable":
                self.negotiation.enable(self.side, OPTION)
            case "disable":
                self.negotiation.disable(self.side, OPTION)
            case _:
                events = self.negotiation.receive(WORDS[self.side][action], OPTION)
        said = self.negotiation.data_to_send()
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
        assert OneOption(side, WAY_TO[state]).do(action) == said

    @pytest.mark.parametrize(("state", "action"), TRANSITIONS)
    def test_the_state_that_follows(self, side: Side, state: str, action: str) -> None:
        _, following = TRANSITIONS[state, action]
        for later in product(ACTIONS, repeat=3):
            there = OneOption(side, (*WAY_TO[state], action))
            straight = OneOption(side, WAY_TO[following])
            assert there.answers(later) == straight.answers(later), later

    @pytest.mark.parametrize(("one", "other"), list(product(WAY_TO, repeat=2)))
    def test_each_state_can_be_told_from_the_others(self, side: Side, one: str, other: str) -> None:
        alike = all(
            OneOption(side, WAY_TO[one]).answers(later)
            == OneOption(side, WAY_TO[other]).answers(later)
            for later in product(ACTIONS, repeat=3)
        )
        assert alike == (one == other)

    def test_what_is_not_agreed_to_can_be_asked_for(self, side: Side) -> None:
        option = OneOption(side, agreed=False)
        assert option.answers([PEER_WANTS, ENABLE, PEER_WANTS]) == [STOP, ASK, SILENCE]

    @pytest.mark.parametrize("way", [(PEER_WANTS,), (ENABLE, PEER_WANTS)])
    def test_its_coming_into_force_is_reported(self, side: Side, way: tuple[str, ...]) -> None:
        *before, last = way
        _, changes = OneOption(side, before).do_and_see(last)
        assert changes == [OptionChanged(side, OPTION, True)]

    def test_its_end_is_reported_when_the_peer_gives_it_up(self, side: Side) -> None:
        _, changes = OneOption(side, WAY_TO[YES]).do_and_see(PEER_STOPS)
        assert changes == [OptionChanged(side, OPTION, False)]

    def test_its_end_is_reported_when_we_give_it_up(self, side: Side) -> None:
        _, changes = OneOption(side, WAY_TO[WANT_NO]).do_and_see(PEER_STOPS)
        assert changes == [OptionChanged(side, OPTION, False)]

    def test_a_refusal_changes_nothing(self, side: Side) -> None:
        _, changes = OneOption(side, WAY_TO[WANT_YES]).do_and_see(PEER_STOPS)
        assert changes == []

    def test_no_loop_between_two_of_us(self, side: Side) -> None:
        one = TelnetParser(local={OPTION}, remote={OPTION})
        other = TelnetParser(local={OPTION}, remote={OPTION})
        for parser in (one, other):
            parser.enable(side, OPTION)
            parser.disable(side, OPTION)
            parser.enable(side, OPTION)
        for _ in range(10):
            to_other, to_one = one.data_to_send(), other.data_to_send()
            one.receive_data(to_one)
            other.receive_data(to_other)
        assert one.data_to_send() == other.data_to_send() == b""
