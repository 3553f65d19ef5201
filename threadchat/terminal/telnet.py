"""Split a telnet byte stream into text and commands.

No sockets, no threads: bytes go into `TelnetParser.receive_data`, which returns events;
`TelnetParser.data_to_send` returns what the peer is owed. A byte stream that is no telnet passes
through as text, so netcat needs no parser of its own. `negotiation` holds what becomes of the
options.

Sources: RFC 854 and 855 (the protocol), 1123 section 3 (line ends, synch).
"""

import re
from collections.abc import Collection
from enum import Enum

from threadchat.terminal.negotiation import Negotiation
from threadchat.terminal.telnetprotocol import (
    IAC,
    Command,
    Data,
    Event,
    Option,
    Side,
    Signal,
    Subnegotiation,
)

MAX_SUBNEGOTIATION = 512
"""The most bytes kept of one subnegotiation; the rest is thrown away up to its end."""

COMMAND_SECONDS = 2.0
"""Seconds after which a command whose end has not come is given up, so that it swallows no text.

A subnegotiation that lacks its IAC SE is such a command.
"""

_NAWS_SIZE = 4
"""The bytes of a window size (RFC 1073): columns and rows, two each."""


class _State(Enum):
    """What the parser expects next."""

    TEXT = 0
    AFTER_CR = 1
    AFTER_IAC = 2
    OPTION = 3
    SUB_OPTION = 4
    SUB_DATA = 5
    SUB_IAC = 6
    SUB_END = 7  # a window size is complete, and IAC SE should follow
    STRAY_IAC = 8  # an IAC that a command may follow, but also text


_NO_COMMAND = frozenset({_State.TEXT, _State.AFTER_CR})


# Whole runs, where there can be some: a flood of these must not cost more than a flood of text.
_SPECIAL = re.compile(rb"(?:\xff\xff)+|\xff|\r|\0+")
_OPTION_VERBS = frozenset({Command.WILL, Command.WONT, Command.DO, Command.DONT})
_COMMANDS = {int(command): command for command in Command}


