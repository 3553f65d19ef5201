"""Join the layers between one client's bytes and its lines.

bytes -> `ClientTelnet` -> `Decoder` -> `LineBuffer` or `LineEditor` -> lines. No sockets, no
threads, no clock: the time comes in with the bytes, and `take_output` returns what to send to the
client.

`modes` says what a client can turn out to be, and when. Promise 5 is kept here, there and in the
parser: no telnet byte is sent without evidence of telnet.
"""

import re
from collections.abc import Sequence

from threadchat.access.flood import BYTE_COST
from threadchat.terminal import costs
from threadchat.terminal.charsets import REQUEST, answer_request, oem_code_page
from threadchat.terminal.clienttelnet import byte_of
from threadchat.terminal.keys import KEY_SECONDS, TabReader
from threadchat.terminal.lateparts import LateParts
from threadchat.terminal.linebuffer import LineBuffer
from threadchat.terminal.lineeditor import MAX_TABS, Completer, EndOfInput, LineEditor
from threadchat.terminal.modes import TRANSITIONS, FirstChunks, Mode, ModeEvent, is_mud_client
from threadchat.terminal.telnetprotocol import (
    IAC,
    Command,
    Data,
    Event,
    Option,
    OptionChanged,
    OptionRefused,
    OptionRequested,
    Side,
    Signal,
    Subnegotiation,
)
from threadchat.terminal.terminalevents import AreYouThere, Ended, TerminalEvent
from threadchat.terminal.view import PLAIN_VIEW, View
from threadchat.text.clean import MAX_LINE
from threadchat.text.encodings import usable_encoding

_PLAIN_LINES = re.compile(rb"(?:[ -~]*\r?\n)+")

_SECRET_SHOWS = "(Your client will show what you type.) "


