"""Name the codes of telnet (RFC 854 and its options), and the events that its parser reports."""

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


def escape(data: bytes) -> bytes:
    """Double every FF, as text for a telnet peer needs it (RFC 854)."""
    return data.replace(b"\xff", b"\xff\xff")
