"""Walk the whole table of modes: each event in each mode, as a client brings it about."""

from collections.abc import Callable
from itertools import product

import pytest

from tests.terminal.support import Session
from threadchat.terminal.modes import (
    MAX_KEY,
    MIN_BETWEEN_KEYS,
    PROBE_TIMEOUT,
    TRANSITIONS,
    FirstChunks,
    Mode,
    ModeEvent,
    is_mud_client,
)
from threadchat.terminal.telnetprotocol import IAC, Command, Option

DO_ECHO = bytes((IAC, Command.DO, Option.ECHO))
DO_SGA, DONT_SGA = (bytes((IAC, verb, Option.SGA)) for verb in (Command.DO, Command.DONT))
WILL_TTYPE = bytes((IAC, Command.WILL, Option.TTYPE))
NOP = bytes((IAC, Command.NOP))
TOO_LATE = PROBE_TIMEOUT + 0.1


def begin(session: Session) -> None:
    """A client that has sent nothing."""


def send_a_line(session: Session) -> None:
    session.type(b"hi\r\n")


def press_two_keys(session: Session) -> None:
    session.press("hi")


def keep_silent_when_probed(session: Session) -> None:
    session.press("hi")
    session.type(NOP, after=TOO_LATE)


def agree_when_probed(session: Session) -> None:
    session.press("hi")
    session.type(DO_ECHO)  # and no answer about SGA yet


WAYS_TO: dict[Mode, Callable[[Session], None]] = {
    Mode.UNKNOWN: begin,
    Mode.LINE: send_a_line,
    Mode.PROBED: press_two_keys,
    Mode.CHARACTER: agree_when_probed,
    Mode.RAW: keep_silent_when_probed,
}


def let_time_pass(session: Session) -> None:
    session.type(NOP, after=TOO_LATE)


def want_characters(session: Session) -> None:
    session.terminal.set_character_mode(True)
    session.settle()


def want_lines(session: Session) -> None:
    session.terminal.set_character_mode(False)
    session.settle()


def agree_to_echo(session: Session) -> None:
    session.type(DO_ECHO)


def refuse_sga(session: Session) -> None:
    session.terminal.set_character_mode(True)  # there has to be a request
    session.type(DONT_SGA)


def end_sga(session: Session) -> None:
    session.type(DO_SGA)
    session.type(DONT_SGA)


def name_a_mud_client(session: Session) -> None:
    session.type(WILL_TTYPE)
    session.type(b"\xff\xfa\x18\x00MUDLET\xff\xf0")


BRINGERS: dict[ModeEvent, Callable[[Session], None]] = {
    ModeEvent.LINE_END: send_a_line,
    ModeEvent.KEYS: press_two_keys,
    ModeEvent.PROBE_TIMEOUT: let_time_pass,
    ModeEvent.CHARACTERS_WANTED: want_characters,
    ModeEvent.LINES_WANTED: want_lines,
    ModeEvent.ECHO_AGREED: agree_to_echo,
    ModeEvent.ECHO_REFUSED: refuse_sga,
    ModeEvent.ECHO_ENDED: end_sga,
    ModeEvent.MUD_CLIENT: name_a_mud_client,
}


class TestTransitions:
    def test_each_mode_and_event_is_listed(self) -> None:
        assert set(TRANSITIONS) == set(product(Mode, ModeEvent))

    @pytest.mark.parametrize(("mode", "event"), TRANSITIONS)
    def test_the_mode_that_follows(self, mode: Mode, event: ModeEvent) -> None:
        session = Session()
        WAYS_TO[mode](session)
        assert session.terminal.mode is mode
        BRINGERS[event](session)
        assert session.terminal.mode is TRANSITIONS[mode, event]

    @pytest.mark.parametrize(("mode", "event"), TRANSITIONS)
    def test_only_character_mode_is_drawn(self, mode: Mode, event: ModeEvent) -> None:
        session = Session()
        WAYS_TO[mode](session)
        BRINGERS[event](session)
        is_drawn = TRANSITIONS[mode, event] is Mode.CHARACTER
        assert session.terminal.is_in_character_mode is is_drawn

    def test_no_client_becomes_unknown_again(self) -> None:
        back = [mode for (mode, _), following in TRANSITIONS.items() if following is Mode.UNKNOWN]
        assert set(back) == {Mode.UNKNOWN}

    def test_only_an_unknown_client_is_probed(self) -> None:
        probed = {mode for (mode, _), following in TRANSITIONS.items() if following is Mode.PROBED}
        assert probed == {Mode.UNKNOWN, Mode.PROBED}


class TestMudClients:
    @pytest.mark.parametrize("name", [b"MUDLET", b"Mudlet 4.17", b"TinTin++", b"mushclient"])
    def test_these_are(self, name: bytes) -> None:
        assert is_mud_client(name)

    @pytest.mark.parametrize("name", [b"XTERM", b"ANSI", b"VTNT", b"", b"\xff", b"XMUDLET"])
    def test_these_are_not(self, name: bytes) -> None:
        assert not is_mud_client(name)


class TestFirstChunks:
    """What the first chunks of a client tell, at the bounds of each rule."""

    def test_the_end_of_a_line_is_one_at_once(self) -> None:
        for data in (b"\n", b"\r", b"hi\r\n"):
            assert FirstChunks().look_at(data, 0.0) is ModeEvent.LINE_END

    def test_two_keys_with_time_between_them_are_keys(self) -> None:
        chunks = FirstChunks()
        assert chunks.look_at(b"h", 0.0) is None
        assert chunks.look_at(b"i", MIN_BETWEEN_KEYS) is ModeEvent.KEYS

    def test_closer_ones_may_be_pieces_of_a_line(self) -> None:
        chunks = FirstChunks()
        for number in range(5):
            assert chunks.look_at(b"h", 5.0 + number * 0.99 * MIN_BETWEEN_KEYS) is None

    @pytest.mark.parametrize(
        ("between", "event"),
        [(b"x" * MAX_KEY, ModeEvent.KEYS), (b"x" * (MAX_KEY + 1), None), (b"\xff\xf1", None)],
    )
    def test_what_is_longer_than_a_key_begins_anew(
        self, between: bytes, event: ModeEvent | None
    ) -> None:
        chunks = FirstChunks()
        assert chunks.look_at(b"h", 0.0) is None
        assert chunks.look_at(between, 10.0) is event
        if event is None:
            assert chunks.look_at(b"i", 20.0) is None
            assert chunks.look_at(b"j", 30.0) is ModeEvent.KEYS

    def test_a_probe_is_waited_for(self) -> None:
        chunks = FirstChunks()
        chunks.look_at(b"h", 0.0)
        assert chunks.look_at(b"i", 10.0) is ModeEvent.KEYS
        assert chunks.look_at(b"\n", 10.0 + PROBE_TIMEOUT) is None
        assert chunks.look_at(b"j", 10.1 + PROBE_TIMEOUT) is ModeEvent.PROBE_TIMEOUT
