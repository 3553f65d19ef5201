"""Join the layers between one client's bytes and its lines.

bytes -> `TelnetParser` -> `Decoder` -> `LineBuffer` -> lines. No sockets, no threads: what the
client is to be sent in return is fetched with `Terminal.data_to_send`. Promise 5 is kept here and
in the parser: nothing of telnet is sent to a client that has not spoken it first.
"""

from dataclasses import dataclass

from threadchat.linebuffer import Line, LineBuffer, LineTooLong
from threadchat.messages import View
from threadchat.telnet import Command, Data, Signal, TelnetParser
from threadchat.text import Decoder


@dataclass(frozen=True, slots=True)
class AreYouThere:
    """The client asks for a visible sign of life (RFC 854, AYT)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The client says that it will send nothing more, while still connected (RFC 1184, EOF)."""


TerminalEvent = Line | LineTooLong | AreYouThere | Ended


class Terminal:
    """What one client types, and the view in which it is shown what others say.

    No input raises, and how it is cut into chunks never changes what comes out.
    """

    __slots__ = ("_buffer", "_decoder", "_telnet", "view")

    def __init__(self) -> None:
        self._telnet = TelnetParser()
        self._decoder = Decoder()
        self._buffer = LineBuffer()
        self.view = View()

    def receive_data(self, data: bytes) -> list[TerminalEvent]:
        """Return what `data` amounts to, in its order."""
        events: list[TerminalEvent] = []
        for event in self._telnet.receive_data(data):
            match event:
                case Data(text):
                    events += self._buffer.feed(self._decoder.decode(text))
                case Signal(command):
                    events += self._obey(command)
        self._choose_view()
        return events

    def receive_end(self) -> list[TerminalEvent]:
        """Return the line that the client had begun when it closed its side."""
        return [*self._buffer.feed(self._decoder.decode(b"", final=True)), *self._buffer.finish()]

    def data_to_send(self) -> bytes:
        """Return what the protocol owes the client since the last call."""
        return self._telnet.data_to_send()

    def _obey(self, command: Command) -> list[TerminalEvent]:
        match command:
            case Command.AYT:
                return [AreYouThere()]
            case Command.EOF:
                return [*self.receive_end(), Ended()]
            case Command.EC:
                return [*self._buffer.feed("\x7f")]
            case Command.EL | Command.IP | Command.BRK | Command.ABORT:
                self._decoder.clear()
                self._buffer.clear()
        return []

    def _choose_view(self) -> None:
        encoding = self._decoder.encoding
        # UTF-8 has no byte FF that could need doubling: one view less to render.
        doubled_iac = self._telnet.speaks_telnet and encoding != "utf-8"
        if (encoding, doubled_iac) != (self.view.encoding, self.view.doubled_iac):
            self.view = View(encoding, doubled_iac)
