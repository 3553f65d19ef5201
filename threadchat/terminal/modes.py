"""Find out what a client is: its modes, what changes them, and what its chunks tell.

No input and no output here: `ClientTerminal` reports each event and does what belongs to the mode
that follows. Promise 5 begins here: a client is probed only after it has sent keys one by one.
"""

from enum import Enum

from threadchat.terminal.telnetprotocol import IAC

MAX_KEY = 8
"""The most bytes that one key sends."""

MIN_BETWEEN_KEYS = 0.020
"""Seconds between two keys that a person presses; what comes faster is one piece of text."""

PROBE_TIMEOUT = 3.0
"""Seconds after which a client that has not answered a probe does not speak telnet."""

# These edit lines better than we could; some take our echo for a wish to hide a password.
_MUD_CLIENTS = tuple(
    "ATLANTIS AXMUD BEIP BLOWTORCH CMUD GNOME-MUD KILDCLIENT KMUDDY MUDLET MUDRAMMER MUSHCLIENT"
    " POTATO TINTIN TINYFUGUE ZMUD".split()
)


class Mode(Enum):
    """What a client has turned out to be.

    UNKNOWN: it has not sent enough; every client begins here.
    LINE: it edits its own lines and sends them whole.
    PROBED: it sends keys one by one, as Windows' telnet does, and has been asked to let us echo.
    CHARACTER: it sends keys, and we draw the line being typed.
    RAW: it sends keys and has not answered the probe; nothing is drawn.
    """

    UNKNOWN = "unknown"
    LINE = "line"
    PROBED = "probed"
    CHARACTER = "character"
    RAW = "raw"

    __hash__ = object.__hash__  # in C: each client that comes is looked up in `TRANSITIONS`


class ModeEvent(Enum):
    """What may change a client's mode."""

    LINE_END = "a chunk with a line end came"
    KEYS = "keys came one by one"
    PROBE_TIMEOUT = "the probe was not answered in time"
    CHARACTERS_WANTED = "character mode was asked for; the client's answer decides"
    LINES_WANTED = "line mode was asked for"
    ECHO_AGREED = "the client agreed to our echo, or asked for it"
    ECHO_REFUSED = "the client refused ECHO or SGA"
    ECHO_ENDED = "ECHO or SGA was in force and has ended"
    MUD_CLIENT = "the client's terminal type is that of a MUD client"

    __hash__ = object.__hash__


# fmt: off
def _table() -> dict[ModeEvent, tuple[Mode, Mode, Mode, Mode, Mode]]:
    event = ModeEvent
    unknown, line, probed, character, raw = Mode
    return {
        # The mode that follows   UNKNOWN    LINE       PROBED     CHARACTER  RAW
        event.LINE_END:          (line,      line,      probed,    character, raw),
        event.KEYS:              (probed,    line,      probed,    character, raw),
        event.PROBE_TIMEOUT:     (unknown,   line,      raw,       character, raw),
        event.CHARACTERS_WANTED: (unknown,   line,      probed,    character, raw),
        event.LINES_WANTED:      (line,      line,      line,      line,      line),
        event.ECHO_AGREED:       (character, character, character, character, character),
        event.ECHO_REFUSED:      (line,      line,      line,      line,      line),
        event.ECHO_ENDED:        (line,      line,      line,      line,      line),
        event.MUD_CLIENT:        (line,      line,      line,      line,      line),
    }
# fmt: on


TRANSITIONS = {
    (mode, event): following
    for event, row in _table().items()
    for mode, following in zip(Mode, row, strict=True)
}
"""The mode that follows each event in each mode. No mode changes in any other way."""


class FirstChunks:
    """Find out from a client's first chunks whether it sends lines or keys.

    It is needed in the modes UNKNOWN and PROBED only. It reads nothing else from the chunks.
    """

    __slots__ = ("_last_key_at", "_probed_at")

    def __init__(self) -> None:
        self._last_key_at: float | None = None
        self._probed_at: float | None = None

    def look_at(self, data: bytes, now: float) -> ModeEvent | None:
        """Return the event that `data`, received at `now` (in seconds), is, or None."""
        if self._probed_at is not None:
            timed_out = now - self._probed_at > PROBE_TIMEOUT
            return ModeEvent.PROBE_TIMEOUT if timed_out else None
        if b"\n" in data or b"\r" in data:
            return ModeEvent.LINE_END
        if len(data) > MAX_KEY or IAC in data:
            self._last_key_at = None
            return None
        before, self._last_key_at = self._last_key_at, now
        if before is None or now - before < MIN_BETWEEN_KEYS:
            return None
        self._probed_at = now
        return ModeEvent.KEYS


def is_mud_client(terminal_type: bytes) -> bool:
    """Return whether a terminal type (RFC 1091) is the name of a MUD client."""
    return terminal_type.decode("ascii", "replace").upper().startswith(_MUD_CLIENTS)