class ClientTerminal(LateParts):
    """What one client types, and what its screen shows of that.

    `fallback` is the encoding of a client that sends no UTF-8. `complete` finds what Tab offers.
    After each call that takes input or changes something, send what `take_output` returns.

    No input raises. How the input is cut into chunks never changes what comes out, with these
    exceptions. The time between two keys tells what the client is. A Tab is a key at the end of a
    chunk, and a blank elsewhere. A key or a telnet command that has begun is given up after a time.
    """

    __slots__ = (
        "_buffer",
        "_complete",
        "_cost",
        "_echo_is_for_a_secret",
        "_editor",
        "_first_chunks",
        "_is_plain",
        "_output",
        "_prompt",
        "_question",
        "_received_at",
        "_secret",
        "_size",
        "_tabs",
        "is_in_character_mode",
        "mode",
        "view",
    )

    def __init__(self, fallback: str = "cp1252", complete: Completer | None = None) -> None:
        super().__init__(fallback)
        self.mode = Mode.UNKNOWN
        self.view = PLAIN_VIEW
        """How the client is shown text, without the person's own wishes."""
        self._buffer = LineBuffer()
        self._first_chunks: FirstChunks | None = FirstChunks()  # None once the mode is settled
        self.is_in_character_mode = False
        """Whether the line being typed is ours to draw."""
        self._editor: LineEditor | None = None  # not None in character mode only
        self._complete = complete
        self._cost = 0.0
        self._tabs: TabReader | None = None  # not None once there has been an editor
        self._received_at = 0.0
        self._size = 0, 0  # columns and rows; 0 is unknown
        self._is_plain = True
        """Whether we expect nothing but lines, and the next byte begins one."""
        self._prompt = ""
        self._question = ""  # the part of the prompt that line mode shows, too
        self._output = ""
        self._secret = False
        self._echo_is_for_a_secret = False

    # Input

    def receive_data(
        self, data: bytes, now: float, *, has_rest: bool = False
    ) -> list[TerminalEvent]:
        """Return the events in `data`, received at `now` (monotonic, in seconds).

        `has_rest` says that `data` is a piece of a chunk, and that the rest of the chunk follows.
        """
        if (lines := self.plain_lines(data)) is not None:
            return [*lines]
        if self._first_chunks is not None and (told := self._first_chunks.look_at(data, now)):
            self._change_mode(told)
        if now - self._received_at > KEY_SECONDS:
            self._end_key()
        self._received_at = now
        events: list[TerminalEvent] = []
        telnet, decoder = self._telnet, self._decoder
        received = telnet.receive_data(data, now)
        self._cost += BYTE_COST * len(data) + costs.COMMAND * data.count(IAC)
        for event in received:
            if not isinstance(event, Data):
                events += self._take_command(event)
            elif self._editor is None or self._tabs is None:
                events += self._take_bytes(event.data)
            else:
                events += self._take_bytes(self._tabs.read(event.data))
        if not has_rest and self._tabs is not None and (tabs := self._tabs.take()):
            events += self._take_bytes(tabs[:MAX_TABS])  # the editor obeys no more
        if decoder.has_changed:
            events += [change for _, change in decoder.take_changes()]
        if decoder.left_unfinished and telnet.speaks_telnet:
            telnet.ask_for_binary()
        self._choose_view()
        self._is_plain = (
            self.mode is Mode.LINE
            and not self._secret
            and telnet.is_plain
            and decoder.is_plain
            and self._buffer.is_empty
        )
        return events

    def take_cost(self) -> float:
        """Return what was done since the last call costs, in lines: see `costs`."""
        cost, self._cost = self._cost, 0.0
        return cost if self._editor is None else cost + self._editor.take_cost()

    def plain_lines(self, data: bytes) -> list[str] | None:
        """Return the lines of `data` if it is whole lines of ASCII, from a client that sends those.

        This is the fast path: `take_output` has nothing new, and nothing else changes, but that a
        client that begins so sends lines. Return None for other data: it is for `receive_data`.
        """
        if self._is_plain and len(data) <= MAX_LINE and _PLAIN_LINES.fullmatch(data):
            if self._first_chunks is not None:  # these are the first
                self._begin_plain()
                self._change_mode(ModeEvent.LINE_END)
            return data.decode("ascii").replace("\r", "").split("\n")[:-1]
        return None

    def receive_end(self) -> list[TerminalEvent]:
        """Return the line that the client had begun when it closed its side."""
        if self._editor is not None:
            return []  # the person could still have changed this line
        return [*self._take_bytes(b"", final=True), *self._buffer.finish()]

    def _end_key(self) -> None:
        """Give up a key whose sequence has begun: what comes so late is not the rest of it."""
        if self._editor is not None:
            self._editor.end_key()
        else:
            self._buffer.end_key()

    def _take_bytes(self, data: bytes, *, final: bool = False) -> Sequence[TerminalEvent]:
        decoder = self._decoder
        text = decoder.decode(data, final)
        if not decoder.has_changed:
            return self._take_text(text)
        events: list[TerminalEvent] = []
        begin = 0
        for place, change in decoder.take_changes():
            events += self._take_text(text[begin:place])
            events.append(change)
            begin = place
        return [*events, *self._take_text(text[begin:])]

    def _take_text(self, text: str) -> Sequence[TerminalEvent]:
        if self._editor is None and not self._secret:
            return self._buffer.feed(text)
        if self._secret and "\n" in text:
            secret, _, rest = text.partition("\n")
            return [*self._take_line_text(secret + "\n"), *self._take_line_text(rest)]
        return self._take_line_text(text)

    def _take_line_text(self, text: str) -> list[TerminalEvent]:
        events: list[TerminalEvent] = []
        taken = self._buffer.feed(text) if self._editor is None else self._editor.feed(text)
        for event in taken:
            if isinstance(event, EndOfInput):
                events.append(Ended())
            else:
                events.append(event)
            if isinstance(event, str) and self._secret:
                self._end_secret()
        return events

    def _take_command(self, event: Event) -> Sequence[TerminalEvent]:
        match event:
            case Signal(command):
                return self._obey(command)
            case OptionRequested(Side.LOCAL, Option.ECHO | Option.SGA):
                self._ask_for_echo()
            case OptionChanged(side, option, enabled):
                self._option_changed(side, option, enabled)
            case OptionRefused(Side.LOCAL, Option.ECHO) if self._echo_is_for_a_secret:
                self._echo_is_for_a_secret = False
                if self._secret:
                    self._output += f"\r\n{_SECRET_SHOWS}{self._prompt}"
            case OptionRefused(Side.LOCAL, Option.ECHO | Option.SGA):
                self._telnet.end_echo()
                self._change_mode(ModeEvent.ECHO_REFUSED)
            case Subnegotiation(option, payload):
                self._take_subnegotiation(option, payload)
        return []

    def _obey(self, command: Command) -> Sequence[TerminalEvent]:
        byte = byte_of(command)
        if byte is not None and self._decoder.put_back(byte):
            self._telnet.ask_for_binary()
            return self._take_bytes(b"")
        match command:
            case Command.AYT:
                return [AreYouThere()]
            case Command.EOF:
                return [*self.receive_end(), Ended()]
            case Command.EC:
                return self._take_bytes(b"\x7f")
            case Command.EL | Command.IP | Command.BRK | Command.ABORT:
                self._decoder.clear()
                self._buffer.clear()
                if self._editor is not None:
                    self._editor.interrupt()
        return []

    # Modes

    @property
    def is_settled(self) -> bool:
        """Whether chunks tell no more what the client is, so that they may be taken in pieces."""
        return self._first_chunks is None

    def set_character_mode(self, wanted: bool) -> None:
        """Ask the client for character mode, or for line mode. Its answer decides."""
        self._is_plain = False
        if wanted:
            self._ask_for_character_mode()
            self._telnet.ask_for_binary()
            self._change_mode(ModeEvent.CHARACTERS_WANTED)
        else:
            self._telnet.end_echo()
            self._change_mode(ModeEvent.LINES_WANTED)

    def _change_mode(self, event: ModeEvent) -> None:
        """Go to the mode that follows `event`, and do what belongs to the change."""
        before, self.mode = self.mode, TRANSITIONS[self.mode, event]
        if self.mode is before:
            return
        if self._editor is not None:
            self._stop_drawing(self._editor)
        if self.mode is Mode.PROBED:
            self._ask_for_character_mode()
            return
        self._first_chunks = None
        # A decoder that is yet to be made will hold lines by itself.
        if self.mode is not Mode.LINE or self._made_decoder is not None:
            self._decoder.holds_lines = self.mode is Mode.LINE
        if self.mode is Mode.CHARACTER:
            if before is Mode.PROBED:
                # Keys one by one and no request of its own: telnet.exe, in its console's encoding.
                self._decoder.guess(oem_code_page(self._decoder.fallback))
            else:
                # A telnet that sends lines may have damaged the letters that the guess was made by.
                self._decoder.doubt()
            self._start_drawing()

    def _ask_for_character_mode(self) -> None:
        self._ask_for_echo()
        self._telnet.enable(Side.REMOTE, Option.NAWS)

    def _ask_for_echo(self) -> None:
        self._echo_is_for_a_secret = False
        self._telnet.ask_for_echo()

    def _option_changed(self, side: Side, option: int, enabled: bool) -> None:
        match side, option:
            case Side.LOCAL, Option.ECHO if enabled and not self._echo_is_for_a_secret:
                if self._telnet.is_wanted(side, option):  # we may not want it any more
                    self._change_mode(ModeEvent.ECHO_AGREED)
            case Side.LOCAL, Option.ECHO | Option.SGA if not enabled:
                if not self._telnet.is_wanted(side, option):  # we may be asking for it again
                    self._telnet.end_echo()
                self._change_mode(ModeEvent.ECHO_ENDED)
            case Side.REMOTE, Option.TTYPE if self._editor is not None:
                self._telnet.ask_for_type()

    def _start_drawing(self) -> None:
        self._cost += costs.DRAWING
        self._tabs = self._tabs or TabReader()
        self.is_in_character_mode = True
        self._editor = LineEditor(complete=self._complete, encoding=self._decoder.encoding)
        self._editor.resize(*self._size)
        self._editor.set_prompt(self._prompt)
        self._editor.secret = self._secret
        # The screen may show already what has been typed: it is drawn over, once.
        self._editor.start()
        self._buffer.feed(self._decoder.decode(b""))
        self._editor.feed(self._buffer.take())
        self._telnet.enable(Side.REMOTE, Option.NAWS)
        self._telnet.enable(Side.REMOTE, Option.TTYPE)
        self._telnet.ask_for_type()  # a MUD client has a line editor of its own

    def _stop_drawing(self, editor: LineEditor) -> None:
        self.is_in_character_mode = False
        self._editor = None
        self._cost += editor.take_cost()
        typed = editor.text
        editor.stop()
        self._output += editor.output() + self._question + ("" if self._secret else typed)
        self._buffer.feed(typed)

    def _take_subnegotiation(self, option: int, payload: bytes) -> None:
        self._cost += costs.SUBNEGOTIATION
        match option:
            case Option.NAWS if len(payload) == 4:  # RFC 1073
                self._size = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:], "big")
                if self._editor is not None:
                    self._editor.resize(*self._size)
            case Option.TTYPE if payload[:1] == b"\0" and is_mud_client(payload[1:]):
                self._telnet.end_echo()
                self._change_mode(ModeEvent.MUD_CLIENT)
            case Option.CHARSET if payload.startswith(REQUEST):
                encoding, answer = answer_request(payload)
                if encoding is not None:
                    self._decoder.use(encoding)
                self._telnet.subnegotiate(Option.CHARSET, answer)

    # Encodings

    def set_charset(self, name: str) -> str:
        """Decode the client's bytes as the encoding called `name`, and return its proper name.

        It stays so, whatever bytes come. Raise `LookupError` if there is no such encoding, or no
        terminal can use it.
        """
        encoding = usable_encoding(name)
        self._decoder.use(encoding)
        self._is_plain = False
        self._choose_view()
        return encoding

    def _choose_view(self) -> None:
        decoder = self._decoder
        # UTF-8 has no byte FF that has to be doubled: one view less to render.
        doubled_iac = self.speaks_telnet and decoder.encoding != "utf-8"
        shown = (decoder.encoding, decoder.is_a_guess, doubled_iac)
        if shown != self.view[:3]:
            self.view = View(*shown)
            if self._editor is not None:
                self._editor.set_encoding(decoder.encoding)

    # The screen

    def ask(self, question: str) -> None:
        """Put `question` before what is typed next, in every mode."""
        self.set_prompt(question)
        self._question = question
        if self._editor is None:
            self._output += question

    def set_prompt(self, prompt: str) -> None:
        """Put `prompt` before what is typed in character mode; in line mode, nothing is shown."""
        self._prompt = prompt
        self._question = ""
        if self._editor is not None:
            self._editor.set_prompt(prompt)

    def ask_secret(self, question: str) -> None:
        """Ask for a password: the next line is one. It is not shown where the client allows that.

        For a telnet in line mode we take over the echo (RFC 857) and do not echo. A person at a
        netcat is warned.
        """
        self._secret = True
        self._is_plain = False
        if self._editor is not None:
            self._editor.secret = True
        elif self.speaks_telnet:
            self._echo_is_for_a_secret = True
            self._telnet.enable(Side.LOCAL, Option.ECHO)
        else:
            question = _SECRET_SHOWS + question
        self.ask(question)

    def take_secret(self, secret: str) -> None:
        """Take the line `secret` as the answer to `ask_secret`.

        It may have come before the question, in one chunk with the command that asks.
        """
        if self._secret:
            if self._editor is not None:
                # What is being typed came after the secret: it begins the next line.
                self._editor.end_secret()
            self._end_secret()
        if self._editor is not None:
            self._editor.forget(secret)

    def _end_secret(self) -> None:
        self._secret = False
        self.set_prompt("")
        if self._editor is not None:
            self._editor.secret = False
        elif self._echo_is_for_a_secret:
            self._telnet.disable(Side.LOCAL, Option.ECHO)
            self._output += "\r\n"  # the Enter was not shown either

    def stop(self) -> None:
        """Take the line being typed off the screen, before the last output."""
        if self._editor is not None:
            self._editor.stop()

    def take_output(self) -> tuple[bytes, tuple[bytes, bytes] | None]:
        """Return what to send, and the frame that keeps the line being typed whole (promise 6).

        The frame is what takes the line off the screen and what puts it back; None in line mode.
        """
        owed = self._take_owed()
        if self._editor is None and not self._output:
            return owed, None
        output, self._output = self._output, ""
        frame = None
        if self._editor is not None:
            output += self._editor.output()
            encode = self.view.encode
            frame = encode(self._editor.hide()), encode(self._editor.show())
        return (owed + self.view.encode(output) if output else owed), frame
