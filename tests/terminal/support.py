"""What the tests of this folder share: ways to cut input, a parser, a client, a line editor."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyte

from tests.support.screens import rows_of
from threadchat.terminal.clientterminal import ClientTerminal
from threadchat.terminal.lineeditor import Completer, LineEditor
from threadchat.terminal.telnet import TelnetParser
from threadchat.terminal.telnetprotocol import Data, Event
from threadchat.terminal.terminalevents import TerminalEvent

Step = bytes | Callable[[TelnetParser], None]

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, DELETE = "\x1b[1~", "\x1b[4~", "\x1b[3~"

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
GERMANY, FRANCE = "\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"
THUMB = "\U0001f44d\U0001f3fd"
HEART = "\u2764\ufe0f"
KEYCAP = "1\ufe0f\u20e3"
CLUSTERS = [FAMILY, GERMANY, FRANCE, THUMB, HEART, KEYCAP, "e\u0301", "\u6f22", "\xe9", "a", " "]


def all_ways_to_cut(data: bytes) -> Iterator[list[bytes]]:
    """Yield `data` whole, cut in two at each place, and a byte at a time."""
    yield [data]
    for cut in range(1, len(data)):
        yield [data[:cut], data[cut:]]
    yield [bytes([byte]) for byte in data]


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


def all_ways_to_cut_steps(steps: Sequence[Step]) -> Iterator[list[Step]]:
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
    """What comes of `steps`: events, replies, and whether the peer speaks telnet."""

    def __init__(self, parser: TelnetParser, steps: Iterable[Step]) -> None:
        events: list[Event] = []
        self.replies = b""
        for step in steps:
            if isinstance(step, bytes):
                events += parser.receive_data(step)
            else:
                step(parser)
            self.replies += parser.data_to_send()
        self.events = joined(events)
        self.speaks_telnet = parser.speaks_telnet


NEGOTIATION = re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL)
SUBNEGOTIATION = re.compile(rb"\xff\xfa.*?\xff\xf0", re.DOTALL)

PUTTY = bytes.fromhex("fffb1f fffb20 fffb18 fffb27 fffd01 fffb03 fffd03")
PROBE = bytes.fromhex("fffb01 fffb03 fffd1f")
DO_BINARY = bytes.fromhex("fffd00")
AGREED = bytes.fromhex("fffd01 fffd03")


class Session:
    """A client's terminal, the time, and what it has been sent."""

    def __init__(self, chunks: Iterable[bytes] = (), complete: Completer | None = None) -> None:
        self.terminal = ClientTerminal(complete=complete)
        self.events: list[TerminalEvent] = []
        self.replies = b""
        self.now = 100.0
        self.screen = pyte.Screen(80, 24)
        for chunk in chunks:
            self.type(chunk)

    def type(self, data: bytes, after: float = 0.0) -> bytes:
        """Receive `data` as one chunk; return what the client is sent."""
        self.now += after
        self.events += self.terminal.receive_data(data, self.now)
        return self.settle()

    def press(self, keys: str) -> None:
        for key in keys.encode():
            self.type(bytes((key,)), after=0.05)

    def settle(self) -> bytes:
        output, _ = self.terminal.take_output()
        self.replies += output
        pyte.ByteStream(self.screen).feed(SUBNEGOTIATION.sub(b"", NEGOTIATION.sub(b"", output)))
        return output

    @property
    def lines(self) -> list[str]:
        return [event for event in self.events if isinstance(event, str)]

    @property
    def negotiation(self) -> list[str]:
        return [each.hex() for each in NEGOTIATION.findall(self.replies)]

    @property
    def shown(self) -> list[str]:
        return [row for row in rows_of(self.screen) if row]

    def end(self) -> list[TerminalEvent]:
        return self.terminal.receive_end()


def started(prompt: str = "> ", **options: object) -> LineEditor:
    """Return an editor whose prompt has been drawn."""
    editor = LineEditor(**options)  # type: ignore[arg-type]
    editor.set_prompt(prompt)
    editor.start()
    editor.output()
    return editor


def completer(*names: str) -> Callable[[str], tuple[int, Sequence[str]]]:
    """Return a completer of the last word."""

    def complete(before: str) -> tuple[int, Sequence[str]]:
        start = before.rfind(" ") + 1
        word = before[start:].casefold()
        return start, [name for name in names if name.casefold().startswith(word)]

    return complete
