"""Say what kinds of client there are, and what shows which kind a client is."""

from enum import Enum

MAX_KEY = 8
"""The most bytes that one key sends."""

MIN_BETWEEN_KEYS = 0.020
"""Seconds that lie between two keys a person presses; what comes closer is one piece of text."""

PROBE_TIMEOUT = 3.0
"""Seconds after which a client that has not answered a probe does not speak telnet."""


# These edit lines better than we could; some take our echo for a wish to hide a password.
_MUD_CLIENTS = tuple(
    "ATLANTIS AXMUD BEIP BLOWTORCH CMUD GNOME-MUD KILDCLIENT KMUDDY MUDLET MUDRAMMER MUSHCLIENT"
    " POTATO TINTIN TINYFUGUE ZMUD".split()
)


class Mode(Enum):
    """What a client has turned out to be."""

    UNKNOWN = "unknown"
    LINE = "line"
    PROBED = "probed"
    CHARACTER = "character"
    RAW = "raw"


class Sign(Enum):
    """What shows what a client is."""

    LINE_END = "a line came with its end"
    KEYS = "keys came one by one"
    NO_ANSWER = "something came, and no answer to a probe before it"
    ECHO = "the client has us echo"
    NO_ECHO = "the client echoes by itself, for good"


MODE_AFTER: dict[Mode, dict[Sign, Mode]] = {
    Mode.UNKNOWN: {
        Sign.LINE_END: Mode.LINE,
        Sign.KEYS: Mode.PROBED,
        Sign.ECHO: Mode.CHARACTER,
        Sign.NO_ECHO: Mode.LINE,
    },
    Mode.LINE: {
        Sign.ECHO: Mode.CHARACTER,
    },
    Mode.PROBED: {
        Sign.NO_ANSWER: Mode.RAW,
        Sign.ECHO: Mode.CHARACTER,
        Sign.NO_ECHO: Mode.LINE,
    },
    Mode.CHARACTER: {
        Sign.NO_ECHO: Mode.LINE,
    },
    Mode.RAW: {
        Sign.ECHO: Mode.CHARACTER,
        Sign.NO_ECHO: Mode.LINE,
    },
}
"""The mode that follows from a sign; where none is given, the sign changes nothing."""


def is_mud_client(terminal_type: bytes) -> bool:
    """Return whether a terminal type (RFC 1091) is that of a client for text adventures."""
    return terminal_type.decode("ascii", "replace").upper().startswith(_MUD_CLIENTS)
