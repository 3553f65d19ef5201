"""Split a telnet byte stream into text and commands, and negotiate options.

No sockets, no threads: bytes go into `TelnetParser.receive_data`, which returns events; what has
to be answered is fetched with `TelnetParser.data_to_send`. Bytes that are not telnet at all pass
through as text, so that a netcat needs no parser of its own. What the options are *for* is not
known here: who makes a parser says which it may agree to.

Sources: RFC 854 and 855 (the protocol), 1123 section 3 (line ends, synch), 860 (TIMING-MARK),
1143 (the Q method of negotiation).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, IntEnum

IAC = 0xFF

MAX_SUBNEGOTIATION = 512
"""The most bytes kept of one subnegotiation; the rest is thrown away up to its end."""

MAX_REPLIES = 100
"""The most replies and requests sent on one connection, so that no peer can keep us talking.

Giving up an option is always possible: there are no more of those than of the others.
"""


class Command(IntEnum):
    """The commands of RFC 854 and 1184 that a client may send."""

    EOF = 0xEC
    SUSP = 0xED
    ABORT = 0xEE
    EOR = 0xEF
    SE = 0xF0
    NOP = 0xF1
    DM = 0xF2
    BRK = 0xF3
    IP = 0xF4
    AO = 0xF5
    AYT = 0xF6
    EC = 0xF7
    EL = 0xF8
    GA = 0xF9
    SB = 0xFA
    WILL = 0xFB
    WONT = 0xFC
    DO = 0xFD
    DONT = 0xFE


class Option(IntEnum):
    """The options that threadchat has a use for; others travel as plain numbers."""

    BINARY = 0
    ECHO = 1
    SGA = 3
    TIMING_MARK = 6
    TTYPE = 24
    NAWS = 31
    CHARSET = 42


class Side(Enum):
    """Whose option it is: ours (WILL and WONT are our words), or the peer's (theirs)."""

    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class Data:
    """Some text, still encoded. Every line end in it is a single LF."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Signal:
    """A command without an argument, such as AYT or IP."""

    command: Command


@dataclass(frozen=True, slots=True)
class OptionChanged:
    """An option that both sides have now settled on, or given up."""

    side: Side
    option: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class OptionRequested:
    """The peer, unasked, wants an option of ours (DO), or offers one of its own (WILL).

    Reported whether it is agreed to or not: what a client asks for tells what it is.
    """

    side: Side
    option: int


@dataclass(frozen=True, slots=True)
class OptionRefused:
    """The peer said no to what we asked for with `TelnetParser.enable`."""

    side: Side
    option: int


@dataclass(frozen=True, slots=True)
class Subnegotiation:
    """The payload of IAC SB option ... IAC SE for an option in force, FF FF undoubled."""

    option: int
    payload: bytes


Event = Data | Signal | OptionChanged | OptionRequested | OptionRefused | Subnegotiation


class _Q(Enum):
    """The states of RFC 1143 section 7, the queue bit written into the name."""

    NO = 0
    YES = 1
    WANT_NO = 2
    WANT_NO_THEN_YES = 3
    WANT_YES = 4
    WANT_YES_THEN_NO = 5


_WANTED = frozenset({_Q.YES, _Q.WANT_YES, _Q.WANT_NO_THEN_YES})

_IN_FORCE = frozenset({_Q.YES, _Q.WANT_NO, _Q.WANT_NO_THEN_YES})
"""An option that is being given up is in force until the peer has confirmed it."""

_NONE: frozenset[tuple[Side, int]] = frozenset()
"""The one for all: `frozenset()` makes another each time."""


class _State(Enum):
    """What the parser expects next."""

    TEXT = 0
    AFTER_CR = 1
    AFTER_IAC = 2
    OPTION = 3
    SUB_OPTION = 4
    SUB_DATA = 5
    SUB_IAC = 6


# Runs, where there may be some: a flood of these is not to cost more than one of text.
_SPECIAL = re.compile(rb"(?:\xff\xff)+|\xff|\r|\0+")
_OPTION_VERBS = frozenset({Command.WILL, Command.WONT, Command.DO, Command.DONT})
_COMMANDS = {int(command): command for command in Command}


class TelnetParser:
    """One connection's telnet: what has been received so far, and what is owed in return.

    `local` are the options we agree to switch on at our side when asked, `remote` those we let
    the peer switch on at its own. All others are refused, each once.

    Call `receive_data` with what arrives and `data_to_send` after it, and after any request. No
    input raises, and how it is cut into chunks never changes what comes out.
    """

    __slots__ = (
        "_in_subnegotiation_of",
        "_local",
        "_options",
        "_payload",
        "_refused",
        "_remote",
        "_replies",
        "_state",
        "_timing_marks",
        "_to_send",
        "_verb",
        "speaks_telnet",
    )

    def __init__(
        self, *, local: Collection[int] = frozenset(), remote: Collection[int] = frozenset()
    ) -> None:
        self.speaks_telnet = False
        """Whether a whole telnet command has arrived. Until then no telnet may be sent unasked."""
        self._local = frozenset(local)
        self._remote = frozenset(remote)
        self._state = _State.TEXT
        self._verb = Command.NOP
        self._in_subnegotiation_of = 0
        self._payload: bytearray | None = None  # made when first needed: most peers never do
        self._options: dict[tuple[Side, int], _Q] = {}
        self._refused = _NONE  # as nearly always; replaced to add one
        self._to_send = b""
        self._replies = 0
        self._timing_marks = 0

    # Receiving

    @property
    def is_plain(self) -> bool:
        """Whether there has been no sign of telnet, and nothing has begun."""
        return self._state is _State.TEXT and not self.speaks_telnet

    def receive_data(self, data: bytes) -> list[Event]:
        """Return what `data` amounts to, in its order."""
        if self._state is _State.TEXT:
            # Nearly always there is nothing but whole lines, and that is seen at a glance.
            text_only = data.replace(b"\r\n", b"\n")
            if not (b"\xff" in data or b"\0" in data or b"\r" in text_only):
                return self._text_only(text_only)
        events: list[Event] = []
        text = bytearray()
        position = 0
        while position < len(data):
            if self._state is _State.TEXT:
                special = _SPECIAL.search(data, position)
                end = special.start() if special else len(data)
                text += data[position:end]
                position = end
                if special:
                    self._take_special(special.group(), text)
                    position = special.end()
            elif self._state is _State.SUB_DATA:
                position = self._collect(data, position)
            else:
                position += self._step(data[position], text, events)
        self._flush_text(text, events)
        return events

    def _text_only(self, data: bytes) -> list[Event]:
        if b"\n" in data:
            self._timing_marks = 0
        return [Data(data)] if data else []

    def _flush_text(self, text: bytearray, events: list[Event]) -> None:
        if text:
            events += self._text_only(bytes(text))
            text.clear()

    def _take_special(self, special: bytes, text: bytearray) -> None:
        """Take what ends a run of text. A NUL is no operation (RFC 854)."""
        if special == b"\xff":
            self._state = _State.AFTER_IAC
        elif special == b"\r":
            text += b"\n"
            self._state = _State.AFTER_CR
        elif special[0] == IAC:
            text += special[::2]

    def _collect(self, data: bytes, position: int) -> int:
        """Take a run of subnegotiation payload; return where it ends."""
        end = data.find(IAC, position)
        if end < 0:
            end = len(data)
        else:
            self._state = _State.SUB_IAC
        self._keep(data[position:end])
        return end + (self._state is _State.SUB_IAC)

    def _keep(self, payload: bytes) -> None:
        if self._payload is None:
            self._payload = bytearray()
        self._payload += payload[: MAX_SUBNEGOTIATION - len(self._payload)]

    def _step(self, byte: int, text: bytearray, events: list[Event]) -> int:
        """Take one byte in a state that looks at one byte; return how many were used up: 0 or 1."""
        match self._state:
            case _State.AFTER_CR:
                # The line was delivered at its CR; a LF or NUL behind it belongs to it.
                self._state = _State.TEXT
                return 1 if byte in (0x0A, 0x00) else 0
            case _State.AFTER_IAC:
                self._after_iac(byte, text, events)
            case _State.OPTION:
                self._state = _State.TEXT
                self._flush_text(text, events)
                self._negotiate(self._verb, byte, events)
            case _State.SUB_OPTION:
                if byte == IAC:
                    # IAC SB IAC: no option named. SE, most likely: there is nothing to report.
                    self._in_subnegotiation_of = -1
                    self._state = _State.SUB_IAC
                else:
                    self._in_subnegotiation_of = byte
                    self._state = _State.SUB_DATA
            case _State.SUB_IAC:
                self._after_iac_in_subnegotiation(byte, text, events)
        return 1

    def _after_iac(self, byte: int, text: bytearray, events: list[Event]) -> None:
        self._state = _State.TEXT
        if byte == IAC:
            text.append(IAC)
            return
        command = _COMMANDS.get(byte)
        if command is None:
            return  # unknown: ignored, and no evidence of a telnet either
        if command in _OPTION_VERBS:
            self._verb = command
            self._state = _State.OPTION
            return
        if command is Command.SB:
            self._payload = None
            self._state = _State.SUB_OPTION
        else:
            self.speaks_telnet = True
            self._flush_text(text, events)
            events.append(Signal(command))

    def _after_iac_in_subnegotiation(self, byte: int, text: bytearray, events: list[Event]) -> None:
        if byte == Command.SE:
            self.speaks_telnet = True
            self._state = _State.TEXT
            self._flush_text(text, events)
            payload = bytes(self._payload or b"")
            self._payload = None
            if self.is_in_force(self._in_subnegotiation_of):
                events.append(Subnegotiation(self._in_subnegotiation_of, payload))
            return
        self._state = _State.SUB_DATA
        # busybox sends a column count of 255 undoubled: an FF that neither FF nor SE follows is
        # payload itself, and so is what follows it.
        self._keep(b"\xff" if byte == IAC else bytes((IAC, byte)))

    def is_in_force(self, option: int) -> bool:
        """Return whether `option` is, at either side."""
        return any(self._options.get((side, option)) in _IN_FORCE for side in Side)

    # Negotiating

    def enable(self, side: Side, option: int) -> None:
        """Ask the peer for `option`: to let us do it (LOCAL), or to do it itself (REMOTE).

        Nothing is sent where it is in force or asked for already, or once `MAX_REPLIES` are.
        """
        key = (side, option)
        match self._options.get(key, _Q.NO):
            case _Q.NO:
                if self._reply(_REQUESTS[side, True], option):
                    self._options[key] = _Q.WANT_YES
            case _Q.WANT_NO:
                self._options[key] = _Q.WANT_NO_THEN_YES
            case _Q.WANT_YES_THEN_NO:
                self._options[key] = _Q.WANT_YES

    def disable(self, side: Side, option: int) -> None:
        """Give up `option`, or ask the peer to. Nothing is sent where it is not in force."""
        key = (side, option)
        match self._options.get(key, _Q.NO):
            case _Q.YES:
                self._options[key] = _Q.WANT_NO
                self._say(_REQUESTS[side, False], option)
            case _Q.WANT_YES:
                self._options[key] = _Q.WANT_YES_THEN_NO
            case _Q.WANT_NO_THEN_YES:
                self._options[key] = _Q.WANT_NO

    def subnegotiate(self, option: int, payload: bytes) -> None:
        """Send IAC SB option payload IAC SE, doubling what has to be, unless too much was said."""
        if self._has_said_enough():
            return
        self._replies += 1
        self._to_send += (
            bytes((IAC, Command.SB, option)) + escape(payload) + bytes((IAC, Command.SE))
        )

    def is_wanted(self, side: Side, option: int) -> bool:
        """Return whether we would have `option` in force: it is, or we are asking for it."""
        return self._options.get((side, option)) in _WANTED

    def data_to_send(self) -> bytes:
        """Return the bytes owed to the peer since the last call."""
        data, self._to_send = self._to_send, b""
        return data

    def _negotiate(self, verb: Command, option: int, events: list[Event]) -> None:
        self.speaks_telnet = True
        side = Side.LOCAL if verb in (Command.DO, Command.DONT) else Side.REMOTE
        wanted = verb in (Command.DO, Command.WILL)
        if option == Option.TIMING_MARK:
            if verb is Command.DO:
                self._answer_timing_mark()
            return
        before = self._options.get((side, option), _Q.NO)
        if wanted and before is _Q.NO:
            events.append(OptionRequested(side, option))
        if not wanted and before in (_Q.WANT_YES, _Q.WANT_YES_THEN_NO):
            events.append(OptionRefused(side, option))
        after = self._settle(before, side, option, wanted)
        if after is _Q.NO:
            self._options.pop((side, option), None)
        else:
            self._options[side, option] = after
        if (before in _IN_FORCE) != (after in _IN_FORCE):
            events.append(OptionChanged(side, option, after in _IN_FORCE))

    def _answer_timing_mark(self) -> None:
        """Refuse, every time (RFC 860): the answer itself is what the client waits for.

        Without it inetutils' telnet throws away all output for good after a Ctrl-C, so that these
        are counted anew after each line of text: who types lines may press Ctrl-C for ever.
        """
        if not self._has_said_enough():
            self._timing_marks += 1
            self._to_send += bytes((IAC, Command.WONT, Option.TIMING_MARK))

    def _settle(self, before: _Q, side: Side, option: int, wanted: bool) -> _Q:
        """Return the state after the peer's word on `option`, answering where RFC 1143 has it."""
        if wanted:
            return self._settle_wanted(before, side, option)
        match before:
            case _Q.YES:
                self._reply(_REQUESTS[side, False], option)
            case _Q.WANT_NO_THEN_YES:
                self._reply(_REQUESTS[side, True], option)
                return _Q.WANT_YES
        return _Q.NO

    def _settle_wanted(self, before: _Q, side: Side, option: int) -> _Q:
        match before:
            case _Q.NO:
                if option in (self._local if side is Side.LOCAL else self._remote):
                    return _Q.YES if self._reply(_REQUESTS[side, True], option) else _Q.NO
                if (side, option) not in self._refused:
                    self._refused |= {(side, option)}
                    self._reply(_REQUESTS[side, False], option)
                return _Q.NO
            case _Q.WANT_YES | _Q.YES:
                return _Q.YES
            case _Q.WANT_YES_THEN_NO:
                self._reply(_REQUESTS[side, False], option)
                return _Q.WANT_NO
            case _Q.WANT_NO:
                return _Q.NO  # an answer of yes to our no: an error of the peer's
            case _Q.WANT_NO_THEN_YES:
                return _Q.YES

    def _reply(self, verb: Command, option: int) -> bool:
        if self._has_said_enough():
            return False
        self._replies += 1
        self._say(verb, option)
        return True

    def _has_said_enough(self) -> bool:
        return self._replies + self._timing_marks >= MAX_REPLIES

    def _say(self, verb: Command, option: int) -> None:
        self._to_send += bytes((IAC, verb, option))


_REQUESTS = {
    (Side.LOCAL, True): Command.WILL,
    (Side.LOCAL, False): Command.WONT,
    (Side.REMOTE, True): Command.DO,
    (Side.REMOTE, False): Command.DONT,
}


def escape(data: bytes) -> bytes:
    """Double every FF, as text for a telnet peer needs it (RFC 854)."""
    return data.replace(b"\xff", b"\xff\xff")