class TelnetParser:
    """One connection's telnet: what the peer has sent so far, and what it is owed.

    `local` and `remote` are the options that we agree to: see `Negotiation`.

    Call `receive_data` with what arrives and `data_to_send` after it, and after any request. No
    input raises, and how it is cut into chunks never changes what comes out, except that a command
    may be given up after `COMMAND_SECONDS`.
    """

    __slots__ = (
        "_command_began_at",
        "_in_subnegotiation_of",
        "_local",
        "_negotiation",
        "_payload",
        "_remote",
        "_state",
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
        self._command_began_at = 0.0  # in any other state than TEXT and AFTER_CR
        self._verb = Command.NOP
        self._in_subnegotiation_of = 0
        # Most peers need neither of these: each is made when it is first needed.
        self._payload: bytearray | None = None
        self._negotiation: Negotiation | None = None

    # Receiving

    @property
    def is_plain(self) -> bool:
        """Whether the peer has shown no sign of telnet, and no command or line end has begun."""
        return self._state is _State.TEXT and not self.speaks_telnet

    def receive_data(self, data: bytes, now: float = 0.0) -> list[Event]:
        """Return the events in `data`, received at `now` (in seconds), in order."""
        if self._state is _State.TEXT:
            # Nearly always there is nothing but whole lines. That is quick to find out.
            text_only = data.replace(b"\r\n", b"\n")
            if not (b"\xff" in data or b"\0" in data or b"\r" in text_only):
                return self._text_only(text_only)
        if self._state not in _NO_COMMAND and now - self._command_began_at > COMMAND_SECONDS:
            self._give_up_command()
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
                    self._take_special(special.group(), text, now)
                    position = special.end()
            elif self._state is _State.SUB_DATA:
                position = self._collect(data, position, text, events)
            else:
                position += self._step(data[position], text, events)
        self._flush_text(text, events)
        return events

    def _text_only(self, data: bytes) -> list[Event]:
        if self._negotiation is not None and data:
            self._negotiation.receive_text()
        return [Data(data)] if data else []

    def _flush_text(self, text: bytearray, events: list[Event]) -> None:
        if text:
            events += self._text_only(bytes(text))
            text.clear()

    def _give_up_command(self) -> None:
        """Take what comes next for text, or for a command after an IAC that came last."""
        ends_in_iac = self._state in (_State.AFTER_IAC, _State.SUB_IAC, _State.STRAY_IAC)
        self._state = _State.STRAY_IAC if ends_in_iac else _State.TEXT
        self._payload = None

    def _take_special(self, special: bytes, text: bytearray, now: float) -> None:
        """Take the bytes that end a run of text. A NUL does nothing (RFC 854)."""
        if special == b"\xff":
            self._state = _State.AFTER_IAC
            self._command_began_at = now
        elif special == b"\r":
            text += b"\n"
            self._state = _State.AFTER_CR
        elif special[0] == IAC:
            text += special[::2]

    def _collect(self, data: bytes, position: int, text: bytearray, events: list[Event]) -> int:
        """Take a run of a subnegotiation's payload; return where it ends."""
        end = data.find(IAC, position)
        if end < 0:
            end = len(data)
        if self._in_subnegotiation_of == Option.NAWS:
            end = min(end, position + _NAWS_SIZE - len(self._payload or b""))
        self._keep(data[position:end])
        if not self._finish_size(text, events) and end < len(data):
            self._state = _State.SUB_IAC
            return end + 1
        return end

    def _finish_size(self, text: bytearray, events: list[Event]) -> bool:
        """End a window size that has its four bytes, and return True; its IAC SE may never come."""
        if (
            self._in_subnegotiation_of != Option.NAWS
            or self._payload is None
            or len(self._payload) < _NAWS_SIZE
        ):
            return False
        self._end_subnegotiation(text, events)
        self._state = _State.SUB_END
        return True

    def _keep(self, payload: bytes) -> None:
        if self._payload is None:
            self._payload = bytearray()
        self._payload += payload[: MAX_SUBNEGOTIATION - len(self._payload)]

    def _step(self, byte: int, text: bytearray, events: list[Event]) -> int:
        """Take one byte in a state that looks at one byte; return how many were used: 0 or 1."""
        match self._state:
            case _State.AFTER_CR:
                # The line was delivered at its CR. A LF or NUL after the CR belongs to it.
                self._state = _State.TEXT
                return 1 if byte in (0x0A, 0x00) else 0
            case _State.AFTER_IAC:
                self._after_iac(byte, text, events)
            case _State.OPTION:
                self._state = _State.TEXT
                self._flush_text(text, events)
                self.speaks_telnet = True
                events += self._negotiate().receive(self._verb, byte)
            case _State.SUB_OPTION:
                if byte == IAC:
                    # IAC SB IAC names no option. SE follows, most likely: nothing to report.
                    self._in_subnegotiation_of = -1
                    self._state = _State.SUB_IAC
                else:
                    self._in_subnegotiation_of = byte
                    self._state = _State.SUB_DATA
            case _State.SUB_IAC:
                return self._after_iac_in_subnegotiation(byte, text, events)
            case _State.SUB_END if byte == IAC:
                self._state = _State.STRAY_IAC
            case _State.SUB_END:
                self._state = _State.TEXT
                return 0
            case _State.STRAY_IAC if byte == IAC:
                pass
            case _State.STRAY_IAC:
                self._state = _State.TEXT
                if byte not in _COMMANDS:
                    return 0
                if byte != Command.SE:
                    self._after_iac(byte, text, events)
        return 1

    def _after_iac(self, byte: int, text: bytearray, events: list[Event]) -> None:
        self._state = _State.TEXT
        if byte == IAC:
            text.append(IAC)
            return
        command = _COMMANDS.get(byte)
        if command is None:
            return  # unknown: it is ignored, and is no evidence of telnet
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

    def _after_iac_in_subnegotiation(self, byte: int, text: bytearray, events: list[Event]) -> int:
        """Take the byte after an IAC in a payload; return how many were used: 0 or 1."""
        if byte == Command.SE:
            self._end_subnegotiation(text, events)
            self._state = _State.TEXT
            return 1
        # busybox does not double the FF in a column count of 255. So an FF is payload where neither
        # FF nor SE follows it, and so is the byte that does.
        self._state = _State.SUB_DATA
        self._keep(b"\xff")
        if byte != IAC:
            self._finish_size(text, events)
            return 0
        if self._finish_size(text, events):
            # This is also what an FF that was not doubled, and the IAC of IAC SE, look like.
            self._state = _State.STRAY_IAC
        return 1

    def _end_subnegotiation(self, text: bytearray, events: list[Event]) -> None:
        self.speaks_telnet = True
        self._flush_text(text, events)
        payload = bytes(self._payload or b"")
        self._payload = None
        if self.is_in_force(self._in_subnegotiation_of):
            events.append(Subnegotiation(self._in_subnegotiation_of, payload))

    # Options: see `Negotiation`

    def enable(self, side: Side, option: int) -> None:
        """Ask the peer for `option`."""
        self._negotiate().enable(side, option)

    def disable(self, side: Side, option: int) -> None:
        """End `option`, or ask the peer to end it."""
        if self._negotiation is not None:
            self._negotiation.disable(side, option)

    def subnegotiate(self, option: int, payload: bytes) -> None:
        """Send `payload` as a subnegotiation of `option`."""
        self._negotiate().subnegotiate(option, payload)

    def is_wanted(self, side: Side, option: int) -> bool:
        """Return whether we want `option`: it is in force, or we are asking for it."""
        return self._negotiation is not None and self._negotiation.is_wanted(side, option)

    def is_in_force(self, option: int) -> bool:
        """Return whether `option` is in force, at either side."""
        return self._negotiation is not None and self._negotiation.is_in_force(option)

    def data_to_send(self) -> bytes:
        """Return the bytes owed to the peer since the last call."""
        return b"" if self._negotiation is None else self._negotiation.data_to_send()

    def _negotiate(self) -> Negotiation:
        if self._negotiation is None:
            self._negotiation = Negotiation(self._local, self._remote)
        return self._negotiation
