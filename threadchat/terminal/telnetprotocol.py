"""Name what telnet is made of: its commands and options, and the events of the parser.

Sources: RFC 854 and 855 (the protocol), 1184 (more commands).
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

IAC = 0xFF


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
    """The side that an option is of: LOCAL is ours (we say WILL or WONT), REMOTE the peer's."""

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
    """An option that both sides have now agreed on, or that one side has ended."""

    side: Side
    option: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class OptionRequested:
    """The peer wants an option of ours (DO) or offers one of its own (WILL) without being asked.

    Reported whether we agree or not: what a client asks for tells what it is.
    """

    side: Side
    option: int


@dataclass(frozen=True, slots=True)
class OptionRefused:
    """The peer refused an option that we asked for."""

    side: Side
    option: int


@dataclass(frozen=True, slots=True)
class Subnegotiation:
    """The payload of IAC SB option ... IAC SE for an option in force, with each FF FF as one FF."""

    option: int
    payload: bytes


OptionEvent = OptionChanged | OptionRequested | OptionRefused
Event = Data | Signal | OptionEvent | Subnegotiation


def escape(data: bytes) -> bytes:
    """Double every FF, as a telnet peer expects it in text (RFC 854)."""
    return data.replace(b"\xff", b"\xff\xff")
